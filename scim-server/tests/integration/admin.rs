//! The listener for administrators beside strangers: how many connections it has, and what they can make it write.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use crate::server::TestServer;

/// Connections that the listener serves at a time.
const CONNECTIONS: usize = 64;

fn connect(server: &TestServer) -> TcpStream {
    TcpStream::connect(server.admin().trim_start_matches("http://")).expect("a connection")
}

fn answer(mut stream: TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn connections_beyond_the_cap_wait_until_one_ends() {
    let server = TestServer::start();
    let mut held: Vec<_> = (0..CONNECTIONS).map(|_| connect(&server)).collect();
    for stream in &mut held {
        stream.write_all(b"GET /healthz HTTP/1.1\r\n").expect("half a request");
    }
    let mut late = connect(&server);
    late.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("a request");
    late.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    let error = late.peek(&mut [0]).expect_err("nothing, as long as the others are there");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    drop(held.pop());
    assert!(answer(late).starts_with("HTTP/1.1 200"), "one has ended");
    // Those that never end their request are cut off, and hold nobody up for ever.
    for stream in held {
        let ended = answer(stream);
        assert!(!ended.contains(" 200 "), "{ended}");
    }
    let mut fresh = connect(&server);
    fresh.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("a request");
    assert!(answer(fresh).starts_with("HTTP/1.1 200"));
}

#[test]
fn strangers_make_no_more_than_a_line_a_minute_of_the_log() {
    let server = TestServer::start();
    // What the server does by itself is told in other words.
    let lines = || server.log().lines().filter(|line| line.contains("scim_server::admin::listen")).count();
    let before = lines();
    for number in 0..200 {
        let mut stream = connect(&server);
        let request = match number % 4 {
            0 => "POST /admin HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer wrong\r\nConnection: close\r\n\r\n",
            1 => "POST /admin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            2 => "GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            _ => "no request at all\r\n\r\n",
        };
        stream.write_all(request.as_bytes()).expect("a request");
        let status = answer(stream);
        assert!(status.starts_with("HTTP/1.1 40"), "{status}");
    }
    // The minute may change meanwhile.
    assert!(lines() - before <= 2, "{}", server.log());
    assert!(server.log().contains("without the token of admin.token"), "{}", server.log());
}
