//! Names of files that last: what has got its name is found under it after a power failure, too.

use std::{fs, io, path::Path};

/// Gives a file, or a directory, another name, and returns when that is durable. What is in it must be so before.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync_directory(parent.unwrap_or(Path::new(".")))
}

/// Makes it durable which files are in a directory.
#[cfg(unix)]
pub fn sync_directory(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// Elsewhere a directory cannot be opened, and its entries are the file system's own care.
#[cfg(not(unix))]
pub fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That it is durable cannot be seen while there is power; that it works for every form of a path can.
    #[test]
    fn files_and_directories_get_their_names() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::create_dir(at("a")).unwrap();
        fs::write(at("a/file"), "text").unwrap();
        rename(&at("a/file"), &at("a/other")).unwrap();
        rename(&at("a"), &at("b")).unwrap();
        assert_eq!(fs::read_to_string(at("b/other")).unwrap(), "text");
        assert_eq!(rename(&at("a"), &at("c")).unwrap_err().kind(), io::ErrorKind::NotFound);
        let bare = Path::new("durable-test-without-a-folder");
        fs::write(bare, "").unwrap();
        assert!(rename(bare, bare).is_ok());
        fs::remove_file(bare).unwrap();
    }
}
