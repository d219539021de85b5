//! Files beside sled's own: private, and as durable as their names.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

/// Creates a file that only its owner may read; replaces an existing one.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Removes a file that need not be there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes it private to its owner. sled creates its files with the process's umask.
#[cfg(unix)]
pub(super) fn make_private(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

#[cfg(unix)]
fn make_private_directory(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// On other systems a file inherits from its directory who may read it.
#[cfg(not(unix))]
fn make_private_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// See [`make_private_directory`].
#[cfg(not(unix))]
pub(super) fn make_private(_: &File) -> io::Result<()> {
    Ok(())
}

/// Makes a directory private, and every file in it and in those within it.
pub(super) fn make_all_private(directory: &Path) -> io::Result<()> {
    match make_private_directory(directory) {
        // It belongs to another user, as a volume may: its mode was checked before.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        outcome => outcome?,
    }
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            make_all_private(&entry.path())?;
        } else if kind.is_file() {
            match File::open(entry.path()) {
                Ok(file) => make_private(&file)?,
                // sled removes its files as it goes.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_directory_is_private_with_all_that_is_in_it() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("store");
        let paths = [store.clone(), store.join("conf"), store.join("blobs"), store.join("blobs/1")];
        fs::create_dir_all(&paths[2]).unwrap();
        for file in [&paths[1], &paths[3]] {
            fs::write(file, "").unwrap();
        }
        let open = paths.iter().zip([0o755, 0o644, 0o777, 0o664]);
        open.for_each(|(path, mode)| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap());
        make_all_private(&store).unwrap();
        let modes = paths.map(|path| fs::metadata(path).unwrap().permissions().mode() & 0o777);
        assert_eq!(modes, [0o700, 0o600, 0o700, 0o600]);
    }
}
