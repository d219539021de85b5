//! What proxies say of clients: nobody behind a trusted proxy chooses an address, however the header is
//! cut into lines, and what is believed of a host is a part of what was sent.

#![no_main]

use std::net::IpAddr;

use hyper::{HeaderMap, header::HeaderValue};
use libfuzzer_sys::fuzz_target;
use scim_server::internals::http::forwarded::Trust;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

/// A header in the lines of the text, and what one proxy or two have added.
fn headers(name: &'static str, text: &[u8], added: &[&'static str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let sent = text.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok());
    for line in sent.chain(added.iter().map(|line| HeaderValue::from_static(line))) {
        headers.append(name, line);
    }
    headers
}

fuzz_target!(|input: &[u8]| {
    let Ok(inside) = "10.0.0.0/8".parse() else { return };
    let chain = Trust::These(vec![inside]);
    for added in [&["192.0.2.1"][..], &["192.0.2.1, 10.0.0.2"], &["192.0.2.1", "10.0.0.2:4711"]] {
        let client = chain.client(&headers("x-forwarded-for", input, added), PEER);
        assert_eq!(client, IpAddr::from([192, 0, 2, 1]));
    }
    let one = Trust::Everybody.client(&headers("x-forwarded-for", input, &["192.0.2.1"]), PEER);
    assert_eq!(one, IpAddr::from([192, 0, 2, 1]));

    let alone = headers("x-forwarded-for", input, &[]);
    assert_eq!(Trust::Nobody.client(&alone, PEER), PEER);
    // An address is given in the form in which it is counted.
    let client = Trust::Everybody.client(&alone, PEER);
    assert_eq!(client, client.to_canonical());

    let hosts = headers("x-forwarded-host", input, &[]);
    if let (_, Some(host)) = Trust::Everybody.origin(&hosts, PEER) {
        assert!(!host.is_empty() && host.trim() == host && !host.contains(','), "{host:?}");
    }
    let _ = Trust::Everybody.origin(&headers("x-forwarded-proto", input, &[]), PEER);
});
