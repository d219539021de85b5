//! HTTP/2 by its frames, as no client library would send them.

use super::*;

/// A frame: type, flags, stream, payload.
pub(super) type Frame = (u8, u8, u32, Vec<u8>);

fn encoded(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// HEADERS of a whole request, every field a literal that no table remembers.
pub(super) fn head_frame(stream: u32, method: &str, path: &str) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [(":method", method), (":scheme", "http"), (":authority", "a"), (":path", path)] {
        block.extend([0, u8::try_from(name.len()).unwrap()]);
        block.extend(name.as_bytes());
        let length = value.len();
        if length < 127 {
            block.push(u8::try_from(length).unwrap());
        } else {
            let rest = length - 127;
            block.extend([127, u8::try_from(rest % 128).unwrap() | 128, u8::try_from(rest / 128 % 128).unwrap() | 128]);
            block.push(u8::try_from(rest / 16_384).unwrap());
        }
        block.extend(value.as_bytes());
    }
    let Some((first, more)) = block.split_at_checked(16_000) else { return encoded(1, 5, stream, &block) };
    [encoded(1, 1, stream, first), encoded(9, 4, stream, more)].concat()
}

/// Sends frames behind the preface and these first ones, and gives all that comes within a moment of
/// silence.
pub(super) async fn exchange_frames(server: &TestServer, requests: &[Vec<u8>], first: &[Vec<u8>]) -> Vec<Frame> {
    let mut stream = server.connect().await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&encoded(4, 0, 0, &[])).await.unwrap();
    for frame in first.iter().chain(requests) {
        stream.write_all(frame).await.unwrap();
    }
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 65_536];
    while let Ok(Ok(length @ 1..)) = timeout(Duration::from_secs(1), stream.read(&mut buffer)).await {
        bytes.extend_from_slice(&buffer[..length]);
    }
    let mut frames = Vec::new();
    let mut rest = bytes.as_slice();
    while let [a, b, c, kind, flags, d, e, f, g, behind @ ..] = rest {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        frames.push((*kind, *flags, u32::from_be_bytes([*d, *e, *f, *g]), behind[..length].to_vec()));
        rest = &behind[length..];
    }
    frames
}

#[tokio::test]
async fn what_is_no_request_is_answered_in_http2_too() {
    let server = TestServer::start(limits(), None).await;
    let window = encoded(8, 0, 0, &[0, 1, 0, 0]);
    let (bad, large) = (head_frame(1, "GET", "/?filter=a eq \"b\""), head_frame(3, "GET", &"/x".repeat(10_000)));
    let good = head_frame(5, "GET", "/");
    let requests = [bad.clone(), large, good];
    let frames = exchange_frames(&server, &requests, &[window]).await;
    for (stream, status) in [(1, "400"), (3, "431")] {
        let of: Vec<_> = frames.iter().filter(|(_, _, id, _)| *id == stream).collect();
        let text = |kind| {
            let found = of.iter().filter(|(of_kind, ..)| *of_kind == kind);
            String::from_utf8_lossy(&found.flat_map(|(.., payload)| payload.clone()).collect::<Vec<_>>()).into_owned()
        };
        let heads = text(1) + &text(9);
        assert!(heads.contains("x-request-id") && heads.contains("application/scim+json"), "{of:?}");
        let body: serde_json::Value = serde_json::from_str(&text(0)).unwrap();
        assert_eq!(body["status"], status);
    }
    let good: Vec<_> = frames.iter().filter(|(kind, _, id, _)| (*kind, *id) == (0, 5)).collect();
    assert!(String::from_utf8_lossy(&good[0].3).ends_with("tls=false"), "{frames:?}");

    // Without a window to spare for it, the body is left out and the rest is there.
    let frames = exchange_frames(&server, &[bad], &[]).await;
    let head = frames.iter().find(|(kind, _, stream, _)| (*kind, *stream) == (1, 1)).unwrap();
    assert_eq!(head.1 & 1, 1, "{frames:?}");
    assert!(String::from_utf8_lossy(&head.3).contains("x-request-id"));
}

#[tokio::test]
async fn a_connection_of_http2_that_asks_for_nothing_ends_like_an_idle_one() {
    let server = TestServer::start(short(), None).await;
    let (ping, settings, window) = (encoded(6, 0, 0, &[7; 8]), encoded(4, 0, 0, &[]), encoded(8, 0, 0, &[0, 0, 0, 1]));
    // PRIORITY of a stream that nobody opened (RFC 9113 §6.3): deprecated, and legal at any time.
    let priority = encoded(2, 0, 9, &[0, 0, 0, 0, 15]);
    for noise in [ping, settings, window, priority] {
        for first in [vec![], head_frame(1, "GET", "/")] {
            let mut stream = server.connect().await;
            stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
            stream.write_all(&encoded(4, 0, 0, &[])).await.unwrap();
            stream.write_all(&first).await.unwrap();
            let (mut read, mut write) = stream.into_split();
            let ends = tokio::spawn(async move { read.read_to_end(&mut Vec::new()).await });
            let noise = noise.clone();
            let noisy = tokio::spawn(async move {
                while write.write_all(&noise).await.is_ok() {
                    sleep(Duration::from_millis(40)).await;
                }
            });
            let ended = timeout(Duration::from_secs(20), ends).await;
            assert!(ended.is_ok(), "{first:?}");
            noisy.abort();
        }
    }
}

/// HEADERS that END_HEADERS never follows, with CONTINUATION frames of so many bytes for ever (CVE-2024-27316).
async fn unfinished_headers_end(piece: usize, pause: Duration) {
    let server = TestServer::start(short(), None).await;
    let mut stream = server.connect().await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&encoded(4, 0, 0, &[])).await.unwrap();
    stream.write_all(&encoded(1, 0, 1, &[])).await.unwrap();
    // A literal that no table remembers, again and again: `a: ` and nothing behind it.
    let more = encoded(9, 0, 1, &[0, 1, b'a', 0].repeat(piece / 4));
    let (mut read, mut write) = stream.into_split();
    let ends = tokio::spawn(async move { read.read_to_end(&mut Vec::new()).await });
    let flood = tokio::spawn(async move {
        while write.write_all(&more).await.is_ok() {
            sleep(pause).await;
        }
    });
    assert!(timeout(Duration::from_secs(20), ends).await.is_ok(), "{piece} bytes each {pause:?}");
    timeout(Duration::from_secs(20), flood).await.unwrap().unwrap();
    // Others are served as before.
    let frames = exchange_frames(&server, &[head_frame(1, "GET", "/")], &[]).await;
    assert!(frames.iter().any(|(kind, _, stream, _)| (*kind, *stream) == (0, 1)), "{frames:?}");
}

#[tokio::test]
async fn a_header_that_never_ends_ends_its_connection() {
    for (piece, pause) in [(0, 0), (0, 40), (4, 40), (16_000, 0), (16_000, 40)] {
        unfinished_headers_end(piece, Duration::from_millis(pause)).await;
    }
}
