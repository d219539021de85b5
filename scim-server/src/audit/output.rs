//! The file behind the audit log: how it is opened, replaced and rotated.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::rotated::{self, Rotation};

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// A file, appended to, readable by its owner only.
    File {
        path: PathBuf,
        /// whether it is replaced when it has grown; logrotate and SIGHUP do as well
        rotation: Option<Rotation>,
    },
}

impl Destination {
    /// When its file is replaced.
    pub fn rotation(&self) -> Option<Rotation> {
        match self {
            Self::Stdout => None,
            Self::File { rotation, .. } => *rotation,
        }
    }

    /// The same place, whose file nobody here replaces.
    #[must_use]
    pub fn without_rotation(self) -> Self {
        match self {
            Self::Stdout => Self::Stdout,
            Self::File { path, .. } => Self::File { path, rotation: None },
        }
    }
}

/// Why there is no audit log.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file cannot be opened.
    #[error(
        "cannot open the audit log {}: {source}; its directory must be there, and the user that the server runs as must be allowed to write in it",
        path.display()
    )]
    Open {
        /// which file
        path: PathBuf,
        /// what the operating system says
        source: io::Error,
    },
    /// The writing thread cannot be started.
    #[error("cannot start the audit log's thread: {0}")]
    Thread(io::Error),
}

/// An open target.
pub(super) enum LogFile {
    Stdout(io::Stdout),
    File {
        file: File,
        path: PathBuf,
        rotation: Option<Rotation>,
        size: u64,
        /// The last write ended in the middle of a line.
        broken: bool,
        /// What was there before ends in the middle of a line.
        torn: bool,
    },
}

impl LogFile {
    pub(super) fn open(target: &Destination) -> Result<Self, AuditError> {
        let (path, rotation) = match target {
            Destination::Stdout => return Ok(Self::Stdout(io::stdout())),
            Destination::File { path, rotation } => (path.clone(), *rotation),
        };
        let file = open(&path)?;
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        let torn = size > 0 && is_torn(&path);
        Ok(Self::File { file, path, rotation, size, broken: false, torn })
    }

    /// Goes on in another file.
    pub(super) fn replace(&mut self, fresh: File) {
        if let Self::File { file, path, size, broken, torn, .. } = self {
            *size = fresh.metadata().map_or(0, |metadata| metadata.len());
            *torn = *size > 0 && is_torn(path);
            *file = fresh;
            *broken = false;
        }
    }

    /// Writes lines, or as many bytes of them as go in, and says how many.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout) => stdout.write_all(lines).and_then(|()| stdout.flush()).map(|()| lines.len()),
            Self::File { file, path, rotation, size, broken, torn } => {
                if let Some(rotation) = rotation.filter(|rotation| *size >= rotation.bytes.max(1) && !*broken) {
                    // A log that cannot be rotated grows on; the next try is at the next full size.
                    *size = 0;
                    match rotated::rotate(path, rotation.keep).map(|()| open(path)) {
                        Ok(Ok(fresh)) => (*file, *torn) = (fresh, false),
                        Ok(Err(error)) => tracing::error!(%error, "cannot rotate the audit log"),
                        Err(error) => tracing::error!(%error, path = %path.display(), "cannot rotate the audit log"),
                    }
                }
                if *torn {
                    file.write_all(b"\n")?;
                    *torn = false;
                }
                let written = file.write(lines)?;
                *size += written as u64;
                *broken = written < lines.len();
                Ok(written)
            }
        }
    }

    /// Has the operating system put everything on the disk.
    pub(super) fn finish(&self) {
        if let Self::File { file, .. } = self
            && let Err(error) = file.sync_all()
        {
            tracing::error!(%error, "cannot flush the audit log");
        }
    }
}

/// Opens for appending; a new file is its owner's alone.
pub(super) fn open(path: &Path) -> Result<File, AuditError> {
    rotated::open(path).map_err(|source| AuditError::Open { path: path.to_owned(), source })
}

/// Whether a file ends in the middle of a line, as after the end of a process that had a full disk.
fn is_torn(path: &Path) -> bool {
    let last = |mut file: File| -> io::Result<[u8; 1]> {
        let mut byte = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut byte)?;
        Ok(byte)
    };
    File::open(path).and_then(last).is_ok_and(|byte| byte != *b"\n")
}
