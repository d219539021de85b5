//! What requests put into the log waits here until a thread writes it. No request ever waits: what there is no room for
//! is counted, and the log says how many calls it does not have.

use std::{
    io, mem,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::sync::Notify;

use super::{Call, Counts, Limits, Reader, row, writer::Writer};
use crate::{clock::Clock, log::Seldom, metrics::RequestLogMetrics};

/// How many bytes may wait: those of some ten thousand calls.
pub const MAX_QUEUED: usize = 16 * 1024 * 1024;
/// After a write, how long the thread gathers calls before it writes again.
const GATHER: Duration = Duration::from_millis(10);
/// How long whoever searches waits for what was just called.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it looks whether something is too old.
const TICK: Duration = Duration::from_secs(60);

/// The log of the requests of this process. Dropping it writes what is left.
#[derive(Debug)]
pub struct RequestLog {
    shared: Arc<Shared>,
    reader: Reader,
    thread: Option<thread::JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    /// Wakes the thread.
    work: Condvar,
    /// Wakes whoever waits until something is written.
    written: Notify,
    metrics: Arc<RequestLogMetrics>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Queue {
    rows: Vec<u8>,
    calls: u32,
    /// Calls for which there was no room.
    lost: u32,
    /// Bytes ever taken and ever done with.
    taken: u64,
    done: u64,
    /// The thread sleeps and wants to be woken.
    asleep: bool,
    closed: bool,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RequestLog {
    /// Opens the log of that directory and starts its thread.
    pub fn open(
        directory: &Path,
        limits: Limits,
        metrics: Arc<RequestLogMetrics>,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let writer = Writer::open(directory, limits)?;
        let (reader, counts) = (Reader::new(directory), Arc::new(Counts::default()));
        count_before(&reader, &counts)?;
        let shared =
            Arc::new(Shared { queue: Mutex::default(), work: Condvar::new(), written: Notify::new(), metrics, counts });
        let thread = thread::Builder::new().name("request-log".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || write_all(&shared, writer, &*clock)
        })?;
        Ok(Self { shared, reader, thread: Some(thread) })
    }

    /// Notes a call. `line` is that of the audit log, without its end; behind it, on a line of their own, values may stand that
    /// are kept. Never waits for the disk.
    pub fn note(&self, call: &Call<'_>, line: &[u8]) {
        let mut queue = self.shared.queue();
        if queue.rows.len() + line.len() > MAX_QUEUED {
            drop(queue);
            self.lose(1);
            return;
        }
        let before = queue.rows.len();
        call.write(line, &mut queue.rows);
        queue.taken += (queue.rows.len() - before) as u64;
        queue.calls += 1;
        let wake = mem::take(&mut queue.asleep);
        drop(queue);
        if wake {
            self.shared.work.notify_one();
        }
    }

    /// Notes that there were calls which the log does not have.
    pub fn lose(&self, calls: u32) {
        let mut queue = self.shared.queue();
        queue.lost = queue.lost.saturating_add(calls);
        drop(queue);
        self.shared.metrics.lost.inc_by(calls.into());
    }

    /// Waits until every call that was noted before can be found; not for ever, since disks may not answer.
    pub async fn flush(&self) {
        let _ = tokio::time::timeout(PATIENCE, self.written()).await;
    }

    async fn written(&self) {
        let taken = self.shared.queue().taken;
        loop {
            let written = self.shared.written.notified();
            if self.shared.queue().done >= taken {
                return;
            }
            written.await;
        }
    }

    /// How many calls there were. For a moment after the start, what was there before may still be missing.
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// What finds calls.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }
}

impl Drop for RequestLog {
    fn drop(&mut self) {
        self.shared.queue().closed = true;
        self.shared.work.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported by the panic itself.
            let _ = thread.join();
        }
    }
}

/// Counts what is in the log, on a thread of its own: it may be a gigabyte.
fn count_before(reader: &Reader, counts: &Arc<Counts>) -> io::Result<()> {
    let (reader, counts, newest) = (reader.clone(), Arc::clone(counts), reader.newest()?);
    let count = move || {
        if let Err(error) = reader.count(Some(newest), &counts) {
            tracing::warn!(%error, "cannot count the calls in the log of requests; charts begin now");
        }
    };
    thread::Builder::new().name("request-counts".to_owned()).spawn(count).map(drop)
}

/// The thread's loop: take what is there, write it, wait for more.
fn write_all(shared: &Shared, mut writer: Writer, clock: &dyn Clock) {
    let (mut rows, failing) = (Vec::new(), Seldom::default());
    // Calls that could not be written, to be told when something can be again.
    let mut untold = 0_u32;
    loop {
        let mut queue = shared.queue();
        if queue.rows.is_empty() && queue.lost == 0 && !queue.closed {
            queue.asleep = true;
            queue = shared.work.wait_timeout(queue, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
        queue.asleep = false;
        mem::swap(&mut queue.rows, &mut rows);
        let (calls, lost, closed) = (mem::take(&mut queue.calls), mem::take(&mut queue.lost), queue.closed);
        drop(queue);
        untold = untold.saturating_add(lost);
        if calls > 0 || untold > 0 {
            match writer.append(&rows, untold) {
                Ok(()) => {
                    shared.metrics.calls.inc_by(calls.into());
                    shared.counts.add(row::rows(&rows).map(|(fixed, _)| fixed));
                    untold = 0;
                }
                Err(error) => {
                    shared.metrics.lost.inc_by(calls.into());
                    untold = untold.saturating_add(calls);
                    tell(&failing, &error, untold);
                }
            }
        }
        if let Err(error) = writer.tidy(clock.now().as_millis()) {
            tell(&failing, &error, untold);
        }
        shared.metrics.bytes.set(i64::try_from(writer.size()).unwrap_or(i64::MAX));
        let done = rows.len() as u64;
        rows.clear();
        rows.shrink_to(1024 * 1024);
        let mut queue = shared.queue();
        queue.done += done;
        let is_over = closed && queue.rows.is_empty();
        drop(queue);
        shared.written.notify_waiters();
        if is_over {
            if let Err(error) = writer.finish() {
                tell(&failing, &error, untold);
            }
            return;
        }
        if !closed {
            thread::sleep(GATHER);
        }
    }
}

fn tell(failing: &Seldom, error: &io::Error, lost: u32) {
    if let Some(times) = failing.tell() {
        tracing::error!(%error, times, lost, "cannot write the request log; requests go on, and it goes on when it can");
    }
}
