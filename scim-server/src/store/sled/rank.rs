//! How many keys stand before a key, and which key is the n-th: without walking over all of them.
//!
//! `startIndex` counts (RFC 7644 §3.4.2.4), and so does `totalResults`. A run of keys (all resources of
//! a type, all entries of an index) is counted in blocks: the first key of each, and how many it has.
//! Finding a place is then a search in the blocks and a walk within one. Nothing of this is stored. A
//! run is counted when somebody first asks for a place far in it, as far as is asked for; from then on
//! each batch that is applied keeps the counts. So a walk by pages reads each key once for its counting,
//! and whoever never asks pays nothing.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::key::Range;

/// How many keys are counted into one block. Twice as many split it.
const BLOCK: usize = if cfg!(test) { 4 } else { 512 };

/// How many blocks are kept in all runs together; the run that was not asked for the longest goes first.
/// A block takes some 150 bytes: 10 MiB at most.
const BLOCKS: usize = 1 << 16;

/// What is counted.
pub(super) trait Keys {
    /// What goes wrong when they are read.
    type Error;

    /// At most `most` keys from `from` on, up to but without `to`, in their order.
    fn keys(&self, from: &[u8], to: &[u8], most: usize) -> Result<Vec<Vec<u8>>, Self::Error>;

    /// Whether the key is there.
    fn contains(&self, key: &[u8]) -> Result<bool, Self::Error>;
}

/// The counts of all runs that somebody has asked for.
#[derive(Default)]
pub(super) struct Ranks(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    /// By the prefix that all keys of the run have.
    runs: HashMap<Vec<u8>, Run>,
    /// Counts the questions, so that the run is known that was not asked for the longest.
    questions: u64,
}

/// The counts of one run.
struct Run {
    /// In the order of their first keys. What lies before the first of them is none of the run.
    blocks: Vec<Block>,
    /// Every key before this one is counted.
    counted: Vec<u8>,
    /// The first key behind the run.
    end: Vec<u8>,
    /// No counted key lies behind this one.
    last: Vec<u8>,
    /// The last question.
    asked: u64,
}

/// Some keys that follow each other.
struct Block {
    /// No key of it lies before this one, and none of the block before it behind.
    first: Vec<u8>,
    keys: usize,
}

impl Ranks {
    fn counted(&self) -> MutexGuard<'_, Counted> {
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
        if counted.runs.is_empty() {
            return write();
        }
        let of_a_run = |key: &[u8]| run(key).is_some_and(|run| counted.runs.contains_key(run));
        // Of two changes to one key the later holds. In the order of the keys, so that those that are put
        // behind everything come as such.
        let changes: BTreeMap<_, _> = changes.filter(|(key, _)| of_a_run(key)).collect();
        let mut moves = Vec::new();
        for (key, comes) in changes {
            if keys.contains(key)? != comes {
                moves.push((key, comes));
            }
        }
        let outcome = write();
        if outcome.is_err() {
            // Nobody knows what of it is there.
            counted.runs.clear();
        }
        for (key, comes) in moves {
            if let Some(run) = run(key).and_then(|run| counted.runs.get_mut(run)) {
                run.change(key, comes);
            }
        }
        outcome
    }

    /// How many keys of the run, from its first one on, stand before `key`.
    pub fn rank<K: Keys>(&self, keys: &K, run: &Range, key: &[u8]) -> Result<u64, K::Error> {
        loop {
            let mut counted = self.counted();
            let run = counted.run(run);
            if run.reaches(key) {
                let (at, before) = run.block_of(key);
                return Ok(before + run.within(keys, at, key)?.len() as u64);
            }
            run.extend(keys)?;
            counted.bound();
        }
    }

    /// The key of the run before which stand `rank` others.
    pub fn select<K: Keys>(&self, keys: &K, run: &Range, rank: u64) -> Result<Option<Vec<u8>>, K::Error> {
        loop {
            let mut counted = self.counted();
            let run = counted.run(run);
            let mut before = 0;
            let holds = |block: &Block| {
                let found = rank < before + block.keys as u64;
                if !found {
                    before += block.keys as u64;
                }
                found
            };
            if let Some(at) = run.blocks.iter().position(holds) {
                let to = run.end_of(at).to_vec();
                let mut within = run.within(keys, at, &to)?;
                let place = usize::try_from(rank - before).unwrap_or(usize::MAX);
                return Ok((place < within.len()).then(|| within.swap_remove(place)));
            }
            if run.is_whole() {
                return Ok(None);
            }
            run.extend(keys)?;
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

impl Counted {
    /// A run: all keys with one prefix, which is where it starts.
    fn run(&mut self, Range { start, end }: &Range) -> &mut Run {
        self.questions += 1;
        let begin = || Run { blocks: Vec::new(), counted: start.clone(), end: end.clone(), last: Vec::new(), asked: 0 };
        let run = self.runs.entry(start.clone()).or_insert_with(begin);
        run.asked = self.questions;
        run
    }

    /// Forgets runs until there are few enough blocks. The one that is asked for now stays.
    fn bound(&mut self) {
        while self.runs.len() > 1 && self.runs.values().map(|run| run.blocks.len()).sum::<usize>() > BLOCKS {
            let oldest = self.runs.iter().min_by_key(|(_, run)| run.asked).map(|(prefix, _)| prefix.clone());
            oldest.and_then(|oldest| self.runs.remove(&oldest));
        }
    }
}

impl Run {
    fn is_whole(&self) -> bool {
        self.counted >= self.end
    }

    /// Whether all keys before this one are counted.
    fn reaches(&self, key: &[u8]) -> bool {
        self.is_whole() || key <= self.counted.as_slice()
    }

    /// Counts one more block.
    fn extend<K: Keys>(&mut self, keys: &K) -> Result<(), K::Error> {
        let next = keys.keys(&self.counted, &self.end, BLOCK)?;
        let (Some(first), Some(last)) = (next.first(), next.last()) else {
            self.counted.clone_from(&self.end);
            return Ok(());
        };
        if next.len() < BLOCK {
            self.counted.clone_from(&self.end);
        } else {
            self.counted.clone_from(last);
            self.counted.push(0);
        }
        self.last.clone_from(last);
        self.blocks.push(Block { first: first.clone(), keys: next.len() });
        Ok(())
    }

    /// The block in which the key is or would be, and how many keys stand before the block.
    fn block_of(&self, key: &[u8]) -> (usize, u64) {
        let at = self.blocks.partition_point(|block| block.first.as_slice() <= key).saturating_sub(1);
        (at, self.blocks.iter().take(at).map(|block| block.keys as u64).sum())
    }

    /// The first key behind a block.
    fn end_of(&self, at: usize) -> &[u8] {
        self.blocks.get(at + 1).map_or(self.counted.as_slice(), |block| block.first.as_slice()).min(&self.end)
    }

    /// The keys of a block, up to but without `to`. A block that has grown is split on the way.
    fn within<K: Keys>(&mut self, keys: &K, at: usize, to: &[u8]) -> Result<Vec<Vec<u8>>, K::Error> {
        let Some(block) = self.blocks.get(at).filter(|block| block.first.as_slice() < to) else {
            return Ok(Vec::new());
        };
        if block.keys <= 2 * BLOCK {
            return keys.keys(&block.first, to, block.keys);
        }
        let all = keys.keys(&block.first, self.end_of(at), block.keys)?;
        let parts = all.chunks(BLOCK).filter_map(|part| Some(Block { first: part.first()?.clone(), keys: part.len() }));
        let parts: Vec<_> = parts.collect();
        self.blocks.splice(at..=at, parts);
        Ok(all.into_iter().take_while(|key| key.as_slice() < to).collect())
    }

    /// Takes note of a key that has come or gone.
    fn change(&mut self, key: &[u8], comes: bool) {
        if !self.is_whole() && key >= self.counted.as_slice() {
            // It is counted when the count comes by.
            return;
        }
        let (at, _) = self.block_of(key);
        let is_behind_all = key > self.last.as_slice();
        if comes && is_behind_all {
            self.last = key.to_vec();
        }
        match self.blocks.get_mut(at) {
            // Ids and instants come in their order: what is put behind everything begins a block of its
            // own when the last one is full, and nothing has to be split.
            Some(block) if comes && !(is_behind_all && block.keys >= BLOCK) => {
                if key < block.first.as_slice() {
                    block.first = key.to_vec();
                }
                block.keys += 1;
            }
            _ if comes => self.blocks.push(Block { first: key.to_vec(), keys: 1 }),
            Some(block) if block.keys > 1 => block.keys -= 1,
            Some(_) => drop(self.blocks.remove(at)),
            None => {}
        }
    }
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
        assert!(ranks.counted().runs[b"a".as_slice()].blocks.iter().all(|block| block.keys == BLOCK));
    }
}
