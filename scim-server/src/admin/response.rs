//! Responses to administrators: text, JSON, lines, and problems (RFC 9457).

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Response, StatusCode,
    body::Frame,
    header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde_json::json;
use tokio::sync::mpsc;

use super::{Fault, Line};

/// The media type of one JSON object a line.
pub(super) const JSON_LINES: &str = "application/x-ndjson";

/// The media type of one JSON value.
pub(super) const JSON: &str = "application/json";

/// The media type of a problem (RFC 9457 §3).
const PROBLEM: &str = "application/problem+json";

/// A response of the listener for administrators.
pub(super) type AdminResponse = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// A sentence for people.
pub(super) fn text(status: StatusCode, message: &str) -> AdminResponse {
    typed(status, "text/plain; charset=utf-8", Full::new(Bytes::copy_from_slice(message.as_bytes())).boxed_unsync())
}

/// A body of some media type.
pub(super) fn typed(status: StatusCode, kind: &'static str, body: UnsyncBoxBody<Bytes, Infallible>) -> AdminResponse {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// JSON, whole.
pub(super) fn json(status: StatusCode, body: impl Into<Bytes>) -> AdminResponse {
    typed(status, JSON, Full::new(body.into()).boxed_unsync())
}

/// JSON, as its pieces come.
pub(super) fn pieces(pieces: impl futures_util::Stream<Item = Bytes> + Send + 'static) -> AdminResponse {
    typed(StatusCode::OK, JSON, streamed(pieces))
}

/// The lines of a command, as they come.
pub(super) fn lines(output: mpsc::Receiver<Line>) -> AdminResponse {
    let lines = futures_util::stream::unfold(output, |mut output| async move {
        let line = output.recv().await?;
        Some((Bytes::from(line.encode() + "\n"), output))
    });
    typed(StatusCode::OK, JSON_LINES, streamed(lines))
}

/// A problem: why something was not done, and what to do.
pub(super) fn problem(fault: &Fault) -> AdminResponse {
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let title = status.canonical_reason().unwrap_or_default();
    let body = json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": fault.message});
    let mut response = typed(status, PROBLEM, Full::new(Bytes::from(body.to_string())).boxed_unsync());
    match status {
        StatusCode::UNAUTHORIZED => put(&mut response, WWW_AUTHENTICATE, "Bearer"),
        StatusCode::SERVICE_UNAVAILABLE => put(&mut response, RETRY_AFTER, "1"),
        _ => {}
    }
    response
}

/// Adds a header.
pub(super) fn put(response: &mut AdminResponse, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn streamed(pieces: impl futures_util::Stream<Item = Bytes> + Send + 'static) -> UnsyncBoxBody<Bytes, Infallible> {
    UnsyncBoxBody::new(StreamBody::new(pieces.map(|piece| Ok(Frame::data(piece))).boxed()))
}
