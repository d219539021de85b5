//! The embedded store, on sled.
//!
//! One tree holds everything ([`key`] says how), because sled applies a batch to one tree
//! atomically and to several not. One thread writes ([`writer`]); any task reads. Point reads run
//! on the thread that asks, since they are shorter than a change of threads; long scans go to a thread
//! that may block.
//!
//! No type of sled leaves this module, and it uses only what sled's next major version and its rivals can
//! do, too ([`tree`]).

mod check;
mod comparing;
#[cfg(test)]
mod damaged;
mod group_commit;
mod handle;
mod key;
mod overlay;
mod rank;
mod read;
mod record;
mod sweep;
mod transaction;
mod transfer;
mod tree;
mod value;
mod writer;

use std::{
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use scim_protocol::Timestamp;
use tokio::sync::{Notify, mpsc, oneshot};

use self::{
    handle::Handle,
    sweep::{Removal, Sweeps},
    tree::{Batch, Fate, Tree, unavailable},
    writer::{Job, Writer},
};
pub use self::{tree::Damage, writer::Reopen};
use super::{
    Commit, Committed, EntriesOf, EventsAbout, Finding, Freshness, IndexKey, IndexRange, Item, Log, Memberships, Page,
    Position, Record, Reference, ResourceId, ResourceKey, Sink, Start, Store, StoreError, TenantId, TypeName, mark,
};
use crate::{clock::Clock, event::Event, metrics::StoreMetrics};

/// The version of the layout of keys and values. An older store may be read by a newer program, but
/// never the other way round. In format 1 each unique value stood in a second place, which is not
/// read any more. Before format 3 batches were not numbered, and a program that does not number them would
/// leave a journal that nothing agrees with. Before format 4 a membership did not say since when it is one.
const FORMAT: u64 = 4;

/// A scan of more entries than this leaves the thread that asked for it.
const INLINE: usize = 256;

/// How many memberships of a page are read where they are asked for: a hundred users in ten groups
/// each.
const MEMBERSHIPS: usize = 1024;

/// How long a read of what is durable waits until somebody asks the disk, and how often it looks.
const SOON: Duration = Duration::from_millis(100);
const MOMENT: Duration = Duration::from_micros(500);

/// How to open the store.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How much memory may be used to keep what was read, in bytes: three quarters by sled, for its pages, and
    /// a quarter by those above, for what is made of resources.
    pub cache: u64,
    /// When the writer closes and reopens it, for a quick start after a crash.
    pub reopen: Reopen,
    /// Open it although acknowledged writes are lost, if its last commit has this number.
    pub accept_loss: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache: 64 << 20, reopen: Reopen::default(), accept_loss: None }
    }
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Something that was acknowledged is not there, or may not be.
    #[error(
        "acknowledged writes are lost: {damage}; restore the backup, or accept the loss by its name: `scim-server check --accept-loss {stands}` opens the store with what is there"
    )]
    Damaged {
        /// What is wrong.
        damage: Damage,
        /// The number of the last commit that is there.
        stands: u64,
    },
    /// A newer version of the program has written it.
    #[error("the store has format {found}, and this program reads formats up to {FORMAT}: use a newer version of it")]
    Format {
        /// The format of the store.
        found: u64,
    },
    /// Another process has it open.
    #[error("the store is in use by another process: a server is running on it")]
    InUse,
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The store in a directory of this machine. See the module's documentation.
pub struct SledStore {
    /// Closed with the store, so that the files are free even while somebody still holds the store.
    handle: Arc<Handle>,
    freshness: (Arc<Freshness>, u64),
    /// Taken only when the store is dropped, which ends the writer.
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<thread::JoinHandle<()>>,
    metrics: Arc<StoreMetrics>,
    changes: Arc<Notify>,
}

impl SledStore {
    /// Opens the store in a directory, or creates one there. Blocks while sled reads what was written since the last
    /// opening: usually milliseconds, at most a few seconds (see [`Reopen`]).
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Self::open_with(path, clock, Options::default())
    }

    /// Like [`Self::open`], with options.
    pub fn open_with(path: &Path, clock: Arc<dyn Clock>, options: Options) -> Result<Self, OpenError> {
        let made = options.cache / 4;
        let tree = Arc::new(Tree::open_accepting(path, options.cache - made, options.accept_loss)?);
        let found = tree.get(&key::format())?.map_or(Ok(0), |bytes| value::number(&bytes))?;
        if found > FORMAT {
            return Err(OpenError::Format { found });
        }
        if found < FORMAT {
            let mut batch = Batch::default();
            batch.put(key::format(), FORMAT.to_be_bytes().to_vec());
            tree.apply(batch)?;
            tree.flush()?;
        }
        let metrics = Arc::<StoreMetrics>::default();
        let handle = Arc::new(Handle::new(Arc::clone(&tree)));
        let freshness = (Arc::clone(&tree.freshness), made);
        let (jobs, writer) = writer::start(tree, Arc::clone(&handle), options.reopen, clock, Arc::clone(&metrics))?;
        Ok(Self { handle, freshness, jobs: Some(jobs), writer: Some(writer), metrics, changes: Arc::default() })
    }

    /// Reads on this thread if it takes few steps, otherwise on a thread that may block.
    async fn read<T: Send + 'static>(
        &self,
        steps: usize,
        work: impl FnOnce(&Tree) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if steps <= INLINE {
            return self.handle.read(work).await;
        }
        let tree = self.handle.tree().await?;
        tokio::task::spawn_blocking(move || work(&tree)).await.map_err(unavailable)?
    }

    /// Reads what is durable: of what is applied, a crash may still take something back. Reads again when
    /// that has happened.
    async fn read_durable<T: Send + 'static>(
        &self,
        steps: usize,
        work: impl Fn(&Tree) -> Result<T, StoreError> + Clone + Send + 'static,
    ) -> Result<T, StoreError> {
        loop {
            let work = work.clone();
            let (found, last) = self.read(steps, move |tree| Ok((work(tree)?, tree.last_batch()?))).await?;
            let soon = Instant::now() + SOON;
            loop {
                match self.handle.read(|tree| Ok(tree.fate(last))).await? {
                    Fate::Durable => return Ok(found),
                    Fate::Gone => break,
                    Fate::Open if Instant::now() < soon => tokio::time::sleep(MOMENT).await,
                    // Nobody waits for the disk: a sweep is made durable with the next commit only.
                    Fate::Open => self.task(Writer::flush).await?,
                }
            }
        }
    }

    async fn send<T>(&self, job: Job, answer: oneshot::Receiver<Result<T, StoreError>>) -> Result<T, StoreError> {
        let jobs = self.jobs.as_ref().ok_or_else(|| self.handle.reason())?;
        jobs.send(job).await.map_err(|_| self.handle.reason())?;
        answer.await.map_err(|_| self.handle.reason())?
    }

    /// Has the writer run a task between commits.
    async fn task<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, answer) = oneshot::channel();
        let task = move |writer: &mut Writer| {
            let _ = sender.send(work(writer));
        };
        self.send(Job::Task(Box::new(task)), answer).await
    }

    /// Repeats a step of a removal until nothing is left, with commits in between; returns how many items were
    /// removed.
    async fn remove(
        &self,
        step: impl Fn(&Tree, &mut Sweeps) -> Result<Removal, StoreError> + Copy + Send + 'static,
    ) -> Result<u64, StoreError> {
        let mut all = 0;
        loop {
            let (gone, done) = self.task(move |writer| writer.remove(step)).await?;
            all += gone;
            if done {
                return Ok(all);
            }
        }
    }
}

impl Drop for SledStore {
    /// Waits until the writer has done what is queued and closed the files.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take()
            && writer.thread().id() != thread::current().id()
        {
            let _ = writer.join();
        }
    }
}

#[async_trait]
impl Store for SledStore {
    fn metrics(&self) -> Arc<StoreMetrics> {
        Arc::clone(&self.metrics)
    }

    fn freshness(&self) -> Option<(Arc<Freshness>, u64)> {
        Some(self.freshness.clone())
    }

    async fn get(&self, key: &ResourceKey) -> Result<Option<Record>, StoreError> {
        self.handle.read(|tree| read::get(tree, key)).await
    }

    async fn lookup(&self, key: &IndexKey) -> Result<Option<ResourceId>, StoreError> {
        self.handle.read(|tree| read::lookup(tree, key)).await
    }

    async fn resources(
        &self,
        tenant: TenantId,
        resource_type: &TypeName,
        from: Start,
        limit: usize,
    ) -> Result<Page<(ResourceId, Record)>, StoreError> {
        let steps = match from {
            Start::Offset(offset) => limit.saturating_add(usize::try_from(offset).unwrap_or(usize::MAX)),
            Start::After(_) | Start::Before(_) => limit,
        };
        let resource_type = resource_type.clone();
        self.read(steps, move |tree| read::resources(tree, tenant, &resource_type, from, limit)).await
    }

    async fn count(&self, tenant: TenantId, resource_type: &TypeName) -> Result<u64, StoreError> {
        self.handle.read(|tree| read::count(tree, tenant, resource_type)).await
    }

    async fn index(
        &self,
        range: &IndexRange,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        let (range, after) = (range.clone(), after.cloned());
        self.read(limit, move |tree| read::index(tree, &range, after.as_ref(), limit)).await
    }

    async fn indexed(
        &self,
        range: &IndexRange,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page<(Position, Option<Record>)>, StoreError> {
        let (range, after) = (range.clone(), after.cloned());
        self.read(limit, move |tree| read::indexed(tree, &range, after.as_ref(), limit)).await
    }

    async fn index_count(&self, range: &IndexRange, limit: u64) -> Result<u64, StoreError> {
        let range = range.clone();
        let steps = usize::try_from(limit).unwrap_or(usize::MAX);
        self.read(steps, move |tree| read::index_count(tree, &range, limit)).await
    }

    async fn index_at(&self, range: &IndexRange, offset: u64) -> Result<Option<Position>, StoreError> {
        let range = range.clone();
        // What is not counted yet is counted first.
        self.read(usize::MAX, move |tree| read::index_at(tree, &range, offset)).await
    }

    async fn members(
        &self,
        group: &ResourceKey,
        after: Option<ResourceId>,
        limit: usize,
        names: bool,
    ) -> Result<Page<Reference>, StoreError> {
        let group = group.clone();
        self.read(limit, move |tree| read::members(tree, &group, after, limit, names)).await
    }

    async fn is_member(&self, group: &ResourceKey, member: ResourceId) -> Result<bool, StoreError> {
        self.handle.read(|tree| read::is_member(tree, group, member)).await
    }

    async fn groups_of(&self, tenant: TenantId, members: &[ResourceId]) -> Result<Vec<Vec<Reference>>, StoreError> {
        let quick = if members.len() > INLINE {
            None
        } else {
            self.handle.read(|tree| read::groups_of(tree, tenant, members, MEMBERSHIPS)).await?
        };
        if let Some(groups) = quick {
            return Ok(groups);
        }
        let members = members.to_vec();
        let groups = self.read(usize::MAX, move |tree| read::groups_of(tree, tenant, &members, usize::MAX)).await?;
        Ok(groups.unwrap_or_default())
    }

    async fn memberships(&self, tenant: TenantId, members: &[ResourceId]) -> Result<Vec<Memberships>, StoreError> {
        let members = members.to_vec();
        self.read(members.len(), move |tree| read::memberships(tree, tenant, &members)).await
    }

    async fn log(&self, tenant: TenantId) -> Result<Log, StoreError> {
        self.read_durable(1, move |tree| read::log(tree, tenant)).await
    }

    fn changes(&self) -> Arc<Notify> {
        Arc::clone(&self.changes)
    }

    async fn events(&self, tenant: TenantId, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.read_durable(limit, move |tree| read::events(tree, tenant, after, limit)).await
    }

    async fn events_about(
        &self,
        tenant: TenantId,
        resource: ResourceId,
        after: u64,
        until: u64,
    ) -> Result<EventsAbout, StoreError> {
        let limit = usize::try_from(until.saturating_sub(after)).unwrap_or(usize::MAX);
        self.read_durable(limit, move |tree| read::events_about(tree, tenant, resource, after, until)).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let (sender, answer) = oneshot::channel();
        let committed = self.send(Job::Commit(Box::new(mark::marked(commit)), sender), answer).await?;
        self.changes.notify_waiters();
        Ok(committed)
    }

    async fn erase(&self, tenant: TenantId) -> Result<u64, StoreError> {
        self.remove(move |tree, sweeps| sweep::tenant(tree, sweeps, tenant)).await
    }

    async fn is_erased(&self, tenant: TenantId) -> Result<bool, StoreError> {
        self.handle.read(|tree| tree.contains(&key::erased(tenant))).await
    }

    async fn export(&self, tenant: Option<TenantId>, sink: Sink<Item>) -> Result<(), StoreError> {
        self.task(move |writer| transfer::export(writer.tree(), tenant, sink)).await
    }

    async fn load(&self, items: Vec<Item>) -> Result<(), StoreError> {
        for some in transfer::portions(items) {
            self.task(move |writer| writer.load(&some)).await?;
        }
        self.task(Writer::flush).await
    }

    async fn check(&self, entries: EntriesOf, repair: bool, sink: Sink<Finding>) -> Result<(), StoreError> {
        self.task(move |writer| check::run(writer, entries, repair, sink)).await
    }

    async fn forget_events(&self, before: Timestamp) -> Result<u64, StoreError> {
        let tenants = self.read(usize::MAX, read::tenants).await?;
        let mut gone = 0;
        for tenant in tenants {
            gone += self.remove(move |tree, _| sweep::events(tree, tenant, before)).await?;
        }
        Ok(gone)
    }

    async fn close(&self) -> Result<(), StoreError> {
        let (sender, answer) = oneshot::channel();
        self.handle.close();
        self.send(Job::Close(sender), answer).await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::{tree::Habit, *};
    use crate::{
        clock::ManualClock,
        store::contract::{Open, commit, contract, put, user},
    };

    fn place() -> Open {
        let directory = tempfile::tempdir().unwrap();
        Box::new(move |clock| {
            let store: Arc<dyn Store> = Arc::new(SledStore::open(directory.path(), clock).unwrap());
            std::future::ready(store).boxed()
        })
    }

    contract!(place);

    /// The same promises of a store that is reopened again and again.
    mod renewed {
        use std::time::Duration;

        use super::*;

        fn place() -> Open {
            let directory = tempfile::tempdir().unwrap();
            let reopen = Reopen { after: 4000, bound: 8000, quiet: Duration::ZERO };
            Box::new(move |clock| {
                let options = Options { cache: 1 << 20, reopen, ..Options::default() };
                let store: Arc<dyn Store> = Arc::new(SledStore::open_with(directory.path(), clock, options).unwrap());
                std::future::ready(store).boxed()
            })
        }

        contract!(place);
    }

    #[tokio::test]
    async fn one_process_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let open = || SledStore::open(directory.path(), Arc::new(ManualClock::default()));
        let store = open().unwrap();
        assert!(matches!(open(), Err(OpenError::InUse)));
        store.close().await.unwrap();
        open().unwrap();
    }

    #[tokio::test]
    async fn after_a_failed_flush_it_is_opened_again_and_takes_writes() {
        let directory = tempfile::tempdir().unwrap();
        let store = SledStore::open(directory.path(), Arc::new(ManualClock::default())).unwrap();
        let write = |number| store.commit(commit(&user(number), [put(&user(number))]));
        write(1).await.unwrap();
        store.handle.tree().await.unwrap().disk.set(Habit::Fails);
        assert!(matches!(write(2).await, Err(StoreError::Unavailable(_))));
        // The writer reopens it, and knows again what is on the disk.
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while let Err(error) = write(3).await {
            assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
            assert!(std::time::Instant::now() < patience, "it never takes writes again");
            tokio::task::yield_now().await;
        }
        assert_eq!(store.metrics.refusing.get(), 0);
        drop(store);
        let store = SledStore::open(directory.path(), Arc::new(ManualClock::default())).unwrap();
        for number in [1, 3] {
            assert!(store.get(&user(number)).await.unwrap().is_some());
        }
    }

    #[tokio::test]
    async fn an_older_format_is_taken_on_and_a_newer_one_refused() {
        let directory = tempfile::tempdir().unwrap();
        let open = || SledStore::open(directory.path(), Arc::new(ManualClock::default()));
        let stamp = |format: u64| {
            let tree = Tree::open(directory.path(), Options::default().cache).unwrap();
            let mut batch = Batch::default();
            batch.put(key::format(), format.to_be_bytes().to_vec());
            tree.apply(batch).unwrap();
            tree.flush().unwrap();
        };
        stamp(FORMAT - 1);
        let store = open().unwrap();
        assert_eq!(store.handle.tree().await.unwrap().get(&key::format()).unwrap().unwrap(), FORMAT.to_be_bytes());
        drop(store);
        stamp(FORMAT + 1);
        assert!(matches!(open(), Err(OpenError::Format { found }) if found == FORMAT + 1));
    }
}
