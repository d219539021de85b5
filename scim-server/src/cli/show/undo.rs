//! How an undo is shown: each piece as it comes, and for programs one object with all of them.

use serde_json::{Value, json};

use super::cell;

/// What an undo has put back, and what it has refused.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    undone: Vec<Value>,
    refused: Vec<Value>,
}

impl Pieces {
    /// Keeps the piece of a row.
    pub fn add(&mut self, mut row: Value) {
        for (name, pieces) in [("undone", &mut self.undone), ("refused", &mut self.refused)] {
            pieces.extend(row.get_mut(name).map(Value::take));
        }
    }

    /// How many changes were refused.
    pub fn refused(&self) -> usize {
        self.refused.len()
    }

    /// For programs.
    pub fn json(&self) -> String {
        format!("{}\n", json!({"undone": self.undone, "refused": self.refused}))
    }

    /// For people, the line below the pieces.
    pub fn summary(&self, dry_run: bool) -> String {
        let (undone, refused) = (self.undone.len(), self.refused.len());
        match (undone, refused, dry_run) {
            (0, 0, _) => "There is nothing to put back: everything is as it was before.\n".to_owned(),
            (_, _, true) => {
                format!(
                    "{undone} user(s) and group(s) would be put back, {refused} change(s) would be refused. Nothing was changed.\n"
                )
            }
            (_, _, false) => {
                format!("{undone} user(s) and group(s) are as they were before; {refused} change(s) were refused.\n")
            }
        }
    }
}

/// For people, a line for each piece.
pub(super) fn piece(row: &Value) -> String {
    let at = |pointer: &str| cell(row.pointer(pointer));
    if row.get("undone").is_some() {
        return format!("{} {}: {}\n", at("/undone/type"), at("/undone/id"), at("/undone/changes"));
    }
    let (kind, id, change) = (at("/refused/type"), at("/refused/id"), at("/refused/change"));
    format!("refused: {kind} {id}, {change}: {}\n", at("/refused/reason"))
}
