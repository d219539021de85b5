//! The session of a browser: its cookie, and how a page of this server is told from one of somebody else.
//!
//! A cookie is sent by pages of this server only (`SameSite=Strict`), each form holds a word that is made of the
//! session, and the browser says which page a form was on (`Origin`, `Sec-Fetch-Site`). The last is all there is before
//! a session: it keeps somebody from having another's browser open a link of theirs.

use hyper::header::{COOKIE, HeaderName, ORIGIN};
use scim_protocol::{Error, ErrorKind};
use subtle::ConstantTimeEq as _;

use crate::{http::pages::Asked, token::secret};

/// The name of the cookie where browsers use TLS: the prefix keeps other hosts from setting it (RFC 6265bis §4.1.3).
const SECURE: &str = "__Host-scim-setup";
/// Its name elsewhere.
const PLAIN: &str = "scim-setup";
/// How many cookies of that name are tried.
const MOST: usize = 4;
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

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
    let text = |name| asked.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let is_own = match (text(ORIGIN), text(FETCH_SITE)) {
        (Some(origin), _) => authority(origin).is_some_and(|origin| Some(origin) == authority(&asked.base)),
        (None, Some(site)) => matches!(site, "same-origin" | "none"),
        // No browser of today sends a form so, and nothing else is made to send one by a page.
        (None, None) => true,
    };
    if is_own { Ok(()) } else { Err(forged()) }
}

/// Host and port of a URL, the port that the scheme implies left out. The scheme itself does not count: a proxy in
/// front may end TLS.
fn authority(url: &str) -> Option<String> {
    let (_, behind) = url.split_once("://")?;
    let authority = behind.split('/').next()?.to_ascii_lowercase();
    let bare = authority.strip_suffix(":443").or_else(|| authority.strip_suffix(":80")).unwrap_or(&authority);
    (!bare.is_empty()).then(|| bare.to_owned())
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
    use hyper::{HeaderMap, Method, header::HeaderValue};
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

    #[track_caller]
    fn check(base: &str, headers: &[(HeaderName, &'static str)], expect: bool) {
        assert_eq!(with(base, headers, |asked| require_own_page(asked).is_ok()), expect, "{base} {headers:?}");
    }

    #[test]
    fn forms_of_other_pages_are_told_apart() {
        let base = "https://scim.example/prefix";
        check(base, &[(ORIGIN, "https://scim.example")], true);
        check(base, &[(ORIGIN, "https://SCIM.example:443")], true);
        check(base, &[(ORIGIN, "https://evil.example")], false);
        check(base, &[(ORIGIN, "https://scim.example.evil.example")], false);
        check(base, &[(ORIGIN, "https://scim.example:8443")], false);
        check(base, &[(ORIGIN, "null")], false);
        check(base, &[(ORIGIN, "https://scim.example"), (FETCH_SITE, "same-origin")], true);
        check(base, &[(FETCH_SITE, "same-origin")], true);
        check(base, &[(FETCH_SITE, "same-site")], false);
        check(base, &[(FETCH_SITE, "cross-site")], false);
        check(base, &[], true);
        check("http://127.0.0.1:8080", &[(ORIGIN, "http://127.0.0.1:8080")], true);
        check("http://127.0.0.1:8080", &[(ORIGIN, "http://127.0.0.1:8081")], false);
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
