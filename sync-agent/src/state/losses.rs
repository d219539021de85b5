//! What was lost at the target within a day, without a person's approval.
//!
//! The limits of [`crate::plan::safety`] are for a day, not for a run: a mistake that takes a little
//! each hour would pass a limit of each run for ever. One counter for each hour, kind and group; those
//! that are older than a day are dropped when a new one is begun.

use scim_protocol::Timestamp;

use super::{State, StateError};
use crate::{
    identity::SourceId,
    plan::limits::{Loss, Lost},
};

const HOUR: i64 = 60 * 60 * 1000;

/// So many whole hours before the present one count.
const HOURS: u64 = 24;

fn hour(at: Timestamp) -> u64 {
    u64::try_from(at.as_millis() / HOUR).unwrap_or(0)
}

impl State {
    /// What was lost in the last day.
    pub fn lost(&self, now: Timestamp) -> Result<Lost, StateError> {
        let mut lost = Lost::new();
        let since = hour(now).saturating_sub(HOURS).to_be_bytes();
        for counter in self.losses.range(since..) {
            let (key, value) = counter?;
            let damaged = || StateError::Record("a count of losses".to_owned());
            let (loss, group) = key.get(8..).and_then(|rest| rest.split_first()).ok_or_else(damaged)?;
            let loss = *Loss::ALL.get(usize::from(*loss)).ok_or_else(damaged)?;
            let number = value.as_ref().try_into().map(u64::from_be_bytes).map_err(|_| damaged())?;
            let number = usize::try_from(number).unwrap_or(usize::MAX);
            let sum = lost.entry((loss, SourceId::from_bytes(group))).or_default();
            *sum = sum.saturating_add(number);
        }
        Ok(lost)
    }

    /// Counts losses of one kind; of members, those of one group.
    pub fn add_lost(
        &self,
        loss: Loss,
        group: Option<SourceId>,
        number: usize,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let mut key = hour(now).to_be_bytes().to_vec();
        key.push(loss as u8);
        key.extend(group.iter().flat_map(SourceId::as_bytes));
        let added = u64::try_from(number).unwrap_or(u64::MAX);
        let before = self.losses.fetch_and_update(key, |before| {
            let before = before.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
            Some(before.saturating_add(added).to_be_bytes().to_vec())
        })?;
        if before.is_none() {
            let old = hour(now).saturating_sub(HOURS).to_be_bytes();
            for key in self.losses.range(..old).keys() {
                self.losses.remove(key?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_counted_and_then_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let group = SourceId::from_bytes(&[7; 16]);
        let at = |hours: i64| Timestamp::from_millis((1_000 + hours) * HOUR);
        state.add_lost(Loss::UsersRemoved, None, 3, at(0)).unwrap();
        state.add_lost(Loss::UsersRemoved, None, 4, at(0)).unwrap();
        state.add_lost(Loss::MembersRemoved, group, 5, at(20)).unwrap();
        let removed = |hours| state.lost(at(hours)).unwrap().get(&(Loss::UsersRemoved, None)).copied();
        assert_eq!((removed(0), removed(24), removed(25)), (Some(7), Some(7), None));
        assert_eq!(state.lost(at(30)).unwrap(), Lost::from([((Loss::MembersRemoved, group), 5)]));
        state.add_lost(Loss::GroupsRemoved, None, 1, at(40)).unwrap();
        assert_eq!(removed(0), None);
    }
}
