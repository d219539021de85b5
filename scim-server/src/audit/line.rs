//! Writes a line.
//!
//! Keys and punctuation are literals of this program and are written as they are; serde_json escapes the rest. A
//! record has some twenty keys; escaping them in each line was most of its cost.

use std::fmt::{self, Write as _};

use uuid::Uuid;

/// JSON text in a buffer. Writing to memory cannot fail.
pub(super) struct LineWriter<'a>(&'a mut Vec<u8>);

impl fmt::Write for LineWriter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.raw(text);
        Ok(())
    }
}

impl<'a> LineWriter<'a> {
    pub fn new(buffer: &'a mut Vec<u8>) -> Self {
        Self(buffer)
    }

    pub fn raw(&mut self, json: &str) {
        self.0.extend_from_slice(json.as_bytes());
    }

    /// What displays itself as JSON: a number or a boolean.
    pub fn display(&mut self, value: impl fmt::Display) {
        let _ = write!(self, "{value}");
    }

    /// A string of characters of which JSON escapes none, as in an id, a time or an address.
    pub fn plain(&mut self, text: impl fmt::Display) {
        self.0.push(b'"');
        self.display(text);
        self.0.push(b'"');
    }

    pub fn id(&mut self, id: Uuid) {
        self.verbatim(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    }

    /// A string that is known to hold nothing that JSON escapes.
    pub fn verbatim(&mut self, text: &str) {
        self.0.push(b'"');
        self.raw(text);
        self.0.push(b'"');
    }

    pub fn string(&mut self, text: &str) {
        drop(serde_json::to_writer(&mut *self.0, text));
    }

    /// What displays itself, as a string.
    pub fn escaped(&mut self, text: &dyn fmt::Display) {
        self.string(&text.to_string());
    }

    /// How much is written.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes back what was written behind that length.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }
}
