//! What the visitor of a link may do beside setting up.

use serde::{Deserialize, Serialize};

/// What a link allows beside the first credential of a provider. Written as a list of the words `tokens`, `mapping`
/// and `log`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(into = "Vec<String>", try_from = "Vec<String>")]
pub struct Allows {
    /// Make further tokens and clients, and replace tokens that may write and clients' secrets.
    pub tokens: bool,
    /// See and change what is rewritten of what the provider sends.
    pub mapping: bool,
    /// Read the calls of the tenant.
    pub log: bool,
}

impl Allows {
    /// Reads a list of words.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut allows = Self::default();
        for word in words {
            match word.trim() {
                "tokens" => allows.tokens = true,
                "mapping" => allows.mapping = true,
                "log" => allows.log = true,
                other => {
                    return Err(format!("a setup link cannot allow {other:?}; use tokens, mapping, log or several"));
                }
            }
        }
        Ok(allows)
    }

    /// The words, in fixed order.
    pub fn words(self) -> Vec<&'static str> {
        let words = [("tokens", self.tokens), ("mapping", self.mapping), ("log", self.log)];
        words.into_iter().filter_map(|(word, is)| is.then_some(word)).collect()
    }
}

impl From<Allows> for Vec<String> {
    fn from(allows: Allows) -> Self {
        allows.words().into_iter().map(str::to_owned).collect()
    }
}

impl TryFrom<Vec<String>> for Allows {
    type Error = String;

    fn try_from(words: Vec<String>) -> Result<Self, String> {
        Self::parse(words.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for words in [&[][..], &["tokens"], &["tokens", "mapping", "log"], &["log"]] {
            assert_eq!(Allows::parse(words.iter().copied()).unwrap().words(), words);
        }
        assert!(Allows::parse(["everything"]).unwrap_err().contains("tokens, mapping, log"));
    }
}
