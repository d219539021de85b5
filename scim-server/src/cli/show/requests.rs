//! How calls are shown: one line each, and one of them as a whole.

use std::fmt::Write as _;

use command_page::terminal::json;
use serde_json::Value;

use super::cell;

/// A call in a line.
pub(super) fn line(row: &Value) -> String {
    let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut line = format!("{}  {}  {}", text("time"), cell(row.get("status")), cell(row.get("meaning")));
    if let Some(who) = row.get("token_name").or_else(|| row.get("token")) {
        let _ = write!(line, ", by {}", cell(Some(who)));
    }
    if let Some(count) = row.get("count").and_then(Value::as_u64).filter(|count| *count > 1) {
        let _ = write!(line, ", {count} times");
    }
    if let Some(reason) = row.get("reason") {
        let _ = write!(line, ": {}", cell(Some(reason)));
    }
    format!("{line}  [{}]\n", text("id"))
}

/// What there is to say of a list, which is not among its rows: a program would take it for one.
pub(super) fn notes(row: &Value) -> Option<Vec<&str>> {
    if let Some(note) = row.get("note") {
        return Some(note.as_str().into_iter().collect());
    }
    let notes = row.get("end")?.get("notes").and_then(Value::as_array);
    Some(notes.into_iter().flatten().filter_map(Value::as_str).collect())
}

/// A call as a whole, below its line and its columns.
pub(super) fn details(row: &Value) -> String {
    let mut text = String::new();
    for (title, name) in [("Why", "reason"), ("Meaning of the status", "explanation"), ("What to do", "fix")] {
        if let Some(sentence) = row.get(name) {
            let _ = writeln!(text, "\n{title}: {}", cell(Some(sentence)));
        }
    }
    for (title, at) in [("Query", "/request/query"), ("Request", "/request/body"), ("Response", "/response/body")] {
        if let Some(document) = row.pointer(at) {
            let _ = writeln!(text, "\n{title}:\n{}", json(&format!("{document:#}")));
        }
    }
    if let Some(command) = row.get("curl") {
        let _ = writeln!(text, "\nThe same again, where what is hidden must be filled in:\n{}", cell(Some(command)));
    }
    if row.get("values").is_some() {
        let id = cell(row.get("id"));
        let _ = writeln!(text, "\nThe values are kept: `scim-server requests values {id}` shows them to an operator.");
    }
    text
}
