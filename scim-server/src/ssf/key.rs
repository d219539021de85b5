//! The key that signs security event tokens: Ed25519 (RFC 8037), shared by all processes on a store.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use scim_protocol::Error;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A key pair.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    id: String,
}

impl SigningKey {
    /// The pair that follows from a seed.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, Error> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| Error::internal("no Ed25519 key"))?;
        // RFC 7638: the thumbprint of the public key names it.
        let thumbprint =
            format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, BASE64.encode(pair.public_key().as_ref()));
        let id = BASE64.encode(Sha256::digest(thumbprint));
        Ok(Self { pair, id })
    }

    /// The public key, as a set of keys shows it (RFC 7517).
    pub fn jwk(&self) -> Value {
        let x = BASE64.encode(self.pair.public_key().as_ref());
        json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.id, "x": x})
    }

    /// A signed security event token with these claims (RFC 8417 §2.3).
    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({"typ": "secevent+jwt", "alg": "EdDSA", "kid": self.id});
        let signed = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        let signature = self.pair.sign(signed.as_bytes());
        format!("{signed}.{}", BASE64.encode(signature.as_ref()))
    }
}
