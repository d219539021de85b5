//! The counts of [`crate::store::rank`] over the keys of a tree: kept by each batch that is applied.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::key::Range;
use crate::store::rank::{self, Block, Place};

/// How many keys are counted into one block. To find a place, half of a block is walked over: a microsecond for each key,
/// where a sorted page of 100 takes 400.
const BLOCK: usize = if cfg!(test) { 4 } else { 128 };

/// What is counted.
pub(super) trait Keys {
    /// What goes wrong when they are read.
    type Error;

    /// At most `most` keys from `from` on, up to but without `to`, in their order.
    fn keys(&self, from: &[u8], to: &[u8], most: usize) -> Result<Vec<Vec<u8>>, Self::Error>;

    /// How many of these keys there are, `most` at most.
    fn count(&self, from: &[u8], to: &[u8], most: usize) -> Result<u64, Self::Error> {
        Ok(self.keys(from, to, most)?.len() as u64)
    }

    /// Of these keys the one that so many others stand before.
    fn nth(&self, from: &[u8], to: &[u8], place: usize) -> Result<Option<Vec<u8>>, Self::Error> {
        Ok(self.keys(from, to, place.saturating_add(1))?.into_iter().nth(place))
    }

    /// Whether the key is there.
    fn contains(&self, key: &[u8]) -> Result<bool, Self::Error>;
}

type Run = rank::Run<Vec<u8>>;

/// By the prefix that all keys of the run have.
type Runs = rank::Runs<Vec<u8>, Vec<u8>>;

/// The counts of all runs that somebody has asked for.
#[derive(Default)]
pub(super) struct Ranks(Mutex<Runs>);

impl Ranks {
    fn counted(&self) -> MutexGuard<'_, Runs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes with `write`, and keeps the counts. `changes` are the keys that come (true) or go (false);
    /// `run` gives the run of a key, if it can be counted.
    pub fn keep<'a, K: Keys, T>(
        &self,
        keys: &K,
        changes: impl Iterator<Item = (&'a [u8], bool)>,
        run: impl Fn(&[u8]) -> Option<&[u8]>,
        write: impl FnOnce() -> Result<T, K::Error>,
    ) -> Result<T, K::Error> {
        // Held while it is written: who counts sees all of a batch or nothing.
        let mut counted = self.counted();
        if counted.is_empty() {
            return write();
        }
        // Of two changes to one key the later holds. In the order of the keys, so that those that are put
        // behind everything come as such.
        let mut of_runs = BTreeMap::new();
        for (key, comes) in changes {
            if run(key).is_some_and(|run| counted.known(run).is_some()) {
                of_runs.insert(key, comes);
            }
        }
        let mut moves = Vec::new();
        for (key, comes) in of_runs {
            if keys.contains(key)? != comes {
                moves.push((key, comes));
            }
        }
        let outcome = write();
        if outcome.is_err() {
            // Nobody knows what of it is there.
            counted.retain(|_| false);
        }
        for (key, comes) in moves {
            if let Some(run) = run(key).and_then(|run| counted.known(run)) {
                run.change(&key.to_vec(), comes, BLOCK);
            }
        }
        outcome
    }

    /// How many keys of the run, from its first one on, stand before `key`.
    pub fn rank<K: Keys>(&self, keys: &K, run: &Range, key: &[u8]) -> Result<u64, K::Error> {
        loop {
            let mut counted = self.counted();
            let counts = counted.asked(&run.start);
            if let Place::Block { at, before } = counts.place_of(&key.to_vec()) {
                if split(counts, keys, run, at)? {
                    continue;
                }
                let block = counts.block(at).filter(|block| block.first.as_slice() < key);
                return block.map_or(Ok(before), |block| Ok(before + keys.count(&block.first, key, block.keys)?));
            }
            extend(counts, keys, run)?;
            counted.bound();
        }
    }

    /// The key of the run before which stand `rank` others.
    pub fn select<K: Keys>(&self, keys: &K, run: &Range, rank: u64) -> Result<Option<Vec<u8>>, K::Error> {
        loop {
            let mut counted = self.counted();
            let counts = counted.asked(&run.start);
            match counts.place_at(rank) {
                Place::Block { at, before } => {
                    if split(counts, keys, run, at)? {
                        continue;
                    }
                    let Some(block) = counts.block(at) else { return Ok(None) };
                    let place = usize::try_from(rank - before).unwrap_or(usize::MAX);
                    return keys.nth(&block.first, &run.end, place);
                }
                Place::Beyond => return Ok(None),
                Place::Uncounted => {}
            }
            extend(counts, keys, run)?;
            counted.bound();
        }
    }
}

/// The key of `range`, a part of `run`, before which `offset` others of the range stand; from the end
/// when it is read `descending`.
pub(super) fn nth<K: Keys>(
    ranks: &Ranks,
    keys: &K,
    (run, range): (&Range, &Range),
    descending: bool,
    offset: u64,
) -> Result<Option<Vec<u8>>, K::Error> {
    let rank = if descending {
        let end = ranks.rank(keys, run, &range.end)?;
        end.checked_sub(1).and_then(|last| last.checked_sub(offset))
    } else {
        ranks.rank(keys, run, &range.start)?.checked_add(offset)
    };
    let Some(rank) = rank else { return Ok(None) };
    let key = ranks.select(keys, run, rank)?;
    Ok(key.filter(|key| *key >= range.start && *key < range.end))
}

/// Counts one more block.
fn extend<K: Keys>(run: &mut Run, keys: &K, range: &Range) -> Result<(), K::Error> {
    let from = match run.frontier() {
        None => range.start.clone(),
        Some(counted) => [counted.as_slice(), &[0]].concat(),
    };
    let next = keys.keys(&from, &range.end, BLOCK)?;
    if let (Some(first), Some(last)) = (next.first(), next.last()) {
        run.count(Block { first: first.clone(), keys: next.len() }, last.clone());
    }
    if next.len() < BLOCK {
        run.end();
    }
    Ok(())
}

/// Splits a block that has grown; whether it did.
fn split<K: Keys>(run: &mut Run, keys: &K, range: &Range, at: usize) -> Result<bool, K::Error> {
    let Some(block) = run.block(at).filter(|block| block.keys > 2 * BLOCK) else { return Ok(false) };
    let end = run.block(at + 1).map_or(&range.end, |next| &next.first);
    let all = keys.keys(&block.first, end, block.keys)?;
    let parts = all.chunks(BLOCK).filter_map(|part| Some(Block { first: part.first()?.clone(), keys: part.len() }));
    run.replace(at, parts);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::BTreeSet};

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq)]
    struct Failed;

    /// The keys of two runs, of which the first byte is the prefix.
    #[derive(Default)]
    struct Model(RefCell<BTreeSet<Vec<u8>>>);

    impl Keys for Model {
        type Error = Failed;

        fn keys(&self, from: &[u8], to: &[u8], most: usize) -> Result<Vec<Vec<u8>>, Failed> {
            assert!(from <= to, "sled takes no other range");
            Ok(self.0.borrow().range(from.to_vec()..to.to_vec()).take(most).cloned().collect())
        }

        fn contains(&self, key: &[u8]) -> Result<bool, Failed> {
            Ok(self.0.borrow().contains(key))
        }
    }

    fn run(number: usize) -> Range {
        Range::of(vec![[b'a', b'b'][number]])
    }

    #[derive(Debug, Clone)]
    enum Step {
        /// One batch: keys that come or go.
        Write(Vec<(u16, bool)>),
        /// Keys behind all others.
        Append(u8),
        Rank(usize, u16),
        Select(usize, u64),
        /// A write that fails, and does nothing.
        Fail,
    }

    fn key(number: u16) -> Vec<u8> {
        let prefix = if number.is_multiple_of(3) { b'b' } else { b'a' };
        [&[prefix], number.to_be_bytes().as_slice()].concat()
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => prop::collection::vec((0..200_u16, any::<bool>()), 1..20).prop_map(Step::Write),
            2 => (1..20_u8).prop_map(Step::Append),
            3 => (0..2_usize, 0..250_u16).prop_map(|(run, number)| Step::Rank(run, number)),
            3 => (0..2_usize, 0..80_u64).prop_map(|(run, rank)| Step::Select(run, rank)),
            1 => Just(Step::Fail),
        ]
    }

    proptest! {
        #[test]
        fn the_counts_are_those_of_the_keys(steps in prop::collection::vec(step(), 1..60)) {
            let (model, ranks) = (Model::default(), Ranks::default());
            let mut next = 600_u16;
            let write = |changes: Vec<(Vec<u8>, bool)>| {
                let named = changes.iter().map(|(key, comes)| (key.as_slice(), *comes));
                ranks.keep(&model, named, |key| key.get(..1), || {
                    for (key, comes) in &changes {
                        if *comes { model.0.borrow_mut().insert(key.clone()); } else { model.0.borrow_mut().remove(key); }
                    }
                    Ok(())
                }).unwrap();
            };
            for step in steps {
                match step {
                    Step::Write(changes) => {
                        let once: std::collections::BTreeMap<_, _> = changes.into_iter().collect();
                        write(once.into_iter().map(|(number, comes)| (key(number), comes)).collect());
                    }
                    Step::Append(many) => {
                        let numbers = (0..u16::from(many)).map(|number| next + number);
                        write(numbers.map(|number| (key(number), true)).collect());
                        next += u16::from(many);
                    }
                    Step::Rank(run, number) => {
                        let of = [self::run(run).start.as_slice(), number.to_be_bytes().as_slice()].concat();
                        let stand = model.0.borrow().range(self::run(run).start..of.clone()).count() as u64;
                        prop_assert_eq!(ranks.rank(&model, &self::run(run), &of), Ok(stand));
                    }
                    Step::Select(run, rank) => {
                        let all = model.0.borrow();
                        let mut all = all.range(self::run(run).start..self::run(run).end);
                        prop_assert_eq!(ranks.select(&model, &self::run(run), rank), Ok(all.nth(usize::try_from(rank).unwrap()).cloned()));
                    }
                    Step::Fail => {
                        let failed = ranks.keep(&model, std::iter::empty(), |key| key.get(..1), || Err::<(), _>(Failed));
                        prop_assert_eq!(failed, Err(Failed));
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_put_behind_everything_splits_nothing() {
        let (model, ranks) = (Model::default(), Ranks::default());
        assert_eq!(ranks.select(&model, &run(0), 0), Ok(None));
        for number in 0..100_u16 {
            let key = [b"a", number.to_be_bytes().as_slice()].concat();
            ranks
                .keep(
                    &model,
                    [(key.as_slice(), true)].into_iter(),
                    |key| key.get(..1),
                    || {
                        model.0.borrow_mut().insert(key.clone());
                        Ok(())
                    },
                )
                .unwrap();
        }
        let mut counted = ranks.counted();
        let run = counted.known(b"a".as_slice()).unwrap();
        let blocks: Vec<_> = (0..).map_while(|at| run.block(at)).collect();
        assert!(blocks.len() == 100 / BLOCK && blocks.iter().all(|block| block.keys == BLOCK));
    }
}
