//! The log of changes, for administrators: that of a tenant, and the server's own.

use std::{pin::pin, time::Duration};

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::{AdminContext, AdminError, Output, browse, names::Actors};
use crate::{
    operation::feed::{FeedQuery, Shown, TypePattern},
    store::{Log, TenantId},
};

/// Where a list of events begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    /// At the oldest that is kept.
    Oldest,
    /// Behind this number.
    Number(u64),
    Time(Timestamp),
}

impl Since {
    /// The number behind which a reader begins; `None` at the oldest.
    fn after(self) -> Option<u64> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    /// Whether it is of a time behind that.
    fn is_behind(self, at: Timestamp) -> bool {
        matches!(self, Self::Time(from) if at < from)
    }

    fn parse(text: Option<&str>) -> Result<Self, AdminError> {
        let Some(text) = text else { return Ok(Self::Oldest) };
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        Timestamp::parse(text).map(Self::Time).ok_or_else(|| {
            AdminError::Invalid(format!(
                "--since is the number of an event, or a time such as 2026-11-28T09:00:00Z, not {text:?}"
            ))
        })
    }
}

/// Refuses a number with a gap behind it, or one that the log has not reached.
pub(super) fn check(after: u64, log: Log) -> Result<(), AdminError> {
    let Log { oldest, newest } = log;
    if after.saturating_add(1) < oldest {
        return Err(AdminError::Refused(format!(
            "the events after number {after} are no longer kept; the oldest is {oldest}: name {} or a larger number with --since",
            oldest.saturating_sub(1)
        )));
    }
    if after > newest {
        return Err(AdminError::Invalid(format!(
            "there is no event number {after} yet; the newest is {newest}: name a smaller number with --since"
        )));
    }
    Ok(())
}

/// How many events are read at a time.
const PAGE: usize = 1000;
/// How long one look at the log waits for what happens, where it goes on.
const WAIT: Duration = Duration::from_secs(1);

/// Which events are to be listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EventsRequest {
    /// The tenant's name or id; the server's own log when absent.
    pub tenant: Option<String>,
    /// Behind this number, or from this time on.
    pub since: Option<String>,
    /// Only these types, separated by commas.
    pub types: Option<String>,
    /// Go on with what happens.
    #[serde(default)]
    pub follow: bool,
}

/// Lists the events of a tenant, or of the server itself; with `follow` it goes on until nobody reads any more.
pub(super) async fn list(context: &AdminContext, request: EventsRequest, output: &Output) -> Result<(), AdminError> {
    match &request.tenant {
        Some(tenant) => of_tenant(context, tenant, &request, output).await,
        None => of_server(context, &request, output).await,
    }
}

async fn of_tenant(
    context: &AdminContext,
    tenant: &str,
    request: &EventsRequest,
    output: &Output,
) -> Result<(), AdminError> {
    let EventsRequest { since, types, follow, .. } = request;
    let (tenant, follow) = (context.directory().find(tenant).await?, *follow);
    let unknown = || AdminError::Refused(format!("tenant {:?} is being deleted", tenant.name));
    let built = context.access.tenant_of(tenant.id).ok_or_else(unknown)?;
    let since = Since::parse(since.as_deref())?;
    let mut query = FeedQuery {
        after: since.after(),
        limit: 1000,
        types: types.as_ref().map_or(Ok(Vec::new()), |types| TypePattern::list(types, &built.registry))?,
        wait: if follow { WAIT } else { Duration::ZERO },
        log: None,
        held: true,
    };
    let (mut first, actors) = (true, Actors::of(context, tenant.id).await?);
    loop {
        let log = context.operations.store.log(tenant.home()).await?;
        if let Some(after) = query.after {
            check(after, log)?;
        }
        let page = context.operations.next_events(tenant.home(), &query).await?;
        if let (true, Since::Time(_), Some(event)) = (first, since, page.events.first())
            && page.oldest > 1
            && matches!(since, Since::Time(from) if event.at() > from)
        {
            let note = format!("events before number {} are no longer kept", page.oldest);
            output.row(&serde_json::json!({ "note": note })).await?;
        }
        first = false;
        for event in &page.events {
            if since.is_behind(event.at()) {
                continue;
            }
            output.row(&Shown::new(event, &built).named(actors.name(&event.actor))).await?;
        }
        if !follow && page.next >= page.newest {
            return Ok(());
        }
        if output.is_closed() {
            return Err(AdminError::Unread);
        }
        // The command line follows again when the server is back.
        if follow && context.operations.ends_waits() {
            return Ok(());
        }
        query.after = Some(page.next);
    }
}

/// What was done to the server and the store, and what was changed of its own records. Where some of it is no longer kept,
/// it begins with the oldest.
async fn of_server(context: &AdminContext, request: &EventsRequest, output: &Output) -> Result<(), AdminError> {
    let texts: Vec<_> = request.types.iter().flat_map(|types| types.split(',').map(str::to_owned)).collect();
    TypePattern::check(&texts, None)?;
    let (types, since) = (TypePattern::read(&texts), Since::parse(request.since.as_deref())?);
    let mut after = since.after().unwrap_or_default();
    if since.after().is_some() {
        check(after, context.store.log(TenantId::SYSTEM).await?)?;
    }
    let changes = context.store.changes();
    loop {
        let mut changed = pin!(changes.notified());
        changed.as_mut().enable();
        let events = context.store.events(TenantId::SYSTEM, after, PAGE).await?;
        for event in &events {
            after = event.sequence;
            let row = browse::view(event, None)?;
            let name = row["type"].as_str().unwrap_or_default().to_ascii_lowercase();
            if !since.is_behind(event.at()) && TypePattern::fit(&types, &name) {
                output.row(&row).await?;
            }
        }
        if !events.is_empty() {
            continue;
        }
        if !request.follow || context.operations.ends_waits() {
            return Ok(());
        }
        if output.is_closed() {
            return Err(AdminError::Unread);
        }
        let _ = timeout(WAIT, changed).await;
    }
}
