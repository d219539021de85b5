//! Whether there is a proxy on the way to the server.

use std::net::IpAddr;

use hyper::{Uri, header::HeaderValue};
use hyper_util::client::proxy::matcher::Matcher;

use super::{NotSent, Settings};

/// A proxy that speaks HTTP: it forwards requests to `http` servers, and opens tunnels to `https` ones.
#[derive(Debug, Clone)]
pub(super) struct Proxy {
    pub(super) uri: Uri,
    /// The value of `Proxy-Authorization`, from the name and password in its URL.
    pub(super) authorization: Option<HeaderValue>,
}

/// The proxy for a server at that base URL: that of the settings, else of the environment. Errors: a URL that cannot be
/// a proxy's.
pub(super) fn of(base: &str, settings: &Settings) -> Result<Option<Proxy>, NotSent> {
    let Ok(server) = base.parse::<Uri>() else { return Ok(None) };
    let matcher = match &settings.proxy {
        Some(url) => Matcher::builder().all(url.as_str()).build(),
        None if is_here(&server) => return Ok(None),
        None => Matcher::from_env(),
    };
    let found = matcher.intercept(&server);
    let unusable = |url: &str| {
        NotSent(format!("The proxy's URL must be http://HOST:PORT, with NAME:PASSWORD@ if it asks, and is {url}."))
    };
    match (&settings.proxy, found) {
        (Some(url), None) => Err(unusable(&hidden(url))),
        (_, Some(found)) if found.uri().scheme_str() != Some("http") => Err(unusable(&found.uri().to_string())),
        (_, Some(found)) => Ok(Some(Proxy { uri: found.uri().clone(), authorization: found.basic_auth().cloned() })),
        (None, None) => Ok(None),
    }
}

/// A URL without what stands before its `@`.
fn hidden(url: &str) -> String {
    url.rsplit_once('@').map_or_else(|| url.to_owned(), |(_, host)| format!("…@{host}"))
}

/// Whether a server is on this machine, where no proxy of the environment is asked for.
fn is_here(server: &Uri) -> bool {
    let host = server.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(proxy: &str) -> Settings {
        Settings { proxy: Some(proxy.to_owned()), ..Settings::default() }
    }

    #[test]
    fn a_proxy_is_a_url() {
        let proxy = of("https://scim.example.com", &settings("http://anna:secret@proxy.example.com:3128"));
        let proxy = proxy.expect("a URL").expect("a proxy");
        assert_eq!(proxy.uri.host(), Some("proxy.example.com"));
        assert_eq!(proxy.authorization.expect("a password"), "Basic YW5uYTpzZWNyZXQ=");
        for wrong in ["ftp://proxy.example.com", "https://anna:secret@proxy.example.com", "http://"] {
            let why = of("https://scim.example.com", &settings(wrong)).expect_err(wrong).0;
            assert!(why.contains("must be http://HOST:PORT") && !why.contains("secret"), "{why}");
        }
        assert!(of("http://[::1]:80/scim", &Settings::default()).expect("no error").is_none());
    }
}
