//! Connections that are kept, and floods of what is answered at once.

use std::{
    cell::Cell,
    io,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout_at},
};

use super::wire::Target;

/// How long a connection waits that the server has closed or refused.
const PAUSE: Duration = Duration::from_millis(50);

/// Keeps so many connections in use until that moment: where one ends, another begins. Gives how many
/// there were.
async fn keep<F: Future<Output = io::Result<()>>>(many: usize, end: Instant, each: impl Fn() -> F) -> u64 {
    let one = async |_| {
        let mut used = 0;
        while Instant::now() < end {
            used += 1;
            // What becomes of it is the server's to say.
            let _ = timeout_at(end.into(), each()).await;
            sleep(PAUSE).await;
        }
        used
    };
    join_all((0..many).map(one)).await.into_iter().sum()
}

/// Reads until the server closes.
async fn closed(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 4096];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// Bodies of bulk requests whose last byte does not come.
pub async fn stalled(target: Target, end: Instant) -> u64 {
    const SENT: usize = 9 << 20;
    let head = target.head("POST", "/Bulk", SENT + 1);
    let piece = vec![b' '; 64 * 1024];
    keep(60, end, async || {
        let mut stream = target.connect().await?;
        stream.write_all(head.as_bytes()).await?;
        for _ in 0..SENT / piece.len() {
            stream.write_all(&piece).await?;
        }
        closed(stream).await
    })
    .await
}

/// Pages of megabytes, of which a byte is read now and then.
pub async fn slow_readers(target: Target, end: Instant) -> u64 {
    let head = target.head("GET", "/Users?count=1000", 0);
    keep(60, end, async || {
        let mut stream = target.connect().await?;
        stream.write_all(head.as_bytes()).await?;
        loop {
            stream.read_u8().await?;
            sleep(Duration::from_secs(1)).await;
        }
    })
    .await
}

/// Pages of megabytes, asked for on a hundred HTTP/2 streams of a connection whose windows stay shut.
pub async fn unread_streams(target: Target, end: Instant) -> u64 {
    const STREAMS: usize = 100;
    let asked = Cell::new(0_u64);
    keep(4, end, async || {
        let io = TokioIo::new(target.connect().await?);
        let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        let handshake = builder.initial_stream_window_size(1).handshake::<_, Empty<Bytes>>(io);
        let (client, connection) = handshake.await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        let ask = async |_| {
            asked.set(asked.get() + 1);
            client.clone().send_request(target.get("/Users?count=1000")).await
        };
        let unread = join_all((0..STREAMS).map(ask)).await;
        sleep(Duration::from_secs(20)).await;
        drop(unread);
        Ok(())
    })
    .await;
    asked.get()
}

/// More connections than one address may have, on which nothing comes.
pub async fn idle(target: Target, end: Instant) -> u64 {
    keep(1200, end, async || closed(target.connect().await?).await).await
}

/// Requests that are answered with no, a hundred at a time: of no tenant without a token, or of a tenant
/// with a wrong one. Gives how many were answered.
pub async fn flood(target: Target, end: Instant, token: Option<&str>) -> u64 {
    const AT_A_TIME: usize = 100;
    let base = if token.is_some() { target.base() } else { "/nothing" };
    let head = |at: usize| target.head_with(token, "GET", &format!("{base}/Users/{at}?filter=x"), 0);
    let heads: String = (0..AT_A_TIME).map(head).collect();
    let answers = Cell::new(0);
    keep(8, end, async || {
        let (mut reader, mut writer) = target.connect().await?.into_split();
        let write = async { while writer.write_all(heads.as_bytes()).await.is_ok() {} };
        let read = async {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(read @ 1..) = reader.read(&mut buffer).await {
                let begun = buffer[..read].windows(9).filter(|bytes| bytes == b"HTTP/1.1 ").count();
                answers.set(answers.get() + begun as u64);
            }
        };
        tokio::select! {
            () = write => {}
            () = read => {}
        }
        Ok(())
    })
    .await;
    answers.get()
}

/// HTTP/2 connections on which nothing but PING is sent (RFC 9113 §6.7).
pub async fn pings(target: Target, end: Instant) -> u64 {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0whatever";
    keep(300, end, async || {
        let (mut reader, mut writer) = target.connect().await?.into_split();
        writer.write_all(PREFACE).await?;
        let write = async {
            while writer.write_all(PING).await.is_ok() {
                sleep(Duration::from_millis(100)).await;
            }
        };
        let mut buffer = vec![0; 4096];
        let read = async { while let Ok(1..) = reader.read(&mut buffer).await {} };
        tokio::select! {
            () = write => {}
            () = read => {}
        }
        Ok(())
    })
    .await
}
