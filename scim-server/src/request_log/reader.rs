//! Finds calls in the files of a log, which another process may be writing.
//!
//! The tail is read first. What became a block meanwhile has the number of the tail or a greater one, and is passed over:
//! so each call is seen once, and none is missed.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use scim_protocol::Timestamp;

use super::{
    block::{Block, Header},
    counts::Counts,
    row::{self, Fixed, Place, Row},
    search::Search,
    segment::{Blocks, Segment},
    tail::Tail,
};

/// Where a search begins, and which way it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Newest first, behind that place if there is one.
    Back(Option<Place>),
    /// Oldest first, of what is newer than that place.
    On(Place),
}

/// How far a search goes.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// The most rows.
    pub rows: usize,
    /// How long it may look.
    pub within: Duration,
}

/// What a search has found.
#[derive(Debug, Default)]
pub struct Page {
    pub rows: Vec<Row>,
    /// Where it goes on; `None` when everything was looked at.
    pub next: Option<Place>,
    /// Whether it ended for its time, not for its rows or the end of the log.
    pub timed_out: bool,
    /// How far back it has looked.
    pub searched_to: Option<Timestamp>,
    /// How many calls were lost in what it has looked at.
    pub lost: u64,
    /// How many files have damage, so that some of their calls cannot be read.
    pub damaged: usize,
}

/// Reads a log.
#[derive(Debug, Clone)]
pub struct Reader {
    directory: PathBuf,
}

/// A search in progress.
struct Scan<'s> {
    search: &'s Search,
    direction: Direction,
    effort: Effort,
    begun: Instant,
    /// Whether a block was looked into: each search gets on, however little time it has.
    has_looked: bool,
    page: Page,
}

impl Reader {
    /// Of the log in that directory, which need not exist.
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// Looks for calls. Blocks; `search` is [`Search::prepared`].
    pub fn search(&self, search: &Search, direction: Direction, effort: Effort) -> io::Result<Page> {
        let mut scan =
            Scan { search, direction, effort, begun: Instant::now(), has_looked: false, page: Page::default() };
        let tail = Tail::read(&self.directory)?;
        let segments = Segment::list(&self.directory)?;
        // Without a tail nobody writes.
        let newest = if tail.sequence == 0 { u64::MAX } else { tail.sequence };
        let ends = segments.iter().skip(1).map(|next| next.first).chain([newest]);
        let files: Vec<_> = segments.iter().zip(ends.map(|end| end.min(newest))).collect();
        match direction {
            Direction::Back(_) => {
                let mut goes_on = scan.tail(&tail);
                for (segment, end) in files.into_iter().rev() {
                    goes_on = goes_on && scan.file(segment, end)?;
                }
                if goes_on {
                    scan.page.next = None;
                }
            }
            Direction::On(_) => {
                let mut goes_on = true;
                for (segment, end) in files {
                    goes_on = goes_on && scan.file(segment, end)?;
                }
                if goes_on {
                    scan.tail(&tail);
                }
            }
        }
        Ok(scan.page)
    }

    /// Counts all calls up to that place, or all that there are. Reads the fields of every block and no text. Blocks.
    pub fn count(&self, until: Option<Place>, counts: &Counts) -> io::Result<()> {
        let is_wanted = |place: Place| until.is_none_or(|until| place <= until);
        let tail = Tail::read(&self.directory)?;
        let newest = if tail.sequence == 0 { u64::MAX } else { tail.sequence };
        let of_tail = row::rows(&tail.rows).enumerate().filter(|(row, _)| is_wanted(place(tail.sequence, *row)));
        counts.add(of_tail.map(|(_, (fixed, _))| fixed));
        for segment in Segment::list(&self.directory)? {
            let mut file = match File::open(&segment.path) {
                // It was too old.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                file => file?,
            };
            for (at, header) in Blocks::of(&file)?.places {
                // What is damaged is left out, as a search does.
                let fixed = Block::open(&mut file, at, header).and_then(|mut block| block.fixed()).unwrap_or_default();
                let wanted = fixed
                    .into_iter()
                    .enumerate()
                    .filter(|(row, _)| header.sequence < newest && is_wanted(place(header.sequence, *row)));
                counts.add(wanted.map(|(_, fixed)| fixed));
            }
        }
        Ok(())
    }

    /// The place of the newest call, behind which nothing is.
    pub fn newest(&self) -> io::Result<Place> {
        let tail = Tail::read(&self.directory)?;
        let rows = row::rows(&tail.rows).count();
        // Behind the last row: one before the next.
        Ok(match u32::try_from(rows).unwrap_or(u32::MAX) {
            0 => Place { block: tail.sequence.saturating_sub(1), row: u32::MAX },
            rows => Place { block: tail.sequence, row: rows - 1 },
        })
    }
}

fn place(block: u64, row: usize) -> Place {
    Place { block, row: u32::try_from(row).unwrap_or(u32::MAX) }
}

impl Scan<'_> {
    /// Whether a block can have places that are wanted.
    fn reaches(&self, sequence: u64) -> bool {
        match self.direction {
            Direction::Back(None) => true,
            Direction::Back(Some(before)) => Place { block: sequence, row: 0 } < before,
            Direction::On(after) => Place { block: sequence, row: u32::MAX } > after,
        }
    }

    fn wants(&self, place: Place) -> bool {
        match self.direction {
            Direction::Back(before) => before.is_none_or(|before| place < before),
            Direction::On(after) => place > after,
        }
    }

    /// Numbers in the order of the search.
    fn ordered<T>(&self, mut items: Vec<T>) -> Vec<T> {
        if matches!(self.direction, Direction::Back(_)) {
            items.reverse();
        }
        items
    }

    /// Looks through a file whose blocks end before the number `end`. Whether the search goes on.
    fn file(&mut self, segment: &Segment, end: u64) -> io::Result<bool> {
        let is_newer = matches!(self.direction, Direction::Back(Some(before)) if segment.first > before.block);
        let is_older = matches!(self.direction, Direction::On(after) if end <= after.block);
        if is_newer || is_older {
            return Ok(true);
        }
        let mut file = match File::open(&segment.path) {
            Ok(file) => file,
            // It was too old.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        let Blocks { places: mut blocks, is_torn, .. } = Blocks::of(&file)?;
        let next = blocks.last().map_or(segment.first, |(_, header)| header.sequence + 1);
        let mut is_damaged = is_torn && next < end && end < u64::MAX;
        blocks.retain(|(_, header)| header.sequence < end && self.reaches(header.sequence));
        let mut goes_on = true;
        for (at, header) in self.ordered(blocks) {
            match self.block(&mut file, at, header) {
                Ok(true) => {}
                Ok(false) => {
                    goes_on = false;
                    break;
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::Other) => {
                    is_damaged = true;
                }
                Err(error) => return Err(error),
            }
        }
        self.page.damaged += usize::from(is_damaged);
        Ok(goes_on)
    }

    /// Looks into a block. Whether the search goes on.
    fn block(&mut self, file: &mut File, at: u64, header: Header) -> io::Result<bool> {
        if self.is_late(header.sequence) {
            return Ok(false);
        }
        self.saw(header.first, header.last, header.lost);
        if !self.search.meets_times(header.first, header.last) {
            return Ok(true);
        }
        let mut block = Block::open(file, at, header)?;
        if !block.kinds(self.search.tenant_id()).meets(self.search.kinds()) {
            return Ok(true);
        }
        if !self.search.ids().all(|ids| ids.iter().any(|id| block.may_have(*id))) {
            return Ok(true);
        }
        let fixed = block.fixed()?;
        self.rows(header.sequence, &fixed, |row| block.text(row, &fixed))
    }

    /// Looks into the tail. Whether the search goes on.
    fn tail(&mut self, tail: &Tail) -> bool {
        if !self.reaches(tail.sequence) {
            return true;
        }
        let (fixed, texts): (Vec<_>, Vec<_>) = row::rows(&tail.rows).unzip();
        let times = || fixed.iter().map(|fixed| fixed.at);
        let first = times().min().unwrap_or(i64::MAX);
        self.saw(first, times().max().unwrap_or(i64::MAX), tail.lost);
        let text = |row: usize| Ok(String::from_utf8_lossy(texts.get(row).copied().unwrap_or_default()).into_owned());
        self.rows(tail.sequence, &fixed, text).unwrap_or(true)
    }

    /// Looks at rows. Whether the search goes on.
    fn rows(
        &mut self,
        block: u64,
        fixed: &[Fixed],
        mut text: impl FnMut(usize) -> io::Result<String>,
    ) -> io::Result<bool> {
        for row in self.ordered((0..fixed.len()).collect()) {
            let place = place(block, row);
            let Some(fields) = fixed.get(row).filter(|fields| self.wants(place) && self.search.takes(fields)) else {
                continue;
            };
            let text = text(row)?;
            if !self.search.takes_text(&text) {
                continue;
            }
            self.page.rows.push(Row::new(place, fields, &text));
            if self.page.rows.len() >= self.effort.rows {
                self.page.next = Some(place);
                self.page.searched_to = Some(Timestamp::from_millis(fields.at));
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether there is no time for another block. Then the search goes on with this one.
    fn is_late(&mut self, sequence: u64) -> bool {
        if !std::mem::replace(&mut self.has_looked, true) || self.begun.elapsed() < self.effort.within {
            return false;
        }
        self.page.timed_out = true;
        self.page.next = Some(match self.direction {
            Direction::Back(_) => Place { block: sequence.saturating_add(1), row: 0 },
            Direction::On(_) => Place { block: sequence.saturating_sub(1), row: u32::MAX },
        });
        true
    }

    fn saw(&mut self, first: i64, last: i64, lost: u32) {
        if self.search.meets_times(first, last) {
            self.page.lost += u64::from(lost);
        }
        if first < i64::MAX {
            let first = Timestamp::from_millis(first);
            self.page.searched_to = Some(self.page.searched_to.map_or(first, |known| known.min(first)));
        }
    }
}
