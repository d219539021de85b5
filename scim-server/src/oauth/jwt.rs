//! JSON Web Tokens that others have signed (RFC 7519), read as RFC 8725 wants it.
//!
//! The key says which algorithm there is, and the token has to say the same; there is no `none` and nothing
//! symmetric. A key in the token, or the address of one, is no reason to believe it, so such a token is
//! refused, and so is one whose header asks for something that is not known here (`crit`).

pub mod key;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, IgnoredAny},
};
use serde_json::{Map, Value};

pub use self::key::{Algorithm, KeySet};
use super::Check;

/// The longest token that is looked at.
pub const MOST: usize = 16 * 1024;

/// What a token is for.
pub struct Purpose {
    /// What refusals call it.
    name: &'static str,
    /// The types that it may say it is (RFC 7519 §5.1).
    types: &'static [&'static str],
}

/// The token of a client that shows who it is (draft-ietf-oauth-rfc7523bis §4).
pub const ASSERTION: Purpose = Purpose { name: "assertion", types: &["JWT", "client-authentication+jwt"] };

/// The token that says who a person is (OpenID Connect Core 1.0 §2).
pub const ID_TOKEN: Purpose = Purpose { name: "ID token", types: &["JWT"] };

/// A token whose signature nobody has verified.
#[derive(Debug)]
pub struct Unverified<'a> {
    /// By which algorithm it says it is signed.
    pub algorithm: Algorithm,
    /// By which key it says it is signed.
    pub key: Option<String>,
    /// What it says.
    pub claims: Claims,
    payload: Vec<u8>,
    signed: &'a [u8],
    signature: Vec<u8>,
}

/// The claims that count (RFC 7523 §3).
#[derive(Debug, Deserialize)]
pub struct Claims {
    /// The issuer, which signed the assertion.
    pub iss: String,
    /// The subject: for whom the assertion was issued.
    pub sub: String,
    /// The audience: for which server the assertion is meant.
    pub aud: Audience,
    /// When it ends, in seconds since the epoch.
    pub exp: f64,
    /// When it begins.
    #[serde(default)]
    pub nbf: Option<f64>,
    /// When it was made.
    #[serde(default)]
    pub iat: Option<f64>,
    /// What tells it apart from others of its issuer.
    #[serde(default)]
    pub jti: Option<String>,
}

/// One audience, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Member,
    #[serde(default)]
    jwk: Member,
    #[serde(default)]
    jku: Member,
    #[serde(default)]
    x5c: Member,
    #[serde(default)]
    x5u: Member,
    #[serde(default)]
    zip: Member,
}

/// A member that must not be there, whatever it is.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Member {
    #[default]
    Absent,
    Present,
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self::Present)
    }
}

impl<'a> Unverified<'a> {
    /// Reads a token in the compact form (RFC 7515 §3.1). What it says is not to be believed yet.
    pub fn parse(text: &'a str, purpose: &Purpose) -> Result<Self, Check> {
        if text.len() > MOST {
            let came = format!("{} bytes", text.len());
            return Err(Check::new(purpose.name, format!("at most {MOST} bytes"), &came));
        }
        let form =
            |came: &str| Check::new(purpose.name, "a signed JWT: header.claims.signature, each in base64url", came);
        let (signed, signature) = text.rsplit_once('.').ok_or_else(|| form("something else"))?;
        let (header, claims) = signed.split_once('.').ok_or_else(|| form("fewer than three parts"))?;
        let decode = |part: &str, name: &str| {
            URL_SAFE_NO_PAD.decode(part).map_err(|_| form(&format!("a {name} of other characters")))
        };
        let header = decode(header, "header")?;
        let payload = decode(claims, "part of claims")?;
        let signature = decode(signature, "signature")?;
        // The reasons of serde_json may quote what came; what is wrong is told without that.
        let header: Header = object(&header)
            .map_err(|error| Check::new("header", "an object with alg, and typ and kid as strings", &place(&error)))?;
        let algorithm = header.require(purpose)?;
        let expected = "an object with iss and sub as strings, aud, exp as a number, and each once";
        let claims: Claims = object(&payload).map_err(|error| Check::new("claims", expected, &place(&error)))?;
        Ok(Self { algorithm, key: header.kid, claims, payload, signed: signed.as_bytes(), signature })
    }

    /// All that it says, also what [`Claims`] has no name for.
    pub fn said(&self) -> Map<String, Value> {
        serde_json::from_slice(&self.payload).unwrap_or_default()
    }

    /// Verifies the signature by one of these keys.
    pub fn verify(&self, keys: &KeySet) -> Result<(), Check> {
        let key = keys.find(self.key.as_deref(), self.algorithm)?;
        if key.verifies(self.signed, &self.signature) {
            return Ok(());
        }
        Err(Check::new("signature", format!("one by the issuer's {} key", self.algorithm.as_str()), "another one"))
    }
}

impl Header {
    fn require(&self, purpose: &Purpose) -> Result<Algorithm, Check> {
        let of_members = [
            ("crit", self.crit),
            ("jwk", self.jwk),
            ("jku", self.jku),
            ("x5c", self.x5c),
            ("x5u", self.x5u),
            ("zip", self.zip),
        ];
        if let Some((name, _)) = of_members.into_iter().find(|(_, member)| *member == Member::Present) {
            return Err(Check::new("header", "one without crit, zip, a key, or the address of one", name));
        }
        if let Some(typ) = &self.typ {
            let bare = typ.strip_prefix("application/").unwrap_or(typ);
            if !purpose.types.iter().any(|known| known.eq_ignore_ascii_case(bare)) {
                return Err(Check::new("typ", format!("{} or none", purpose.types.join(", ")), typ));
            }
        }
        Algorithm::parse(&self.alg)
            .ok_or_else(|| Check::new("alg", Algorithm::ALL.map(Algorithm::as_str).join(", "), &self.alg))
    }
}

/// Reads a JSON object; a list of its values would do for serde.
fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(serde_json::Error::custom("a list"));
    }
    serde_json::from_slice(bytes)
}

/// Where JSON is wrong.
fn place(error: &serde_json::Error) -> String {
    let what = if error.is_data() { "one with other members" } else { "no JSON" };
    format!("{what}, at character {}", error.column())
}

#[cfg(test)]
mod tests;
