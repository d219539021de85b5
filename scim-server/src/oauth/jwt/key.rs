//! Public keys of issuers (RFC 7517), each good for one algorithm.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

use super::Check;

/// How a token is signed (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA of 2048 bits or more, PKCS #1 v1.5, SHA-256.
    Rs256,
    /// ECDSA over P-256, SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    /// The word in a header, whose case counts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == word)
    }
}

/// A public key.
#[derive(Debug)]
pub struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// The point as it is, for Ed25519; uncompressed, for P-256.
    Point(Vec<u8>),
}

/// The keys of an issuer that are of use here. Others may stand beside them.
#[derive(Debug, Default)]
pub struct KeySet(Vec<Key>);

/// The most keys of a set that are looked at.
const MOST_KEYS: usize = 100;

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

/// A JWK, as far as it counts.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
    /// Of a private key.
    #[serde(default)]
    d: Option<String>,
}

/// Why a JWK Set is of no use.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// It is not a JWK Set.
    #[error("it is not a JWK Set: an object with keys, which is a list (RFC 7517 §5)")]
    Form,
    /// It gives away a private key.
    #[error("it has a private key in it, which belongs to the issuer alone; make a new one, and give its public part")]
    Private,
    /// There is no key for a signature of a kind that is taken.
    #[error("it has no public key for signatures by RS256 (2048 bits or more), ES256 or EdDSA (Ed25519)")]
    Empty,
}

impl KeySet {
    /// Reads a JWK Set. Keys for other purposes or algorithms are passed over.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeySetError> {
        let set: Set = serde_json::from_slice(bytes).map_err(|_| KeySetError::Form)?;
        let mut keys = Vec::new();
        for key in set.keys.into_iter().filter(serde_json::Value::is_object).take(MOST_KEYS) {
            let Ok(jwk) = serde_json::from_value::<Jwk>(key) else { continue };
            if jwk.d.is_some() {
                return Err(KeySetError::Private);
            }
            keys.extend(jwk.key());
        }
        if keys.is_empty() { Err(KeySetError::Empty) } else { Ok(Self(keys)) }
    }

    /// Whether a key of that id is there; without one, whether there is only one that it can be.
    pub fn has(&self, id: Option<&str>, algorithm: Algorithm) -> bool {
        self.find(id, algorithm).is_ok()
    }

    /// The key that a token says it is signed by. It must be one for the algorithm that the token names.
    pub fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<&Key, Check> {
        let known = |key: &&Key| id.is_none_or(|id| key.id.as_deref() == Some(id));
        let mut found = self.0.iter().filter(known).filter(|key| key.algorithm == algorithm);
        match (found.next(), found.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err(Check::new("kid", "which of the issuer's keys it is", id.unwrap_or("none"))),
            (None, _) => match self.0.iter().find(known) {
                Some(key) if id.is_some() => {
                    Err(Check::new("alg", format!("that of the key: {}", key.algorithm.as_str()), algorithm.as_str()))
                }
                _ => Err(Check::new("kid", "the id of one of the issuer's keys", id.unwrap_or("none"))),
            },
        }
    }
}

impl Key {
    /// Whether that is its signature of that.
    pub fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        let verified = match (&self.material, self.algorithm) {
            (Material::Rsa { n, e }, _) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature)
            }
            (Material::Point(point), Algorithm::EdDsa) => {
                UnparsedPublicKey::new(&ED25519, point).verify(signed, signature)
            }
            (Material::Point(point), _) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature)
            }
        };
        verified.is_ok()
    }
}

impl Jwk {
    /// The key, if it is one for signatures of a kind that is taken.
    fn key(self) -> Option<Key> {
        let for_signatures = self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|one| one == "verify"));
        let decode = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        let (algorithm, material) = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => {
                let n = decode(&self.n).filter(|n| (256..=1024).contains(&n.len()))?;
                (Algorithm::Rs256, Material::Rsa { n, e: decode(&self.e)? })
            }
            ("EC", Some("P-256")) => {
                let (x, y) = (decode(&self.x)?, decode(&self.y)?);
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                (Algorithm::Es256, Material::Point(point).of_length(x.len() == 32 && y.len() == 32)?)
            }
            ("OKP", Some("Ed25519")) => {
                let x = decode(&self.x)?;
                let has_length = x.len() == 32;
                (Algorithm::EdDsa, Material::Point(x).of_length(has_length)?)
            }
            _ => return None,
        };
        let says_so = self.alg.as_deref().is_none_or(|alg| alg == algorithm.as_str());
        (for_signatures && says_so).then_some(Key { id: self.kid, algorithm, material })
    }
}

impl Material {
    fn of_length(self, has_length: bool) -> Option<Self> {
        has_length.then_some(self)
    }
}
