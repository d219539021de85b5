//! How a brake stands.

use serde_json::Value;

use super::{Show, lines};

/// A line for each thing that is known. That there is no brake afterwards is said by a word.
pub(super) fn state(row: &Value) -> String {
    let mut row = row.clone();
    if let Some(afterwards) = row.get_mut("afterwards").filter(|afterwards| afterwards.is_null()) {
        *afterwards = "off".into();
    }
    lines(&row, Show::Brake.columns())
}
