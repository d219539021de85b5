//! Requests and answers in the form in which faults change them.

use http_body_util::Full;
use hyper::{body::Bytes, http::request::Parts};
use percent_encoding::percent_decode_str;
use scim_protocol::Error;
use serde_json::Value;

/// A request.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// Behind the base URL: `/Users/2819c223`.
    pub path: String,
    /// Decoded.
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Asked {
    pub fn read(base: &str, head: &Parts, body: &[u8]) -> Self {
        let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let query = head.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let query = query.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let path = head.uri.path();
        let headers = head.headers.iter();
        Self {
            method: head.method.to_string(),
            path: percent_decode_str(path.strip_prefix(base).unwrap_or(path)).decode_utf8_lossy().into_owned(),
            query: query.map(|(name, value)| (decode(name), decode(value))).collect(),
            headers: headers
                .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
                .collect(),
            body: String::from_utf8_lossy(body).into_owned(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Option<Value>,
    /// A body that is no JSON, in its place.
    pub text: Option<String>,
}

impl Answer {
    pub fn new(status: u16, body: Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/scim+json".to_owned())];
        Self { status, headers, body: Some(body), text: None }
    }

    pub fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn write(self) -> hyper::Response<Full<Bytes>> {
        let body = self.text.or_else(|| self.body.map(|body| body.to_string())).unwrap_or_default();
        let mut response = hyper::Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(Full::new(Bytes::from(body))).expect("an answer")
    }
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        let answer = Self::new(error.kind().status(), error.body());
        match error.kind() {
            scim_protocol::ErrorKind::MethodNotAllowed(methods) => answer.header("allow", methods),
            _ => answer,
        }
    }
}
