//! Raw HTTP: requests and responses as they are, except for the token, which is hidden.
//!
//! Answers are read as they are: no redirect is followed, no status is an error, and a body that is
//! not JSON is kept as text, since a proxy's error page is evidence too.

mod bearer;
mod body;
mod client;
mod connection;
mod not_sent;
mod oauth;
mod patience;
mod privacy;
mod proxy;
pub mod redirect;
mod renewal;
mod settings;
mod tls;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
pub use client::Client;
use hyper::HeaderMap;
pub use not_sent::NotSent;
pub use oauth::{Grant, Proof, Signing, access_token, renewal_by};
pub use privacy::Strangers;
pub use renewal::Renewal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
pub use settings::Settings;

use crate::verdict::{Stop, shorten};

/// The media type of SCIM (RFC 7644 §8.1).
pub const SCIM_JSON: &str = "application/scim+json";
/// The URN of error messages (RFC 7644 §3.12).
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// A request as it is sent.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: String,
    pub url: String,
    /// Names in lower case. The `Authorization` header of the run is not among them.
    pub headers: Vec<(String, String)>,
    pub body: Option<Bytes>,
    pub anonymous: bool,
    /// Whether 308 is an answer that is looked for, and not followed.
    pub unfollowed: bool,
}

impl Request {
    /// What stands behind the base URL.
    pub fn path<'a>(&'a self, base: &str) -> &'a str {
        self.url.strip_prefix(base).unwrap_or(&self.url)
    }
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// The body, with bytes that are not UTF-8 replaced.
    pub body: String,
    request: Arc<Request>,
    json: Option<Value>,
}

impl Answer {
    /// From its parts; the body is read as JSON where it is JSON.
    pub fn new(request: Arc<Request>, status: u16, headers: HeaderMap, body: String) -> Self {
        // A byte order mark is a fault that media-json tells; it hides nothing else (RFC 8259 §8.1).
        let json = serde_json::from_str(body.strip_prefix('\u{feff}').unwrap_or(&body)).ok();
        Self { status, headers, body, request, json }
    }

    /// `METHOD URL`, for sentences.
    pub fn asked(&self) -> String {
        format!("{} {}", self.request.method, self.request.url)
    }

    /// A header, where it is there and readable.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> &Value {
        self.json.as_ref().unwrap_or(&Value::Null)
    }

    pub fn status(&self, expect: u16) -> Result<&Self, Stop> {
        self.status_in(&[expect])
    }

    /// Demands one of several statuses.
    pub fn status_in(&self, expect: &[u16]) -> Result<&Self, Stop> {
        if expect.contains(&self.status) {
            return Ok(self);
        }
        self.implemented()?;
        let expect: Vec<_> = expect.iter().map(u16::to_string).collect();
        Err(Stop::Unmet(format!(
            "Expected status {} to {}; got {}{}.",
            expect.join(" or "),
            self.asked(),
            self.status,
            self.detail()
        )))
    }

    pub fn success(&self) -> Result<&Self, Stop> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        self.implemented()?;
        Err(Stop::Unmet(format!("Expected {} to succeed; got {}{}.", self.asked(), self.status, self.detail())))
    }

    /// Demands a refusal by the client's fault, and not by a breakdown of the server.
    pub fn refused(&self) -> Result<&Self, Stop> {
        if (400..500).contains(&self.status) {
            return Ok(self);
        }
        self.implemented()?;
        Err(Stop::Unmet(format!("Expected {} to be refused with a 4xx status; got {}.", self.asked(), self.status)))
    }

    /// Ends the case where the server says that it does not support such a request, or that it is to be sent somewhere
    /// else (RFC 7644 §3.12, table 8), where the token is not sent.
    fn implemented(&self) -> Result<(), Stop> {
        let method = &self.request.method;
        match self.status {
            501 => Err(Stop::Skip(format!("The server answers 501 to a {method}: it does not support that request."))),
            307 | 308 => Err(Stop::Error(format!(
                "{} is redirected to {}, where the token is not sent: it is not below --url.",
                self.asked(),
                shorten(self.header("location").unwrap_or("nowhere"), 200)
            ))),
            _ => Ok(()),
        }
    }

    /// Demands that the request is supported at all: for the cases about what every server has to support, or declares.
    pub fn offered(&self) -> Result<&Self, Stop> {
        if self.status != 501 {
            return Ok(self);
        }
        Err(Stop::Unmet(format!("Expected {} to be supported; it is answered 501.", self.asked())))
    }

    /// Demands a JSON object and gives it.
    pub fn object(&self) -> Result<&Value, Stop> {
        match &self.json {
            Some(json) if json.is_object() => Ok(json),
            _ => Err(Stop::Unmet(format!("Expected a JSON object from {}; got {}.", self.asked(), self.kind()))),
        }
    }

    /// Demands a list (`ListResponse`, RFC 7644 §3.4.2) and gives its resources.
    pub fn resources(&self) -> Result<Vec<Value>, Stop> {
        self.status(200)?;
        match &self.object()?["Resources"] {
            Value::Array(resources) => Ok(resources.clone()),
            Value::Null => Ok(Vec::new()),
            _ => Err(Stop::Unmet(format!("Expected Resources from {} to be an array.", self.asked()))),
        }
    }

    /// Demands an error with this status and, where the RFC names one, this `scimType`.
    pub fn error(&self, status: u16, scim_type: Option<&str>) -> Result<&Self, Stop> {
        self.status(status)?;
        match scim_type {
            Some(expect) if self.json()["scimType"] != expect => Err(Stop::Unmet(format!(
                "Expected scimType \"{expect}\" in the error of {}; got {}.",
                self.asked(),
                self.json()["scimType"]
            ))),
            _ => Ok(self),
        }
    }

    /// What kind of body this is, for people who put the wrong URL in.
    pub fn kind(&self) -> String {
        let start = self.body.trim_start();
        let is_html = start.get(..1) == Some("<") && start.to_ascii_lowercase().contains("<html");
        let body = match (is_html, start.is_empty()) {
            (true, _) => format!("an HTML page ({}), perhaps of a proxy or of a login form", title(start)),
            (_, true) => format!("an empty body with status {}", self.status),
            _ => format!("status {} and \"{}\"", self.status, shorten(start, 80)),
        };
        body + &self.elsewhere()
    }

    /// Where a redirection leads, for a sentence.
    fn elsewhere(&self) -> String {
        let location = self.header("location").filter(|_| (300..400).contains(&self.status));
        location.map_or_else(String::new, |location| format!(", and a redirection to {}", shorten(location, 200)))
    }

    fn detail(&self) -> String {
        match self.json()["detail"].as_str() {
            Some(detail) => format!(" ({})", shorten(detail.trim_end_matches('.'), 200)),
            None if self.json.is_none() && !self.body.trim().is_empty() => format!(" with {}", self.kind()),
            None => String::new(),
        }
    }
}

/// The title of an HTML page.
fn title(page: &str) -> String {
    let lower = page.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|start| {
        let rest = page.get(start + "<title>".len()..)?;
        rest.get(..rest.find('<')?)
    });
    title.map_or_else(|| "without a title".to_owned(), |title| format!("\"{}\"", shorten(title.trim(), 80)))
}

/// One request and its response, as reports show them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    pub request: Sent,
    /// What came, or why nothing came.
    pub answer: Received,
    /// How long it took, in milliseconds.
    #[serde(default)]
    pub ms: u64,
}

/// What is known when an exchange is written down, beside the exchange.
pub struct Circumstances<'a> {
    pub client: &'a Client,
    /// The base URL.
    pub base: &'a str,
    pub took: Duration,
    /// Whether the run made a resource.
    pub is_ours: &'a dyn Fn(&Value) -> bool,
}

/// A request in a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    pub method: String,
    pub url: String,
    /// The headers; the token is hidden.
    pub headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// An answer in a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Received {
    Answer { status: u16, headers: BTreeMap<String, String>, body: String },
    Nothing { error: String },
}

/// The most of a body that a report keeps.
const MOST_BODY: usize = 16 * 1024;

impl Exchange {
    /// What is written down of an exchange: without secrets, and without what is not the run's, see [`privacy`].
    pub fn record(
        request: &Request,
        answer: Result<&Answer, &NotSent>,
        strangers: &mut Strangers,
        about: &Circumstances,
    ) -> Self {
        let path = request.path(about.base);
        let hidden = answer.ok().and_then(|answer| strangers.hidden(path, answer.json(), about.is_ours));
        let secrets = about.client.secrets();
        let hide = |text: &str| {
            // What is cut off later is not searched.
            let text = privacy::without_secrets(&secrets, &shorten(text, 2 * MOST_BODY));
            shorten(&text, MOST_BODY)
        };
        let hide_ids = |text: &str| hide(&strangers.without_ids(text));
        let mut headers: BTreeMap<_, _> =
            request.headers.iter().map(|(name, value)| (name.clone(), hide(value))).collect();
        headers.extend(about.client.hidden_headers(request));
        let sent = Sent {
            method: request.method.clone(),
            url: hide_ids(&request.url),
            headers,
            body: request.body.as_deref().map(|body| hide(&String::from_utf8_lossy(body))),
        };
        let received = match answer {
            Ok(answer) => Received::Answer {
                status: answer.status,
                headers: answer
                    .headers
                    .iter()
                    .map(|(name, value)| (name.to_string(), hide_ids(&String::from_utf8_lossy(value.as_bytes()))))
                    .collect(),
                body: hidden.map_or_else(|| hide(&answer.body), |shown| hide(&shown.to_string())),
            },
            Err(error) => Received::Nothing { error: hide_ids(&error.to_string()) },
        };
        Self { request: sent, answer: received, ms: u64::try_from(about.took.as_millis()).unwrap_or(u64::MAX) }
    }

    /// Hides another secret.
    pub fn hide(&mut self, secret: &str) {
        let replace = |text: &mut String| *text = text.replace(secret, "***");
        self.request.headers.values_mut().for_each(replace);
        self.request.body.iter_mut().for_each(replace);
        replace(&mut self.request.url);
        if let Received::Answer { headers, body, .. } = &mut self.answer {
            headers.values_mut().for_each(replace);
            replace(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let request = Request { method: "GET".to_owned(), url: "http://x/Users".to_owned(), ..Request::default() };
        Answer::new(Arc::new(request), status, HeaderMap::new(), body.to_owned())
    }

    #[test]
    fn a_page_is_told_from_json() {
        let page = answer(502, "<!doctype html><html><title>Bad gateway</title></html>");
        let Err(Stop::Unmet(why)) = page.status(200) else { panic!("a 502 is no 200") };
        assert!(why.contains("an HTML page (\"Bad gateway\")"), "{why}");
        assert!(answer(200, "{\"Resources\": []}").resources().is_ok());
        assert!(answer(200, "[]").object().is_err());
    }

    fn record(request: &Request, answer: &Answer, settings: &Settings) -> String {
        let client = Client::new("http://x", settings).unwrap();
        let about = Circumstances { client: &client, base: "http://x", took: Duration::ZERO, is_ours: &|_| false };
        let record = Exchange::record(request, Ok(answer), &mut Strangers::default(), &about);
        serde_json::to_string(&record).unwrap()
    }

    #[test]
    fn the_token_is_hidden_wherever_it_is() {
        let settings = Settings { token: Some("s3cret".to_owned()), ..Settings::default() };
        let request = Request { url: "http://x/?t=s3cret".to_owned(), ..Request::default() };
        let text = record(&request, &answer(400, "no s3cret here"), &settings);
        assert!(!text.contains("s3cret") && text.contains("Bearer ***"), "{text}");
        let settings = Settings { headers: vec![("X-Key".to_owned(), "k3y-value".to_owned())], ..Settings::default() };
        let text = record(&request, &answer(400, "no k3y-value here"), &settings);
        assert!(!text.contains("k3y-value") && text.contains("\"x-key\":\"***\""), "{text}");
        let anonymous = Request { anonymous: true, ..request };
        assert!(!record(&anonymous, &answer(400, ""), &settings).contains("x-key"));
    }

    #[test]
    fn who_is_not_ours_is_hidden() {
        let request = Request { url: "http://x/Users/1a2b".to_owned(), ..Request::default() };
        let user = answer(200, "{\"id\": \"1a2b\", \"userName\": \"anna.quill\"}");
        let text = record(&request, &user, &Settings::default());
        assert!(!text.contains("anna") && !text.contains("1a2b") && text.contains("userName"), "{text}");
    }
}
