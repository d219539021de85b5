//! The calls of a tenant: what each meant, why one was refused, and what to do about it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    ask::{Ask, Shown, why},
    call, command,
    path::{self, of_tenant},
    row::{Row, thousands},
    traffic::{self, Range},
    values,
};
use crate::{
    admin::{AdminRequest, Fault, RequestsQuery, RequestsRequest, clients::ClientRequest},
    web::{Cell, Field, Kind, Piece, Section, Table, Tone, form},
};

/// Calls on a page.
const PAGE: usize = 50;
/// How long a page searches, in milliseconds. It says how far it came.
const WITHIN: u64 = 150;
/// How often a page that follows asks again, in seconds.
const FOLLOWS: u32 = 2;
/// What narrows the list, as the page and the command line call it.
const FILTERS: [&str; 7] = ["text", "status", "operation", "token", "since", "until", "resource"];
/// Whether a page follows what comes.
const FOLLOW: &str = "follow";

/// Shows the calls of a tenant, the newest first.
pub async fn show(ask: &Ask<'_>, tenant: &str) -> Shown {
    let here = of_tenant(tenant, "requests");
    let follows = ask.query.get(FOLLOW).is_some() && ask.query.get("before").is_none();
    let fields = filters(ask, tenant).await?;
    let (found, is_searched) = match ask.rows(listing(ask, tenant)).await {
        Ok(rows) => (results(ask, tenant, rows, &here), true),
        // Such as a time that is none: the page stays, so that it can be mended.
        Err(fault) => (vec![Piece::Notice(Tone::Bad, why(&fault, &fields))], false),
    };
    let every = (follows && is_searched).then(|| (FOLLOWS, address(ask, &here, &[(FOLLOW, "on")])));
    let filters = Piece::Filters { to: here.clone(), fields, submit: "Show".to_owned() };
    let section = Section::new("Requests")
        .note("Every call to this tenant that is kept, the newest first. What is personal is hidden, as in the audit log.")
        .with(filters)
        .with(Piece::Links(ways(ask, &here, follows)))
        .with(Piece::Live { id: "calls", every, pieces: found })
        .command(words(ask, tenant, follows));
    let page = ask.tenant_page(tenant, "Requests").with(section);
    if follows {
        return Ok(page);
    }
    let range = Range::of(ask);
    Ok(match traffic::of(ask, Some(tenant), range).await {
        Some(traffic) => {
            let page = page.with(traffic.section(range, Some(tenant), &here));
            page.with(values::section(ask, tenant).await?)
        }
        // There is no log.
        None => page,
    })
}

/// The command that lists them.
fn listing(ask: &Ask<'_>, tenant: &str) -> AdminRequest {
    let get = |name: &str| ask.query.get(name).map(str::to_owned);
    let query = RequestsQuery {
        text: get("text"),
        status: get("status"),
        operation: get("operation"),
        token: get("token"),
        since: get("since"),
        until: get("until"),
        resource: get("resource"),
        before: get("before"),
        limit: Some(PAGE),
        names: true,
        within_ms: Some(WITHIN),
        ..RequestsQuery::default()
    };
    AdminRequest::Requests { tenant: Some(tenant.to_owned()), request: RequestsRequest::List(query) }
}

/// The fields that narrow the list.
async fn filters(ask: &Ask<'_>, tenant: &str) -> Result<Vec<Field>, Fault> {
    let statuses =
        [("", "any"), ("2xx", "done"), ("4xx", "refused"), ("401", "without a valid token"), ("5xx", "failed")];
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"].map(|method| (method, method));
    let methods = [&[("", "any")], methods.as_slice()].concat();
    let tokens = tokens(ask, tenant).await?;
    let tokens: Vec<_> =
        std::iter::once(("", "any")).chain(tokens.iter().map(|it| (it.as_str(), it.as_str()))).collect();
    let mut fields = vec![
        Field::of(Kind::Search, "text", "Path, message, … ( / )").value(ask.query.text("text")),
        choice(ask, "status", "Status", &statuses),
        choice(ask, "operation", "Method", &methods),
        choice(ask, "token", "Token or client", &tokens),
        Field::text("since", "Since: 2h, or a time").value(ask.query.text("since")),
        Field::text("until", "Until: 1h, or a time").value(ask.query.text("until")),
    ];
    // Pages of users and groups lead here with it.
    if let Some(id) = ask.query.get("resource") {
        fields.push(Field::text("resource", "About the user or group").value(id));
    }
    Ok(fields)
}

/// One of several; and what was asked for, if that is another: 404, `PatchUser`, the id of a token that is gone.
fn choice(ask: &Ask<'_>, name: &'static str, label: &str, known: &[(&str, &str)]) -> Field {
    let asked = ask.query.text(name);
    let mut choices: Vec<_> = known.iter().map(|(value, label)| ((*value).to_owned(), (*label).to_owned())).collect();
    if known.iter().all(|(value, _)| *value != asked) {
        choices.push((asked.to_owned(), asked.to_owned()));
    }
    Field::of(Kind::Choice(choices), name, label).value(asked)
}

/// The names of tokens and clients; the id of one without a name.
async fn tokens(ask: &Ask<'_>, tenant: &str) -> Result<BTreeSet<String>, Fault> {
    let tokens = ask.rows(AdminRequest::TokenList { tenant: Some(tenant.to_owned()) }).await?;
    let clients = AdminRequest::Client { tenant: tenant.to_owned(), request: ClientRequest::List };
    let clients = ask.rows(clients).await?;
    let name =
        |row: &Value, id: &str| if row.text("/name").is_empty() { row.text(id) } else { row.text("/name") }.to_owned();
    let tokens = tokens.iter().map(|row| name(row, "/token_id"));
    Ok(tokens.chain(clients.iter().map(|row| name(row, "/client_id"))).collect())
}

/// This page with its filters, and with these parameters.
fn address(ask: &Ask<'_>, here: &str, more: &[(&str, &str)]) -> String {
    let kept = FILTERS.iter().filter_map(|name| Some((*name, ask.query.get(name)?)));
    let pairs = form::pairs(&kept.chain(more.iter().copied()).collect::<Vec<_>>());
    if pairs.is_empty() { here.to_owned() } else { format!("{here}?{pairs}") }
}

/// To the page that follows what comes, and away from it: what moves by itself must be possible to stop.
fn ways(ask: &Ask<'_>, here: &str, follows: bool) -> Vec<(String, String)> {
    let way = |more: &[(&str, &str)], label: &str| (address(ask, here, more), label.to_owned());
    let mut ways = Vec::new();
    if follows {
        ways.push(way(&[], "Stop following"));
    } else {
        ways.push(way(&[(FOLLOW, "on")], "Follow what comes"));
    }
    if ask.query.get("before").is_some() {
        ways.push(way(&[], "The newest"));
    }
    if FILTERS.iter().any(|name| ask.query.get(name).is_some()) {
        ways.push((here.to_owned(), "Without filters".to_owned()));
    }
    ways
}

/// The command line that lists the same.
fn words(ask: &Ask<'_>, tenant: &str, follows: bool) -> String {
    let mut words = ["requests", "list", "--tenant", tenant].map(str::to_owned).to_vec();
    for name in FILTERS.iter().chain(&["before"]) {
        if let Some(value) = ask.query.get(name) {
            words.extend([format!("--{name}"), value.to_owned()]);
        }
    }
    words.extend(follows.then(|| format!("--{FOLLOW}")));
    command::line(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The calls that were found, and how far it was looked.
fn results(ask: &Ask<'_>, tenant: &str, mut rows: Vec<Value>, here: &str) -> Vec<Piece> {
    let end = rows.pop().unwrap_or_default();
    let narrowed = FILTERS.iter().any(|name| ask.query.get(name).is_some());
    let empty = if narrowed {
        "No call that is kept is like that. “Without filters” shows all."
    } else {
        "No call yet. What the identity provider sends is here at once: “Connect” says how it gets here."
    };
    let mut table = Table::new(&["When", "Call", "Status", "What it meant", "By", "From"], empty);
    for row in &rows {
        table.push(vec![
            row.time("/time", "–"),
            Cell::link(
                path::of_call(tenant, row.text("/id")),
                format!("{} {}", row.text("/method"), row.text("/path")),
            ),
            call::status(row.number("/status")),
            call::meaning(row),
            call::by(row),
            row.cell("/address"),
        ]);
    }
    if let Some(next) = end.pointer("/end/next").and_then(Value::as_str) {
        table.more = Some((address(ask, here, &[("before", next)]), "Earlier".to_owned()));
    }
    let mut pieces = said(&end);
    pieces.push(table.into());
    pieces
}

/// What is to be known of a list: where it ends, and what is missing.
fn said(end: &Value) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut warn = |text: String| pieces.push(Piece::Notice(Tone::Warn, text));
    let lost = end.number("/end/lost");
    if lost > 0 {
        warn(format!(
            "{} calls of this time are not in the log: they came faster than it could write, or the disk was full.",
            thousands(lost)
        ));
    }
    if end.pointer("/end/complete") == Some(&Value::Bool(false)) {
        warn(match end.text("/end/searched_to") {
            "" => "The search was not done in time. “Earlier” goes on.".to_owned(),
            to => format!("The search has looked back to {to} so far. “Earlier” goes on."),
        });
    }
    pieces
}
