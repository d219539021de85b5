//! URIs of resources: ids as segments of a path, and references as RFC 3986 §5.2 resolves them.
//!
//! A server may write an endpoint, a location or a `$ref` as an absolute URL, as a path from the root of its host, or
//! relative to the base URL (RFC 7643 §2.3.7 says that the base URL is what relative URIs are resolved against).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

/// What stays as it is in a path segment or a query parameter (RFC 3986 §2.3).
pub const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An id as a segment of a path.
pub fn segment(id: &str) -> String {
    utf8_percent_encode(id, UNRESERVED).to_string()
}

/// Where a reference leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A path below the base URL, as `/Users/1`.
    Here(String),
    /// The same, by another host name or port than the one that the run was given.
    OtherHost(String),
    /// Nothing below the base URL: the whole URL.
    Outside(String),
}

/// Whether two references lead to the same place. An id may stand in a path with its `@`, or with `%40`.
pub fn is_same(one: &Target, other: &Target) -> bool {
    let decoded = |target: &Target| {
        let (kind, text) = match target {
            Target::Here(path) => (0, path),
            Target::OtherHost(path) => (1, path),
            Target::Outside(url) => (2, url),
        };
        (kind, percent_decode_str(text).collect::<Vec<_>>())
    };
    decoded(one) == decoded(other)
}

/// Resolves a reference that the server gave.
pub fn locate(base: &str, reference: &str) -> Target {
    let Ok(root) = Url::parse(&format!("{}/", base.trim_end_matches('/'))) else {
        return Target::Outside(reference.to_owned());
    };
    let Ok(url) = root.join(reference) else { return Target::Outside(reference.to_owned()) };
    let (path, start) = (url.path(), root.path().trim_end_matches('/'));
    let below = path.strip_prefix(start).filter(|rest| rest.starts_with('/') && rest.len() > 1);
    match below {
        None => Target::Outside(url.to_string()),
        Some(rest) if url.origin() == root.origin() => Target::Here(rest.to_owned()),
        Some(rest) => Target::OtherHost(rest.to_owned()),
    }
}

/// The path of an endpoint below the base URL. The examples of RFC 7643 §6 write `/Users` for what is relative to the
/// base URL, so a path from the root is only taken as one where it begins as the base URL does.
pub fn endpoint(base: &str, written: &str) -> String {
    let is_absolute = written.contains("://") || written.starts_with('/');
    match locate(base, written) {
        Target::Here(path) | Target::OtherHost(path) if is_absolute => path.trim_end_matches('/').to_owned(),
        // Said by discovery-types-endpoint; the run goes on at what the last segment names.
        Target::Outside(url) if written.contains("://") => {
            format!("/{}", url.trim_end_matches('/').rsplit('/').next().unwrap_or_default())
        }
        _ => format!("/{}", written.trim_matches('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://example.com/scim/v2";

    #[test]
    fn references_are_resolved() {
        let here = |path: &str| Target::Here(path.to_owned());
        assert_eq!(locate(BASE, "https://example.com/scim/v2/Users/1"), here("/Users/1"));
        assert_eq!(locate(BASE, "https://EXAMPLE.com:443/scim/v2/Users/1"), here("/Users/1"));
        assert_eq!(locate(BASE, "/scim/v2/Users/1"), here("/Users/1"));
        assert_eq!(locate(BASE, "Users/1"), here("/Users/1"));
        assert_eq!(locate(BASE, "../v2/Users/1"), here("/Users/1"));
        assert_eq!(locate(BASE, "Users/a%20b"), here("/Users/a%20b"));
        assert_eq!(locate(BASE, "http://inside:8080/scim/v2/Users/1"), Target::OtherHost("/Users/1".to_owned()));
        let outside = Target::Outside("https://example.com/Users/1".to_owned());
        assert_eq!(locate(BASE, "/Users/1"), outside);
        assert_eq!(locate("https://example.com", "/Users/1"), here("/Users/1"));
    }

    #[test]
    fn endpoints_are_found() {
        for written in ["/Users", "Users", "/scim/v2/Users", "https://example.com/scim/v2/Users/", "https://a.b/Users"]
        {
            assert_eq!(endpoint(BASE, written), "/Users", "{written}");
        }
    }

    #[test]
    fn ids_are_encoded() {
        assert_eq!(segment("a b/c?d"), "a%20b%2Fc%3Fd");
        assert_eq!(segment("2819c223-7f76"), "2819c223-7f76");
        let at = |written: &str| locate(BASE, written);
        assert!(is_same(&at("Users/a@b"), &at("https://example.com/scim/v2/Users/a%40b")));
        assert!(
            !is_same(&at("Users/a"), &at("Users/b")) && !is_same(&at("Users/a"), &at("http://a.b/scim/v2/Users/a"))
        );
    }
}
