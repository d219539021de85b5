//! Removes files that a killed opening leaves behind and that sled 0.34 cannot read.
//!
//! Each opening writes a snapshot (where each page is in the log) to `snap.N.generating`, and renames the file to `snap.N`
//! when it is complete. The next opening uses the file with the highest number, complete or not, and reports an incomplete
//! one as damage. The file before it and the log since then still exist, so nothing is missing without the incomplete
//! file. In the same way, the first opening of all writes `conf` before anything else.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
};

use super::{FILE, files};

const CONFIGURATION: &str = "conf";

/// Removes unfinished snapshots from the directory of a tree, unless another process has the tree open: then that
/// process is writing them.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    remove_snapshots(path, ".generating")
}

/// Removes all snapshots, so that the next opening makes one from the log. An opening that found the end of the log missing has
/// written a snapshot that does not fit the log, and sled would report that as damage.
pub(super) fn discard_snapshots(path: &Path) -> io::Result<()> {
    remove_snapshots(path, "")
}

fn remove_snapshots(path: &Path, suffix: &str) -> io::Result<()> {
    let log = match File::open(path.join(FILE)) {
        Ok(log) => log,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return files::remove(&path.join(CONFIGURATION)),
        Err(error) => return Err(error),
    };
    // The lock that sled takes. It is free again when the file is closed.
    match log.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with("snap.") && name.ends_with(suffix)) {
            files::remove(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sled::tree::{Batch, Tree};

    fn open(path: &Path) -> Tree {
        Tree::open(path, 1 << 20).unwrap()
    }

    #[test]
    fn an_opening_that_was_killed_does_no_harm() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let unfinished = path.join("snap.7FFFFFFFFFFFFFFF.generating");
        for round in 0_u8..4 {
            let tree = open(path);
            assert!(!unfinished.exists());
            assert_eq!(
                tree.get(b"key").unwrap().map(|value| value.to_vec()),
                round.checked_sub(1).map(|last| vec![last])
            );
            let mut batch = Batch::default();
            batch.put(b"key".to_vec(), vec![round]);
            tree.apply(batch).unwrap();
            tree.flush().unwrap();
            drop(tree);
            let length = [0, 1, 13, 5000][usize::from(round)];
            fs::write(&unfinished, vec![7; length]).unwrap();
        }
        assert_eq!(open(path).get(b"key").unwrap().unwrap(), [3]);
    }

    #[test]
    fn a_first_opening_that_was_killed_does_no_harm() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(CONFIGURATION), b"segment_size: 41943").unwrap();
        open(directory.path());
    }

    #[test]
    fn what_another_is_writing_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let tree = open(directory.path());
        let theirs = directory.path().join("snap.0000000000000001.generating");
        fs::write(&theirs, b"so far").unwrap();
        remove(directory.path()).unwrap();
        assert!(theirs.exists());
        drop(tree);
    }
}
