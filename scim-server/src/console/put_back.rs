//! What is to be put back, and what came of it: row by row, as the commands `undo` and `brake undo` tell it.

use serde_json::{Value, json};

use super::{
    ask::{Ask, Done, Shown},
    first::First,
    kind::{GROUPS, USERS},
    path::of_tenant,
    row::{Row, so_many, thousands},
    shown::mark,
    whom::whom,
};
use crate::{
    admin::Fault,
    web::{Cell, Form, Page, Piece, Section, Table, Tone},
};

/// What a command tells of putting back: however much it is, all of it is counted, and the first is kept.
#[derive(Debug, Default)]
pub struct Told {
    /// What is put back and what cannot be, in its order.
    rows: First,
    /// What cannot be put back.
    refused: First,
    undone: u64,
    /// Of what is put back, what goes by that.
    deleted: u64,
    is_tripped: bool,
    /// A mark of all of it.
    pub mark: Value,
}

impl Told {
    /// Counts a row of the command.
    pub fn add(&mut self, row: Value) {
        self.mark = mark(&json!([self.mark, row])).into();
        // Others say how the brake stands.
        self.is_tripped |= row.text("/brake") == "tripped";
        if is_undone(&row) {
            self.undone += 1;
            self.deleted += u64::from(is_deleted(&row));
            self.rows.add(row);
        } else if is_refused(&row) {
            self.refused.add(row.clone());
            self.rows.add(row);
        }
    }

    /// How much of it went, or is to go, in a sentence that begins so.
    fn outcome(&self, begins: &str) -> String {
        let done = so_many(self.undone, "user or group", "users and groups");
        let gone = match self.deleted {
            0 => String::new(),
            gone => format!(", {} of them by deletion", thousands(gone)),
        };
        let refused = match self.refused.all() {
            0 => String::new(),
            refused => format!(" Not possible: {}.", so_many(refused, "change", "changes")),
        };
        format!("{begins}: {done}{gone}.{refused}")
    }
}

/// What would be put back, the form that does it, and the command line that shows the same.
pub async fn preview(ask: &Ask<'_>, tenant: &str, told: &Told, next: Form, line: String) -> Shown {
    let mut table = Table::new(&["Of", "Whom", "What", "Outcome"], "There is nothing to put back.");
    for row in &told.rows.rows {
        table.push(if is_refused(row) { impossible(ask, tenant, row).await? } else { possible(tenant, row) });
    }
    let mut section = Section::new("What would be put back").note(told.outcome("To be put back"));
    // Before the list, so that the keyboard is soon there.
    if told.undone > 0 {
        section = section.with(next);
    }
    let back = (of_tenant(tenant, "safety"), "Change nothing".to_owned());
    let section = told.rows.of(section.with(Piece::Links(vec![back])).with(table), line);
    Ok(ask.tenant_page(tenant, "Safety").with(section))
}

/// Says what was put back. What was not is on a page of its own, with why, and with the command line that shows it.
pub async fn done(ask: &Ask<'_>, tenant: &str, told: &Told, line: String) -> Result<Done, Fault> {
    if told.refused.all() == 0 {
        return Ok(Done::Told(of_tenant(tenant, "safety"), told.outcome("Put back")));
    }
    Ok(Done::Once(Box::new(left(ask, tenant, told, line).await?)))
}

async fn left(ask: &Ask<'_>, tenant: &str, told: &Told, line: String) -> Result<Page, Fault> {
    let mut table = Table::new(&["Of", "Whom", "What", "Outcome"], "");
    for row in &told.refused.rows {
        table.push(impossible(ask, tenant, row).await?);
    }
    let section = Section::new("What was not put back").note(told.outcome("Put back")).with(table);
    let mut section = told.refused.of(section, line);
    // Nobody is told of whoever is not put back before an administrator has decided.
    if told.is_tripped {
        let why = "The brake stays tripped. Look at what was not put back, then approve it.";
        section = section.with(Piece::Notice(Tone::Warn, why.to_owned()));
    }
    let back = Piece::Links(vec![(of_tenant(tenant, "safety"), "Back to the brake and undo".to_owned())]);
    Ok(ask.tenant_page(tenant, "Safety").with(section.with(back)))
}

fn is_undone(row: &Value) -> bool {
    row.get("undone").is_some()
}

fn is_refused(row: &Value) -> bool {
    row.get("refused").is_some()
}

/// Whether something goes, as the events made it.
fn is_deleted(row: &Value) -> bool {
    row.list("/undone/changes").iter().any(|change| change == "deleted")
}

/// A row of what can be put back.
fn possible(tenant: &str, row: &Value) -> Vec<Cell> {
    let (kind, id) = (row.text("/undone/type"), row.text("/undone/id"));
    let people = if kind == "Group" { &GROUPS } else { &USERS };
    let path = people.path(tenant, id);
    let whom = match row.text("/undone/name") {
        "" => Cell::link(path, id),
        name => Cell::Several(vec![Cell::link(path, name), Cell::Note(id.to_owned())]),
    };
    let (tone, would) = if is_deleted(row) {
        (Tone::Bad, "would be deleted (came in the range)")
    } else {
        (Tone::Good, "would be put back")
    };
    vec![Cell::text(kind), whom, row.cell("/undone/changes"), Cell::Badge(tone, would.to_owned())]
}

/// A row of what cannot be put back, with why. Whom it is about may be gone for good.
async fn impossible(ask: &Ask<'_>, tenant: &str, row: &Value) -> Result<Vec<Cell>, Fault> {
    let kind = row.text("/refused/type");
    let people = if kind == "Group" { &GROUPS } else { &USERS };
    let whom = whom(ask, tenant, people, row.text("/refused/id")).await?;
    let badge = Cell::Badge(Tone::Warn, "not possible".to_owned());
    let why = Cell::Note(row.text("/refused/reason").to_owned());
    Ok(vec![Cell::text(kind), whom, row.cell("/refused/change"), Cell::Several(vec![badge, why])])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(rows: impl IntoIterator<Item = Value>) -> Told {
        let mut told = Told::default();
        rows.into_iter().for_each(|row| told.add(row));
        told
    }

    /// More than any page shows: what comes last is counted, and told, too.
    #[test]
    fn all_is_counted_and_the_last_is_not_lost() {
        let many = || std::iter::repeat_n(json!({"undone": {}}), 12_000);
        assert_eq!(told(many().take(1)).outcome("Put back"), "Put back: 1 user or group.");
        let last = [
            json!({"undone": {"changes": ["deleted"]}}),
            json!({"refused": {"id": "x", "reason": "is gone"}}),
            json!({"brake": "tripped"}),
        ];
        let all = told(many().chain(last.clone()));
        assert_eq!(
            all.outcome("Put back"),
            "Put back: 12,001 users and groups, 1 of them by deletion. Not possible: 1 change."
        );
        assert_eq!(all.refused.rows, [last[1].clone()]);
        assert!(all.is_tripped && all.rows.rows.len() < 1000 && all.rows.all() == 12_002);
        assert_ne!(all.mark, told(many().chain(last.into_iter().take(1))).mark, "what comes last is looked at, too");
    }
}
