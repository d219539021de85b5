//! Reads and discards what a client still sends after a response that ends a connection or a stream.
//!
//! The kernel resets a connection that is closed with unread bytes. A client that is still sending a body that is too
//! large would see the reset instead of its 413 (RFC 9112 §9.6).

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    time::{Instant, timeout, timeout_at},
};

/// How much is read.
const BYTES: usize = 64 << 20;
/// For how long.
const ALL: Duration = Duration::from_secs(30);
/// How long nothing may come meanwhile.
const PAUSE: Duration = Duration::from_secs(2);

/// Reads the rest of a body in HTTP/2. Otherwise its stream is reset, and some clients then discard the response.
pub(super) async fn discard(mut incoming: Incoming) {
    let reading = async {
        let mut left = BYTES;
        while let Ok(Some(Ok(frame))) = timeout(PAUSE, incoming.frame()).await {
            let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else { return };
            left = rest;
        }
    };
    let _ = timeout(ALL, reading).await;
}

/// Waits for the client to close its side, when ours is closed already, unless the server stops.
pub(super) async fn until_closed<I: AsyncRead + Unpin>(io: &mut I, stop: impl Future<Output = ()>) {
    let end = Instant::now() + ALL;
    let reading = async {
        let mut buffer = vec![0; 16 << 10];
        let mut left = BYTES;
        while let Ok(Ok(read @ 1..)) = timeout_at(end.min(Instant::now() + PAUSE), io.read(&mut buffer)).await
            && left > read
        {
            left -= read;
        }
    };
    tokio::select! {
        () = reading => {}
        () = stop => {}
    }
}
