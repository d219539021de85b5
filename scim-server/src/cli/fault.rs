//! Why a start failed, and what the operator can do about it.

use std::{error::Error, io, path::Path};

pub(super) use crate::admin::{chain, is_full};

/// An error with its causes, about a file or directory, with what to do about it.
pub(super) fn about(path: &Path, error: &(dyn Error + 'static)) -> String {
    let mut causes = std::iter::successors(Some(error), |cause| (*cause).source());
    match causes.find_map(|cause| cause.downcast_ref::<io::Error>()) {
        // One of our own says itself what to do.
        Some(cause) if cause.kind() == io::ErrorKind::Other && cause.get_ref().is_some() => chain(error),
        Some(cause) => format!("{}; {}", chain(error), remedy(path, cause)),
        None => chain(error),
    }
}

fn remedy(path: &Path, error: &io::Error) -> String {
    // A file that is not there is made by whoever writes it; its directory is not.
    let missing = path.parent().filter(|parent| !parent.as_os_str().is_empty() && !parent.is_dir());
    let (path, missing) = (path.display(), missing.unwrap_or(path).display());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!(
                "the disk that {path} is on has too little room: make room there (a start needs about 8 MiB), and start again"
            )
        }
        io::ErrorKind::PermissionDenied => {
            format!("run the program as the user that owns {path}, or give that user the right to read and write it")
        }
        io::ErrorKind::FileTooLarge => {
            format!("the size of files is limited: raise the limit (`ulimit -f`, LimitFSIZE= of systemd) for {path}")
        }
        io::ErrorKind::NotFound => format!("make {missing}, or name another"),
        io::ErrorKind::ReadOnlyFilesystem => format!("{path} is on a file system that is mounted read-only"),
        io::ErrorKind::IsADirectory => format!("{path} is a directory: name a file"),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            format!("a part of {path} is a file and not a directory")
        }
        _ => format!("see to {path}, and start again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;

    #[test]
    fn the_cause_is_told_once_with_its_remedy() {
        for (kind, words) in [
            (io::ErrorKind::StorageFull, "make room there (a start needs about 8 MiB)"),
            (io::ErrorKind::PermissionDenied, "the user that owns /data"),
            (io::ErrorKind::ReadOnlyFilesystem, "read-only"),
            (io::ErrorKind::FileTooLarge, "ulimit -f"),
        ] {
            let said = about(Path::new("/data"), &StoreError::Unavailable(io::Error::from(kind).into()));
            assert!(said.starts_with("the store is not available: ") && said.contains(words), "{said}");
        }
        assert_eq!(about(Path::new("/data"), &StoreError::Corrupt("x".to_owned())), "the store is damaged: x");
    }
}
