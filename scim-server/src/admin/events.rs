//! The log of changes, for administrators.

use std::time::Duration;

use scim_protocol::Timestamp;

use super::{AdminContext, AdminError, Output};
use crate::operation::feed::{FeedQuery, Shown, TypePattern};

/// Where a list of events begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    /// At the oldest that is kept.
    Oldest,
    /// Behind this number.
    Number(u64),
    /// At this time.
    Time(Timestamp),
}

impl Since {
    fn parse(text: Option<&str>) -> Result<Self, AdminError> {
        let Some(text) = text else { return Ok(Self::Oldest) };
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        Timestamp::parse(text).map(Self::Time).ok_or_else(|| {
            AdminError::Refused(format!(
                "--since is the number of an event, or a time such as 2026-11-28T09:00:00Z, not {text:?}"
            ))
        })
    }
}

/// How long one look at the log waits for what happens, where it goes on.
const WAIT: Duration = Duration::from_secs(1);

/// Lists the events of a tenant; with `follow` it goes on until nobody reads any more.
pub(super) async fn list(
    context: &AdminContext,
    tenant: &str,
    since: Option<&str>,
    types: Option<&str>,
    follow: bool,
    output: &Output,
) -> Result<(), AdminError> {
    let tenant = context.directory().find(tenant).await?;
    let unknown = || AdminError::Refused(format!("tenant {:?} is being deleted", tenant.name));
    let built = context.access.tenant_of(tenant.id).ok_or_else(unknown)?;
    let since = Since::parse(since)?;
    let mut query = FeedQuery {
        after: if let Since::Number(number) = since { Some(number) } else { None },
        limit: 1000,
        types: TypePattern::list(types.unwrap_or_default(), &built.registry)?,
        wait: if follow { WAIT } else { Duration::ZERO },
        log: None,
    };
    let mut first = true;
    loop {
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
            if matches!(since, Since::Time(from) if event.at() < from) {
                continue;
            }
            output.row(&Shown::from(event)).await?;
        }
        if !follow && page.next >= page.newest {
            return Ok(());
        }
        if output.is_closed() {
            return Err(AdminError::Unread);
        }
        if follow && context.operations.ends_waits() {
            return Err(AdminError::Refused("the server stops; follow it again when it is back".to_owned()));
        }
        query.after = Some(page.next);
    }
}
