//! Client assertions: whatever a token says of itself, only what a key of ours has signed is believed; and what
//! is read of one is what it says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scim_server::internals::oauth::jwt::{ASSERTION, KeySet, Unverified};

/// Public keys whose private ones nobody has.
const KEYS: &str = r#"{"keys":[
    {"kty":"EC","crv":"P-256","kid":"ec","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
    {"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

fuzz_target!(|input: &[u8]| {
    // As a set of keys.
    let _ = KeySet::parse(input);
    let Some(text) = fuzz::text(input) else { return };
    let Ok(token) = Unverified::parse(text, &ASSERTION) else { return };
    let keys = KeySet::parse(KEYS.as_bytes()).expect("keys");
    assert!(token.verify(&keys).is_err(), "{text}");
    assert!(token.claims.exp.is_finite());
    assert_eq!(text.split('.').count(), 3, "{text}");
});
