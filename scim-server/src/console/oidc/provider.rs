//! What the provider is asked: what it is (OpenID Connect Discovery 1.0), and for whom a code was given.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use scim_protocol::Timestamp;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::Refusal;
use crate::{
    oauth::jwks::fetch::Fetcher,
    web::form::{encode, pairs},
};

/// How long what a provider says of itself is believed, in milliseconds.
const FRESH: i64 = 60 * 60 * 1000;
/// How long it is not asked again when it could not be asked, in milliseconds.
const PAUSE: i64 = 5 * 1000;

/// What the provider says of itself (OpenID Connect Discovery 1.0 §3).
#[derive(Debug, Deserialize)]
pub(super) struct Description {
    pub issuer: String,
    pub authorization_endpoint: String,
    token_endpoint: String,
    pub jwks_uri: String,
    /// How clients show their secret; HTTP Basic when it is not said.
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// The answer of the token endpoint (OpenID Connect Core 1.0 §3.1.3.3).
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

/// What the console is at the provider.
pub(super) struct Client {
    pub id: String,
    /// None of a public client.
    pub secret: Option<String>,
    pub redirect_uri: String,
}

/// What the provider last said of itself, or why it could not be asked.
type Outcome = Result<Arc<Description>, String>;

/// A provider.
pub(super) struct Provider {
    issuer: String,
    client: Client,
    fetcher: Fetcher,
    /// Whoever asks holds it; the others wait for what comes.
    known: Mutex<Option<(Outcome, Timestamp)>>,
}

impl Provider {
    pub fn new(issuer: String, client: Client, fetcher: Fetcher) -> Self {
        Self { issuer, client, fetcher, known: Mutex::default() }
    }

    /// What the provider says of itself.
    pub async fn description(&self, now: Timestamp) -> Result<Arc<Description>, Refusal> {
        let mut known = self.known.lock().await;
        if let Some((found, at)) = &*known
            && now.as_millis() - at.as_millis() < if found.is_ok() { FRESH } else { PAUSE }
        {
            return found.clone().map_err(Refusal::Provider);
        }
        let found = self.ask().await.map(Arc::new);
        *known = Some((found.clone(), now));
        found.map_err(Refusal::Provider)
    }

    async fn ask(&self) -> Result<Description, String> {
        let address = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let bytes = self.fetcher.fetch(&address).await.map_err(|error| format!("{address}: {error}"))?;
        let found: Description = serde_json::from_slice(&bytes).map_err(|_| {
            format!(
                "{address} is no description of a provider (OpenID Connect Discovery 1.0 §3); correct console_issuer"
            )
        })?;
        // Discovery 1.0 §4.3: exactly the same. A slash at the end is what people leave out.
        if found.issuer.trim_end_matches('/') != self.issuer.trim_end_matches('/') {
            return Err(format!("{address} is of the issuer {:?}; set console_issuer to that", found.issuer));
        }
        if !found.authorization_endpoint.starts_with("https://") {
            return Err(format!("its authorization_endpoint is no https URL: {:?}", found.authorization_endpoint));
        }
        Ok(found)
    }

    /// The ID token that the provider gives for a code (OpenID Connect Core 1.0 §3.1.3).
    pub async fn exchange(&self, found: &Description, code: &str, verifier: &str) -> Result<String, Refusal> {
        let client = &self.client;
        let mut parameters = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", client.redirect_uri.as_str()),
            ("code_verifier", verifier),
        ];
        let mut header = None;
        match &client.secret {
            Some(secret) if found.takes_basic() => header = Some(basic(&client.id, secret)),
            Some(secret) => parameters.extend([("client_id", client.id.as_str()), ("client_secret", secret.as_str())]),
            None => parameters.push(("client_id", client.id.as_str())),
        }
        let answer = self.fetcher.post(&found.token_endpoint, pairs(&parameters), header.as_deref()).await;
        let answer = answer.map_err(|error| {
            Refusal::Provider(format!(
                "{} does not give an ID token for the code: {error}; compare console_client_id, the client's secret and its redirect URI {} with what the provider knows",
                found.token_endpoint, client.redirect_uri
            ))
        })?;
        let tokens: Result<Tokens, _> = serde_json::from_slice(&answer);
        tokens.map(|tokens| tokens.id_token).map_err(|_| {
            Refusal::Provider(format!(
                "the answer of {} has no id_token; console_scope must have openid",
                found.token_endpoint
            ))
        })
    }
}

impl Description {
    fn takes_basic(&self) -> bool {
        let methods = self.token_endpoint_auth_methods_supported.as_ref();
        methods.is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"))
    }
}

/// The header that shows a client's secret (RFC 6749 §2.3.1).
fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(id), encode(secret))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_as_the_provider_takes_it() {
        let description = |methods: &str| -> Description {
            let text = format!(
                r#"{{"issuer": "", "authorization_endpoint": "", "token_endpoint": "", "jwks_uri": ""{methods}}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        let methods = |words: &str| description(&format!(r#", "token_endpoint_auth_methods_supported": {words}"#));
        assert!(
            description("").takes_basic() && methods(r#"["private_key_jwt", "client_secret_basic"]"#).takes_basic()
        );
        assert!(!methods(r#"["client_secret_post"]"#).takes_basic());
        assert_eq!(basic("a:b", "c d"), format!("Basic {}", STANDARD.encode("a%3Ab:c%20d")));
    }
}
