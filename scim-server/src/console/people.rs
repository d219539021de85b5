//! Users and groups of a tenant: a page of them, found by the beginning of their names as one types, or by a filter.

use serde_json::Value;

use super::{
    ask::{Ask, Shown},
    command,
    kind::{GROUPS, People, USERS, active, display},
    path::of_tenant,
    row::{Row, thousands},
};
use crate::{
    admin::{AdminRequest, BrowseRequest},
    web::{Cell, Piece, Section, Table, Tone, form},
};

/// Where the results of a search stand.
const RESULTS: &str = "results";

/// Shows a page of them.
pub async fn show(ask: &Ask<'_>, tenant: &str, people: &People) -> Shown {
    let (typed, written) = (ask.query.text("q"), ask.query.text("filter"));
    let filter = match (typed, written) {
        ("", "") => None,
        // A text in JSON is a text in a filter.
        (typed, "") => Some(format!("{} sw {}", people.name, Value::from(typed))),
        (_, written) => Some(written.to_owned()),
    };
    let request = BrowseRequest::Resources {
        tenant: tenant.to_owned(),
        resource_type: people.resource_type.to_owned(),
        filter: filter.clone(),
        cursor: ask.query.get("cursor").map(str::to_owned),
    };
    let here = of_tenant(tenant, people.part);
    let found = match ask.rows(AdminRequest::Browse { request }).await {
        Ok(rows) => results(ask, tenant, people, rows, &here),
        // Such as a filter that has a mistake: the page stays, so that it can be mended.
        Err(fault) if filter.is_some() => vec![Piece::Notice(Tone::Bad, super::ask::sentence(&fault.message))],
        Err(fault) => return Err(fault),
    };
    let label = format!("{} that begins with …  ( / )", people.name);
    let search = Piece::Search { to: here.clone(), name: "q", value: typed.to_owned(), label, results: RESULTS };
    let filter_label = format!("A SCIM filter, such as {}", example(people));
    let by_filter =
        Piece::Search { to: here, name: "filter", value: written.to_owned(), label: filter_label, results: RESULTS };
    let by_filter =
        if written.is_empty() { Piece::Folded("By a filter".to_owned(), vec![by_filter]) } else { by_filter };
    let mut words = vec![people.word, "list", "--tenant", tenant];
    words.extend(filter.as_deref().into_iter().flat_map(|filter| ["--filter", filter]));
    let section = Section::new(people.title)
        .with(search)
        .with(by_filter)
        .with(Piece::Live { id: RESULTS, every: None, pieces: found })
        .command(command::line(&words));
    Ok(ask.tenant_page(tenant, people.title).with(section))
}

fn example(people: &People) -> &'static str {
    if people.word == "user" { r#"emails.value eq "jane@example.com""# } else { r#"externalId eq "42""# }
}

/// The rows that were found, how many there are, and where it goes on.
fn results(ask: &Ask<'_>, tenant: &str, people: &People, mut rows: Vec<Value>, here: &str) -> Vec<Piece> {
    let end = rows.pop().unwrap_or_default();
    let searched = ask.query.get("q").or(ask.query.get("filter")).is_some();
    let mut table =
        if people.word == "user" { users(tenant, &rows, searched) } else { groups(tenant, &rows, searched) };
    if let Some(next) = end.pointer("/next").and_then(Value::as_str) {
        let mut to = format!("{here}?cursor={}", form::encode(next));
        for name in ["q", "filter"] {
            if let Some(value) = ask.query.get(name) {
                to = format!("{to}&{name}={}", form::encode(value));
            }
        }
        table.more = Some((to, "Next page".to_owned()));
    }
    // Of what a filter finds, only the page is known.
    let (total, shown) = (end.number("/total"), rows.len() as u64);
    let count = match (total, table.more.is_some()) {
        (0, true) => format!("The first {}", thousands(shown)),
        (0, false) => thousands(shown),
        (total, _) => thousands(total),
    };
    let plural = if count == "1" { "" } else { "s" };
    let mut pieces = vec![table.into()];
    if !rows.is_empty() {
        pieces.insert(0, Piece::Text(format!("{count} {}{plural}", people.word)));
    }
    pieces
}

fn users(tenant: &str, rows: &[Value], searched: bool) -> Table {
    let empty = if searched {
        "Nobody is found. Names are found by how they begin."
    } else {
        "No users yet. They come when the identity provider sends them: “Connect” says how."
    };
    let mut table = Table::new(&["User name", "Name", "State", "E-mail", "External id", "Changed"], empty);
    for row in rows {
        let name = row.text("/userName");
        table.push(vec![
            Cell::link(USERS.path(tenant, row.text("/id")), if name.is_empty() { row.text("/id") } else { name }),
            display(row),
            active(row),
            row.cell("/emails/0/value"),
            row.cell("/externalId"),
            row.time("/meta/lastModified", "–"),
        ]);
    }
    table
}

fn groups(tenant: &str, rows: &[Value], searched: bool) -> Table {
    let empty = if searched {
        "No group is found. Names are found by how they begin."
    } else {
        "No groups yet. They come when the identity provider sends them, if it is set to push groups."
    };
    let mut table = Table::new(&["Name", "External id", "Changed"], empty);
    for row in rows {
        let name = row.text("/displayName");
        table.push(vec![
            Cell::link(GROUPS.path(tenant, row.text("/id")), if name.is_empty() { row.text("/id") } else { name }),
            row.cell("/externalId"),
            row.time("/meta/lastModified", "–"),
        ]);
    }
    table
}
