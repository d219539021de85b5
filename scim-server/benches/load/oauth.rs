//! OAuth: tokens by a secret and by an assertion, and a read by such a token.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use scim_server::internals::{
    directory::Directory,
    oauth::{Keys, Scope, Trust},
    tenant::TenantRecord,
};
use std::{io::Write as _, time::Duration};

const ISSUER: &str = "https://idp.example";

/// A client of a tenant, with a secret, and an issuer that signs for it by ES256.
pub struct OAuth {
    path: String,
    basic: String,
    key: EcdsaKeyPair,
    random: SystemRandom,
    run: u64,
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl OAuth {
    /// Makes them in the store.
    pub async fn new(directory: &Directory, tenant: &TenantRecord) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).expect("the key");
        let (x, y) = key.public_key().as_ref()[1..].split_at(32);
        let set = serde_json::json!({"keys": [{"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)}]});

        let year = Duration::from_secs(365 * 24 * 60 * 60);
        let made = directory.clients().create(tenant, "bench", Scope::SCIM, Some(year)).await;
        let (client, issued) = made.expect("a client");
        let id = client.id;
        let trust = Trust {
            id,
            issuer: ISSUER.to_owned(),
            subject: "bench".to_owned(),
            audience: "api://bench".to_owned(),
            keys: Keys::Jwks(set),
            created: 0,
            last_used: None,
        };
        directory.clients().add_trust(client, trust).await.expect("a trust");
        let secret = issued.expect("a secret").secret.reveal().to_owned();
        let basic = STANDARD.encode(format!("{id}:{secret}"));
        let path = tenant.path().replace("/scim/v2", "/oauth2/token");
        Self { path, basic, key, random, run: rand::random() }
    }

    /// A request for a token, with the secret.
    pub fn by_secret(&self, out: &mut Vec<u8>) {
        self.post(&format!("Authorization: Basic {}\r\n", self.basic), "grant_type=client_credentials", out);
    }

    /// The same with an assertion that nobody has used.
    pub fn by_assertion(&self, number: usize, out: &mut Vec<u8>) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
        let claims = format!(
            r#"{{"iss":"{ISSUER}","sub":"bench","aud":"api://bench","jti":"{}-{number}","iat":{now},"exp":{}}}"#,
            self.run,
            now + 300
        );
        let signed = format!("{}.{}", encode(r#"{"alg":"ES256","typ":"JWT"}"#), encode(claims));
        let signature = self.key.sign(&self.random, signed.as_bytes()).expect("a signature");
        let body = format!(
            "grant_type=client_credentials&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={signed}.{}",
            encode(signature)
        );
        self.post("", &body, out);
    }

    fn post(&self, header: &str, body: &str, out: &mut Vec<u8>) {
        let _ = write!(
            out,
            "POST {} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: load\r\n{header}\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.path,
            body.len()
        );
    }
}
