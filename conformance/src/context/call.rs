//! One request in the making. Awaiting it sends it.

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
};

use percent_encoding::utf8_percent_encode;
use serde_json::Value;

use super::Context;
use crate::{
    exchange::{Answer, Request, SCIM_JSON},
    uri::UNRESERVED,
    verdict::Stop,
};

/// A request that is not yet sent.
#[derive(Debug, Clone)]
#[must_use = "a call is sent by awaiting it"]
pub struct Call<'a> {
    scim: &'a Context,
    path: String,
    query: String,
    request: Request,
}

impl<'a> Call<'a> {
    pub(super) fn new(scim: &'a Context, method: &str, path: String) -> Self {
        let headers = vec![("accept".to_owned(), SCIM_JSON.to_owned())];
        Self {
            scim,
            path,
            query: String::new(),
            request: Request { method: method.to_owned(), headers, ..Request::default() },
        }
    }

    /// A query parameter; name and value are encoded here.
    pub fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        let value = self.scim.fill_text(&value.to_string());
        let separator = if self.query.is_empty() { "" } else { "&" };
        let (name, value) = (utf8_percent_encode(name, UNRESERVED), utf8_percent_encode(&value, UNRESERVED));
        self.query.extend([separator, &name.to_string(), "=", &value.to_string()]);
        self
    }

    pub fn filter(self, filter: impl fmt::Display) -> Self {
        self.query("filter", filter)
    }

    /// A header in the place of one with the same name; an empty value leaves it out.
    pub fn header(self, name: &str, value: &str) -> Self {
        if value.is_empty() { self.without(name) } else { self.verbatim(name, value) }
    }

    /// As [`Self::header`], with an empty value as well.
    pub fn verbatim(self, name: &str, value: &str) -> Self {
        let mut call = self.without(name);
        call.request.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        call
    }

    /// Leaves out a header that would be sent otherwise.
    pub fn without(mut self, name: &str) -> Self {
        self.request.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.text(SCIM_JSON, &body.to_string())
    }

    /// A body as it stands, with its media type.
    pub fn text(self, media_type: &str, body: &str) -> Self {
        self.bytes(media_type, body.as_bytes().to_vec())
    }

    /// The same for bytes that may be no text.
    pub fn bytes(mut self, media_type: &str, body: Vec<u8>) -> Self {
        self.request.body = Some(body.into());
        self.header("content-type", media_type)
    }

    /// 308 is an answer to it.
    pub fn unfollowed(mut self) -> Self {
        self.request.unfollowed = true;
        self
    }

    pub fn anonymous(mut self) -> Self {
        self.request.anonymous = true;
        self
    }

    fn resolve(mut self) -> Result<Request, Stop> {
        let base = self.scim.base();
        let path = if self.path.contains("://") { self.path } else { self.scim.discovery().as_declared(self.path) };
        let mut url = if path.contains("://") { path } else { format!("{base}{path}") };
        // The token goes nowhere but to the server that was named.
        if !url.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?'])) {
            return Err(Stop::Unmet(format!("Expected a URL below {base}; the server gave {url}.")));
        }
        if !self.query.is_empty() {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&self.query);
        }
        self.request.url = url;
        Ok(self.request)
    }
}

impl<'a> IntoFuture for Call<'a> {
    type Output = Result<Answer, Stop>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let scim = self.scim;
            scim.send(self.resolve()?).await
        })
    }
}
