//! What a client may do (RFC 6749 §3.3): a list of words with spaces between them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::token::Scopes;

/// Scopes of a client or of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(into = "String", try_from = "String")]
pub struct Scope {
    /// What it may do with users, groups and the feed of events.
    pub scopes: Scopes,
    /// Whether it may ask what others' tokens are good for (RFC 7662).
    pub introspect: bool,
}

/// The words. `scim` is `scim.read` and `scim.write` together.
pub const WORDS: [&str; 5] = ["scim", "scim.read", "scim.write", "scim.events", "scim.introspect"];

impl Scope {
    const NONE: Self = Self { scopes: Scopes { read: false, write: false, events: false }, introspect: false };

    /// `scim`: to read and to write.
    pub const SCIM: Self = Self { scopes: Scopes::ALL, introspect: false };

    /// Reads words with spaces between them. At least one is needed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut scope = Self::NONE;
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            match word {
                "scim" => (scope.scopes.read, scope.scopes.write) = (true, true),
                "scim.read" => scope.scopes.read = true,
                "scim.write" => scope.scopes.write = true,
                "scim.events" => scope.scopes.events = true,
                "scim.introspect" => scope.introspect = true,
                other => {
                    return Err(format!("there is no scope {other:?}; use {} or several of them", WORDS.join(", ")));
                }
            }
        }
        if scope == Self::NONE {
            return Err(format!("a client needs a scope; use {} or several of them", WORDS.join(", ")));
        }
        Ok(scope)
    }

    /// Whether everything of `other` is in this one.
    pub fn covers(self, other: Self) -> bool {
        self.bits() & other.bits() == other.bits()
    }

    /// What is in both.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self::from_bits(self.bits() & other.bits())
    }

    /// As one byte, for a sealed token.
    pub fn bits(self) -> u8 {
        let Scopes { read, write, events } = self.scopes;
        u8::from(read) | u8::from(write) << 1 | u8::from(events) << 2 | u8::from(self.introspect) << 3
    }

    /// The scope of that byte.
    pub fn from_bits(bits: u8) -> Self {
        let has = |bit: u8| bits & 1 << bit != 0;
        Self { scopes: Scopes { read: has(0), write: has(1), events: has(2) }, introspect: has(3) }
    }
}

impl From<Scopes> for Scope {
    fn from(scopes: Scopes) -> Self {
        Self { scopes, introspect: false }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scopes { read, write, events } = self.scopes;
        let has = [read && write, read && !write, write && !read, events, self.introspect];
        let words: Vec<_> = WORDS.into_iter().zip(has).filter_map(|(word, has)| has.then_some(word)).collect();
        f.write_str(&words.join(" "))
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

impl TryFrom<String> for Scope {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let scope = Scope::parse(text).unwrap();
        assert_eq!(scope.to_string(), expect);
        assert_eq!(Scope::from_bits(scope.bits()), scope);
        assert_eq!(Scope::parse(expect), Ok(scope));
    }

    #[test]
    fn scopes_are_words() {
        check("scim", "scim");
        check("scim.write  scim.read", "scim");
        check("scim.read", "scim.read");
        check("scim.write scim.introspect", "scim.write scim.introspect");
        check("scim.events scim", "scim scim.events");
        for wrong in ["", " ", "SCIM", "scim.all", "scim,scim.read", "scim scim.*"] {
            assert!(Scope::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_scope_covers_another_when_it_has_all_of_it() {
        let scope = |text| Scope::parse(text).unwrap();
        assert!(scope("scim").covers(scope("scim.read")));
        assert!(!scope("scim.read").covers(scope("scim")));
        assert!(!scope("scim").covers(scope("scim.events")));
        assert!(!scope("scim scim.events").covers(scope("scim.introspect")));
    }
}
