//! The session of a browser: its cookie, and how a page of this server is told from one of somebody else.
//!
//! A cookie is sent by pages of this server only (`SameSite=Strict`), each form holds a word that is made of the
//! session, and the browser says which page a form was on (`Origin`, `Sec-Fetch-Site`). The last is all there is before
//! a session: it keeps somebody from having another's browser open a link of theirs.

use hyper::header::COOKIE;
use scim_protocol::{Error, ErrorKind};
use subtle::ConstantTimeEq as _;

use crate::{http::pages::Asked, token::secret, web::origin};

/// The name of the cookie where browsers use TLS: the prefix keeps other hosts from setting it (RFC 6265bis §4.1.3).
const SECURE: &str = "__Host-scim-setup";
/// Its name elsewhere.
const PLAIN: &str = "scim-setup";
/// How many cookies of that name are tried.
const MOST: usize = 4;

fn is_secure(asked: &Asked<'_>) -> bool {
    asked.base.starts_with("https://")
}

fn name(asked: &Asked<'_>) -> &'static str {
    if is_secure(asked) { SECURE } else { PLAIN }
}

/// The `Set-Cookie` of a session that lives as long as its link: until then, in milliseconds since the epoch.
pub(super) fn cookie(asked: &Asked<'_>, text: &str, expires: i64) -> String {
    let seconds = expires.saturating_sub(asked.at.as_millis()) / 1000;
    let secure = if is_secure(asked) { "; Secure" } else { "" };
    format!("{}={text}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}", name(asked))
}

/// The texts of sessions that a browser shows.
pub(super) fn shown(asked: &Asked<'_>) -> Vec<String> {
    let lines = asked.headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(known, _)| *known == name(asked)).map(|(_, text)| text.to_owned()).take(MOST).collect()
}

/// The word that each form of a session holds.
pub(super) fn word(session: &str) -> String {
    hex::encode(secret::digest(&format!("form {session}")))
}

/// 403 unless a form holds the word of the session.
pub(super) fn require_word(session: &str, shown: &str) -> Result<(), Error> {
    if bool::from(word(session).as_bytes().ct_eq(shown.as_bytes())) { Ok(()) } else { Err(forged()) }
}

/// 403 for a form that was on a page of another server.
pub(super) fn require_own_page(asked: &Asked<'_>) -> Result<(), Error> {
    if origin::is_own(asked.headers, &[&asked.base]) { Ok(()) } else { Err(forged()) }
}

fn forged() -> Error {
    Error::new(
        ErrorKind::Forbidden,
        "The form was not sent by this page, or the page is old. Load the page again, and send it once more. If that does not help, its operator has to set public_url to the address in your browser.",
    )
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::{
        HeaderMap, Method,
        header::{HeaderName, HeaderValue},
    };
    use scim_protocol::Timestamp;

    use super::*;

    fn with<T>(base: &str, headers: &[(HeaderName, &'static str)], look: impl FnOnce(&Asked<'_>) -> T) -> T {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.clone(), HeaderValue::from_static(value));
        }
        let (base, form, at) = (base.to_owned(), Bytes::new(), Timestamp::from_millis(0));
        let (method, is_set) = (&Method::POST, true);
        look(&Asked { method, headers: &map, path: "", query: "", form, base, is_set, at })
    }

    #[test]
    fn cookies_are_the_servers_alone() {
        let made = with("https://a.example", &[], |asked| cookie(asked, "x.y", 5000));
        assert_eq!(made, "__Host-scim-setup=x.y; Path=/; Max-Age=5; HttpOnly; SameSite=Strict; Secure");
        let made = with("http://a.example", &[], |asked| cookie(asked, "x.y", 5000));
        assert_eq!(made, "scim-setup=x.y; Path=/; Max-Age=5; HttpOnly; SameSite=Strict");
        let headers =
            [(COOKIE, "a=b; __Host-scim-setup=one.1"), (COOKIE, "scim-setup=two.2;__Host-scim-setup=three.3")];
        assert_eq!(with("https://a.example", &headers, shown), ["one.1", "three.3"]);
        assert_eq!(with("http://a.example", &headers, shown), ["two.2"]);
    }

    #[test]
    fn a_word_is_of_one_session() {
        assert!(require_word("s.1", &word("s.1")).is_ok());
        for wrong in [word("s.2"), String::new(), word("s.1")[1..].to_owned()] {
            assert!(require_word("s.1", &wrong).is_err());
        }
    }
}
