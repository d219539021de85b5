//! What lets providers in: where nothing does, and what ends soon or has ended.

use scim_protocol::Timestamp;

use super::{Problem, State};
use crate::{
    admin::{AdminContext, AdminError},
    command_line::line,
    oauth::{Client, ClientSecret},
    store::ResourceId,
    tenant::{SourceKind, TenantRecord},
    token::{Step, Token, reminder},
};

/// Whether an administrator alone changes users and groups: then nobody misses a token.
pub(super) fn is_manual(record: &TenantRecord) -> bool {
    record.settings.source.as_ref().is_some_and(|source| source.kind == SourceKind::Manual)
}

/// The command that makes what lets the first provider in, and what it makes.
fn first(record: &TenantRecord) -> (String, &'static str) {
    let writer = record.settings.source.as_ref().and_then(|source| source.writer.as_deref());
    let of_tenant = ["create", "--tenant", record.name.as_str()];
    if record.settings.live_tokens() == 0 {
        let rest = ["--name", writer.unwrap_or("NAME"), "--no-secret"];
        return (line(&[&["client"][..], &of_tenant[..], &rest[..]].concat()), "an OAuth client");
    }
    let named: Vec<_> = writer.into_iter().flat_map(|writer| ["--name", writer]).collect();
    (line(&[&["token"][..], &of_tenant[..], &named[..]].concat()), "a token")
}

/// A tenant that never had a token or client, and that nobody has called: nothing stopped. It waits for whoever has a live
/// setup link; without one nobody can begin.
pub(super) async fn unconnected(
    context: &AdminContext,
    record: &TenantRecord,
    now: Timestamp,
) -> Result<Problem, AdminError> {
    let links = context.setup_links().list(record.id).await?;
    let Some(link) = links.iter().filter(|link| link.is_live(now)).max_by_key(|link| link.expires) else {
        let (command, what) = first(record);
        let detail = format!(
            "No provider is connected yet, and none can be: `{command}` makes {what} for it, or `{}` a link with which its administrator makes that.",
            line(&["setup-link", "create", "--tenant", &record.name])
        );
        return Ok(Problem::new(State::Warning, "NotConnected", detail));
    };
    let (name, until) = (&link.name, Timestamp::from_millis(link.expires));
    let detail = format!("No provider is connected yet. Whoever has the setup link {name} connects one until {until}.");
    Ok(Problem::new(State::New, "SetupLinkWaits", detail))
}

/// A tenant that nobody can get into any more, and tokens that end soon or have ended. `is_full` is whether as many tokens
/// live as may.
pub(super) fn of_tokens(
    record: &TenantRecord,
    tokens: &[Token],
    has_client: bool,
    is_full: bool,
    now: Timestamp,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let is_shut = !has_client && !tokens.iter().any(|token| token.is_live(now));
    if is_shut && !is_manual(record) {
        let (command, what) = first(record);
        let detail = format!(
            "The tenant has no live token that may write, and no OAuth client: no provider can get in. `{command}` makes {what}."
        );
        problems.push(Problem::new(State::Failing, "NoToken", detail));
    }
    let command = |what: &str, id: ResourceId| line(&["token", what, "--tenant", &record.name, &id.to_string()]);
    for token in tokens {
        let step = token.step(tokens, now);
        let name = token.name.clone().unwrap_or_else(|| token.id.to_string());
        let (state, code, what) = if token.is_live(now) {
            let left = time_left(token.expires, now);
            (State::Warning, "TokenExpires", format!("The token {name} ends in {left}"))
        } else {
            let state = if is_shut { State::Failing } else { State::Warning };
            (state, "TokenExpired", format!("The token {name} ended at {}", token.expires()))
        };
        if !step.is_due(&token.life(), now) {
            continue;
        }
        let advice = step.advice(token.id, &command("rotate", token.id), |id| command("delete", id));
        let room = if is_full && step == Step::Replace {
            "as many tokens live as may, so delete one that nobody uses first; then "
        } else {
            ""
        };
        problems.push(Problem::new(state, code, format!("{what}: {room}{advice}.")));
    }
    problems
}

/// Secrets of a client that end soon, and the last one if all have ended.
pub(super) fn of_secrets(record: &TenantRecord, client: &Client, now: Timestamp) -> Vec<Problem> {
    let (tenant, id, name) = (&record.name, client.id.to_string(), &client.name);
    let rotate = line(&["client", "rotate", "--tenant", tenant, &id]);
    let delete =
        |secret: ResourceId| line(&["client", "secret", "delete", "--tenant", tenant, &id, &secret.to_string()]);
    let newest = client.secrets.last().map(|secret| secret.id);
    let problem = |secret: &ClientSecret| {
        let step = client.step(secret, now);
        let is_meant = secret.is_live(now) || step == Step::Replace && Some(secret.id) == newest;
        if !is_meant || !step.is_due(&secret.life(), now) {
            return None;
        }
        let advice = step.advice(secret.id, &rotate, delete);
        if secret.is_live(now) {
            let left = time_left(secret.expires, now);
            let detail = format!("The secret of the client {name} ends in {left}: {advice}.");
            return Some(Problem::new(State::Warning, "SecretExpires", detail));
        }
        let detail = format!("The secret of the client {name} has ended: {advice}.");
        Some(Problem::new(State::Failing, "SecretExpired", detail))
    };
    client.secrets.iter().filter_map(problem).collect()
}

/// A source of truth whose writer is not there: then everybody is refused.
pub(super) fn of_source(
    record: &TenantRecord,
    tokens: &[Token],
    clients: &[Client],
    now: Timestamp,
) -> Option<Problem> {
    let source = record.settings.source.as_ref()?;
    let writer = source.writer.as_deref()?;
    let has_token = tokens.iter().any(|token| token.expires() > now && source.lets(token.name.as_deref()));
    let has_client = clients.iter().any(|client| client.is_live(now) && source.lets(Some(&client.name)));
    let name = &record.name;
    let detail = format!(
        "Only {writer:?} may change users and groups, and no live token or OAuth client of that name may write: everybody else is refused. `{}` makes one; `{}` names another source.",
        line(&["token", "create", "--tenant", name, "--name", writer]),
        line(&["tenant", "source", name, "--to", "SOURCE"])
    );
    (!has_token && !has_client).then(|| Problem::new(State::Failing, "NoWriter", detail))
}

/// How long somebody has to act: in days, rounded up, and in hours on the last day.
fn time_left(end: i64, now: Timestamp) -> String {
    const HOUR: i64 = 3_600_000;
    let hours = (end - now.as_millis()).div_euclid(HOUR) + 1;
    match (hours, reminder::days_left(end, now)) {
        (..=1, _) => "less than an hour".to_owned(),
        (2..=23, _) => format!("less than {hours} hours"),
        (_, 1) => "1 day".to_owned(),
        (_, days) => format!("{days} days"),
    }
}
