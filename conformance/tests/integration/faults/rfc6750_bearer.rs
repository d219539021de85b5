//! Faults in authentication.

use serde_json::json;

use super::Faults;
use crate::broken::{Fault, READ_ONLY_TOKEN, SECOND_TOKEN, TOKEN, fault::on};

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

/// Takes another token for the first tenant's.
fn mistakes(token: &'static str) -> Fault {
    on("* **").takes(move |asked| {
        for (name, value) in &mut asked.headers {
            if name == "authorization" {
                *value = value.replace(token, TOKEN);
            }
        }
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
        ("auth-any-token", takes_any_token(), "with a token of nobody to be refused; got 200"),
        ("auth-any-token-write", takes_any_token(), "with a token of nobody to be refused; got 201"),
        ("auth-second-reads", mistakes(SECOND_TOKEN), "another tenant not to read the user; got 200"),
        ("auth-second-finds", mistakes(SECOND_TOKEN), "another tenant not to find the user; it does"),
        (
            "auth-second-cursor",
            mistakes(SECOND_TOKEN),
            "the cursor to show another tenant nobody of this tenant; it does",
        ),
        ("auth-second-writes", mistakes(SECOND_TOKEN), "of another tenant to be refused; got 200"),
        (
            "auth-second-members",
            on("GET /Groups/*").says("/members", json!([{"display": "scim-conformance-0a1b2c-0@example.com"}])),
            "nothing of another tenant's user; it has scim-conformance-0a1b2c-0@example.com",
        ),
        ("auth-second-names", on("POST /Users").having(SECOND_TOKEN).status(409), "free in its userNames; got 409"),
        ("auth-read-only", mistakes(READ_ONLY_TOKEN), "to be refused; got 201"),
        ("auth-scheme-case", users().having("authorization: bearer").refuses(401), "Expected status 200 to GET"),
    ]
}
