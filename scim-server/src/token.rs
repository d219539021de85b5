//! Bearer tokens (RFC 6750): their form, their storage, and their scopes.
//!
//! A token is shown once, when it is issued, and stored only as a digest. A tenant can have several live tokens, up
//! to its limit, so that one can replace another without a gap. [`ledger`] issues, rotates and revokes them,
//! [`secret`] is their text, [`record`] their stored form, [`reminder`] decides when to warn that one expires, and
//! [`succession`] what that asks of somebody.

pub mod ledger;
pub mod record;
pub mod reminder;
pub mod secret;
pub mod succession;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use ledger::{Issued, Ledger, LedgerError};
pub use record::{Status, Token};
pub use secret::Secret;
pub use succession::Step;

/// What a token may do. Written as a list of the words `read`, `write` and `events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(into = "Vec<String>", try_from = "Vec<String>")]
pub struct Scopes {
    /// Retrieve and query.
    pub read: bool,
    /// Create, replace, modify, delete.
    pub write: bool,
    /// Read the feed of events.
    pub events: bool,
}

impl Scopes {
    /// No scope.
    const NONE: Self = Self { read: false, write: false, events: false };

    /// The scopes that an identity provider needs: read and write.
    pub const ALL: Self = Self { read: true, write: true, events: false };

    /// Reads a list of words: `["read", "write"]`. At least one is needed.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut scopes = Self::NONE;
        for word in words {
            match word {
                "read" => scopes.read = true,
                "write" => scopes.write = true,
                "events" => scopes.events = true,
                other => {
                    return Err(format!("there is no scope \"{other}\"; use read, write, events or several of them"));
                }
            }
        }
        if scopes == Self::NONE {
            return Err("a token needs a scope; use read, write, events or several of them".to_owned());
        }
        Ok(scopes)
    }

    /// The words, in fixed order.
    pub fn words(self) -> Vec<&'static str> {
        let words = [("read", self.read), ("write", self.write), ("events", self.events)];
        words.into_iter().filter_map(|(word, set)| set.then_some(word)).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(","))
    }
}

impl From<Scopes> for Vec<String> {
    fn from(scopes: Scopes) -> Self {
        scopes.words().into_iter().map(str::to_owned).collect()
    }
}

impl TryFrom<Vec<String>> for Scopes {
    type Error = String;

    fn try_from(words: Vec<String>) -> Result<Self, String> {
        Self::parse(words.iter().map(String::as_str))
    }
}
