//! Files that only their owner reads, and that are replaced when they have grown.

use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

/// When a file is replaced: `audit.jsonl` becomes `audit.jsonl.1`, and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// At this size, in bytes. A file may be larger by what is written at once.
    pub bytes: u64,
    /// How many old files stay.
    pub keep: u32,
}

/// Opens for appending; a new file is its owner's alone.
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Moves `path` to `path.1`, `path.1` to `path.2`, and removes what is older than `keep`.
pub fn rotate(path: &Path, keep: u32) -> io::Result<()> {
    if keep == 0 {
        return std::fs::remove_file(path);
    }
    for number in (1..keep).rev() {
        match std::fs::rename(numbered(path, number), numbered(path, number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    std::fs::rename(path, numbered(path, 1))
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}
