//! Large batches, large values, and opening the tree again.

use super::*;

#[test]
fn what_is_too_large_for_the_log_is_kept_too() {
    let directory = tempfile::tempdir().unwrap();
    let large = vec![7; 2 * SEGMENT];
    let tree = Tree::open(directory.path(), 1 << 20).unwrap();
    let mut batch = Batch::default();
    batch.put(b"large".to_vec(), large.clone());
    tree.apply(batch).unwrap();
    tree.flush().unwrap();
    assert!(tree.synced.load(Ordering::Relaxed) > i64::MIN);
    drop(tree);
    let tree = Tree::open(directory.path(), 1 << 20).unwrap();
    assert_eq!(tree.get(b"large").unwrap().unwrap(), large);
}

#[test]
fn a_large_batch_that_was_cut_off_is_completed() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Tree::open(directory.path(), 1 << 20).unwrap();
    let tree = open();
    let mut batch = Batch::default();
    for number in 0..=LARGE as u64 {
        batch.put(number.to_be_bytes().to_vec(), b"old".to_vec());
    }
    tree.apply(batch).unwrap();
    assert!(directory.path().join("redo").exists());
    tree.flush().unwrap();
    assert!(!directory.path().join("redo").exists(), "it is in the tree, and durable");
    let changes: Vec<(IVec, Option<IVec>)> = (0..3000_u64)
        .map(|number| (number.to_be_bytes().as_slice().into(), (number % 2 == 0).then(|| b"new".into())))
        .collect();
    // What a process leaves that is killed after the first piece.
    let number = tree.applied.load(Ordering::Relaxed) + 1;
    tree.journal.intend(number, &changes).unwrap();
    redo::write(directory.path(), number, &changes).unwrap();
    trust::apply_piece(&tree.db, None, &changes[..512]).unwrap();
    tree.hand_over().unwrap();
    drop(tree);
    for _ in 0..2 {
        let tree = open();
        assert_eq!(tree.applied.load(Ordering::Relaxed), number);
        for (key, value) in &changes {
            assert_eq!(tree.get(key).unwrap(), *value);
        }
        assert!(!directory.path().join("redo").exists());
    }
}

#[test]
fn a_large_batch_that_cannot_be_completed_is_told() {
    let directory = tempfile::tempdir().unwrap();
    drop(Tree::open(directory.path(), 1 << 20).unwrap());
    redo::write(directory.path(), 1, &[(b"key".into(), None)]).unwrap();
    let path = directory.path().join("redo");
    let mut bytes = fs::read(&path).unwrap();
    bytes[7] ^= 1;
    fs::write(&path, bytes).unwrap();
    let opened = Tree::open(directory.path(), 1 << 20);
    assert!(matches!(opened, Err(OpenError::Damaged { damage: Damage::Redo, stands: 0 })));
    Tree::open_accepting(directory.path(), 1 << 20, Some(0)).unwrap();
    Tree::open(directory.path(), 1 << 20).unwrap();
}

#[test]
fn a_tree_is_opened_again_where_it_was_and_nowhere_else() {
    let directory = tempfile::tempdir().unwrap();
    let tree = Tree::open(directory.path(), 1 << 20).unwrap();
    let mut batch = Batch::default();
    batch.put(b"key".to_vec(), vec![7; 1000]);
    assert_eq!(batch.bytes, 1003);
    tree.apply(batch).unwrap();
    tree.flush().unwrap();
    assert_eq!(tree.written(), 1003);
    let again = tree.again();
    drop(tree);
    let tree = again.open(false).unwrap();
    assert_eq!(tree.written(), 0);
    assert_eq!(tree.get(b"key").unwrap().unwrap(), vec![7; 1000]);
    let again = tree.again();
    drop(tree);
    fs::remove_file(directory.path().join(FILE)).unwrap();
    assert!(matches!(again.open(false), Err(OpenError::Store(StoreError::Unavailable(_)))));
    assert!(!directory.path().join(FILE).exists());
}

/// sled's copy of an error shows it as programmers see it.
#[cfg(target_os = "linux")]
#[test]
fn an_error_that_sled_has_copied_is_told_as_it_was() {
    let copy = sled::Error::Io(io::Error::from_raw_os_error(28)).clone();
    let StoreError::Unavailable(cause) = failure(copy) else { panic!("it is damage") };
    assert_eq!(cause.to_string(), "No space left on device (os error 28)");
    let damage = failure(sled::Error::Corruption { at: None, bt: () }).to_string();
    assert!(damage.starts_with("the store is damaged: ") && damage.contains("restore a backup"), "{damage}");
}
