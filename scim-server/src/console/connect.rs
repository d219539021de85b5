//! How an identity provider reaches a tenant, in the provider's own words; and whether it has called.

use serde_json::Value;

use super::{
    ask::{Ask, Shown},
    command,
    path::of_tenant,
    row::{Row, thousands},
};
use crate::{
    admin::{
        AdminRequest,
        connection::{Field, Method, Provider, Values},
    },
    setup,
    web::{Cell, Facts, Piece, Section, Tone},
};

/// How often a page asks whether the first call has come, in seconds.
const ASKS: u32 = 3;

/// Shows how a provider reaches a tenant.
pub async fn show(ask: &Ask<'_>, tenant: &str) -> Shown {
    let name = tenant.to_owned();
    let status = ask.row(AdminRequest::Status { tenant: Some(name.clone()) }).await?;
    let connection = ask.row(AdminRequest::TenantConnection { tenant: name, client: None, provider: None }).await?;
    let mut page = ask.tenant_page(tenant, "Connect");
    for problem in status.list("/problems") {
        let tone = if problem.text("/state") == "new" { Tone::Plain } else { Tone::Warn };
        page = page.with(Piece::Notice(tone, problem.text("/detail").to_owned()));
    }
    page = page.with(calls(tenant, &status)).with(providers(tenant));
    Ok(match Provider::named(ask.query.text("provider")) {
        Some(provider) => page.with(way(tenant, provider, provider.method(ask.query.text("method")), &connection)),
        None => page.with(steps()).with(values(tenant, &connection)),
    })
}

/// The page of a provider.
fn to(tenant: &str, provider: Provider) -> String {
    format!("{}?provider={}", of_tenant(tenant, ""), provider.name())
}

fn providers(tenant: &str) -> Section {
    let links = Provider::ALL.map(|provider| (to(tenant, provider), provider.title().to_owned()));
    Section::new("The identity provider")
        .note("Choose it: its page has the steps, and the values by its own names.")
        .with(Piece::Links(links.to_vec()))
}

/// The steps in a provider, as its customers see them on the page of a setup link.
fn way(tenant: &str, provider: Provider, method: Method, connection: &Value) -> Section {
    let make = |what: &str| Cell::link(of_tenant(tenant, "tokens"), what);
    let section = setup::guide(provider, method, &Values::of(connection), |field| match (field, method) {
        (Field::ClientId, _) => make("Make a client, or choose one"),
        (_, Method::Client) => make("That of the client: it is shown once"),
        (_, Method::Token) => make("Make a token: it is shown once"),
    });
    let section = if provider.takes_clients() {
        let (other, label) = match method {
            Method::Client => (Method::Token, "With a token instead"),
            Method::Token => (Method::Client, "With an OAuth client instead"),
        };
        section
            .with(Piece::Links(vec![(format!("{}&method={}", to(tenant, provider), other.word()), label.to_owned())]))
    } else {
        section
    };
    section.command(command::line(&["tenant", "connection", tenant, "--provider", provider.name()]))
}

/// What is done at any provider.
fn steps() -> Section {
    let steps = [
        "Make a token, or an OAuth client if the provider takes one. Its text is shown once.",
        "Enter the values at the provider. They are below; choose the provider to see them by its own names.",
        "Press the provider's button that tests the connection. This page notices the call by itself.",
        "Assign people and groups at the provider. They appear under “Users” and “Groups”.",
    ];
    Section::new("What to do").with(Piece::Steps(steps.map(str::to_owned).to_vec()))
}

/// Waits for the first call of a tenant that nobody has called; nothing of another.
pub async fn first_call(ask: &Ask<'_>, tenant: &str) -> Option<Section> {
    let status = ask.row(AdminRequest::Status { tenant: Some(tenant.to_owned()) }).await.ok()?;
    status.text("/last_attempt").is_empty().then(|| calls(tenant, &status))
}

/// Whether somebody has called, and who is there.
fn calls(tenant: &str, status: &Value) -> Section {
    let last = status.pointer("/last_attempt").and_then(Value::as_str);
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
    let calls = Piece::Links(vec![(of_tenant(tenant, "requests"), "Every call, and why one was refused".to_owned())]);
    Section::new("Has it called?").with(live).with(calls).command(command::line(&["status", "--tenant", tenant]))
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
