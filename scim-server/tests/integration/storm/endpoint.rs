//! Endpoints of webhooks, and of streams of security event tokens: one that takes everything, and others that fail in every
//! way there is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

use super::{
    held::{self, Held},
    kept::Kept,
    readers, text,
};
use crate::webhooks::receiver::Received;

/// How an endpoint answers.
enum Mood {
    Takes,
    /// This status, with a time to wait.
    Refuses(u16),
    /// Takes it, and is killed before it answers.
    TakesAndDies,
    /// Is killed before it has written the message down.
    Dies,
    /// Does not answer.
    Hangs,
}

#[derive(Default)]
struct State {
    /// What it has, of each tenant.
    held: BTreeMap<String, Held>,
    /// Messages that were not taken once: the next time they are, so that nobody has to wait for hours.
    failed: BTreeSet<String>,
    hung: usize,
    gone: usize,
    /// How many tokens were not taken. Those behind one wait for it, so there are not many.
    tokens: usize,
}

/// The most of them.
const MOST_TOKENS: usize = 20;

/// An endpoint on a port of its own.
pub struct Endpoint {
    pub url: String,
    /// What others are to verify.
    pub messages: Kept<Received>,
    pub tokens: Kept<String>,
    state: Arc<Mutex<State>>,
}

impl Endpoint {
    pub async fn start(fails: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State::default()));
        let (messages, tokens) = <(Kept<Received>, Kept<String>)>::default();
        let (shared, kept) = (Arc::clone(&state), (messages.clone(), tokens.clone()));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, kept) = (Arc::clone(&shared), kept.clone());
                let service = service_fn(move |request| answer(Arc::clone(&state), kept.clone(), fails, request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, messages, tokens, state }
    }

    /// What it has of a tenant.
    pub fn of(&self, tenant: &str) -> Held {
        self.state.lock().expect("the state").held.get(tenant).cloned().unwrap_or_default()
    }
}

impl State {
    fn mood(&mut self, message: &str) -> Mood {
        if !rand::random_bool(0.1) || !self.failed.insert(message.to_owned()) {
            return Mood::Takes;
        }
        match rand::random_range(0..7) {
            0 => Mood::Refuses(500),
            1 => Mood::Refuses(429),
            2 => Mood::Refuses(302),
            3 => Mood::Dies,
            4 => Mood::TakesAndDies,
            5 if self.hung < 2 => {
                self.hung += 1;
                Mood::Hangs
            }
            6 if self.gone < 2 => {
                self.gone += 1;
                Mood::Refuses(410)
            }
            _ => Mood::Refuses(503),
        }
    }

    fn take(&mut self, body: &Value) {
        self.held.entry(text(body, "/data/tenant")).or_default().take(&body["data"]);
    }

    fn mood_for_token(&mut self, jti: &str) -> Mood {
        if self.tokens >= MOST_TOKENS {
            return Mood::Takes;
        }
        let mood = self.mood(jti);
        self.tokens += usize::from(!matches!(mood, Mood::Takes));
        mood
    }

    fn take_token(&mut self, claims: &Value) {
        let tenant = text(claims, "/iss").rsplit('/').next().expect("a tenant").to_owned();
        if let Some(event) = held::of_token(claims) {
            self.held.entry(tenant).or_default().take(&event);
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("killed")]
struct Killed;

async fn answer(
    state: Arc<Mutex<State>>,
    (messages, tokens): (Kept<Received>, Kept<String>),
    fails: bool,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Killed> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Killed)?.to_bytes();
    let is_token = parts.headers["content-type"] == "application/secevent+jwt";
    let mood = {
        let mut state = state.lock().expect("the state");
        if is_token {
            let token = std::str::from_utf8(&body).expect("a token");
            tokens.take(|| token.to_owned());
            let claims = readers::claims(token);
            let mood = if fails { state.mood_for_token(&text(&claims, "/jti")) } else { Mood::Takes };
            if matches!(mood, Mood::Takes | Mood::TakesAndDies) {
                state.take_token(&claims);
            }
            mood
        } else {
            messages.take(|| Received::of(&parts, &body));
            let body: Value = serde_json::from_slice(&body).expect("JSON");
            let id = parts.headers["webhook-id"].to_str().expect("an id");
            let mood = if fails { state.mood(id) } else { Mood::Takes };
            if matches!(mood, Mood::Takes | Mood::TakesAndDies) {
                state.take(&body);
            }
            mood
        }
    };
    match mood {
        Mood::Takes => Ok(status(204)),
        Mood::Refuses(code) => Ok(status(code)),
        Mood::Dies | Mood::TakesAndDies => Err(Killed),
        Mood::Hangs => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Err(Killed)
        }
    }
}

fn status(code: u16) -> Response<Full<Bytes>> {
    let response = Response::builder().status(code).header("retry-after", "1").header("location", "/");
    response.body(Full::default()).unwrap_or_else(|error| unreachable!("{error}"))
}
