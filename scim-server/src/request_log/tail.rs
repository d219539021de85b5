//! The newest rows, uncompressed: what will be the next block.
//!
//! A header names the number of that block. Behind it are batches, each with a checksum; one that was broken off, as
//! when the process was killed, ends the tail.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use super::row::take;
use crate::rotated;

const MAGIC: [u8; 4] = *b"SRT1";
/// The file's name.
const NAME: &str = "newest";

/// What a tail has.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tail {
    /// The number of the block that it will be.
    pub sequence: u64,
    /// The rows of all whole batches.
    pub rows: Vec<u8>,
    /// How many calls were lost meanwhile.
    pub lost: u32,
    /// Up to where it is whole.
    length: u64,
}

impl Tail {
    /// Reads the tail of a log; an empty one of number 0 where there is none.
    pub fn read(directory: &Path) -> io::Result<Self> {
        let mut bytes = Vec::new();
        match File::open(directory.join(NAME)) {
            Ok(mut file) => file.read_to_end(&mut bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        Ok(Self::parse(&bytes))
    }

    fn parse(bytes: &[u8]) -> Self {
        let Some(mut rest) = bytes.strip_prefix(&MAGIC).filter(|rest| rest.len() >= 12) else { return Self::default() };
        let sum = u32::from_le_bytes(take(&mut rest));
        let number: [u8; 8] = take(&mut rest);
        if crc32fast::hash(&number) != sum {
            return Self::default();
        }
        let sequence = u64::from_le_bytes(number);
        let mut tail = Self { sequence, length: (bytes.len() - rest.len()) as u64, ..Self::default() };
        while !rest.is_empty() {
            let (length, sum) = (u32::from_le_bytes(take(&mut rest)), u32::from_le_bytes(take(&mut rest)));
            let batch = rest.split_at_checked(length as usize).filter(|(batch, _)| crc32fast::hash(batch) == sum);
            let Some((mut batch, behind)) = batch.filter(|(batch, _)| batch.len() >= 4) else { return tail };
            tail.lost = tail.lost.saturating_add(u32::from_le_bytes(take(&mut batch)));
            tail.rows.extend_from_slice(batch);
            rest = behind;
            tail.length = (bytes.len() - rest.len()) as u64;
        }
        tail
    }

    /// Goes on with the tail that was read: behind what is whole of it.
    pub fn resume(&self, directory: &Path) -> io::Result<TailFile> {
        let file = rotated::open(&directory.join(NAME))?;
        file.set_len(self.length)?;
        Ok(TailFile { file, length: self.length })
    }

    /// A tail with nothing in it takes the place of the one that is there.
    pub fn start(directory: &Path, sequence: u64) -> io::Result<TailFile> {
        let fresh = directory.join(format!("{NAME}.new"));
        match std::fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = rotated::open(&fresh)?;
        let number = sequence.to_le_bytes();
        file.write_all(&[&MAGIC[..], &crc32fast::hash(&number).to_le_bytes(), &number].concat())?;
        std::fs::rename(&fresh, directory.join(NAME))?;
        let length = file.metadata()?.len();
        Ok(TailFile { file, length })
    }
}

/// A tail that is written.
#[derive(Debug)]
pub(super) struct TailFile {
    file: File,
    /// Up to where it is whole.
    length: u64,
}

impl TailFile {
    /// Writes a batch. When that fails, the tail stays as it was.
    pub fn append(&mut self, rows: &[u8], lost: u32) -> io::Result<()> {
        let mut sum = crc32fast::Hasher::new();
        sum.update(&lost.to_le_bytes());
        sum.update(rows);
        let length = u32::try_from(rows.len() + 4).map_err(io::Error::other)?;
        let head = [length.to_le_bytes(), sum.finalize().to_le_bytes(), lost.to_le_bytes()].concat();
        let written = self.file.write_all(&head).and_then(|()| self.file.write_all(rows));
        match written {
            Ok(()) => {
                self.length += head.len() as u64 + rows.len() as u64;
                Ok(())
            }
            Err(error) => {
                // What follows something broken would not be read.
                self.file.set_len(self.length)?;
                Err(error)
            }
        }
    }

    /// How long the file is.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Has the operating system put everything on the disk.
    pub fn finish(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_that_was_broken_off_keeps_its_whole_batches() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Tail::read(directory.path()).unwrap(), Tail::default());
        let mut file = Tail::start(directory.path(), 9).unwrap();
        file.append(b"first", 0).unwrap();
        let first = file.length();
        file.append(b"second", 2).unwrap();
        let tail = |rows: &[u8], lost, length| Tail { sequence: 9, rows: rows.to_vec(), lost, length };
        let whole = tail(b"firstsecond", 2, file.length());
        assert_eq!(Tail::read(directory.path()).unwrap(), whole);
        let bytes = std::fs::read(directory.path().join(NAME)).unwrap();
        assert_eq!(bytes.len() as u64, file.length());
        for cut in usize::try_from(first).unwrap()..bytes.len() {
            assert_eq!(Tail::parse(&bytes[..cut]), tail(b"first", 0, first), "{cut}");
        }
        for cut in 0..16 {
            assert_eq!(Tail::parse(&bytes[..cut]), Tail::default(), "{cut}");
        }
        let mut bad = bytes;
        *bad.last_mut().unwrap() ^= 1;
        std::fs::write(directory.path().join(NAME), bad).unwrap();
        let torn = Tail::read(directory.path()).unwrap();
        assert_eq!(torn, tail(b"first", 0, first));
        torn.resume(directory.path()).unwrap().append(b"third", 0).unwrap();
        assert_eq!(Tail::read(directory.path()).unwrap().rows, b"firstthird");
        Tail::start(directory.path(), 10).unwrap().append(b"x", 0).unwrap();
        let next = Tail::read(directory.path()).unwrap();
        assert_eq!((next.sequence, &*next.rows), (10, &b"x"[..]));
    }
}
