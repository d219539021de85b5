//! The command line as a client of the management API: how it talks to a running server.
//!
//! It asks the paths that any program asks, and has the rows as lines, as they come.

use std::{io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, StatusCode,
    body::{Frame, Incoming},
    client::conn::http1,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
};

use super::{
    AdminError, AdminRequest, Input, Line,
    api::{ApiRequest, Content},
    data_dir::DataDir,
    response::{JSON, JSON_LINES},
};

/// How long a connection, and the answer about health, may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running server, seen from its data directory.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    address: SocketAddr,
    token: String,
}

impl Client {
    /// Connects to the server that runs on this data directory. `None` when none does, also when
    /// one that was killed has left its address.
    pub async fn connect(place: &DataDir) -> io::Result<Option<Self>> {
        let about = |what: &str, error: &io::Error| io::Error::new(error.kind(), format!("{what}: {error}"));
        let address = place.address().map_err(|error| about("its address in admin.addr cannot be read", &error))?;
        let Some(address) = address else {
            return Ok(None);
        };
        let connecting = tokio::time::timeout(PATIENCE, TcpStream::connect(address));
        let Ok(Ok(stream)) = connecting.await else {
            return Ok(None);
        };
        let token = place.token().map_err(|error| about("its token in admin.token cannot be read", &error))?;
        Ok(Some(Self { stream, address, token }))
    }

    /// Where the server's listener for administrators is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Why the server cannot take requests now; `None` when it can.
    pub async fn not_ready(self) -> Result<Option<String>, AdminError> {
        let (status, reason) = self.get("/readyz").await?;
        Ok((status != StatusCode::OK).then(|| reason.trim().to_owned()))
    }

    /// The server's metrics.
    pub async fn metrics(self) -> Result<String, AdminError> {
        Ok(self.get("/metrics").await?.1)
    }

    /// What anybody may ask for.
    async fn get(self, path: &str) -> Result<(StatusCode, String), AdminError> {
        let address = self.address;
        let unreachable = |error: &dyn std::fmt::Display| {
            AdminError::Refused(format!("the server at {address} does not answer: {error}"))
        };
        let request = Request::get(path).header(HOST, address.to_string()).body(Empty::<Bytes>::new());
        let request = request.map_err(|error| AdminError::Refused(error.to_string()))?;
        let asking = async {
            let (mut sender, connection) = http1::handshake(TokioIo::new(self.stream)).await?;
            tokio::spawn(connection);
            let response = sender.send_request(request).await?;
            let status = response.status();
            Ok::<_, hyper::Error>((status, response.into_body().collect().await?.to_bytes()))
        };
        let answer = tokio::time::timeout(PATIENCE, asking).await.map_err(|error| unreachable(&error))?;
        let (status, body) = answer.map_err(|error| unreachable(&error))?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    /// Sends a command with its input; its lines come out of the channel.
    pub async fn run(self, request: &AdminRequest, input: Input) -> Result<mpsc::Receiver<Line>, AdminError> {
        let unreachable = |error: hyper::Error| {
            AdminError::Refused(format!("the server at {} (admin.addr) does not answer: {error}", self.address))
        };
        let asked = ApiRequest::of(request).ok_or_else(|| {
            let part = ApiRequest::empty_part(request);
            let part = part.as_deref().unwrap_or("name");
            AdminError::Invalid(format!("the {part} is empty; give the {part} that is meant"))
        })?;
        let (broken, breakage) = oneshot::channel();
        let (kind, body) = content(asked.body, input, broken);
        let request = Request::builder()
            .method(asked.method)
            .uri(asked.target)
            .header(HOST, self.address.to_string())
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header(ACCEPT, JSON_LINES)
            .header(CONTENT_TYPE, kind)
            .body(body)
            .map_err(|error| AdminError::Refused(error.to_string()))?;

        let (mut sender, connection) = http1::handshake(TokioIo::new(self.stream)).await.map_err(unreachable)?;
        tokio::spawn(connection);
        let response = sender.send_request(request).await.map_err(unreachable)?;
        let status = response.status();
        if status != StatusCode::OK {
            let body = response.into_body().collect().await.map_err(unreachable)?.to_bytes();
            let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
            let detail = problem.get("detail").and_then(Value::as_str).map(str::to_owned);
            let message = detail.unwrap_or_else(|| String::from_utf8_lossy(&body).trim().to_owned());
            let versions = match status {
                StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                    " Use the same version of scim-server on both sides."
                }
                _ => "",
            };
            return Err(AdminError::Refused(format!("the running server refused the command: {message}{versions}")));
        }
        let (lines, output) = mpsc::channel(256);
        tokio::spawn(async move {
            // While the sender lives, the connection is kept open.
            let _sender = sender;
            receive(response.into_body(), &lines, breakage).await;
        });
        Ok(output)
    }
}

/// The media type and the body of a request. `broken` is told when the input breaks.
fn content(
    content: Content,
    input: Input,
    broken: oneshot::Sender<io::Error>,
) -> (&'static str, UnsyncBoxBody<Bytes, io::Error>) {
    match content {
        Content::None => (JSON, Empty::new().map_err(|never| match never {}).boxed_unsync()),
        Content::Json(text) => (JSON, Full::from(text).map_err(|never| match never {}).boxed_unsync()),
        Content::Lines => (JSON_LINES, UnsyncBoxBody::new(StreamBody::new(frames(input, broken)))),
    }
}

/// The lines of the input as a body. When the input breaks, the body ends without an end, so that the server sees that it
/// was cut off, and `broken` says why.
fn frames(
    input: Input,
    broken: oneshot::Sender<io::Error>,
) -> impl futures_util::Stream<Item = Result<Frame<Bytes>, io::Error>> + Send + 'static {
    futures_util::stream::unfold((input, Some(broken)), move |(mut input, mut broken)| async move {
        match input.recv().await? {
            Ok(text) => Some((Ok(Frame::data(Bytes::from(text + "\n"))), (input, broken))),
            Err(error) => {
                if let Some(broken) = broken.take() {
                    let _ = broken.send(io::Error::new(error.kind(), error.to_string()));
                }
                Some((Err(error), (input, broken)))
            }
        }
    })
}

/// Passes on the lines of the answer. The last is [`Line::Done`] or [`Line::Error`], unless the server has ended before.
async fn receive(mut body: Incoming, lines: &mpsc::Sender<Line>, mut breakage: oneshot::Receiver<io::Error>) {
    let mut rest: Vec<u8> = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        rest.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        let mut begin = 0;
        while let Some(length) = rest.get(begin..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n')) {
            let text = String::from_utf8_lossy(rest.get(begin..begin + length).unwrap_or_default());
            let line = Line::decode(&text).unwrap_or_else(|error| Line::Error(error.fault()));
            begin += length + 1;
            let last = matches!(line, Line::Done | Line::Error(_));
            if lines.send(line).await.is_err() || last {
                return;
            }
        }
        rest.drain(..begin);
    }
    if let Ok(error) = breakage.try_recv() {
        let _ = lines.send(Line::Error(AdminError::Input(error).fault())).await;
    }
}
