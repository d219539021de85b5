//! The settings `console…`, together.

use std::path::PathBuf;

use super::{
    ConfigError, Layers, path,
    place::{authority, url},
    switch,
};

/// Whether and how the console is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleSettings {
    /// Whether it is.
    pub on: bool,
    /// What its URLs begin with for people, if they do not reach its listener by its address.
    pub url: Option<String>,
    /// The provider at which administrators sign in, if there is one.
    pub oidc: Option<OidcSettings>,
    /// The program that judges the server, if it is not beside the server's own.
    pub judge: Option<PathBuf>,
}

/// A provider of OpenID Connect, and what it calls the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcSettings {
    /// Its https URL, as it names itself.
    pub issuer: String,
    /// The host of that URL, and its port.
    pub host: String,
    pub client_id: String,
    /// A file with the client's secret; none for a public client.
    pub client_secret_file: Option<PathBuf>,
    /// What is asked for, with spaces between; `openid` is among it.
    pub scope: String,
    /// The claim that has the role: its name, or a JSON Pointer (RFC 6901) to it.
    pub claim: String,
}

impl ConsoleSettings {
    /// What the layers say of it.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let client_id = layers.optional("console_client_id", name)?;
        let client_secret_file = layers.optional("console_client_secret_file", path)?;
        let scope = layers.required("console_scope", scope)?;
        let claim = layers.required("console_claim", name)?;
        let oidc = match (layers.optional("console_issuer", issuer)?, client_id) {
            (Some((issuer, host)), Some(client_id)) => {
                Some(OidcSettings { issuer, host, client_id, client_secret_file, scope, claim })
            }
            (None, None) => None,
            _ => {
                return Err(ConfigError::Contradiction(
                    "console_issuer and console_client_id belong together: set both or neither".to_owned(),
                ));
            }
        };
        Ok(Self {
            on: layers.required("console", switch)?,
            url: layers.optional("console_url", url)?,
            oidc,
            judge: layers.optional("console_judge", path)?,
        })
    }

    /// The settings in which another configuration differs.
    pub fn differences(&self, other: &Self) -> [(&'static str, bool); 8] {
        let differ = |part: fn(&OidcSettings) -> String| self.oidc.as_ref().map(part) != other.oidc.as_ref().map(part);
        let secret = |settings: &Self| settings.oidc.as_ref().and_then(|oidc| oidc.client_secret_file.clone());
        [
            ("console", self.on != other.on),
            ("console_url", self.url != other.url),
            ("console_issuer", differ(|oidc| oidc.issuer.clone())),
            ("console_client_id", differ(|oidc| oidc.client_id.clone())),
            ("console_client_secret_file", secret(self) != secret(other)),
            ("console_scope", differ(|oidc| oidc.scope.clone())),
            ("console_judge", self.judge != other.judge),
            ("console_claim", differ(|oidc| oidc.claim.clone())),
        ]
    }
}

/// An issuer's URL and its host (OpenID Connect Core 1.0 §2, `iss`).
fn issuer(text: &str) -> Result<(String, String), String> {
    let rest = text.strip_prefix("https://").filter(|rest| !rest.contains(['?', '#', '@', ' ']));
    let host = rest.and_then(|rest| authority(rest.split('/').next()?));
    match host {
        Some(host) => Ok((text.to_owned(), host)),
        None => {
            Err(format!("{text:?} is not an issuer; write its https URL, such as https://login.example.com/tenant"))
        }
    }
}

/// What another system calls something.
fn name(text: &str) -> Result<String, String> {
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(format!("{text:?} has spaces or control characters; write it as the provider shows it"));
    }
    Ok(text.to_owned())
}

/// What is asked for (RFC 6749 §3.3, OpenID Connect Core 1.0 §3.1.2.1).
fn scope(text: &str) -> Result<String, String> {
    if text.split(' ').any(|word| word == "openid") {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} has no openid in it, without which a provider says nothing of who it is"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_an_https_url() {
        for (text, host) in [
            ("https://login.example.com", "login.example.com:443"),
            ("https://LOGIN.example.com/tenant/v2.0", "login.example.com:443"),
            ("https://localhost:8443/realms/a/", "localhost:8443"),
        ] {
            assert_eq!(issuer(text), Ok((text.to_owned(), host.to_owned())));
        }
        for wrong in ["", "http://login.example.com", "https://", "https://a@b", "https://a/?x", "https://a#b", "login"]
        {
            assert!(issuer(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_scope_asks_who_it_is() {
        assert!(scope("openid email").is_ok() && scope("email profile").is_err() && scope("").is_err());
    }
}
