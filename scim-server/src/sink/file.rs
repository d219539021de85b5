//! A file with a JSON line for each event.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;

use super::{Form, Line, Sink, SinkError};
use crate::rotated::{self, Rotation};

/// How much of a file is looked at at a time, from its end.
const PIECE: u64 = 64 * 1024;

/// A file that is replaced when it has grown. Lines are whole: what was cut off is removed, and comes again.
pub struct FileSink(Arc<Mutex<Lines>>);

struct Lines {
    path: PathBuf,
    rotation: Option<Rotation>,
    file: File,
    /// Its size in bytes; `None` when it is not known whether it ends with a whole line.
    size: Option<u64>,
}

impl FileSink {
    /// Opens the file, or makes it.
    pub fn open(path: &Path, rotation: Option<Rotation>) -> io::Result<Self> {
        let file = rotated::open(path)?;
        Ok(Self(Arc::new(Mutex::new(Lines { path: path.to_owned(), rotation, file, size: None }))))
    }
}

#[async_trait]
impl Sink for FileSink {
    fn name(&self) -> &'static str {
        "file"
    }

    fn form(&self) -> Form {
        Form::Feed
    }

    async fn take(&mut self, lines: &[Line]) -> Result<(), SinkError> {
        let mut text = Vec::with_capacity(lines.iter().map(|line| line.json.len() + 1).sum());
        for line in lines {
            text.extend_from_slice(&line.json);
            text.push(b'\n');
        }
        let lines = Arc::clone(&self.0);
        let write = move || lines.lock().unwrap_or_else(PoisonError::into_inner).write(&text);
        Ok(tokio::task::spawn_blocking(write).await.map_err(io::Error::other)??)
    }
}

impl Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        // What was cut off when a process ended, or the disk was full, would stand before what is written next. Not
        // looked at before there is something to write: until then the file may be another process's.
        let mut size = if let Some(size) = self.size.take() {
            size
        } else {
            let size = whole_lines(&self.path)?;
            self.file.set_len(size)?;
            size
        };
        if let Some(rotation) = self.rotation.filter(|rotation| size >= rotation.bytes) {
            rotated::rotate(&self.path, rotation.keep)?;
            self.file = rotated::open(&self.path)?;
            size = 0;
        }
        self.file.write_all(text)?;
        self.file.sync_data()?;
        self.size = Some(size + text.len() as u64);
        Ok(())
    }
}

/// How many bytes of a file are whole lines.
fn whole_lines(path: &Path) -> io::Result<u64> {
    let mut file = OpenOptions::new().read(true).open(path)?;
    let mut end = file.metadata()?.len();
    let mut piece = Vec::new();
    while end > 0 {
        let begin = end.saturating_sub(PIECE);
        file.seek(SeekFrom::Start(begin))?;
        piece.clear();
        (&mut file).take(end - begin).read_to_end(&mut piece)?;
        if let Some(at) = piece.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}
