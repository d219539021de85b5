//! Redirections. RFC 7644 §3.12 (table 8) has a client repeat a request where 307 and 308 lead; a GET also follows 301,
//! 302 and 303, as any client of HTTP does. The token goes nowhere but to the server that was named, so only what is
//! below the base URL is followed.

use url::Url;

use super::{Answer, Request};
use crate::uri::{self, Target};

/// How many are followed one after the other.
pub const MOST: usize = 5;

/// The request that the answer asks for in the place of the one that it answers; nothing where it asks for none, or for
/// one to another place than below the base URL, which is not sent.
pub fn followed(base: &str, answer: &Answer) -> Option<Request> {
    let request = &answer.request;
    let leads = matches!((answer.status, request.method.as_str()), (307 | 308, _) | (301..=303, "GET"));
    if !leads || (request.unfollowed && answer.status == 308) {
        return None;
    }
    // A relative one is resolved against the URL that was asked for (RFC 9110 §10.2.2).
    let to = Url::parse(&request.url).ok()?.join(answer.header("location")?).ok()?;
    let Target::Here(path) = uri::locate(base, to.as_str()) else { return None };
    let query = to.query().map_or_else(String::new, |query| format!("?{query}"));
    Some(Request { url: format!("{base}{path}{query}"), ..Request::clone(request) })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hyper::HeaderMap;

    use super::*;

    const BASE: &str = "https://example.com/scim";

    fn next(method: &str, status: u16, location: &'static str, unfollowed: bool) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert("location", location.parse().expect("a header"));
        let url = format!("{BASE}/Users?count=1");
        let request = Request { method: method.to_owned(), url, unfollowed, ..Request::default() };
        let answer = Answer::new(Arc::new(request), status, headers, String::new());
        followed(BASE, &answer).map(|request| format!("{} {}", request.method, request.url))
    }

    #[test]
    fn what_is_below_the_base_url_is_followed() {
        let get = |status, location| next("GET", status, location, false);
        assert_eq!(get(301, "/scim/Users/?count=1").as_deref(), Some("GET https://example.com/scim/Users/?count=1"));
        assert_eq!(get(307, "Users/1").as_deref(), Some("GET https://example.com/scim/Users/1"));
        assert_eq!(
            next("POST", 308, "/scim/v2/Users", false).as_deref(),
            Some("POST https://example.com/scim/v2/Users")
        );
        assert_eq!(next("POST", 302, "/scim/Users/", false), None);
        assert_eq!(get(304, "/scim/Users/"), None);
        assert_eq!(get(307, "https://other.example/scim/Users"), None);
        assert_eq!(get(307, "http://example.com/scim/Users"), None);
        assert_eq!(get(302, "/login"), None);
        // Where `/Me` leads by 308 is its answer (RFC 7644 §3.11).
        assert_eq!(next("GET", 308, "/scim/Users/1", true), None);
        assert!(next("GET", 301, "/scim/Me/", true).is_some());
    }
}
