//! The bearer token of a run: one that stays, or one that is got anew when the server takes it no more.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicU32, Ordering},
};

use tokio::sync::Mutex;

use super::{NotSent, Settings};

/// The most tokens that a run gets: a server that takes none would be given tokens for ever.
const MOST: u32 = 100;

/// The token that is used now.
#[derive(Debug)]
pub(super) struct Bearer {
    settings: Settings,
    token: RwLock<Option<String>>,
    /// What no report may hold: of each token that was used.
    secrets: RwLock<Arc<[String]>>,
    /// Held by who gets a new one, so that several requests get one.
    renewing: Mutex<()>,
    renewed: AtomicU32,
}

impl Bearer {
    pub fn new(settings: &Settings) -> Self {
        Self {
            settings: settings.clone(),
            token: RwLock::new(settings.token.clone()),
            secrets: RwLock::new(settings.secrets().into()),
            renewing: Mutex::default(),
            renewed: AtomicU32::new(0),
        }
    }

    pub fn token(&self) -> Option<String> {
        self.token.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn secrets(&self) -> Arc<[String]> {
        Arc::clone(&self.secrets.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gets another token in the place of `used`, unless somebody has. Gives whether there is another one.
    pub async fn renew(&self, used: Option<String>) -> Result<bool, NotSent> {
        let Some(renewal) = &self.settings.renewal else { return Ok(false) };
        let _alone = self.renewing.lock().await;
        if self.token() != used {
            return Ok(true);
        }
        if self.renewed.fetch_add(1, Ordering::Relaxed) >= MOST {
            return Ok(false);
        }
        let token = renewal.fetch().await?;
        let mut secrets = self.secrets().to_vec();
        secrets.push(token.clone());
        *self.secrets.write().unwrap_or_else(PoisonError::into_inner) = secrets.into();
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = Some(token);
        Ok(true)
    }
}
