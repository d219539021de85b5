//! Signing in at the administrators' own identity provider: the code flow of OpenID Connect Core 1.0 (§3.1) with PKCE
//! (RFC 7636), `state` and `nonce`. A claim of the ID token says the role.
//!
//! What is under way is in memory, by its digest: a browser comes back with the `state` that it was sent away with, in
//! the address and in a cookie, within ten minutes, once. [`provider`] asks the provider, [`token`] reads what it says.

mod provider;
mod token;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use scim_protocol::Timestamp;
use sha2::{Digest as _, Sha256};

use self::provider::{Client, Provider};
use crate::{
    admin::Administrator,
    config::OidcSettings,
    metrics::OAuthMetrics,
    oauth::{
        Check,
        jwks::{
            Jwks,
            fetch::{Fetcher, Rules},
        },
        jwt::{ID_TOKEN, Unverified},
    },
    roots::RootsError,
    token::secret::{self, Digest, Secret},
    web::form::pairs,
};

/// How long somebody may take at the provider, in milliseconds.
const PATIENCE: i64 = 10 * 60 * 1000;
/// People on their way at a time. The oldest goes when there are more.
const MOST: usize = 1000;

/// Why a provider cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// The authorities of the setting `jwks_ca` cannot be used.
    #[error("jwks_ca: {0}")]
    Roots(#[from] RootsError),
    /// The client's secret cannot be read.
    #[error("console_client_secret_file: cannot read {}: {source}", path.display())]
    Secret {
        path: PathBuf,
        /// what the operating system says
        source: std::io::Error,
    },
}

/// Why somebody is not let in. The text is for them, and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The provider cannot be asked: what only the log says.
    #[error(
        "The provider cannot be asked, or does not answer as it should. The log of the server says why. Until then a token or a link lets you in."
    )]
    Provider(String),
    /// Nobody has begun this here, or not in this browser, or it is not the last that was begun there.
    #[error(
        "This sign-in cannot be finished here: another one was begun in this browser since, or it was begun in another browser or at another address, or took longer than ten minutes, or is finished already. Begin it again here."
    )]
    Unknown,
    /// The provider has not let them in: the error code (RFC 6749 §4.1.2.1, OpenID Connect Core 1.0 §3.1.2.6).
    #[error("The provider has not signed you in: {0}.")]
    Denied(String),
    /// The ID token is not what it must be.
    #[error("The provider's answer is not good, so nobody was let in. {0}. Ask whoever set the console up.")]
    Token(Check),
    /// The ID token gives them no role.
    #[error(
        "The provider says that you are {name}, and gives you no role here: the claim {claim:?} of its ID token must have viewer, operator or administrator. Ask whoever administers the provider."
    )]
    Role { name: String, claim: String },
}

/// Somebody who is at the provider.
pub struct Pending {
    nonce: Secret,
    /// `code_verifier` (RFC 7636 §4.1)
    verifier: Secret,
    /// Where they want to go afterwards.
    pub to: String,
    /// The sessions that their browser has shown before it went there.
    pub before: Vec<u64>,
    until: Timestamp,
}

/// Where a browser is sent, and what it must come back with.
pub struct Away {
    pub to: String,
    pub state: String,
}

/// What a browser has come back with (OpenID Connect Core 1.0 §3.1.2.5).
#[derive(Debug, Clone, Copy)]
pub struct Back<'a> {
    pub code: &'a str,
    /// Empty unless the provider refuses.
    pub error: &'a str,
    /// The issuer (RFC 9207); empty if the provider does not say it.
    pub iss: &'a str,
}

/// The provider of the administrators.
pub struct Oidc {
    settings: OidcSettings,
    provider: Provider,
    jwks: Jwks,
    /// Where the provider leads back to.
    redirect_uri: String,
    pending: Mutex<HashMap<Digest, Pending>>,
}

impl Oidc {
    /// The provider of the settings. It is asked by the rules for keys, and may always be asked at its own host.
    /// Nothing is asked before somebody signs in.
    pub fn open(
        settings: OidcSettings,
        rules: &Rules,
        redirect_uri: String,
        metrics: Arc<OAuthMetrics>,
    ) -> Result<Self, OidcError> {
        let mut rules = rules.clone();
        rules.hosts.push(settings.host.clone());
        let fetcher = Fetcher::new(rules)?;
        let secret = match &settings.client_secret_file {
            Some(path) => Some(read(path)?),
            None => None,
        };
        let client = Client { id: settings.client_id.clone(), secret, redirect_uri: redirect_uri.clone() };
        Ok(Self {
            provider: Provider::new(settings.issuer.clone(), client, fetcher.clone()),
            jwks: Jwks::new(fetcher, metrics),
            settings,
            redirect_uri,
            pending: Mutex::default(),
        })
    }

    /// Sends somebody to the provider (OpenID Connect Core 1.0 §3.1.2.1). `to` is where they want to go afterwards, and
    /// `before` the sessions that their browser shows.
    pub async fn begin(&self, to: &str, before: Vec<u64>, now: Timestamp) -> Result<Away, Refusal> {
        let found = self.provider.description(now).await?;
        let [state, nonce, verifier] = [(); 3].map(|()| Secret::new(rand::random()));
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.reveal().as_bytes()));
        let query = pairs(&[
            ("response_type", "code"),
            ("client_id", self.settings.client_id.as_str()),
            ("redirect_uri", self.redirect_uri.as_str()),
            ("scope", self.settings.scope.as_str()),
            ("state", state.reveal()),
            ("nonce", nonce.reveal()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ]);
        let joined = if found.authorization_endpoint.contains('?') { '&' } else { '?' };
        let away = format!("{}{joined}{query}", found.authorization_endpoint);
        let until = Timestamp::from_millis(now.as_millis().saturating_add(PATIENCE));
        self.remember(state.digest(), Pending { nonce, verifier, to: to.to_owned(), before, until }, now);
        Ok(Away { to: away, state: state.reveal().to_owned() })
    }

    fn remember(&self, state: Digest, one: Pending, now: Timestamp) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.retain(|_, one| one.until > now);
        if pending.len() >= MOST {
            let oldest = pending.iter().min_by_key(|(_, one)| one.until.as_millis()).map(|(digest, _)| *digest);
            oldest.and_then(|oldest| pending.remove(&oldest));
        }
        pending.insert(state, one);
    }

    /// Whoever was sent away with that `state`, once; nobody where that was too long ago.
    pub fn came_back(&self, state: &str, now: Timestamp) -> Option<Pending> {
        let known = self.pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&secret::digest(state));
        known.filter(|one| one.until > now)
    }

    /// Who somebody is who has [come back](Self::came_back).
    pub async fn finish(&self, known: &Pending, back: Back<'_>, now: Timestamp) -> Result<Administrator, Refusal> {
        if !back.error.is_empty() {
            let is_word = |c: char| c.is_ascii_lowercase() || c == '_';
            return Err(Refusal::Denied(back.error.chars().filter(|c| is_word(*c)).take(64).collect()));
        }
        let found = self.provider.description(now).await?;
        if !back.iss.is_empty() && back.iss != found.issuer {
            return Err(Refusal::Token(Check::new("iss", found.issuer.as_str(), back.iss)));
        }
        let text = self.provider.exchange(&found, back.code, known.verifier.reveal()).await?;
        let read = Unverified::parse(&text, &ID_TOKEN).map_err(Refusal::Token)?;
        let keys = self.jwks.keys(&found.jwks_uri, read.key.as_deref(), read.algorithm, now).await;
        let keys = keys.map_err(Refusal::Token)?;
        read.verify(&keys).map_err(Refusal::Token)?;
        let expected =
            token::Expected { issuer: &found.issuer, client: &self.settings.client_id, nonce: known.nonce.reveal() };
        token::check(&read, &expected, now).map_err(Refusal::Token)?;
        token::person(&read.said(), &self.settings)
    }
}

/// The secret in a file, without the end of its line.
fn read(path: &std::path::Path) -> Result<String, OidcError> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|source| OidcError::Secret { path: path.to_owned(), source })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
