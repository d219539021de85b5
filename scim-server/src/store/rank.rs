//! How many keys stand before a key, and which key is the n-th: without walking over all of them.
//!
//! `startIndex` counts (RFC 7644 §3.4.2.4), and so does `totalResults`. A run of keys (all resources of
//! a type, all entries of an index) is counted in blocks: the first key of each, and how many it has.
//! Finding a place is then a search in the blocks and a walk within one. Nothing of this is stored. A
//! run is counted when somebody first asks for a place far in it, as far as is asked for; from then on
//! each change keeps the counts. So a walk by pages reads each key once for its counting, and whoever
//! never asks pays nothing.
//!
//! This is the arithmetic, and reads nothing: each engine reads the keys in its own way.

use std::{collections::HashMap, hash::Hash};

/// How many blocks are kept in all runs together; the run that was not asked for the longest goes first.
/// A block takes some 150 bytes: 10 MiB at most.
const BLOCKS: usize = 1 << 16;

/// The counts of all runs that somebody has asked for, by the names of the runs.
pub(super) struct Runs<N, K> {
    runs: HashMap<N, (Run<K>, u64)>,
    /// Counts the questions, so that the run is known that was not asked for the longest.
    questions: u64,
}

/// The counts of one run.
pub(super) struct Run<K> {
    /// In the order of their first keys. What lies before the first of them is none of the run.
    blocks: Vec<Block<K>>,
    counted: Counted<K>,
    /// No counted key lies behind this one.
    last: Option<K>,
}

/// Some keys that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block<K> {
    /// No key of it lies before this one, and none of the block before it behind.
    pub first: K,
    pub keys: usize,
}

/// How far a run is counted.
enum Counted<K> {
    Nothing,
    /// Every key up to this one, and it.
    Through(K),
    All,
}

/// Where a place in a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In this block, before which so many keys of the run stand.
    Block { at: usize, before: u64 },
    /// Farther than is counted.
    Uncounted,
    /// Behind all keys.
    Beyond,
}

impl<N, K> Default for Runs<N, K> {
    fn default() -> Self {
        Self { runs: HashMap::new(), questions: 0 }
    }
}

impl<N: Eq + Hash + Clone, K: Ord + Clone> Runs<N, K> {
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// A run that somebody asks for.
    pub fn asked(&mut self, name: &N) -> &mut Run<K> {
        self.questions += 1;
        let (run, asked) = self.runs.entry(name.clone()).or_default();
        *asked = self.questions;
        run
    }

    /// A run, if somebody has asked for it.
    pub fn known<Q: ?Sized + Eq + Hash>(&mut self, name: &Q) -> Option<&mut Run<K>>
    where
        N: std::borrow::Borrow<Q>,
    {
        self.runs.get_mut(name).map(|(run, _)| run)
    }

    /// Forgets runs until there are few enough blocks. The one that was asked for last stays.
    pub fn bound(&mut self) {
        while self.runs.len() > 1 && self.runs.values().map(|(run, _)| run.blocks.len()).sum::<usize>() > BLOCKS {
            let oldest = self.runs.iter().min_by_key(|(_, (_, asked))| asked).map(|(name, _)| name.clone());
            oldest.and_then(|oldest| self.runs.remove(&oldest));
        }
    }

    /// Forgets the runs whose names are not wanted.
    pub fn retain(&mut self, wanted: impl Fn(&N) -> bool) {
        self.runs.retain(|name, _| wanted(name));
    }
}

impl<K> Default for Run<K> {
    fn default() -> Self {
        Self { blocks: Vec::new(), counted: Counted::Nothing, last: None }
    }
}

impl<K: Ord + Clone> Run<K> {
    /// The last key up to which everything is counted; `None` when nothing is.
    pub fn frontier(&self) -> Option<&K> {
        match &self.counted {
            Counted::Nothing => None,
            Counted::Through(key) => Some(key),
            Counted::All => self.last.as_ref(),
        }
    }

    pub fn block(&self, at: usize) -> Option<&Block<K>> {
        self.blocks.get(at)
    }

    /// Counts a block that follows what is counted, and of which this is the last key.
    pub fn count(&mut self, block: Block<K>, last: K) {
        self.last = Some(last.clone());
        self.counted = Counted::Through(last);
        self.blocks.push(block);
    }

    /// Nothing follows what is counted.
    pub fn end(&mut self) {
        self.counted = Counted::All;
    }

    /// Whether the key is counted, or would be if it were there.
    fn covers(&self, key: &K) -> bool {
        match &self.counted {
            Counted::All => true,
            Counted::Through(counted) => key <= counted,
            Counted::Nothing => false,
        }
    }

    /// The block in which a key is, or would be.
    pub fn place_of(&self, key: &K) -> Place {
        if !self.covers(key) {
            return Place::Uncounted;
        }
        let at = self.block_of(key);
        Place::Block { at, before: self.blocks.iter().take(at).map(|block| block.keys as u64).sum() }
    }

    /// The block in which the key is that so many others stand before.
    pub fn place_at(&self, rank: u64) -> Place {
        let mut before = 0;
        for (at, block) in self.blocks.iter().enumerate() {
            let behind = before + block.keys as u64;
            if rank < behind {
                return Place::Block { at, before };
            }
            before = behind;
        }
        if matches!(self.counted, Counted::All) { Place::Beyond } else { Place::Uncounted }
    }

    fn block_of(&self, key: &K) -> usize {
        self.blocks.partition_point(|block| block.first <= *key).saturating_sub(1)
    }

    /// Puts blocks in the place of one.
    pub fn replace(&mut self, at: usize, blocks: impl IntoIterator<Item = Block<K>>) {
        self.blocks.splice(at..=at, blocks);
    }

    /// Takes note of a key that has come or gone. A block of `full` keys is not made longer at the end of the run.
    pub fn change(&mut self, key: &K, comes: bool, full: usize) {
        if !self.covers(key) {
            // It is counted when the count comes by.
            return;
        }
        let at = self.block_of(key);
        let is_behind_all = self.last.as_ref().is_none_or(|last| key > last);
        if comes && is_behind_all {
            self.last = Some(key.clone());
        }
        match self.blocks.get_mut(at) {
            // Ids and instants come in their order: what is put behind everything begins a block of its
            // own when the last one is full, and nothing has to be split.
            Some(block) if comes && !(is_behind_all && block.keys >= full) => {
                if *key < block.first {
                    block.first = key.clone();
                }
                block.keys += 1;
            }
            _ if comes => self.blocks.push(Block { first: key.clone(), keys: 1 }),
            Some(block) if block.keys > 1 => block.keys -= 1,
            Some(_) => drop(self.blocks.remove(at)),
            None => {}
        }
    }
}
