//! A receiver of webhooks that can be told to refuse.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, StatusCode, body::Incoming, http::request::Parts, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::server::check_message;

/// A message as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub headers: BTreeMap<String, String>,
    pub body: String,
    /// When it came, in seconds since the epoch.
    pub at: u64,
}

impl Received {
    /// A message that comes now.
    pub fn of(parts: &Parts, body: &[u8]) -> Self {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let headers = parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())));
        let at = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
        Self { headers: headers.collect(), body: text(body), at }
    }
}

#[derive(Default)]
struct State {
    taken: Vec<Received>,
    refused: Vec<Received>,
    /// What is refused, and with which status: messages with this text.
    refuse: Option<(String, u16)>,
    /// Where those who are refused are led.
    location: Option<String>,
}

/// A receiver on a port of its own.
pub struct Receiver {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hook?a=b", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                let service = service_fn(move |request| answer(Arc::clone(&state), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, state }
    }

    /// From now on messages with this text are refused.
    pub fn refuse(&self, text: &str, status: u16) {
        self.state.lock().expect("the state").refuse = Some((text.to_owned(), status));
    }

    /// From now on whoever comes is led elsewhere.
    pub fn redirect(&self, status: u16, to: &str) {
        self.refuse("", status);
        self.state.lock().expect("the state").location = Some(to.to_owned());
    }

    /// What was taken, in the order in which it came. Each message of a webhook is as the description of the server says.
    pub fn taken(&self) -> Vec<Received> {
        let taken = self.state.lock().expect("the state").taken.clone();
        let of_webhooks =
            taken.iter().filter(|one| one.headers.get("content-type").is_some_and(|kind| kind.contains("json")));
        of_webhooks.for_each(|message| check_message(&message.body));
        taken
    }

    /// What was refused.
    pub fn refused(&self) -> Vec<Received> {
        self.state.lock().expect("the state").refused.clone()
    }
}

async fn answer(state: Arc<Mutex<State>>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Ok(status(400)) };
    let received = Received::of(&parts, &body.to_bytes());
    let mut state = state.lock().expect("the state");
    if let Some((text, code)) = &state.refuse
        && received.body.contains(text.as_str())
    {
        let mut response = status(*code);
        if let Some(location) = &state.location {
            response.headers_mut().insert("location", location.parse().expect("a URL"));
        }
        state.refused.push(received);
        return Ok(response);
    }
    state.taken.push(received);
    Ok(status(204))
}

fn status(code: u16) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::from_u16(code).expect("a status");
    response
}
