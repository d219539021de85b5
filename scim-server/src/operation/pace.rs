//! How far the work on a request may go, and how it shares the processors with that of others.
//!
//! A request's work is counted in steps. After each slice of steps it yields: it ends if its client has disconnected
//! or its time is over, and lets others run first. Work of more than one slice also waits for its turn: a limited
//! number of scans of each tenant run at a time, and a limited number of all scans use a processor; the one that has
//! waited longest is next. A request of less than a slice never waits; nearly all requests are that short.
//!
//! Work that cannot yield because it is one call (parsing a large body, validating it, writing its line in the audit
//! log, a PATCH that compares a thousand values with each of its filters) runs on its own thread, a few at a time,
//! and half as many of one tenant.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use scim_protocol::{Error, ErrorKind};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::{OwnedSemaphorePermit, Semaphore},
    task,
    time::{Instant, timeout_at},
};

use crate::{store::TenantId, turns::Turns};

/// Steps after which work yields: some milliseconds. A step is a document of a kilobyte that is read and tested, a
/// member, or a tested term of a filter.
pub const SLICE: usize = 512;
/// Scans of one tenant that run at a time.
pub const SCANS: usize = 4;
/// A body of more bytes than this is read and validated on a thread of its own. Below, each step of it takes
/// less than a millisecond or two.
pub const LARGE: usize = 64 * 1024;
/// A PATCH with more comparisons than this also runs on its own thread.
const COMPARISONS: usize = 16 * 1024;
/// The shortest operation, and the shortest term of a filter (`or a pr`), in bytes: what is compared with
/// each value of a resource is at most as often in a body.
const TERM: usize = 8;

/// What all requests share.
pub struct Lanes {
    /// Scans that are on a processor.
    running: Arc<Semaphore>,
    /// Large bodies that are worked on.
    large: Semaphore,
    /// The scans of each tenant.
    scans: Turns,
    /// The large bodies of each tenant. Further ones wait, but do not delay other tenants.
    bodies: Turns,
}

impl Default for Lanes {
    /// As many scans at a time as there are processors, at least two, and half as many large bodies.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).max(2);
        Self {
            running: Arc::new(Semaphore::new(processors)),
            large: Semaphore::new(processors / 2),
            scans: Turns::of_each(SCANS),
            bodies: Turns::of_each((processors / 4).max(1)),
        }
    }
}

/// The work that one request has done, and its limits.
pub struct Pace {
    lanes: Arc<Lanes>,
    tenant: TenantId,
    /// Alive as long as a client waits for the response; `None` for work that has no client.
    client: Option<Weak<()>>,
    steps: AtomicUsize,
    /// Bytes of the body, or of the part of it that is worked on.
    carried: AtomicUsize,
    state: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    /// The deadline, and the time that it was given.
    deadline: Option<(Instant, Duration)>,
    scan: Option<OwnedSemaphorePermit>,
    slice: Option<OwnedSemaphorePermit>,
}

impl Pace {
    /// Work without a deadline, for an administrator.
    pub fn new(lanes: &Arc<Lanes>, tenant: TenantId) -> Arc<Self> {
        Self::begun(lanes, tenant, None, None)
    }

    /// Work for a client, limited by the life of `client` and by a time.
    pub fn of_client(lanes: &Arc<Lanes>, tenant: TenantId, client: Option<Weak<()>>, within: Duration) -> Arc<Self> {
        Self::begun(lanes, tenant, client, Some(within))
    }

    fn begun(lanes: &Arc<Lanes>, tenant: TenantId, client: Option<Weak<()>>, within: Option<Duration>) -> Arc<Self> {
        let deadline = within.map(|within| (Instant::now() + within, within));
        Arc::new(Self {
            lanes: Arc::clone(lanes),
            tenant,
            client,
            steps: AtomicUsize::new(0),
            carried: AtomicUsize::new(0),
            state: Mutex::new(Progress { deadline, ..Progress::default() }),
        })
    }

    /// Notes that a body of this size has arrived. The time starts now; the body itself has another limit.
    pub fn carries(&self, bytes: usize) {
        self.carried.store(bytes, Relaxed);
        if let Some((end, within)) = &mut self.state().deadline {
            *end = Instant::now() + *within;
        }
    }

    /// Notes that the work continues with a part of the body of this size: one operation of a bulk request. A small
    /// part runs at once, however large the request is.
    pub fn works_on(&self, bytes: usize) {
        self.carried.store(bytes, Relaxed);
    }

    /// Counts steps, and lets others run at the end of a slice. Fails if the client has disconnected or the time is
    /// over.
    pub async fn step(&self, steps: usize) -> Result<(), Error> {
        let before = self.steps.fetch_add(steps, Relaxed);
        if before / SLICE == before.saturating_add(steps) / SLICE { Ok(()) } else { self.take_turn().await }
    }

    /// Lets others run, between two parts of the work that wait for the store anyway.
    pub async fn breathe(&self) -> Result<(), Error> {
        self.rest();
        task::yield_now().await;
        self.check()
    }

    /// Releases its turn, before it waits for anything but a read.
    pub fn rest(&self) {
        let mut state = self.state();
        (state.slice, state.scan) = (None, None);
    }

    /// Whether the client has disconnected.
    pub fn is_abandoned(&self) -> bool {
        self.client.as_ref().is_some_and(|client| client.strong_count() == 0)
    }

    /// Fails if the client has disconnected or the time is over.
    pub fn check(&self) -> Result<(), Error> {
        if self.is_abandoned() {
            return Err(Error::new(ErrorKind::TooMany, "The client went away before the answer."));
        }
        match self.state().deadline {
            Some((end, within)) if Instant::now() >= end => Err(late(within)),
            _ => Ok(()),
        }
    }

    /// Runs work that cannot be interrupted and takes time in proportion to the body: at once if the body is small,
    /// otherwise on its own thread.
    pub async fn whole<T>(&self, work: impl FnOnce() -> T) -> Result<T, Error> {
        self.whole_against(0, work).await
    }

    /// The same for work that may compare each part of the body with each of these values.
    pub async fn whole_against<T>(&self, values: usize, work: impl FnOnce() -> T) -> Result<T, Error> {
        let carried = self.carried.load(Relaxed);
        if carried <= LARGE && (carried / TERM).saturating_mul(values) <= COMPARISONS {
            return Ok(work());
        }
        let _share = self.in_time(self.lanes.bodies.of(self.tenant).acquire_owned()).await?.map_err(Error::internal)?;
        let _turn = self.in_time(self.lanes.large.acquire()).await?.map_err(Error::internal)?;
        self.check()?;
        Ok(aside(work))
    }

    /// The same for work that must be done even if the time is over or the client has disconnected: a line of the
    /// audit log.
    pub async fn always<T>(&self, bytes: usize, work: impl FnOnce() -> T) -> T {
        if bytes <= LARGE {
            return work();
        }
        let share = self.lanes.bodies.of(self.tenant).acquire_owned().await;
        let turn = self.lanes.large.acquire().await;
        let done = aside(work);
        drop((share, turn));
        done
    }

    async fn take_turn(&self) -> Result<(), Error> {
        self.state().slice = None;
        task::yield_now().await;
        self.check()?;
        if self.state().scan.is_none() {
            let scan =
                self.in_time(self.lanes.scans.of(self.tenant).acquire_owned()).await?.map_err(Error::internal)?;
            self.state().scan = Some(scan);
        }
        let running = Arc::clone(&self.lanes.running).acquire_owned();
        let slice = self.in_time(running).await?.map_err(Error::internal)?;
        self.state().slice = Some(slice);
        self.check()
    }

    async fn in_time<T>(&self, waiting: impl Future<Output = T>) -> Result<T, Error> {
        let deadline = self.state().deadline;
        match deadline {
            None => Ok(waiting.await),
            Some((end, within)) => timeout_at(end, waiting).await.map_err(|_| late(within)),
        }
    }

    fn state(&self) -> MutexGuard<'_, Progress> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs it on a thread that does not serve requests.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => task::block_in_place(work),
        _ => work(),
    }
}

fn late(within: Duration) -> Error {
    Error::new(
        ErrorKind::TooMany,
        format!(
            "The request took longer than {} s. Filter by an indexed attribute, walk with a cursor, or send less at a time.",
            within.as_secs()
        ),
    )
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const TENANT: TenantId = TenantId(Uuid::from_u128(1));
    const OTHER: TenantId = TenantId(Uuid::from_u128(2));
    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn work_ends_at_its_deadline() {
        let pace = Pace::of_client(&Arc::default(), TENANT, None, MINUTE);
        pace.step(10 * SLICE).await.unwrap();
        let pace = Pace::of_client(&Arc::default(), TENANT, None, Duration::ZERO);
        // Within a slice the clock is not read.
        pace.step(SLICE - 1).await.unwrap();
        assert_eq!(pace.step(1).await.unwrap_err().kind(), ErrorKind::TooMany);
        assert!(pace.check().is_err() && pace.breathe().await.is_err());
        pace.carries(LARGE + 1);
        assert!(pace.whole(|| panic!("it is too late for that")).await.is_err());
    }

    #[tokio::test]
    async fn work_ends_with_its_client() {
        let client = Arc::new(());
        let pace = Pace::of_client(&Arc::default(), TENANT, Some(Arc::downgrade(&client)), MINUTE);
        pace.step(SLICE).await.unwrap();
        drop(client);
        pace.step(SLICE - 1).await.unwrap();
        assert!(pace.step(1).await.is_err());
        assert!(pace.breathe().await.is_err());
    }

    /// The order in which scans got on, when each of these tenants has so many, and each scan so many slices.
    async fn turns(scans: &[(TenantId, usize)], slices: usize) -> Vec<TenantId> {
        let lanes = Arc::new(Lanes { running: Arc::new(Semaphore::new(1)), ..Lanes::default() });
        let turns = Arc::new(Mutex::new(Vec::new()));
        let mut all = task::JoinSet::new();
        for (tenant, scans) in scans {
            for _ in 0..*scans {
                let (pace, turns, tenant) = (Pace::new(&lanes, *tenant), Arc::clone(&turns), *tenant);
                all.spawn(async move {
                    for _ in 0..slices {
                        pace.step(SLICE).await.unwrap();
                        turns.lock().unwrap().push(tenant);
                    }
                });
            }
        }
        all.join_all().await;
        Arc::into_inner(turns).unwrap().into_inner().unwrap()
    }

    #[tokio::test]
    async fn a_tenant_waits_for_a_few_slices_of_another_one_however_many_scans_that_has() {
        let turns = turns(&[(TENANT, 100), (OTHER, 1)], 10).await;
        let of_other: Vec<_> = turns.iter().enumerate().filter(|(_, t)| **t == OTHER).map(|(at, _)| at).collect();
        assert_eq!(of_other.len(), 10);
        for (first, next) in of_other.iter().zip(&of_other[1..]) {
            // Those that wait for a processor, and those that have just begun to.
            assert!(next - first <= 2 * SCANS + 2, "{of_other:?}");
        }
    }

    #[tokio::test]
    async fn who_rests_holds_nobody_up() {
        let lanes: Arc<Lanes> = Arc::default();
        let paces: Vec<_> = (0..100).map(|_| Pace::new(&lanes, TENANT)).collect();
        for pace in &paces {
            pace.step(SLICE).await.unwrap();
            pace.rest();
        }
        drop(paces);
        assert!(lanes.scans.of(OTHER).available_permits() == SCANS && lanes.scans.tenants() == 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn large_work_is_done_elsewhere() {
        let pace = Pace::new(&Arc::default(), TENANT);
        assert_eq!(pace.whole(|| 7).await.unwrap(), 7);
        pace.carries(LARGE + 1);
        assert_eq!(pace.whole(|| 8).await.unwrap(), 8);
        pace.works_on(LARGE);
        let _busy = pace.lanes.large.acquire_many(u32::try_from(pace.lanes.large.available_permits()).unwrap()).await;
        assert_eq!(pace.whole(|| 9).await.unwrap(), 9);
    }

    #[tokio::test]
    async fn what_compares_much_waits_for_its_turn_however_small_its_body_is() {
        let lanes: Arc<Lanes> = Arc::default();
        let pace = Pace::of_client(&lanes, TENANT, None, Duration::from_millis(1));
        pace.carries(100 * TERM);
        let _busy = lanes.bodies.of(TENANT).acquire_many_owned(u32::try_from(lanes.bodies.each()).unwrap()).await;
        assert_eq!(pace.whole_against(COMPARISONS / 100, || 1).await.unwrap(), 1);
        let waits = pace.whole_against(COMPARISONS / 100 + 1, || 2).await;
        assert_eq!(waits.unwrap_err().kind(), ErrorKind::TooMany);
        // Another tenant does not wait for it.
        let other = Pace::new(&lanes, OTHER);
        other.carries(LARGE + 1);
        assert_eq!(other.whole(|| 3).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn what_must_be_done_waits_for_its_turn_and_is_never_given_up() {
        let lanes: Arc<Lanes> = Arc::default();
        let pace = Pace::of_client(&lanes, TENANT, Some(Weak::new()), Duration::ZERO);
        let busy = lanes.bodies.of(TENANT).acquire_many_owned(u32::try_from(lanes.bodies.each()).unwrap()).await;
        assert_eq!(pace.always(LARGE, || 1).await, 1);
        let mut waits = Box::pin(pace.always(LARGE + 1, || 2));
        tokio::select! {
            biased;
            _ = &mut waits => panic!("it is somebody else's turn"),
            () = std::future::ready(()) => {}
        }
        drop(busy);
        assert_eq!(waits.await, 2);
    }
}
