//! The feed: what happened in a tenant, in the order of its numbers, for applications that live from it.
//!
//! Each commit writes its event in the same step, under the next number of the tenant's log. So whoever
//! reads on from the last number that it has dealt with misses nothing, whatever happens to either side.
//! Only what is durable is shown: a number never stands for two different things. A reader that asks
//! for what is no longer kept is told so, and never given less without a word.

mod kind;
mod shown;

use std::{
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use scim_protocol::{Error, ErrorKind, schema::SchemaRegistry};
use serde::Serialize;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep, timeout_at},
};

pub use self::{
    kind::{HAPPENINGS, TypePattern, type_of},
    shown::Shown,
};
use super::{Answer, Content, Operations, Outcome};
use crate::{event::Event, store::TenantId, tenant::Tenant, turns::Turns};

/// Events of an answer when the client names no `limit`.
pub const LIMIT: usize = 100;
pub const MOST: usize = 1000;

/// How long a client may wait for the next event, in seconds.
pub const LONGEST: u64 = 30;

/// How long a waiting reader trusts that it is woken. What another process commits wakes nobody here.
pub(super) const LOOK: Duration = Duration::from_millis(200);

/// What comes so soon after an event is read with it.
const TOGETHER: Duration = Duration::from_millis(3);

/// What a reader of the feed asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedQuery {
    /// The last number that it has dealt with; `None` for the oldest that is kept.
    pub after: Option<u64>,
    /// How many events at most.
    pub limit: usize,
    /// Which; all when there are none.
    pub types: Vec<TypePattern>,
    /// How long to wait until there is one.
    pub wait: Duration,
    /// The log that the numbers are of, as an answer named it.
    pub log: Option<String>,
    /// Also what the brake holds: for administrators.
    pub held: bool,
}

impl Default for FeedQuery {
    fn default() -> Self {
        Self { after: None, limit: LIMIT, types: Vec::new(), wait: Duration::ZERO, log: None, held: false }
    }
}

impl FeedQuery {
    /// From the parameters of a URL: `after`, `limit` (0 to 1000), `types` (separated by commas), `wait` (seconds,
    /// 0 to 30) and `log`. 400 names the one that cannot be used.
    pub fn from_pairs(pairs: &[(String, String)], registry: &SchemaRegistry) -> Result<Self, Error> {
        let mut query = Self::default();
        for (at, (name, value)) in pairs.iter().enumerate() {
            if pairs.iter().take(at).any(|(other, _)| other == name) {
                return Err(Error::value(format!("{name} is given twice. Send it once.")));
            }
            let number = |most: u64| {
                let number = value.parse().ok().filter(|number| *number <= most);
                number
                    .ok_or_else(|| Error::value(format!("{name} is a whole number from 0 to {most}, not \"{value}\".")))
            };
            match name.as_str() {
                "after" => query.after = Some(number(u64::MAX)?),
                "limit" => query.limit = usize::try_from(number(MOST as u64)?).unwrap_or(MOST),
                "types" => query.types = TypePattern::list(value, registry)?,
                "wait" => query.wait = Duration::from_secs(number(LONGEST)?),
                "log" => query.log = Some(value.clone()),
                _ => {
                    return Err(Error::value(format!(
                        "The feed has no parameter \"{name}\". It has after, limit, log, types and wait."
                    )));
                }
            }
        }
        Ok(query)
    }
}

/// Some events, and where the log stands.
#[derive(Debug, PartialEq, Eq)]
pub struct FeedPage {
    /// Those that fit, in their order.
    pub events: Vec<Event>,
    /// Every event up to this number was looked at: the next `after`.
    pub next: u64,
    /// The smallest number that is kept; one more than the largest when none is.
    pub oldest: u64,
    /// The largest number there is.
    pub newest: u64,
    /// The log that the numbers are of: a tenant that is replaced has another one.
    pub log: TenantId,
}

impl FeedPage {
    /// Without what comes behind that number.
    fn end_at(&mut self, number: u64) {
        self.events.retain(|event| event.sequence <= number);
        self.next = self.next.min(number);
        self.newest = self.newest.min(number);
    }

    /// As the feed of that tenant shows it.
    pub fn answer(&self, tenant: &Tenant) -> Result<Answer, Error> {
        plain(&self.shown(tenant))
    }

    pub(super) fn shown(&self, tenant: &Tenant) -> ShownPage<'_> {
        ShownPage {
            events: self.events.iter().map(|event| Shown::new(event, tenant)).collect(),
            next: self.next,
            oldest: self.oldest,
            newest: self.newest,
            log: self.log.to_string(),
        }
    }
}

/// A page as readers see it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "EventPage"))]
pub struct ShownPage<'a> {
    events: Vec<Shown<'a>>,
    next: u64,
    oldest: u64,
    newest: u64,
    log: String,
}

/// The answer that is this JSON.
pub fn plain(document: &impl Serialize) -> Result<Answer, Error> {
    let bytes = serde_json::to_vec(document).map_err(Error::internal)?;
    Ok(Answer::plain(Outcome::Ok, Content::Whole(bytes.into())))
}

/// Those who wait for events.
pub struct Waits {
    /// So many of each tenant; the others are answered at once.
    turns: Turns,
    ending: AtomicBool,
}

/// How many may wait at the same time, of each tenant: each has a connection.
pub const WAITING: usize = 64;

impl Default for Waits {
    fn default() -> Self {
        Self { turns: Turns::of_each(WAITING), ending: AtomicBool::new(false) }
    }
}

impl Operations {
    /// Lets nobody wait for events any more: the server stops.
    pub fn end_waits(&self) {
        self.waits.ending.store(true, Ordering::Release);
        self.store.changes().notify_waiters();
    }

    /// Whether nobody waits any more.
    pub fn ends_waits(&self) -> bool {
        self.waits.ending.load(Ordering::Acquire)
    }

    /// A turn to wait, for as long as it is held; `None` when as many of the tenant wait as may.
    pub fn turn_to_wait(&self, tenant: TenantId) -> Option<OwnedSemaphorePermit> {
        self.waits.turns.of(tenant).try_acquire_owned().ok()
    }

    /// The next events of a tenant's log; waits for one as long as the query says, but not when the server stops. 410
    /// when what is asked for is no longer kept.
    pub async fn next_events(&self, tenant: TenantId, query: &FeedQuery) -> Result<FeedPage, Error> {
        let changes = self.store.changes();
        let until = Instant::now() + query.wait;
        let mut after = query.after;
        loop {
            let mut changed = pin!(changes.notified());
            // From here on no commit is missed, whenever it comes.
            changed.as_mut().enable();
            let page = self.events_after(tenant, after, query).await?;
            if !page.events.is_empty() || query.limit == 0 || Instant::now() >= until || self.ends_waits() {
                return Ok(page);
            }
            after = Some(page.next);
            let _ = timeout_at(until.min(Instant::now() + LOOK), changed).await;
            sleep(TOGETHER).await;
        }
    }

    pub(super) async fn events_after(
        &self,
        tenant: TenantId,
        after: Option<u64>,
        query: &FeedQuery,
    ) -> Result<FeedPage, Error> {
        if query.log.as_ref().is_some_and(|log| *log != tenant.to_string()) {
            return Err(Error::new(
                ErrorKind::Gone,
                "The log that these numbers are of was replaced by an import. Note the newest number and the log (GET with limit=0), read all resources, and go on after that number.",
            ));
        }
        let log = self.store.log(tenant).await?;
        let from = after.unwrap_or(log.oldest.saturating_sub(1));
        if from.saturating_add(1) < log.oldest {
            return Err(gone(from, log.oldest));
        }
        if from > log.newest {
            let out = if query.held { None } else { self.newest_out(tenant).await? };
            return Err(behind(from, out.unwrap_or(log.newest)));
        }
        let mut page = FeedPage { events: Vec::new(), next: from, oldest: log.oldest, newest: log.newest, log: tenant };
        'log: while page.events.len() < query.limit {
            let read = self.store.events(tenant, page.next, MOST.min(query.limit)).await?;
            let Some(last) = read.last() else { break };
            page.newest = page.newest.max(last.sequence);
            for event in read {
                if page.events.len() == query.limit {
                    break 'log;
                }
                if event.sequence != page.next + 1 {
                    // Forgotten while it was read, or lost with a damaged log. What comes before it is given first.
                    if page.next == from {
                        return Err(gone(from, event.sequence));
                    }
                    break 'log;
                }
                page.next = event.sequence;
                if TypePattern::fit(&query.types, &type_of(&event)) {
                    page.events.push(event);
                }
            }
        }
        if !query.held
            && let Some(newest) = self.newest_out(tenant).await?
        {
            // Nobody is told how far what is held goes.
            if from > newest {
                return Err(behind(from, newest));
            }
            page.end_at(newest);
        }
        Ok(page)
    }
}

/// 400: there is no such number.
fn behind(after: u64, newest: u64) -> Error {
    Error::value(format!(
        "after is {after}, and the log of this tenant ends at {newest}. It was replaced, or the number is another tenant's. Read everything anew, and go on from there."
    ))
}

/// 410: there is a gap between what the reader has and what is kept.
fn gone(after: u64, oldest: u64) -> Error {
    Error::new(
        ErrorKind::Gone,
        format!(
            "The events after {after} are no longer kept; the oldest is {oldest}. Note the newest number (GET with limit=0), read all resources, and go on after that number."
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use scim_protocol::Timestamp;

    use super::*;
    use crate::{
        clock::ManualClock,
        event::Action,
        store::{Commit, ResourceId, ResourceKey, Store as _, sled::SledStore},
    };

    const TENANT: TenantId = TenantId(uuid::Uuid::from_u128(7));

    async fn log_of(number: u32, clock: &Arc<ManualClock>, directory: &tempfile::TempDir) -> Operations {
        let clock: Arc<ManualClock> = Arc::clone(clock);
        let store = Arc::new(SledStore::open(directory.path(), clock.clone()).unwrap());
        for _ in 0..number {
            clock.advance(1);
            let target =
                ResourceKey { tenant: TENANT, resource_type: "User".into(), id: ResourceId(uuid::Uuid::nil()) };
            let event = Event::administration(Action::Administer, "User", target.id, &[]);
            store.commit(Commit::new(target, event)).await.unwrap();
        }
        Operations::on(store, clock)
    }

    #[tokio::test]
    async fn a_gap_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1000)));
        let operations = log_of(9, &clock, &directory).await;
        assert_eq!(operations.store.forget_events(Timestamp::from_millis(1005)).await.unwrap(), 4);
        let ask = |after| FeedQuery { after, limit: 2, ..FeedQuery::default() };
        let numbers = async |after| {
            let page = operations.next_events(TENANT, &ask(after)).await;
            page.map(|page| (page.events.iter().map(|event| event.sequence).collect::<Vec<_>>(), page.next))
        };
        for after in [0, 3] {
            let error = numbers(Some(after)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Gone);
            assert!(error.detail().contains("the oldest is 5"), "{}", error.detail());
        }
        assert_eq!(numbers(Some(4)).await.unwrap(), (vec![5, 6], 6));
        assert_eq!(numbers(None).await.unwrap(), (vec![5, 6], 6));
        assert_eq!(numbers(Some(9)).await.unwrap(), (vec![], 9));
        assert_eq!(numbers(Some(10)).await.unwrap_err().kind(), ErrorKind::InvalidValue);
        operations.store.forget_events(Timestamp::from_millis(i64::MAX)).await.unwrap();
        assert_eq!(numbers(None).await.unwrap(), (vec![], 9));
        assert_eq!(numbers(Some(8)).await.unwrap_err().kind(), ErrorKind::Gone);
    }

    #[tokio::test]
    async fn what_comes_before_a_gap_is_given_and_then_the_gap_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1000)));
        let operations = log_of(3, &clock, &directory).await;
        // As a damaged log leaves it.
        let event = Event::administration(Action::Administer, "User", ResourceId(uuid::Uuid::nil()), &[]);
        let late = Event { sequence: 5, at: 2000, ..event };
        operations.store.load(vec![crate::store::Item::Event(TENANT, late)]).await.unwrap();
        let ask = async |after| operations.next_events(TENANT, &FeedQuery { after, ..FeedQuery::default() }).await;
        let page = ask(Some(0)).await.unwrap();
        assert_eq!((page.events.len(), page.next, page.newest), (3, 3, 5));
        assert_eq!(ask(Some(3)).await.unwrap_err().kind(), ErrorKind::Gone);
        assert_eq!(ask(Some(4)).await.unwrap().next, 5);
    }
}
