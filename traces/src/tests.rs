//! Spans without a collector: which are recorded, and how they hang together.

use rustls::RootCertStore;

use super::*;

/// Nobody listens there.
fn traces(sample: f64, counted: &Spans) -> Traces {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let settings = Settings {
        endpoint: "http://127.0.0.1:9".to_owned(),
        headers: HashMap::new(),
        tls: tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth(),
        sample,
        service: "test",
        version: "0",
        instance: "1".to_owned(),
        below: 200,
    };
    Traces::start(settings, counted.clone()).unwrap()
}

fn headers(traceparent: &str) -> HeaderMap {
    [(TRACEPARENT.parse().unwrap(), traceparent.parse().unwrap())].into_iter().collect::<HeaderMap>()
}

#[tokio::test]
async fn whoever_has_begun_a_trace_decides_on_it() {
    const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const PASSED_OVER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    for (sample, header, expect) in [
        (0.0, None, false),
        (1.0, None, true),
        (0.0, Some(SAMPLED), true),
        (1.0, Some(PASSED_OVER), false),
        (0.0, Some("no header of that kind"), false),
        (1.0, Some("no header of that kind"), true),
    ] {
        let traces = traces(sample, &Spans::default());
        let headers = header.map(headers);
        let span = traces.begin("GET", Kind::Server, headers.as_ref());
        assert_eq!(span.is_some(), expect, "{sample} {header:?}");
        if header == Some(SAMPLED) {
            let told = span.unwrap().traceparent();
            assert!(told.starts_with(&SAMPLED[..36]) && told.ends_with("-01") && told != SAMPLED, "{told}");
        }
    }
}

#[tokio::test]
async fn a_child_is_of_the_same_trace_and_there_is_none_outside() {
    let traces = traces(1.0, &Spans::default());
    let span = traces.begin("GET", Kind::Server, None).unwrap();
    let trace = |traceparent: &str| traceparent.split('-').nth(1).unwrap().to_owned();
    let below = span.within(async { child("store.read", Kind::Internal).map(|child| child.traceparent()) }).await;
    assert_eq!(trace(&below.unwrap()), trace(&span.traceparent()));
    assert!(child("store.read", Kind::Internal).is_none());
    // A bulk request would tell of thousands.
    let many = span.within(async { std::iter::from_fn(|| child("store.read", Kind::Internal)).take(10_000).count() });
    assert_eq!(many.await, 200);
}

#[tokio::test]
async fn another_task_goes_on_within_the_span_and_only_if_it_is_told_to() {
    let traces = traces(1.0, &Spans::default());
    let span = traces.begin("GET", Kind::Server, None).unwrap();
    let found = || async { child("store.read", Kind::Internal).is_some() };
    let (told, untold) = span.within(async { (tokio::spawn(within_same(found())), tokio::spawn(found())) }).await;
    assert_eq!((told.await.unwrap(), untold.await.unwrap()), (true, false));
    assert!(!tokio::spawn(within_same(found())).await.unwrap());
}

#[tokio::test]
async fn what_waits_is_bounded_and_the_rest_is_lost() {
    let counted = Spans::default();
    let traces = traces(1.0, &counted);
    // There is one thread, and it sends nothing while it does this.
    for _ in 0..queue::MOST + 100 {
        drop(traces.begin("GET", Kind::Server, None));
    }
    assert_eq!(counted.lost.get(), 100);
}

#[tokio::test]
async fn what_nobody_takes_is_lost_and_counted() {
    let counted = Spans::default();
    let traces = traces(1.0, &counted);
    for _ in 0..10 {
        drop(traces.begin("GET", Kind::Server, None));
    }
    traces.stop().await;
    assert_eq!((counted.sent.get(), counted.lost.get()), (0, 10));
    // There is no second end.
    traces.stop().await;
}
