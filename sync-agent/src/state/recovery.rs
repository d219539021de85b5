//! Repairs a state whose opening was killed.
//!
//! sled 0.34 writes at each opening where every page is, to `snap.N.generating`, and renames the file to `snap.N`
//! when it is whole. It takes the highest number for the newest, whole or not, and refuses a file that is not whole.
//! The one before and the log are still there, so nothing is missing without it.

use std::{fs, io, path::Path};

/// Removes what is not whole, unless another process has the state open and is writing it.
pub(super) fn remove(state: &Path) -> io::Result<()> {
    let log = match fs::File::open(state.join("db")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        log => log?,
    };
    // Free again when the file is closed. Whoever has it taken is found out by sled's own opening.
    if log.try_lock().is_err() {
        return Ok(());
    }
    for entry in fs::read_dir(state)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::state::State;
    use crate::state::recovery::*;

    #[test]
    fn a_state_whose_opening_was_killed_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        drop(State::open(folder.path()).unwrap());
        let half = folder.path().join("snap.7FFFFFFFFFFFFFFF.generating");
        fs::write(&half, b"half of it").unwrap();
        let open = State::open(folder.path()).unwrap();
        assert!(!half.exists());
        fs::write(&half, b"theirs").unwrap();
        remove(folder.path()).unwrap();
        assert!(half.exists(), "whoever has the state open is writing it");
        drop(open);
    }
}
