//! The members that were written to each group.
//!
//! One record for each request: the group and a number that grows, with those who joined or left. A
//! million memberships are then some thousand records. As a key each they were tens of thousands of
//! pages, and most of the time of a run with few changes went into reading them. When a group has
//! [`MOST`] records they become one, in one batch, so that a process that is killed leaves the many or
//! the one, which say the same.
//!
//! A writer has the lock of [`crate::apply`] on what is known, so no two writers use the same number.

use std::collections::HashSet;

use sled::{Batch, IVec};

use super::{State, StateError};
use crate::{identity::SourceId, plan::SyncedObjects};

/// So many records a group has before they become one.
const MOST: usize = 64;

const LEFT: u8 = 0;
const JOINED: u8 = 1;

/// The tree of the first version, with a key for each membership: the group, then the member.
const BY_MEMBER: &str = "memberships";

impl State {
    /// Remembers that these have joined.
    pub fn join(&self, group: SourceId, members: &[SourceId]) -> Result<(), StateError> {
        self.add(group, JOINED, members)
    }

    /// Remembers that these have left.
    pub fn leave(&self, group: SourceId, members: &[SourceId]) -> Result<(), StateError> {
        self.add(group, LEFT, members)
    }

    fn add(&self, group: SourceId, way: u8, members: &[SourceId]) -> Result<(), StateError> {
        if members.is_empty() {
            return Ok(());
        }
        self.members.insert(self.next(group)?, record(way, members))?;
        if self.members.scan_prefix(group.as_bytes()).count() < MOST {
            return Ok(());
        }
        let mut now = Vec::new();
        for record in self.members.scan_prefix(group.as_bytes()) {
            replay(&mut now, &record?.1)?;
        }
        settle(&mut now);
        self.set_members(group, &now)
    }

    /// Remembers these, and nobody else.
    pub(super) fn set_members(&self, group: SourceId, members: &[SourceId]) -> Result<(), StateError> {
        let before: Vec<IVec> = self.members.scan_prefix(group.as_bytes()).keys().collect::<Result<_, _>>()?;
        if before.is_empty() && members.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::default();
        if !members.is_empty() {
            batch.insert(self.next(group)?, record(JOINED, members));
        }
        for key in before {
            batch.remove(key);
        }
        self.members.apply_batch(batch)?;
        Ok(())
    }

    /// The key behind the last one of a group.
    fn next(&self, group: SourceId) -> Result<Vec<u8>, StateError> {
        let last = self.members.scan_prefix(group.as_bytes()).keys().next_back().transpose()?;
        let number = match last {
            Some(key) => split(&key)?.1.saturating_add(1),
            None => 0,
        };
        Ok([&group.as_bytes()[..], &number.to_be_bytes()].concat())
    }

    /// Gives each known group its members.
    pub(super) fn add_members(&self, known: &mut SyncedObjects) -> Result<(), StateError> {
        let mut all = self.members.iter().peekable();
        while let Some(record) = all.next() {
            let (key, value) = record?;
            let (group, _) = split(&key)?;
            let mut members = Vec::new();
            replay(&mut members, &value)?;
            while let Some(record) = all.next_if(|record| is_of(group, record)) {
                replay(&mut members, &record?.1)?;
            }
            settle(&mut members);
            if let Some(written) = known.get_mut(&group) {
                written.members = members;
            }
        }
        Ok(())
    }

    /// Takes over what the first version remembers, once.
    pub(super) fn convert_members(&self) -> Result<(), StateError> {
        if !self.db.tree_names().iter().any(|name| name.as_ref() == BY_MEMBER.as_bytes()) {
            return Ok(());
        }
        let mut group: Option<(SourceId, Vec<SourceId>)> = None;
        for key in self.db.open_tree(BY_MEMBER)?.iter().keys() {
            let key = key?;
            let ids = key.split_at_checked(16).map(|(group, id)| (SourceId::from_bytes(group), ids(id)));
            let Some((Some(id), Some(member))) = ids else { return Err(damaged()) };
            match &mut group {
                Some((current, members)) if *current == id => members.extend(member),
                _ => {
                    if let Some((id, members)) = group.replace((id, member)) {
                        self.set_members(id, &members)?;
                    }
                }
            }
        }
        if let Some((id, members)) = group {
            self.set_members(id, &members)?;
        }
        // What was taken over is durable before its origin goes, and that before anything is added to it.
        self.save()?;
        self.db.drop_tree(BY_MEMBER)?;
        self.save()
    }
}

fn damaged() -> StateError {
    StateError::Record("of the members of a group".to_owned())
}

/// The group of a key, and its number.
fn split(key: &[u8]) -> Result<(SourceId, u64), StateError> {
    let parts = key.split_at_checked(16);
    let parts = parts.and_then(|(group, number)| Some((SourceId::from_bytes(group)?, number.try_into().ok()?)));
    parts.map(|(group, number)| (group, u64::from_be_bytes(number))).ok_or_else(damaged)
}

fn is_of(group: SourceId, record: &sled::Result<(IVec, IVec)>) -> bool {
    record.as_ref().is_ok_and(|(key, _)| key.starts_with(group.as_bytes()))
}

/// Which way, then the ids.
fn record(way: u8, members: &[SourceId]) -> Vec<u8> {
    let mut record = Vec::with_capacity(1 + 16 * members.len());
    record.push(way);
    record.extend(members.iter().flat_map(SourceId::as_bytes));
    record
}

fn ids(bytes: &[u8]) -> Option<Vec<SourceId>> {
    bytes.chunks(16).map(SourceId::from_bytes).collect()
}

/// What a record does to the members before it.
fn replay(members: &mut Vec<SourceId>, record: &[u8]) -> Result<(), StateError> {
    let moved = record.split_first().and_then(|(way, moved)| Some((*way, ids(moved)?)));
    match moved.ok_or_else(damaged)? {
        (JOINED, joined) => members.extend(joined),
        (LEFT, left) => {
            let left: HashSet<SourceId> = left.into_iter().collect();
            members.retain(|member| !left.contains(member));
        }
        _ => return Err(damaged()),
    }
    Ok(())
}

/// Sorted, each once.
fn settle(members: &mut Vec<SourceId>) {
    members.sort();
    members.dedup();
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        identity::Kind,
        plan::{ResourceId, Synced},
    };

    fn id(last: u8) -> SourceId {
        SourceId::from_bytes(&[last; 16]).unwrap()
    }

    fn group(name: &str) -> Synced {
        Synced {
            resource: ResourceId(name.into()),
            kind: Kind::Group,
            name: name.to_owned(),
            digest: None,
            left: None,
            members: Vec::new(),
        }
    }

    fn members(state: &State, group: u8) -> Vec<SourceId> {
        state.known().unwrap()[&id(group)].members.clone()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// However many come and go, in however many requests: those who are in are remembered, before
        /// the records of a group become one and after it, and the other group keeps its own.
        #[test]
        fn who_is_in_is_known(moves in proptest::collection::vec((any::<bool>(), proptest::collection::vec(0_u8..20, 0..4)), 0..200)) {
            let folder = tempfile::tempdir().unwrap();
            let state = State::open(folder.path()).unwrap();
            state.write(id(100), &group("g")).unwrap();
            state.write(id(101), &Synced { members: vec![id(1), id(2)], ..group("h") }).unwrap();
            let mut expect = BTreeSet::new();
            for (joins, who) in moves {
                let who: Vec<SourceId> = who.into_iter().map(id).collect();
                if joins {
                    state.join(id(100), &who).unwrap();
                    expect.extend(who);
                } else {
                    state.leave(id(100), &who).unwrap();
                    expect.retain(|member| !who.contains(member));
                }
            }
            prop_assert_eq!(members(&state, 100), expect.into_iter().collect::<Vec<_>>());
            prop_assert_eq!(members(&state, 101), vec![id(1), id(2)]);
            prop_assert!(state.members.len() <= MOST + 1);
        }
    }

    #[test]
    fn the_state_of_the_first_version_is_taken_over_once() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let old = state.db.open_tree(BY_MEMBER).unwrap();
        for (of, member) in [(100, 1), (100, 2), (101, 1)] {
            old.insert([*id(of).as_bytes(), *id(member).as_bytes()].concat(), &[]).unwrap();
        }
        state.write_record(id(100), &group("g")).unwrap();
        state.write_record(id(101), &group("h")).unwrap();
        drop((old, state));
        let state = State::open(folder.path()).unwrap();
        assert_eq!((members(&state, 100), members(&state, 101)), (vec![id(1), id(2)], vec![id(1)]));
        state.leave(id(100), &[id(1)]).unwrap();
        drop(state);
        assert_eq!(members(&State::open(folder.path()).unwrap(), 100), [id(2)]);
    }
}
