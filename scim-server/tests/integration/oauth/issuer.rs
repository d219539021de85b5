//! An issuer of assertions with a key for ES256 and one for EdDSA.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};

#[derive(Clone)]
pub struct Issuer {
    ec: Arc<EcdsaKeyPair>,
    ed: Arc<Ed25519KeyPair>,
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since the epoch.
pub fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(now.as_secs()).expect("before the end of time")
}

/// What an assertion says unless the test changes it.
pub fn claims() -> Value {
    let jti = format!("{:032x}", rand::random::<u128>());
    json!({"iss": "https://idp.example/v2.0", "sub": "object-id", "aud": "api://scim", "jti": jti,
        "iat": now(), "nbf": now(), "exp": now() + 300})
}

impl Issuer {
    pub fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let ec = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let ed = Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
        Self {
            ec: Arc::new(EcdsaKeyPair::from_pkcs8(algorithm, ec.as_ref(), &random).expect("the key")),
            ed: Arc::new(Ed25519KeyPair::from_pkcs8(ed.as_ref()).expect("the key")),
        }
    }

    /// Its public keys.
    pub fn set(&self) -> Value {
        let (x, y) = self.ec.public_key().as_ref()[1..].split_at(32);
        json!({"keys": [
            {"kty": "EC", "crv": "P-256", "kid": "ec", "use": "sig", "alg": "ES256", "x": encode(x), "y": encode(y)},
            {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": encode(self.ed.public_key())},
        ]})
    }

    /// An assertion by ES256.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(&json!({"alg": "ES256", "typ": "JWT", "kid": "ec"}), claims)
    }

    /// The same with a header of one's own. It is signed by Ed25519 where it says so.
    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = if header["alg"] == "EdDSA" {
            encode(self.ed.sign(signed.as_bytes()))
        } else {
            encode(self.ec.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature"))
        };
        format!("{signed}.{signature}")
    }
}
