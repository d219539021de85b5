//! Whether a form was sent by a page of this server: browsers say which page it was on.

use hyper::{
    HeaderMap,
    header::{HeaderName, ORIGIN},
};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether `Origin` and `Sec-Fetch-Site` say of a form that it was on a page of this server, which people reach by one of
/// these URLs. What says neither is let through: no browser of today sends a form so, and nothing else is made to send one
/// by a page.
pub fn is_own(headers: &HeaderMap, urls: &[&str]) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let is_ours = |origin| {
        let origin = authority(origin);
        origin.is_some() && urls.iter().any(|url| authority(url) == origin)
    };
    text(ORIGIN).is_none_or(is_ours) && text(FETCH_SITE).is_none_or(|site| matches!(site, "same-origin" | "none"))
}

/// Host and port of a URL, the port that the scheme implies left out. The scheme itself does not count: a proxy in
/// front may end TLS.
fn authority(url: &str) -> Option<String> {
    let (_, behind) = url.split_once("://")?;
    let authority = behind.split('/').next()?.to_ascii_lowercase();
    let bare = authority.strip_suffix(":443").or_else(|| authority.strip_suffix(":80")).unwrap_or(&authority);
    (!bare.is_empty()).then(|| bare.to_owned())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(url: &str, headers: &[(HeaderName, &'static str)], expect: bool) {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        assert_eq!(is_own(&headers, &["http://[::1]:1", url]), expect, "{url} {headers:?}");
        assert_eq!(is_own(&headers, &[url]), expect, "{url} {headers:?}");
    }

    #[test]
    fn forms_of_other_pages_are_told_apart() {
        let url = "https://scim.example/prefix";
        check(url, &[(ORIGIN, "https://scim.example")], true);
        check(url, &[(ORIGIN, "https://SCIM.example:443")], true);
        check(url, &[(ORIGIN, "https://evil.example")], false);
        check(url, &[(ORIGIN, "https://scim.example.evil.example")], false);
        check(url, &[(ORIGIN, "https://scim.example:8443")], false);
        check(url, &[(ORIGIN, "null")], false);
        check(url, &[(ORIGIN, "")], false);
        check(url, &[(ORIGIN, "https://scim.example"), (FETCH_SITE, "same-origin")], true);
        check(url, &[(ORIGIN, "https://scim.example"), (FETCH_SITE, "cross-site")], false);
        check(url, &[(FETCH_SITE, "same-origin")], true);
        check(url, &[(FETCH_SITE, "none")], true);
        check(url, &[(FETCH_SITE, "same-site")], false);
        check(url, &[(FETCH_SITE, "cross-site")], false);
        check(url, &[], true);
        check("http://127.0.0.1:8080", &[(ORIGIN, "http://127.0.0.1:8080")], true);
        check("http://127.0.0.1:8080", &[(ORIGIN, "http://127.0.0.1:8081")], false);
    }
}
