//! Faults in authentication.

use super::Faults;
use crate::broken::{Fault, TOKEN, fault::on};

/// Takes every request as one with the right token.
fn lets_all_in() -> Fault {
    on("* **").takes(|asked| asked.headers.push(("authorization".to_owned(), format!("Bearer {TOKEN}"))))
}

/// Does not look at the token.
fn takes_any_token() -> Fault {
    on("* **").takes(|asked| {
        asked.headers.retain(|(name, _)| name != "authorization");
        asked.headers.push(("authorization".to_owned(), format!("Bearer {TOKEN}")));
    })
}

pub fn faults() -> Faults {
    let users = || on("GET /Users");
    vec![
        ("auth-no-token", lets_all_in()),
        ("auth-wrong-token", takes_any_token()),
        ("auth-challenge", users().header("www-authenticate", "")),
        ("auth-challenge-wrong-token", users().header("www-authenticate", "Basic realm=\"scim\"")),
        ("auth-invalid-token", users().header("www-authenticate", "Bearer")),
        ("auth-no-error-code", users().header("www-authenticate", "Bearer error=\"invalid_token\"")),
        ("auth-write", lets_all_in()),
        ("auth-error-body", users().lacking("authorization").empty()),
        ("auth-scheme-case", users().having("authorization: bearer").refuses(401)),
    ]
}
