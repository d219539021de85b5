//! Authentication with bearer tokens.

use crate::{
    case::{Area, Case, Need::Type},
    context::Context,
    ensure,
    exchange::Answer,
    run,
    verdict::{Outcome, Stop},
};

pub const AREA: Area = Area { tag: "auth", title: "Bearer tokens (RFC 6750, RFC 7644 §2)", cases: CASES };

const USERS: &[crate::case::Need] = &[Type("User")];

const CASES: &[Case] = &[
    Case::should("auth-no-token", "RFC 7644 §3.12", "A request without a token is answered 401.", run!(refused, ""))
        .needs(USERS),
    Case::should(
        "auth-wrong-token",
        "RFC 6750 §3.1",
        "A token that the server does not know is answered 401.",
        run!(refused, "Bearer no-token-of-this-server"),
    )
    .needs(USERS),
    Case::must(
        "auth-challenge",
        "RFC 6750 §3",
        "An answer 401 has a WWW-Authenticate header with the scheme Bearer.",
        run!(challenge, ""),
    )
    .needs(USERS),
    Case::must(
        "auth-challenge-wrong-token",
        "RFC 6750 §3",
        "An answer 401 to a wrong token has a WWW-Authenticate header with the scheme Bearer.",
        run!(challenge, "Bearer no-token-of-this-server"),
    )
    .needs(USERS),
    Case::should(
        "auth-invalid-token",
        "RFC 6750 §3.1",
        "The challenge to a wrong token has the error code invalid_token.",
        run!(code, "Bearer no-token-of-this-server", true),
    )
    .needs(USERS),
    Case::should(
        "auth-no-error-code",
        "RFC 6750 §3.1",
        "The challenge to a request without a token has no error code.",
        run!(code, "", false),
    )
    .needs(USERS),
    Case::should(
        "auth-write",
        "RFC 7644 §7.6",
        "A POST without a token makes nothing, where the server does not mean to take anonymous requests.",
        run!(write),
    )
    .needs(USERS),
    Case::must(
        "auth-error-body",
        "RFC 7644 §3.12",
        "An answer 401 has an error of SCIM as its body.",
        run!(error_body),
    )
    .needs(USERS),
    Case::must("auth-scheme-case", "RFC 7235 §2.1", "The name of the scheme is taken in any case.", run!(scheme_case))
        .needs(USERS),
];

async fn refused(scim: &Context, authorization: &str) -> Outcome {
    scim.get(scim.users()).anonymous().header("authorization", authorization).await?.status(401)?;
    Ok(())
}

/// An answer 401, or a skip: whether there is one is for the cases about that.
fn refusal(answer: &Answer) -> Result<&Answer, Stop> {
    if answer.status == 401 {
        return Ok(answer);
    }
    Err(Stop::Skip(format!("The server does not answer 401 but {}.", answer.status)))
}

async fn challenge(scim: &Context, authorization: &str) -> Outcome {
    let answer = scim.get(scim.users()).anonymous().header("authorization", authorization).await?;
    let challenge = refusal(&answer)?.header("www-authenticate").unwrap_or_default();
    let is_bearer = challenge.to_ascii_lowercase().contains("bearer");
    ensure!(is_bearer, "Expected a WWW-Authenticate header with Bearer; it is \"{challenge}\".");
    Ok(())
}

async fn code(scim: &Context, authorization: &str, expect: bool) -> Outcome {
    let answer = scim.get(scim.users()).anonymous().header("authorization", authorization).await?;
    let challenge = refusal(&answer)?.header("www-authenticate").unwrap_or_default();
    if expect {
        ensure!(challenge.contains("invalid_token"), "Expected error=\"invalid_token\"; it is \"{challenge}\".");
    } else {
        ensure!(!challenge.contains("error="), "Expected no error code; it is \"{challenge}\".");
    }
    Ok(())
}

async fn write(scim: &Context) -> Outcome {
    let answer = scim.user().post().anonymous().await?;
    ensure!(
        answer.status == 401 || answer.status == 403,
        "Expected 401 to a POST without a token; got {}.",
        answer.status
    );
    Ok(())
}

async fn error_body(scim: &Context) -> Outcome {
    let answer = scim.get(scim.users()).anonymous().await?;
    let schemas = &refusal(&answer)?.object()?["schemas"];
    ensure!(schemas[0] == crate::exchange::ERROR, "Expected an error of SCIM; its schemas are {schemas}.");
    Ok(())
}

async fn scheme_case(scim: &Context) -> Outcome {
    let Some(token) = scim.token() else { return Err(Stop::Skip("The run has no token.".to_owned())) };
    let lower = format!("bearer {token}");
    scim.get(scim.users()).query("count", 1).header("authorization", &lower).await?.status(200)?;
    Ok(())
}
