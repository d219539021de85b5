//! The rights on the folder of the state: only its owner may read it, since it has the names of everybody.

use std::{fs, io, path::Path};

/// Makes the folder where it is missing, and makes it private. One of another user that everybody can look
/// into is refused.
#[cfg(unix)]
pub(super) fn folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    if !path.is_dir() {
        return fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    }
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        tighten(path, mode)?;
    }
    Ok(())
}

#[cfg(unix)]
fn tighten(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    match fs::set_permissions(path, fs::Permissions::from_mode(0o700)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && mode & 0o007 != 0 => {
            Err(io::Error::other(format!(
                "everybody can look into it, and it belongs to another user: run `chmod o= {}` as that user, or use a folder within it",
                path.display()
            )))
        }
        // A volume that is shared with this process by its group.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error),
        Ok(()) => {
            tracing::warn!(path = %path.display(), "others could look into the state; it is private now");
            Ok(())
        }
    }
}

/// Makes the files in it private, which are made as the process's mask says.
#[cfg(unix)]
pub(super) fn files(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let mode = match entry.metadata() {
            // The state removes its files as it goes.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            metadata => metadata?.permissions().mode(),
        };
        if mode & 0o077 != 0 && (kind.is_dir() || kind.is_file()) {
            let wanted = if kind.is_dir() { 0o700 } else { 0o600 };
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(wanted))?;
        }
        if kind.is_dir() {
            files(&entry.path())?;
        }
    }
    Ok(())
}

/// Elsewhere who may read is inherited from the folder above.
#[cfg(not(unix))]
pub(super) fn folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// See [`folder`].
#[cfg(not(unix))]
pub(super) fn files(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use crate::state::State;

    #[test]
    fn a_state_that_is_open_to_others_is_made_private() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("state");
        drop(State::open(&folder).unwrap());
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join("db"))), (0o700, 0o600));
        for path in [&folder, &folder.join("db")] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
        }
        drop(State::open(&folder).unwrap());
        assert_eq!((mode(&folder), mode(&folder.join("db"))), (0o700, 0o600));
        assert_eq!(mode(&folder.join("blobs")), 0o700);
    }
}
