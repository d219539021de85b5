//! The feed: what happened in a tenant, in the order of its numbers, for applications that live from it.
//!
//! Each commit writes its event in the same step, under the next number of the tenant's log. So whoever
//! reads on from the last number that it has dealt with misses nothing, whatever happens to either side.
//! Only what is durable is shown: a number never stands for two different things. A reader that asks
//! for what is no longer kept is told so, and never given less without a word.

use std::{pin::pin, time::Duration};

use scim_protocol::{Error, ErrorKind};
use serde::Serialize;
use tokio::time::{Instant, sleep, timeout_at};

use super::{Answer, Content, Context, Operations, Outcome};
use crate::{
    event::{Action, Event},
    membership::MEMBERS,
    store::TenantId,
};

/// Events of an answer when the client names no `limit`, and at most.
const LIMIT: usize = 100;
const MOST: usize = 1000;

/// How long a client may wait for the next event, in seconds.
const LONGEST: u64 = 30;

/// How long a waiting reader trusts that it is woken. What another process commits wakes nobody here.
const LOOK: Duration = Duration::from_millis(200);

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
}

impl Default for FeedQuery {
    fn default() -> Self {
        Self { after: None, limit: LIMIT, types: Vec::new(), wait: Duration::ZERO }
    }
}

impl FeedQuery {
    /// From the parameters of a URL: `after`, `limit` (0 to 1000), `types` (separated by commas) and `wait` (seconds,
    /// 0 to 30). 400 names the one that cannot be used.
    pub fn from_pairs(pairs: &[(String, String)]) -> Result<Self, Error> {
        let mut query = Self::default();
        for (name, value) in pairs {
            let number = |most: u64| {
                let number = value.parse().ok().filter(|number| *number <= most);
                number
                    .ok_or_else(|| Error::value(format!("{name} is a whole number from 0 to {most}, not \"{value}\".")))
            };
            match name.as_str() {
                "after" => query.after = Some(number(u64::MAX)?),
                "limit" => query.limit = usize::try_from(number(MOST as u64)?).unwrap_or(MOST),
                "types" => query.types = TypePattern::list(value)?,
                "wait" => query.wait = Duration::from_secs(number(LONGEST)?),
                _ => {
                    return Err(Error::value(format!(
                        "The feed has no parameter \"{name}\". It has after, limit, types and wait."
                    )));
                }
            }
        }
        Ok(query)
    }
}

/// A type of event, or all whose names begin so: `user.created`, `scim.group.*`, `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypePattern {
    begin: String,
    whole: bool,
}

impl TypePattern {
    /// Several, separated by commas.
    pub fn list(text: &str) -> Result<Vec<Self>, Error> {
        text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(Self::parse).collect()
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let begin = text.strip_suffix('*');
        let name = begin.unwrap_or(text).to_ascii_lowercase();
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !name.chars().all(is_name) || begin.is_some_and(|begin| !begin.is_empty() && !begin.ends_with('.')) {
            return Err(Error::value(format!(
                "\"{text}\" is no type of event. Write it like user.created, group.* or *."
            )));
        }
        let name = name.strip_prefix(PREFIX).map(str::to_owned).unwrap_or(name);
        Ok(Self { begin: name, whole: begin.is_none() })
    }

    fn fits(&self, name: &str) -> bool {
        let name = name.strip_prefix(PREFIX).unwrap_or(name);
        if self.whole { name == self.begin } else { name.starts_with(&self.begin) }
    }
}

/// How the types of events about SCIM resources begin.
const PREFIX: &str = "scim.";

/// The type of an event: `scim.user.created`, `scim.group.membership.changed`.
pub fn type_of(event: &Event) -> String {
    let what = match (event.action, event.active) {
        (Action::Create, _) => "created",
        (Action::Delete, _) => "deleted",
        (Action::Replace | Action::Modify, Some(false)) => "deactivated",
        (Action::Replace | Action::Modify, Some(true)) => "reactivated",
        (Action::Replace | Action::Modify, None) if event.attributes == [MEMBERS] => "membership.changed",
        (Action::Replace | Action::Modify, None) => "updated",
        (Action::Administer, _) => "administered",
        (Action::Remind, _) => "reminded",
    };
    format!("{PREFIX}{}.{what}", event.resource_type.to_ascii_lowercase())
}

/// An event as readers see it.
#[derive(Debug, Serialize)]
pub struct Shown<'a> {
    sequence: u64,
    #[serde(rename = "type")]
    name: String,
    /// When it was committed (RFC 3339).
    time: String,
    /// The id of the token that did it, or `admin`.
    actor: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    request: &'a str,
    resource: Subject<'a>,
    /// The attributes that changed, by name.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    attributes: &'a [String],
}

/// The resource that an event is about.
#[derive(Debug, Serialize)]
struct Subject<'a> {
    #[serde(rename = "type")]
    resource_type: &'a str,
    id: String,
    /// As in its `meta.version`; absent when it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

impl<'a> From<&'a Event> for Shown<'a> {
    fn from(event: &'a Event) -> Self {
        let version = (event.version > 0).then(|| format!("W/\"{}\"", event.version));
        Self {
            sequence: event.sequence,
            name: type_of(event),
            time: event.at().to_string(),
            actor: &event.actor,
            request: &event.request,
            resource: Subject { resource_type: &event.resource_type, id: event.target.to_string(), version },
            attributes: &event.attributes,
        }
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
}

impl Operations {
    /// Answers a reader of the feed, at once or when there is an event. 410 when what it asks for is no longer kept.
    pub async fn feed(&self, context: &Context, query: &FeedQuery) -> Result<Answer, Error> {
        let page = self.next_events(context.caller.tenant().home, query).await?;
        let events: Vec<_> = page.events.iter().map(Shown::from).collect();
        let document = serde_json::json!({
            "events": events, "next": page.next, "oldest": page.oldest, "newest": page.newest,
        });
        let bytes = serde_json::to_vec(&document).map_err(Error::internal)?;
        Ok(Answer::plain(Outcome::Ok, Content::Whole(bytes)))
    }

    /// The next events of a tenant's log; waits for one as long as the query says.
    pub async fn next_events(&self, tenant: TenantId, query: &FeedQuery) -> Result<FeedPage, Error> {
        let changes = self.store.changes();
        let until = Instant::now() + query.wait;
        let mut after = query.after;
        loop {
            let mut changed = pin!(changes.notified());
            // From here on no commit is missed, whenever it comes.
            changed.as_mut().enable();
            let page = self.events_after(tenant, after, query).await?;
            if !page.events.is_empty() || query.limit == 0 || Instant::now() >= until {
                return Ok(page);
            }
            after = Some(page.next);
            let _ = timeout_at(until.min(Instant::now() + LOOK), changed).await;
            sleep(TOGETHER).await;
        }
    }

    async fn events_after(&self, tenant: TenantId, after: Option<u64>, query: &FeedQuery) -> Result<FeedPage, Error> {
        let log = self.store.log(tenant).await?;
        let from = after.unwrap_or(log.oldest.saturating_sub(1));
        if from.saturating_add(1) < log.oldest {
            return Err(gone(from, log.oldest));
        }
        if from > log.newest {
            return Err(Error::value(format!(
                "after is {from}, and the log of this tenant ends at {}. It was replaced, or the number is another tenant's. Read everything anew, and go on from there.",
                log.newest
            )));
        }
        let mut page = FeedPage { events: Vec::new(), next: from, oldest: log.oldest, newest: log.newest };
        while page.events.len() < query.limit {
            let read = self.store.events(tenant, page.next, MOST.min(query.limit)).await?;
            let Some(last) = read.last() else { break };
            let (first, last) = (read.first().map_or(0, |event| event.sequence), last.sequence);
            if first != page.next + 1 {
                // What came before was forgotten while it was read.
                return Err(gone(page.next, first));
            }
            for event in read {
                if page.events.len() == query.limit {
                    break;
                }
                page.next = event.sequence;
                if query.types.is_empty() || query.types.iter().any(|pattern| pattern.fits(&type_of(&event))) {
                    page.events.push(event);
                }
            }
            page.newest = page.newest.max(last);
        }
        Ok(page)
    }
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
        budget::Budget,
        clock::ManualClock,
        cursor::Sealer,
        operation::{Limits, UuidV7, password::Hasher},
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
        Operations {
            store,
            clock,
            ids: UuidV7::default(),
            sealer: Sealer::new(&[0; 32], 1),
            limits: Limits::default(),
            lanes: Arc::default(),
            budget: Budget::new(1 << 20),
            passwords: Hasher::default(),
        }
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

    #[test]
    fn patterns_name_types() {
        let fits = |pattern: &str, name: &str| TypePattern::parse(pattern).unwrap().fits(name);
        assert!(fits("user.created", "scim.user.created") && fits("scim.user.*", "scim.user.deleted"));
        assert!(fits("*", "scim.group.created") && fits("Group.Membership.*", "scim.group.membership.changed"));
        assert!(!fits("user.created", "scim.user.created.more") && !fits("user.*", "scim.users.created"));
        for wrong in ["user*", "us er.*", "user.**"] {
            assert!(TypePattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}
