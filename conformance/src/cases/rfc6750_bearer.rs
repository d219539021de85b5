//! Authentication with bearer tokens.

use serde_json::json;

use crate::{
    case::{
        Area, Case,
        Need::{Cursor, Type},
        run,
    },
    context::{Context, about, as_error},
    ensure,
    exchange::Answer,
    verdict::{Outcome, Stop, equals, text},
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
        "An answer 401 has a WWW-Authenticate header, with the scheme Bearer where the server takes such tokens.",
        run!(challenge, ""),
    )
    .needs(USERS),
    Case::must(
        "auth-challenge-wrong-token",
        "RFC 6750 §3",
        "An answer 401 to a wrong token has a WWW-Authenticate header, with the scheme Bearer where it takes such tokens.",
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
    Case::must(
        "auth-any-token",
        "RFC 6749 §7",
        "A server that declares how it authenticates does not serve a token that it has not given.",
        run!(any_token, false),
    )
    .needs(USERS),
    Case::must(
        "auth-any-token-write",
        "RFC 6749 §7",
        "A server that declares how it authenticates makes nothing for a token that it has not given.",
        run!(any_token, true),
    )
    .needs(USERS),
    Case::must(
        "auth-second-reads",
        "RFC 7644 §6",
        "Another tenant's token reads none of this tenant's resources.",
        run!(second_reads),
    )
    .needs(USERS),
    Case::must(
        "auth-second-finds",
        "RFC 7644 §6",
        "Another tenant's token finds none of this tenant's resources by a query.",
        run!(second_finds),
    )
    .needs(USERS),
    Case::must(
        "auth-second-cursor",
        "RFC 7644 §6",
        "A cursor that this tenant was given shows another tenant's token none of this tenant's resources.",
        run!(second_cursor),
    )
    .needs(&[Type("User"), Cursor]),
    Case::must(
        "auth-second-writes",
        "RFC 7644 §6",
        "Another tenant's token changes and deletes none of this tenant's resources.",
        run!(second_writes),
    )
    .needs(USERS),
    Case::must(
        "auth-second-members",
        "RFC 7644 §6",
        "A group of another tenant shows nothing of this tenant's users.",
        run!(second_members),
    )
    .needs(&[Type("User"), Type("Group")]),
    Case::must(
        "auth-second-names",
        "RFC 7644 §6",
        "Another tenant may use a userName that this tenant uses.",
        run!(second_names),
    )
    .needs(USERS),
    Case::must(
        "auth-read-only",
        "RFC 6749 §7",
        "A token for reading alone reads, and makes, changes and deletes nothing.",
        run!(read_only),
    )
    .needs(USERS),
    Case::must("auth-scheme-case", "RFC 7235 §2.1", "The name of the scheme is taken in any case.", run!(scheme_case))
        .needs(USERS),
];

/// Ends the case where no request can leave out what the client is known by.
fn unknown(scim: &Context) -> Outcome {
    if scim.is_known_by_certificate() {
        return Err(Stop::Skip("The server knows each request by the certificate of the run (--cert).".to_owned()));
    }
    Ok(())
}

async fn refused(scim: &Context, authorization: &str) -> Outcome {
    unknown(scim)?;
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
    unknown(scim)?;
    let answer = scim.get(scim.users()).anonymous().header("authorization", authorization).await?;
    let challenge = refusal(&answer)?.header("www-authenticate").unwrap_or_default();
    // A server that takes other credentials names those (RFC 7235 §3.1).
    if scim.token().is_none() {
        ensure!(!challenge.is_empty(), "Expected a WWW-Authenticate header; there is none.");
        return Ok(());
    }
    let is_bearer = challenge.to_ascii_lowercase().contains("bearer");
    ensure!(is_bearer, "Expected a WWW-Authenticate header with Bearer; it is \"{challenge}\".");
    Ok(())
}

async fn code(scim: &Context, authorization: &str, expect: bool) -> Outcome {
    unknown(scim)?;
    if scim.token().is_none() {
        return Err(Stop::Skip("The run has no bearer token.".to_owned()));
    }
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
    unknown(scim)?;
    let answer = scim.user().post().anonymous().await?;
    ensure!(
        answer.status == 401 || answer.status == 403,
        "Expected 401 to a POST without a token; got {}.",
        answer.status
    );
    Ok(())
}

async fn error_body(scim: &Context) -> Outcome {
    unknown(scim)?;
    let answer = scim.get(scim.users()).anonymous().await?;
    let schemas = &refusal(&answer)?.object()?["schemas"];
    ensure!(schemas[0] == crate::exchange::ERROR, "Expected an error of SCIM; its schemas are {schemas}.");
    Ok(())
}

async fn scheme_case(scim: &Context) -> Outcome {
    // A request that the server takes otherwise: some fail at parameters. It also gets a token that is over renewed.
    let usual = scim.get(scim.users()).query("count", 1).await?.status;
    let Some(token) = scim.token() else { return Err(Stop::Skip("The run has no token.".to_owned())) };
    let lower = format!("bearer {token}");
    let call = scim.get(scim.users());
    let call = if usual == 200 { call.query("count", 1) } else { call };
    let answer = call.clone().header("authorization", &lower).await?;
    if usual != 200 && answer.status != 401 {
        call.await?.status(200).map_err(|stop| about(stop, "query-total"))?;
    }
    answer.status(200)?;
    Ok(())
}

/// Demands that a token that nobody has is not served, where authentication is declared.
async fn any_token(scim: &Context, writes: bool) -> Outcome {
    unknown(scim)?;
    let declared = scim.discovery().config()["authenticationSchemes"].as_array().is_some_and(|all| !all.is_empty());
    if !declared {
        return Err(Stop::Skip("The server declares no authenticationSchemes in /ServiceProviderConfig.".to_owned()));
    }
    let call = if writes { scim.user().post() } else { scim.get(scim.users()).query("count", 1) };
    // Without the headers by which the server may know the client.
    let answer = call.anonymous().header("authorization", "Bearer no-token-of-this-server").await?;
    let asked = answer.asked();
    ensure!(answer.status >= 300, "Expected {asked} with a token of nobody to be refused; got {}.", answer.status);
    Ok(())
}

/// The header with another token of the run, or a skip.
fn bearer(token: Option<&String>, option: &str) -> Result<String, Stop> {
    let token = token.map(|token| format!("Bearer {token}"));
    token.ok_or_else(|| Stop::Skip(format!("The run has no {option}.")))
}

fn second(scim: &Context) -> Result<String, Stop> {
    bearer(scim.tokens().second.as_ref(), "--second-token-file")
}

async fn second_reads(scim: &Context) -> Outcome {
    let other = second(scim)?;
    let user = scim.user().create().await?;
    let answer = scim.get(&user.path).header("authorization", &other).await?;
    ensure!(answer.status >= 300, "Expected another tenant not to read the user; got {}.", answer.status);
    Ok(())
}

async fn second_finds(scim: &Context) -> Outcome {
    let other = second(scim)?;
    let user = scim.user().create().await?;
    for filter in ["", "userName", "id"] {
        let call = scim.get(scim.users()).query("attributes", "id").header("authorization", &other);
        let value = if filter == "id" { user.id.as_str() } else { user.body["userName"].as_str().unwrap_or_default() };
        let call = if filter.is_empty() { call } else { call.filter(format!("{filter} eq {}", json!(value))) };
        let answer = call.await?;
        let found = answer.json()["Resources"].as_array().into_iter().flatten().any(|one| one["id"] == user.id);
        ensure!(!found, "Expected another tenant not to find the user; it does.");
    }
    Ok(())
}

async fn second_cursor(scim: &Context) -> Outcome {
    let other = second(scim)?;
    let people = scim.people().await?;
    let page = || async { Ok::<_, Stop>(scim.people_query().await?.call.query("count", 1)) };
    let first = page().await?.query("cursor", "").await?;
    let cursor = text(first.status(200).map_err(as_error)?.object()?, "/nextCursor").map_err(as_error)?;
    let answer = page().await?.query("cursor", cursor).header("authorization", &other).await?;
    let mut found = answer.json()["Resources"].as_array().into_iter().flatten();
    let shown = found.any(|one| people.iter().any(|known| one["id"] == known.id));
    ensure!(!shown, "Expected the cursor to show another tenant nobody of this tenant; it does.");
    Ok(())
}

async fn second_writes(scim: &Context) -> Outcome {
    let other = second(scim)?;
    let draft = scim.user();
    let user = draft.create().await?;
    let before = scim.read(&user).await?;
    let calls = [
        scim.put(&user.path, draft.body()),
        scim.patch(&user.path, &json!([{"op": "replace", "path": "active", "value": false}])),
        scim.delete(&user.path),
    ];
    for call in calls {
        let answer = call.header("authorization", &other).await?;
        ensure!(
            answer.status >= 300,
            "Expected {} of another tenant to be refused; got {}.",
            answer.asked(),
            answer.status
        );
    }
    equals(&scim.read(&user).await?, "", before)
}

async fn second_members(scim: &Context) -> Outcome {
    let other = second(scim)?;
    let person = scim.user();
    let user = person.create().await?;
    let draft = scim.group().with(json!({"members": [{"value": user.id}]}));
    let answer = draft.post().header("authorization", &other).await?;
    if answer.status >= 300 {
        return Ok(());
    }
    let group = draft.made(&answer).await?;
    let shown = scim.get(&group.path).header("authorization", &other).await?;
    scim.delete(&group.path).header("authorization", &other).await?;
    let name = person.name();
    ensure!(!shown.body.contains(name), "Expected the group to show nothing of another tenant's user; it has {name}.");
    Ok(())
}

async fn second_names(scim: &Context) -> Outcome {
    let other = second(scim)?;
    let draft = scim.user();
    draft.create().await?;
    let answer = draft.post().header("authorization", &other).await?;
    let made = draft.made(&answer).await;
    if let Ok(user) = &made {
        scim.delete(&user.path).header("authorization", &other).await?;
    }
    ensure!(answer.status != 409, "Expected another tenant to be free in its userNames; got 409.");
    Ok(())
}

async fn read_only(scim: &Context) -> Outcome {
    let token = bearer(scim.tokens().read_only.as_ref(), "--read-only-token-file")?;
    let draft = scim.user();
    let user = draft.create().await?;
    // Whether it reads as the run's own does.
    scim.read(&user).await?;
    scim.get(&user.path).header("authorization", &token).await?.status(200)?;
    let calls = [
        scim.user().post(),
        scim.put(&user.path, draft.body()),
        scim.patch(&user.path, &json!([{"op": "replace", "path": "active", "value": false}])),
        scim.delete(&user.path),
    ];
    for call in calls {
        let answer = call.header("authorization", &token).await?;
        ensure!(answer.status >= 300, "Expected {} to be refused; got {}.", answer.asked(), answer.status);
    }
    Ok(())
}
