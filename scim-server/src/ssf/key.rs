//! The keys that sign security event tokens, shared by all processes on a store: a record of the system's own.
//!
//! The newest key signs. One that it has replaced is shown beside it until the overlap is over, so that a receiver which
//! keeps the set of keys for a while can verify what it was given. The record is read whenever something is signed or
//! shown: so a rotation holds at once, in every process.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use bytes::Bytes;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use scim_protocol::{Error, ErrorKind, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    event::{Action, Deed, Event},
    store::{Body, Commit, Expect, ResourceId, ResourceKey, Store, StoreError, TenantId, Write},
    system_records::secret::OF_SIGNATURES,
};

/// So many keys are shown at a time.
pub const MOST_KEYS: usize = 8;
/// There is one record.
const ID: ResourceId = ResourceId(Uuid::from_u128(1));

/// How a key signs (RFC 7518 §3.4, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Algorithm {
    /// Ed25519
    #[default]
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA with P-256 and SHA-256
    #[serde(rename = "ES256")]
    Es256,
}

/// A key as it is stored.
#[derive(Clone, Serialize, Deserialize)]
struct StoredKey {
    algorithm: Algorithm,
    /// PKCS #8, base64url.
    secret: String,
    /// When it was made, in milliseconds since the epoch.
    created: i64,
    /// Until when it is shown; for ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ends: Option<i64>,
}

/// A key of which only the public part can be seen.
pub struct SigningKey {
    algorithm: Algorithm,
    pair: Pair,
    id: String,
    created: i64,
    ends: Option<i64>,
}

enum Pair {
    EdDsa(Ed25519KeyPair),
    Es256(EcdsaKeyPair),
}

/// What is shown of a key to an administrator.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "SigningKey"))]
pub struct KeyView {
    key_id: String,
    algorithm: Algorithm,
    created: String,
    /// Whether it signs; the others only verify what they have signed.
    signs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends: Option<String>,
}

/// The keys that are shown now, the newest first. That one signs.
pub struct SigningKeys(Vec<SigningKey>);

impl SigningKeys {
    /// Those of a store at that time. The first use makes one. Of two processes that make one at once, the second has
    /// that of the first.
    pub async fn of(store: &dyn Store, now: Timestamp) -> Result<Self, Error> {
        for _ in 0..2 {
            if let Some((stored, _)) = read(store).await? {
                let shown = stored.iter().filter(|key| key.ends.is_none_or(|ends| now.as_millis() < ends));
                return Ok(Self(shown.map(SigningKey::open).collect::<Result<_, _>>()?));
            }
            let mut commit = Commit::bookkeeping(OF_SIGNATURES.into(), ID);
            commit.expect.push(Expect::Fewer(TenantId::SYSTEM, OF_SIGNATURES.into(), 1));
            commit.writes.push(Write::Put(key(), body(&[StoredKey::new(Algorithm::default(), now)?])?));
            match store.commit(commit).await {
                Ok(_) | Err(StoreError::Full { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::internal("the signing key of the store was written and is not there"))
    }

    /// Makes a key that signs from now on; as the one before does, unless it is told how. Those before are shown for that
    /// many milliseconds more, or for less if an earlier rotation has said so. `false` when so many are shown that there
    /// is room for no other. `actor` is who does it, as events name them.
    pub async fn rotate(
        store: &dyn Store,
        algorithm: Option<Algorithm>,
        overlap: i64,
        now: Timestamp,
        actor: &str,
    ) -> Result<bool, Error> {
        Self::of(store, now).await?;
        let (mut keys, version) = read(store).await?.ok_or_else(|| Error::internal("there is no signing key"))?;
        let until = now.as_millis().saturating_add(overlap);
        let algorithm = algorithm.or_else(|| keys.first().map(|key| key.algorithm)).unwrap_or_default();
        for key in &mut keys {
            key.ends = Some(key.ends.map_or(until, |ends| ends.min(until)));
        }
        keys.retain(|key| key.ends.is_some_and(|ends| now.as_millis() < ends));
        if keys.len() >= MOST_KEYS {
            return Ok(false);
        }
        keys.insert(0, StoredKey::new(algorithm, now)?);
        let mut commit = Commit::new(key(), event(Deed::SigningKeyRotated, actor));
        commit.expect.push(Expect::Version(key(), version));
        commit.writes.push(Write::Put(key(), body(&keys)?));
        store.commit(commit).await?;
        Ok(true)
    }

    /// Withdraws a key that signs no more: it is shown to nobody from now on.
    pub async fn remove(store: &dyn Store, id: &str, now: Timestamp, actor: &str) -> Result<(), Error> {
        let shown = Self::of(store, now).await?;
        let at = shown.0.iter().position(|key| key.id == id).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("There is no signing key {id:?}. `signing-key list` shows those that there are."),
            )
        })?;
        if at == 0 {
            return Err(Error::value(
                "This key signs. Make another first: `signing-key rotate --overlap 0s` withdraws this one at once.",
            ));
        }
        let (mut keys, version) = read(store).await?.ok_or_else(|| Error::internal("there is no signing key"))?;
        let mut left = Vec::with_capacity(keys.len());
        for key in keys.drain(..) {
            if SigningKey::open(&key)?.id != id {
                left.push(key);
            }
        }
        let mut commit = Commit::new(key(), event(Deed::SigningKeyRemoved, actor));
        commit.expect.push(Expect::Version(key(), version));
        commit.writes.push(Write::Put(key(), body(&left)?));
        store.commit(commit).await?;
        Ok(())
    }

    /// The key that signs.
    pub fn newest(&self) -> Result<&SigningKey, Error> {
        self.0.first().ok_or_else(|| Error::internal("no signing key is good"))
    }

    /// The public keys, as a set of keys (RFC 7517 §5).
    pub fn jwks(&self) -> Value {
        json!({"keys": self.0.iter().map(SigningKey::jwk).collect::<Vec<_>>()})
    }

    /// As administrators see them.
    pub fn views(&self) -> impl Iterator<Item = KeyView> {
        self.0.iter().enumerate().map(|(at, key)| KeyView {
            key_id: key.id.clone(),
            algorithm: key.algorithm,
            created: Timestamp::from_millis(key.created).to_string(),
            signs: at == 0,
            ends: key.ends.map(|ends| Timestamp::from_millis(ends).to_string()),
        })
    }
}

impl SigningKey {
    fn open(stored: &StoredKey) -> Result<Self, Error> {
        let unread = || StoreError::Corrupt("a signing key of the store cannot be read".into());
        let secret = BASE64.decode(&stored.secret).map_err(|_| unread())?;
        let pair = match stored.algorithm {
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(&secret).map(Pair::EdDsa),
            Algorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &secret, &SystemRandom::new())
                    .map(Pair::Es256)
            }
        };
        let pair = pair.map_err(|_| unread())?;
        // RFC 7638: the thumbprint of the public key names it.
        let id = BASE64.encode(Sha256::digest(pair.public().to_string()));
        Ok(Self { algorithm: stored.algorithm, pair, id, created: stored.created, ends: stored.ends })
    }

    /// The public key (RFC 7517 §4).
    fn jwk(&self) -> Value {
        let mut jwk = self.pair.public();
        jwk["alg"] = json!(self.algorithm);
        jwk["use"] = "sig".into();
        jwk["kid"] = self.id.as_str().into();
        jwk
    }

    /// A signed security event token with these claims (RFC 8417 §2.3).
    pub fn sign(&self, claims: &Value) -> Result<String, Error> {
        let header = json!({"typ": "secevent+jwt", "alg": self.algorithm, "kid": self.id});
        let signed = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        let signature = match &self.pair {
            Pair::EdDsa(pair) => BASE64.encode(pair.sign(signed.as_bytes())),
            Pair::Es256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), signed.as_bytes());
                BASE64.encode(signature.map_err(|_| Error::internal("a token cannot be signed"))?)
            }
        };
        Ok(format!("{signed}.{signature}"))
    }
}

impl Pair {
    /// What is needed of the public key, in the order that RFC 7638 §3.2 has.
    fn public(&self) -> Value {
        match self {
            Self::EdDsa(pair) => json!({"crv": "Ed25519", "kty": "OKP", "x": BASE64.encode(pair.public_key())}),
            Self::Es256(pair) => {
                // An uncompressed point: a byte, and two halves (SEC 1 §2.3.3).
                let (x, y) =
                    pair.public_key().as_ref().get(1..).unwrap_or_default().split_at_checked(32).unwrap_or_default();
                json!({"crv": "P-256", "kty": "EC", "x": BASE64.encode(x), "y": BASE64.encode(y)})
            }
        }
    }
}

impl StoredKey {
    fn new(algorithm: Algorithm, now: Timestamp) -> Result<Self, Error> {
        let random = SystemRandom::new();
        let made = match algorithm {
            Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&random),
            Algorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random),
        };
        let made = made.map_err(|_| Error::internal("no key can be made"))?;
        Ok(Self { algorithm, secret: BASE64.encode(made), created: now.as_millis(), ends: None })
    }
}

fn event(deed: Deed, actor: &str) -> Event {
    Event { deed: Some(deed), ..Event::new(Action::Administer, actor, "SigningKey", ID) }
}

fn key() -> ResourceKey {
    ResourceKey { tenant: TenantId::SYSTEM, resource_type: OF_SIGNATURES.into(), id: ID }
}

fn body(keys: &[StoredKey]) -> Result<Body, Error> {
    let hidden = serde_json::to_vec(keys).map_err(Error::internal)?;
    Ok(Body { display: Bytes::new(), visible: Bytes::from_static(b"{}"), hidden: hidden.into() })
}

/// What is stored, and the version of the record.
async fn read(store: &dyn Store) -> Result<Option<(Vec<StoredKey>, u64)>, Error> {
    let Some(record) = store.get(&key()).await? else { return Ok(None) };
    let keys = serde_json::from_slice(&record.body.hidden)
        .map_err(|error| StoreError::Corrupt(format!("the signing keys of the store: {error}")))?;
    Ok(Some((keys, record.header.version)))
}
