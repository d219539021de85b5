//! Whether what was once read is still so, without reading it again.
//!
//! What is made of a resource (its JSON, with its groups) can be kept only if nobody ever sees it when it is
//! old. So each resource has a mark, which the thread that applies batches raises before it applies one that
//! concerns the resource, and again when it is applied. Who has read notes the marks of all that it has read, a
//! [`Seal`]; as long as they are the same, so is what was read. Some resources share a mark, and then one
//! seems to change with the other: that costs a reading, and is never wrong.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicU64, Ordering::SeqCst},
};

use uuid::Uuid;

use super::{ResourceId, TenantId};

/// How many marks there are: 128 KiB of them.
const MARKS: usize = 1 << 14;

/// The marks of all resources. Raised by one thread, looked at by all.
pub struct Freshness {
    /// Odd while a batch is applied.
    batches: AtomicU64,
    /// Odd while a batch is applied that concerns the resource.
    marks: Box<[AtomicU64]>,
}

/// A moment in which no batch was applied.
#[derive(Debug, Clone, Copy)]
pub struct Moment(u64);

/// The marks of some resources as they were at one moment.
#[derive(Debug)]
pub struct Seal(Box<[(usize, u64)]>);

impl Default for Freshness {
    fn default() -> Self {
        Self { batches: AtomicU64::new(0), marks: (0..MARKS).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Freshness {
    /// What stands for the list of a tenant's resources of a type: a batch that creates or deletes one concerns it.
    pub fn list(tenant: TenantId, resource_type: &str) -> ResourceId {
        let mut hasher = DefaultHasher::new();
        (tenant.0, resource_type).hash(&mut hasher);
        ResourceId(Uuid::from_u64_pair(0, hasher.finish()))
    }

    /// Applies a batch that concerns these resources. One thread does so at a time. After an error nothing is
    /// sealed any more, and nothing of these resources is fresh, until [`Self::renew`].
    pub fn change<T, E>(
        &self,
        resources: impl Iterator<Item = ResourceId>,
        apply: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut marks: Vec<_> = resources.map(mark).collect();
        marks.sort_unstable();
        marks.dedup();
        let marks = || marks.iter().filter_map(|mark| self.marks.get(*mark));
        begin(&self.batches);
        marks().for_each(begin);
        let outcome = apply();
        if outcome.is_ok() {
            marks().for_each(end);
            end(&self.batches);
        }
        outcome
    }

    /// Nothing that was read before is fresh: the store was opened again, and may stand at an earlier state.
    pub fn renew(&self) {
        for mark in self.marks.iter().chain([&self.batches]) {
            begin(mark);
            end(mark);
        }
    }

    /// To be taken before reading what is to be sealed. `None` while a batch is applied.
    pub fn moment(&self) -> Option<Moment> {
        Some(self.batches.load(SeqCst)).filter(|batches| batches % 2 == 0).map(Moment)
    }

    /// Seals what was read of these resources since a moment. `None` when a batch was applied meanwhile.
    pub fn seal(&self, since: Moment, resources: impl Iterator<Item = ResourceId>) -> Option<Seal> {
        let marks = resources.map(|resource| {
            let mark = mark(resource);
            Some((mark, self.marks.get(mark)?.load(SeqCst)))
        });
        let marks = marks.collect::<Option<_>>()?;
        (self.batches.load(SeqCst) == since.0).then_some(Seal(marks))
    }

    /// Whether all that was sealed is still as it was.
    pub fn holds(&self, Seal(marks): &Seal) -> bool {
        marks.iter().all(|(mark, seen)| self.marks.get(*mark).is_some_and(|now| now.load(SeqCst) == *seen))
    }
}

fn begin(mark: &AtomicU64) {
    mark.fetch_or(1, SeqCst);
}

fn end(mark: &AtomicU64) {
    mark.fetch_add(1, SeqCst);
}

/// The last bits of an id are random (RFC 9562 §5.7).
fn mark(ResourceId(id): ResourceId) -> usize {
    // All parts of it, since the ids of another system may be random elsewhere.
    let (high, low) = id.as_u64_pair();
    let mixed = high ^ low;
    usize::try_from((mixed ^ (mixed >> 32)) % MARKS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> ResourceId {
        ResourceId(Uuid::from_u128(number))
    }

    #[test]
    fn what_was_read_is_fresh_until_it_changes() {
        let freshness = Freshness::default();
        let seal = |ids: &[u128]| {
            let moment = freshness.moment().unwrap();
            freshness.seal(moment, ids.iter().copied().map(id)).unwrap()
        };
        let (one, two, both) = (seal(&[1]), seal(&[2]), seal(&[1, 2]));
        let change = |ids: &[u128], outcome: Result<(), ()>| {
            freshness.change(ids.iter().copied().map(id), || {
                // Also while it changes.
                assert!(freshness.moment().is_none());
                assert!(!freshness.holds(&one) && !freshness.holds(&both) && freshness.holds(&two));
                outcome
            })
        };
        assert!(freshness.holds(&one) && freshness.holds(&both));
        change(&[1, 1], Ok(())).unwrap();
        assert!(!freshness.holds(&one) && !freshness.holds(&both) && freshness.holds(&two));
        assert!(freshness.holds(&seal(&[1])));
        // What failed may have been done, or a part of it.
        change(&[1], Err(())).unwrap_err();
        assert!(freshness.moment().is_none() && freshness.holds(&two));
        freshness.renew();
        assert!(!freshness.holds(&two) && freshness.holds(&seal(&[1, 2])));
    }

    #[test]
    fn what_was_read_beside_a_batch_is_not_sealed() {
        let freshness = Freshness::default();
        let before = freshness.moment().unwrap();
        freshness.change([id(9)].into_iter(), || Ok::<_, ()>(())).unwrap();
        assert!(freshness.seal(before, [id(1)].into_iter()).is_none());
    }
}
