//! What is to be put back, and what came of it: row by row, as the commands `undo` and `brake undo` tell it.

use serde_json::Value;

use super::{
    ask::{Ask, Done, MOST, Shown},
    kind::{GROUPS, USERS},
    path::of_tenant,
    row::{Row, so_many, thousands},
    whom::whom,
};
use crate::{
    admin::Fault,
    web::{Cell, Form, Page, Piece, Section, Table, Tone},
};

/// Rows that are shown.
const SHOWN: usize = 200;

/// What would be put back, the form that does it, and the command line that shows the same.
pub async fn preview(ask: &Ask<'_>, tenant: &str, rows: &[Value], next: Form, line: String) -> Shown {
    let mut table = Table::new(&["Of", "Whom", "What", ""], "There is nothing to put back.");
    // Others say how the brake stands.
    for row in rows.iter().filter(|row| is_undone(row) || is_refused(row)).take(SHOWN) {
        table.push(if is_refused(row) { impossible(ask, tenant, row).await? } else { possible(tenant, row) });
    }
    let mut section = Section::new("What would be put back").note(outcome("To be put back", rows)).with(table);
    if rows.iter().any(is_undone) {
        section = section.with(next);
    }
    let back = (of_tenant(tenant, "safety"), "Change nothing".to_owned());
    Ok(ask.tenant_page(tenant, "Safety").with(section.with(Piece::Links(vec![back])).command(line)))
}

/// Says what was put back. What was not is on a page of its own, with why.
pub async fn done(ask: &Ask<'_>, tenant: &str, rows: &[Value]) -> Result<Done, Fault> {
    let here = of_tenant(tenant, "safety");
    if !rows.iter().any(is_refused) {
        return Ok(Done::Told(here, outcome("Put back", rows)));
    }
    Ok(Done::Once(Box::new(left(ask, tenant, rows).await?)))
}

async fn left(ask: &Ask<'_>, tenant: &str, rows: &[Value]) -> Result<Page, Fault> {
    let mut table = Table::new(&["Of", "Whom", "What", ""], "");
    for row in rows.iter().filter(|row| is_refused(row)).take(SHOWN) {
        table.push(impossible(ask, tenant, row).await?);
    }
    let mut section = Section::new("What was not put back").note(outcome("Put back", rows)).with(table);
    let more = rows.iter().filter(|row| is_refused(row)).count().saturating_sub(SHOWN) as u64;
    if more > 0 {
        section = section.with(Piece::Text(format!("The first are shown, and {} are not.", thousands(more))));
    }
    // Nobody is told of whoever is not put back before an administrator has decided.
    if rows.iter().any(|row| row.text("/brake") == "tripped") {
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

/// How much of it went, or is to go, in a sentence that begins so. What the rows do not have any more is not counted.
fn outcome(begins: &str, rows: &[Value]) -> String {
    let count = |is: fn(&Value) -> bool| rows.iter().filter(|row| is(row)).count() as u64;
    let (least, bound) = if rows.len() < MOST {
        ("", String::new())
    } else {
        ("at least ", format!(" This page counts to {}; “History” has them all.", thousands(MOST as u64)))
    };
    let done = so_many(count(is_undone), "user or group", "users and groups");
    let gone = match count(is_deleted) {
        0 => String::new(),
        gone => format!(", {least}{} of them by deletion", thousands(gone)),
    };
    let refused = match count(is_refused) {
        0 => String::new(),
        refused => format!(" Not possible: {least}{}.", so_many(refused, "change", "changes")),
    };
    format!("{begins}: {least}{done}{gone}.{refused}{bound}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_counted_is_said() {
        let mut rows = vec![json!({"undone": {}}); MOST - 1];
        assert_eq!(outcome("Put back", &rows), "Put back: 9,999 users and groups.");
        rows[0] = json!({"undone": {"changes": ["deleted"]}});
        assert_eq!(outcome("Put back", &rows), "Put back: 9,999 users and groups, 1 of them by deletion.");
        rows[0] = json!({"undone": {}});
        rows.push(json!({"refused": {}}));
        assert_eq!(
            outcome("Put back", &rows),
            "Put back: at least 9,999 users and groups. Not possible: at least 1 change. This page counts to 10,000; \
             “History” has them all."
        );
    }
}
