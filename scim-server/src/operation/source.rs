//! From whom a resource is, and when that one has sent it last.
//!
//! Each write that changes a document keeps both in the hidden part of the document. What an administrator changes in a
//! resource of a provider leaves it the provider's. A write that changes nothing is noted beside the resource, once a
//! day, if the tenant wants to know who is not sent any more.

mod writer;

use bytes::Bytes;
use scim_protocol::{Error, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Context, Operations};
use crate::{
    caller::Caller,
    event::is_administrator,
    render::SOURCE,
    sent,
    store::{Body, Commit, Record, ResourceId, ResourceKey, Start, StoreError, TenantId, TypeName, Write},
};

/// How long a note is good before another one is made, in milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// How many resources are looked at a time.
const PAGE: usize = 500;

/// From whom a resource is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The id of a token or client, or `admin`.
    pub by: String,
    /// When it was written last, in milliseconds since the epoch.
    pub at: i64,
    /// As whom that one writes ([`Caller::writer`]), where it is not the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<String>,
    /// As whom another one wrote, whose POST had made it, taken it over or brought it back; of what an administrator has
    /// made, who changed it first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<String>,
}

impl Sent {
    /// Now, by the caller. `before` is from whom it was.
    fn now(caller: &Caller, before: Option<Self>, now: Timestamp) -> Self {
        let (by, writer) = (caller.actor().to_string(), caller.writer());
        let maker = before.filter(|before| !is_administrator(&before.by)).map(Self::into_maker);
        let maker = maker.filter(|maker| maker != writer);
        Self { at: now.as_millis(), writer: (*by != *writer).then(|| writer.to_owned()), by, maker }
    }

    /// As whom it was sent.
    pub fn writer(&self) -> &str {
        self.writer.as_deref().unwrap_or(&self.by)
    }

    fn into_maker(self) -> String {
        self.maker.or(self.writer).unwrap_or(self.by)
    }
}

/// Some resources that were not sent for a while.
pub struct Stale {
    /// With their ids; from whom they are is not known of those that an older server has written.
    pub resources: Vec<(ResourceId, Record, Option<Sent>)>,
    /// Behind whom the next are; `None` behind the last.
    pub next: Option<ResourceId>,
}

/// From whom a resource is; `None` if an older server has written it.
pub fn of(record: &Record) -> Result<Option<Sent>, StoreError> {
    if record.body.hidden.is_empty() {
        return Ok(None);
    }
    let mut hidden = parse(&record.body.hidden)?;
    let sent = hidden.remove(SOURCE).map(serde_json::from_value).transpose();
    sent.map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// Keeps in a new body from whom it is: from the caller, or from whom it was if an administrator changes it.
pub(super) fn stamp(
    body: &mut Body,
    before: Option<&Record>,
    caller: &Caller,
    now: Timestamp,
) -> Result<(), StoreError> {
    let known = before.map(of).transpose()?.flatten();
    let sent = match known {
        Some(known) if caller.is_administrator() => known,
        // An older server has written it, and nobody knows from whom it is.
        None if caller.is_administrator() && before.is_some() => return Ok(()),
        known => Sent::now(caller, known, now),
    };
    let mut hidden = if body.hidden.is_empty() { Map::new() } else { parse(&body.hidden)? };
    hidden.insert(SOURCE.to_owned(), serde_json::to_value(sent).map_err(corrupt)?);
    body.hidden = Bytes::from(serde_json::to_vec(&hidden).map_err(corrupt)?);
    Ok(())
}

impl Operations {
    /// Notes that a provider has sent a resource as it is.
    pub(super) async fn note_sent(&self, context: &Context, key: &ResourceKey, record: &Record) -> Result<(), Error> {
        let (actor, now) = (context.caller.actor(), self.clock.now().as_millis());
        if context.caller.tenant().settings.stale_after.is_none() || is_administrator(actor) {
            return Ok(());
        }
        let is_fresh = |sent: &Sent| now.saturating_sub(sent.at) < DAY;
        if of(record)?.is_some_and(|sent| is_fresh(&sent)) || self.noted(key).await?.is_some_and(|sent| is_fresh(&sent))
        {
            return Ok(());
        }
        let sent = Sent { by: actor.to_string(), at: now, writer: None, maker: None };
        let body = serde_json::to_vec(&sent).map_err(corrupt)?;
        let target = sent::key(key);
        let body = Body { visible: body.into(), ..Body::default() };
        let writes = vec![Write::Put(target.clone(), body)];
        self.store.commit(Commit { writes, ..Commit::unnoticed(target) }).await?;
        Ok(())
    }

    /// What is noted beside a resource.
    pub(super) async fn noted(&self, key: &ResourceKey) -> Result<Option<Sent>, StoreError> {
        let record = self.store.get(&sent::key(key)).await?;
        record.map(|record| serde_json::from_slice(&record.body.visible).map_err(corrupt)).transpose()
    }

    /// When, and by whom, a resource was sent last.
    pub async fn last_sent(&self, key: &ResourceKey, record: &Record) -> Result<Option<Sent>, StoreError> {
        let (own, noted) = (of(record)?, self.noted(key).await?);
        Ok(own.into_iter().chain(noted).max_by_key(|sent| sent.at))
    }

    /// Resources of a type that a provider has sent, and not since that instant; in the order of their ids, behind
    /// `after`.
    pub async fn stale(
        &self,
        home: TenantId,
        resource_type: &str,
        since: Timestamp,
        after: Option<ResourceId>,
    ) -> Result<Stale, StoreError> {
        let start = after.map_or(Start::Offset(0), Start::After);
        let resource_type = TypeName::from(resource_type);
        let page = self.store.resources(home, &resource_type, start, PAGE).await?;
        let next = page.last().map(|(id, _)| *id);
        let mut resources = Vec::new();
        for (id, record) in page {
            let is_old = |at: i64| at < since.as_millis();
            let own = of(&record)?;
            let at = own.as_ref().map_or(record.header.last_modified.as_millis(), |sent| sent.at);
            if !is_old(at) || own.as_ref().is_some_and(|sent| is_administrator(&sent.by)) {
                continue;
            }
            let key = ResourceKey { tenant: home, resource_type: resource_type.clone(), id };
            let last = self.last_sent(&key, &record).await?;
            if last.as_ref().is_none_or(|sent| is_old(sent.at)) {
                resources.push((id, record, last));
            }
        }
        Ok(Stale { resources, next })
    }
}

fn parse(hidden: &[u8]) -> Result<Map<String, Value>, StoreError> {
    serde_json::from_slice(hidden).map_err(corrupt)
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
fn corrupt(error: serde_json::Error) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        clock::{Clock, ManualClock},
        event::{Action, Event},
        operation::{Rewritten, pace::Pace},
        store::{Store, sled::SledStore},
        tenant::{Settings, Tenant, TenantRecord},
        token::Scopes,
    };

    #[tokio::test]
    async fn what_is_sent_without_a_change_is_noted_once_a_day() {
        let directory = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
        let store: Arc<dyn Store> = Arc::new(SledStore::open(directory.path(), Arc::new(clock.clone())).unwrap());
        let operations = Operations::on(Arc::clone(&store), Arc::new(clock.clone()));
        let settings = Settings::read(serde_json::json!({"stale_after": "28d"}).as_object().unwrap().clone()).unwrap();
        let id = TenantId::random([7; 16]);
        let tenant = Tenant::build(&TenantRecord::new(id, "test", settings, clock.now())).unwrap();
        let caller = Caller::bearer(tenant, Arc::from("token"), Scopes::ALL);
        let pace = Pace::new(&operations.lanes, id);
        let rewritten = Rewritten::default();
        let context = Context { caller, base: String::new(), request: None, pace, claim: None, rewritten };
        let key = ResourceKey { tenant: id, resource_type: "User".into(), id: operations.fresh_id() };
        let mut body = Body { visible: "{}".into(), ..Body::default() };
        stamp(&mut body, None, &context.caller, clock.now()).unwrap();
        let mut commit = Commit::new(key.clone(), Event::new(Action::Create, "token", "User", key.id));
        commit.writes.push(Write::Put(key.clone(), body));
        store.commit(commit).await.unwrap();
        let record = store.get(&key).await.unwrap().unwrap();

        let sent = async || {
            operations.note_sent(&context, &key, &record).await.unwrap();
            operations.last_sent(&key, &record).await.unwrap().unwrap().at
        };
        let begin = clock.now().as_millis();
        assert_eq!(sent().await, begin);
        clock.advance(DAY);
        assert_eq!(sent().await, begin + DAY);
        clock.advance(DAY / 2);
        assert_eq!(sent().await, begin + DAY);
        let stale = async |since: i64| {
            let since = Timestamp::from_millis(since);
            operations.stale(id, "User", since, None).await.unwrap().resources.len()
        };
        assert_eq!((stale(begin + DAY).await, stale(begin + DAY + 1).await), (0, 1));
    }
}
