//! A server that resembles none of ours, and conforms in what it claims: its endpoint of users is an absolute URL and
//! is not called `/Users`, its schemas are its own and require what nobody else has, its ids have spaces, slashes, quotes and letters beyond ASCII,
//! its locations are paths, its pages hold three, its only filter is `eq` on four attributes, it gives defaults, it
//! has no PATCH, and it limits its clients. No case may fail on it.

mod answers;
mod documents;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use answers::Odd;
use conformance::{Settings, Verdict, cases, connect, examine, remove_all};
use http_body_util::{BodyExt, Full};
use hyper::{body::Bytes, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;

use crate::broken::{Answer, Asked};

const TOKEN: &str = "a-token-of-the-odd-server";
const BASE: &str = "/api/scim";
/// Each so many requests one is told to come again later.
const LIMIT: usize = 40;

async fn start() -> (String, Arc<Odd>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let odd = Arc::new(Odd::new(&origin));
    let (served, count) = (Arc::clone(&odd), Arc::new(AtomicUsize::new(0)));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (odd, count) = (Arc::clone(&served), Arc::clone(&count));
            let answer = service_fn(move |request| answer(Arc::clone(&odd), Arc::clone(&count), request));
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    (format!("{origin}{BASE}"), odd)
}

async fn answer(
    odd: Arc<Odd>,
    count: Arc<AtomicUsize>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let asked = Asked::read(BASE, &head, &body);
    // The path as it came: an id may have a slash.
    let path = head.uri.path().strip_prefix(BASE).unwrap_or_default().to_owned();
    let limited = count.fetch_add(1, Ordering::Relaxed) % LIMIT == LIMIT - 1;
    Ok(if limited { Answer::empty(429).write() } else { odd.answer(&asked, &path).write() })
}

#[tokio::test]
async fn a_server_that_resembles_nothing_of_ours_is_not_accused() {
    let (url, odd) = start().await;
    let settings = Settings { token: Some(TOKEN.to_owned()), ..Settings::default() };
    let server = connect(&url, &settings, "0a1b2c").await.expect("a SCIM server");
    let all: Vec<_> = cases().collect();
    let findings = examine(&server, &all, 4, |_| {}).await;
    let wrong: Vec<_> = findings
        .iter()
        .filter(|one| matches!(one.verdict, Verdict::Fail | Verdict::Error))
        .map(|one| format!("{} {}: {}", one.verdict.word(), one.id, one.reason.as_deref().unwrap_or_default()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    // It is not let off either: what it claims is looked at.
    let passed = |id: &str| findings.iter().any(|one| one.id == id && one.verdict == Verdict::Pass);
    for id in [
        "create-location",
        "retrieve-location",
        "page-count",
        "page-start-counts-from-one",
        "filter-eq",
        "replace-value",
        "group-member-ref",
        "each-create:User:contacts",
        "each-put:User:urn:odd:params:scim:schemas:Desk:floor",
        "each-filter:User:userName",
        "auth-any-token",
    ] {
        assert!(
            passed(id),
            "{id} is not passed: {:?}",
            findings.iter().find(|one| one.id == id).map(|one| &one.reason)
        );
    }
    assert_eq!(remove_all(&server).await, Vec::<String>::new());
    assert!(odd.is_empty(), "something stays on the server");
}

#[test]
fn its_documents_are_whole() {
    let types = documents::resource_types("http://example.com");
    assert_eq!(types[0]["endpoint"], json!("http://example.com/api/scim/people"));
}
