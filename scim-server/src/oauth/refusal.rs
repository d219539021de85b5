//! Why somebody gets no token: the code of RFC 6749 §5.2 for the client, and for people each check that
//! failed, with what was expected and what came.

use std::fmt;

use scim_protocol::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

/// The `error` of an answer (RFC 6749 §5.2, RFC 7009 §2.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// 401: the client is not known, or has not shown that it is the one.
    InvalidClient,
    /// A parameter is missing, stands there twice, or cannot be read.
    InvalidRequest,
    /// The scope is none, or more than the client has.
    InvalidScope,
    /// The client may not do this.
    UnauthorizedClient,
    /// Another grant than `client_credentials`.
    UnsupportedGrantType,
    /// A token that cannot be revoked here.
    UnsupportedTokenType,
}

impl Code {
    /// The word that is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidClient => "invalid_client",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidScope => "invalid_scope",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedTokenType => "unsupported_token_type",
        }
    }
}

/// One check that failed. No secret is ever part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "FailedCheck"))]
pub struct Check {
    /// What was looked at: `audience`, `signature`, `secret` …
    #[serde(rename = "check")]
    pub name: String,
    /// What it would have to be.
    pub expected: String,
    pub came: String,
}

/// The longest piece of what came that is kept.
const SHOWN: usize = 200;

impl Check {
    /// What a client sent is cut, and bereft of what is no text.
    pub fn new(name: &str, expected: impl Into<String>, came: &str) -> Self {
        let came = came.chars().map(|c| if c.is_control() { '?' } else { c }).take(SHOWN).collect();
        Self { name: name.to_owned(), expected: expected.into(), came }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, came {}", self.name, self.expected, self.came)
    }
}

/// A request that is refused. It is the source of the [`Error`] that it becomes.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", self.told())]
pub struct Refused {
    /// What the client is told.
    pub code: Code,
    /// A sentence for whoever writes the client. It says nothing of which credential check failed.
    pub description: String,
    /// What failed, for the administrator.
    pub checks: Vec<Check>,
}

impl Refused {
    /// A request that can be answered by a sentence.
    pub fn new(code: Code, description: impl Into<String>) -> Self {
        Self { code, description: description.into(), checks: Vec::new() }
    }

    /// A client that has not shown who it is. What failed is told to the administrator alone.
    pub fn client(checks: Vec<Check>) -> Self {
        let description = "The client could not be authenticated: it is not known here, or its secret or assertion is not good. The administrator of this server sees why with `scim-server client trace CLIENT --tenant TENANT`.";
        Self { code: Code::InvalidClient, description: description.into(), checks }
    }

    /// Which check failed first, in a word.
    pub fn kind(&self) -> &str {
        self.checks.first().map_or(self.code.as_str(), |check| &check.name)
    }

    fn told(&self) -> String {
        let checks: Vec<_> = self.checks.iter().map(ToString::to_string).collect();
        if checks.is_empty() { self.description.clone() } else { checks.join("; ") }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        let kind = match refused.code {
            Code::InvalidClient => ErrorKind::Unauthorized,
            _ => ErrorKind::InvalidSyntax,
        };
        Self::new(kind, refused.description.clone()).with_source(refused)
    }
}

/// The refusal that an error comes from, if it comes from one.
pub fn of(error: &Error) -> Option<&Refused> {
    std::error::Error::source(error)?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_cut_and_cannot_move_a_terminal() {
        let check = Check::new("audience", "api://a", &format!("\u{1b}[2J{}", "x".repeat(1000)));
        assert_eq!(check.came.chars().count(), SHOWN);
        assert!(check.to_string().starts_with("audience: expected api://a, came ?[2Jxxx"), "{check}");
    }

    #[test]
    fn the_client_is_not_told_which_check_failed() {
        let error = Error::from(Refused::client(vec![Check::new("secret", "one that lives", "one that has ended")]));
        assert!(!error.detail().contains("ended"), "{}", error.detail());
        assert_eq!(of(&error).map(Refused::kind), Some("secret"));
        assert_eq!(of(&error).unwrap().to_string(), "secret: expected one that lives, came one that has ended");
    }
}
