//! Where audit lines go: a file or standard output, written by one thread.
//!
//! A request appends its line to a buffer in memory; the writer takes the whole buffer and writes it with one call,
//! so lines never mix and a busy server makes few calls. The buffer is bounded and no line is ever dropped: if the
//! disk is full, requests wait. That is on purpose: a late response is better than a response that is missing in the
//! audit log.

use std::{
    cell::RefCell,
    fs::File,
    io, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    AuditRecord,
    output::{AuditError, Destination, LogFile, open},
};
use crate::metrics::AuditMetrics;

/// How many bytes may wait to be written: some ten thousand lines.
pub const MAX_QUEUED: usize = 8 * 1024 * 1024;
/// After a write, how long the writer gathers lines before it writes again, so that requests need
/// not wake it each time.
const GATHER: Duration = Duration::from_millis(2);
/// After a write failed, until it is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The audit log. Dropping it writes what is left.
#[derive(Debug)]
pub struct AuditLog {
    shared: Arc<SharedQueue>,
    target: Destination,
    writer: Option<thread::JoinHandle<()>>,
}

#[derive(Debug)]
struct SharedQueue {
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
    /// Records ever taken and ever written.
    taken: u64,
    done: u64,
    /// Nobody reads what is written: the other end of the pipe is closed.
    unread: bool,
    /// The writer sleeps and wants to be woken.
    asleep: bool,
    reopened: Option<File>,
    phase: Phase,
}

/// How far the log is on its way to its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    #[default]
    Open,
    /// The process is about to end: nothing waits for a reader that has gone.
    Ending,
    /// Nothing more comes, and the writer tries once.
    Closed,
    /// What is not written is lost, and the writer is not waited for.
    GivenUp,
}

impl SharedQueue {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what was written, and wakes whoever waits for that.
    fn wrote(&self, piece: &[u8]) {
        self.metrics.failing.set(0);
        self.metrics.queued.dec_by(i64::try_from(piece.len()).unwrap_or(i64::MAX));
        let mut queue = self.queue();
        queue.done += piece.split(|byte| *byte == b'\n').skip(1).count() as u64;
        queue.unread = false;
        drop(queue);
        self.written.notify_waiters();
    }

    /// Notes that a write has failed.
    fn failed(&self, error: &io::Error) {
        self.metrics.write_errors.inc();
        self.metrics.failing.set(1);
        if error.kind() == io::ErrorKind::BrokenPipe {
            self.queue().unread = true;
            self.written.notify_waiters();
        }
    }
}

thread_local! {
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl AuditLog {
    /// Opens the target and starts its writer.
    pub fn open(target: Destination, metrics: Arc<AuditMetrics>) -> Result<Self, AuditError> {
        let output = LogFile::open(&target)?;

        let shared =
            Arc::new(SharedQueue { queue: Mutex::default(), work: Condvar::new(), written: Notify::new(), metrics });
        let writer = thread::Builder::new()
            .name("audit".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || write_all(&shared, output)
            })
            .map_err(AuditError::Thread)?;
        Ok(Self { shared, target, writer: Some(writer) })
    }

    /// The line of a record, in a buffer that the thread keeps. The line of a large body takes long.
    pub fn line(record: &AuditRecord<'_>) -> Vec<u8> {
        let mut line = LINE.take();
        line.clear();
        record.write(&mut line);
        line.push(b'\n');
        line
    }

    /// Queues a line of [`AuditLog::line`]. Returns at once, or as soon as the queue has room.
    pub async fn record(&self, line: Vec<u8>) {
        self.take(&line).await;
        Self::give_back(line);
    }

    /// Keeps the buffer of a line of [`AuditLog::line`] for the next.
    pub fn give_back(mut line: Vec<u8>) {
        line.shrink_to(64 * 1024);
        LINE.set(line);
    }

    /// Queues a whole line, with its line feed. Returns at once, or as soon as the queue has room.
    pub async fn take(&self, line: &[u8]) {
        if self.append(line) {
            return;
        }
        self.shared.metrics.waits.inc();
        loop {
            let written = self.shared.written.notified();
            if self.append(line) {
                return;
            }
            written.await;
        }
    }

    /// Whether there was room.
    fn append(&self, line: &[u8]) -> bool {
        let mut queue = self.shared.queue();
        if queue.phase >= Phase::Ending && queue.unread {
            // Lost, and counted with the others.
            queue.taken += 1;
            return true;
        }
        if queue.lines.len() + line.len() > MAX_QUEUED && !queue.lines.is_empty() {
            return false;
        }
        queue.lines.extend_from_slice(line);
        queue.taken += 1;
        let wake = mem::take(&mut queue.asleep);
        drop(queue);
        if wake {
            self.shared.work.notify_one();
        }
        self.shared.metrics.records.inc();
        self.shared.metrics.queued.inc_by(i64::try_from(line.len()).unwrap_or(i64::MAX));
        true
    }

    /// Opens the file again under its name, as on SIGHUP after logrotate has moved it. If that fails, the log
    /// continues in the old file.
    pub fn reopen(&self) -> Result<(), AuditError> {
        let Destination::File { path, .. } = &self.target else { return Ok(()) };
        let file = open(path)?;
        self.shared.queue().reopened = Some(file);
        self.shared.work.notify_one();
        Ok(())
    }

    /// Waits until everything that was queued before is written, or nobody reads it.
    pub async fn flush(&self) {
        let taken = self.shared.queue().taken;
        loop {
            let written = self.shared.written.notified();
            let Queue { done, unread, .. } = *self.shared.queue();
            if done >= taken || unread {
                return;
            }
            self.shared.work.notify_one();
            written.await;
        }
    }

    /// Says that the process is about to end: whoever waits for a reader that has gone waits no longer.
    pub fn ending(&self) {
        self.shared.queue().phase = Phase::Ending;
        self.shared.written.notify_waiters();
    }

    /// Gives up what is not written by now, and says how many records that are.
    pub fn give_up(&self) -> u64 {
        let mut queue = self.shared.queue();
        let lost = queue.taken.saturating_sub(queue.done);
        if lost > 0 {
            queue.phase = Phase::GivenUp;
            queue.lines.clear();
        }
        drop(queue);
        self.shared.work.notify_one();
        lost
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.phase = queue.phase.max(Phase::Closed);
        let given_up = queue.phase == Phase::GivenUp;
        drop(queue);
        self.shared.work.notify_one();
        // A writer that was given up may be in a write that never returns.
        if let Some(writer) = self.writer.take().filter(|_| !given_up) {
            // A panic in the writer has been reported by the panic itself.
            let _ = writer.join();
        }
    }
}

/// The writer's loop: take the buffer, write it, wait for more lines, start again.
fn write_all(shared: &SharedQueue, mut output: LogFile) {
    let mut lines = Vec::new();
    loop {
        let mut queue = shared.queue();
        while queue.lines.is_empty() && queue.phase < Phase::Closed && queue.reopened.is_none() {
            queue.asleep = true;
            queue = shared.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.asleep = false;
        if let Some(file) = queue.reopened.take() {
            output.replace(file);
        }
        mem::swap(&mut queue.lines, &mut lines);
        let closed = queue.phase >= Phase::Closed;
        drop(queue);
        if closed && lines.is_empty() {
            output.finish();
            return;
        }
        write_lines(shared, &mut output, &lines);
        lines.clear();
        lines.shrink_to(1024 * 1024);
        if !closed {
            thread::sleep(GATHER);
        }
    }
}

/// Writes until everything is written. At the end of the process there is one try only: it must not
/// hang on a disk that stays full.
fn write_lines(shared: &SharedQueue, output: &mut LogFile, lines: &[u8]) {
    let mut rest = lines;
    let mut failed = false;
    while !rest.is_empty() {
        match output.write(rest) {
            Ok(written) if written > 0 => {
                let (piece, left) = rest.split_at_checked(written).unwrap_or_default();
                shared.wrote(piece);
                rest = left;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => {
                let error = result.err().unwrap_or_else(|| io::ErrorKind::WriteZero.into());
                shared.failed(&error);
                if !mem::replace(&mut failed, true) {
                    tracing::error!(%error, "cannot write the audit log; trying again until it works");
                }
                if given_up(shared, output, &mut rest, lines) {
                    break;
                }
            }
        }
    }
    if failed && rest.is_empty() {
        tracing::info!("the audit log is written again");
    }
}

/// Waits until it is worth trying again. True when the process ends and will not.
fn given_up<'a>(shared: &SharedQueue, output: &mut LogFile, rest: &mut &'a [u8], lines: &'a [u8]) -> bool {
    let mut queue = shared.queue();
    if queue.phase < Phase::Closed {
        queue = shared.work.wait_timeout(queue, RETRY).unwrap_or_else(PoisonError::into_inner).0;
    }
    if let Some(file) = queue.reopened.take() {
        output.replace(file);
        let again = from_line_start(lines, rest);
        shared.metrics.queued.inc_by(i64::try_from(again.len() - rest.len()).unwrap_or(i64::MAX));
        *rest = again;
        return false;
    }
    let closed = queue.phase >= Phase::Closed;
    if closed {
        tracing::error!(bytes = rest.len(), "the end of the audit log is lost");
    }
    closed
}

/// What is left to write, from the start of the line that was broken off: in a fresh file it is to
/// be whole.
fn from_line_start<'a>(lines: &'a [u8], rest: &'a [u8]) -> &'a [u8] {
    let written = lines.len() - rest.len();
    let start = lines.iter().take(written).rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    lines.get(start..).unwrap_or(rest)
}

#[cfg(test)]
mod tests;
