//! The SCIM server that is written to.
//!
//! [`TargetReader`] looks, [`TargetWriter`] writes; whoever plans gets only the first. Both share one [`http`]
//! client, which knows the token; [`patience`] says when a request is sent and when it is sent again.
//! [`Capabilities`] is what the server says it can do, and [`profile`] what is known of servers that
//! take less than the RFC's. What comes in is read within bounds by [`answer`], spelled the schema's way
//! by [`spelling`], and a list followed to its end by [`walk`].

pub mod answer;
pub mod capabilities;
pub mod expiry;
pub mod http;
pub mod patience;
pub mod profile;
pub mod read;
pub mod settings;
pub mod spelling;
mod traced;
pub mod walk;
pub mod write;

use std::{collections::HashSet, time::Duration};

use serde_json::Value;

use crate::{
    document::Document,
    identity::Kind,
    plan::{ResourceId, TargetResource},
    secret::SecretError,
    tls::TlsError,
};

pub use capabilities::Capabilities;
pub use read::TargetReader;
pub use write::TargetWriter;

/// Why the target did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It could not be reached, or gave no answer in time. Whether a write was done is not known.
    #[error("the SCIM server gave no answer to {request}: {reason}")]
    Unavailable {
        /// Method and URL.
        request: String,
        /// Why.
        reason: String,
    },
    /// It refused. `scimType` and `detail` are its own words (RFC 7644 §3.12).
    #[error("the SCIM server refused {request} with {status}{}: {detail}", scim_type.as_ref().map_or(String::new(), |kind| format!(" {kind}")))]
    Refused {
        /// Method and URL.
        request: String,
        /// The status code.
        status: u16,
        /// The keyword.
        scim_type: Option<String>,
        /// The sentence.
        detail: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// It answered something that is not SCIM.
    #[error("the answer to {request} is not what SCIM says: {reason}; is target.url right?")]
    Strange {
        /// Method and URL.
        request: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The TLS settings cannot be used.
    #[error(transparent)]
    Settings(#[from] TlsError),
    /// The token cannot be read.
    #[error(transparent)]
    Token(#[from] SecretError),
}

impl TargetError {
    /// The status code, where there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// When the target wants to be asked again, where it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the same request may succeed in a moment: what a busy or restarting server, or a
    /// gateway before it, answers.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable { .. }) || matches!(self.status(), Some(429 | 502 | 503 | 504))
    }

    /// Whether the request was certainly not begun: it is throttled before it is looked at.
    pub fn was_not_begun(&self) -> bool {
        self.status() == Some(429)
    }

    /// Whether a write may have been done although this came back.
    pub fn leaves_doubt(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Strange { .. })
            || self.status().is_some_and(|status| status >= 500)
    }

    /// Whether it is about the target as a whole and not about one object: every other request
    /// would fail alike.
    pub fn is_general(&self) -> bool {
        self.may_pass() || matches!(self, Self::Settings(_) | Self::Token(_)) || self.status() == Some(401)
    }
}

/// What is kept of a resource: a list may show a hundred thousand, and most of each is not compared.
#[derive(Debug, Clone, Default)]
enum Kept {
    #[default]
    All,
    /// These attributes, and by which it is recognised.
    Only(HashSet<String>),
}

impl Kept {
    fn has(&self, kind: Kind, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(name) || name == "externalId" || name == kind.naming_attribute(),
        }
    }
}

impl http::Answer {
    /// The resources of a list, with these attributes of each.
    fn resources(self, kind: Kind, attributes: &Kept) -> Result<Vec<TargetResource>, TargetError> {
        let Self { request, mut body } = self;
        let Some(Value::Array(resources)) = member(&mut body, "Resources") else { return Ok(Vec::new()) };
        let resource = |body| Self { request: request.clone(), body }.resource_with(kind, attributes);
        resources.into_iter().map(resource).collect()
    }

    fn resource(self, kind: Kind) -> Result<TargetResource, TargetError> {
        self.resource_with(kind, &Kept::All)
    }

    fn resource_with(self, kind: Kind, attributes: &Kept) -> Result<TargetResource, TargetError> {
        let strange = |reason: &str| TargetError::Strange { request: self.request.clone(), reason: reason.to_owned() };
        let Value::Object(document) = self.body else { return Err(strange("a resource is an object")) };
        let mut document = spelling::canonical(kind, document);
        let id = document.get("id").and_then(Value::as_str).ok_or_else(|| strange("a resource has an id"))?;
        let resource = ResourceId(id.into());
        let members = match document.remove("members") {
            Some(Value::Array(members)) => members,
            _ => Vec::new(),
        };
        document.retain(|name, _| attributes.has(kind, name));
        let values = members.iter().filter_map(Value::as_str);
        let members = values.map(|id| ResourceId(id.into())).collect();
        Ok(TargetResource { resource, members, document: Document::new(&document) })
    }
}

/// Takes a member of a message out of it, whatever its case.
fn member(body: &mut Value, name: &str) -> Option<Value> {
    let body = body.as_object_mut()?;
    let key = body.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
    body.get_mut(&key).map(Value::take)
}
