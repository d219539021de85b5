//! What the incremental runs have missed.
//!
//! An incremental reading keeps a population up to date; a full one shows what is so. Where both lead
//! to the same wishes, nothing was missed. Every difference is an object that would have stayed wrong
//! until now, which must not happen: the number is reported, and is to be 0.

use crate::{mapping::Snapshot, problem::Subject};

/// The objects of which a full reading says something else than the incremental ones before it. Pass
/// what each population maps to at the same moment, and continue the incremental one up to the full
/// reading first: what has changed meanwhile is no drift.
pub fn between(incremental: &Snapshot, full: &Snapshot) -> Vec<Subject> {
    let missed =
        full.resources.values().filter(|desired| incremental.resources.get(&desired.subject.id) != Some(desired));
    let stale = incremental.resources.values().filter(|desired| !full.wants(desired.subject.id));
    missed.chain(stale).map(|desired| desired.subject.clone()).collect()
}
