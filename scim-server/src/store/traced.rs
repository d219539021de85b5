//! A store that tells how long it took: a span for each read and each commit of a request that is recorded.
//!
//! It stands before any engine, and only where spans are sent at all.

use std::sync::Arc;

use async_trait::async_trait;
use scim_protocol::Timestamp;
use traces::{Kind, Span, child};
use uuid::Uuid;

use super::{
    Commit, Committed, EntriesOf, EventsAbout, Finding, Freshness, IndexKey, IndexRange, Item, Log, Memberships, Page,
    Position, Record, Reference, ResourceId, ResourceKey, Sink, Start, Store, StoreError, TenantId, TypeName, postgres,
};
use crate::{event::Event, metrics::StoreMetrics};

/// A store, and spans of what is asked of it.
pub struct Traced {
    store: Arc<dyn Store>,
    kind: Kind,
    /// `db.system.name` of the semantic conventions.
    system: &'static str,
}

impl Traced {
    /// The same store, traced.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let (kind, system) = if store.is_shared() { (Kind::Client, "postgresql") } else { (Kind::Internal, "sled") };
        Self { store, kind, system }
    }

    fn span(&self, name: &'static str, operation: &'static str) -> Option<Span> {
        let mut span = child(name, self.kind)?;
        span.note("db.system.name", self.system);
        span.note("db.operation.name", operation);
        Some(span)
    }

    async fn read<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let span = self.span("store.read", operation);
        ended(span, work.await)
    }
}

/// The outcome, noted in the span, which ends here.
fn ended<T>(span: Option<Span>, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
    if let (Some(mut span), Err(error)) = (span, &outcome) {
        span.fail(kind_of(error));
    }
    outcome
}

fn kind_of(error: &StoreError) -> &'static str {
    match error {
        StoreError::Closed(_) => "closed",
        StoreError::Conflict(_) => "conflict",
        StoreError::Corrupt(_) => "corrupt",
        StoreError::Erased(_) => "erased",
        StoreError::Full { .. } => "full",
        StoreError::Missing(_) => "missing",
        StoreError::Taken(_) => "taken",
        StoreError::Unavailable(_) => "unavailable",
    }
}

// What has a default in the trait must be asked of the engine, too.
#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Store for Traced {
    fn metrics(&self) -> Arc<StoreMetrics> {
        self.store.metrics()
    }

    fn freshness(&self) -> Option<(Arc<Freshness>, u64)> {
        self.store.freshness()
    }

    async fn get(&self, key: &ResourceKey) -> Result<Option<Record>, StoreError> {
        self.read("get", self.store.get(key)).await
    }

    async fn get_in_groups(&self, key: &ResourceKey) -> Result<Option<(Record, Vec<Reference>)>, StoreError> {
        self.read("get_in_groups", self.store.get_in_groups(key)).await
    }

    async fn lookup(&self, key: &IndexKey) -> Result<Option<ResourceId>, StoreError> {
        self.read("lookup", self.store.lookup(key)).await
    }

    async fn resources(
        &self,
        tenant: TenantId,
        resource_type: &TypeName,
        from: Start,
        limit: usize,
    ) -> Result<Page<(ResourceId, Record)>, StoreError> {
        self.read("resources", self.store.resources(tenant, resource_type, from, limit)).await
    }

    async fn count(&self, tenant: TenantId, resource_type: &TypeName) -> Result<u64, StoreError> {
        self.read("count", self.store.count(tenant, resource_type)).await
    }

    async fn index(
        &self,
        range: &IndexRange,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        self.read("index", self.store.index(range, after, limit)).await
    }

    async fn indexed(
        &self,
        range: &IndexRange,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page<(Position, Option<Record>)>, StoreError> {
        self.read("indexed", self.store.indexed(range, after, limit)).await
    }

    async fn indexed_in_groups(
        &self,
        range: &IndexRange,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<(Page<(Position, Option<Record>)>, Option<Vec<Vec<Reference>>>), StoreError> {
        self.read("indexed_in_groups", self.store.indexed_in_groups(range, after, limit)).await
    }

    async fn index_count(&self, range: &IndexRange, limit: u64) -> Result<u64, StoreError> {
        self.read("index_count", self.store.index_count(range, limit)).await
    }

    async fn index_at(&self, range: &IndexRange, offset: u64) -> Result<Option<Position>, StoreError> {
        self.read("index_at", self.store.index_at(range, offset)).await
    }

    async fn members(
        &self,
        group: &ResourceKey,
        after: Option<ResourceId>,
        limit: usize,
        names: bool,
    ) -> Result<Page<Reference>, StoreError> {
        self.read("members", self.store.members(group, after, limit, names)).await
    }

    async fn is_member(&self, group: &ResourceKey, member: ResourceId) -> Result<bool, StoreError> {
        self.read("is_member", self.store.is_member(group, member)).await
    }

    async fn groups_of(&self, tenant: TenantId, members: &[ResourceId]) -> Result<Vec<Vec<Reference>>, StoreError> {
        self.read("groups_of", self.store.groups_of(tenant, members)).await
    }

    async fn memberships(&self, tenant: TenantId, members: &[ResourceId]) -> Result<Vec<Memberships>, StoreError> {
        self.read("memberships", self.store.memberships(tenant, members)).await
    }

    async fn log(&self, tenant: TenantId) -> Result<Log, StoreError> {
        self.read("log", self.store.log(tenant)).await
    }

    fn changes(&self) -> Arc<tokio::sync::Notify> {
        self.store.changes()
    }

    async fn events(&self, tenant: TenantId, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.read("events", self.store.events(tenant, after, limit)).await
    }

    async fn events_about(
        &self,
        tenant: TenantId,
        resource: ResourceId,
        after: u64,
        until: u64,
    ) -> Result<EventsAbout, StoreError> {
        self.read("events_about", self.store.events_about(tenant, resource, after, until)).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let mut span = self.span("store.commit", "commit");
        if let Some(span) = &mut span {
            span.note("db.operation.batch.size", i64::try_from(commit.writes.len()).unwrap_or(i64::MAX));
        }
        ended(span, self.store.commit(commit).await)
    }

    async fn erase(&self, tenant: TenantId) -> Result<u64, StoreError> {
        self.store.erase(tenant).await
    }

    async fn is_erased(&self, tenant: TenantId) -> Result<bool, StoreError> {
        self.store.is_erased(tenant).await
    }

    async fn export(&self, tenant: Option<TenantId>, sink: Sink<Item>) -> Result<(), StoreError> {
        self.store.export(tenant, sink).await
    }

    async fn load(&self, items: Vec<Item>) -> Result<(), StoreError> {
        self.store.load(items).await
    }

    async fn check(&self, entries: EntriesOf, repair: bool, sink: Sink<Finding>) -> Result<(), StoreError> {
        self.store.check(entries, repair, sink).await
    }

    async fn notes(&self) -> Result<Vec<String>, StoreError> {
        self.store.notes().await
    }

    async fn forget_events(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.store.forget_events(before).await
    }

    fn spread(&self) -> Option<&postgres::Spread> {
        self.store.spread()
    }

    fn is_away(&self, tenant: TenantId) -> bool {
        self.store.is_away(tenant)
    }

    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    async fn lease(&self, chore: &str, holder: Uuid, millis: i64) -> Result<bool, StoreError> {
        self.store.lease(chore, holder, millis).await
    }

    async fn take_turn(&self, tenant: TenantId, rate: u32) -> Result<bool, StoreError> {
        self.read("take_turn", self.store.take_turn(tenant, rate)).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.store.close().await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::store::{
        contract::{Open, contract},
        sled::SledStore,
    };

    /// It keeps what an engine promises.
    fn place() -> Open {
        let directory = tempfile::tempdir().unwrap();
        Box::new(move |clock| {
            let engine: Arc<dyn Store> = Arc::new(SledStore::open(directory.path(), clock).unwrap());
            let store: Arc<dyn Store> = Arc::new(Traced::new(engine));
            std::future::ready(store).boxed()
        })
    }

    contract!(place);
}
