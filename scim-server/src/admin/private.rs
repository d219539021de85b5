//! Only its owner may read the data directory.
//!
//! It contains password hashes, the digests of tokens and the administrators' secret. If a directory is open to
//! others, because it was made by hand or by an older version, a start makes it private.

use std::{fs, io, path::Path};

/// Makes a directory private. One that belongs to another user, as a volume may, cannot be: it may be open to
/// its group, which is how such volumes are shared with this process, but not to everybody.
#[cfg(unix)]
pub(super) fn directory(path: &Path) -> io::Result<()> {
    let mode = mode(path)?;
    match tighten(path, mode, 0o700) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && mode & 0o007 != 0 => {
            Err(io::Error::other(format!(
                "everybody can read {}, and it belongs to another user: run `chmod o= {}` as that user, or use a directory within it",
                path.display(),
                path.display(),
            )))
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            tracing::warn!(path = %path.display(), "the directory belongs to another user, and its group can read it");
            Ok(())
        }
        outcome => outcome,
    }
}

/// Makes the directory of a store, open to its owner only, where it is not there yet; and refuses one of
/// another user to root. What root writes in it, its owner cannot read: a command of root while the server
/// is stopped would keep the server from starting again. Others are refused by the system.
#[cfg(unix)]
pub fn store(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let (owner, root) = (fs::metadata(path)?.uid(), rustix::process::geteuid().is_root());
            refuse_foreign(owner, root)
        }
        outcome => outcome,
    }
}

#[cfg(unix)]
fn refuse_foreign(owner: u32, root: bool) -> io::Result<()> {
    if !root || owner == 0 {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "it belongs to another user, who could not open it any more after root has written in it: run this as that user (`sudo -u '#{owner}' scim-server …`), or give the whole data directory to root"
    )))
}

/// Makes a file private that need not be there.
#[cfg(unix)]
pub(super) fn file(path: &Path) -> io::Result<()> {
    match mode(path) {
        Ok(mode) => tighten(path, mode, 0o600),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn mode(path: &Path) -> io::Result<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::metadata(path)?.permissions().mode())
}

#[cfg(unix)]
fn tighten(path: &Path, mode: u32, wanted: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if mode & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(wanted))?;
        tracing::warn!(path = %path.display(), mode = format!("{:o}", mode & 0o777), "other users could read it; it is private now");
    }
    Ok(())
}

/// Elsewhere who may read is inherited from the directory above.
#[cfg(not(unix))]
pub(super) fn directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// See [`directory`].
#[cfg(not(unix))]
pub fn store(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// See [`directory`].
#[cfg(not(unix))]
pub(super) fn file(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_new_store_is_its_owners_only_from_the_start() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        store(&path).unwrap();
        assert_eq!(mode(&path).unwrap() & 0o777, 0o700);
        store(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        store(&path).unwrap();
    }

    #[test]
    fn root_keeps_out_of_the_store_of_another_user() {
        let said = refuse_foreign(998, true).unwrap_err().to_string();
        assert!(said.contains("sudo -u '#998'"), "{said}");
        for (owner, root) in [(0, true), (998, false), (0, false)] {
            refuse_foreign(owner, root).unwrap();
        }
    }
}
