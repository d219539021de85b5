//! How an undo is shown: each piece as it comes, and for programs one object with all of them.

use serde_json::{Value, json};

use super::{cell, table::name as clipped};

/// What an undo has put back, and what it has refused.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    undone: Vec<Value>,
    refused: Vec<Value>,
    /// How the brake stands afterwards, where it is an undo of the brake.
    brake: Option<Value>,
}

impl Pieces {
    /// Keeps the piece of a row.
    pub fn add(&mut self, mut row: Value) {
        for (name, pieces) in [("undone", &mut self.undone), ("refused", &mut self.refused)] {
            pieces.extend(row.get_mut(name).map(Value::take));
        }
        self.brake = row.get_mut("brake").map(Value::take).or_else(|| self.brake.take());
    }

    /// How many changes were refused.
    pub fn refused(&self) -> usize {
        self.refused.len()
    }

    /// For programs.
    pub fn json(&self, dry_run: bool) -> String {
        let mut all = json!({"undone": self.undone, "refused": self.refused});
        if let Some(brake) = &self.brake {
            all["brake"] = brake.clone();
        }
        if dry_run {
            all["dry_run"] = true.into();
        }
        format!("{all}\n")
    }

    /// For people, the line below the pieces.
    pub fn summary(&self, dry_run: bool) -> String {
        let (undone, refused) = (self.undone.len(), self.refused.len());
        let brake = match self.brake.as_ref().and_then(Value::as_str) {
            Some("tripped") if dry_run => "The brake has tripped.\n",
            Some("tripped") => {
                "The brake stays tripped. Look at what was refused, then let the events go out with `brake approve`.\n"
            }
            Some(_) => "The brake is ready again, and the events go out.\n",
            None => "",
        };
        Self::said(undone, self.whom(), refused, dry_run, self.brake.is_some()) + brake
    }

    /// What they are called together.
    fn whom(&self) -> &'static str {
        let are = |kinds: &[&str]| {
            let kind = |one: &Value| one.get("type").and_then(Value::as_str).is_some_and(|kind| kinds.contains(&kind));
            self.undone.iter().all(kind)
        };
        match (are(&["User"]), are(&["Group"]), are(&["User", "Group"])) {
            (true, ..) => "user(s)",
            (_, true, _) => "group(s)",
            (.., true) => "user(s) and group(s)",
            _ => "resource(s)",
        }
    }

    fn said(undone: usize, whom: &str, refused: usize, dry_run: bool, of_burst: bool) -> String {
        match (undone, refused, dry_run) {
            (0, 0, _) => "There is nothing to put back: everything is as it was before.\n".to_owned(),
            (_, _, true) => {
                format!(
                    "{undone} {whom} would be put back, {refused} change(s) would be refused. Nothing was changed.\n"
                )
            }
            (_, _, false) => {
                let before = if of_burst { "before they were taken away" } else { "before" };
                format!("{undone} {whom} are as they were {before}; {refused} change(s) were refused.\n")
            }
        }
    }
}

/// For people, a line for each piece.
pub(super) fn piece(row: &Value) -> String {
    let at = |pointer: &str| cell(row.pointer(pointer));
    let name = |of: &str| row.pointer(of).map(|name| format!(" ({})", clipped(Some(name)))).unwrap_or_default();
    if row.get("undone").is_some() {
        let name = name("/undone/name");
        return format!("{} {}{name}: {}\n", at("/undone/type"), at("/undone/id"), at("/undone/changes"));
    }
    if row.get("refused").is_none() {
        return String::new();
    }
    let (kind, id, change) = (at("/refused/type"), at("/refused/id"), at("/refused/change"));
    format!("refused: {kind} {id}{}, {change}: {}\n", name("/refused/name"), at("/refused/reason"))
}
