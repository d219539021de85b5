//! The input and output of a command: lines.
//!
//! On the wire each line is a JSON object with one member: `{"row":…}`, `{"more":n}`, `{"progress":n}`, and at the
//! end `{"done":true}` or `{"error":"…"}`. A stream that ends without one of the last two was cut
//! off. Rows are carried as text and never parsed on the way, so that what is exported arrives byte
//! for byte.

use std::{
    io,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::mpsc::{self, error::TrySendError};

use super::{AdminError, Fault};

/// How many lines wait for their reader.
const BUFFER: usize = 1024;

/// How long an export waits for a reader that has stopped reading. Writes to the store wait as long.
const PATIENCE: Duration = if cfg!(test) { Duration::from_millis(200) } else { Duration::from_secs(30) };

/// The lines that a command reads. It ends when the sender is gone.
pub type Input = mpsc::Receiver<io::Result<String>>;

/// An input without any line.
pub fn nothing() -> Input {
    mpsc::channel(1).1
}

/// One line of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// The command has ended well.
    Done,
    /// The command has failed.
    Error(Fault),
    /// So many rows there are beyond those that were asked for.
    More(u64),
    /// So much is done.
    Progress(u64),
    /// A piece of what was asked for: JSON.
    Row(String),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Wire<T> {
    Done(bool),
    Error(String),
    More(u64),
    Progress(u64),
    Row(T),
}

impl Line {
    /// The line as it is sent, without its end.
    pub fn encode(&self) -> String {
        let wire: Wire<()> = match self {
            Self::Row(json) => return format!("{{\"row\":{json}}}"),
            Self::Done => Wire::Done(true),
            Self::Error(fault) => Wire::Error(fault.message.clone()),
            Self::More(number) => Wire::More(*number),
            Self::Progress(done) => Wire::Progress(*done),
        };
        serde_json::to_string(&wire).unwrap_or_else(|_| "{\"error\":\"unwritable\"}".to_owned())
    }

    /// Reads a line that was sent.
    pub fn decode(text: &str) -> Result<Self, AdminError> {
        let wire: Wire<&RawValue> = serde_json::from_str(text)
            .map_err(|error| AdminError::Refused(format!("the server answered something unexpected: {error}")))?;
        Ok(match wire {
            Wire::Done(_) => Self::Done,
            Wire::Error(message) => Self::Error(message.into()),
            Wire::More(number) => Self::More(number),
            Wire::Progress(done) => Self::Progress(done),
            Wire::Row(json) => Self::Row(json.get().to_owned()),
        })
    }
}

/// Where a command writes.
#[derive(Debug, Clone)]
pub struct Output(mpsc::Sender<Line>);

impl Output {
    /// An output, and where its lines come out.
    pub fn new() -> (Self, mpsc::Receiver<Line>) {
        let (sender, receiver) = mpsc::channel(BUFFER);
        (Self(sender), receiver)
    }

    /// Writes a row.
    pub async fn row(&self, row: &impl Serialize) -> Result<(), AdminError> {
        let json = serde_json::to_string(row)
            .map_err(|error| AdminError::Refused(format!("what is stored cannot be shown: {error}")))?;
        self.line(Line::Row(json)).await
    }

    /// Says how much is done, unless whoever reads is behind.
    pub fn progress(&self, done: u64) {
        let _ = self.0.try_send(Line::Progress(done));
    }

    /// Whether nobody reads any more.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Writes a line, waiting for the reader.
    pub async fn line(&self, line: Line) -> Result<(), AdminError> {
        self.0.send(line).await.map_err(|_| AdminError::Unread)
    }

    /// Writes a row from a thread that may block. Refused when nobody reads any more, or the reader has stopped for too long:
    /// then what was written is not all there is, and whoever writes must say so.
    pub fn row_blocking(&self, json: String) -> Result<(), AdminError> {
        let mut line = Line::Row(json);
        let begin = Instant::now();
        loop {
            match self.0.try_send(line) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Closed(_)) => return Err(AdminError::Unread),
                Err(TrySendError::Full(_)) if begin.elapsed() > PATIENCE => {
                    return Err(AdminError::Stalled(PATIENCE.as_secs()));
                }
                Err(TrySendError::Full(same)) => line = same,
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &Line, expect: &str) {
        assert_eq!(line.encode(), expect);
        assert_eq!(&Line::decode(expect).unwrap(), line);
    }

    /// Else a copy that lacks its end would look as one that has it.
    #[test]
    fn a_reader_that_stops_for_too_long_is_an_error_of_the_writer() {
        let (output, mut lines) = Output::new();
        for _ in 0..BUFFER {
            output.row_blocking("1".to_owned()).unwrap();
        }
        assert!(matches!(output.row_blocking("2".to_owned()), Err(AdminError::Stalled(_))));
        lines.try_recv().unwrap();
        output.row_blocking("3".to_owned()).unwrap();
        drop(lines);
        assert!(matches!(output.row_blocking("4".to_owned()), Err(AdminError::Unread)));
    }

    #[test]
    fn lines_are_objects_with_one_member() {
        check(&Line::Done, "{\"done\":true}");
        check(&Line::Error("no \"x\"".to_owned().into()), "{\"error\":\"no \\\"x\\\"\"}");
        check(&Line::More(7), "{\"more\":7}");
        check(&Line::Progress(12), "{\"progress\":12}");
        check(&Line::Row("{\"b\":1.10,\"a\":[]}".to_owned()), "{\"row\":{\"b\":1.10,\"a\":[]}}");
        assert!(Line::decode("{\"row\":").is_err());
    }
}
