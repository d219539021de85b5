//! Every refusal of RFC 8725 and RFC 7515, by tokens that are signed well otherwise.

use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};

use super::*;

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// An issuer with a key of each kind that can be made here.
struct Issuer {
    ec: EcdsaKeyPair,
    ed: Ed25519KeyPair,
}

impl Issuer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let ec = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        Self {
            ec: EcdsaKeyPair::from_pkcs8(algorithm, ec.as_ref(), &random).unwrap(),
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
        }
    }

    fn set(&self) -> Value {
        let (x, y) = self.ec.public_key().as_ref()[1..].split_at(32);
        json!({"keys": [
            {"kty": "EC", "crv": "P-256", "kid": "ec", "use": "sig", "x": encode(x), "y": encode(y)},
            {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "alg": "EdDSA", "x": encode(self.ed.public_key())},
            {"kty": "oct", "kid": "secret", "k": "AAAA"}, {"kty": "EC", "crv": "P-521", "kid": "large"}, "nonsense",
        ]})
    }

    fn keys(&self) -> KeySet {
        KeySet::parse(self.set().to_string().as_bytes()).unwrap()
    }

    fn sign_ec(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = self.ec.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", encode(signature))
    }

    fn sign_ed(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = self.ed.sign(signed.as_bytes());
        format!("{signed}.{}", encode(signature))
    }
}

const CLAIMS: &str = r#"{"iss":"i","sub":"s","aud":"a","exp":1}"#;

/// The check that fails; empty when none does.
fn refusal(keys: &KeySet, token: &str) -> String {
    let found = Unverified::parse(token, &ASSERTION).and_then(|token| token.verify(keys));
    found.err().map(|check| check.name).unwrap_or_default()
}

#[test]
fn a_well_signed_token_is_believed_and_its_claims_are_read() {
    let issuer = Issuer::new();
    let keys = issuer.keys();
    for header in [
        r#"{"alg":"ES256","kid":"ec"}"#,
        r#"{"alg":"ES256"}"#,
        r#"{"typ":"JWT","alg":"ES256","kid":"ec","x5t":"ignored"}"#,
        r#"{"typ":"client-authentication+jwt","alg":"ES256"}"#,
        r#"{"typ":"application/jwt","alg":"ES256"}"#,
    ] {
        assert_eq!(refusal(&keys, &issuer.sign_ec(header, CLAIMS)), "", "{header}");
    }
    assert_eq!(refusal(&keys, &issuer.sign_ed(r#"{"alg":"EdDSA","kid":"ed"}"#, CLAIMS)), "");
    let claims = r#"{"iss":"i","sub":"s","aud":["a","b"],"exp":1.5,"nbf":1,"jti":"j","oid":{"deep":[1]}}"#;
    let token = issuer.sign_ec(r#"{"alg":"ES256"}"#, claims);
    let token = Unverified::parse(&token, &ASSERTION).unwrap();
    assert_eq!(token.claims.aud.all(), ["a", "b"]);
    assert_eq!((token.claims.exp, token.claims.jti.as_deref()), (1.5, Some("j")));
}

#[test]
fn the_header_cannot_choose_how_it_is_verified() {
    let issuer = Issuer::new();
    let keys = issuer.keys();
    for (header, expect) in [
        (r#"{"alg":"none"}"#, "alg"),
        (r#"{"alg":"HS256","kid":"ec"}"#, "alg"),
        (r#"{"alg":"es256"}"#, "alg"),
        (r#"{"alg":"RS256","kid":"ec"}"#, "alg"),
        (r#"{"alg":"EdDSA","kid":"ec"}"#, "alg"),
        (r#"{"alg":"ES256","kid":"ed"}"#, "alg"),
        (r#"{"alg":"ES256","kid":"secret"}"#, "kid"),
        (r#"{"alg":"ES256","kid":"../../dev/null"}"#, "kid"),
        (r#"{"alg":"ES256","kid":"' OR 1=1 --"}"#, "kid"),
        (r#"{"alg":"ES256","kid":5}"#, "header"),
        (r#"{"alg":"ES256","typ":"at+jwt"}"#, "typ"),
        (r#"{"alg":"ES256","typ":"dpop+jwt"}"#, "typ"),
        (r#"{"alg":"ES256","crit":["exp"]}"#, "header"),
        (r#"{"alg":"ES256","crit":null}"#, "header"),
        (r#"{"alg":"ES256","b64":false,"crit":["b64"]}"#, "header"),
        (r#"{"alg":"ES256","jwk":{"kty":"EC"}}"#, "header"),
        (r#"{"alg":"ES256","jku":"https://evil.example/"}"#, "header"),
        (r#"{"alg":"ES256","x5u":"https://evil.example/"}"#, "header"),
        (r#"{"alg":"ES256","x5c":["MII"]}"#, "header"),
        (r#"{"alg":"ES256","zip":"DEF"}"#, "header"),
        (r#"{"alg":"ES256","alg":"none"}"#, "header"),
        (r#"{"alg":"none","alg":"ES256"}"#, "header"),
        (r#"{"kid":"ec"}"#, "header"),
        (r#"["ES256"]"#, "header"),
        ("", "header"),
    ] {
        assert_eq!(refusal(&keys, &issuer.sign_ec(header, CLAIMS)), expect, "{header}");
    }
}

#[test]
fn what_is_altered_or_signed_by_others_is_not_believed() {
    let (issuer, other) = (Issuer::new(), Issuer::new());
    let keys = issuer.keys();
    let header = r#"{"alg":"ES256","kid":"ec"}"#;
    let good = issuer.sign_ec(header, CLAIMS);
    assert_eq!(refusal(&keys, &other.sign_ec(header, CLAIMS)), "signature");
    assert_eq!(refusal(&keys, &good.replace(&encode(CLAIMS), &encode(CLAIMS.replace("\"s\"", "\"t\"")))), "signature");
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    for empty in [String::new(), encode([0; 64]), encode(&bytes[..63])] {
        assert_eq!(refusal(&keys, &format!("{signed}.{empty}")), "signature", "{empty}");
    }
    bytes[10] ^= 1;
    assert_eq!(refusal(&keys, &format!("{signed}.{}", encode(&bytes))), "signature");
    for wrong in [
        format!("{good}="),
        format!("{good}."),
        good.replace('.', ","),
        signed.to_owned(),
        "..".to_owned(),
        String::new(),
        format!("{good} "),
    ] {
        assert_ne!(refusal(&keys, &wrong), "", "{wrong}");
    }
}

#[test]
fn claims_have_their_types_and_stand_there_once() {
    let issuer = Issuer::new();
    let keys = issuer.keys();
    let deep = format!(r#"{{"iss":"i","sub":"s","aud":"a","exp":1,"x":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
    for claims in [
        "{}",
        "[]",
        "null",
        r#"{"sub":"s","aud":"a","exp":1}"#,
        r#"{"iss":"i","aud":"a","exp":1}"#,
        r#"{"iss":"i","sub":"s","exp":1}"#,
        r#"{"iss":"i","sub":"s","aud":"a"}"#,
        r#"{"iss":"i","sub":"s","aud":"a","exp":"1"}"#,
        r#"{"iss":"i","sub":"s","aud":"a","exp":null}"#,
        r#"{"iss":5,"sub":"s","aud":"a","exp":1}"#,
        r#"{"iss":"i","sub":"s","aud":{"a":1},"exp":1}"#,
        r#"{"iss":"i","sub":"s","aud":[1],"exp":1}"#,
        r#"{"iss":"i","sub":"s","sub":"t","aud":"a","exp":1}"#,
        r#"{"iss":"i","sub":"s","aud":"a","exp":1,"jti":5}"#,
        r#"["i","s","a",1]"#,
        r#"{"iss":"i","sub":"s","aud":"a","exp":1"#,
    ] {
        let token = issuer.sign_ec(r#"{"alg":"ES256"}"#, claims);
        assert_eq!(refusal(&keys, &token), "claims", "{}", &claims[..claims.len().min(60)]);
    }
    // What is not looked at may be as deep as it is long.
    assert_eq!(refusal(&keys, &issuer.sign_ec(r#"{"alg":"ES256"}"#, &deep)), "");
    let long = format!(r#"{{"iss":"i","sub":"{}","aud":"a","exp":1}}"#, "s".repeat(MOST));
    assert_eq!(refusal(&keys, &issuer.sign_ec(r#"{"alg":"ES256"}"#, &long)), "assertion");
}

#[test]
fn a_set_is_of_public_keys_for_signatures() {
    let refused = |set: Value| KeySet::parse(set.to_string().as_bytes()).unwrap_err().to_string();
    let key = |further: Value| {
        let mut key = Issuer::new().set()["keys"][0].clone();
        key.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        json!({"keys": [key]})
    };
    assert!(refused(key(json!({"d": "AAAA"}))).contains("private"));
    assert!(refused(json!({"keys": []})).contains("no public key"));
    assert!(refused(json!({"kty": "EC"})).contains("not a JWK Set"));
    for useless in [
        json!({"use": "enc"}),
        json!({"key_ops": ["sign"]}),
        json!({"alg": "ES384"}),
        json!({"x": "AAAA"}),
        json!({"x": null}),
        json!({"crv": "P-384"}),
        json!({"kty": "RSA", "n": encode([0xff; 128]), "e": "AQAB"}),
    ] {
        assert!(refused(key(useless.clone())).contains("no public key"), "{useless}");
    }
    assert!(KeySet::parse(key(json!({"key_ops": ["verify"]})).to_string().as_bytes()).is_ok());
}
