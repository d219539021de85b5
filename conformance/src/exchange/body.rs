//! The body of an answer: read as text, as far as it may go.

use std::{error::Error, fmt};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    HeaderMap,
    body::{Body, Bytes},
    header::CONTENT_ENCODING,
    http::response::Parts,
};

/// Why a body was not read.
#[derive(Debug)]
pub(super) enum Unread {
    /// The connection ended before it.
    BrokeOff(Box<dyn Error + Send + Sync>),
    /// It is compressed, though the request takes no coding.
    Coded(String),
    /// It is longer than so many bytes.
    TooLong(usize),
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BrokeOff(error) => write!(f, "the answer broke off: {error}."),
            Self::Coded(coding) => write!(
                f,
                "the answer is in {coding}, and the request takes no coding (Accept-Encoding: identity). Let the server \
                 compress only what it sends to clients that ask for it."
            ),
            Self::TooLong(most) => write!(
                f,
                "the answer is longer than {} MiB, so it was not read. Let the server give smaller pages, or read more \
                 with --answer-limit.",
                most >> 20
            ),
        }
    }
}

/// The whole body, with bytes that are not UTF-8 replaced. `most` is how many bytes it may have.
pub(super) async fn read<B>(head: &Parts, body: B, most: usize) -> Result<String, Unread>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if body.is_end_stream() {
        return Ok(String::new());
    }
    if let Some(coding) = coding(&head.headers) {
        return Err(Unread::Coded(coding.to_owned()));
    }
    // Where its head says that it is too long, nothing of it is read.
    if usize::try_from(body.size_hint().lower()).is_ok_and(|length| length > most) {
        return Err(Unread::TooLong(most));
    }
    let body = Limited::new(body, most).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() { Unread::TooLong(most) } else { Unread::BrokeOff(error) }
    })?;
    Ok(String::from_utf8_lossy(&body.to_bytes()).into_owned())
}

/// The coding of a body, where it has one (RFC 9110 §8.4).
fn coding(headers: &HeaderMap) -> Option<&str> {
    let coding = headers.get(CONTENT_ENCODING)?.to_str().ok()?.trim();
    (!coding.is_empty() && !coding.eq_ignore_ascii_case("identity")).then_some(coding)
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    async fn said(header: (&'static str, &'static str), body: &'static str) -> String {
        let answer = hyper::Response::builder().header(header.0, header.1).body(Full::new(Bytes::from(body)));
        let (head, body) = answer.expect("an answer").into_parts();
        read(&head, body, 1 << 20).await.unwrap_or_else(|why| why.to_string())
    }

    #[tokio::test]
    async fn what_is_not_read_is_told_with_what_to_do() {
        assert_eq!(said(("content-encoding", "identity"), "{}").await, "{}");
        assert_eq!(said(("content-encoding", "gzip"), "").await, "");
        assert!(said(("content-encoding", "gzip"), "x").await.starts_with("the answer is in gzip, and"));
        let long: &str = Box::leak("x".repeat((1 << 20) + 1).into_boxed_str());
        assert!(said(("x-any", "x"), long).await.contains("longer than 1 MiB"));
        assert!(said(("x-any", "x"), long).await.ends_with("--answer-limit."));
    }
}
