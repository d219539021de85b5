//! Signatures of Standard Webhooks 1.0: `v1` is HMAC-SHA256, `v1a` is Ed25519.
//!
//! What is signed is `id.timestamp.body`. While a key is replaced, messages have the signatures of both. A pair of keys is made
//! ready when it first signs: for Ed25519 that costs as much as a signature.

use std::sync::OnceLock;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use ring::{
    hmac,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use serde::{Deserialize, Serialize};

/// What the secret of an endpoint begins with (Standard Webhooks 1.0).
pub const SECRET_PREFIX: &str = "whsec_";

/// The two keys of an endpoint. They are never shown in a log.
#[derive(Clone, Serialize, Deserialize)]
pub struct Keys {
    /// Of `v1`: 32 bytes in base64.
    secret: String,
    /// Of `v1a`: the seed of the private key, 32 bytes in base64.
    seed: String,
    /// When they end, in milliseconds since the epoch: they are being replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<i64>,
    #[serde(skip)]
    ready: Ready,
}

/// What signs, once it has; `None` when a key is none.
#[derive(Default)]
struct Ready(OnceLock<Option<(hmac::Key, Ed25519KeyPair)>>);

/// It follows from the keys: a copy makes its own.
impl Clone for Ready {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Keys {
    fn eq(&self, other: &Self) -> bool {
        (&self.secret, &self.seed, self.ends) == (&other.secret, &other.seed, other.ends)
    }
}

impl Eq for Keys {}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("ends", &self.ends).finish_non_exhaustive()
    }
}

impl Keys {
    /// New ones, of random bytes.
    pub fn new(secret: [u8; 32], seed: [u8; 32]) -> Self {
        Self { secret: BASE64.encode(secret), seed: BASE64.encode(seed), ends: None, ready: Ready::default() }
    }

    /// The secret as receivers are given it: `whsec_…`.
    pub fn secret(&self) -> String {
        format!("{SECRET_PREFIX}{}", self.secret)
    }

    /// The public key of `v1a` as receivers are given it: `whpk_…`.
    pub fn public_key(&self) -> Option<String> {
        let (_, pair) = self.ready()?;
        Some(format!("whpk_{}", BASE64.encode(pair.public_key())))
    }

    fn ready(&self) -> Option<&(hmac::Key, Ed25519KeyPair)> {
        let make = || {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64.decode(&self.secret).ok()?);
            Some((key, Ed25519KeyPair::from_seed_unchecked(&BASE64.decode(&self.seed).ok()?).ok()?))
        };
        self.ready.0.get_or_init(make).as_ref()
    }

    fn signatures(&self, signed: &[u8]) -> Option<String> {
        let (key, pair) = self.ready()?;
        let (mac, signature) = (hmac::sign(key, signed), pair.sign(signed));
        Some(format!("v1,{} v1a,{}", BASE64.encode(mac), BASE64.encode(signature)))
    }
}

/// The value of `webhook-signature`: the signatures of all keys that are not over.
pub fn signature(keys: &[Keys], now: i64, id: &str, timestamp: i64, body: &[u8]) -> String {
    let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
    let live = keys.iter().filter(|keys| keys.ends.is_none_or(|ends| now < ends));
    live.filter_map(|keys| keys.signatures(&signed)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use ring::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    /// The example of the Standard Webhooks specification and its reference libraries.
    #[test]
    fn it_signs_as_the_specification_does() {
        let keys = Keys { secret: "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(), ..Keys::new([1; 32], [2; 32]) };
        let body = br#"{"test": 2432232314}"#;
        let all = signature(&[keys], 0, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert!(all.starts_with("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1a,"), "{all}");
    }

    #[test]
    fn the_public_key_verifies_what_both_keys_sign() {
        let (old, new) = (Keys { ends: Some(100), ..Keys::new([1; 32], [2; 32]) }, Keys::new([3; 32], [4; 32]));
        let both = signature(&[new.clone(), old.clone()], 99, "id", 7, b"{}");
        assert_eq!(both.split(' ').count(), 4);
        assert_eq!(signature(&[new.clone(), old], 100, "id", 7, b"{}").split(' ').count(), 2);
        let public = BASE64.decode(new.public_key().unwrap().trim_start_matches("whpk_")).unwrap();
        let signature = BASE64.decode(both.split(' ').nth(1).unwrap().trim_start_matches("v1a,")).unwrap();
        UnparsedPublicKey::new(&ED25519, public).verify(b"id.7.{}", &signature).unwrap();
        assert!(!format!("{new:?}").contains(&new.secret));
    }
}
