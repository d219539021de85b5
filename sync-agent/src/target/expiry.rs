//! When the bearer token ends, where that can be told.
//!
//! No part of SCIM says it. A token that is a JWT (RFC 7519 §4.1.4) says it itself; of any other
//! the target's own administration knows.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use scim_protocol::Timestamp;
use serde_json::Value;

use crate::secret::Secret;

/// The end of the token, where the token says so.
pub fn of(token: &Secret) -> Option<Timestamp> {
    let mut parts = token.expose().split('.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    claims["exp"].as_i64()?.checked_mul(1000).map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jwt_says_when_it_ends_and_nothing_else_does() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"sub":"sync","exp":1795305600}"#);
        let check = |token: &str, expect: Option<i64>| {
            assert_eq!(of(&Secret::new(token)).map(Timestamp::as_millis), expect, "{token}");
        };
        check(&format!("e30.{claims}.c2ln"), Some(1_795_305_600_000));
        check("scim_0123456789", None);
        check("a.b.c", None);
        check(&format!("e30.{claims}"), None);
    }
}
