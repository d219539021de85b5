//! Where things are, as people write it: addresses, networks, hosts, URLs.

use std::net::{IpAddr, SocketAddr};

use hyper::http::uri::Authority;
use ipnet::IpNet;

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("{text:?} is not an address and a port; write it as 127.0.0.1:8080, [::1]:8080 or, for all addresses, 0.0.0.0:8080")
    })
}

/// Networks, or single addresses, separated by commas. An IPv4 one in the form of IPv6 is IPv4.
pub(super) fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    let one = |text: &str| {
        let network =
            text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(|address| address.to_canonical().into()));
        network.map_err(|_| format!("{text:?} is neither an address nor a network; write them as 10.0.0.5, 10.0.0.0/8 or 2001:db8::/32, with commas between them"))
    };
    text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(one).collect()
}

/// Names or addresses of hosts, separated by commas; each with its port in what comes back.
pub(super) fn hosts(text: &str) -> Result<Vec<String>, String> {
    let one = |text: &str| {
        authority(text).ok_or_else(|| {
            format!(
                "{text:?} is not a host; write login.microsoftonline.com, or idp.example:8443, with commas between them"
            )
        })
    };
    text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(one).collect()
}

/// A host in small letters with its port, which is 443 where none is said: `login.example:443`.
pub(super) fn authority(text: &str) -> Option<String> {
    let authority: Authority = text.parse().ok().filter(|_| !text.contains('@'))?;
    Some(format!("{}:{}", authority.host().to_ascii_lowercase(), authority.port_u16().unwrap_or(443)))
}

pub(super) fn url(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let good =
        host.is_some_and(|host| !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "?#\0".contains(c)));
    if !good {
        return Err(format!("{text:?} is not a base URL; write it as https://scim.example.com"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}
