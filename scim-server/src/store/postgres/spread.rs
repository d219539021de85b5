//! One store in several databases: each tenant is kept in one of them.
//!
//! The first database has the system's records, and among them the directory of tenants: a tenant's record says where
//! the tenant is kept. Whoever reads these records tells [`Spread::settle`], so that a request finds its tenant's
//! database in memory. A process that has not heard of a move yet writes to the old place in vain: the tenant's row
//! there is closed ([`super::carry`]). A server writes nothing for a tenant that it does not know: nobody would find it
//! in whatever database it stood.

mod opening;
mod part;
mod places;
mod telling;

use std::{
    collections::HashSet,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use scim_protocol::Timestamp;
use tokio::sync::Notify;
use uuid::Uuid;

pub(super) use self::part::alone;
use self::places::Places;
use super::{
    PostgresStore,
    carry::{self, Carriage, TURNS},
    error::unavailable,
    row::signed,
    transfer,
};
use crate::{
    clock::Clock,
    event::Event,
    metrics::StoreMetrics,
    store::{
        Commit, Committed, EntriesOf, EventsAbout, Finding, IndexKey, IndexRange, Item, Log, Memberships, Page,
        Position, Record, Reference, ResourceId, ResourceKey, Sink, Start, Store, StoreError, TenantId, TypeName,
    },
};

/// How much a pass may leave, and how many passes there are, until the tenant is closed for the last one.
const LITTLE: usize = 200;
const PASSES: usize = 20;
/// Milliseconds after which the processes on a store have noticed a move. They look for changes twice a second.
const NOTICED: i64 = 2000;
/// Milliseconds for which a process that follows may rely on what it knows: less than copies are kept.
const TRUSTED: i64 = 10 * 60 * 1000;

/// A database, as soon as it could be opened. One that is away is opened when it is back.
type Opened = Arc<OnceLock<PostgresStore>>;

/// Several databases. See the module's documentation.
pub struct Spread {
    databases: Vec<Opened>,
    places: Places,
    /// When this process last knew where all tenants are, in milliseconds since the epoch; 0 if it does not follow.
    noticed: AtomicI64,
    clock: Arc<dyn Clock>,
    metrics: Arc<StoreMetrics>,
    changes: Arc<Notify>,
}

impl Spread {
    fn of_opened(
        databases: Vec<Opened>,
        clock: Arc<dyn Clock>,
        metrics: Arc<StoreMetrics>,
        changes: Arc<Notify>,
    ) -> Self {
        Self { databases, places: Places::default(), noticed: AtomicI64::new(0), clock, metrics, changes }
    }

    /// How many databases there are.
    pub fn databases(&self) -> usize {
        self.databases.len()
    }

    /// Notes where a tenant is kept: its home, the number of the database, from 0, and the version of the record that
    /// says so. What an older record says does not count.
    pub fn settle(&self, tenants: &[(TenantId, usize, u64)]) {
        self.places.settle(tenants);
    }

    /// Notes where a tenant will be kept that is about to be made: what is told of it has its place with it.
    pub fn announce(&self, tenant: TenantId, place: usize) {
        self.places.announce(tenant, place);
    }

    /// The tenants of which this process knows, by their homes, without those that are about to be made: whoever of
    /// them is in no record that is read afterwards is gone.
    pub fn recorded(&self) -> HashSet<TenantId> {
        self.places.recorded()
    }

    /// Forgets tenants that are gone, by their homes.
    pub fn forget_gone(&self, gone: &HashSet<TenantId>) {
        self.places.forget(gone);
    }

    /// Notes that this process knows where all tenants are now. From then on it must say so again and again: a copy that
    /// a move has left is removed some time after, and whoever has not heard of the move must not look there.
    pub fn noticed(&self) {
        self.noticed.store(self.clock.now().as_millis(), Ordering::Relaxed);
    }

    /// The number of a move that began with that version of the tenant's record.
    pub fn number(version: u64) -> Result<i64, StoreError> {
        signed(version).map(|version| version.saturating_mul(TURNS))
    }

    /// Copies a tenant to another database while it is served, and closes it for the last of it. When this returns,
    /// nobody can write to it in the old place any more, nor in the new one until every process has noticed. `copied` counts
    /// the rows meanwhile.
    pub async fn carry(
        &self,
        tenant: TenantId,
        (from, to): (usize, usize),
        number: i64,
        copied: &AtomicU64,
    ) -> Result<(), StoreError> {
        let mut carriage = Carriage::begin(self.at(from)?, self.at(to)?, tenant, number, copied).await?;
        for _ in 0..PASSES {
            if carriage.follow().await? <= LITTLE {
                break;
            }
        }
        carriage.finish(Timestamp::from_millis(self.clock.now().as_millis().saturating_add(NOTICED))).await
    }

    /// Ends a move that was given up: the tenant goes on where it was, and the copy is removed.
    pub async fn give_up(&self, tenant: TenantId, (from, to): (usize, usize), number: i64) -> Result<(), StoreError> {
        carry::give_up(self.at(from)?, self.at(to)?, tenant, number).await
    }

    /// Removes what the move of that number has left of a tenant.
    pub async fn forget(&self, tenant: TenantId, place: usize, number: i64) -> Result<(), StoreError> {
        carry::forget(self.at(place)?, tenant, number).await
    }

    /// Which tenants are open in which database, by their homes and the numbers of the databases, from 0.
    pub async fn open_logs(&self) -> Result<Vec<(usize, TenantId)>, StoreError> {
        let mut open = Vec::new();
        for (place, database) in self.all().enumerate() {
            open.extend(database?.tenants().await?.into_iter().map(|tenant| (place, tenant)));
        }
        Ok(open)
    }

    /// How many resources of a tenant a database has, wherever the tenant is kept.
    pub async fn resources_in(&self, place: usize, tenant: TenantId) -> Result<u64, StoreError> {
        self.at(place)?.all_resources(tenant).await
    }

    /// Closes a tenant in a database in which it is not kept, and removes what is there. The number is that of its newest
    /// move: while this is done, nobody may move it.
    pub async fn close_stray(&self, tenant: TenantId, place: usize, number: i64) -> Result<(), StoreError> {
        carry::close_stray(self.at(place)?, tenant, number).await
    }

    /// One of the databases. A process that was started before one was added does not know that one.
    fn at(&self, place: usize) -> Result<&PostgresStore, StoreError> {
        let database = self.databases.get(place).ok_or_else(|| {
            unavailable(format!("the tenant is in database {}, and --store names {}", place + 1, self.databases.len()))
        })?;
        database.get().ok_or_else(|| unavailable(format!("database {} cannot be reached", place + 1)))
    }

    /// All databases. An error for one that could not be opened yet.
    fn all(&self) -> impl Iterator<Item = Result<&PostgresStore, StoreError>> {
        (0..self.databases.len()).map(|place| self.at(place))
    }

    /// Whether a database could not be reached when that was tried last.
    pub fn cannot_reach(&self, place: usize) -> bool {
        self.at(place).map_or(true, |database| database.connections.is_away())
    }

    /// The number of the database of a tenant; `None` if this process follows the directory, and the tenant is not in
    /// it. Who does not follow takes it to be in the first.
    fn known(&self, tenant: TenantId) -> Option<usize> {
        let follows = self.noticed.load(Ordering::Relaxed) != 0;
        if tenant == TenantId::SYSTEM { Some(0) } else { self.places.of(tenant).or((!follows).then_some(0)) }
    }

    fn place(&self, tenant: TenantId) -> usize {
        self.known(tenant).unwrap_or(0)
    }

    /// Where is written for a tenant. `Closed` for one that is gone.
    fn written_in(&self, tenant: TenantId) -> Result<usize, StoreError> {
        self.known(tenant).ok_or(StoreError::Closed(tenant))
    }

    /// The database of a tenant.
    fn of(&self, tenant: TenantId) -> Result<&PostgresStore, StoreError> {
        let noticed = self.noticed.load(Ordering::Relaxed);
        let age = self.clock.now().as_millis().saturating_sub(noticed);
        if noticed != 0 && age > TRUSTED && tenant != TenantId::SYSTEM {
            return Err(unavailable("the directory of tenants could not be read for ten minutes"));
        }
        self.at(self.place(tenant))
    }
}

/// Everything of one tenant is asked of the tenant's database.
#[async_trait]
impl Store for Spread {
    fn metrics(&self) -> Arc<StoreMetrics> {
        Arc::clone(&self.metrics)
    }

    async fn get(&self, key: &ResourceKey) -> Result<Option<Record>, StoreError> {
        self.of(key.tenant)?.get(key).await
    }

    async fn get_in_groups(&self, key: &ResourceKey) -> Result<Option<(Record, Vec<Reference>)>, StoreError> {
        self.of(key.tenant)?.get_in_groups(key).await
    }

    async fn lookup(&self, key: &IndexKey) -> Result<Option<ResourceId>, StoreError> {
        self.of(key.tenant)?.lookup(key).await
    }

    async fn resources(
        &self,
        tenant: TenantId,
        resource_type: &TypeName,
        from: Start,
        limit: usize,
    ) -> Result<Page<(ResourceId, Record)>, StoreError> {
        self.of(tenant)?.resources(tenant, resource_type, from, limit).await
    }

    async fn count(&self, tenant: TenantId, resource_type: &TypeName) -> Result<u64, StoreError> {
        self.of(tenant)?.count(tenant, resource_type).await
    }

    async fn index(
        &self,
        range: &IndexRange,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        self.of(range.tenant)?.index(range, after, limit).await
    }

    async fn indexed(
        &self,
        range: &IndexRange,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page<(Position, Option<Record>)>, StoreError> {
        self.of(range.tenant)?.indexed(range, after, limit).await
    }

    async fn indexed_in_groups(
        &self,
        range: &IndexRange,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<(Page<(Position, Option<Record>)>, Option<Vec<Vec<Reference>>>), StoreError> {
        self.of(range.tenant)?.indexed_in_groups(range, after, limit).await
    }

    async fn index_count(&self, range: &IndexRange, limit: u64) -> Result<u64, StoreError> {
        self.of(range.tenant)?.index_count(range, limit).await
    }

    async fn index_at(&self, range: &IndexRange, offset: u64) -> Result<Option<Position>, StoreError> {
        self.of(range.tenant)?.index_at(range, offset).await
    }

    async fn members(
        &self,
        group: &ResourceKey,
        after: Option<ResourceId>,
        limit: usize,
        names: bool,
    ) -> Result<Page<Reference>, StoreError> {
        self.of(group.tenant)?.members(group, after, limit, names).await
    }

    async fn is_member(&self, group: &ResourceKey, member: ResourceId) -> Result<bool, StoreError> {
        self.of(group.tenant)?.is_member(group, member).await
    }

    async fn groups_of(&self, tenant: TenantId, members: &[ResourceId]) -> Result<Vec<Vec<Reference>>, StoreError> {
        self.of(tenant)?.groups_of(tenant, members).await
    }

    async fn memberships(&self, tenant: TenantId, members: &[ResourceId]) -> Result<Vec<Memberships>, StoreError> {
        self.of(tenant)?.memberships(tenant, members).await
    }

    async fn log(&self, tenant: TenantId) -> Result<Log, StoreError> {
        self.of(tenant)?.log(tenant).await
    }

    fn changes(&self) -> Arc<Notify> {
        Arc::clone(&self.changes)
    }

    async fn events(&self, tenant: TenantId, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.of(tenant)?.events(tenant, after, limit).await
    }

    async fn events_about(
        &self,
        tenant: TenantId,
        resource: ResourceId,
        after: u64,
        until: u64,
    ) -> Result<EventsAbout, StoreError> {
        self.of(tenant)?.events_about(tenant, resource, after, until).await
    }

    async fn commit(&self, mut commit: Commit) -> Result<Committed, StoreError> {
        let place = self.written_in(commit.target.tenant)?;
        if commit.writes.iter().any(|write| self.place(write.tenant()) != place) {
            return Err(unavailable("a commit cannot change tenants of two databases"));
        }
        let untold = self.keep_untold(&mut commit).await?;
        let committed = self.of(commit.target.tenant)?.commit(commit).await?;
        self.tell(untold).await;
        Ok(committed)
    }

    /// Also what moves have left in other databases.
    async fn erase(&self, tenant: TenantId) -> Result<u64, StoreError> {
        let (place, mut gone) = (self.place(tenant), 0);
        for (number, database) in self.all().enumerate() {
            let here = database?.erase(tenant).await?;
            gone += if number == place { here } else { 0 };
        }
        Ok(gone)
    }

    /// As the first database says: an erasure is one of all that there are.
    async fn is_erased(&self, tenant: TenantId) -> Result<bool, StoreError> {
        self.at(0)?.is_erased(tenant).await
    }

    /// A state of each database, of about the same moment: of the directory first. What a tenant has left in another
    /// database when it was moved meanwhile is not gone from there yet.
    async fn export(&self, tenant: Option<TenantId>, mut sink: Sink<Item>) -> Result<(), StoreError> {
        if let Some(tenant) = tenant {
            return self.of(tenant)?.export(Some(tenant), sink).await;
        }
        let mut scans = Vec::new();
        for database in self.all() {
            scans.push(transfer::begin(&database?.connections, TenantId::SYSTEM).await?);
        }
        for (place, mut scan) in scans.into_iter().enumerate() {
            let mut tenants = scan.tenants().await?;
            tenants.retain(|tenant| self.place(*tenant) == place);
            if !transfer::go_on(scan, tenants, &mut sink).await? {
                break;
            }
        }
        Ok(())
    }

    async fn load(&self, items: Vec<Item>) -> Result<(), StoreError> {
        let mut rest = items.into_iter().peekable();
        while let Some(first) = rest.next() {
            let place = self.written_in(first.tenant())?;
            let mut part = vec![first];
            while let Some(next) = rest.next_if(|item| self.place(item.tenant()) == place) {
                part.push(next);
            }
            self.at(place)?.load(part).await?;
        }
        Ok(())
    }

    async fn notes(&self) -> Result<Vec<String>, StoreError> {
        let mut notes = Vec::new();
        for (place, database) in self.all().enumerate() {
            notes.extend(database?.notes().await?.into_iter().map(|note| format!("database {}: {note}", place + 1)));
        }
        Ok(notes)
    }

    async fn check(&self, entries: EntriesOf, repair: bool, sink: Sink<Finding>) -> Result<(), StoreError> {
        let mut sink = Some(sink);
        for database in self.all() {
            let Some(taken) = sink.take() else { break };
            sink = database?.check_all(Arc::clone(&entries), repair, taken).await?;
        }
        Ok(())
    }

    /// One database that does not answer keeps no other from it.
    async fn forget_events(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut gone = Ok(0);
        for database in self.all() {
            let here = match database {
                Ok(database) => database.forget_events(before).await,
                Err(away) => Err(away),
            };
            gone = gone.and_then(|gone| Ok(gone + here?));
        }
        gone
    }

    fn spread(&self) -> Option<&Spread> {
        Some(self)
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn is_away(&self, tenant: TenantId) -> bool {
        self.cannot_reach(self.place(tenant))
    }

    async fn take_turn(&self, tenant: TenantId, rate: u32) -> Result<bool, StoreError> {
        self.of(tenant)?.take_turn(tenant, rate).await
    }

    async fn lease(&self, chore: &str, holder: Uuid, millis: i64) -> Result<bool, StoreError> {
        self.at(0)?.lease(chore, holder, millis).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        let mut closed = Ok(());
        for database in self.databases.iter().filter_map(|database| database.get()) {
            closed = closed.and(database.close().await);
        }
        closed
    }
}

#[cfg(test)]
mod tests;
