//! Where audit lines go: a file or standard output, written by one thread.
//!
//! A request appends its line to a buffer in memory; the writer takes the whole buffer and writes it
//! with one call, so lines never mix and a busy server makes few calls. The buffer is bounded and
//! nothing is ever dropped: when the disk is full, requests wait. That is on purpose. A service that
//! answers without saying so in its audit log is worse than one that answers late.

use std::{
    cell::RefCell,
    fs::{File, OpenOptions},
    io::{self, Write},
    mem,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::sync::Notify;

use super::AuditRecord;
use crate::metrics::AuditMetrics;

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Standard output.
    Stdout,
    /// A file, appended to, readable by its owner only.
    File {
        /// which
        path: PathBuf,
        /// whether it is replaced when it has grown; logrotate and SIGHUP do as well
        rotation: Option<Rotation>,
    },
}

/// When a file is replaced: `audit.jsonl` becomes `audit.jsonl.1`, and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// At this size, in bytes. A file may be larger by what is written at once.
    pub bytes: u64,
    /// How many old files stay.
    pub keep: u32,
}

/// Why there is no audit log.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file cannot be opened.
    #[error("cannot open the audit log {}: {source}", path.display())]
    Open {
        /// which file
        path: PathBuf,
        /// what the operating system says
        source: io::Error,
    },
    /// The writing thread cannot be started.
    #[error("cannot start the audit log's thread: {0}")]
    Thread(io::Error),
}

/// How many bytes may wait to be written: some ten thousand lines.
const MAX_QUEUED: usize = 8 * 1024 * 1024;
/// After a write, how long the writer gathers lines before it writes again, so that requests need
/// not wake it each time.
const GATHER: Duration = Duration::from_millis(2);
/// After a write failed, until it is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The audit log. Dropping it writes what is left.
#[derive(Debug)]
pub struct AuditLog {
    shared: Arc<Shared>,
    target: Target,
    writer: Option<thread::JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    /// Wakes the writer.
    work: Condvar,
    /// Wakes requests that wait for room, and flushes.
    written: Notify,
    metrics: Arc<AuditMetrics>,
}

#[derive(Debug, Default)]
struct Queue {
    lines: Vec<u8>,
    /// Bytes ever taken and ever written.
    taken: u64,
    done: u64,
    /// The writer sleeps and wants to be woken.
    asleep: bool,
    reopened: Option<File>,
    closed: bool,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

thread_local! {
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl AuditLog {
    /// Opens the target and starts its writer.
    pub fn open(target: Target, metrics: Arc<AuditMetrics>) -> Result<Self, AuditError> {
        let output = match &target {
            Target::Stdout => Output::Stdout(io::stdout()),
            Target::File { path, rotation } => Output::file(path, *rotation)?,
        };
        let shared =
            Arc::new(Shared { queue: Mutex::default(), work: Condvar::new(), written: Notify::new(), metrics });
        let writer = thread::Builder::new()
            .name("audit".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || write_all(&shared, output)
            })
            .map_err(AuditError::Thread)?;
        Ok(Self { shared, target, writer: Some(writer) })
    }

    /// Takes a line. Returns at once unless the queue is full, and then when there is room.
    pub async fn record(&self, record: &AuditRecord<'_>) {
        // A line is made before the lock is taken, in a buffer that the thread keeps.
        let mut line = LINE.take();
        line.clear();
        // Strings and numbers into memory: neither can fail.
        let _ = serde_json::to_writer(&mut line, record);
        line.push(b'\n');
        if !self.append(&line) {
            self.shared.metrics.waits.inc();
            loop {
                let written = self.shared.written.notified();
                if self.append(&line) {
                    break;
                }
                written.await;
            }
        }
        line.shrink_to(64 * 1024);
        LINE.set(line);
    }

    /// Whether there was room.
    fn append(&self, line: &[u8]) -> bool {
        let mut queue = self.shared.queue();
        if queue.lines.len() + line.len() > MAX_QUEUED && !queue.lines.is_empty() {
            return false;
        }
        queue.lines.extend_from_slice(line);
        queue.taken += line.len() as u64;
        let wake = mem::take(&mut queue.asleep);
        drop(queue);
        if wake {
            self.shared.work.notify_one();
        }
        self.shared.metrics.records.inc();
        self.shared.metrics.queued.inc_by(i64::try_from(line.len()).unwrap_or(i64::MAX));
        true
    }

    /// Opens the file anew under its name, as on SIGHUP after logrotate has moved it. When that
    /// fails the log goes on in the old file.
    pub fn reopen(&self) -> Result<(), AuditError> {
        let Target::File { path, .. } = &self.target else { return Ok(()) };
        let file = open(path)?;
        self.shared.queue().reopened = Some(file);
        self.shared.work.notify_one();
        Ok(())
    }

    /// Waits until everything that was taken before is written.
    pub async fn flush(&self) {
        let taken = self.shared.queue().taken;
        loop {
            let written = self.shared.written.notified();
            if self.shared.queue().done >= taken {
                return;
            }
            self.shared.work.notify_one();
            written.await;
        }
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        self.shared.queue().closed = true;
        self.shared.work.notify_one();
        if let Some(writer) = self.writer.take() {
            // A panic in the writer has been reported by the panic itself.
            let _ = writer.join();
        }
    }
}

/// The writer's life: take what is there, write it, gather, again.
fn write_all(shared: &Shared, mut output: Output) {
    let mut lines = Vec::new();
    loop {
        let mut queue = shared.queue();
        while queue.lines.is_empty() && !queue.closed && queue.reopened.is_none() {
            queue.asleep = true;
            queue = shared.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.asleep = false;
        if let Some(file) = queue.reopened.take() {
            output.replace(file);
        }
        mem::swap(&mut queue.lines, &mut lines);
        let closed = queue.closed;
        drop(queue);
        if closed && lines.is_empty() {
            output.finish();
            return;
        }
        let written = write_lines(shared, &mut output, &lines, closed);
        lines.clear();
        lines.shrink_to(1024 * 1024);
        shared.queue().done += written;
        shared.metrics.queued.dec_by(i64::try_from(written).unwrap_or(i64::MAX));
        shared.written.notify_waiters();
        if !closed {
            thread::sleep(GATHER);
        }
    }
}

/// Writes until everything is written. At the end of the process there is one try only: it must not
/// hang on a disk that stays full.
fn write_lines(shared: &Shared, output: &mut Output, mut lines: &[u8], last: bool) -> u64 {
    let length = lines.len() as u64;
    let mut failed = false;
    while !lines.is_empty() {
        match output.write(lines) {
            Ok(written) if written > 0 => lines = lines.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => {
                shared.metrics.write_errors.inc();
                if !mem::replace(&mut failed, true) {
                    let error = result.err().unwrap_or_else(|| io::ErrorKind::WriteZero.into());
                    tracing::error!(%error, "cannot write the audit log; trying again until it works");
                }
                if last {
                    tracing::error!(bytes = lines.len(), "the end of the audit log is lost");
                    return length;
                }
                thread::sleep(RETRY);
                if let Some(file) = shared.queue().reopened.take() {
                    output.replace(file);
                }
            }
        }
    }
    if failed {
        tracing::info!("the audit log is written again");
    }
    length
}

/// An open target.
enum Output {
    Stdout(io::Stdout),
    File { file: File, path: PathBuf, rotation: Option<Rotation>, size: u64 },
}

impl Output {
    fn file(path: &Path, rotation: Option<Rotation>) -> Result<Self, AuditError> {
        let file = open(path)?;
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        Ok(Self::File { file, path: path.to_owned(), rotation, size })
    }

    fn replace(&mut self, fresh: File) {
        if let Self::File { file, size, .. } = self {
            *size = fresh.metadata().map_or(0, |metadata| metadata.len());
            *file = fresh;
        }
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout) => stdout.write_all(lines).and_then(|()| stdout.flush()).map(|()| lines.len()),
            Self::File { file, path, rotation, size } => {
                if let Some(rotation) = rotation.filter(|rotation| *size >= rotation.bytes.max(1)) {
                    rotate(path, rotation.keep)?;
                    *file = open(path).map_err(|error| io::Error::other(error.to_string()))?;
                    *size = 0;
                }
                let written = file.write(lines)?;
                *size += written as u64;
                Ok(written)
            }
        }
    }

    fn finish(&self) {
        if let Self::File { file, .. } = self
            && let Err(error) = file.sync_all()
        {
            tracing::error!(%error, "cannot flush the audit log");
        }
    }
}

/// Opens for appending; a new file is its owner's alone.
fn open(path: &Path) -> Result<File, AuditError> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|source| AuditError::Open { path: path.to_owned(), source })
}

/// Moves `path` to `path.1`, `path.1` to `path.2`, and removes what is older than `keep`.
fn rotate(path: &Path, keep: u32) -> io::Result<()> {
    let numbered = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    if keep == 0 {
        return std::fs::remove_file(path);
    }
    for number in (1..keep).rev() {
        match std::fs::rename(numbered(number), numbered(number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    std::fs::rename(path, numbered(1))
}
