//! The yardstick: hyper with the options that the server gives it, answering the same bytes to
//! every request. What it cannot do faster on this machine, nobody can.

use std::{convert::Infallible, sync::Arc};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

/// Serves until the process is ended. `PUT` sets the answer to everything else: the head and the
/// body that a server gave, as they came.
#[tokio::main]
pub async fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("bare hyper is ready on http://{}", listener.local_addr().expect("an address"));
    let answer = Arc::new(ArcSwap::from_pointee(Response::new(Bytes::new())));
    let mut http1 = http1::Builder::new();
    http1.timer(TokioTimer::new()).header_read_timeout(None).max_header_size(16 * 1024);
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let (http1, answer) = (http1.clone(), answer.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| respond(answer.clone(), request));
            let _ = http1.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn respond(
    answer: Arc<ArcSwap<Response<Bytes>>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let setting = request.method() == Method::PUT && request.uri().path() == "/answer";
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    if setting {
        answer.store(Arc::new(parse(&body)));
        return Ok(Response::default());
    }
    Ok(Response::clone(&answer.load()).map(Full::new))
}

fn parse(bytes: &Bytes) -> Response<Bytes> {
    let split = bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |at| at + 4);
    let head = String::from_utf8_lossy(&bytes[..split]).into_owned();
    let status = head.get(9..12).unwrap_or("500");
    let mut response = Response::builder().status(status);
    for line in head.lines().skip(1) {
        if let Some((name, value)) = line.split_once(": ") {
            // hyper writes these itself.
            if !["date", "content-length", "transfer-encoding"].contains(&name) {
                response = response.header(name, value);
            }
        }
    }
    response.body(bytes.slice(split..)).expect("a response")
}
