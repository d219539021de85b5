//! How an identity provider reaches a tenant, in the provider's own words; and whether it has called.

use serde_json::{Value, json};

use super::{
    ask::{Ask, Shown},
    command,
    path::of_tenant,
    row::{Row, thousands, value},
};
use crate::{
    admin::{AdminRequest, connection::Provider},
    web::{Cell, Facts, Piece, Section, Tone},
};

/// The providers whose words are known: what the command line calls them, and what they are called.
const PROVIDERS: &[(&str, &str)] = &[("entra", "Microsoft Entra ID"), ("okta", "Okta"), ("ping", "Ping")];

/// How often a page asks whether the first call has come, in seconds.
const ASKS: u32 = 3;

/// Shows how a provider reaches a tenant.
pub async fn show(ask: &Ask<'_>, tenant: &str) -> Shown {
    let name = tenant.to_owned();
    let status = ask.row(AdminRequest::Status { tenant: Some(name.clone()) }).await?;
    let chosen = PROVIDERS.iter().find(|(word, _)| *word == ask.query.text("provider"));
    let provider = chosen.and_then(|(word, _)| serde_json::from_value::<Provider>(json!(word)).ok());
    let connection = ask.row(AdminRequest::TenantConnection { tenant: name, client: None, provider }).await?;
    let mut page = ask.tenant_page(tenant, "Connect");
    for problem in status.list("/problems") {
        page = page.with(Piece::Notice(Tone::Warn, problem.text("/detail").to_owned()));
    }
    page = page.with(calls(tenant, &status)).with(steps()).with(values(tenant, &connection));
    let links = PROVIDERS
        .iter()
        .map(|(word, title)| (format!("{}?provider={word}", of_tenant(tenant, "")), (*title).to_owned()));
    let mut section = Section::new("In the words of the provider")
        .note("Choose the provider: these are the names of the fields as it shows them.")
        .with(Piece::Links(links.collect()));
    if let Some((word, title)) = chosen {
        let fields = connection.pointer("/fields").and_then(Value::as_object);
        let facts = fields.into_iter().flatten().map(|(name, field)| (name.clone(), copied(field)));
        section = section
            .with(Piece::Text(format!("{title}:")))
            .with(Facts(facts.collect()))
            .command(command::line(&["tenant", "connection", tenant, "--provider", word]));
    }
    Ok(page.with(section))
}

fn steps() -> Section {
    let steps = [
        "Make a token, or an OAuth client if the provider takes one. Its text is shown once.",
        "Enter the values at the provider. They are below, also by the names that the provider gives them.",
        "Press the provider's button that tests the connection. This page notices the call by itself.",
        "Assign people and groups at the provider. They appear under “Users” and “Groups”.",
    ];
    Section::new("What to do").with(Piece::Steps(steps.map(str::to_owned).to_vec()))
}

/// What is taken to the provider's page.
fn copied(field: &Value) -> Cell {
    match field.as_str() {
        Some(text) if text.starts_with("http") || !text.contains(' ') => Cell::Copy(text.to_owned()),
        _ => value(field),
    }
}

/// Whether somebody has called, and who is there.
fn calls(tenant: &str, status: &Value) -> Section {
    let last = status.pointer("/last_call").and_then(Value::as_str);
    let (every, first) = match last {
        None => {
            let waits = "Waiting for the first call of the provider. This page notices it by itself.";
            (Some((ASKS, of_tenant(tenant, ""))), Piece::Notice(Tone::Plain, waits.to_owned()))
        }
        Some(_) => (None, Piece::Notice(Tone::Good, "Seen: the provider has called.".to_owned())),
    };
    let facts = Facts::default()
        .with("Last call", status.time("/last_call", "never"))
        .with("Last change", status.time("/last_write", "none that is kept"))
        .with("Users", Cell::link(of_tenant(tenant, "users"), thousands(status.number("/users"))))
        .with("Groups", Cell::link(of_tenant(tenant, "groups"), thousands(status.number("/groups"))));
    let live = Piece::Live { id: "calls", every, pieces: vec![first, facts.into()] };
    Section::new("Has it called?").with(live).command(command::line(&["status", "--tenant", tenant]))
}

/// The values themselves.
fn values(tenant: &str, connection: &Value) -> Section {
    let mut facts = Facts::default();
    for (name, pointer) in [
        ("SCIM URL", "/scim_url"),
        ("Token endpoint", "/token_endpoint"),
        ("Client id", "/client_id"),
        ("Scope", "/scope"),
    ] {
        if !connection.text(pointer).is_empty() {
            facts = facts.with(name, Cell::Copy(connection.text(pointer).to_owned()));
        }
    }
    facts = facts.with("Token or secret", Cell::link(of_tenant(tenant, "tokens"), "Make one: it is shown once"));
    Section::new("What to give the provider").with(facts).command(command::line(&["tenant", "connection", tenant]))
}
