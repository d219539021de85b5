//! Dates with times in answers (RFC 7643 §2.3.5).

use jiff::Timestamp;
use serde_json::Value;

use crate::verdict::{Outcome, Stop, place, text};

/// Demands a dateTime at a JSON pointer, and gives the instant. A dateTime without an offset is a
/// valid one, and is read as UTC.
pub(super) fn time_at(document: &Value, pointer: &str) -> Result<Timestamp, Stop> {
    let text = text(document, pointer)?;
    parse(text).ok_or_else(|| Stop::Unmet(format!("Expected {} to be a dateTime; it is \"{text}\".", place(pointer))))
}

/// Demands that a text is a dateTime.
pub(super) fn is_time(text: &str, name: &str) -> Outcome {
    parse(text).map(|_| ()).ok_or_else(|| Stop::Unmet(format!("Expected {name} to be a dateTime; it is \"{text}\".")))
}

fn parse(text: &str) -> Option<Timestamp> {
    if text.as_bytes().get(10) != Some(&b'T') {
        return None;
    }
    text.parse().ok().or_else(|| format!("{text}Z").parse().ok())
}
