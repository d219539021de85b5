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
        ("auth-no-token", lets_all_in(), "Expected status 401 to GET"),
        ("auth-wrong-token", takes_any_token(), "Expected status 401 to GET"),
        ("auth-challenge", users().header("www-authenticate", ""), "a WWW-Authenticate header with Bearer"),
        (
            "auth-challenge-wrong-token",
            users().header("www-authenticate", "Basic realm=\"scim\""),
            "a WWW-Authenticate header with Bearer",
        ),
        ("auth-invalid-token", users().header("www-authenticate", "Bearer"), "Expected error=\"invalid_token\""),
        (
            "auth-no-error-code",
            users().header("www-authenticate", "Bearer error=\"invalid_token\""),
            "Expected no error code",
        ),
        ("auth-write", lets_all_in(), "401 to a POST without a token; got 201."),
        ("auth-error-body", users().lacking("authorization").empty(), "a JSON object from GET"),
        ("auth-scheme-case", users().having("authorization: bearer").refuses(401), "Expected status 200 to GET"),
    ]
}
