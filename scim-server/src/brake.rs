//! What the store keeps of a tenant's brake: how many users and members went lately, and whether it has tripped.
//!
//! The records have a type of their own, which no request sees. Each write that is counted changes them in its own
//! commit, on the version that was read: so two processes cannot both slip by.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    time::Duration,
};

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    store::{
        Body, Commit, Expect, Header, IndexRange, IndexValue, LAST_MODIFIED, Record, ResourceId, ResourceKey,
        StoreError, TenantId, TypeName, Values, Write,
    },
    tenant::{Brake, Mode, Window},
};

/// The type of the records. Names of resource types have no such character.
const KIND: &str = "~brake";

/// How many pieces a window is counted in: what is older than the window is forgotten piece by piece.
const PIECES: i64 = 60;

/// Longer than any window can be.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// The brake of a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Users who were deactivated, or deleted while they were active.
    pub lost: Tally,
    /// Users who were deleted.
    pub deleted: Tally,
    /// Set while it has tripped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trip: Option<Trip>,
    /// Until when nothing is counted, in milliseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_until: Option<i64>,
    /// The brake that was approved: a changed one counts at once. Absent where an older version has approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved: Option<Brake>,
    /// What was counted up to then is settled, in milliseconds since the epoch.
    pub settled: i64,
}

impl State {
    /// Until when nothing is counted, if this brake was approved and that has not ended.
    pub fn approved_until(&self, brake: &Brake, now: Timestamp) -> Option<i64> {
        let is_this = self.approved.as_ref().is_none_or(|approved| approved == brake);
        self.approved_until.filter(|until| is_this && now.as_millis() < *until)
    }
}

/// Why and when the brake has tripped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trip {
    /// When, in milliseconds since the epoch.
    pub at: i64,
    /// The number of the last event before what was counted.
    pub since: u64,
    /// Events are held behind the first `brake.tripped` after this number; absent when writes are refused instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_after: Option<u64>,
    /// Who did it.
    pub actors: BTreeSet<String>,
    /// What was more than it may be.
    pub reason: String,
    /// The brake that has tripped: whatever the settings say meanwhile, it stops as this one does until somebody has
    /// decided. Absent where an older version has noted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brake: Option<Brake>,
}

impl Trip {
    /// What it does until somebody has decided.
    pub fn mode(&self) -> Mode {
        if self.held_after.is_some() { Mode::Hold } else { Mode::Refuse }
    }
}

/// How many went within a window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tally(BTreeMap<i64, Piece>);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Piece {
    count: u64,
    since: u64,
    actors: BTreeSet<String>,
}

impl Tally {
    /// Counts so many more, and forgets what is older than the window. `newest` is the last event before.
    pub fn add(&mut self, many: u64, actor: &str, newest: u64, now: Timestamp, window: Window) {
        let now = now.as_millis();
        let length = millis(window);
        self.0.retain(|begin, _| now.saturating_sub(*begin) < length);
        if many > 0 {
            let at = now - now.rem_euclid(piece(window));
            let one = self.0.entry(at).or_insert_with(|| Piece { since: newest, ..Piece::default() });
            one.count = one.count.saturating_add(many);
            one.actors.insert(actor.to_owned());
        }
    }

    /// Counts somebody who was counted at `last` before, in milliseconds since the epoch: who goes twice within the
    /// window counts once.
    pub fn add_one(&mut self, last: &mut Option<i64>, actor: &str, newest: u64, now: Timestamp, window: Window) {
        self.add(1, actor, newest, now, window);
        let Some(before) = last.replace(now.as_millis()) else { return };
        let at = before - before.rem_euclid(piece(window));
        if let Some(one) = self.0.get_mut(&at) {
            one.count = one.count.saturating_sub(1);
            self.0.retain(|_, one| one.count > 0);
        }
    }

    /// How many, as of the last time that it was changed.
    pub fn count(&self) -> u64 {
        self.0.values().map(|piece| piece.count).sum()
    }

    /// The last event before the first that is counted.
    pub fn since(&self) -> Option<u64> {
        self.0.values().map(|piece| piece.since).min()
    }

    /// Who was counted.
    pub fn actors(&self) -> impl Iterator<Item = &String> {
        self.0.values().flat_map(|piece| &piece.actors)
    }
}

fn millis(window: Window) -> i64 {
    i64::try_from(window.length().as_millis()).unwrap_or(i64::MAX)
}

fn piece(window: Window) -> i64 {
    (millis(window) / PIECES).max(1)
}

/// When a user was counted last, in milliseconds since the epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gone {
    /// [`State::settled`] as it was then.
    settled: i64,
    /// As one who was deactivated, or deleted while active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<i64>,
    /// As one who was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<i64>,
}

impl Gone {
    /// Forgets what was counted before the brake was settled last.
    pub fn settle(&mut self, settled: i64) {
        if self.settled != settled {
            *self = Self { settled, ..Self::default() };
        }
    }
}

/// How many members a group lost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// [`State::settled`] as it was when the first of them was counted.
    settled: i64,
    /// How many.
    pub members: Tally,
}

impl Left {
    /// Forgets what was counted before the brake was settled last.
    pub fn settle(&mut self, settled: i64) {
        if self.settled != settled {
            *self = Self { settled, members: Tally::default() };
        }
    }
}

impl Left {
    /// What a record counts that one of [`recent`] is; `None` for the brake itself and for users.
    pub fn counted(record: &Record, settled: i64) -> Option<Tally> {
        let left: Self = serde_json::from_slice(&record.body.visible).ok()?;
        (left.settled == settled).then_some(left.members)
    }
}

/// A record as it was read: absent until something is counted.
#[derive(Debug)]
pub struct Read<T> {
    key: ResourceKey,
    version: Option<u64>,
    /// What it says.
    pub value: T,
}

impl<T: Default + Serialize + DeserializeOwned> Read<T> {
    /// From what the store has.
    pub fn new(key: ResourceKey, record: Option<&Record>) -> Result<Self, StoreError> {
        let value = record.map(|record| serde_json::from_slice(&record.body.visible).map_err(corrupt));
        let version = record.map(|record| record.header.version);
        Ok(Self { key, version, value: value.transpose()?.unwrap_or_default() })
    }

    /// Adds the new value to a commit, which then holds only if nobody else has changed it.
    pub fn put(self, commit: &mut Commit) -> Result<(), StoreError> {
        let visible = serde_json::to_vec(&self.value).map_err(corrupt)?.into();
        let body = Body { visible, ..Body::default() };
        commit.writes.push(match self.version {
            Some(version) => {
                commit.expect.push(Expect::Version(self.key.clone(), version));
                Write::Put(self.key, body)
            }
            // Refused if another process was first.
            None => Write::Return(self.key, body, Header::default()),
        });
        Ok(())
    }

    /// Lets a commit hold only while this is so.
    pub fn require(&self, commit: &mut Commit) {
        commit.expect.extend(self.version.map(|version| Expect::Version(self.key.clone(), version)));
    }
}

/// Where the brake of a tenant is kept.
pub fn key(tenant: TenantId) -> ResourceKey {
    key_of(tenant, ResourceId(Uuid::nil()))
}

/// Where the members are counted that a group loses, or it is noted when a user was counted.
pub fn key_of(tenant: TenantId, id: ResourceId) -> ResourceKey {
    ResourceKey { tenant, resource_type: TypeName::from(KIND), id }
}

/// The records of groups and users in which nothing is counted any more, in the order of their last change.
pub fn outdated(tenant: TenantId, now: Timestamp) -> IndexRange {
    let before = now.as_millis().saturating_sub(i64::try_from(LONGEST.as_millis()).unwrap_or(i64::MAX));
    changed(tenant, Bound::Unbounded, Bound::Included(IndexValue::instant(Timestamp::from_millis(before))))
}

/// The records in which something was counted within a window.
pub fn recent(tenant: TenantId, now: Timestamp, window: Window) -> IndexRange {
    let begin = now.as_millis().saturating_sub(millis(window));
    changed(tenant, Bound::Included(IndexValue::instant(Timestamp::from_millis(begin))), Bound::Unbounded)
}

fn changed(tenant: TenantId, from: Bound<IndexValue>, to: Bound<IndexValue>) -> IndexRange {
    IndexRange {
        tenant,
        resource_type: TypeName::from(KIND),
        attribute: LAST_MODIFIED.into(),
        values: Values::Between(from, to),
        descending: false,
    }
}

/// Whether a record is one of these.
pub fn is_brake(key: &ResourceKey) -> bool {
    key.resource_type.as_str() == KIND
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
fn corrupt(error: serde_json::Error) -> StoreError {
    StoreError::Corrupt(format!("a tenant's brake: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let window = Window::try_from("1h".to_owned()).unwrap();
        let minute = |minute: i64| Timestamp::from_millis(1_700_000_000_000 + minute * 60_000);
        let mut tally = Tally::default();
        for (many, newest, now) in [(2, 10, 0), (3, 20, 30), (4, 30, 59)] {
            tally.add(many, "t", newest, minute(now), window);
        }
        assert_eq!((tally.count(), tally.since()), (9, Some(10)));
        tally.add(1, "u", 40, minute(70), window);
        assert_eq!((tally.count(), tally.since()), (8, Some(20)));
        tally.add(0, "u", 40, minute(1000), window);
        assert_eq!((tally.count(), tally.since(), tally.actors().count()), (0, None, 0));
    }

    #[test]
    fn who_goes_twice_counts_once() {
        let window = Window::try_from("1h".to_owned()).unwrap();
        let minute = |minute: i64| Timestamp::from_millis(1_700_000_000_000 + minute * 60_000);
        let (mut tally, mut anna, mut bert) = (Tally::default(), None, None);
        tally.add_one(&mut anna, "t", 1, minute(0), window);
        tally.add_one(&mut bert, "t", 2, minute(0), window);
        tally.add_one(&mut anna, "t", 3, minute(10), window);
        assert_eq!((tally.count(), tally.since()), (2, Some(1)));
        tally.add_one(&mut bert, "t", 4, minute(40), window);
        assert_eq!((tally.count(), tally.since()), (2, Some(3)));
        // Anna is forgotten an hour after the last time.
        tally.add(0, "t", 9, minute(71), window);
        assert_eq!(tally.count(), 1);
        tally.add_one(&mut anna, "t", 9, minute(200), window);
        assert_eq!(tally.count(), 1);
    }
}
