//! A record of acknowledged batches outside of sled's log, which shows if that log has lost something.
//!
//! If sled 0.34 cannot read a record of its log, it assumes that a crash has cut the log there, or skips to the next
//! segment. That is right after a crash, but it also hides a record that was damaged later. So each batch has a
//! number, which the tree contains too, and three kinds of records are appended to this file:
//!
//! - that it *begins*, when the tree was opened and found to be whole;
//! - before a batch is applied, what it *intends*: its number, its keys, and a checksum of each value;
//! - when it is on the disk, and before the commits are answered, that it is *durable*.
//!
//! When the tree is reopened, it has to stand at the last number that was durable, or later, and each
//! key in what was intended up to there has to have the value that it was given last. Then the file begins
//! anew. Everything older was verified when it began, is out of the reach of sled's
//! recovery, and has checksums that sled looks at when it reads.
//!
//! A tree that is compared while it is already used ([`super::later`]) has two of these files: `journal.before` is
//! the one before it was reopened. Both are read as one, the older one first.
//!
//! The file is written to the operating system with each group, and to the disk once a second, when it
//! begins and when the tree is closed. After a power failure it may thus end early. The data does not, since
//! that was waited for; but what the batches that it does not know have changed cannot be compared. So an end
//! that is missing is no damage, and a record that is there and wrong is.
//!
//! A record is its length (4 bytes), a CRC-32 of what follows (4), its kind (1), a number (8), and keys.

use std::{
    collections::HashMap,
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, BufReader, Read, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use sled::IVec;

use super::{files, unavailable};
use crate::{durable, store::StoreError};

const FILE: &str = "journal";
const BEFORE: &str = "journal.before";

const BEGINS: u8 = 1;
const INTENDS: u8 = 2;
const DURABLE: u8 = 3;

/// Length and checksum.
const HEAD: usize = 8;
/// Kind and number.
const FRONT: usize = 9;

/// How many keys are compared in one go, about: some megabytes of them.
const RUN: usize = 1 << 16;

/// How often the disk is asked to keep it.
const SYNC: Duration = Duration::from_secs(1);

/// Why a store cannot be trusted to have everything that was acknowledged.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Damage {
    /// Batches at the end are missing.
    #[error("its log ends at commit {stands}, and commit {acknowledged} was acknowledged")]
    Ends {
        /// The last one that is there.
        stands: u64,
        /// The last one that was acknowledged.
        acknowledged: u64,
    },
    /// Something in between is missing.
    #[error("{count} entries that were written since it was last opened are not as they were acknowledged")]
    Differs { count: u64 },
    /// What was acknowledged is not known.
    #[error("the file `{FILE}`, which says what was acknowledged, is {0}")]
    Journal(&'static str),
    /// A large commit is there in part.
    #[error("a large commit was under way, and the file that it is completed from is damaged")]
    Redo,
}

/// Why it was not verified.
#[derive(Debug)]
pub(super) enum Fault {
    Damage(Damage),
    Store(StoreError),
}

impl From<Damage> for Fault {
    fn from(damage: Damage) -> Self {
        Self::Damage(damage)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Store(unavailable(error))
    }
}

/// The file, open for what is written next.
pub(super) struct Journal {
    /// With the moment when the disk was last asked to keep it.
    file: Mutex<(File, Instant)>,
}

impl Journal {
    /// Begins a new journal in the directory of a tree that stands at that batch and was compared. The old one is
    /// there until this one is durable.
    pub fn begin(directory: &Path, stands: u64) -> io::Result<Self> {
        forget(directory)?;
        Self::replace(directory, stands)
    }

    /// Begins a new journal for a tree that stands at that batch and is compared with the old one later.
    pub fn follow(directory: &Path, stands: u64) -> io::Result<Self> {
        fs::rename(place(directory), directory.join(BEFORE))?;
        Self::replace(directory, stands)
    }

    fn replace(directory: &Path, stands: u64) -> io::Result<Self> {
        let fresh = directory.join("journal.new");
        let mut file = files::create(&fresh)?;
        file.write_all(&record(BEGINS, stands, &[]))?;
        file.sync_all()?;
        durable::rename(&fresh, &place(directory))?;
        Ok(Self { file: Mutex::new((file, Instant::now())) })
    }

    /// Says what a batch will change.
    pub fn intend(&self, number: u64, changes: &[(IVec, Option<IVec>)]) -> io::Result<()> {
        let mut keys = Vec::with_capacity(changes.len() * 96);
        for (key, value) in changes {
            let length = u32::try_from(key.len()).map_err(io::Error::other)?;
            keys.extend_from_slice(&length.to_le_bytes());
            keys.extend_from_slice(key);
            keys.extend_from_slice(&digest(value.as_deref()));
        }
        self.append(&record(INTENDS, number, &keys))
    }

    /// Says that a batch, and all before it, can be acknowledged.
    pub fn durable(&self, number: u64) -> io::Result<()> {
        self.append(&record(DURABLE, number, &[]))?;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.1.elapsed() >= SYNC {
            file.0.sync_data()?;
            file.1 = Instant::now();
        }
        Ok(())
    }

    fn append(&self, record: &[u8]) -> io::Result<()> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).0.write_all(record)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // What it says is true in any case; this is for a power failure after a clean stop.
        let _ = self.file.lock().unwrap_or_else(PoisonError::into_inner).0.sync_data();
    }
}

/// Whether another may follow the journal before the tree was compared with it: it is the only one.
pub(super) fn may_follow(directory: &Path) -> bool {
    place(directory).exists() && !directory.join(BEFORE).exists()
}

/// Removes the journal of before. Done before anything replaces the one after it: without that, the values in it
/// are not the last ones.
pub(super) fn forget(directory: &Path) -> io::Result<()> {
    if directory.join(BEFORE).exists() {
        files::remove(&directory.join(BEFORE))?;
        durable::sync_directory(directory)?;
    }
    Ok(())
}

/// Whether the tree has everything that was acknowledged. `stands` is the number of the last batch in it,
/// `None` of a tree that has never had one.
pub(super) fn verify(
    directory: &Path,
    stands: Option<u64>,
    get: impl Fn(&[u8]) -> Result<Option<IVec>, StoreError>,
) -> Result<(), Fault> {
    let mut files = vec![directory.join(BEFORE), place(directory)];
    files.retain(|file| file.exists());
    if files.is_empty() {
        return if stands.is_none() { Ok(()) } else { Err(Damage::Journal("missing").into()) };
    }
    compare(&files, stands.unwrap_or(0), |key, wanted| Ok(digest(get(key)?.as_deref()) == wanted))
}

/// Whether the tree has everything that was acknowledged before it was reopened, when it stood at that batch.
/// `is_newer` says of a key whether it was written since.
pub(super) fn verify_before(
    directory: &Path,
    stood: u64,
    get: impl Fn(&[u8]) -> Result<Option<IVec>, StoreError>,
    is_newer: impl Fn(&[u8]) -> bool,
) -> Result<(), Fault> {
    compare(&[directory.join(BEFORE)], stood, |key, wanted| Ok(digest(get(key)?.as_deref()) == wanted || is_newer(key)))
}

/// Compares the last value of each key with what it must be.
fn compare(
    files: &[PathBuf],
    stands: u64,
    holds: impl Fn(&[u8], Digest) -> Result<bool, StoreError>,
) -> Result<(), Fault> {
    let Some(newest) = newest(files, stands)? else { return Ok(()) };
    let mut entry = 0_u64;
    let mut count = 0;
    let mut last = Vec::new();
    let mut records = Records::open(files)?;
    while let Some((kind, number, keys)) = records.next()? {
        if kind != INTENDS || number > stands {
            continue;
        }
        for item in Entries(keys) {
            let (key, wanted) = item?;
            if newest.get(&hash(key)) == Some(&entry) {
                last.push((key.to_vec(), wanted));
            }
            entry += 1;
        }
        if last.len() >= RUN {
            count += differing(&mut last, &holds)?;
        }
    }
    count += differing(&mut last, &holds)?;
    if count > 0 { Err(Damage::Differs { count }.into()) } else { Ok(()) }
}

/// How many of these keys do not have the value that they must have. Looked up in their order, since sled reads and
/// decodes a page for each key that is not on the page before; empty afterwards.
fn differing(
    keys: &mut Vec<(Vec<u8>, Digest)>,
    holds: impl Fn(&[u8], Digest) -> Result<bool, StoreError>,
) -> Result<u64, StoreError> {
    keys.sort_unstable();
    let mut count = 0;
    for (key, wanted) in keys.drain(..) {
        count += u64::from(!holds(&key, wanted)?);
    }
    Ok(count)
}

/// Which entry, counted from the first, is the last one of each key up to that batch; `None` when the journal
/// ends before it. An error when a later batch was durable.
fn newest(files: &[PathBuf], stands: u64) -> Result<Option<HashMap<u64, u64>>, Fault> {
    let mut newest = HashMap::new();
    let (mut acknowledged, mut intended, mut entry) = (None, 0, 0);
    let mut records = Records::open(files)?;
    while let Some((kind, number, keys)) = records.next()? {
        match kind {
            BEGINS => {
                // The journal of before ends early: what it says of a key may not be the last.
                if intended.max(acknowledged.unwrap_or(0)) < number {
                    newest.clear();
                }
                acknowledged = Some(number);
            }
            DURABLE => acknowledged = Some(number),
            INTENDS if number <= stands => {
                intended = number;
                for item in Entries(keys) {
                    newest.insert(hash(item?.0), entry);
                    entry += 1;
                }
            }
            INTENDS => intended = number,
            _ => return Err(Damage::Journal("damaged").into()),
        }
    }
    let Some(acknowledged) = acknowledged else { return Err(Damage::Journal("damaged").into()) };
    if acknowledged > stands {
        return Err(Damage::Ends { stands, acknowledged }.into());
    }
    if intended.max(acknowledged) < stands {
        if files.iter().all(|file| file.ends_with(BEFORE)) {
            return Err(Damage::Journal("missing").into());
        }
        tracing::warn!(
            known = intended.max(acknowledged),
            stands,
            "the store's journal ends early, as it may when the power fails: what was written last could not be compared with it"
        );
        return Ok(None);
    }
    Ok(Some(newest))
}

/// The kind of a record, its number and its keys.
type Record<'a> = (u8, u64, &'a [u8]);

/// The records of journals, one after the other.
struct Records {
    /// The file that is read, and how much is left of it.
    file: BufReader<File>,
    left: u64,
    /// Those after it, the last one first.
    more: Vec<(File, u64)>,
    body: Vec<u8>,
}

impl Records {
    fn open(files: &[PathBuf]) -> io::Result<Self> {
        let mut more = Vec::new();
        for path in files.iter().rev() {
            let file = File::open(path)?;
            let left = file.metadata()?.len();
            more.push((file, left));
        }
        let (file, left) = more.pop().ok_or(io::ErrorKind::NotFound)?;
        Ok(Self { file: BufReader::with_capacity(1 << 16, file), left, more, body: Vec::new() })
    }

    /// The next one; `None` at the end.
    fn next(&mut self) -> Result<Option<Record<'_>>, Fault> {
        while !self.read()? {
            let Some((file, left)) = self.more.pop() else { return Ok(None) };
            self.file = BufReader::with_capacity(1 << 16, file);
            self.left = left;
        }
        let (front, keys) = self.body.split_at(FRONT);
        let number = front[1..].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
        Ok(Some((front[0], number, keys)))
    }

    /// Reads the next one of the file; false at its end, and where the rest was never written.
    fn read(&mut self) -> Result<bool, Fault> {
        if self.left < HEAD as u64 {
            return Ok(false);
        }
        let mut head = [0; HEAD];
        self.file.read_exact(&mut head)?;
        self.left -= HEAD as u64;
        let [length, checksum] = [0, 4].map(|at| word(&head[at..]));
        if u64::from(length) > self.left {
            return Ok(false);
        }
        self.body.resize(length as usize, 0);
        self.file.read_exact(&mut self.body)?;
        self.left -= u64::from(length);
        if self.body.len() < FRONT || crc32fast::hash(&self.body) != checksum {
            return if self.is_unwritten(&head)? { Ok(false) } else { Err(Damage::Journal("damaged").into()) };
        }
        Ok(true)
    }

    /// Whether there is nothing but zeros from here on: a file that had grown when the power failed.
    fn is_unwritten(&mut self, head: &[u8]) -> io::Result<bool> {
        if head.iter().chain(&self.body).any(|byte| *byte != 0) {
            return Ok(false);
        }
        let mut rest = [0; 4096];
        loop {
            match self.file.read(&mut rest)? {
                0 => return Ok(true),
                some if rest[..some].iter().any(|byte| *byte != 0) => return Ok(false),
                _ => {}
            }
        }
    }
}

/// Keys with the checksums of their values.
struct Entries<'a>(&'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = Result<(&'a [u8], Digest), Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let item = take(&mut self.0, 4)
            .and_then(|length| take(&mut self.0, word(length) as usize))
            .and_then(|key| Some((key, take(&mut self.0, 5)?.try_into().ok()?)));
        if item.is_none() {
            self.0 = &[];
        }
        Some(item.ok_or(Damage::Journal("damaged")))
    }
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).rev().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

fn record(kind: u8, number: u64, keys: &[u8]) -> Vec<u8> {
    let mut record = vec![0; HEAD];
    record.reserve(FRONT + keys.len());
    record.push(kind);
    record.extend_from_slice(&number.to_le_bytes());
    record.extend_from_slice(keys);
    let length = u32::try_from(record.len() - HEAD).unwrap_or(u32::MAX);
    let checksum = crc32fast::hash(&record[HEAD..]);
    record[..4].copy_from_slice(&length.to_le_bytes());
    record[4..HEAD].copy_from_slice(&checksum.to_le_bytes());
    record
}

/// What is kept of a value, or of there being none.
type Digest = [u8; 5];

fn digest(value: Option<&[u8]>) -> Digest {
    let mut digest = [0; 5];
    if let Some(value) = value {
        digest[0] = 1;
        digest[1..].copy_from_slice(&crc32fast::hash(value).to_le_bytes());
    }
    digest
}

/// Keys by which the last entries are known: shorter than they are, and with so many bits that two of some
/// millions meet once in a hundred thousand times. Then one of the two is not compared.
pub(super) fn hash(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

fn place(directory: &Path) -> PathBuf {
    directory.join(FILE)
}
