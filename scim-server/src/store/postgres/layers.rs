//! Facts as they were read, as the commits of a group have changed them so far, and as the commit in
//! hand would: a commit that is refused leaves no trace for those behind it.

use std::{collections::HashMap, hash::Hash};

/// Three layers of facts; what is above hides what is below.
pub(super) struct Layers<K, V> {
    read: HashMap<K, V>,
    kept: HashMap<K, V>,
    top: HashMap<K, V>,
}

impl<K, V> Default for Layers<K, V> {
    fn default() -> Self {
        Self { read: HashMap::new(), kept: HashMap::new(), top: HashMap::new() }
    }
}

impl<K: Eq + Hash + Clone, V> Layers<K, V> {
    /// Notes a fact as the database has it.
    pub fn read(&mut self, key: K) -> std::collections::hash_map::Entry<'_, K, V> {
        self.read.entry(key)
    }

    /// The fact as the commit in hand would leave it.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.top.get(key).or_else(|| self.before(key))
    }

    /// The fact as the commit in hand has found it.
    pub fn before(&self, key: &K) -> Option<&V> {
        self.kept.get(key).or_else(|| self.read.get(key))
    }

    /// Changes a fact, until it is kept or dropped.
    pub fn set(&mut self, key: K, value: V) {
        self.top.insert(key, value);
    }

    /// Makes the changes of the commit in hand those of the group.
    pub fn keep(&mut self) {
        self.kept.extend(self.top.drain());
    }

    /// Forgets the changes of the commit in hand.
    pub fn drop_top(&mut self) {
        self.top.clear();
    }

    /// Everything that the group has set: the key, what the database has, and what it is to have.
    pub fn changes(&self) -> impl Iterator<Item = (&K, Option<&V>, &V)> {
        self.kept.iter().map(|(key, now)| (key, self.read.get(key), now))
    }
}
