//! From the rows of commands to what stands in a page.

use serde_json::Value;

pub use crate::web::thousands;
use crate::web::{Cell, ending};

/// What is read of a row.
pub trait Row {
    /// A text, empty where there is none.
    fn text(&self, pointer: &str) -> &str;
    /// A number, 0 where there is none.
    fn number(&self, pointer: &str) -> u64;
    /// Whether it is said to be so.
    fn is(&self, pointer: &str) -> bool;
    /// The values of a list.
    fn list(&self, pointer: &str) -> &[Value];
    /// Any value as people read it.
    fn cell(&self, pointer: &str) -> Cell;
    /// A sentence, or several.
    fn said(&self, pointer: &str) -> Cell;
    /// An instant, or a word where there is none.
    fn time(&self, pointer: &str, none: &str) -> Cell;
}

impl Row for Value {
    fn text(&self, pointer: &str) -> &str {
        self.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    fn number(&self, pointer: &str) -> u64 {
        self.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
    }

    fn is(&self, pointer: &str) -> bool {
        self.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
    }

    fn list(&self, pointer: &str) -> &[Value] {
        self.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn cell(&self, pointer: &str) -> Cell {
        self.pointer(pointer).map_or(Cell::Empty, value)
    }

    fn said(&self, pointer: &str) -> Cell {
        match self.cell(pointer) {
            Cell::Text(text) => Cell::Said(text),
            other => other,
        }
    }

    fn time(&self, pointer: &str, none: &str) -> Cell {
        Cell::time(self.pointer(pointer).and_then(Value::as_str), none)
    }
}

/// A value as people read it.
pub fn value(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::Empty,
        Value::String(text) => Cell::from(text.as_str()),
        Value::Array(values) if values.iter().all(Value::is_string) => {
            let words: Vec<_> = values.iter().filter_map(Value::as_str).collect();
            Cell::from(words.join(", "))
        }
        other => Cell::from(other.to_string()),
    }
}

/// So many of something, in the words for one and for several.
pub fn so_many(number: u64, one: &str, several: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { several })
}

/// An instant as text in the reader's zone, with the days that are left in the colour of the status.
pub fn expiry(row: &Value) -> Cell {
    let days = row.pointer("/days_left").and_then(Value::as_i64).unwrap_or_default();
    let left = Cell::Badge(ending::tone(row.text("/status")), ending::left(days));
    Cell::Several(vec![row.time("/expires", "–"), left])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_there_is_empty() {
        let row = json!({"a": {"b": "x"}, "n": 3, "l": ["p", "q"]});
        assert_eq!((row.text("/a/b"), row.text("/a/c"), row.number("/n"), row.is("/n")), ("x", "", 3, false));
        assert!(matches!(row.cell("/l"), Cell::Text(text) if text == "p, q"));
        assert!(matches!(row.cell("/none"), Cell::Empty) && row.list("/n").is_empty());
    }
}
