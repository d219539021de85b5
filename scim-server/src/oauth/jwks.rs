//! The keys of issuers, fetched when they are needed and kept for a while.
//!
//! A set is good for a day. A key that is not in it makes for another fetch, at most one a minute for each
//! address, however many ask; so does a set that is older than a day. When its issuer cannot be reached, a set
//! goes on for another day, and not longer: an issuer that has withdrawn a key must be able to rely on that.

pub mod fetch;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwapOption;
use scim_protocol::Timestamp;

use self::fetch::Fetcher;
use super::{
    Check,
    jwt::{Algorithm, KeySet},
};
use crate::metrics::OAuthMetrics;

const MINUTE: i64 = 60 * 1000;
/// How long a set is good without another fetch.
const FRESH: i64 = 24 * 60 * MINUTE;
/// How long a set is good when fetches fail.
const USABLE: i64 = 48 * 60 * MINUTE;

/// The sets of all issuers.
pub struct Jwks {
    fetcher: Fetcher,
    issuers: Mutex<HashMap<String, Arc<Issuer>>>,
    metrics: Arc<OAuthMetrics>,
}

/// The set at one address.
#[derive(Default)]
struct Issuer {
    known: ArcSwapOption<Known>,
    /// When it was last tried to fetch it. Whoever fetches holds it; the others wait for what comes.
    tried: tokio::sync::Mutex<Option<Timestamp>>,
}

struct Known {
    keys: Arc<KeySet>,
    at: Timestamp,
}

impl Known {
    fn age(&self, now: Timestamp) -> i64 {
        now.as_millis() - self.at.as_millis()
    }
}

impl Jwks {
    /// No set yet; sets come by that fetcher.
    pub fn new(fetcher: Fetcher, metrics: Arc<OAuthMetrics>) -> Self {
        Self { fetcher, issuers: Mutex::default(), metrics }
    }

    /// The set at that address, with that key in it if the issuer has it.
    pub async fn keys(
        &self,
        address: &str,
        id: Option<&str>,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Result<Arc<KeySet>, Check> {
        let issuer = self.issuer(address);
        let good = || {
            let known = issuer.known.load_full()?;
            (known.age(now) < FRESH && known.keys.has(id, algorithm)).then(|| Arc::clone(&known.keys))
        };
        if let Some(keys) = good() {
            return Ok(keys);
        }
        let mut tried = issuer.tried.lock().await;
        // Somebody else may have fetched it meanwhile.
        if let Some(keys) = good() {
            return Ok(keys);
        }
        let mut why = "not fetched, since it was tried less than a minute ago".to_owned();
        if tried.is_none_or(|last| now.as_millis() - last.as_millis() >= MINUTE) {
            *tried = Some(now);
            match self.fetch(address).await {
                Ok(keys) => {
                    self.metrics.fetched(address, now);
                    issuer.known.store(Some(Arc::new(Known { keys: Arc::new(keys), at: now })));
                }
                Err(error) => {
                    self.metrics.jwks_failures.inc();
                    tracing::warn!(address, error, "cannot fetch the keys of an issuer");
                    why = error;
                }
            }
        }
        let known = issuer.known.load_full().filter(|known| known.age(now) < USABLE);
        known.map(|known| Arc::clone(&known.keys)).ok_or_else(|| Check::new("keys", "the JWK Set of the issuer", &why))
    }

    async fn fetch(&self, address: &str) -> Result<KeySet, String> {
        let bytes = self.fetcher.fetch(address).await.map_err(|error| error.to_string())?;
        KeySet::parse(&bytes).map_err(|error| error.to_string())
    }

    fn issuer(&self, address: &str) -> Arc<Issuer> {
        let mut issuers = self.issuers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = issuers.get(address) {
            return Arc::clone(known);
        }
        Arc::clone(issuers.entry(address.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests;
