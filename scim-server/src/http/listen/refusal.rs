//! The response to bytes that are not an HTTP/1.1 request.
//!
//! hyper refuses a head that it cannot read with a bare status line, before any service is asked: no body, no request
//! id, no line in a log. [`WithoutEnd`] withholds those bytes. When the connection has ended, the reason is known,
//! and the service writes its own response.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use hyper::Response;
use scim_protocol::{Error, ErrorKind};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http::body::ResponseBody;

/// A stream that withholds hyper's own refusal, and the end of the stream after it.
#[derive(Debug)]
pub(super) struct WithoutEnd<I> {
    io: I,
    refused: bool,
}

impl<I> WithoutEnd<I> {
    pub(super) fn new(io: I) -> Self {
        Self { io, refused: false }
    }

    /// The stream, and whether it still needs a response.
    pub(super) fn release(self) -> (I, bool) {
        (self.io, self.refused)
    }
}

/// Where hyper's refusal begins, if `bytes` end with one: a head with nothing in it but what hyper
/// itself adds. Every answer of ours names its request, and no JSON has an empty line like the one
/// that ends a head.
fn refusal(bytes: &[u8]) -> Option<usize> {
    if !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let from = bytes.len().saturating_sub(160);
    let tail = bytes.get(from..)?;
    let at = tail.windows(7).rposition(|window| window == b"HTTP/1.")?;
    let head = std::str::from_utf8(tail.get(at..)?).ok()?;
    let mut lines = head.trim_end().split("\r\n");
    let refused = lines.next()?.get(8..12).is_some_and(|status| matches!(status, " 400" | " 414" | " 431"));
    let bare = |line: &str| ["connection:", "content-length: 0", "date:"].iter().any(|own| line.starts_with(own));
    (refused && lines.all(bare)).then_some(from + at)
}

impl<I: AsyncRead + Unpin> AsyncRead for WithoutEnd<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for WithoutEnd<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let before = match refusal(bytes) {
            Some(0) => {
                self.refused = true;
                return Poll::Ready(Ok(bytes.len()));
            }
            Some(before) => bytes.get(..before).unwrap_or_default(),
            None => bytes,
        };
        Pin::new(&mut self.io).poll_write(cx, before)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let full = |slice: &&io::IoSlice<'_>| !slice.is_empty();
        if slices.iter().rev().find(full).is_none_or(|last| refusal(last).is_none()) {
            return Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        }
        let first = slices.iter().find(full).map_or(&[][..], |first| first);
        self.poll_write(cx, first)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.refused {
            return Pin::new(&mut self.io).poll_flush(cx);
        }
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// What to encode, for people who typed a filter into a URL.
const ENCODE: &str = "Percent-encode what a URL cannot hold: a space as %20, a quotation mark as %22, < as %3C, > as %3E, a backslash as %5C, control characters too.";

/// Why hyper could not read a head, in the words of a client's error. `unread` is what is left of the
/// head where hyper has not taken it off its buffer; `most` is its longest.
pub(super) fn explain(error: &hyper::Error, unread: &[u8], most: u32) -> Error {
    if error.is_parse_too_large() {
        let line = unread.iter().position(|byte| *byte == b'\n').unwrap_or(unread.len());
        return if line < most as usize {
            let detail =
                format!("The head of the request is too large: at most {most} bytes in 100 headers. Send less.");
            Error::new(ErrorKind::HeadersTooLarge, detail)
        } else {
            too_long(most)
        };
    }
    // hyper's reasons differ only in their text.
    let reason = error.to_string();
    let detail = if reason.contains("URI") {
        format!(
            "The request line is not a method, a URL and HTTP/1.1, or its URL has a character that may not stand there. {ENCODE}"
        )
    } else if reason.contains("version") {
        // hyper takes what follows a raw space in a URL for the version.
        format!("The request line does not end in HTTP/1.1. {ENCODE}")
    } else if reason.contains("method") {
        "The request line does not begin with a method, such as GET.".to_owned()
    } else if reason.contains("content-length") {
        "The Content-Length is not one whole number.".to_owned()
    } else if reason.contains("transfer-encoding") {
        "The Transfer-Encoding must be chunked, and only in HTTP/1.1.".to_owned()
    } else if reason.contains("header") {
        "A header is malformed: each is a line with a name, a colon at once behind it, and a value without control characters.".to_owned()
    } else {
        "The request is not HTTP/1.1 as RFC 9112 defines it.".to_owned()
    };
    Error::syntax(detail).with_source(reason)
}

/// 414
fn too_long(most: u32) -> Error {
    Error::new(
        ErrorKind::UriTooLong,
        format!(
            "The URL is longer than the {most} bytes of a request's head. Send a long filter with POST to /.search."
        ),
    )
}

/// Why an HTTP/2 request was reset before the service saw it. Only the decoder of its headers knows the exact reason.
pub(super) fn explain_http2(too_large: bool, most: u32) -> Error {
    if too_large {
        let detail =
            format!("The headers of the request, its URL among them, are larger than {most} bytes. Send less.");
        return Error::new(ErrorKind::HeadersTooLarge, detail);
    }
    Error::syntax(format!("The request is malformed (RFC 9113 §8.1.1): its URL, a header or its length. {ENCODE}"))
}

/// The answer as bytes, behind which the connection ends.
pub(super) fn encode(response: &Response<ResponseBody>) -> Vec<u8> {
    let status = response.status();
    let mut head = vec![format!("HTTP/1.1 {} {}", status.as_u16(), status.canonical_reason().unwrap_or_default())];
    let body: &[u8] = if let ResponseBody::Full(body) = response.body() { body } else { &[] };
    let headers = response.headers().iter();
    head.extend(headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or_default())));
    head.push(format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len()));
    let mut bytes = head.join("\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<usize>) {
        assert_eq!(refusal(text.as_bytes()), expect, "{text}");
    }

    #[test]
    fn only_the_refusal_of_hyper_is_kept_back() {
        let bare = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
        check(bare, Some(0));
        check(&bare.replace("400 Bad Request", "431 Request Header Fields Too Large"), Some(0));
        check(&bare.replace("HTTP/1.1", "HTTP/1.0"), Some(0));
        let other = "HTTP/1.1 204 No Content\r\nx-request-id: 0190\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
        check(other, None);
        check(&format!("{other}{bare}"), Some(other.len()));
        check(&other.replace("204 No Content", "400 Bad Request"), None);
        check(&format!("{bare}{other}"), None);
        check("{}", None);
        check("\r\n\r\n", None);
    }
}
