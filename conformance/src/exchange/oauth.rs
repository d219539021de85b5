//! An access token by OAuth's client credentials (RFC 6749 §4.4): before the first request of a run, and again when the
//! server takes it no more.
//!
//! The client proves who it is with a secret, or with a signed assertion (RFC 7523 §2.2). The token is then used and
//! hidden as one from a file is.

use std::{sync::Arc, time::SystemTime};

use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use serde_json::{Value, json};

use super::{Client, NotSent, Renewal, Request, Settings};
use crate::verdict::shorten;

/// How the client gets its token.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The token endpoint, a URL.
    pub token_url: String,
    pub client_id: String,
    pub proof: Proof,
    /// What to ask for; without it the client gets what it may have.
    pub scope: Option<String>,
    /// The time, for assertions that are signed here.
    pub clock: fn() -> SystemTime,
}

/// By what the client proves who it is.
#[derive(Debug, Clone)]
pub enum Proof {
    /// In an HTTP Basic header (RFC 6749 §2.3.1).
    Secret(String),
    /// A JWT that somebody else has signed.
    Assertion(String),
    /// A JWT that is signed here.
    Key(Signing),
}

/// What an assertion that is signed here says.
#[derive(Debug, Clone)]
pub struct Signing {
    /// The private key, PEM, PKCS #8: RSA, P-256 or Ed25519.
    pub key: Vec<u8>,
    /// The `kid` of the header.
    pub key_id: Option<String>,
    pub issuer: String,
    pub subject: String,
    pub audience: String,
}

/// How long an assertion is good, in seconds.
const LIFETIME: u64 = 300;
/// The `client_assertion_type` of a JWT (RFC 7523 §2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How a run gets another access token by this grant.
pub fn renewal_by(grant: Grant, settings: &Settings) -> Renewal {
    let both = Arc::new((grant, settings.clone()));
    Renewal::by(move || {
        let both = Arc::clone(&both);
        Box::pin(async move { access_token(&both.0, &both.1).await })
    })
}

/// Asks for an access token. Errors: what the endpoint says, and what to look at.
pub async fn access_token(grant: &Grant, settings: &Settings) -> Result<String, NotSent> {
    let bare = Settings { token: None, renewal: None, basic: None, headers: Vec::new(), ..settings.clone() };
    let client = Client::new(&grant.token_url, &bare)?;
    let mut form = vec![("grant_type", "client_credentials".to_owned())];
    let mut headers = vec![
        ("accept".to_owned(), "application/json".to_owned()),
        ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
    ];
    let assertion = match &grant.proof {
        Proof::Secret(secret) => {
            let both = format!("{}:{}", encoded(&grant.client_id), encoded(secret));
            headers.push(("authorization".to_owned(), format!("Basic {}", STANDARD.encode(both))));
            None
        }
        Proof::Assertion(jwt) => Some(jwt.clone()),
        Proof::Key(signing) => Some(signed(signing, seconds((grant.clock)())?)?),
    };
    if let Some(jwt) = assertion {
        form.push(("client_id", grant.client_id.clone()));
        form.push(("client_assertion_type", JWT_BEARER.to_owned()));
        form.push(("client_assertion", jwt));
    }
    form.extend(grant.scope.clone().map(|scope| ("scope", scope)));
    let body: Vec<_> = form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let request = Request {
        method: "POST".to_owned(),
        url: grant.token_url.clone(),
        headers,
        body: Some(body.join("&").into()),
        anonymous: true,
        unfollowed: true,
    };
    let answer = client.send(Arc::new(request)).await?;
    match (answer.status, answer.json()["access_token"].as_str()) {
        (200, Some(token)) => Ok(token.to_owned()),
        (status, _) => Err(NotSent(format!(
            "The token endpoint {} gave no access token: {status}{}. Are the client's id and its secret or key right?",
            grant.token_url,
            said(answer.json())
        ))),
    }
}

/// What an OAuth error says (RFC 6749 §5.2), for a sentence.
fn said(error: &Value) -> String {
    let parts: Vec<_> = ["error", "error_description"].iter().filter_map(|name| error[*name].as_str()).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", shorten(&parts.join(": "), 200)) }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Seconds since 1970.
fn seconds(now: SystemTime) -> Result<u64, NotSent> {
    let since = now.duration_since(SystemTime::UNIX_EPOCH);
    since.map(|since| since.as_secs()).map_err(|_| NotSent("The clock of this machine is before 1970.".to_owned()))
}

/// The assertion, made at that time.
fn signed(signing: &Signing, now: u64) -> Result<String, NotSent> {
    let unusable = |why: &str| NotSent(format!("The client's private key cannot be used: {why}."));
    let der = PrivateKeyDer::from_pem_slice(&signing.key).map_err(|error| unusable(&error.to_string()))?;
    let PrivateKeyDer::Pkcs8(der) = der else {
        return Err(unusable("it must be PKCS #8, which `openssl pkcs8 -topk8 -nodes` makes of it"));
    };
    let der = der.secret_pkcs8_der();
    let random = SystemRandom::new();
    // One of the three reads the key; the others say that it is another algorithm's.
    let (algorithm, key) = if let Ok(key) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
        ("EdDSA", Key::Ed25519(key))
    } else if let Ok(key) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random) {
        ("ES256", Key::P256(key))
    } else {
        let key = RsaKeyPair::from_pkcs8(der).map_err(|_| unusable("it is no key for RSA, P-256 or Ed25519"))?;
        ("RS256", Key::Rsa(key))
    };
    let mut header = json!({"alg": algorithm, "typ": "JWT"});
    if let Some(id) = &signing.key_id {
        header["kid"] = id.as_str().into();
    }
    let claims = json!({
        "iss": signing.issuer, "sub": signing.subject, "aud": signing.audience,
        "iat": now, "exp": now + LIFETIME, "jti": format!("{:032x}", rand::random::<u128>()),
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&header), part(&claims));
    let signature = key.sign(text.as_bytes(), &random).ok_or_else(|| unusable("it does not sign"))?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

enum Key {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Key {
    fn sign(&self, text: &[u8], random: &SystemRandom) -> Option<Vec<u8>> {
        match self {
            Self::Ed25519(key) => Some(key.sign(text).as_ref().to_vec()),
            Self::P256(key) => Some(key.sign(random, text).ok()?.as_ref().to_vec()),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, random, text, &mut signature).ok()?;
                Some(signature)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    fn signing(key: String) -> Signing {
        Signing {
            key: key.into_bytes(),
            key_id: Some("one".to_owned()),
            issuer: "https://issuer.example.com".to_owned(),
            subject: "judge".to_owned(),
            audience: "api://scim".to_owned(),
        }
    }

    #[test]
    fn an_assertion_says_who_and_is_signed() {
        let pair = rcgen::KeyPair::generate().expect("a key");
        let jwt = signed(&signing(pair.serialize_pem()), 1_700_000_000).expect("an assertion");
        let (text, signature) = jwt.rsplit_once('.').expect("three parts");
        let read = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64");
        let parts: Vec<Value> =
            text.split('.').map(|part| serde_json::from_slice(&read(part)).expect("JSON")).collect();
        assert_eq!(parts[0], json!({"alg": "ES256", "typ": "JWT", "kid": "one"}));
        assert_eq!((&parts[1]["sub"], &parts[1]["exp"]), (&json!("judge"), &json!(1_700_000_300)));
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key_raw());
        public.verify(text.as_bytes(), &read(signature)).expect("the signature is the key's");
    }

    #[test]
    fn what_is_no_key_is_refused_in_words() {
        let why = signed(&signing("no key".to_owned()), 0).expect_err("no key").0;
        assert!(why.starts_with("The client's private key cannot be used: "), "{why}");
    }
}
