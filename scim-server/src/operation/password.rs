//! Passwords (RFC 7643 §4.1.1): accepted, kept only as an argon2id hash, never returned.

use std::sync::Arc;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use scim_protocol::{Error, Resource};
use serde_json::Value;
use tokio::sync::Semaphore;

/// The attribute's name.
const PASSWORD: &str = "password";
/// Hashes that may be computed at once: each takes 19 MiB and a processor.
pub const AT_ONCE: usize = 2;

/// Hashes passwords, a bounded number at a time, away from the threads that serve requests.
#[derive(Clone)]
pub struct Hasher {
    permits: Arc<Semaphore>,
}

impl Default for Hasher {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Hasher {
    /// Puts the hash in place of a new password. One that equals the stored password keeps the
    /// stored hash, so that sending it again changes nothing.
    pub async fn seal(&self, resource: &mut Resource, stored: Option<&Value>) -> Result<(), Error> {
        let Some(Value::String(password)) = resource.document().get(PASSWORD) else { return Ok(()) };
        let stored = stored.and_then(Value::as_str);
        if stored == Some(password) {
            return Ok(());
        }
        let (password, stored) = (password.clone(), stored.map(str::to_owned));
        let permit = self.permits.clone().acquire_owned().await.map_err(Error::internal)?;
        let hash = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            hash_or_keep(&password, stored)
        })
        .await
        .map_err(Error::internal)??;
        resource.set(PASSWORD, Value::String(hash));
        Ok(())
    }
}

fn hash_or_keep(password: &str, stored: Option<String>) -> Result<String, Error> {
    let argon2 = Argon2::default();
    if let Some(stored) = stored {
        let same =
            PasswordHash::new(&stored).is_ok_and(|hash| argon2.verify_password(password.as_bytes(), &hash).is_ok());
        if same {
            return Ok(stored);
        }
    }
    let hash = argon2.hash_password(password.as_bytes()).map_err(|error| Error::internal(error.to_string()))?;
    Ok(hash.to_string())
}
