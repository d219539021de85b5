//! The ways on which messages go, and endpoints that answer otherwise than they should.

use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio_rustls::TlsAcceptor;

use super::{Receiver, create, run, server, taken};
use crate::{
    secured,
    server::{Client, Options, PATIENCE, TestServer, on_postgres},
};

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name}: {value}")).to_owned()
}

/// What `webhook test` says of an endpoint that has not taken the message.
fn refused(server: &TestServer, made: &Value) -> String {
    let output = server.run(&["webhook", "test", &text(made, "webhook_id")]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// An endpoint that takes everything over TLS; its URL.
async fn secure(acceptor: TlsAcceptor) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let take = |_: Request<Incoming>| async { Ok::<_, hyper::Error>(Response::new(String::new())) };
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(take)).await;
            });
        }
    });
    format!("https://localhost:{port}/hook")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_is_known_by_its_certificate() {
    let ((authority, known), (_, unknown)) = (secured::localhost(), secured::localhost());
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), authority).expect("the authority");
    // What the system trusts, as OpenSSL and others are told of it.
    let path = file.path().to_string_lossy().into_owned();
    let environment = vec![("SSL_CERT_FILE".to_owned(), path)];
    let server = TestServer::with(Options { environment, ..Options::args(&["--webhook-networks", "127.0.0.0/8"]) });
    let make = |url: &str| run(&server, &["create", "--tenant", "test", "--url", url]);
    let (good, bad) = (make(&secure(known).await), make(&secure(unknown).await));
    assert_eq!(run(&server, &["test", &text(&good, "webhook_id")])["taken"], true);
    assert!(refused(&server, &bad).contains("TLS: invalid peer certificate"), "{}", refused(&server, &bad));
    // The certificate is good for another name.
    let url = text(&good, "url").replace("localhost", "127.0.0.1");
    assert!(refused(&server, &make(&url)).contains("TLS: invalid peer certificate"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_led_elsewhere() {
    let server = server();
    let (receiver, elsewhere) = (Receiver::start().await, Receiver::start().await);
    let made = create(&server, &receiver, &["--types", "user.*"]);
    for status in [301, 302, 303, 307, 308] {
        receiver.redirect(status, &elsewhere.url);
        let said = refused(&server, &made);
        assert!(said.contains(&format!("the status {status}")), "{said}");
    }
    assert_eq!((receiver.refused().len(), elsewhere.taken().len()), (5, 0));
}

/// An endpoint whose answer does not end: it gives when the server hangs up, and how many bytes it had sent by then.
fn endless(listener: TcpListener) -> thread::JoinHandle<u64> {
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut request = vec![0; 64 * 1024];
        let _ = stream.read(&mut request).expect("a request");
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").expect("the header");
        let chunk = [&b"4000\r\n"[..], &[b'x'; 0x4000], b"\r\n"].concat();
        let mut sent = 0;
        while stream.write_all(&chunk).is_ok() {
            sent += 0x4000;
        }
        sent
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_an_end_is_not_waited_for() {
    let server = server();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let made = run(&server, &["create", "--tenant", "test", "--url", &url, "--types", "user.*"]);
    let endpoint = endless(listener);
    assert_eq!(run(&server, &["test", &text(&made, "webhook_id")])["taken"], true);
    // It was cut off behind 64 KiB and what the sockets hold.
    assert!(endpoint.join().expect("the endpoint") < 64 * 1024 * 1024);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_are_administered_while_no_server_runs() {
    let mut server = server();
    let receiver = Receiver::start().await;
    create(&server, &receiver, &["--types", "user.*"]);
    server.stop();
    let create = ["create", "--tenant", "test", "--url", "https://app.example.com/hook", "--types", "user.*"];
    let id = text(&run(&server, &create), "webhook_id");
    assert_eq!(run(&server, &["list"]).as_array().map(Vec::len), Some(2));
    assert_eq!(run(&server, &["show", &id])["deliveries"][0]["lag"], 1);
    assert_eq!(run(&server, &["update", &id, "--rate", "5"])["rate"], 5);
    assert!(run(&server, &["rotate", &id])["old_keys_until"].is_string());
    assert_eq!(run(&server, &["enable", &id]).get("disabled"), None);
    assert_eq!(run(&server, &["replay", &id, "--tenant", "test", "--from", "1", "--to", "1"])["to"], 1);
    let none = server.run(&["webhook", "dead-letters", &id]);
    assert!(String::from_utf8_lossy(&none.stderr).contains("no message of this webhook was given up"), "{none:?}");
    assert_eq!(run(&server, &["delete", &id])["deleted"], true);
    // When the server is back, the other has what happened meanwhile.
    let user = ["user", "create", "--tenant", "test", "--user-name", "meanwhile", "--force", "--json"];
    let meanwhile = text(&server.run_json(&user), "id");
    server.launch();
    assert!(taken(&receiver, 1).await[0].body.contains(&meanwhile));
}

/// Of two processes on a database one sends to an endpoint.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_one_sends_each_message() {
    if !on_postgres() {
        return;
    }
    let first = server();
    let second = first.beside();
    let (one, all) = (Receiver::start().await, Receiver::start().await);
    create(&first, &one, &["--types", "user.*"]);
    run(&second, &["create", "--all-tenants", "--url", &all.url, "--types", "user.*"]);
    for number in 0..40 {
        let client = if number % 2 == 0 { first.client() } else { second.client() };
        client.user(&format!("u{number}")).await;
    }
    for receiver in [&one, &all] {
        taken(receiver, 40).await;
        // Whoever sent one twice has done so by the time that it is noted as taken.
        let end = Instant::now() + PATIENCE;
        while run(&first, &["list"]).as_array().expect("webhooks").iter().any(|hook| {
            let shown = run(&first, &["show", &text(hook, "webhook_id")]);
            shown["deliveries"][0]["lag"] != 0 || shown["deliveries"][0]["pending"] != 0
        }) {
            assert!(Instant::now() < end, "the webhooks are not done");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let ids: Vec<_> = receiver.taken().into_iter().map(|one| one.headers["webhook-id"].clone()).collect();
        assert_eq!((ids.len(), ids.iter().collect::<BTreeSet<_>>().len()), (40, 40));
    }
}

/// The users of the judge are nobody's: an application must not make accounts for them.
#[tokio::test]
async fn a_webhook_of_all_tenants_gets_nothing_of_the_judge() {
    let server = server();
    let receiver = Receiver::start().await;
    run(&server, &["create", "--all-tenants", "--types", "user.created", "--url", &receiver.url]);
    let judged = format!("scim-conformance-{}", "0123456789abcdef".repeat(2));
    let made = server.run_json(&["tenant", "create", &judged, "--json"]);
    let token = server.run_json(&["token", "create", "--tenant", &judged, "--name", "run", "--json"]);
    let base = format!("{}/{}/scim/v2", server.origin(), text(&made, "tenant_id"));
    Client::new(&base, &text(&token, "token")).user("of-the-judge").await;
    for number in 1..=3 {
        server.client().user(&format!("u{number}")).await;
        let messages = taken(&receiver, number).await;
        assert_eq!(messages.len(), number, "{messages:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_measured_how_far_readers_are_behind() {
    let server = server();
    let receiver = Receiver::start().await;
    receiver.refuse("", 500);
    let id = text(&create(&server, &receiver, &["--types", "user.*"]), "webhook_id");
    server.run_json(&["consumer", "create", "--tenant", "test", "crm", "--json"]);
    let newest = || {
        let show = server.run_json(&["consumer", "show", "--tenant", "test", "crm", "--json"]);
        show["lag"].as_u64().expect("a lag")
    };
    for number in 0..3 {
        server.client().user(&format!("u{number}")).await;
    }
    let metrics = Client::new(&server.admin(), "");
    let of = |name: &str, label: &str, id: &str| format!("scim_{name}_lag{{tenant=\"test\",{label}=\"{id}\"}} ");
    let end = Instant::now() + PATIENCE;
    loop {
        let text = metrics.get("/metrics").await.text;
        // Three users wait for the endpoint; the consumer has not had anything since it was made.
        let webhook = text.contains(&format!("{}3\n", of("webhook", "webhook", &id)));
        let consumer = text.contains(&format!("{}{}\n", of("consumer", "consumer", "crm"), newest()));
        if webhook && consumer && text.contains("scim_webhook_tries_failed_total") {
            break;
        }
        assert!(Instant::now() < end, "{text}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
