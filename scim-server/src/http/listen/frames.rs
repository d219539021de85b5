//! The frames of an HTTP/2 connection, seen from outside h2 (RFC 9113 §4.1).
//!
//! h2 itself does not provide two things. Frames written for a client that only sends PING, SETTINGS or WINDOW_UPDATE
//! must not count as progress: here only frames of responses do. And a malformed request is reset before any service
//! sees it, with no answer, no request id and no line in a log. RFC 9113 §8.1.1 lets a server respond before it
//! resets. [`Framed`] replaces such a RST_STREAM by a whole response, and completes h2's bare 431. It needs no state
//! of HPACK, because it writes headers as literals without indexing.

use std::{
    collections::BTreeMap,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use hyper::Response;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::scan::{END_HEADERS, END_STREAM, Head, Scanner, kind};
use super::idle::Activity;
use crate::http::body::ResponseBody;

mod answer;
mod scan;

/// The client's preface, before its first frame (RFC 9113 §3.4).
const PREFACE: usize = 24;
/// PROTOCOL_ERROR (§7)
const PROTOCOL_ERROR: [u8; 4] = [0, 0, 0, 1];
/// A head that h2 writes itself has only a status; one of ours has at least the request's id.
const BARE_HEAD: usize = 12;
/// Bytes of the connection's window that are kept back from h2 for bodies of refusals.
const RESERVE: u32 = 16 * 1024;
/// The most requests that are tracked at a time: far more than may be open.
const MAX_OPEN: usize = 1024;

/// Makes the response to a refused request; the argument says whether its headers were too large.
pub(super) type Refuse = Box<dyn Fn(bool) -> Response<ResponseBody> + Send>;

/// A stream of HTTP/2.
pub(super) struct Framed<I> {
    io: I,
    activity: Arc<Activity>,
    refuse: Refuse,
    inbound: Scanner,
    outbound: Scanner,
    /// Requests that have no answer yet, and whether they have arrived whole.
    open: BTreeMap<u32, bool>,
    newest: u32,
    /// The window of a new stream (SETTINGS_INITIAL_WINDOW_SIZE).
    stream_window: u32,
    /// The part of the connection's window that is withheld from h2.
    reserve: u32,
    /// An answer on its way.
    pending: Bytes,
}

/// A frame of h2 that a response replaces or follows.
struct Refused {
    /// Where it begins, and its length.
    at: usize,
    length: usize,
    stream: u32,
    /// h2's 431, which stays: the other side's table may have grown by it.
    too_large: bool,
}

impl<I> Framed<I> {
    pub(super) fn new(io: I, activity: Arc<Activity>, refuse: Refuse) -> Self {
        Self {
            io,
            activity,
            refuse,
            inbound: Scanner::behind(PREFACE),
            outbound: Scanner::behind(0),
            open: BTreeMap::new(),
            newest: 0,
            stream_window: 65_535,
            reserve: 0,
            pending: Bytes::new(),
        }
    }

    /// Inspects what has arrived. Withholds a part of the connection's first windows from h2.
    fn arrived(&mut self, bytes: &mut [u8]) {
        let mut inbound = std::mem::take(&mut self.inbound);
        let mut from = 0;
        while let Some((head, payload)) = inbound.next(bytes, &mut from) {
            let whole = bytes.get_mut(payload..payload + head.length);
            match head.kind {
                kind::HEADERS if head.stream > self.newest => {
                    self.newest = head.stream;
                    if self.open.len() < MAX_OPEN {
                        self.open.insert(head.stream, head.flags & END_STREAM != 0);
                    }
                }
                kind::DATA | kind::HEADERS if head.flags & END_STREAM != 0 => {
                    self.open.entry(head.stream).and_modify(|whole| *whole = true);
                }
                kind::RST_STREAM => {
                    self.open.remove(&head.stream);
                }
                kind::SETTINGS => self.stream_window = scan::initial_window(whole, self.stream_window),
                kind::WINDOW_UPDATE if head.stream == 0 => {
                    if let Some(increment) = whole {
                        self.reserve += scan::keep_back(increment, RESERVE.saturating_sub(self.reserve));
                    }
                }
                _ => {}
            }
        }
        self.inbound = inbound;
    }

    /// The first frame among these bytes by which h2 refuses a request.
    fn refused(&self, bytes: &[u8]) -> Option<Refused> {
        let mut outbound = self.outbound.clone();
        let mut from = 0;
        while let Some((head, payload)) = outbound.next(bytes, &mut from) {
            let Some(at) = payload.checked_sub(Head::LENGTH) else { continue };
            if !self.open.contains_key(&head.stream) {
                continue;
            }
            let found =
                |too_large| Some(Refused { at, length: Head::LENGTH + head.length, stream: head.stream, too_large });
            let whole = bytes.get(payload..payload + head.length);
            match (head.kind, whole) {
                (kind::RST_STREAM, Some(code)) if *code == PROTOCOL_ERROR => return found(false),
                (kind::HEADERS, Some(block)) if head.flags == END_STREAM | END_HEADERS && block.len() < BARE_HEAD => {
                    return found(true);
                }
                // Answered in these same bytes.
                _ => {}
            }
        }
        None
    }

    /// Replaces the frame by the response.
    fn answer(&mut self, refused: &Refused, frame: &[u8]) {
        let whole = self.open.remove(&refused.stream).unwrap_or(true);
        let response = (self.refuse)(refused.too_large);
        let length = response.body().length().unwrap_or_default();
        let room = u64::from(self.reserve.min(self.stream_window)) >= length;
        let head = refused.too_large.then_some(frame);
        let bytes = answer::frames(refused.stream, &response, head, room, whole);
        if room {
            self.reserve -= u32::try_from(length).unwrap_or_default();
        }
        self.pending = bytes.into();
        self.activity.wrote();
    }

    /// Notes what was written of these bytes.
    fn written(&mut self, bytes: &[u8]) {
        let mut from = 0;
        while let Some((head, _)) = self.outbound.next(bytes, &mut from) {
            match head.kind {
                kind::HEADERS | kind::RST_STREAM => {
                    self.open.remove(&head.stream);
                }
                _ => {}
            }
            if matches!(head.kind, kind::DATA | kind::HEADERS) {
                self.activity.wrote();
            }
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Framed<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        self.activity.read();
        self.arrived(buffer.filled_mut().get_mut(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> Framed<I> {
    /// Writes the rest of an answer.
    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.pending.is_empty() {
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, &self.pending))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.pending.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Framed<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_pending(cx))?;
        let until = match self.refused(bytes) {
            Some(refused) if refused.at == 0 => {
                self.answer(&refused, bytes.get(..refused.length).unwrap_or_default());
                return Poll::Ready(Ok(refused.length));
            }
            Some(refused) => bytes.get(..refused.at).unwrap_or_default(),
            None => bytes,
        };
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, until))?;
        self.written(until.get(..written).unwrap_or_default());
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_pending(cx))?;
        let mut outbound = self.outbound.clone();
        let first = slices.iter().position(|slice| !slice.is_empty()).unwrap_or_default();
        for (number, slice) in slices.iter().enumerate() {
            std::mem::swap(&mut self.outbound, &mut outbound);
            let refused = self.refused(slice).is_some();
            std::mem::swap(&mut self.outbound, &mut outbound);
            if refused && number == first {
                return self.poll_write(cx, slice);
            }
            if refused {
                let written =
                    ready!(Pin::new(&mut self.io).poll_write_vectored(cx, slices.get(..number).unwrap_or_default()))?;
                self.wrote_of(slices, written);
                return Poll::Ready(Ok(written));
            }
            let mut from = 0;
            while outbound.next(slice, &mut from).is_some() {}
        }
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, slices))?;
        self.wrote_of(slices, written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl<I> Framed<I> {
    /// Notes that so many bytes of all slices were written.
    fn wrote_of(&mut self, slices: &[io::IoSlice<'_>], mut written: usize) {
        for slice in slices {
            let part = written.min(slice.len());
            self.written(slice.get(..part).unwrap_or_default());
            written -= part;
        }
    }
}
