//! The headers that are recorded.

use std::net::{IpAddr, SocketAddr};

use super::HIDDEN;

/// The longest text of a header that is written. A header may be as long as all headers together.
const MAX_LENGTH: usize = 256;

/// A `User-Agent` as it may be shown. It is what tells one provider's calls from another's, and from
/// an attacker's, so it stays where it does what RFC 9110 §10.1.5 has it for: name software with its
/// version, `curl/8.5.0` or `Okta SCIM Client 1.0.0`. Without a version, with an `@` or beyond ASCII it
/// may name anybody.
pub fn software(user_agent: &str) -> &str {
    let shown = shortened(user_agent);
    let legal = shown.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') && !shown.contains('@');
    let versions = shown.split([' ', '/', ';', '(', ')']).any(is_version);
    if legal && versions { shown } else { HIDDEN }
}

/// Types of bodies that clients send instead of SCIM's. Any other may be a name.
const MEDIA_TYPES: [&str; 15] = [
    "application/json-patch+json",
    "application/jwt",
    "application/ld+json",
    "application/merge-patch+json",
    "application/octet-stream",
    "application/problem+json",
    "application/secevent+jwt",
    "application/vnd.api+json",
    "application/x-www-form-urlencoded",
    "application/xml",
    "multipart/form-data",
    "text/html",
    "text/json",
    "text/plain",
    "text/xml",
];

/// Codings of bodies (RFC 9110 §18.6).
const CODINGS: [&str; 6] = ["br", "compress", "deflate", "gzip", "x-gzip", "zstd"];

/// A media type as it may be shown: without its parameters, where it is one that is known.
pub fn media_type(sent: &str) -> &str {
    one_of(&MEDIA_TYPES, sent.split(';').next().unwrap_or_default())
}

/// The coding of a body as it may be shown, where it is one that is known.
pub fn coding(sent: &str) -> &str {
    one_of(&CODINGS, sent)
}

fn one_of<'a>(known: &[&str], sent: &'a str) -> &'a str {
    let sent = sent.trim();
    if known.iter().any(|one| one.eq_ignore_ascii_case(sent)) { sent } else { HIDDEN }
}

/// `1.0.0`, `v18`, `5.0`.
fn is_version(word: &str) -> bool {
    let digits = word.strip_prefix(['v', 'V']).unwrap_or(word);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.len() <= 24
        && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+' | b'_'))
}

/// The host that a client asked for, as it may be shown: the name under which the server is known
/// (`public_url`), or an address. Any other name was chosen by the client.
pub fn host<'a>(asked: &'a str, public_url: Option<&str>) -> &'a str {
    let authority = public_url.and_then(|url| url.split_once("://")).map(|(_, rest)| rest);
    let known = authority.and_then(|rest| rest.split('/').next()).is_some_and(|ours| same_host(ours, asked));
    let address = asked.parse::<SocketAddr>().is_ok() || asked.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    if known || address || same_host("localhost", asked) { asked } else { HIDDEN }
}

/// Whether both are the same name, whatever their ports, of which there may be none.
fn same_host(ours: &str, asked: &str) -> bool {
    let name = |authority: &str| {
        let (name, port) = authority.rsplit_once(':').unwrap_or((authority, "0"));
        port.bytes().all(|byte| byte.is_ascii_digit()).then(|| name.to_ascii_lowercase())
    };
    asked.len() <= MAX_LENGTH && name(asked).is_some_and(|asked| name(ours) == Some(asked))
}

fn shortened(text: &str) -> &str {
    let end = (0..=MAX_LENGTH.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_is_shown_and_people_are_not() {
        for shown in ["curl/8.5.0", "Okta SCIM Client 1.0.0", "Go-http-client/2.0", "a \"quoted\" agent/1 (x; y)"] {
            assert_eq!(software(shown), shown);
        }
        for hidden in ["jane", "Jane Doe", "jane@example.com/1.0", "Zo\u{eb}/1.0", "a/1\u{1b}[31m", "", "x-1 jane"] {
            assert_eq!(software(hidden), HIDDEN, "{hidden}");
        }
        let long = "a/1 ".repeat(200);
        assert_eq!(software(&long).len(), MAX_LENGTH);
        assert_eq!(shortened(&format!("x{}", "é".repeat(200))).len(), 255);
    }

    #[test]
    fn types_and_codings_are_shown_when_they_are_known() {
        for (sent, shown) in
            [("text/plain", "text/plain"), ("Text/XML ; charset=jane", "Text/XML"), ("text/jane", HIDDEN)]
        {
            assert_eq!(media_type(sent), shown);
        }
        assert_eq!((coding(" gzip"), coding("gzip, br"), coding("jane")), ("gzip", HIDDEN, HIDDEN));
    }

    #[test]
    fn a_host_is_shown_when_it_is_this_server() {
        let url = Some("https://scim.example.com:8443/base");
        for (asked, url, shown) in [
            ("scim.example.com", url, true),
            ("SCIM.example.com:443", url, true),
            ("jane.example.com", url, false),
            ("scim.example.com:jane", url, false),
            ("scim.example.com", None, false),
            ("127.0.0.1:8080", None, true),
            ("[::1]:8080", None, true),
            ("192.0.2.1", None, true),
            ("localhost:8080", None, true),
        ] {
            assert_eq!(host(asked, url), if shown { asked } else { HIDDEN }, "{asked}");
        }
    }
}
