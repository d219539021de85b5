//! From an answer or an error to an HTTP response: the only place where errors become responses.

use bytes::Bytes;
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{
        ACCEPT, ACCEPT_ENCODING, ALLOW, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
        LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
    },
};
use scim_protocol::{Error, ErrorKind};
use serde_json::Value;

use super::{body::ResponseBody, request::UnknownCoding};
use crate::{
    budget::Share,
    operation::{Answer, Content, Outcome},
    render::etag,
};

/// What the event of the completion will have as `txn` (RFC 9967 §3).
const SET_TXN: HeaderName = HeaderName::from_static("set-txn");
/// Which preferences of the client were followed (RFC 7240 §3).
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The response to a request that succeeded.
pub fn answer(answer: Answer, media_type: &'static str) -> Response<ResponseBody> {
    let status = match answer.outcome {
        Outcome::Accepted => StatusCode::ACCEPTED,
        Outcome::Created => StatusCode::CREATED,
        Outcome::NoContent => StatusCode::NO_CONTENT,
        Outcome::NotModified => StatusCode::NOT_MODIFIED,
        Outcome::Ok => StatusCode::OK,
    };
    let body = match answer.content {
        Content::Nothing => ResponseBody::Empty,
        Content::Pieces(pieces) => ResponseBody::Stream(pieces, answer.share),
        Content::Whole(bytes) => match answer.share {
            // The memory counts until the last byte of it is sent, or the client has gone.
            Some(share) => ResponseBody::Full(Bytes::from_owner(CountedBytes { bytes, _share: share })),
            None => ResponseBody::Full(bytes),
        },
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Some(version) = answer.version {
        insert(headers, ETAG, etag(version));
    }
    if let Some(location) = answer.location
        && let Ok(location) = HeaderValue::try_from(location)
    {
        if answer.outcome != Outcome::Accepted {
            headers.insert(CONTENT_LOCATION, location.clone());
        }
        headers.insert(LOCATION, location);
    }
    if let Some(id) = answer.accepted {
        // RFC 9967 §3, RFC 7240 §3
        insert(headers, SET_TXN, id.to_string());
        headers.insert(PREFERENCE_APPLIED, HeaderValue::from_static("respond-async"));
    }
    with_type(response, media_type)
}

/// Bytes, and the part of the budget that they take.
struct CountedBytes {
    bytes: Bytes,
    _share: Share,
}

impl AsRef<[u8]> for CountedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A discovery document.
pub fn document(document: &Value, media_type: &'static str) -> Response<ResponseBody> {
    with_type(Response::new(ResponseBody::from(document.to_string().into_bytes())), media_type)
}

/// A document that is a part of the program.
pub fn fixed(document: Bytes, media_type: &'static str) -> Response<ResponseBody> {
    with_type(Response::new(ResponseBody::Full(document)), media_type)
}

/// The scope that a valid token lacks. As the source of an error it becomes part of the challenge (RFC 6750 §3.1).
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the token lacks the scope {0}")]
pub struct InsufficientScope(pub &'static str);

/// The response to a request that failed (RFC 7644 §3.12). `presented` tells whether there was a
/// token, since RFC 6750 §3 gives the reason only then.
pub fn error(error: &Error, media_type: &'static str, presented: bool) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::from(error.body().to_string().into_bytes()));
    let status = StatusCode::from_u16(error.kind().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    match error.kind() {
        ErrorKind::Unauthorized => {
            let challenge =
                if presented { "Bearer realm=\"scim\", error=\"invalid_token\"" } else { "Bearer realm=\"scim\"" };
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        ErrorKind::Forbidden => {
            if let Some(InsufficientScope(scope)) = std::error::Error::source(error).and_then(|e| e.downcast_ref()) {
                let challenge = format!("Bearer realm=\"scim\", error=\"insufficient_scope\", scope=\"{scope}\"");
                insert(headers, WWW_AUTHENTICATE, challenge);
            }
        }
        ErrorKind::UnsupportedMediaType => {
            if std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<UnknownCoding>) {
                headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            } else {
                headers.insert(ACCEPT, HeaderValue::from_static("application/scim+json, application/json"));
            }
        }
        ErrorKind::MethodNotAllowed(methods) => {
            headers.insert(ALLOW, HeaderValue::from_static(methods));
        }
        ErrorKind::TooManyRequests(seconds) | ErrorKind::Unavailable(seconds) => {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        _ => {}
    }
    with_type(response, media_type)
}

/// The response to HEAD: that to GET without its body (RFC 9110 §9.3.2).
pub fn without_body(response: Response<ResponseBody>) -> Response<ResponseBody> {
    let (mut parts, body) = response.into_parts();
    if let Some(length @ 1..) = body.length() {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(parts, ResponseBody::Empty)
}

fn with_type(mut response: Response<ResponseBody>, media_type: &'static str) -> Response<ResponseBody> {
    if response.body().length() != Some(0) {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    response
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}
