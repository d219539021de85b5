//! The only four things that are asked of sled: get, scan, apply a batch, flush.
//!
//! sled 0.34 applies a batch to one tree atomically, for readers and across a crash. Its `flush`
//! hands the log to the device with `sync_file_range` on Linux, which survives the end of the process
//! but promises nothing when the power fails, and pages too large for the log are files that it does
//! not sync at all; so both are synced once more here, for the price of one `fdatasync` for each
//! group of commits.

#[cfg(test)]
mod disk;
mod unfinished;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use sled::{IVec, Mode};

#[cfg(test)]
pub(super) use self::disk::Habit;
use super::{OpenError, backlog::Changes, key::Range};
use crate::store::StoreError;

/// How large a piece of the log is, in bytes. A page larger than a quarter of it becomes a file of its
/// own, which is slow; a page holds up to sixteen resources.
const SEGMENT: usize = 4 << 20;

/// Where sled has its log, in the directory of the tree.
const FILE: &str = "db";

/// How long an opening waits for the one before to let go of the lock: sled's own threads hold it for
/// a moment after the last handle is dropped, and a restarted server overlaps with its predecessor.
const PATIENCE: Duration = Duration::from_millis(500);
/// The same for who has just closed the tree: the lock will be free, and giving up is worse than waiting.
const HANDOVER: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(2);

/// A batch of changes that are made together.
#[derive(Default)]
pub(super) struct Batch {
    inner: sled::Batch,
    len: usize,
    bytes: u64,
}

impl Batch {
    pub fn put(&mut self, key: impl Into<IVec>, value: impl Into<IVec>) {
        let (key, value) = (key.into(), value.into());
        self.bytes += (key.len() + value.len()) as u64;
        self.inner.insert(key, value);
        self.len += 1;
    }

    pub fn remove(&mut self, key: impl Into<IVec>) {
        self.inner.remove(key);
        self.len += 1;
    }

    pub fn len(&self) -> usize {
        self.len
    }
}

impl From<&Changes> for Batch {
    fn from(changes: &Changes) -> Self {
        let mut batch = Self::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.put(key.as_slice(), value.clone()),
                None => batch.remove(key.as_slice()),
            }
        }
        batch
    }
}

/// An open tree.
pub(super) struct Tree {
    db: sled::Db,
    file: File,
    /// Where sled puts pages that are too large for its log.
    blobs: PathBuf,
    /// The newest of them that is durable; they are named by rising numbers.
    synced: AtomicI64,
    /// How many bytes of keys and values were written since it was opened.
    written: AtomicU64,
    path: PathBuf,
    cache: u64,
    /// How the disk behaves.
    #[cfg(test)]
    pub disk: disk::Disk,
}

impl Tree {
    /// Opens or makes the tree in a directory. `cache` is in bytes.
    pub fn open(path: &Path, cache: u64) -> Result<Self, OpenError> {
        Self::open_within(path, cache, PATIENCE)
    }

    fn open_within(path: &Path, cache: u64, mut patience: Duration) -> Result<Self, OpenError> {
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(cache)
            .mode(Mode::HighThroughput)
            .segment_size(SEGMENT)
            // Every commit is flushed before it is acknowledged, so there is nothing left for a timer.
            .flush_every_ms(None);
        let db = loop {
            unfinished::remove(path).map_err(unavailable)?;
            match config.open() {
                Ok(db) => break db,
                // sled names a held lock in no other way.
                Err(sled::Error::Io(io)) if io.to_string().starts_with("could not acquire lock") => {
                    patience = patience.checked_sub(PAUSE).ok_or(OpenError::InUse)?;
                    thread::sleep(PAUSE);
                }
                Err(error) => return Err(OpenError::Store(failure(error))),
            }
        };
        let file = File::open(path.join(FILE)).map_err(unavailable)?;
        // The names of the files must be as durable as what is in them.
        sync_directory(path).map_err(unavailable)?;
        Ok(Self {
            db,
            file,
            blobs: path.join("blobs"),
            synced: AtomicI64::new(i64::MIN),
            written: AtomicU64::new(0),
            path: path.to_owned(),
            cache,
            #[cfg(test)]
            disk: disk::Disk::default(),
        })
    }

    pub fn get(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        self.db.get(key).map_err(failure)
    }

    pub fn contains(&self, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.get(key)?.is_some())
    }

    /// The keys of a run with their values, in order, from either end. It is not a snapshot: what is
    /// written meanwhile may or may not be seen.
    pub fn scan(&self, range: Range) -> impl DoubleEndedIterator<Item = Result<(IVec, IVec), StoreError>> + use<> {
        // An empty run must not begin behind its end.
        let end = range.end.max(range.start.clone());
        self.db.range(range.start..end).map(|item| item.map_err(failure))
    }

    pub fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        self.written.fetch_add(batch.bytes, Ordering::Relaxed);
        self.db.apply_batch(batch.inner).map_err(failure)
    }

    /// How many bytes of keys and values were written since it was opened.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// How to open it once more, when it is closed.
    pub fn again(&self) -> Again {
        Again { path: self.path.clone(), cache: self.cache }
    }

    /// Makes everything durable that was applied.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.hand_over()?;
        self.sync()
    }

    /// Hands what was applied to the operating system. sled applies nothing meanwhile.
    pub fn hand_over(&self) -> Result<(), StoreError> {
        self.db.flush().map(drop).map_err(failure)
    }

    /// Makes durable what was handed over.
    pub fn sync(&self) -> Result<(), StoreError> {
        #[cfg(test)]
        self.disk.sync()?;
        self.sync_blobs().and_then(|()| self.file.sync_data()).map_err(unavailable)
    }

    fn sync_blobs(&self) -> io::Result<()> {
        let before = self.synced.load(Ordering::Relaxed);
        let mut newest = before;
        for entry in fs::read_dir(&self.blobs)? {
            let name = entry?.file_name();
            let Some(number) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            if number > before {
                match File::open(self.blobs.join(name)) {
                    Ok(blob) => blob.sync_all()?,
                    // Already replaced by a newer page, and removed.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
                newest = newest.max(number);
            }
        }
        if newest > before {
            sync_directory(&self.blobs)?;
            self.synced.store(newest, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Opens a tree once more.
///
/// sled remembers where everything is as of its last opening, and reads all of the log since then
/// when it is opened again. That is better done by who stops, or has a quiet moment, than by who
/// starts.
pub(super) struct Again {
    path: PathBuf,
    cache: u64,
}

impl Again {
    /// Waits until the last handle of the closed tree is gone. Never makes an empty tree where one
    /// was before.
    pub fn open(self) -> Result<Tree, OpenError> {
        let file = self.path.join(FILE);
        match file.try_exists() {
            Ok(true) => Tree::open_within(&self.path, self.cache, HANDOVER),
            Ok(false) => Err(OpenError::Store(unavailable(format!("{} is gone", file.display())))),
            Err(error) => Err(OpenError::Store(unavailable(format!("{} cannot be found: {error}", file.display())))),
        }
    }
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Elsewhere a directory cannot be opened, and its entries are the file system's own care.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

fn failure(error: sled::Error) -> StoreError {
    match error {
        sled::Error::Corruption { at, .. } => StoreError::Corrupt(format!("sled found damage at {at:?}")),
        sled::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => StoreError::Corrupt(error.to_string()),
        // As what it is: whoever starts the program is told what to do about it.
        sled::Error::Io(error) => unavailable(error),
        error => unavailable(error),
    }
}

pub(super) fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Unavailable(cause.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_for_the_log_is_kept_too() {
        let directory = tempfile::tempdir().unwrap();
        let large = vec![7; 2 * SEGMENT];
        let tree = Tree::open(directory.path(), 1 << 20).unwrap();
        let mut batch = Batch::default();
        batch.put(b"large".to_vec(), large.clone());
        tree.apply(batch).unwrap();
        tree.flush().unwrap();
        assert!(tree.synced.load(Ordering::Relaxed) > i64::MIN);
        drop(tree);
        let tree = Tree::open(directory.path(), 1 << 20).unwrap();
        assert_eq!(tree.get(b"large").unwrap().unwrap(), large);
    }

    #[test]
    fn a_tree_is_opened_again_where_it_was_and_nowhere_else() {
        let directory = tempfile::tempdir().unwrap();
        let tree = Tree::open(directory.path(), 1 << 20).unwrap();
        let mut batch = Batch::default();
        batch.put(b"key".to_vec(), vec![7; 1000]);
        assert_eq!(batch.bytes, 1003);
        tree.apply(batch).unwrap();
        tree.flush().unwrap();
        assert_eq!(tree.written(), 1003);
        let again = tree.again();
        drop(tree);
        let tree = again.open().unwrap();
        assert_eq!(tree.written(), 0);
        assert_eq!(tree.get(b"key").unwrap().unwrap(), vec![7; 1000]);
        let again = tree.again();
        drop(tree);
        fs::remove_file(directory.path().join(FILE)).unwrap();
        assert!(matches!(again.open(), Err(OpenError::Store(StoreError::Unavailable(_)))));
        assert!(!directory.path().join(FILE).exists());
    }
}
