//! How provisioning stands, tenant by tenant: what is wrong, and what to do about it.

mod numbers;
mod readers;

use std::{collections::BTreeMap, time::Duration};

use scim_protocol::Timestamp;
use serde::Serialize;

use self::numbers::{Credential, Day, Quota};
use super::{AdminContext, AdminError, Output};
use crate::{
    command_line::line,
    oauth::client::Client,
    silence,
    store::{StoreError, TypeName},
    tenant::{SourceKind, TenantRecord, judged::is_of_a_run},
    token::{Token, reminder},
    units,
};

/// Days before its end from which on a token is a problem: time enough for whoever has to ask somebody else.
const SOON: i64 = 30;

/// One tenant.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "TenantStatus"))]
pub(super) struct Status {
    tenant: String,
    tenant_id: String,
    state: State,
    /// When a provider was last served: a call that was not refused, or asked for somebody who is not there; `null` when
    /// none was.
    last_call: Option<String>,
    /// When a provider last wrote; `null` when nothing of that is known.
    last_write: Option<String>,
    /// When a provider was last let in, whatever the answer; `null` when none ever was.
    last_attempt: Option<String>,
    /// How many calls of the last 24 hours were refused, by kind: `conflict` (409, 412), `failed` (5xx), `forbidden`
    /// (403), `invalid` (400 and other statuses), `not_found` (404), `rate_limited` (429), `unauthenticated` (401). Those
    /// of this server; `null` where it keeps no log of requests.
    refused: Option<BTreeMap<&'static str, u64>>,
    /// How many of these were refused for their rate.
    rate_limited: Option<u64>,
    /// Each token, and each secret of an OAuth client.
    tokens: Vec<Credential>,
    /// How many of each resource type there are, and may be.
    quotas: BTreeMap<String, Quota>,
    /// `null` where the database is away.
    users: Option<u64>,
    groups: Option<u64>,
    /// Accepted requests that wait to be completed.
    waiting_requests: usize,
    problems: Vec<Problem>,
}

/// What it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "TenantState"))]
#[serde(rename_all = "lowercase")]
enum State {
    /// Nothing is wrong.
    Ok,
    /// Nobody has called yet, and no user is there.
    New,
    /// It works, and will not for long.
    Warning,
    /// No provider can get in, or none has for too long.
    Failing,
}

/// What is wrong, and what to do.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "TenantProblem"))]
struct Problem {
    code: &'static str,
    detail: String,
    state: State,
}

impl Problem {
    fn new(state: State, code: &'static str, detail: String) -> Self {
        Self { code, detail, state }
    }
}

/// Shows how each tenant stands but those of the judge, or one of them.
pub(super) async fn status(context: &AdminContext, tenant: Option<&str>, output: &Output) -> Result<(), AdminError> {
    let mut records = match tenant {
        Some(name) => vec![context.directory().find(name).await?],
        None => context.directory().named().await?,
    };
    records.retain(|record| tenant.is_some() || !is_of_a_run(&record.name));
    for record in records {
        output.row(&of(context, &record).await?).await?;
    }
    Ok(())
}

/// A tenant whose database cannot be reached: nothing else is known of it.
fn away(record: &TenantRecord) -> Status {
    let detail = format!(
        "Database {} of the store cannot be reached: the tenant answers 503. Look at that database; the servers go on by themselves when it is back.",
        record.database + 1
    );
    Status {
        tenant: record.name.clone(),
        tenant_id: record.id.to_string(),
        state: State::Failing,
        last_call: None,
        last_write: None,
        last_attempt: None,
        refused: None,
        rate_limited: None,
        tokens: Vec::new(),
        quotas: BTreeMap::new(),
        users: None,
        groups: None,
        waiting_requests: 0,
        problems: vec![Problem::new(State::Failing, "DatabaseAway", detail)],
    }
}

async fn of(context: &AdminContext, record: &TenantRecord) -> Result<Status, AdminError> {
    if context.store.is_away(record.home()) {
        return Ok(away(record));
    }
    let now = context.clock.now();
    let mut tokens = context.directory().ledger().list(record.id).await?;
    for token in &mut tokens {
        // What is stored is up to a minute old.
        token.last_used = context.access.last_used(token).map(Timestamp::as_millis);
    }
    let mut clients = context.directory().clients().list(record.id).await?;
    // Of what a server had not stored when it was killed the log tells.
    context.access.catch_up_with(record.id, record.home()).await?;
    let served = context.access.served(record.id).await?;
    let used = silence::last_call(&context.access, &tokens, &clients, served);
    let credentials = numbers::credentials(&tokens, &clients, now);
    // An application that reads events with a token of its own is no provider.
    tokens.retain(|token| token.scopes.write);
    clients.retain(|client| client.scope.scopes.write);
    let day = Day::of(context, record, now).await;
    let mut problems = of_service(context, record).await?;
    problems.extend(of_tokens(record, &tokens, clients.iter().any(|client| client.is_live(now)), now));
    problems.extend(of_source(record, &tokens, &clients, now));
    problems.extend(clients.iter().filter_map(|client| of_secrets(record, client, now)));
    problems.extend(of_silence(context, record, used, now).await?);
    problems.extend(of_brake(context, record).await?);
    let count = async |kind: &str| context.store.count(record.home(), &TypeName::from(kind)).await;
    problems.extend(day.iter().flat_map(|day| day.problems(&record.name, used, now)));
    let (mut waiting_requests, mut quotas) = (0, BTreeMap::new());
    if let Some(tenant) = context.access.tenant_of(record.id) {
        problems.extend(readers::problems(context, &tenant).await?);
        let (number, late) = readers::waiting(context, &tenant).await?;
        waiting_requests = number;
        problems.extend(late);
        for rt in tenant.registry.resource_types() {
            let quota = Quota::of(&tenant, rt, count(&rt.name).await?);
            problems.extend(quota.problem(rt));
            quotas.insert(rt.name.clone(), quota);
        }
    }
    let worst = problems.iter().map(|problem| problem.state).max();
    let (users, groups) = (count("User").await?, count("Group").await?);
    let is_new = used.is_none() && users == 0;
    let state = worst.unwrap_or(if is_new { State::New } else { State::Ok });
    let shown = |at: Option<i64>| at.map(|at| Timestamp::from_millis(at).to_string());
    Ok(Status {
        tenant: record.name.clone(),
        tenant_id: record.id.to_string(),
        state,
        last_call: shown(served.last_call),
        last_write: shown(served.last_write),
        last_attempt: used.map(|at| at.to_string()),
        refused: day.as_ref().map(Day::refused),
        rate_limited: day.as_ref().map(Day::rate_limited),
        tokens: credentials,
        quotas,
        users: Some(users),
        groups: Some(groups),
        waiting_requests,
        problems,
    })
}

/// Whether the tenant is served at all.
async fn of_service(context: &AdminContext, record: &TenantRecord) -> Result<Vec<Problem>, StoreError> {
    let mut problems = Vec::new();
    if !readers::is_served(context).await? {
        let detail = "No server runs on this store: providers are not answered, and no events are sent. `scim-server serve` starts one.";
        problems.push(Problem::new(State::Failing, "NoServer", detail.to_owned()));
    }
    if context.store.metrics().refusing.get() != 0 {
        let detail = "The store refuses writes, because one has failed: providers get 503 for each change. The server's log says why; where the disk is full, make room.";
        problems.push(Problem::new(State::Failing, "WritesRefused", detail.to_owned()));
    }
    if record.disabled {
        let detail = format!(
            "The tenant is disabled and answers 403. `{}` opens it.",
            line(&["tenant", "enable", &record.name])
        );
        problems.push(Problem::new(State::Failing, "TenantDisabled", detail));
    }
    if record.importing {
        let detail = "An import into the tenant was cut off: it answers 503. Run the same `scim-server import` again."
            .to_owned();
        problems.push(Problem::new(State::Failing, "ImportUnfinished", detail));
    }
    Ok(problems)
}

/// A provider that has not called for too long.
async fn of_silence(
    context: &AdminContext,
    record: &TenantRecord,
    used: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<Problem>, StoreError> {
    let limit = silence::limit(&*context.store, record.id, &record.settings, now).await?;
    let (Some(millis), Some(used)) = (limit, used) else { return Ok(None) };
    let after = units::display(Duration::from_millis(millis.unsigned_abs()));
    let detail = format!("Nobody has called since {used}, longer than {after}. Look at the provider's own log.");
    Ok(silence::is_longer(limit, used, now).then(|| Problem::new(State::Failing, "Silent", detail)))
}

/// A brake that has tripped.
async fn of_brake(context: &AdminContext, record: &TenantRecord) -> Result<Option<Problem>, AdminError> {
    let Some(trip) = context.operations.brake_state(record.home()).await?.value.trip else { return Ok(None) };
    let detail = format!(
        "The brake on mass deprovisioning has tripped: {}. `{}` says more; then `{}`, or `{}` to put it back.",
        trip.reason,
        line(&["brake", "show", "--tenant", &record.name]),
        line(&["brake", "approve", "--tenant", &record.name]),
        line(&["brake", "undo", "--tenant", &record.name])
    );
    Ok(Some(Problem::new(State::Failing, "BrakeTripped", detail)))
}

/// A tenant that nobody can get into, and tokens that end soon or have ended.
fn of_tokens(record: &TenantRecord, tokens: &[Token], has_client: bool, now: Timestamp) -> Vec<Problem> {
    let mut problems = Vec::new();
    let name = |token: &Token| token.name.clone().unwrap_or_else(|| token.id.to_string());
    let (ended, live): (Vec<_>, Vec<_>) = tokens.iter().partition(|token| token.expires() <= now);
    let is_manual = record.settings.source.as_ref().is_some_and(|source| source.kind == SourceKind::Manual);
    if live.is_empty() && !has_client && !is_manual {
        let name = &record.name;
        let detail = if record.settings.live_tokens() == 0 {
            format!(
                "The tenant has no OAuth client that may write: no provider can get in. `{}` makes one.",
                line(&["client", "create", "--tenant", name, "--name", "NAME"])
            )
        } else {
            format!(
                "The tenant has no live token that may write, and no OAuth client: no provider can get in. `{}` makes a token.",
                line(&["token", "create", "--tenant", name])
            )
        };
        problems.push(Problem::new(State::Failing, "NoToken", detail));
    }
    for token in ended {
        let (name, id, at) = (name(token), token.id, token.expires());
        let delete = line(&["token", "delete", "--tenant", &record.name, &id.to_string()]);
        let is_followed = |later: &&Token| later.replaces(token) || token.name.is_some() && later.name == token.name;
        let detail = if live.iter().any(is_followed) {
            format!(
                "The token {name} ended at {at}; a later one is live in its place. `{delete}` removes the one that ended."
            )
        } else {
            format!(
                "The token {name} ended at {at}. Give the provider a new one (`{}`), then remove it: `{delete}`.",
                line(&["token", "create", "--tenant", &record.name])
            )
        };
        let state = if live.is_empty() && !has_client { State::Failing } else { State::Warning };
        problems.push(Problem::new(state, "TokenExpired", detail));
    }
    for token in &live {
        let mut next = live.iter().filter(|later| later.replaces(token));
        // Whose successor is in use may end.
        if reminder::days_left(token.expires, now) > SOON || next.clone().any(|next| next.last_used.is_some()) {
            continue;
        }
        let next = next.next();
        let (name, left) = (name(token), time_left(token.expires, now));
        let detail = if let Some(Token { id, .. }) = next {
            format!(
                "The token {name} ends in {left}, and the next one, {id}, was not used yet: give it to the provider."
            )
        } else {
            let rotate = line(&["token", "rotate", "--tenant", &record.name, &token.id.to_string()]);
            format!("The token {name} ends in {left}. `{rotate}` makes the next one.")
        };
        problems.push(Problem::new(State::Warning, "TokenExpires", detail));
    }
    problems
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

/// A source of truth whose writer is not there: then everybody is refused.
fn of_source(record: &TenantRecord, tokens: &[Token], clients: &[Client], now: Timestamp) -> Option<Problem> {
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

/// Secrets of a client that end soon or have ended, unless it has a later one.
fn of_secrets(record: &TenantRecord, client: &Client, now: Timestamp) -> Option<Problem> {
    let last = client.secrets.iter().map(|secret| secret.expires).max()?;
    let (name, days) = (&client.name, reminder::days_left(last, now));
    let rotate = line(&["client", "rotate", "--tenant", &record.name, &client.id.to_string()]);
    if last <= now.as_millis() {
        let detail = format!("The secret of the client {name} has ended. `{rotate}` makes the next one.");
        return Some(Problem::new(State::Failing, "SecretExpired", detail));
    }
    (days <= SOON).then(|| {
        let left = time_left(last, now);
        let detail = format!("The secret of the client {name} ends in {left}. `{rotate}` makes the next one.");
        Problem::new(State::Warning, "SecretExpires", detail)
    })
}

#[cfg(test)]
mod tests;
