//! The shared store, on PostgreSQL: many processes, one database.
//!
//! No process keeps data that another needs, and they do not communicate: the database serialises what only one may
//! do. [`statement`] has every statement that is sent. Reads are one statement each ([`read`]); commits are decided
//! here on facts that were read under the tenant's lock ([`group_commit`], [`super::decide`]), in two round trips.
//! Only plain SQL is used: no functions, triggers, advisory locks or extensions.

mod carry;
mod check;
mod connect_error;
mod connections;
mod error;
mod group_commit;
mod key_changes;
mod look;
mod migrate;
mod overlay;
mod pipeline;
#[cfg(test)]
mod plans;
mod prefetch;
mod range;
mod rank;
mod read;
mod row;
mod scan;
mod spread;
pub mod statement;
mod sweep;
mod touched;
mod transfer;
mod write;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use scim_protocol::Timestamp;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
};

pub use self::{connections::Options, look::Look, spread::Spread};
use self::{
    connections::{Connections, Turn},
    error::unavailable,
    group_commit::Writer,
    prefetch::{column, unsigned},
    read::Reader,
};
use super::{
    Commit, Committed, EntriesOf, EventsAbout, Finding, IndexKey, IndexRange, Item, Log, Memberships, Page, Position,
    Record, Reference, ResourceId, ResourceKey, Sink, Start, Store, StoreError, TenantId, TypeName, mark,
};
use crate::{clock::Clock, event::Event, metrics::StoreMetrics};

/// Why a database could not be opened as a store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A newer version of the program has changed the schema.
    #[error("the database's schema has version {found}, and this program knows versions up to {known}: use a newer version of it", known = migrate::NEWEST)]
    Newer {
        /// The version of the schema.
        found: i64,
    },
    /// It is one of several databases: its number, from 1, and why.
    #[error("database {0}: {1}")]
    One(usize, Box<OpenError>),
    /// Something is wrong with the options.
    #[error("{0}")]
    Options(String),
    /// The schema is not there, or not as this program needs it.
    #[error("the database's schema has version {found}, and this program needs {known}: run `scim-server migrate`, or serve with --migrate", known = migrate::NEWEST)]
    Older {
        /// The version of the schema; 0 in an empty database.
        found: i64,
    },
    /// It cannot be reached, or refuses.
    #[error("{}", why(.0))]
    Store(#[from] StoreError),
}

fn why(error: &StoreError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// So few commits are fast whatever the plans are, and a server that has just started needs no statistics.
const FEW: usize = 64;

/// The store in a database. See the module's documentation.
pub struct PostgresStore {
    connections: Arc<Connections>,
    reader: Arc<Reader>,
    writer: Arc<Writer>,
    sweeper: JoinHandle<()>,
    /// How many commits and loaded items this process has written.
    written: AtomicUsize,
    clock: Arc<dyn Clock>,
    metrics: Arc<StoreMetrics>,
    changes: Arc<Notify>,
}

impl PostgresStore {
    /// Opens the store in a database whose schema is there.
    pub async fn open(options: &Options, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let metrics = Arc::<StoreMetrics>::default();
        let connections = Connections::new(options, Arc::clone(&metrics)).map_err(OpenError::Options)?;
        let store = Self::open_on(connections, clock, metrics, Arc::default()).await?;
        spread::alone(&store).await?;
        Ok(store)
    }

    /// Opens a database that may be one of several.
    async fn open_on(
        connections: Arc<Connections>,
        clock: Arc<dyn Clock>,
        metrics: Arc<StoreMetrics>,
        changes: Arc<Notify>,
    ) -> Result<Self, OpenError> {
        let found = migrate::current(&connections.get(Turn::Write).await?).await?;
        if found > migrate::NEWEST {
            return Err(OpenError::Newer { found });
        }
        if found < migrate::NEWEST {
            return Err(OpenError::Older { found });
        }
        let reader = Arc::new(Reader::new(Arc::clone(&connections)));
        let (sweeps, swept) = mpsc::unbounded_channel();
        let writer = Arc::new(Writer::new(Arc::clone(&connections), Arc::clone(&clock), Arc::clone(&metrics), sweeps));
        let sweeper = tokio::spawn(sweep(Arc::clone(&reader), swept));
        Ok(Self { connections, reader, writer, sweeper, written: AtomicUsize::new(0), clock, metrics, changes })
    }

    /// Whether a database has no schema yet.
    pub async fn is_empty(options: &Options) -> Result<bool, OpenError> {
        let connections = Connections::new(options, Arc::default()).map_err(OpenError::Options)?;
        Ok(migrate::current(&connections.get(Turn::Write).await?).await? == 0)
    }

    /// Brings the schema of a database to the version that this program needs; gives the names of
    /// the steps that were missing. Several processes may do so at once.
    pub async fn migrate(options: &Options, clock: &dyn Clock) -> Result<Vec<&'static str>, OpenError> {
        let connections = Connections::new(options, Arc::default()).map_err(OpenError::Options)?;
        let mut connection = connections.get(Turn::Write).await?;
        let found = migrate::current(&connection).await?;
        if found > migrate::NEWEST {
            return Err(OpenError::Newer { found });
        }
        Ok(migrate::apply(&mut connection, clock.now()).await?)
    }

    /// Whether the planner's statistics are outgrown by so many more that were written.
    fn outgrows(&self, more: usize) -> bool {
        let before = self.written.fetch_add(more, Ordering::Relaxed);
        transfer::outgrows(before, before + more)
    }

    /// Checks every tenant; gives the sink back, unless it wants no more.
    async fn check_all(
        &self,
        entries: EntriesOf,
        repair: bool,
        sink: Sink<Finding>,
    ) -> Result<Option<Sink<Finding>>, StoreError> {
        let mut sink = Some(sink);
        for tenant in self.tenants().await? {
            let Some(taken) = sink.take() else { break };
            sink = check::run(&self.connections, tenant, Arc::clone(&entries), repair, taken).await?;
        }
        Ok(sink)
    }

    async fn all_resources(&self, tenant: TenantId) -> Result<u64, StoreError> {
        let rows = self.reader.query(tenant, statement::ALL_COUNTS, &[&tenant.0]).await?;
        rows.iter().map(|row| unsigned(column(row, 1)?)).sum()
    }

    async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        let rows = self.reader.query(TenantId::SYSTEM, statement::TENANTS, &[]).await?;
        rows.iter().map(|row| column(row, 0).map(TenantId)).collect()
    }
}

/// Updates the planner's statistics of the tables. Of a table without any it may take an index that finds all of a
/// tenant for each row that is sought, and the database itself does not look at a new table for a minute or more.
async fn inform_planner(reader: &Reader) {
    for sql in statement::ANALYZE {
        if let Err(error) = reader.query(TenantId::SYSTEM, sql, &[]).await {
            tracing::debug!(error = &error as &dyn std::error::Error, sql, "the planner was not informed");
        }
    }
}

/// Removes the edges of deleted groups: first of those that an earlier process has left, then of each that
/// comes.
async fn sweep(reader: Arc<Reader>, mut groups: mpsc::UnboundedReceiver<(TenantId, ResourceId)>) {
    let tell = |done: Result<(), StoreError>| {
        if let Err(error) = done {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the edges of a deleted group could not be removed; the next start tries again");
        }
    };
    tell(sweep::sweep_all(&reader).await);
    while let Some((tenant, group)) = groups.recv().await {
        tell(sweep::sweep(&reader, tenant, group).await);
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.sweeper.abort();
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn metrics(&self) -> Arc<StoreMetrics> {
        Arc::clone(&self.metrics)
    }

    async fn get(&self, key: &ResourceKey) -> Result<Option<Record>, StoreError> {
        self.reader.get(key).await
    }

    async fn get_in_groups(&self, key: &ResourceKey) -> Result<Option<(Record, Vec<Reference>)>, StoreError> {
        self.reader.get_in_groups(key).await
    }

    async fn lookup(&self, key: &IndexKey) -> Result<Option<ResourceId>, StoreError> {
        self.reader.lookup(key).await
    }

    async fn resources(
        &self,
        tenant: TenantId,
        resource_type: &TypeName,
        from: Start,
        limit: usize,
    ) -> Result<Page<(ResourceId, Record)>, StoreError> {
        self.reader.resources(tenant, resource_type, from, limit).await
    }

    async fn count(&self, tenant: TenantId, resource_type: &TypeName) -> Result<u64, StoreError> {
        self.reader.count(tenant, resource_type).await
    }

    async fn index(
        &self,
        range: &IndexRange,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        self.reader.index(range, after, limit).await
    }

    async fn indexed(
        &self,
        range: &IndexRange,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page<(Position, Option<Record>)>, StoreError> {
        self.reader.indexed(range, after, limit).await
    }

    async fn indexed_in_groups(
        &self,
        range: &IndexRange,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<(Page<(Position, Option<Record>)>, Option<Vec<Vec<Reference>>>), StoreError> {
        self.reader.indexed_in_groups(range, after, limit).await
    }

    async fn index_count(&self, range: &IndexRange, limit: u64) -> Result<u64, StoreError> {
        self.reader.index_count(range, limit).await
    }

    async fn index_at(&self, range: &IndexRange, offset: u64) -> Result<Option<Position>, StoreError> {
        self.reader.index_at(range, offset).await
    }

    async fn members(
        &self,
        group: &ResourceKey,
        after: Option<ResourceId>,
        limit: usize,
        names: bool,
    ) -> Result<Page<Reference>, StoreError> {
        self.reader.members(group, after, limit, names).await
    }

    async fn is_member(&self, group: &ResourceKey, member: ResourceId) -> Result<bool, StoreError> {
        self.reader.is_member(group, member).await
    }

    async fn groups_of(&self, tenant: TenantId, members: &[ResourceId]) -> Result<Vec<Vec<Reference>>, StoreError> {
        self.reader.groups_of(tenant, members).await
    }

    async fn memberships(&self, tenant: TenantId, members: &[ResourceId]) -> Result<Vec<Memberships>, StoreError> {
        self.reader.memberships(tenant, members).await
    }

    async fn log(&self, tenant: TenantId) -> Result<Log, StoreError> {
        self.reader.log(tenant).await
    }

    fn changes(&self) -> Arc<Notify> {
        Arc::clone(&self.changes)
    }

    async fn events(&self, tenant: TenantId, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.reader.events(tenant, after, limit).await
    }

    async fn events_about(
        &self,
        tenant: TenantId,
        resource: ResourceId,
        after: u64,
        until: u64,
    ) -> Result<EventsAbout, StoreError> {
        self.reader.events_about(tenant, resource, after, until).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let committed = self.writer.commit(mark::marked(commit)).await?;
        self.changes.notify_waiters();
        if committed.changed && self.outgrows(1) && self.written.load(Ordering::Relaxed) >= FEW {
            let reader = Arc::clone(&self.reader);
            tokio::spawn(async move { inform_planner(&reader).await });
        }
        Ok(committed)
    }

    async fn erase(&self, tenant: TenantId) -> Result<u64, StoreError> {
        sweep::erase(&self.reader, tenant).await
    }

    async fn is_erased(&self, tenant: TenantId) -> Result<bool, StoreError> {
        Ok(!self.reader.query(tenant, statement::IS_ERASED, &[&tenant.0]).await?.is_empty())
    }

    async fn export(&self, tenant: Option<TenantId>, sink: Sink<Item>) -> Result<(), StoreError> {
        transfer::export(&self.connections, tenant, sink).await
    }

    async fn load(&self, items: Vec<Item>) -> Result<(), StoreError> {
        // An id that returns must not find the members that it had.
        sweep::sweep_all(&self.reader).await?;
        for portion in transfer::portions(&items) {
            self.writer.load(portion).await?;
            if self.outgrows(portion.len()) {
                inform_planner(&self.reader).await;
            }
        }
        Ok(())
    }

    async fn notes(&self) -> Result<Vec<String>, StoreError> {
        let on = self.reader.has_checksums().await?;
        let off = "the database has data_checksums off: what its disk damages may be read without an error. \
                   Stop it and run pg_checksums --enable";
        Ok(if on { Vec::new() } else { vec![off.to_owned()] })
    }

    async fn check(&self, entries: EntriesOf, repair: bool, sink: Sink<Finding>) -> Result<(), StoreError> {
        self.check_all(entries, repair, sink).await.map(drop)
    }

    async fn forget_events(&self, before: Timestamp) -> Result<u64, StoreError> {
        sweep::forget(&self.reader, before).await
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn take_turn(&self, tenant: TenantId, rate: u32) -> Result<bool, StoreError> {
        let one = 1_000_000 / i64::from(rate.max(1));
        let rows = self.reader.query(tenant, statement::TAKE_TURN, &[&tenant.0, &one]).await?;
        Ok(!rows.is_empty())
    }

    async fn lease(&self, chore: &str, holder: uuid::Uuid, millis: i64) -> Result<bool, StoreError> {
        let now = self.clock.now().as_millis();
        let until = now.saturating_add(millis);
        let rows = self.reader.query(TenantId::SYSTEM, statement::LEASE, &[&chore, &holder, &until, &now]).await?;
        Ok(!rows.is_empty())
    }

    async fn close(&self) -> Result<(), StoreError> {
        if self.connections.is_closed() {
            return Err(unavailable("the store is closed"));
        }
        self.writer.finish().await;
        self.connections.close();
        Ok(())
    }
}

#[cfg(test)]
#[path = "../../tests/integration/database.rs"]
#[allow(dead_code, reason = "the integration tests use the rest")]
mod database;

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::{database::shared, *};
    use crate::{
        clock::SystemClock,
        store::contract::{Open, commit, contract, put, user},
    };

    fn place() -> Open {
        let options = Options { connections: 4, ..Options::new(shared().schema()) };
        Box::new(move |clock| {
            let options = options.clone();
            async move {
                PostgresStore::migrate(&options, &SystemClock).await.unwrap();
                let store: Arc<dyn Store> = Arc::new(PostgresStore::open(&options, clock).await.unwrap());
                store
            }
            .boxed()
        })
    }

    contract!(place);

    #[tokio::test]
    async fn the_planner_learns_of_what_is_loaded() {
        let options = Options::new(shared().schema());
        PostgresStore::migrate(&options, &SystemClock).await.unwrap();
        let store = PostgresStore::open(&options, Arc::new(SystemClock)).await.unwrap();
        let known = async || -> f32 {
            let sql = "SELECT reltuples FROM pg_class WHERE oid = 'resource'::regclass";
            store.reader.query(TenantId::SYSTEM, sql, &[]).await.unwrap()[0].get(0)
        };
        assert!(known().await < 0.0, "the table was looked at already");
        let resource = |number| Item::Resource(user(number), Record::default(), Vec::new());
        store.load((1..=20).map(resource).collect()).await.unwrap();
        assert!((known().await - 20.0).abs() < 0.5);
    }

    /// The first provisioning of a new database: each commit cost more than the one before.
    #[tokio::test]
    async fn the_planner_learns_of_what_is_committed() {
        let options = Options::new(shared().schema());
        PostgresStore::migrate(&options, &SystemClock).await.unwrap();
        let store = PostgresStore::open(&options, Arc::new(SystemClock)).await.unwrap();
        let query = async |sql: &'static str| store.reader.query(TenantId::SYSTEM, sql, &[]).await.unwrap();
        // The database itself must not be the one that looks.
        query("ALTER TABLE resource SET (autovacuum_enabled = off)").await;
        for number in 1..=FEW as u128 {
            let user = user(number);
            store.commit(commit(&user, [put(&user)])).await.unwrap();
        }
        let known = async || -> f32 {
            query("SELECT reltuples FROM pg_class WHERE oid = 'resource'::regclass").await[0].get(0)
        };
        for _ in 0..1000 {
            if known().await > 0.0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("nobody has looked at the table");
    }

    /// Another process may still be sweeping a group that is swept, and that somebody has restored.
    #[tokio::test]
    async fn who_sweeps_late_takes_nobody_from_a_group_that_returned() {
        let options = Options::new(shared().schema());
        PostgresStore::migrate(&options, &SystemClock).await.unwrap();
        let store = PostgresStore::open(&options, Arc::new(SystemClock)).await.unwrap();
        let group = ResourceKey { resource_type: "Group".into(), ..user(9) };
        let resource = |key: ResourceKey| Item::Resource(key, Record::default(), Vec::new());
        let members: Vec<_> = (1..=3).map(user).collect();
        let mut items: Vec<_> = members.iter().cloned().chain([group.clone()]).map(resource).collect();
        items.push(Item::Members(group.clone(), members.into_iter().map(Into::into).collect()));
        store.load(items).await.unwrap();
        sweep::sweep(&store.reader, group.tenant, group.id).await.unwrap();
        assert_eq!(store.members(&group, None, 9, false).await.unwrap().len(), 3);
    }
}
