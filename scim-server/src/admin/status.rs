//! How provisioning stands, tenant by tenant: what is wrong, and what to do about it.

mod credentials;
mod numbers;
mod readers;

use std::{collections::BTreeMap, time::Duration};

use scim_protocol::Timestamp;
use serde::Serialize;

use self::numbers::{Credential, Day, Quota};
use super::{AdminContext, AdminError, Output};
use crate::{
    command_line::line,
    silence,
    store::{StoreError, TypeName},
    tenant::{TenantRecord, judged::is_of_a_run},
    units,
};

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
    for client in &mut clients {
        for secret in &mut client.secrets {
            secret.last_used = context.access.last_used_by(client.id, secret.id).max(secret.last_used);
        }
    }
    // Of what a server had not stored when it was killed the log tells.
    context.access.catch_up_with(record.id, record.home()).await?;
    let served = context.access.served(record.id).await?;
    let used = silence::last_call(&context.access, &tokens, &clients, served);
    let credentials = numbers::credentials(&tokens, &clients, now);
    let is_full = tokens.iter().filter(|token| token.is_live(now)).count() >= record.settings.live_tokens();
    // An application that reads events with a token of its own is no provider.
    tokens.retain(|token| token.scopes.write);
    clients.retain(|client| client.scope.scopes.write);
    let day = Day::of(context, record, now).await;
    let mut problems = of_service(context, record).await?;
    if tokens.is_empty() && clients.is_empty() && used.is_none() && !credentials::is_manual(record) {
        problems.push(credentials::unconnected(context, record, now).await?);
    } else {
        let has_client = clients.iter().any(|client| client.is_live(now));
        problems.extend(credentials::of_tokens(record, &tokens, has_client, is_full, now));
        problems.extend(credentials::of_source(record, &tokens, &clients, now));
    }
    problems.extend(clients.iter().flat_map(|client| credentials::of_secrets(record, client, now)));
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

#[cfg(test)]
mod tests;
