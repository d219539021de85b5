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
    /// Bytes ever taken and ever written.
    taken: u64,
    done: u64,
    /// The writer sleeps and wants to be woken.
    asleep: bool,
    reopened: Option<File>,
    closed: bool,
}

impl SharedQueue {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Opens the file again under its name, as on SIGHUP after logrotate has moved it. If that fails, the log
    /// continues in the old file.
    pub fn reopen(&self) -> Result<(), AuditError> {
        let Destination::File { path, .. } = &self.target else { return Ok(()) };
        let file = open(path)?;
        self.shared.queue().reopened = Some(file);
        self.shared.work.notify_one();
        Ok(())
    }

    /// Waits until everything that was queued before is written.
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

/// The writer's loop: take the buffer, write it, wait for more lines, start again.
fn write_all(shared: &SharedQueue, mut output: LogFile) {
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
        let written = write_lines(shared, &mut output, &lines);
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
fn write_lines(shared: &SharedQueue, output: &mut LogFile, lines: &[u8]) -> u64 {
    let mut rest = lines;
    let mut failed = false;
    while !rest.is_empty() {
        match output.write(rest) {
            Ok(written) if written > 0 => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => {
                shared.metrics.write_errors.inc();
                if !mem::replace(&mut failed, true) {
                    let error = result.err().unwrap_or_else(|| io::ErrorKind::WriteZero.into());
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
    lines.len() as u64
}

/// Waits until it is worth trying again. True when the process ends and will not.
fn given_up<'a>(shared: &SharedQueue, output: &mut LogFile, rest: &mut &'a [u8], lines: &'a [u8]) -> bool {
    let mut queue = shared.queue();
    if !queue.closed {
        queue = shared.work.wait_timeout(queue, RETRY).unwrap_or_else(PoisonError::into_inner).0;
    }
    if let Some(file) = queue.reopened.take() {
        output.replace(file);
        *rest = from_line_start(lines, rest);
        return false;
    }
    if queue.closed {
        tracing::error!(bytes = rest.len(), "the end of the audit log is lost");
    }
    queue.closed
}

/// What is left to write, from the start of the line that was broken off: in a fresh file it is to
/// be whole.
fn from_line_start<'a>(lines: &'a [u8], rest: &'a [u8]) -> &'a [u8] {
    let written = lines.len() - rest.len();
    let start = lines.iter().take(written).rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    lines.get(start..).unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, fs, net::IpAddr, path::PathBuf};

    use scim_protocol::Timestamp;
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;
    use crate::{
        audit::{Document, EventName, Form, Vocabulary},
        rotated::Rotation,
    };

    fn record(number: u128) -> AuditRecord<'static> {
        AuditRecord {
            at: Timestamp::from_millis(0),
            event: EventName::BulkRequest,
            tenant: Some("t"),
            token: None,
            source_address: Some(IpAddr::from([192, 0, 2, 1])),
            user_agent: Some("a \"quoted\"\nagent"),
            host: None,
            id: None,
            query: None,
            body: Document::None,
            response: Document::None,
            error: None,
            mapping: &[],
            headers: &[],
            explanation: None,
            request: Uuid::from_u128(number),
            event_id: Uuid::nil(),
            form: Form::Own,
            words: Vocabulary::core(),
        }
    }

    fn file(path: impl Into<PathBuf>) -> Destination {
        Destination::File { path: path.into(), rotation: None }
    }

    fn numbers(text: &str) -> Vec<u128> {
        let number = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["requestID"].as_str().unwrap().parse::<Uuid>().unwrap().as_u128()
        };
        text.lines().map(number).collect()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn ten_thousand_lines_of_eight_tasks_are_all_there_and_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let metrics = Arc::new(AuditMetrics::default());
        let log = Arc::new(AuditLog::open(file(&path), Arc::clone(&metrics)).unwrap());
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let log = Arc::clone(&log);
                tokio::spawn(async move {
                    for number in 0..1250 {
                        log.record(AuditLog::line(&record(task * 1250 + number))).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        log.flush().await;
        let found = numbers(&fs::read_to_string(&path).unwrap());
        assert_eq!(found.len(), 10_000);
        assert_eq!(found.into_iter().collect::<HashSet<_>>(), (0..10_000).collect());
        assert_eq!((metrics.records.get(), metrics.queued.get()), (10_000, 0));
    }

    #[tokio::test]
    async fn dropping_the_log_writes_what_is_left_for_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let log = AuditLog::open(file(&path), Arc::default()).unwrap();
        log.record(AuditLog::line(&record(1))).await;
        drop(log);
        assert_eq!(numbers(&fs::read_to_string(&path).unwrap()), [1]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[tokio::test]
    async fn reopening_follows_the_name_and_loses_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (path, moved) = (directory.path().join("audit.jsonl"), directory.path().join("moved"));
        let log = AuditLog::open(file(&path), Arc::default()).unwrap();
        log.record(AuditLog::line(&record(1))).await;
        log.flush().await;
        fs::rename(&path, &moved).unwrap();
        log.record(AuditLog::line(&record(2))).await;
        log.flush().await;
        log.reopen().unwrap();
        log.record(AuditLog::line(&record(3))).await;
        log.flush().await;
        assert_eq!(numbers(&fs::read_to_string(&moved).unwrap()), [1, 2]);
        assert_eq!(numbers(&fs::read_to_string(&path).unwrap()), [3]);
    }

    #[tokio::test]
    async fn a_full_file_is_rotated_and_the_oldest_go() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let target = Destination::File { path: path.clone(), rotation: Some(Rotation { bytes: 1, keep: 2 }) };
        let log = AuditLog::open(target, Arc::default()).unwrap();
        for number in 1..=5 {
            log.record(AuditLog::line(&record(number))).await;
            log.flush().await;
        }
        let read = |name: &str| numbers(&fs::read_to_string(directory.path().join(name)).unwrap());
        assert_eq!((read("audit.jsonl"), read("audit.jsonl.1"), read("audit.jsonl.2")), (vec![5], vec![4], vec![3]));
        assert!(!directory.path().join("audit.jsonl.3").exists());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_full_disk_is_counted_and_nothing_is_dropped_in_silence() {
        let metrics = Arc::new(AuditMetrics::default());
        let log = AuditLog::open(file("/dev/full"), Arc::clone(&metrics)).unwrap();
        log.record(AuditLog::line(&record(1))).await;
        drop(log);
        assert!(metrics.write_errors.get() > 0);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_full_queue_makes_requests_wait() {
        let metrics = Arc::new(AuditMetrics::default());
        let log = AuditLog::open(file("/dev/full"), Arc::clone(&metrics)).unwrap();
        let body =
            (0..100).map(|number| ("a".repeat(200) + &number.to_string(), Value::Null)).collect::<Value>().to_string();
        let large = AuditRecord { body: Document::Bytes(body.as_bytes()), ..record(1) };
        let all = async {
            for _ in 0..10_000 {
                log.record(AuditLog::line(&large)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(1), all).await.is_err());
        assert_eq!(metrics.waits.get(), 1);
        assert!(usize::try_from(metrics.queued.get()).unwrap() <= 2 * MAX_QUEUED);
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let error = AuditLog::open(file("/nowhere/audit.jsonl"), Arc::default()).unwrap_err();
        let said = error.to_string();
        assert!(said.contains("/nowhere/audit.jsonl") && said.contains("its directory must be there"), "{said}");
    }

    #[tokio::test]
    async fn a_line_that_was_cut_off_is_not_joined_with_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        fs::write(&path, "{\"requestID\": \"cut o").unwrap();
        let log = AuditLog::open(file(&path), Arc::default()).unwrap();
        log.record(AuditLog::line(&record(1))).await;
        log.flush().await;
        log.reopen().unwrap();
        log.record(AuditLog::line(&record(2))).await;
        drop(log);
        let text = fs::read_to_string(&path).unwrap();
        let (cut, whole) = text.split_once('\n').unwrap();
        assert_eq!((cut, numbers(whole)), ("{\"requestID\": \"cut o", vec![1, 2]));
    }

    #[test]
    fn a_broken_line_starts_again_in_a_fresh_file() {
        let lines = b"one\ntwo\nthree\n";
        for (written, expect) in
            [(0, "one\ntwo\nthree\n"), (2, "one\ntwo\nthree\n"), (4, "two\nthree\n"), (9, "three\n")]
        {
            assert_eq!(from_line_start(lines, &lines[written..]), expect.as_bytes(), "{written}");
        }
    }
}
