//! The files of blocks. Each is named by the number of its first block, is written once from its begin to its end, and
//! is removed as a whole.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::block::Header;
use crate::rotated;

const ENDING: &str = ".requests";

/// A file of blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// The number of its first block.
    pub first: u64,
    pub path: PathBuf,
}

impl Segment {
    fn at(directory: &Path, first: u64) -> Self {
        Self { first, path: directory.join(format!("{first:016x}{ENDING}")) }
    }

    /// The files of a log, the oldest first; none where there is no log.
    pub fn list(directory: &Path) -> io::Result<Vec<Self>> {
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut segments = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| u64::from_str_radix(name.strip_suffix(ENDING)?, 16).ok());
            segments.extend(number.map(|first| Self::at(directory, first)));
        }
        segments.sort_unstable_by_key(|segment| segment.first);
        Ok(segments)
    }
}

/// The blocks of a file: where each is.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    pub places: Vec<(u64, Header)>,
    /// Whether something follows that is no whole block.
    pub is_torn: bool,
    pub length: u64,
}

impl Blocks {
    /// Goes from header to header.
    pub fn of(file: &File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let (mut found, mut at) = (Self { length, ..Self::default() }, 0);
        let mut file = file;
        while let Some(header) = Header::read(&mut file, at, length)? {
            found.places.push((at, header));
            at += header.length();
        }
        found.is_torn = at < length;
        Ok(found)
    }
}

/// A file that blocks are written to.
#[derive(Debug)]
pub(super) struct SegmentFile {
    pub segment: Segment,
    file: File,
    pub length: u64,
    /// The earliest time in it.
    pub begun: i64,
}

impl SegmentFile {
    /// Starts a file that begins with the block of that number.
    pub fn start(directory: &Path, first: u64, begun: i64) -> io::Result<Self> {
        let segment = Segment::at(directory, first);
        let file = rotated::open(&segment.path)?;
        let length = file.metadata()?.len();
        Ok(Self { segment, file, length, begun })
    }

    /// Writes a block. When that fails, the file stays as it was.
    pub fn append(&mut self, block: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(block) {
            self.file.set_len(self.length)?;
            return Err(error);
        }
        self.length += block.len() as u64;
        Ok(())
    }
}
