//! The only four functions of sled that the store uses: get, scan, apply a batch, flush.
//!
//! sled 0.34 applies a batch to one tree atomically, for readers and across a crash. Its `flush`
//! hands the log to the device with `sync_file_range` on Linux, which survives the end of the process
//! but not a power failure, and it does not sync pages that are too large for the log and have files of
//! their own. So both are synced once more here: one `fdatasync` for each group of commits.

mod batch;
#[cfg(test)]
mod disk;
mod files;
mod journal;
mod later;
mod recovery;
mod redo;
mod scan;
mod trust;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use sled::{IVec, Mode};

#[cfg(test)]
pub(super) use self::disk::Habit;
pub use self::journal::Damage;
pub(super) use self::{
    batch::{Batch, KeyChanges},
    scan::guarded,
};
use self::{journal::Journal, later::Newer, scan::GuardedScan};
use super::{
    OpenError,
    key::{self, Range},
    rank::{Keys, Ranks},
    value::number,
};
use crate::{
    durable,
    store::{Freshness, StoreError},
};

/// How large a piece of the log is, in bytes. A page larger than a quarter of it becomes a file of its
/// own, which is slow; a page holds up to sixteen resources.
const SEGMENT: usize = 4 << 20;

/// The name of sled's log, in the directory of the tree.
const FILE: &str = "db";

/// How long an opening waits for the lock of the one before: sled's own threads hold it for a moment after the
/// last handle is dropped, and a restarted server overlaps with its predecessor.
const PATIENCE: Duration = Duration::from_millis(500);
/// The same for a writer that has just closed the tree: the lock will become free, so waiting is better than failing.
const HANDOVER: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(2);

/// A batch with at least this many keys is applied in pieces ([`redo`]).
const LARGE: usize = 2048;

/// How many descriptors are held in reserve for when the process has no other left.
const SPARE: usize = 4;
/// The free disk space, in bytes, that the writer requires before it reopens a store that could not write.
const ROOM: usize = 2 * SEGMENT;

/// An open tree.
pub(super) struct Tree {
    db: sled::Db,
    file: File,
    /// The directory in which sled stores pages that are too large for its log.
    blobs: PathBuf,
    /// The newest of them that is durable; they are named by rising numbers.
    synced: AtomicI64,
    /// How many bytes of keys and values were written since it was opened.
    written: AtomicU64,
    /// What was intended, and what is durable.
    journal: Journal,
    /// The batch at which it was opened, and the keys since then while it is compared with what was before.
    opened_at: u64,
    newer: Newer,
    /// The number of the batch that was applied last, of the one that was handed over last, and of the one
    /// that was durable last. Batches are numbered without a gap.
    applied: AtomicU64,
    handed: AtomicU64,
    durable: AtomicU64,
    /// The number of the batch that is written down because it is large; 0 is none.
    redo: AtomicU64,
    /// Closed when the process has no descriptors left, so that what was applied can be made durable.
    spare: Mutex<Vec<File>>,
    path: PathBuf,
    cache: u64,
    /// How many keys stand before which.
    pub ranks: Arc<Ranks>,
    /// Which resources change.
    pub freshness: Arc<Freshness>,
    /// How the disk behaves.
    #[cfg(test)]
    pub disk: disk::Disk,
}

/// What has become of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Durable,
    /// The tree does not have it: it was lost, or is being applied at this moment.
    Gone,
    /// It is applied.
    Open,
}

impl Tree {
    #[cfg(test)]
    /// Opens or makes the tree in a directory. `cache` is in bytes.
    pub fn open(path: &Path, cache: u64) -> Result<Self, OpenError> {
        Self::open_within(path, cache, PATIENCE, None, None)
    }

    /// Opens it although acknowledged writes are lost, if its last batch has this number.
    pub fn open_accepting(path: &Path, cache: u64, loss: Option<u64>) -> Result<Self, OpenError> {
        Self::open_within(path, cache, PATIENCE, loss, None)
    }

    /// `closed_at` is the batch at which this process has closed it, if it may be compared later.
    fn open_within(
        path: &Path,
        cache: u64,
        mut patience: Duration,
        loss: Option<u64>,
        closed_at: Option<u64>,
    ) -> Result<Self, OpenError> {
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(cache)
            .mode(Mode::HighThroughput)
            .segment_size(SEGMENT)
            // Every commit is flushed before it is acknowledged, so there is nothing left for a timer.
            .flush_every_ms(None);
        let db = loop {
            recovery::remove(path).map_err(unavailable)?;
            match guarded(|| Ok(config.open()))? {
                Ok(db) => break db,
                // sled reports a held lock only by this text.
                Err(sled::Error::Io(io)) if io.to_string().starts_with("could not acquire lock") => {
                    patience = patience.checked_sub(PAUSE).ok_or(OpenError::InUse)?;
                    thread::sleep(PAUSE);
                }
                Err(error) => return Err(OpenError::Store(failure(error))),
            }
        };
        let file = File::open(path.join(FILE)).map_err(unavailable)?;
        files::make_all_private(path).map_err(unavailable)?;
        // The names of the files must be as durable as what is in them.
        durable::sync_directory(path).map_err(unavailable)?;
        let later = closed_at.map_or(Ok(false), |closed_at| trust::is_as_closed(&db, path, closed_at))?;
        let stands = match closed_at.filter(|_| later) {
            Some(closed_at) => closed_at,
            None => match trust::examine(&db, path, loss) {
                Err(error @ OpenError::Damaged { damage: Damage::Ends { .. }, .. }) => {
                    drop(db);
                    recovery::discard_snapshots(path).map_err(unavailable)?;
                    return Err(error);
                }
                examined => examined?,
            },
        };
        let synced = AtomicI64::new(i64::MIN);
        // The process that wrote it may not have waited for the disk, and from now on other writes depend on it.
        sync_blobs(&path.join("blobs"), &synced).and_then(|()| file.sync_data()).map_err(unavailable)?;
        let journal = if later { Journal::follow(path, stands) } else { Journal::begin(path, stands) };
        let journal = journal.map_err(unavailable)?;
        redo::remove(path).map_err(unavailable)?;
        let tree = Self {
            db,
            file,
            blobs: path.join("blobs"),
            synced,
            written: AtomicU64::new(0),
            journal,
            opened_at: stands,
            newer: if later { Newer::none_yet() } else { Newer::default() },
            applied: AtomicU64::new(stands),
            handed: AtomicU64::new(stands),
            durable: AtomicU64::new(stands),
            redo: AtomicU64::new(0),
            spare: Mutex::default(),
            path: path.to_owned(),
            cache,
            ranks: Arc::default(),
            freshness: Arc::default(),
            #[cfg(test)]
            disk: disk::Disk::default(),
        };
        tree.hold_spare();
        Ok(tree)
    }

    pub fn get(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        guarded(|| self.db.get(key))
    }

    pub fn contains(&self, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.get(key)?.is_some())
    }

    /// The keys of a run with their values, in order, from either end. It is not a snapshot: what is
    /// written meanwhile may or may not be seen.
    pub fn scan(&self, range: Range) -> impl DoubleEndedIterator<Item = Result<(IVec, IVec), StoreError>> + use<> {
        // An empty run must not begin behind its end.
        let end = range.end.max(range.start.clone());
        GuardedScan::new(self.db.range(range.start..end))
    }

    /// Applies a batch. One thread does so at a time. After an error nothing further is applied until the
    /// tree is reopened: nobody knows what is in it.
    pub fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        let Batch { changes, bytes } = batch;
        if changes.is_empty() {
            return Ok(());
        }
        let number = self.applied.load(Ordering::Relaxed) + 1;
        self.journal.intend(number, &changes).map_err(unavailable)?;
        self.newer.note(&changes);
        let keys = changes.iter().map(|(key, value)| (&**key, value.is_some()));
        let resources = changes.iter().flat_map(|(key, _)| key::resources_of(key));
        let write = || {
            if changes.len() > LARGE {
                self.redo.store(number, Ordering::Release);
                redo::write(&self.path, number, &changes).map_err(unavailable)?;
                trust::apply_in_pieces(&self.db, number, &changes)
            } else {
                trust::apply_piece(&self.db, Some(number), &changes)
            }
        };
        self.freshness.change(resources, || self.ranks.keep(self, keys, key::counted_with, write))?;
        self.written.fetch_add(bytes, Ordering::Relaxed);
        self.applied.store(number, Ordering::Release);
        Ok(())
    }

    /// The number of the batch that is the last of what a reader has seen by now.
    pub fn last_batch(&self) -> Result<u64, StoreError> {
        self.get(&key::commit())?.map_or(Ok(0), |bytes| number(&bytes))
    }

    /// The state of the batch with that number.
    pub fn fate(&self, number: u64) -> Fate {
        if number <= self.durable.load(Ordering::Acquire) {
            Fate::Durable
        } else if number > self.applied.load(Ordering::Acquire) {
            Fate::Gone
        } else {
            Fate::Open
        }
    }

    /// How many bytes of keys and values were written since it was opened.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// How to reopen it, when it is closed.
    pub fn again(&self) -> Again {
        Again {
            path: self.path.clone(),
            cache: self.cache,
            applied: self.applied.load(Ordering::Acquire),
            ranks: Arc::clone(&self.ranks),
            freshness: Arc::clone(&self.freshness),
        }
    }

    /// Makes everything durable that was applied.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.hand_over()?;
        self.sync()
    }

    /// Writes what was applied to the operating system. sled applies nothing meanwhile.
    pub fn hand_over(&self) -> Result<(), StoreError> {
        let applied = self.applied.load(Ordering::Acquire);
        guarded(|| self.db.flush())?;
        self.handed.fetch_max(applied, Ordering::AcqRel);
        Ok(())
    }

    /// Makes durable what was handed over.
    pub fn sync(&self) -> Result<(), StoreError> {
        let handed = self.handed.load(Ordering::Acquire);
        #[cfg(test)]
        self.disk.sync()?;
        let blobs = self.sparing(|| sync_blobs(&self.blobs, &self.synced));
        blobs.and_then(|()| self.file.sync_data()).map_err(unavailable)?;
        if self.durable.swap(handed, Ordering::AcqRel) != handed {
            self.journal.durable(handed).map_err(unavailable)?;
        }
        let redo = self.redo.load(Ordering::Acquire);
        if redo != 0 && redo <= handed && redo::remove(&self.path).is_ok() {
            // Another large batch may have been written meanwhile.
            let _ = self.redo.compare_exchange(redo, 0, Ordering::AcqRel, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Whether everything that was acknowledged since it was opened is in it. Nothing is written meanwhile.
    pub fn verify(&self) -> Result<Option<Damage>, StoreError> {
        let _journals = self.newer.lock();
        match journal::verify(&self.path, Some(self.applied.load(Ordering::Acquire)), |key| self.get(key)) {
            Ok(()) => Ok(None),
            Err(journal::Fault::Damage(damage)) => Ok(Some(damage)),
            Err(journal::Fault::Store(error)) => Err(error),
        }
    }

    /// Acknowledges a batch that does not exist.
    #[cfg(test)]
    pub fn intend_nothing(&self) {
        self.journal.durable(self.applied.load(Ordering::Acquire) + 1).unwrap();
    }

    /// Whether there are enough disk space and descriptors for an opening.
    pub fn could_be_opened(&self) -> io::Result<()> {
        let probe = self.path.join("probe");
        let outcome = files::create(&probe).and_then(|mut file| {
            io::Write::write_all(&mut file, &vec![0; ROOM])?;
            file.sync_all()
        });
        files::remove(&probe)?;
        outcome?;
        let files: io::Result<Vec<File>> = (0..2 * SPARE).map(|_| self.file.try_clone()).collect();
        files.map(drop)
    }

    /// Repeats something with the reserved descriptors, if the process had none left.
    fn sparing<T>(&self, work: impl Fn() -> io::Result<T>) -> io::Result<T> {
        match work() {
            Err(error) if is_out_of_descriptors(&error) => {
                self.spare.lock().unwrap_or_else(PoisonError::into_inner).clear();
                let outcome = work();
                self.hold_spare();
                outcome
            }
            outcome => outcome,
        }
    }

    fn hold_spare(&self) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        // If one cannot be opened now, the next call tries again.
        let missing = SPARE.saturating_sub(spare.len());
        spare.extend((0..missing).map_while(|_| self.file.try_clone().ok()));
    }
}

impl Keys for Tree {
    type Error = StoreError;

    fn keys(&self, from: &[u8], to: &[u8], most: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let range = Range { start: from.to_vec(), end: to.to_vec() };
        self.scan(range).take(most).map(|item| Ok(item?.0.to_vec())).collect()
    }

    fn count(&self, from: &[u8], to: &[u8], most: usize) -> Result<u64, StoreError> {
        let range = Range { start: from.to_vec(), end: to.to_vec() };
        self.scan(range).take(most).try_fold(0, |count, item| item.map(|_| count + 1))
    }

    fn nth(&self, from: &[u8], to: &[u8], place: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let range = Range { start: from.to_vec(), end: to.to_vec() };
        let mut keys = self.scan(range);
        // Damage on the way is told, and not passed over.
        for _ in 0..place {
            let Some(passed) = keys.next() else { return Ok(None) };
            passed?;
        }
        keys.next().map(|item| Ok(item?.0.to_vec())).transpose()
    }

    fn contains(&self, key: &[u8]) -> Result<bool, StoreError> {
        Tree::contains(self, key)
    }
}

/// The process has as many files open as it may, or the machine has. The standard library has no name for
/// either.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    cfg!(unix) && matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}

/// Makes the pages durable that are files of their own and newer than `synced`.
fn sync_blobs(blobs: &Path, synced: &AtomicI64) -> io::Result<()> {
    let before = synced.load(Ordering::Relaxed);
    let mut newest = before;
    for entry in fs::read_dir(blobs)? {
        let name = entry?.file_name();
        let Some(number) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        if number > before {
            match File::open(blobs.join(name)) {
                Ok(blob) => files::make_private(&blob).and_then(|()| blob.sync_all())?,
                // Already replaced by a newer page, and removed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            newest = newest.max(number);
        }
    }
    if newest > before {
        durable::sync_directory(blobs)?;
        synced.store(newest, Ordering::Relaxed);
    }
    Ok(())
}

/// How to reopen a tree.
///
/// sled remembers where everything is as of its last opening, and reads all of the log since then
/// when it is reopened. It is better to do that when the server stops, or in a quiet moment, than at a start.
pub(super) struct Again {
    path: PathBuf,
    cache: u64,
    /// The last batch, and what was counted after it.
    applied: u64,
    ranks: Arc<Ranks>,
    freshness: Arc<Freshness>,
}

impl Again {
    /// Waits until the last handle of the closed tree is dropped. Never creates an empty tree if there was one
    /// before. With `later` it may be used before it is compared with what was acknowledged: see
    /// [`Tree::catch_up`].
    pub fn open(&self, later: bool) -> Result<Tree, OpenError> {
        let file = self.path.join(FILE);
        match file.try_exists() {
            Ok(true) => {
                let tree = Tree::open_within(&self.path, self.cache, HANDOVER, None, later.then_some(self.applied))?;
                // After a write that failed it may stand at an earlier batch.
                let is_same = tree.applied.load(Ordering::Acquire) == self.applied;
                let freshness = Arc::clone(&self.freshness);
                if is_same {
                    return Ok(Tree { ranks: Arc::clone(&self.ranks), freshness, ..tree });
                }
                freshness.renew();
                Ok(Tree { freshness, ..tree })
            }
            Ok(false) => Err(OpenError::Store(unavailable(format!("{} is gone", file.display())))),
            Err(error) => Err(OpenError::Store(unavailable(format!("{} cannot be found: {error}", file.display())))),
        }
    }
}

fn failure(error: sled::Error) -> StoreError {
    use io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
    match error {
        sled::Error::Corruption { .. } => StoreError::Corrupt(format!("sled cannot read its files; {RESTORE}")),
        sled::Error::Io(error) => match original(error) {
            error if matches!(error.kind(), InvalidData | NotFound | UnexpectedEof) => {
                StoreError::Corrupt(format!("a part of it is missing: {error}; {RESTORE}"))
            }
            // Kept as it is: whoever tells it adds what to do about it.
            error => unavailable(error),
        },
        error => unavailable(error),
    }
}

/// What to do about files that are damaged.
const RESTORE: &str =
    "look at the disk, and restore a backup into another directory with `scim-server restore FILE --data DIR`";

/// The error of the operating system. sled passes on copies, whose text is how such an error is shown to programmers.
fn original(error: io::Error) -> io::Error {
    let text = error.to_string();
    let code = text.strip_prefix("Os { code: ").and_then(|rest| rest.split(',').next()?.parse().ok());
    code.map_or(error, io::Error::from_raw_os_error)
}

pub(super) fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Unavailable(cause.into())
}

#[cfg(test)]
mod tests;
