//! Requests to the target: token, TLS, time limits.
//!
//! Retries have their place here: 429 and 503 with their `Retry-After`, and requests that may be
//! sent again; and the gate that keeps the number of requests at a time and a second.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::TargetError;
use crate::{
    config::{Secret, TargetSettings, Tls},
    source::connection,
};

/// What need not be escaped in a path segment or a query value (RFC 3986 §2.3).
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A path segment or query value, escaped.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, &UNRESERVED).to_string()
}

/// The client. Clones share their connections.
#[derive(Clone)]
pub struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    token: Secret,
    timeout: Duration,
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
        let tls = connection::client_config(&Tls { ca_file: settings.ca_file.clone(), ..Tls::default() })?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_all_versions().build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            base: settings.url.clone(),
            token: settings.token.clone(),
            timeout: settings.timeout,
        })
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Result<Answer, TargetError> {
        self.exchange("GET", path, None).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Result<Answer, TargetError> {
        self.exchange("DELETE", path, None).await
    }

    /// A request with a body.
    pub async fn send(&self, method: &str, path: &str, body: &Value) -> Result<Answer, TargetError> {
        self.exchange(method, path, Some(body)).await
    }

    async fn exchange(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, TargetError> {
        let url = format!("{}{path}", self.base);
        let named = format!("{method} {url}");
        let unavailable = |reason: String| TargetError::Unavailable { request: named.clone(), reason };
        let mut request = Request::builder()
            .method(method)
            .uri(&url)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token.expose()))
            .header(header::ACCEPT, "application/scim+json, application/json");
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/scim+json");
        }
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let request = request.body(Full::new(bytes)).map_err(|error| unavailable(error.to_string()))?;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| error_chain(&error))?;
            let status = response.status();
            let body = response.into_body().collect().await.map_err(|error| error_chain(&error))?;
            Ok::<_, String>((status, body.to_bytes()))
        };
        let (status, bytes) = match tokio::time::timeout(self.timeout, exchange).await {
            Ok(answer) => answer.map_err(unavailable)?,
            Err(_) => return Err(unavailable(format!("no answer within {} s", self.timeout.as_secs()))),
        };
        let parsed = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice::<Value>(&bytes) };
        if status.is_success() {
            let body = parsed.map_err(|error| TargetError::Strange {
                request: named.clone(),
                reason: format!("not JSON: {error}"),
            })?;
            return Ok(Answer { request: named, body });
        }
        let body = parsed.unwrap_or_default();
        Err(TargetError::Refused {
            request: named,
            status: status.as_u16(),
            scim_type: body["scimType"].as_str().map(str::to_owned),
            detail: body["detail"].as_str().unwrap_or("it gave no reason").to_owned(),
        })
    }
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
