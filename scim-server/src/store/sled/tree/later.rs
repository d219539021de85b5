//! Compares a tree that was reopened with what was acknowledged before, while it is already used.
//!
//! A start compares first and serves then: after a crash nobody knows what sled takes for the end of its log. A tree
//! that this process has closed and reopened is another case. Nothing was under way, and the number of its last batch
//! is known; it is compared at once. The comparison of all values takes several times as long as the opening, and
//! everybody would wait for it. So it is done afterwards: the journal of before is kept, and each key in it has to
//! have its last value, unless it was written since. Then it is removed. A process that ends earlier leaves both
//! journals, and the next opening compares with both.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sled::IVec;

use super::{
    Tree,
    journal::{self, Damage, Fault},
    unavailable,
};
use crate::store::StoreError;

/// The keys that were written since the tree was reopened, as long as it is compared.
#[derive(Default)]
pub(super) struct Newer(Mutex<Option<HashSet<u64>>>);

impl Newer {
    pub fn none_yet() -> Self {
        Self(Mutex::new(Some(HashSet::new())))
    }

    /// To be called before these are applied.
    pub fn note(&self, changes: &[(IVec, Option<IVec>)]) {
        if let Some(keys) = &mut *self.lock() {
            keys.extend(changes.iter().map(|(key, _)| journal::hash(key)));
        }
    }

    /// Held while the journals are read as a whole, or the one of before is removed.
    pub fn lock(&self) -> MutexGuard<'_, Option<HashSet<u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, key: &[u8]) -> bool {
        self.lock().as_ref().is_some_and(|keys| keys.contains(&journal::hash(key)))
    }
}

impl Tree {
    /// Whether it is not compared with what was acknowledged before it was reopened.
    pub fn is_behind(&self) -> bool {
        self.newer.lock().is_some()
    }

    /// Compares it; what is wrong, if anything is. `stop` ends that with an error. One thread does so at a time, and others may read and write.
    pub fn catch_up(&self, stop: impl Fn() -> bool) -> Result<Option<Damage>, StoreError> {
        let get = |key: &[u8]| if stop() { Err(unavailable("the comparison was stopped")) } else { self.get(key) };
        match journal::verify_before(&self.path, self.opened_at, get, |key| self.newer.has(key)) {
            Ok(()) => {}
            Err(Fault::Damage(damage)) => return Ok(Some(damage)),
            Err(Fault::Store(error)) => return Err(error),
        }
        let mut newer = self.newer.lock();
        journal::forget(&self.path).map_err(unavailable)?;
        *newer = None;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::store::sled::tree::{Batch, OpenError};

    fn put(tree: &Tree, key: &[u8], value: u8) {
        let mut batch = Batch::default();
        batch.put(key, vec![value; 100]);
        tree.apply(batch).unwrap();
        tree.flush().unwrap();
    }

    /// A tree with two keys, reopened, and not compared yet.
    fn reopened(path: &Path) -> Tree {
        let tree = Tree::open(path, 1 << 20).unwrap();
        for value in 1..=3 {
            put(&tree, b"a", value);
        }
        put(&tree, b"b", 1);
        let again = tree.again();
        drop(tree);
        let tree = again.open(true).unwrap();
        assert!(tree.is_behind() && path.join("journal.before").exists());
        tree
    }

    fn is_settled(tree: &Tree, path: &Path) -> bool {
        !tree.is_behind() && !path.join("journal.before").exists()
    }

    #[test]
    fn what_was_written_since_is_not_compared() {
        let directory = tempfile::tempdir().unwrap();
        let tree = reopened(directory.path());
        put(&tree, b"a", 4);
        assert_eq!(tree.verify().unwrap(), None);
        assert_eq!(tree.catch_up(|| false).unwrap(), None);
        assert!(is_settled(&tree, directory.path()));
        assert_eq!(tree.verify().unwrap(), None);
    }

    #[test]
    fn what_is_lost_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let tree = reopened(directory.path());
        for key in [b"a", b"b"] {
            tree.db.insert(key, b"wrong").unwrap();
        }
        put(&tree, b"a", 4);
        assert_eq!(tree.catch_up(|| false).unwrap(), Some(Damage::Differs { count: 1 }));
        tree.hand_over().unwrap();
        drop(tree);
        // And again by the next opening, which has both journals.
        let opened = Tree::open(directory.path(), 1 << 20);
        assert!(matches!(opened, Err(OpenError::Damaged { damage: Damage::Differs { count: 1 }, stands: 5 })));
        let tree = Tree::open_accepting(directory.path(), 1 << 20, Some(5)).unwrap();
        assert!(is_settled(&tree, directory.path()));
    }

    #[test]
    fn what_was_not_compared_is_compared_by_the_next_opening() {
        let directory = tempfile::tempdir().unwrap();
        let tree = reopened(directory.path());
        put(&tree, b"a", 4);
        assert!(tree.catch_up(|| true).is_err());
        let again = tree.again();
        drop(tree);
        // Not later once more: there are two journals already.
        let tree = again.open(true).unwrap();
        assert!(is_settled(&tree, directory.path()));
    }

    #[test]
    fn a_process_that_ends_between_two_journals_loses_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let tree = Tree::open(path, 1 << 20).unwrap();
        put(&tree, b"a", 1);
        drop(tree);
        fs::rename(path.join("journal"), path.join("journal.before")).unwrap();
        assert!(is_settled(&Tree::open(path, 1 << 20).unwrap(), path));
        // Without either of them it is not trusted.
        fs::remove_file(path.join("journal")).unwrap();
        assert!(matches!(Tree::open(path, 1 << 20), Err(OpenError::Damaged { damage: Damage::Journal(_), .. })));
    }

    #[test]
    fn a_journal_of_before_that_ends_early_says_nothing_wrong() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        drop(reopened(path));
        let before = fs::read(path.join("journal.before")).unwrap();
        for length in 0..before.len() {
            fs::write(path.join("journal.before"), &before[..length]).unwrap();
            let files = [path.join("journal.before"), path.join("journal")];
            fs::copy(&files[1], path.join("kept")).unwrap();
            let tree = Tree::open(path, 1 << 20).unwrap();
            assert!(is_settled(&tree, path), "cut at {length}");
            drop(tree);
            fs::rename(path.join("kept"), &files[1]).unwrap();
        }
    }
}
