//! What a copy of a store has of the store's own log.

use std::path::Path;

use crate::server::run;

/// What was done to a store itself is not in its copies, and leaves no gap there.
#[test]
fn a_copy_of_a_store_is_sound_although_it_was_exported() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().expect("a temporary directory"));
    let (from, to) = (from.path(), to.path());
    let backup = from.join("backup").to_string_lossy().into_owned();
    let done = |store: &Path, arguments: &[&str]| {
        let output = run(store, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    done(from, &["init", "--tenant", "one"]);
    done(from, &["export", "--tenant", "one"]);
    done(from, &["tenant", "create", "two"]);
    done(from, &["backup", &backup]);
    done(to, &["restore", &backup]);
    assert_eq!(done(to, &["check", "--json"]).trim(), "[]");
    assert!(!done(to, &["events", "--server", "--json"]).contains("store.exported"));
}
