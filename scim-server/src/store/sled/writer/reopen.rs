//! The writer closes and reopens the tree while the server runs.
//!
//! sled records the place of every page only when it opens, and its next opening reads all of the log since then.
//! That takes seconds for each gigabyte, and after a crash all clients wait for it. So the writer reopens the tree
//! after many writes, when no write has come for a while. Under a load that never pauses it does so after a larger
//! amount, which limits that interruption and the opening after a crash.
//!
//! Readers and writers wait meanwhile, and none is refused. Whether the tree has all that was acknowledged is found out
//! afterwards, beside them ([`super::super::comparing`]); the writer does not reopen it again before that.
//!
//! The writer also reopens a store that could not write, because the disk was full or the process had no
//! descriptors left: then it knows again what is on disk. It tries that when there is room.

use std::{
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use super::{Job, Next, Writer};
use crate::{
    metrics::StoreMetrics,
    store::{
        StoreError,
        sled::{
            OpenError,
            handle::{Detached, lost},
            overlay::Overlay,
            tree::Again,
        },
    },
};

/// How long the writer waits for readers before it postpones the reopening. New readers wait too, so one long scan
/// must not delay them for longer.
const PATIENCE: Duration = Duration::from_millis(250);
/// How often the writer checks whether the readers are done.
const GLANCE: Duration = Duration::from_millis(1);
/// How often the writer, with nothing to do, looks whether what it decided is on disk, and whether the tree is compared.
const AGAIN: Duration = Duration::from_millis(20);
/// After how long the writer tries again if it has postponed the reopening.
const LATER: Duration = Duration::from_secs(5);
/// How long the writer waits before it reopens a store that could not write: twice as long each time, up to a
/// bound.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
const LONG_PAUSE: Duration = Duration::from_secs(60);

/// When the writer closes and reopens the store, so that the next start finds little to read. Amounts are
/// bytes of keys and values written since it was opened; the log grows by up to five times as much.
#[derive(Debug, Clone, Copy)]
pub struct Reopen {
    /// From this amount on, as soon as nothing was written for [`Self::quiet`].
    pub after: u64,
    /// From this amount on, in any case.
    pub bound: u64,
    /// How long a pause without writes must be.
    pub quiet: Duration,
}

impl Reopen {
    /// After this many bytes in a quiet moment of two seconds, and after four times as many in any
    /// case; 0 is never.
    ///
    /// A provider in the middle of its cycle sends its next request sooner than that, and between
    /// two cycles there are minutes.
    pub fn after(bytes: u64) -> Self {
        let after = if bytes == 0 { u64::MAX } else { bytes };
        Self { after, bound: after.saturating_mul(4), quiet: Duration::from_secs(2) }
    }
}

impl Default for Reopen {
    fn default() -> Self {
        Self::after(48 << 20)
    }
}

impl Writer {
    /// Waits for a job, or until it is time to reopen the tree.
    pub(super) fn wait(&self, jobs: &mut mpsc::Receiver<Job>) -> Next {
        // What is not applied yet is not counted yet: so the writer looks again when it is.
        let written = loop {
            if self.overlay.group_commit.whole().is_err() {
                let left = self.not_before.saturating_duration_since(Instant::now());
                return if left.is_zero() { Next::Reopen } else { receive(jobs, left) };
            }
            // When the comparison fails, the store is reopened though nobody writes.
            let settled = self.overlay.group_commit.is_settled() && !self.overlay.is_comparing();
            let written = self.overlay.tree.written();
            if written >= self.reopen.after {
                break written;
            }
            if settled {
                return jobs.blocking_recv().map_or(Next::End, Next::Job);
            }
            match receive(jobs, AGAIN) {
                Next::Reopen => {}
                next => return next,
            }
        };
        if written >= self.reopen.bound && Instant::now() >= self.not_before {
            return Next::Reopen;
        }
        receive(jobs, self.reopen.quiet)
    }

    /// Closes and reopens the tree; `None` if it cannot be reopened. Does nothing if a read takes long, or the store
    /// is being closed.
    pub(super) fn reopen(mut self, jobs: &mut mpsc::Receiver<Job>) -> Option<Self> {
        let begun = Instant::now();
        let mending = self.flush().is_err();
        if mending && !self.may_mend(begun) {
            return Some(self);
        }
        if mending {
            self.overlay.stop_comparing();
        } else if self.overlay.is_comparing() {
            self.not_before = begun + AGAIN;
            return Some(self);
        }
        let written = self.overlay.tree.written();
        let handle = Arc::clone(&self.handle);
        let Some(detached) = handle.detach() else {
            // Whoever closes the store sends a job.
            self.not_before = begun + LATER;
            return Some(self);
        };
        // No new reader gets the tree. The readers that have it, and the overlay, are counted.
        while Arc::strong_count(&self.overlay.tree) > Overlay::HANDLES {
            if begun.elapsed() >= PATIENCE {
                detached.attach(Arc::clone(&self.overlay.tree));
                self.metrics.renewals_put_off.inc();
                self.not_before = Instant::now() + LATER;
                return Some(self);
            }
            thread::sleep(GLANCE);
        }
        let again = self.overlay.tree.again();
        // sled closes the files when the last handle is dropped.
        self.overlay.end();
        let overlay = open_again(&again, !mending, &detached, jobs, &self.metrics)?;
        detached.attach(Arc::clone(&overlay.tree));
        self.metrics.refusing.set(0);
        let took = begun.elapsed();
        self.metrics.renewal_seconds.observe_duration(took);
        if mending {
            tracing::info!("the store accepts writes again");
        } else {
            tracing::info!(
                seconds = took.as_secs_f64(),
                written,
                "the store was reopened, so that its next start takes less time"
            );
        }
        Some(Self { overlay, dirty: false, ..self })
    }

    /// Whether a store that could not write is likely to be able to now.
    fn may_mend(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.not_before) > LONG_PAUSE {
            self.patience = PAUSE;
        }
        self.not_before = now + self.patience;
        match self.overlay.tree.could_be_opened() {
            Ok(()) => {
                self.patience = (self.patience * 2).min(LONG_PAUSE);
                true
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the store still cannot write");
                false
            }
        }
    }
}

/// Opens the tree, and tries again while the cause may pass; with `later` it is compared when it is used already.
/// `None` when the cause does not pass, or the store is to be closed.
fn open_again(
    again: &Again,
    mut later: bool,
    detached: &Detached<'_>,
    jobs: &mut mpsc::Receiver<Job>,
    metrics: &Arc<StoreMetrics>,
) -> Option<Overlay> {
    loop {
        let opened = again.open(later).and_then(|tree| Ok(Overlay::start(Arc::new(tree), metrics)?));
        let error = match opened {
            Ok(overlay) => return Some(overlay),
            Err(error) => error,
        };
        later = false;
        metrics.refusing.set(1);
        detached.lose();
        let passes = matches!(error, OpenError::InUse | OpenError::Store(StoreError::Unavailable(_)));
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the store could not be reopened: nothing is read or written until {}",
            if passes { "it can be, which the writer tries again" } else { "the server is restarted" }
        );
        if !passes || !refuse(jobs, LATER) {
            return None;
        }
    }
}

/// Refuses all jobs for a while. False if the store is to be closed.
fn refuse(jobs: &mut mpsc::Receiver<Job>, time: Duration) -> bool {
    let end = Instant::now() + time;
    loop {
        match receive(jobs, end.saturating_duration_since(Instant::now())) {
            Next::Job(Job::Commit(_, answer)) => drop(answer.send(Err(lost()))),
            // The caller gets an error.
            Next::Job(Job::Task(task)) => drop(task),
            Next::Job(Job::Close(closed)) => {
                let _ = closed.send(Err(lost()));
                return false;
            }
            Next::Reopen => return true,
            Next::End => return false,
        }
    }
}

/// The next job; to reopen the tree when none came in that time.
fn receive(jobs: &mut mpsc::Receiver<Job>, within: Duration) -> Next {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let end = Instant::now() + within;
    loop {
        if let Poll::Ready(job) = jobs.poll_recv(&mut Context::from_waker(&waker)) {
            return job.map_or(Next::End, Next::Job);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Next::Reopen;
        }
        thread::park_timeout(left);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use futures_util::future::join_all;

    use super::*;
    use crate::{
        clock::ManualClock,
        store::{
            Start, Store, StoreError,
            contract::{TENANT, commit, put, user},
            sled::{Options, SledStore, tree::Habit},
        },
    };

    /// As soon as a moment is quiet.
    const SOON: Reopen = Reopen { after: 1, bound: u64::MAX, quiet: Duration::from_millis(1) };
    /// After every group of commits.
    const ALWAYS: Reopen = Reopen { after: 1, bound: 1, quiet: Duration::from_secs(3600) };

    fn open(path: &Path, reopen: Reopen) -> Arc<SledStore> {
        let options = Options { cache: 1 << 20, reopen, ..Options::default() };
        Arc::new(SledStore::open_with(path, Arc::new(ManualClock::default()), options).unwrap())
    }

    async fn write(store: &SledStore, number: u128) -> Result<(), StoreError> {
        store.commit(commit(&user(number), [put(&user(number))])).await.map(drop)
    }

    async fn is_there(store: &SledStore, number: u128) -> bool {
        store.get(&user(number)).await.unwrap().is_some()
    }

    async fn until(what: impl Fn() -> bool) {
        let patience = Instant::now() + Duration::from_secs(30);
        while !what() {
            assert!(Instant::now() < patience, "it never happens");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn a_quiet_moment_is_taken_when_enough_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path(), SOON);
        write(&store, 1).await.unwrap();
        until(|| !store.metrics.renewal_seconds.is_empty()).await;
        assert!(is_there(&store, 1).await);
        // sled has written down where everything is.
        let files: Vec<_> = fs::read_dir(directory.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert!(files.iter().any(|name| name.to_string_lossy().starts_with("snap.")), "{files:?}");
        write(&store, 2).await.unwrap();
        assert!(is_there(&store, 2).await);
    }

    #[tokio::test]
    async fn before_the_bound_nobody_who_writes_is_interrupted() {
        let directory = tempfile::tempdir().unwrap();
        for reopen in [Reopen { bound: 1 << 30, ..ALWAYS }, Reopen::after(0), Reopen::default()] {
            let store = open(directory.path(), reopen);
            for number in 0..20 {
                write(&store, number).await.unwrap();
            }
            assert!(store.metrics.renewal_seconds.is_empty(), "{reopen:?}");
            store.close().await.unwrap();
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn who_comes_meanwhile_waits_and_is_answered() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path(), ALWAYS);
        let work = (0..4_u128).map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for number in (0..20).map(|number| writer * 20 + number) {
                    write(&store, number).await.unwrap();
                    assert!(is_there(&store, number).await, "{number} was acknowledged");
                    let count = store.count(TENANT, &"User".into()).await.unwrap();
                    let listed = store.resources(TENANT, &"User".into(), Start::Offset(0), 1000).await.unwrap();
                    assert!(count > 0 && listed.len() as u64 >= count, "{} of {count}", listed.len());
                }
            })
        });
        assert!(join_all(work).await.iter().all(Result::is_ok));
        assert_eq!(store.count(TENANT, &"User".into()).await.unwrap(), 80);
        assert!(!store.metrics.renewal_seconds.is_empty());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_reads_for_long_is_let_finish() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path(), SOON);
        let reading = store.handle.tree().await.unwrap();
        write(&store, 1).await.unwrap();
        until(|| store.metrics.renewals_put_off.get() > 0).await;
        assert!(store.metrics.renewal_seconds.is_empty());
        // It was postponed, and the store still works.
        write(&store, 2).await.unwrap();
        assert!(is_there(&store, 2).await);
        drop(reading);
        until(|| !store.metrics.renewal_seconds.is_empty()).await;
        assert!(is_there(&store, 1).await && is_there(&store, 2).await);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn what_the_disk_has_not_kept_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        // More than an empty store has in it, and less than one user.
        let store = open(directory.path(), Reopen { after: 100, bound: 100, ..ALWAYS });
        store.handle.tree().await.unwrap().disk.set(Habit::Stalls);
        let writes = (0..40).map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { write(&store, number).await })
        });
        let writes: Vec<_> = writes.collect();
        while !is_there(&store, 0).await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(store.metrics.renewal_seconds.is_empty());
        assert!(writes.iter().all(|write| !write.is_finished()));
        store.handle.tree().await.unwrap().disk.set(Habit::Works);
        assert!(join_all(writes).await.into_iter().all(|written| written.unwrap().is_ok()));
        until(|| !store.metrics.renewal_seconds.is_empty()).await;
        for number in 0..40 {
            assert!(is_there(&store, number).await, "{number} was acknowledged");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_store_can_be_closed_in_the_middle_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let mut next = 0;
        for round in 0..12 {
            let store = open(directory.path(), ALWAYS);
            let begun = next..next + 40;
            next += 40;
            let writes = begun.map(|number| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { write(&store, number).await.is_ok().then_some(number) })
            });
            let writes = join_all(writes);
            let close = async {
                tokio::time::sleep(Duration::from_millis(3 * round)).await;
                store.close().await.unwrap();
            };
            let (written, ()) = tokio::join!(writes, close);
            assert!(matches!(store.get(&user(0)).await, Err(StoreError::Unavailable(_))));
            let again = open(directory.path(), Reopen::default());
            for number in written.into_iter().filter_map(Result::unwrap) {
                assert!(is_there(&again, number).await, "round {round}: {number} was acknowledged");
            }
            again.close().await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_is_found_out_after_it_was_reopened_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path(), Reopen { quiet: Duration::from_millis(100), ..SOON });
        write(&store, 1).await.unwrap();
        let path = directory.path().join("journal");
        let mut journal = fs::read(&path).unwrap();
        journal[9] ^= 1;
        fs::write(&path, journal).unwrap();
        // It is reopened, and then compared with what cannot be read.
        let StoreError::Unavailable(reason) = refused(&store).await else { panic!("it says something else") };
        assert!(reason.to_string().contains("must be restarted"), "{reason}");
        assert!(!store.metrics.renewal_seconds.is_empty());
        let damaged = SledStore::open(directory.path(), Arc::new(ManualClock::default()));
        assert!(matches!(damaged, Err(OpenError::Damaged { .. })));
    }

    /// Reads until that is refused.
    async fn refused(store: &SledStore) -> StoreError {
        let patience = Instant::now() + Duration::from_secs(30);
        loop {
            match store.get(&user(1)).await {
                Ok(_) => assert!(Instant::now() < patience, "it is never refused"),
                Err(fault) => return fault,
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn what_cannot_be_opened_again_is_unavailable_and_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path(), Reopen { quiet: Duration::from_millis(100), ..SOON });
        fs::write(directory.path().join("conf"), "this is not the file that the store has made").unwrap();
        write(&store, 1).await.unwrap();
        let fault = refused(&store).await;
        for outcome in [Err(fault), write(&store, 2).await, store.close().await] {
            let Err(StoreError::Unavailable(reason)) = outcome else { panic!("{outcome:?}") };
            assert!(reason.to_string().contains("must be restarted"), "{reason}");
        }
        assert!(store.metrics.renewal_seconds.is_empty());
    }
}
