//! What was changed, the newest first: of a tenant, or of one user or group, with the values before and after.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    ask::{Ask, Shown},
    command,
    kind::{GROUPS, USERS},
    path::of_tenant,
    row::{Row, thousands},
    whom::looked_up,
};
use crate::{
    admin::{AdminRequest, BrowseRequest, Fault, NAMED, clients::ClientRequest},
    web::{Cell, Section, Table, clipped},
};

/// Shows what was changed in a tenant.
pub async fn show(ask: &Ask<'_>, tenant: &str) -> Shown {
    let here = of_tenant(tenant, "history");
    let rows = rows(ask, Some(tenant), None).await?;
    let section = Section::new("What was changed")
        .note("The newest first. Applications read the same events from the feed.")
        .with(
            table(ask, Some(tenant), rows, &here, "Nothing was changed yet, or the events are no longer kept. Changes come with the calls of the identity provider: “Connect” says how.").await?,
        )
        .command(command::line(&["events", "--tenant", tenant]));
    Ok(ask.tenant_page(tenant, "History").with(section))
}

/// What was changed of one user or group.
pub async fn of_resource(ask: &Ask<'_>, tenant: &str, id: &str, here: &str) -> Result<Section, Fault> {
    let rows = rows(ask, Some(tenant), Some(id)).await?;
    let looked = rows.last().map_or(0, |end| end.number("/newest").saturating_sub(end.number("/next")));
    let empty = format!("Nothing in the last {} events of the tenant.", thousands(looked.saturating_add(1)));
    let section = Section::new("History").note("The newest first: who changed what, and the values before and after.");
    Ok(section.with(table(ask, Some(tenant), rows, here, &empty).await?))
}

/// What was done with the server itself: administrators, tenants, tokens.
pub async fn of_server(ask: &Ask<'_>) -> Result<Section, Fault> {
    let rows = rows(ask, None, None).await?;
    let here = format!("{}/server", super::BASE);
    let section = Section::new("What administrators did").note("Sign-ins, and changes of tenants, tokens and clients.");
    Ok(section.with(table(ask, None, rows, &here, "Nothing yet.").await?))
}

async fn rows(ask: &Ask<'_>, tenant: Option<&str>, resource: Option<&str>) -> Result<Vec<Value>, Fault> {
    let before = ask.query.text("before").parse().ok();
    let (tenant, resource) = (tenant.map(str::to_owned), resource.map(str::to_owned));
    let request = BrowseRequest::History { tenant, resource, before };
    ask.rows(AdminRequest::Browse { request }).await
}

async fn table(
    ask: &Ask<'_>,
    tenant: Option<&str>,
    mut rows: Vec<Value>,
    here: &str,
    empty: &str,
) -> Result<Table, Fault> {
    let end = rows.pop().unwrap_or_default();
    let names = match tenant {
        Some(tenant) => names(ask, tenant).await?,
        None => BTreeMap::new(),
    };
    let mut table = Table::new(&["Number", "When", "What", "Of", "Who", "Changes"], empty);
    for row in &rows {
        table.push(vec![
            row.cell("/sequence"),
            row.time("/time", "–"),
            what(row),
            of_whom(tenant, row),
            who(&names, row),
            Cell::Several(changes(tenant, row)),
        ]);
    }
    if let Some(next) = end.pointer("/next").and_then(Value::as_u64) {
        let label = "Earlier".to_owned();
        table.more = Some((format!("{here}?before={next}"), label));
    }
    Ok(table)
}

fn what(row: &Value) -> Cell {
    let mut words = vec![Cell::Code(row.text("/type").to_owned())];
    for (flag, word) in [("/restored", "restored"), ("/adopted", "taken over")] {
        if row.is(flag) {
            words.push(Cell::Note(word.to_owned()));
        }
    }
    Cell::Several(words)
}

fn of_whom(tenant: Option<&str>, row: &Value) -> Cell {
    let id = row.text("/resource/id");
    let document = row.pointer("/document");
    let name = ["/userName", "/displayName"]
        .into_iter()
        .find_map(|at| document.map(|document| document.text(at)).filter(|name| !name.is_empty()))
        .or_else(|| row.pointer(&format!("/named/{id}/name"))?.as_str().filter(|name| !name.is_empty()))
        .unwrap_or(id);
    match (tenant, row.text("/resource/type")) {
        // Nothing of it is left to be shown.
        (Some(_), "User" | "Group") if row.is("/gone") => Cell::text(name),
        (Some(tenant), "User") => Cell::link(USERS.path(tenant, id), name),
        (Some(tenant), "Group") => Cell::link(GROUPS.path(tenant, id), name),
        // The server itself has no id.
        (_, kind) if id.chars().all(|digit| matches!(digit, '0' | '-')) => Cell::text(kind),
        (_, kind) => Cell::Several(vec![Cell::text(kind), Cell::Note(id.to_owned())]),
    }
}

/// Who did it: a token or client by its name, as long as it is there.
fn who(names: &BTreeMap<String, String>, row: &Value) -> Cell {
    let actor = row.text("/actor");
    match (names.get(actor), row.text("/actor_type")) {
        (Some(name), _) => Cell::text(name.as_str()),
        (None, "" | "administrator" | "server") => Cell::text(actor),
        (None, kind) => Cell::Several(vec![Cell::text(kind), Cell::Note(actor.to_owned())]),
    }
}

/// Whoever has this id among the tokens and clients of a tenant, by the name.
pub async fn actor(ask: &Ask<'_>, tenant: &str, id: &str) -> Result<Cell, Fault> {
    let names = names(ask, tenant).await?;
    Ok(Cell::from(names.get(id).map_or(id, String::as_str)))
}

/// The names of the tokens and clients of a tenant, by their ids.
async fn names(ask: &Ask<'_>, tenant: &str) -> Result<BTreeMap<String, String>, Fault> {
    let tokens = ask.rows(AdminRequest::TokenList { tenant: Some(tenant.to_owned()) }).await?;
    let clients = AdminRequest::Client { tenant: tenant.to_owned(), request: ClientRequest::List };
    let clients = ask.rows(clients).await?;
    let of = |row: &Value, id: &str| (row.text(id).to_owned(), row.text("/name").to_owned());
    let all = tokens.iter().map(|row| of(row, "/token_id")).chain(clients.iter().map(|row| of(row, "/client_id")));
    Ok(all.filter(|(_, name)| !name.is_empty()).collect())
}

/// Where a row has who came and who went.
const MEMBERS: [(&str, &str); 2] = [("/members/joined", "joined"), ("/members/left", "left")];

/// The attributes that changed with their values; who has come and gone.
fn changes(tenant: Option<&str>, row: &Value) -> Vec<Cell> {
    let mut cells = Vec::new();
    let changes = row.pointer("/changes").and_then(Value::as_object);
    for (path, change) in changes.into_iter().flatten() {
        let side = |name: &str| change.get(name).map_or_else(|| "–".to_owned(), short);
        cells.push(Cell::Note(format!("{path}: {} → {}", side("before"), side("after"))));
    }
    if changes.is_none() {
        let names = row.list("/attributes").iter().filter_map(Value::as_str);
        // Who they are is said below.
        let is_said = MEMBERS.iter().any(|(at, _)| !row.list(at).is_empty());
        let names: Vec<_> = names.filter(|name| !is_said || *name != "members").collect();
        if !names.is_empty() {
            cells.push(Cell::Note(names.join(", ")));
        }
    }
    for (at, word) in MEMBERS {
        let ids: Vec<_> = row.list(at).iter().filter_map(Value::as_str).collect();
        if ids.is_empty() {
            continue;
        }
        let some = ids.iter().take(NAMED).map(|id| match tenant {
            Some(tenant) => looked_up(tenant, id, row.pointer(&format!("/named/{id}"))),
            None => Cell::text(*id),
        });
        let mut line: Vec<_> = std::iter::once(Cell::text(format!("{word}:"))).chain(some).collect();
        if ids.len() > NAMED {
            line.push(Cell::text(format!("and {} more", thousands((ids.len() - NAMED) as u64))));
        }
        cells.push(Cell::Several(line));
    }
    if cells.is_empty() {
        cells.push(Cell::Empty);
    }
    cells
}

/// A value, cut off where it is long.
fn short(value: &Value) -> String {
    value.as_str().map_or_else(|| clipped(&value.to_string()), clipped)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn notes(row: &Value) -> Vec<String> {
        fn text(cell: Cell) -> String {
            match cell {
                Cell::Note(text) | Cell::Text(text) => text,
                Cell::Link { to, text } => format!("{text} at {to}"),
                Cell::Several(cells) => cells.into_iter().map(text).collect::<Vec<_>>().join(" "),
                _ => String::new(),
            }
        }
        changes(Some("acme"), row).into_iter().map(text).collect()
    }

    #[test]
    fn a_change_is_shown_with_both_values() {
        let row = json!({"changes": {"title": {"before": "A", "after": "B"}, "active": {"after": false}},
            "attributes": ["title", "active"], "members": {"joined": ["1", "2", "3", "4", "5", "6"], "left": []},
            "named": {"1": {"type": "User", "name": "anna"}, "2": {"type": "Group", "name": ""}}});
        let joined = "joined: anna at /console/t/acme/users/1 2 at /console/t/acme/groups/2 3 4 5 and 1 more";
        assert_eq!(notes(&row), ["title: A → B", "active: – → false", joined]);
        let made = json!({"attributes": ["displayName", "members"], "members": {"joined": ["1"]}});
        assert_eq!(notes(&made), ["displayName", "joined: 1"]);
        assert_eq!(notes(&json!({"attributes": ["password"]})), ["password"]);
        assert!(short(&json!("x".repeat(500))).ends_with("xx…"));
    }
}
