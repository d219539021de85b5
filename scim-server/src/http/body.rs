//! The body of a response: nothing, bytes that are already there, or bytes that are still being
//! rendered.
//!
//! It is an enum and not a boxed trait object because almost every response is [`ResponseBody::Full`]: one
//! reference-counted slice, handed to the connection without an allocation.

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc;

use crate::budget::Share;
pub use crate::render::Aborted as StreamAborted;

/// What a response carries.
#[derive(Debug, Default)]
pub enum ResponseBody {
    /// Nothing: a 204, a 304, an answer to HEAD.
    #[default]
    Empty,
    /// All of it, of known length.
    Full(Bytes),
    /// Pieces in order, sent as they arrive. The body ends when the sender is dropped. An error closes the
    /// connection, so that no client mistakes half a document for a whole one. The share is the memory that the
    /// pieces take.
    Stream(mpsc::Receiver<Result<Bytes, StreamAborted>>, Option<Share>),
}

/// The writing end of a streamed body.
pub type Sender = mpsc::Sender<Result<Bytes, StreamAborted>>;

impl ResponseBody {
    /// A streamed body and its writing end, which waits while `capacity` pieces are unsent. At
    /// least one piece is held.
    pub fn channel(capacity: usize) -> (Sender, Self) {
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        (sender, Self::Stream(receiver, None))
    }

    /// How many bytes it will be, where that is known.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Full(bytes) => Some(bytes.len() as u64),
            Self::Stream(..) => None,
        }
    }
}

impl From<Bytes> for ResponseBody {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Full(bytes) }
    }
}

impl From<Vec<u8>> for ResponseBody {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl hyper::body::Body for ResponseBody {
    type Data = Bytes;
    type Error = StreamAborted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamAborted>>> {
        if let Self::Stream(receiver, _) = &mut *self {
            return receiver.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)));
        }
        match mem::take(&mut *self) {
            Self::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Self::Empty | Self::Stream(..) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        self.length().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use hyper::body::Body as _;

    use super::*;

    #[tokio::test]
    async fn lengths_are_exact_where_they_are_known() {
        for (body, length) in [
            (ResponseBody::Empty, Some(0)),
            (ResponseBody::from(Vec::new()), Some(0)),
            (ResponseBody::from(b"{}".to_vec()), Some(2)),
            (ResponseBody::channel(1).1, None),
        ] {
            assert_eq!(body.size_hint().exact(), length);
            assert_eq!(body.is_end_stream(), length == Some(0));
        }
    }

    #[tokio::test]
    async fn a_stream_arrives_in_order_and_ends_with_its_sender() {
        let (sender, body) = ResponseBody::channel(1);
        tokio::spawn(async move {
            for piece in ["[1,", "2", "]"] {
                sender.send(Ok(Bytes::from(piece))).await.unwrap();
            }
        });
        assert_eq!(body.collect().await.unwrap().to_bytes(), "[1,2]");
    }

    #[tokio::test]
    async fn an_aborted_stream_is_an_error_and_never_a_short_body() {
        let (sender, body) = ResponseBody::channel(2);
        sender.send(Ok(Bytes::from("[1,"))).await.unwrap();
        sender.send(Err(StreamAborted)).await.unwrap();
        drop(sender);
        assert_eq!(body.collect().await.unwrap_err(), StreamAborted);
    }
}
