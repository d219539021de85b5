//! Keeps the files of the log: the tail grows, becomes a block when it is large enough, and the oldest files go.

use std::{
    collections::VecDeque,
    fs::{self, DirBuilder, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    block::Packer,
    row,
    segment::{Blocks, Segment, SegmentFile},
    tail::{Tail, TailFile},
};

/// How many bytes of rows become a block.
const BLOCK: usize = 4 << 20;
/// The largest file of blocks. What is removed is a whole file.
const MAX_SEGMENT: u64 = 64 << 20;
const DAY: i64 = 24 * 60 * 60 * 1000;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// All files together.
    pub bytes: u64,
    /// For how long.
    pub retention: Duration,
}

impl Limits {
    /// The smallest number of bytes that makes sense: some blocks and the tail.
    pub const LEAST: u64 = 16 << 20;
}

/// A file that is complete.
#[derive(Debug)]
struct Complete {
    path: PathBuf,
    length: u64,
    /// The latest time in it.
    last: i64,
}

/// Writes a log.
pub struct Writer {
    directory: PathBuf,
    limits: Limits,
    /// How many bytes of rows become a block.
    pub(super) block: usize,
    packer: Packer,
    tail: TailFile,
    /// The rows of the tail.
    open: Vec<u8>,
    lost: u32,
    /// The number of the block that the tail becomes.
    sequence: u64,
    /// The time of the first row of the tail.
    begun: Option<i64>,
    /// The latest time of a row of the file that is being written.
    last: i64,
    segment: Option<SegmentFile>,
    complete: VecDeque<Complete>,
}

impl Writer {
    /// Goes on with the log of that directory; makes it where there is none.
    pub fn open(directory: &Path, limits: Limits) -> io::Result<Self> {
        make(directory)?;
        let (mut complete, mut next) = (VecDeque::new(), 0);
        for segment in Segment::list(directory)? {
            let Blocks { places: blocks, length, .. } = Blocks::of(&File::open(&segment.path)?)?;
            let Some((_, newest)) = blocks.last() else {
                // Its first block was broken off; the tail still has the rows.
                fs::remove_file(&segment.path)?;
                continue;
            };
            next = newest.sequence + 1;
            let last = blocks.iter().map(|(_, header)| header.last).max().unwrap_or(newest.last);
            complete.push_back(Complete { path: segment.path, length, last });
        }
        let found = Tail::read(directory)?;
        // A tail whose block is there already was about to be replaced.
        let is_current = found.sequence >= next && found.sequence > 0;
        let sequence = next.max(found.sequence).max(1);
        let tail = if is_current { found.resume(directory)? } else { Tail::start(directory, sequence)? };
        let Tail { rows: open, lost, .. } = if is_current { found } else { Tail::default() };
        let begun = row::rows(&open).next().map(|(fixed, _)| fixed.at);
        let directory = directory.to_owned();
        let packer = Packer::new()?;
        let (last, segment) = (i64::MIN, None);
        let block = BLOCK;
        Ok(Self { directory, limits, block, packer, tail, open, lost, sequence, begun, last, segment, complete })
    }

    /// Writes rows, and how many calls were lost before them. When that fails, they are not kept.
    pub fn append(&mut self, rows: &[u8], lost: u32) -> io::Result<()> {
        self.tail.append(rows, lost)?;
        self.open.extend_from_slice(rows);
        self.lost = self.lost.saturating_add(lost);
        if self.begun.is_none() {
            self.begun = row::rows(rows).next().map(|(fixed, _)| fixed.at);
        }
        Ok(())
    }

    /// Does what is due: a tail that is large enough, or of yesterday, becomes a block, and what is too old goes. To be
    /// called after each [`Writer::append`], and each minute.
    pub fn tidy(&mut self, now: i64) -> io::Result<()> {
        if self.open.len() >= self.block || self.begun.is_some_and(|begun| begun < now - DAY) {
            self.seal()?;
        }
        if self.segment.as_ref().is_some_and(|segment| segment.begun < now - DAY) {
            self.complete_segment();
        }
        let retention = i64::try_from(self.limits.retention.as_millis()).unwrap_or(i64::MAX);
        let oldest = now.saturating_sub(retention);
        while self.complete.front().is_some_and(|file| file.last < oldest) {
            self.remove_oldest()?;
        }
        Ok(())
    }

    /// Makes a block of the tail. When that fails, its rows are lost: there is no room for them.
    fn seal(&mut self) -> io::Result<()> {
        let sealed = if self.begun.is_some() { self.write_block() } else { Ok(()) };
        if sealed.is_err() {
            let rows = row::rows(&self.open).count();
            self.lost = self.lost.saturating_add(u32::try_from(rows).unwrap_or(u32::MAX));
        } else {
            self.lost = 0;
        }
        self.open.clear();
        self.begun = None;
        self.sequence += 1;
        self.tail = Tail::start(&self.directory, self.sequence)?;
        if self.lost > 0 {
            self.tail.append(&[], self.lost)?;
        }
        sealed?;
        self.keep_within_bytes()
    }

    fn write_block(&mut self) -> io::Result<()> {
        let block = self.packer.block(self.sequence, self.lost, &self.open)?;
        let times = || row::rows(&self.open).map(|(fixed, _)| fixed.at);
        let (first, last) = (times().min().unwrap_or_default(), times().max().unwrap_or_default());
        let largest = MAX_SEGMENT.min(self.limits.bytes / 8);
        let full = |segment: &SegmentFile| {
            segment.length + block.len() as u64 > largest || segment.begun < last.saturating_sub(DAY)
        };
        if self.segment.as_ref().is_some_and(full) {
            self.complete_segment();
        }
        let segment = match &mut self.segment {
            Some(segment) => segment,
            none => none.insert(SegmentFile::start(&self.directory, self.sequence, first)?),
        };
        self.last = self.last.max(last);
        let appended = segment.append(&block);
        if appended.is_err() {
            // Perhaps it cannot even be cut: the next block begins another file.
            self.complete_segment();
        }
        appended
    }

    fn complete_segment(&mut self) {
        if let Some(SegmentFile { segment, length, .. }) = self.segment.take() {
            self.complete.push_back(Complete { path: segment.path, length, last: self.last });
            self.last = i64::MIN;
        }
    }

    /// Removes the oldest files until the others, and a tail as large as it may become, take no more than they may.
    fn keep_within_bytes(&mut self) -> io::Result<()> {
        while self.bytes() + self.block as u64 > self.limits.bytes && !self.complete.is_empty() {
            self.remove_oldest()?;
        }
        Ok(())
    }

    /// How long the files of blocks are together.
    fn bytes(&self) -> u64 {
        let complete: u64 = self.complete.iter().map(|file| file.length).sum();
        complete + self.segment.as_ref().map_or(0, |segment| segment.length)
    }

    fn remove_oldest(&mut self) -> io::Result<()> {
        if let Some(file) = self.complete.front() {
            match fs::remove_file(&file.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            self.complete.pop_front();
        }
        Ok(())
    }

    /// Has the operating system put the tail on the disk.
    pub fn finish(&self) -> io::Result<()> {
        self.tail.finish()
    }

    /// How many bytes all files have.
    pub fn size(&self) -> u64 {
        self.bytes() + self.tail.length()
    }
}

/// Makes the directory, for its owner only.
fn make(directory: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}
