//! What lies between two programs that speak HTTP: old versions, redirections, codings, marks before a text, long
//! answers. A server is not accused of what HTTP and the RFCs leave free, and what cannot be read is told as that.
//!
//! A proxy in front of the real server changes what it answers, byte for byte.

use std::{io::Write, net::SocketAddr};

use conformance::Verdict;

use crate::{
    scim_server::{DEPARTURES, ScimServer},
    trouble::{forwarded, listen, origin, request},
};

/// The answer to a request: its head, without a length, and its body. The end of the connection ends it (HTTP/1.0).
struct Reply {
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn of(origin: SocketAddr, asked: &str, body: &[u8]) -> Self {
        let asked = asked.replacen("HTTP/1.1", "HTTP/1.0", 1);
        let whole = forwarded(origin, &[asked.as_bytes(), body].concat());
        let end = whole.windows(4).position(|four| four == b"\r\n\r\n").map_or(whole.len(), |at| at + 4);
        let (head, body) = whole.split_at(end);
        let head = String::from_utf8_lossy(head).into_owned();
        let kept = head.split("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("content-length:"));
        Self { head: kept.collect::<Vec<_>>().join("\r\n"), body: body.to_vec() }
    }

    fn plain(head: &str) -> Self {
        Self { head: format!("{head}\r\nconnection: close\r\n\r\n"), body: Vec::new() }
    }

    fn with_header(self, header: &str) -> Self {
        Self { head: self.head.replacen("\r\n\r\n", &format!("\r\n{header}\r\n\r\n"), 1), ..self }
    }
}

/// The base URL of a proxy that answers each request so; `answer` is given the head and the body of the request.
fn proxy(server: &ScimServer, answer: impl Fn(SocketAddr, &str, &[u8]) -> Reply + Send + Sync + 'static) -> String {
    let origin = origin(server);
    let address = listen(move |mut stream| {
        let Some(asked) = request(&mut stream) else { return };
        let end = asked.windows(4).position(|four| four == b"\r\n\r\n").map_or(asked.len(), |at| at + 4);
        let (head, body) = asked.split_at(end);
        let reply = answer(origin, &String::from_utf8_lossy(head), body);
        let _ = stream.write_all(&[reply.head.as_bytes(), &reply.body].concat());
    });
    server.url.replace(&origin.to_string(), &address.to_string())
}

/// What is wrong, by the cases that are chosen, beside what the server does otherwise on purpose.
fn wrong(server: &ScimServer, url: &str, chosen: &[&str]) -> Vec<String> {
    let report = server.report(&[&["--url", url], chosen].concat());
    let wrong = report.findings.iter().filter(|one| !matches!(one.verdict, Verdict::Pass | Verdict::Skip));
    let wrong = wrong.filter(|one| DEPARTURES.iter().all(|(known, _)| *known != one.id));
    wrong
        .map(|one| format!("{} {}: {}", one.verdict.word(), one.id, one.reason.as_deref().unwrap_or_default()))
        .collect()
}

const MOST: &[&str] = &["--tag", "create,retrieve,query,page,modify,replace,delete,media,method,bulk,search"];

#[test]
fn http_1_0_is_http() {
    let server = ScimServer::start("rfc");
    let url = proxy(&server, |origin, head, body| {
        let reply = Reply::of(origin, head, body);
        Reply { head: reply.head.replacen("HTTP/1.1", "HTTP/1.0", 1), ..reply }
    });
    assert_eq!(wrong(&server, &url, MOST), [""; 0]);
}

/// Everything is somewhere else below the base URL, and each request is told so (RFC 7644 §3.12, table 8).
#[test]
fn a_redirection_below_the_base_url_is_followed() {
    let server = ScimServer::start("rfc");
    let base = server.url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).expect("a path");
    for status in ["307 Temporary Redirect", "308 Permanent Redirect"] {
        let base = base.clone();
        let url = proxy(&server, move |origin, head, body| {
            let (method, rest) = head.split_once(' ').expect("a method");
            let (target, _) = rest.split_once(' ').expect("a target");
            let path = target.strip_prefix(base.as_str()).unwrap_or(target);
            match path.strip_prefix("/there") {
                Some(path) => {
                    let head = head.replacen(&format!("{method} {target} "), &format!("{method} {base}{path} "), 1);
                    Reply::of(origin, &head, body)
                }
                None => Reply::plain(&format!("HTTP/1.1 {status}\r\nlocation: {base}/there{path}")),
            }
        });
        // Whether /Me and odd methods are redirected is another question.
        let skipped = ["--skip", "method-*"];
        assert_eq!(wrong(&server, &url, &[MOST, &skipped].concat()), [""; 0], "{status}");
    }
}

#[test]
fn a_redirection_to_another_host_is_told_and_gets_no_token() {
    let server = ScimServer::start("rfc");
    let url =
        proxy(&server, |_, _, _| Reply::plain("HTTP/1.1 308 Permanent Redirect\r\nlocation: https://a.example/scim"));
    let output = server.conformance(&["run", "--url", &url]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("a redirection to https://a.example/scim"), "{said}");
    // Only users are elsewhere: nothing is known of them, and they are not accused.
    let url = proxy(&server, |origin, head, body| {
        if head.starts_with("GET ") && head.contains("/Users/") {
            return Reply::plain("HTTP/1.1 307 Temporary Redirect\r\nlocation: https://a.example/scim/Users/1");
        }
        Reply::of(origin, head, body)
    });
    let wrong = wrong(&server, &url, &["--only", "retrieve-known,create-status"]);
    assert!(
        matches!(&wrong[..], [one] if one.starts_with("error retrieve-known: ")
        && one.contains("is redirected to https://a.example/scim/Users/1, where the token is not sent")),
        "{wrong:#?}"
    );
}

/// RFC 8259 §8.1: the mark is a fault, and one fault.
#[test]
fn a_byte_order_mark_is_one_fault() {
    let server = ScimServer::start("rfc");
    let url = proxy(&server, |origin, head, body| {
        let reply = Reply::of(origin, head, body);
        let mark: &[u8] = if reply.body.is_empty() { b"" } else { b"\xef\xbb\xbf" };
        Reply { body: [mark, &reply.body].concat(), ..reply }
    });
    let wrong = wrong(&server, &url, MOST);
    assert!(
        matches!(&wrong[..], [one] if one.starts_with("fail media-json: Expected no byte order mark")),
        "{wrong:#?}"
    );
}

/// The request says that it takes no coding; an answer with one cannot be read, which is not a fault of SCIM.
#[test]
fn a_coding_that_was_not_asked_for_is_told() {
    let server = ScimServer::start("rfc");
    let url = proxy(&server, |origin, head, body| {
        assert!(head.to_ascii_lowercase().contains("accept-encoding: identity\r\n"), "{head}");
        Reply::of(origin, head, body).with_header("content-encoding: gzip")
    });
    let output = server.conformance(&["run", "--url", &url]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("the answer is in gzip") && said.contains("clients that ask for it"), "{said}");
}

/// An answer of five MiB is not read: an error of the case that it belongs to, with what to do, and no failure.
#[test]
fn a_long_answer_is_an_error_of_its_case() {
    let server = ScimServer::start("rfc");
    let url = proxy(&server, |origin, head, body| {
        let reply = Reply::of(origin, head, body);
        let is_long = head.starts_with("GET ") && head.contains("/Users?filter=");
        let padding = if is_long { vec![b' '; 5 << 20] } else { Vec::new() };
        Reply { body: [padding, reply.body].concat(), ..reply }
    });
    let chosen = ["--only", "query-schemas,query-total,create-status"];
    let long = wrong(&server, &url, &chosen);
    assert_eq!(long.len(), 2, "{long:#?}");
    let told = |one: &String| one.starts_with("error query-") && one.contains("longer than 4 MiB");
    assert!(long.iter().all(told) && long[0].contains("--answer-limit"), "{long:#?}");
    assert_eq!(wrong(&server, &url, &[&chosen[..], &["--answer-limit", "8"]].concat()), [""; 0]);
}
