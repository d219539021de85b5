//! One call: what it was, why it was answered so, and what to do. Also what a list says of it.

use serde_json::Value;

use super::{
    ask::{Ask, Shown, sentence},
    command,
    kind::{GROUPS, USERS},
    path,
    row::{Row, thousands},
    values,
    whom::whom,
};
use crate::{
    admin::{AdminRequest, Fault, RequestsRequest},
    web::{Cell, Facts, Piece, Section, Tone},
};

/// How it was answered, in colour.
pub fn status(status: u64) -> Cell {
    let tone = match status {
        ..400 => Tone::Good,
        400..500 => Tone::Warn,
        _ => Tone::Bad,
    };
    Cell::Badge(tone, status.to_string())
}

/// What a call meant, and why it was refused.
pub fn meaning(row: &Value) -> Cell {
    let mut cells = vec![row.cell("/meaning")];
    if !row.text("/reason").is_empty() {
        cells.push(Cell::Said(sentence(row.text("/reason"))));
    }
    if row.number("/count") > 0 {
        cells.push(Cell::Note(format!("{} such calls in that minute", thousands(row.number("/count")))));
    }
    Cell::Several(cells)
}

/// The token or client that was shown, by its name.
pub fn by(row: &Value) -> Cell {
    if row.text("/token_name").is_empty() { row.cell("/token") } else { row.cell("/token_name") }
}

/// Shows one.
pub async fn show(ask: &Ask<'_>, tenant: &str, id: &str) -> Shown {
    let request = RequestsRequest::Show { id: id.to_owned(), names: true };
    let row = ask.row(AdminRequest::Requests { tenant: Some(tenant.to_owned()), request }).await?;
    let mut page = ask.tenant_page(tenant, "Requests");
    page.title = format!("{} {}", row.text("/method"), row.text("/path"));
    page.subtitle = format!("a call to {tenant}");
    page = page.with(happened(ask, tenant, id, &row).await?);
    for (title, at) in [("Request", "/request"), ("Response", "/response")] {
        if let Some(value) = row.pointer(at) {
            page = page.with(Section::new(title).note("What is personal is hidden.").with(Piece::json(value)));
        }
    }
    page = page.with(values::of_call(ask, tenant, id, &row));
    if !row.text("/curl").is_empty() {
        page = page.with(values::curl(row.text("/curl"), "Fill in what is hidden."));
    }
    Ok(page)
}

async fn happened(ask: &Ask<'_>, tenant: &str, id: &str, row: &Value) -> Result<Section, Fault> {
    let took = row.pointer("/took_ms").and_then(Value::as_f64).unwrap_or_default();
    let mut facts = Facts::default()
        .with("When", row.time("/time", "–"))
        .with("Status", status(row.number("/status")))
        .with("What it meant", row.cell("/meaning"))
        .with("Operation", row.cell("/operation"))
        .with("Took", format!("{took} ms"))
        .with("By", by(row))
        .with("From", row.cell("/address"))
        .with("Program", row.cell("/user_agent"))
        .with("Id of the call", Cell::Copy(id.to_owned()));
    let about = row.text("/resource");
    if !about.is_empty() {
        let people = [&USERS, &GROUPS].into_iter().find(|one| row.text("/operation").ends_with(one.resource_type));
        let whom = match people {
            Some(people) => whom(ask, tenant, people, about).await?,
            None => Cell::text(about),
        };
        let calls = Cell::link(path::calls_about(tenant, about), "All calls about it");
        facts = facts.with("About", whom).with("Requests", calls);
    }
    let mut section = Section::new("What happened");
    for (tone, before, at) in [
        (Tone::Bad, "Why", "/reason"),
        (Tone::Plain, "When this happens", "/explanation"),
        (Tone::Plain, "What to do", "/fix"),
    ] {
        if !row.text(at).is_empty() {
            section = section.with(Piece::Notice(tone, format!("{before}: {}", sentence(row.text(at)))));
        }
    }
    Ok(section.with(facts).command(command::line(&["requests", "show", id, "--tenant", tenant])))
}
