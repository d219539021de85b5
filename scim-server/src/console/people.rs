//! Users and groups of a tenant: a page of them, found by the beginning of their names as one types, or by a filter.

use serde_json::Value;

use super::{
    ask::{Ask, Shown},
    columns::Columns,
    command,
    kind::{People, active, display},
    path::of_tenant,
    row::{Row, thousands},
};
use crate::{
    admin::{AdminRequest, BrowseRequest},
    web::{Cell, Field, Piece, Section, Table, Tone},
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
    let columns = Columns::of(ask, tenant, people).await;
    let mut found = match ask.rows(AdminRequest::Browse { request }).await {
        Ok(rows) => results(ask, tenant, people, rows, &columns),
        // Such as a filter that has a mistake: the page stays, so that it can be mended.
        Err(fault) if filter.is_some() => vec![Piece::Notice(Tone::Bad, super::ask::why(&fault, &[]))],
        Err(fault) => return Err(fault),
    };
    // What is asked for as one types is asked for by these, too: they come with what was found.
    let kept = [("q", typed), ("filter", written)].into_iter().filter(|(_, value)| !value.is_empty());
    let kept = kept.map(|(name, value)| Field::hidden(name, value)).collect();
    if let Some(form) = columns.form(&here, kept) {
        found.insert(0, form);
    }
    found.push(Piece::Command(words(tenant, people, filter.as_deref())));
    let label = format!("{} that begins with …  ( / )", people.name);
    let search = |name, value: &str, label| Piece::Search {
        to: here.clone(),
        name,
        value: value.to_owned(),
        label,
        results: RESULTS,
        kept: columns.kept().into_iter().collect(),
    };
    let by_filter = search("filter", written, format!("A SCIM filter, such as {}", example(people)));
    let by_filter =
        if written.is_empty() { Piece::Folded("By a filter".to_owned(), vec![by_filter]) } else { by_filter };
    let section = Section::new(people.title).with(search("q", typed, label)).with(by_filter);
    let section = section.with(Piece::Live { id: RESULTS, every: None, pieces: found });
    Ok(ask.tenant_page(tenant, people.title).with(section))
}

/// The command line that lists the same.
fn words(tenant: &str, people: &People, filter: Option<&str>) -> String {
    let mut words = vec![people.word, "list", "--tenant", tenant];
    words.extend(filter.into_iter().flat_map(|filter| ["--filter", filter]));
    command::line(&words)
}

fn example(people: &People) -> &'static str {
    if people.word == "user" { r#"emails.value eq "jane@example.com""# } else { r#"externalId eq "42""# }
}

/// The rows that were found, how many there are, and where it goes on.
fn results(ask: &Ask<'_>, tenant: &str, people: &People, mut rows: Vec<Value>, columns: &Columns) -> Vec<Piece> {
    let end = rows.pop().unwrap_or_default();
    let searched = ask.query.get("q").or(ask.query.get("filter")).is_some();
    let mut table = table(tenant, people, &rows, searched, columns);
    if let Some(next) = end.pointer("/next").and_then(Value::as_str) {
        let searched = ["q", "filter"].into_iter().filter_map(|name| Some((name, ask.query.get(name)?)));
        let further: Vec<_> = [("cursor", next)].into_iter().chain(searched).collect();
        table.more = Some((columns.link(&of_tenant(tenant, people.part), &further), "Next page".to_owned()));
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

/// What is said where there are none.
fn empty(people: &People, searched: bool) -> &'static str {
    match (people.word, searched) {
        ("user", true) => "Nobody is found. Names are found by how they begin.",
        ("user", false) => "No users yet. They come when the identity provider sends them: “Connect” says how.",
        (_, true) => "No group is found. Names are found by how they begin.",
        (_, false) => "No groups yet. They come when the identity provider sends them, if it is set to push groups.",
    }
}

/// The name of each, and the columns that were chosen, or the usual ones.
fn table(tenant: &str, people: &People, rows: &[Value], searched: bool, columns: &Columns) -> Table {
    let is_user = people.word == "user";
    let usual: &[&str] =
        if is_user { &["Name", "State", "E-mail", "External id", "Changed"] } else { &["External id", "Changed"] };
    let chosen = columns.headings();
    let mut headings = vec![if is_user { "User name" } else { "Name" }];
    headings.extend(chosen.as_deref().unwrap_or(usual));
    let mut table = Table::new(&headings, empty(people, searched));
    for row in rows {
        let (id, name) = (row.text("/id"), row.text(&format!("/{}", people.name)));
        let mut cells = vec![Cell::link(people.path(tenant, id), if name.is_empty() { id } else { name })];
        if chosen.is_some() {
            cells.extend(columns.cells(row));
        } else {
            if is_user {
                cells.extend([display(row), active(row), row.cell("/emails/0/value")]);
            }
            cells.extend([row.cell("/externalId"), row.time("/meta/lastModified", "–")]);
        }
        table.push(cells);
    }
    table
}
