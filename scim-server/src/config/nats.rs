//! The settings `event_nats…`, together.

use std::path::PathBuf;

use super::{ConfigError, Layers, path};

/// Where events are sent to: a stream of NATS JetStream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nats {
    /// URLs of servers of one cluster: `nats://host:4222`, or `tls://host:4222`. None: events are not sent.
    pub servers: Vec<String>,
    /// What the subjects of messages begin with.
    pub subject: String,
    /// A file with a token, or with a user and a password.
    pub credentials: Option<PathBuf>,
    /// Certificates that those of the servers are checked against.
    pub ca: Option<PathBuf>,
}

impl Nats {
    /// What the layers say of it.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            servers: layers.optional("event_nats", servers)?.unwrap_or_default(),
            subject: layers.required("event_nats_subject", subject)?,
            credentials: layers.optional("event_nats_credentials", path)?,
            ca: layers.optional("event_nats_ca", path)?,
        })
    }

    /// Its settings, and whether each is another one.
    pub fn changed(&self, other: &Self) -> [(&'static str, bool); 4] {
        [
            ("event_nats", self.servers != other.servers),
            ("event_nats_subject", self.subject != other.subject),
            ("event_nats_credentials", self.credentials != other.credentials),
            ("event_nats_ca", self.ca != other.ca),
        ]
    }
}

/// The URLs of servers, separated by commas. The text itself is not in the message: there may be a password in it.
fn servers(text: &str) -> Result<Vec<String>, String> {
    let one = |text: &str| {
        let host = text.strip_prefix("nats://").or_else(|| text.strip_prefix("tls://"));
        let legal = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        if host.is_some_and(|host| !host.is_empty() && host.chars().all(legal)) {
            return Ok(text.to_owned());
        }
        Err("a server of NATS is written as nats://host:4222 or tls://host:4222, with commas between several; a user, a password or a token goes in the file of event_nats_credentials".to_owned())
    };
    text.split(',').map(|text| one(text.trim())).collect()
}

/// Tokens of a subject with points between them (NATS: no wildcards, no spaces, none of them empty).
fn subject(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if text.split('.').all(|token| !token.is_empty() && token.chars().all(legal)) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{text:?} is not the beginning of a subject; write words of letters, digits, - and _ with points between them, such as scim.events"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_a_scheme_and_no_secret() {
        assert_eq!(servers("nats://a:4222, tls://[::1]:4222").unwrap(), ["nats://a:4222", "tls://[::1]:4222"]);
        for text in ["a:4222", "nats://", "nats://u:p@a:4222", "http://a", "nats://a,", "nats://a b"] {
            assert!(servers(text).unwrap_err().contains("nats://host:4222"), "{text}");
        }
    }

    #[test]
    fn a_subject_has_no_wildcards() {
        assert_eq!(subject("scim.events").unwrap(), "scim.events");
        for text in ["", "scim.", ".a", "scim.*", "scim.>", "a b"] {
            assert!(subject(text).is_err(), "{text}");
        }
    }
}
