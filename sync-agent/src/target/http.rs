//! Requests to the target: token, TLS, time limits, and trying again.
//!
//! Every request is one of two kinds. Most may be sent twice without harm: reading, replacing,
//! adding members who may be there already, removing what may be gone. [`Http::send`] repeats them
//! while the failure may pass. Creating is not: [`Http::send_once`] repeats it only where the target
//! said that it has not begun (429), and leaves the rest to the caller, who looks first.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use command_page::terminal::printable;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{HeaderMap, Request, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use traces::TRACEPARENT;

use super::{
    TargetError, answer,
    patience::{self, Patience, Throttle},
    traced::Traced,
};
use crate::{
    secret::Token,
    target::settings::TargetSettings,
    tls::{TlsSettings, client_config},
};

/// What need not be escaped in a path segment or a query value (RFC 3986 §2.3).
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The longest answer that is read. A page of the largest groups is far below it.
const LONGEST_ANSWER: usize = 64 << 20;

/// How many characters of an answer that is not SCIM are shown.
const SHOWN: usize = 200;

/// A path segment or query value, escaped.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, &UNRESERVED).to_string()
}

/// The client. Clones share their connections and their gate.
#[derive(Clone)]
pub struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    /// The media type of what is sent.
    sends: &'static str,
    token: Arc<Token>,
    timeout: Duration,
    patience: Duration,
    gate: Arc<Throttle>,
}

/// A good answer.
#[derive(Debug)]
pub struct Answer {
    /// Method and URL, for errors.
    pub request: String,
    /// The body; `null` where there was none.
    pub body: Value,
}

impl Http {
    /// For the server of the settings.
    pub fn new(settings: &TargetSettings) -> Result<Self, TargetError> {
        let tls = client_config(&TlsSettings { ca_file: settings.ca_file.clone(), ..TlsSettings::default() })?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_all_versions().build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            base: settings.url.clone(),
            sends: "application/scim+json",
            token: Arc::new(settings.token.clone()),
            timeout: settings.timeout,
            patience: settings.patience,
            gate: Arc::new(Throttle::new(settings.requests_per_second)),
        })
    }

    /// The same for a server that takes another media type.
    #[must_use]
    pub fn sending(self, media_type: &'static str) -> Self {
        Self { sends: media_type, ..self }
    }

    pub async fn get(&self, path: &str) -> Result<Answer, TargetError> {
        self.send("GET", path, None).await
    }

    /// A request that does no harm when it is done twice. Repeated while the failure may pass.
    pub async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, TargetError> {
        self.repeat(TargetError::may_pass, method, path, body).await
    }

    /// A request that must not be done twice. Repeated only where it was certainly not begun.
    pub async fn send_once(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, TargetError> {
        self.repeat(TargetError::was_not_begun, method, path, body).await
    }

    /// How long a caller that repeats by itself should do so.
    pub fn patience(&self) -> Patience {
        Patience::lasting(self.patience)
    }

    /// What all requests pass.
    pub fn gate(&self) -> &Throttle {
        &self.gate
    }

    async fn repeat(
        &self,
        repeatable: fn(&TargetError) -> bool,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, TargetError> {
        let bytes = body.map(|body| Bytes::from(body.to_string()));
        let mut patience = self.patience();
        loop {
            self.gate.pass().await;
            match self.exchange(method, path, bytes.clone()).await {
                Err(error) if repeatable(&error) => patience.wait(&self.gate, error).await?,
                result => return result,
            }
        }
    }

    /// One request, one answer.
    async fn exchange(&self, method: &str, path: &str, body: Option<Bytes>) -> Result<Answer, TargetError> {
        let url = format!("{}{path}", self.base);
        let named = format!("{method} {url}");
        let unavailable = |reason: String| TargetError::Unavailable { request: named.clone(), reason };
        let mut request = Request::builder()
            .method(method)
            .uri(&url)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token.current()?.expose()))
            .header(header::ACCEPT, "application/scim+json, application/json");
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, self.sends);
        }
        let span = Traced::begin(method, path);
        if let Some(span) = &span {
            request = request.header(TRACEPARENT, span.traceparent());
        }
        let request = request
            .body(Full::new(body.unwrap_or_default()))
            .map_err(|error| TargetError::Strange { request: named.clone(), reason: error.to_string() })?;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| error_chain(&error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, LONGEST_ANSWER).collect().await;
            Ok::<_, String>((head, body.map_err(|error| error_chain(error.as_ref()))?.to_bytes()))
        };
        let (head, bytes) = match tokio::time::timeout(self.timeout, exchange).await {
            Ok(answer) => answer.map_err(unavailable)?,
            Err(_) => return Err(unavailable(format!("no answer within {} s", self.timeout.as_secs()))),
        };
        if let Some(span) = span {
            span.answered(head.status.as_u16());
        }
        let parsed = if bytes.is_empty() { Ok(Value::Null) } else { answer::parse(&bytes) };
        if head.status.is_success() {
            let body = parsed.map_err(|error| TargetError::Strange {
                request: named.clone(),
                reason: format!("not JSON ({error}): {}", beginning(&bytes)),
            })?;
            return Ok(Answer { request: named, body });
        }
        let body = parsed.unwrap_or_default();
        let detail = body["detail"].as_str().map_or_else(|| beginning(&bytes), printable);
        Err(TargetError::Refused {
            request: named,
            status: head.status.as_u16(),
            scim_type: body["scimType"].as_str().map(printable),
            detail,
            retry_after: patience::retry_after(text(&head.headers, "retry-after"), text(&head.headers, "date")),
        })
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The first words of an answer that is not what was hoped for.
fn beginning(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let shown: String = text.chars().take(SHOWN).collect();
    if shown.is_empty() { "it gave no reason".to_owned() } else { printable(&shown) }
}

/// An error with its causes: the outermost alone says only "client error (Connect)".
fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
