//! Dates with times in answers (RFC 7643 §2.3.5).

use jiff::Timestamp;
use serde_json::Value;

use crate::verdict::{Stop, place, text};

/// Demands a dateTime at a JSON pointer, and gives the instant.
pub(super) fn time_at(document: &Value, pointer: &str) -> Result<Timestamp, Stop> {
    is_time(text(document, pointer)?, &place(pointer))
}

/// Demands that a text is a dateTime, and gives the instant. One without an offset is valid too, and
/// is read as UTC.
pub(super) fn is_time(text: &str, name: &str) -> Result<Timestamp, Stop> {
    let has_time = text.as_bytes().get(10) == Some(&b'T');
    let instant = text.parse().ok().or_else(|| format!("{text}Z").parse().ok()).filter(|_| has_time);
    instant.ok_or_else(|| Stop::Unmet(format!("Expected {name} to be a dateTime; it is \"{text}\".")))
}
