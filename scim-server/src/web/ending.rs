//! What ends, such as a token, a secret or a certificate: how near that is, in words and in colour.

use super::{Cell, Tone};

/// The status of a token or secret, as commands say it (`valid`, `expiring`, `expired`). It alone decides the colour of all
/// that is said of it, so that no two signs of one token contradict each other.
pub fn tone(status: &str) -> Tone {
    match status {
        "valid" => Tone::Good,
        "expiring" => Tone::Warn,
        "expired" => Tone::Bad,
        _ => Tone::Plain,
    }
}

/// That status.
pub fn status(word: &str) -> Cell {
    Cell::Badge(tone(word), word.to_owned())
}

/// The days that are left, where begun ones are whole.
pub fn left(days: i64) -> String {
    match days {
        ..=0 => "ended".to_owned(),
        1 => "within a day".to_owned(),
        days => format!("{days} days"),
    }
}
