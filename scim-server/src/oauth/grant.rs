//! Access tokens (RFC 6749 §1.4): what a client was granted, sealed under a key of the store.
//!
//! A token holds who got it, by what, for what and until when, encrypted and authenticated. So issuing one
//! writes nothing, every process on the store knows it at once, and it survives a restart. It grants
//! nothing by itself: its client, and the secret or trust that got it, must still be there, and it must
//! not have been [revoked](Revocation).
//!
//! Text: `scimat_`, and base64url without padding.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};
use scim_protocol::Error;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Scope;
use crate::{
    event::{Action, Event},
    own, passing,
    store::{Commit, Record, ResourceId, Start, Store, StoreError, TenantId, TypeName, Write},
};

/// What every access token begins with.
pub const PREFIX: &str = "scimat_";

const NONCE: usize = 24;
/// Client, credential, issued, expires, scope.
const PLAIN: usize = 16 + 16 + 8 + 8 + 1;
const TAG: usize = 16;

/// What tells access tokens apart: random.
pub type GrantId = [u8; 16];

/// What a client was granted. Times are milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    pub client: ResourceId,
    /// Which of its secrets or trusts it was got by.
    pub credential: ResourceId,
    pub scope: Scope,
    pub issued: i64,
    /// When it ends.
    pub expires: i64,
}

/// Seals and opens access tokens.
pub struct GrantSealer(XChaCha20Poly1305);

impl GrantSealer {
    /// With the store's secret for them.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(secret.into()))
    }

    /// The text that the client gets.
    pub fn seal(&self, grant: &Grant) -> Result<String, Error> {
        let mut plain = Vec::with_capacity(PLAIN);
        plain.extend_from_slice(grant.client.0.as_bytes());
        plain.extend_from_slice(grant.credential.0.as_bytes());
        plain.extend_from_slice(&grant.issued.to_be_bytes());
        plain.extend_from_slice(&grant.expires.to_be_bytes());
        plain.push(grant.scope.bits());
        let nonce: [u8; NONCE] = rand::random();
        let payload = Payload { msg: &plain, aad: PREFIX.as_bytes() };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| Error::internal("an access token could not be sealed"))?;
        Ok([PREFIX, &URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat())].concat())
    }

    /// What is in a client's text, with its id; `None` when it is not ours, or was altered.
    pub fn open(&self, text: &str) -> Option<(GrantId, Grant)> {
        let body = text.strip_prefix(PREFIX)?;
        // Room for what base64 counts in whole groups.
        let mut bytes = [0; NONCE + PLAIN + TAG + 3];
        let length = URL_SAFE_NO_PAD.decode_slice(body, &mut bytes).ok()?;
        let (nonce, sealed) = bytes.get(..length)?.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg: sealed, aad: PREFIX.as_bytes() };
        let plain = self.0.decrypt(&XNonce::from(*nonce), payload).ok()?;
        let (client, rest) = plain.split_first_chunk::<16>()?;
        let (credential, rest) = rest.split_first_chunk::<16>()?;
        let (issued, rest) = rest.split_first_chunk::<8>()?;
        let (expires, rest) = rest.split_first_chunk::<8>()?;
        let grant = Grant {
            client: ResourceId(Uuid::from_bytes(*client)),
            credential: ResourceId(Uuid::from_bytes(*credential)),
            issued: i64::from_be_bytes(*issued),
            expires: i64::from_be_bytes(*expires),
            scope: Scope::from_bits(*rest.first()?),
        };
        Some((*nonce.first_chunk()?, grant))
    }
}

/// An access token that lets nobody in although it has not ended (RFC 7009): a record of the system's own
/// tenant, kept as long as the token would have lived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    #[serde(with = "hex::serde")]
    pub token: GrantId,
    /// When the token would have ended, in milliseconds since the epoch.
    pub expires: i64,
}

/// The kind of record that a revocation is.
pub const REVOCATION: &str = "Revocation";

impl Revocation {
    /// The commit that writes it down, and tells the other processes.
    pub fn commit(&self) -> Result<Commit, StoreError> {
        let id = passing::id(self.expires, self.token);
        let key = passing::key(REVOCATION, id);
        let event = Event::administration(Action::Administer, REVOCATION, id, &["created"]);
        let mut commit = Commit::new(key.clone(), event);
        commit.writes.push(Write::Put(key, own::body("", self)?));
        Ok(commit)
    }

    fn from_record(record: &Record) -> Result<Self, StoreError> {
        own::read(record, "the revocation of an access token")
    }

    /// All that are kept.
    pub async fn all(store: &dyn Store) -> Result<Vec<Self>, StoreError> {
        const PAGE: usize = 1000;
        let kind = TypeName::from(REVOCATION);
        let mut all = Vec::new();
        let mut from = Start::Offset(0);
        loop {
            let page = store.resources(TenantId::SYSTEM, &kind, from, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(all) };
            from = Start::After(*last);
            for (_, record) in page.iter() {
                all.push(Self::from_record(record)?);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        Grant {
            client: ResourceId(Uuid::from_u128(1)),
            credential: ResourceId(Uuid::from_u128(2)),
            scope: Scope::SCIM,
            issued: 1000,
            expires: 2000,
        }
    }

    #[test]
    fn only_what_was_sealed_opens() {
        let sealer = GrantSealer::new(&[7; 32]);
        let text = sealer.seal(&grant()).unwrap();
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{text}");
        let (id, opened) = sealer.open(&text).unwrap();
        assert_eq!(opened, grant());
        assert_ne!(sealer.open(&sealer.seal(&grant()).unwrap()).unwrap().0, id, "no two tokens are one");
        assert_eq!(GrantSealer::new(&[8; 32]).open(&text), None);
        for at in PREFIX.len()..text.len() {
            let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
            assert_eq!(sealer.open(&format!("{}{other}{}", &text[..at], &text[at + 1..])), None, "{at}");
        }
        for wrong in ["", PREFIX, &text[..text.len() - 1], &format!("{text}A"), &text[PREFIX.len()..]] {
            assert_eq!(sealer.open(wrong), None, "{wrong}");
        }
        assert_eq!(sealer.open(&format!("{PREFIX}{}", "A".repeat(5000))), None);
    }
}
