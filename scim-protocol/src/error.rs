//! The one error type, and the one table from kind to HTTP status and `scimType`.
//!
//! RFC 7644 §3.12 tables 8 and 9; RFC 9865 §2.1 table 3 adds the cursor kinds.

mod bound;
mod explanation;

use std::fmt;

use serde_json::{Value, json};

pub use bound::{LONGEST, bounded};
pub use explanation::Explanation;

/// The schema URI of an error body (RFC 7644 §3.12).
pub const ERROR_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// What went wrong, in the RFC's own words. Each kind has one status and at most one `scimType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A cursor older than `cursorTimeout` (RFC 9865 §2.1).
    ExpiredCursor,
    /// The caller is known and may not do this.
    Forbidden,
    /// The target existed, but is no longer kept.
    Gone,
    /// The headers of the request, or their number, are over a limit.
    HeadersTooLarge,
    /// A fault of the server. The log has the cause; the detail does not.
    Internal,
    /// `count` differs from the one the cursor was made with (RFC 9865 §2.1).
    InvalidCount,
    /// Not a cursor of this server, or one for another query (RFC 9865 §2.1).
    InvalidCursor,
    /// The filter does not follow the grammar, or compares what cannot be compared.
    InvalidFilter,
    /// The `path` of a PATCH operation does not follow the grammar or names nothing.
    InvalidPath,
    /// The body is not JSON, or not the message that this endpoint takes.
    InvalidSyntax,
    /// A required value is missing, or a value has the wrong type.
    InvalidValue,
    /// The protocol version in the URL is not supported.
    InvalidVers,
    /// The URL exists and does not take this method; the methods that it does take.
    MethodNotAllowed(&'static str),
    /// A change of a `readOnly` or of an already set `immutable` attribute.
    Mutability,
    /// A PATCH filter selects nothing.
    NoTarget,
    /// No such resource or endpoint.
    NotFound,
    /// A feature that this server does not offer.
    NotImplemented,
    /// The body, or the number of operations in it, is over a limit.
    PayloadTooLarge,
    /// `If-Match` names another version than the stored one.
    PreconditionFailed,
    /// Personal information in a URL where it must not stand.
    Sensitive,
    /// The answer would take more work than the server is willing to do.
    TooMany,
    /// Over the rate limit; whole seconds until another try makes sense.
    TooManyRequests(u32),
    /// The store cannot answer now; whole seconds until another try makes sense.
    Unavailable(u32),
    /// A value that must be unique is taken.
    Uniqueness,
    /// No token, or not one that is good here.
    Unauthorized,
    /// The URL is over a limit.
    UriTooLong,
    /// The body is not of a media type that SCIM knows.
    UnsupportedMediaType,
}

impl ErrorKind {
    /// The HTTP status code (RFC 7644 §3.12 table 8).
    pub const fn status(self) -> u16 {
        match self {
            Self::ExpiredCursor
            | Self::InvalidCount
            | Self::InvalidCursor
            | Self::InvalidFilter
            | Self::InvalidPath
            | Self::InvalidSyntax
            | Self::InvalidValue
            | Self::InvalidVers
            | Self::Mutability
            | Self::NoTarget
            | Self::TooMany => 400,
            Self::Unauthorized => 401,
            Self::Forbidden | Self::Sensitive => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed(_) => 405,
            Self::Uniqueness => 409,
            Self::Gone => 410,
            Self::PreconditionFailed => 412,
            Self::PayloadTooLarge => 413,
            Self::UriTooLong => 414,
            Self::UnsupportedMediaType => 415,
            Self::TooManyRequests(_) => 429,
            Self::HeadersTooLarge => 431,
            Self::Internal => 500,
            Self::NotImplemented => 501,
            Self::Unavailable(_) => 503,
        }
    }

    /// The `scimType` keyword, where one is defined (RFC 7644 table 9, RFC 9865 table 3).
    pub const fn scim_type(self) -> Option<&'static str> {
        Some(match self {
            Self::ExpiredCursor => "expiredCursor",
            Self::InvalidCount => "invalidCount",
            Self::InvalidCursor => "invalidCursor",
            Self::InvalidFilter => "invalidFilter",
            Self::InvalidPath => "invalidPath",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidValue => "invalidValue",
            Self::InvalidVers => "invalidVers",
            Self::Mutability => "mutability",
            Self::NoTarget => "noTarget",
            Self::Sensitive => "sensitive",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Forbidden
            | Self::HeadersTooLarge
            | Self::Internal
            | Self::MethodNotAllowed(_)
            | Self::NotFound
            | Self::NotImplemented
            | Self::PayloadTooLarge
            | Self::Gone
            | Self::PreconditionFailed
            | Self::TooManyRequests(_)
            | Self::Unavailable(_)
            | Self::Unauthorized
            | Self::UnsupportedMediaType
            | Self::UriTooLong => return None,
        })
    }
}

/// A boxed cause: for the log, never for the client.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// An error for a client: its kind, a `detail` that names the attribute and says what to change, and, for the log
/// only, the cause.
///
/// A detail quotes what a client sent only between double quotes, so that a log can hide it.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    detail: String,
    source: Option<Source>,
}

impl Error {
    /// An error with the sentence that the client reads. What it quotes of a request is [bounded].
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: bounded(detail.into()), source: None }
    }

    /// The same error with its cause, which goes to the log and is never sent.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error in other words.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { detail: bounded(detail.into()), ..self }
    }

    /// A fault of the server. The client does not see `source`.
    pub fn internal(source: impl Into<Source>) -> Self {
        Self::new(ErrorKind::Internal, "The server failed to process the request. Try again later; if it happens again, give the administrator the request id of this response.")
            .with_source(source)
    }

    /// A body or message of the wrong shape.
    pub fn syntax(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidSyntax, detail)
    }

    /// A missing or unsuitable attribute value.
    pub fn value(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidValue, detail)
    }

    /// What kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The sentence for the client.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The error body of RFC 7644 §3.12; `status` is a string, as the RFC says.
    pub fn body(&self) -> Value {
        let mut body = json!({
            "schemas": [ERROR_SCHEMA],
            "status": self.kind.status().to_string(),
        });
        if let Some(scim_type) = self.kind.scim_type() {
            body["scimType"] = scim_type.into();
        }
        body["detail"] = self.detail.clone().into();
        body
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.detail)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_has_status_as_a_string_and_never_the_source() {
        let error = Error::new(ErrorKind::Uniqueness, "userName is taken.").with_source("secret path");
        let body = error.body();
        assert_eq!(body["status"], "409");
        assert_eq!(body["scimType"], "uniqueness");
        assert!(!body.to_string().contains("secret"));
    }
}
