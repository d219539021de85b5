//! What proxies say about the client: `X-Forwarded-For`, `-Host` and `-Proto`.
//!
//! Each is a list in one line or several (RFC 9110 §5.3), and each proxy appends an entry. A client can send entries
//! itself, so the address is read from the end, where the trusted proxies have written. Host and scheme are read from
//! the beginning: they influence no decision, only the URLs in that client's own response.
//!
//! `Forwarded` (RFC 7239) and `X-Forwarded-Prefix` are not read: a proxy that sets the other headers may forward a
//! client's `Forwarded` unchanged, and so a client could choose its address.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Once,
};

use hyper::{HeaderMap, header::HeaderName};
use ipnet::IpNet;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Which peers are proxies whose headers are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// None: the peer is the client.
    #[default]
    Nobody,
    /// Every peer is a proxy, and the only trusted one.
    Everybody,
    /// Proxies in these networks, also in a chain.
    These(Vec<IpNet>),
}

impl Trust {
    /// Whether that address is a trusted proxy's.
    pub fn covers(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match self {
            Self::Nobody => false,
            Self::Everybody => true,
            Self::These(networks) => networks.iter().any(|network| network.contains(&address)),
        }
    }

    /// The client's address: what the last trusted proxy saw. `peer` is who has connected.
    ///
    /// An entry that is not an address ends the search; the result is the proxy that wrote it.
    pub fn client(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.covers(client) {
            return client;
        }
        tell_unread(headers);
        let lines = headers.get_all(FOR).iter().rev();
        // What is not text is not an address either.
        let entries = lines.flat_map(|line| line.to_str().unwrap_or("?").rsplit(','));
        for entry in entries.map(str::trim).filter(|entry| !entry.is_empty()) {
            let Some(address) = address(entry) else { break };
            client = address;
            if *self == Self::Everybody || !self.covers(address) {
                break;
            }
        }
        client
    }

    /// Scheme and host of the client's request as its first proxy saw them, if the headers name them.
    pub fn origin<'a>(&self, headers: &'a HeaderMap, peer: IpAddr) -> (Option<&'static str>, Option<&'a str>) {
        if !self.covers(peer) {
            return (None, None);
        }
        let scheme = first(headers, &PROTO)
            .and_then(|scheme| ["https", "http"].into_iter().find(|known| scheme.eq_ignore_ascii_case(known)));
        (scheme, first(headers, &HOST))
    }
}

/// The first entry of a list.
fn first<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let lines = headers.get_all(name).iter();
    let mut entries = lines.flat_map(|line| line.to_str().unwrap_or("?").split(','));
    entries.find_map(|entry| Some(entry.trim()).filter(|entry| !entry.is_empty()))
}

/// An address as proxies write it: with or without a port, IPv6 with or without brackets. An IPv4-mapped IPv6 address
/// becomes IPv4.
fn address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim_matches('"');
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let address = bare.parse().or_else(|_| entry.parse().map(|with_port: SocketAddr| with_port.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

/// Logs once which headers are ignored, because URLs or addresses may be wrong without them.
fn tell_unread(headers: &HeaderMap) {
    static FORWARDED: Once = Once::new();
    static PREFIX: Once = Once::new();
    if headers.contains_key("forwarded") {
        FORWARDED.call_once(|| {
            tracing::warn!("a proxy sends the header Forwarded, which is not read: let it set X-Forwarded-For, X-Forwarded-Host and X-Forwarded-Proto");
        });
    }
    if headers.contains_key("x-forwarded-prefix") {
        PREFIX.call_once(|| {
            tracing::warn!("a proxy sends the header X-Forwarded-Prefix, which is not read: set public_url to the base URL with its path");
        });
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn headers(name: &HeaderName, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), HeaderValue::from_bytes(line.as_bytes()).unwrap())).collect()
    }

    fn networks(text: &[&str]) -> Trust {
        Trust::These(text.iter().map(|network| network.parse().unwrap()).collect())
    }

    #[track_caller]
    fn check(trust: &Trust, peer: &str, lines: &[&str], expect: &str) {
        let client = trust.client(&headers(&FOR, lines), peer.parse().unwrap());
        assert_eq!(client.to_string(), expect, "{peer} {lines:?}");
    }

    #[test]
    fn one_proxy_is_believed_for_what_it_has_added_itself() {
        let trust = &Trust::Everybody;
        check(trust, "10.0.0.1", &[], "10.0.0.1");
        check(trust, "10.0.0.1", &["192.0.2.1"], "192.0.2.1");
        check(trust, "10.0.0.1", &["6.6.6.6, 192.0.2.1"], "192.0.2.1");
        check(trust, "10.0.0.1", &["6.6.6.6", "192.0.2.1"], "192.0.2.1");
        check(trust, "10.0.0.1", &["6.6.6.6,192.0.2.1 ,, "], "192.0.2.1");
        check(trust, "10.0.0.1", &["6.6.6.6, unknown"], "10.0.0.1");
        check(trust, "10.0.0.1", &["6.6.6.6, \u{e9}"], "10.0.0.1");
        check(&Trust::Nobody, "10.0.0.1", &["192.0.2.1"], "10.0.0.1");
    }

    #[test]
    fn addresses_are_read_in_each_form_that_proxies_write() {
        for (entry, expect) in [
            ("192.0.2.1:4711", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("[::ffff:192.0.2.1]:4711", "192.0.2.1"),
            ("_hidden", "10.0.0.1"),
            ("192.0.2.1:", "10.0.0.1"),
            ("192.0.2.256", "10.0.0.1"),
        ] {
            check(&Trust::Everybody, "::ffff:10.0.0.1", &[entry], expect);
        }
    }

    #[test]
    fn of_several_proxies_the_last_trusted_one_is_believed() {
        let trust = &networks(&["10.0.0.0/8", "2001:db8::/32"]);
        check(trust, "192.0.2.9", &["192.0.2.1"], "192.0.2.9");
        check(trust, "10.0.0.1", &["192.0.2.1, 10.0.0.2, 2001:db8::7"], "192.0.2.1");
        check(trust, "10.0.0.1", &["10.9.9.9, 192.0.2.1, 10.0.0.2"], "192.0.2.1");
        check(trust, "10.0.0.1", &["10.9.9.9", "192.0.2.1", "10.0.0.2"], "192.0.2.1");
        check(trust, "10.0.0.1", &["192.0.2.1, hidden, 10.0.0.2"], "10.0.0.2");
        check(trust, "::ffff:10.0.0.1", &["192.0.2.1, ::ffff:10.0.0.2"], "192.0.2.1");
        check(trust, "10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3");
    }

    #[test]
    fn the_first_proxy_knows_what_the_client_asked_for() {
        let peer = [10, 0, 0, 1].into();
        let hosts = headers(&HOST, &["scim.example.com, proxy.local"]);
        assert_eq!(Trust::Everybody.origin(&hosts, peer), (None, Some("scim.example.com")));
        assert_eq!(Trust::Nobody.origin(&hosts, peer), (None, None));
        assert_eq!(networks(&["192.0.2.0/24"]).origin(&hosts, peer), (None, None));
        for (lines, expect) in [
            (&["HTTPS, http"][..], Some("https")),
            (&["Http", "https"], Some("http")),
            (&[" , https"], Some("https")),
            (&["wss"], None),
            (&[""], None),
        ] {
            assert_eq!(Trust::Everybody.origin(&headers(&PROTO, lines), peer).0, expect, "{lines:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_client_can_choose_its_address(lines in proptest::collection::vec("[ -~]{0,30}", 0..4), own in "[ -~]{0,30}") {
            let mut lines = lines;
            lines.push(format!("{own}, 192.0.2.1, 10.0.0.2"));
            let headers = headers(&FOR, &lines.iter().map(String::as_str).collect::<Vec<_>>());
            let client = networks(&["10.0.0.0/8"]).client(&headers, [10, 0, 0, 1].into());
            proptest::prop_assert_eq!(client.to_string(), "192.0.2.1");
        }
    }
}
