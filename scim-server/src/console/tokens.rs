//! What lets callers in: bearer tokens and OAuth clients, when they end, when they were used; and why a client was
//! refused.

use serde_json::Value;

use super::{
    ask::{Ask, Done, Shown, refused, sentence},
    command, connect,
    first::listed,
    path::of_tenant,
    row::{Row, expiry},
};
use crate::{
    admin::{AdminRequest, Fault, Role, clients::ClientRequest},
    oauth::{Scope, client::MOST_SECRETS},
    token::Scopes,
    units,
    web::{Cell, Field, Kind, Page, Piece, Section, Table, Tone, clipped, ending},
};

/// What a form proposes for a lifetime.
const LIFETIME: &str = "365d";
/// What it proposes for the time in which the old one is good too.
const OVERLAP: &str = "7d";

/// Shows the tokens and clients of a tenant.
pub async fn show(ask: &Ask<'_>, tenant: &str) -> Shown {
    let mut page = ask.tenant_page(tenant, "Tokens and clients");
    page = page.with(tokens(ask, tenant).await?).with(clients(ask, tenant).await?);
    if ask.may(Role::Operator) {
        page = page.with(new_token(ask, tenant)).with(new_client(ask, tenant));
    }
    Ok(page)
}

fn path(tenant: &str, what: &str) -> String {
    of_tenant(tenant, what)
}

async fn tokens(ask: &Ask<'_>, tenant: &str) -> Result<Section, Fault> {
    let rows = ask.rows(AdminRequest::TokenList { tenant: Some(tenant.to_owned()) }).await?;
    let headings = ["Name", "Allows", "Status", "Ends", "Last used", ""];
    let mut table = Table::new(&headings, format!("No tokens. The identity provider needs one: {}.", who_makes(ask)));
    for row in &rows {
        let id = row.text("/token_id");
        let name = if row.text("/name").is_empty() { "(no name)" } else { row.text("/name") };
        let mut buttons = Vec::new();
        if ask.may(Role::Operator) {
            let rotate = [("id", id), ("overlap", OVERLAP)];
            match row.text("/rotation_waits_until") {
                "" if row.text("/status") == "expired" => {}
                "" => {
                    let button = ask.button(path(tenant, "tokens/rotate"), "Rotate", Tone::Plain, &rotate);
                    buttons.push(Cell::Button(button));
                }
                // One that ends then is replaced by nothing but what there is.
                until if until == row.text("/expires") => {}
                until => buttons.push(waits("rotated", until)),
            }
            buttons.push(Cell::Button(ask.button(path(tenant, "tokens/ask"), "Delete", Tone::Bad, &[("id", id)])));
        }
        table.push(vec![
            Cell::Several(vec![Cell::text(name), Cell::Note(id.to_owned())]),
            row.cell("/scopes"),
            ending::status(row.text("/status")),
            expiry(row),
            row.time("/last_used", "never"),
            Cell::Several(buttons),
        ]);
    }
    let note = format!(
        "Rotate makes the next token, which is shown once and lives as long as this one was to; the old one is good for {OVERLAP} more: `{}`.",
        command::line(&["token", "rotate", "--tenant", tenant, "--overlap", OVERLAP, "TOKEN"])
    );
    let section = Section::new("Tokens").note(note).with(table);
    Ok(listed(section, &rows, command::line(&["token", "list", "--tenant", tenant])))
}

/// Why something is not replaced now: in the place of the button.
fn waits(what: &str, until: &str) -> Cell {
    Cell::Said(format!("It can be {what} again from {until} on, when one has ended, or when one is deleted."))
}

/// Where one is made, or by whom.
fn who_makes(ask: &Ask<'_>) -> &'static str {
    if ask.may(Role::Operator) { "make it below" } else { "an operator makes it" }
}

async fn clients(ask: &Ask<'_>, tenant: &str) -> Result<Section, Fault> {
    let rows = ask.rows(of_client(tenant, ClientRequest::List)).await?;
    let headings = ["Name", "Scope", "State", "Secrets", "Last used", ""];
    let empty = format!("No OAuth clients. Entra ID and Ping can use one: {}.", who_makes(ask));
    let mut table = Table::new(&headings, empty);
    for row in &rows {
        let id = row.text("/client_id");
        let mut buttons = Vec::new();
        if ask.may(Role::Operator) {
            let rotate = [("id", id), ("overlap", OVERLAP)];
            let (label, what) = if row.is("/disabled") { ("Enable", "enable") } else { ("Disable", "disable") };
            let action = |what: &str| path(tenant, &format!("clients/{what}"));
            let live = row.list("/secrets").iter().filter(|secret| secret.text("/status") != "expired");
            let ends: Vec<_> = live.map(|secret| secret.text("/expires")).collect();
            buttons.push(match ends.iter().min() {
                Some(until) if ends.len() >= MOST_SECRETS => waits("given a new secret", until),
                _ => Cell::Button(ask.button(action("rotate"), "New secret", Tone::Plain, &rotate)),
            });
            buttons.push(Cell::Button(ask.button(action(what), label, Tone::Plain, &[("id", id)])));
            buttons.push(Cell::Button(ask.button(action("ask"), "Delete", Tone::Bad, &[("id", id)])));
        }
        let mut secrets: Vec<_> = row.list("/secrets").iter().map(expiry).collect();
        let trusts = row.list("/trusts").len();
        if trusts > 0 {
            secrets.push(Cell::Note(format!("assertions of {trusts} issuer{}", if trusts == 1 { "" } else { "s" })));
        }
        table.push(vec![
            Cell::Several(vec![Cell::text(row.text("/name")), Cell::Note(id.to_owned())]),
            row.cell("/scope"),
            if row.is("/disabled") {
                Cell::Badge(Tone::Warn, "disabled".to_owned())
            } else {
                Cell::Badge(Tone::Good, "enabled".to_owned())
            },
            if secrets.is_empty() { Cell::Empty } else { Cell::Several(secrets) },
            row.time("/last_used", "never"),
            Cell::Several(buttons),
        ]);
    }
    let note = format!(
        "New secret makes the next secret, which is shown once and lives as long as the one before was to; that one is good for {OVERLAP} more: `{}`.",
        command::line(&["client", "rotate", "--tenant", tenant, "--overlap", OVERLAP, "CLIENT"])
    );
    let mut section = Section::new("OAuth clients").note(note).with(table);
    for row in &rows {
        section = section.with(refusals(ask, tenant, row.text("/name"), row.text("/client_id")).await?);
    }
    Ok(section.command(command::line(&["client", "list", "--tenant", tenant])))
}

/// Why a client was refused lately.
async fn refusals(ask: &Ask<'_>, tenant: &str, name: &str, id: &str) -> Result<Piece, Fault> {
    let rows = ask.rows(of_client(tenant, ClientRequest::Trace { client: id.to_owned() })).await?;
    let mut table = Table::new(&["When", "How often", "Why"], "It was not refused lately.");
    for row in rows.iter().filter(|row| row.pointer("/time").is_some()) {
        table.push(vec![row.time("/time", "–"), row.cell("/count"), row.said("/why")]);
    }
    Ok(Piece::Folded(format!("Refusals of {name} ({})", table.rows.len()), vec![table.into()]))
}

fn of_client(tenant: &str, request: ClientRequest) -> AdminRequest {
    AdminRequest::Client { tenant: tenant.to_owned(), request }
}

fn new_token(ask: &Ask<'_>, tenant: &str) -> Section {
    let scopes = [
        ("read,write", "read and write: an identity provider"),
        ("read", "read"),
        ("events", "events: an application"),
    ];
    let scopes = scopes.map(|(value, label)| (value.to_owned(), label.to_owned())).to_vec();
    let fields = vec![
        Field::text("name", "Name").hint("Of the program that will use it, such as okta."),
        Field::of(Kind::Choice(scopes), "scopes", "It allows"),
        Field::text("lifetime", "It lives").value(LIFETIME).hint("Such as 90d."),
    ];
    let form = ask.form(path(tenant, "tokens/create"), "Make a token", fields);
    Section::new("A new token")
        .with(form)
        .command(command::line(&["token", "create", "--tenant", tenant, "--name", "NAME"]))
}

fn new_client(ask: &Ask<'_>, tenant: &str) -> Section {
    let fields = vec![
        Field::text("name", "Name").hint("Such as entra.").required(),
        Field::text("lifetime", "Its secret lives").value(LIFETIME).hint("Such as 180d."),
    ];
    let form = ask.form(path(tenant, "clients/create"), "Make a client", fields);
    Section::new("A new OAuth client")
        .with(form)
        .command(command::line(&["client", "create", "--tenant", tenant, "--name", "NAME"]))
}

/// Makes, rotates or deletes a token or client. What is to be deleted is asked about first.
pub async fn change(ask: &Ask<'_>, tenant: &str, part: &str, what: &str) -> Result<Done, Fault> {
    let id = ask.form.text("id").to_owned();
    let is_token = part == "tokens";
    let seconds = |name: &str, default: &str| -> Result<u64, Fault> {
        let text = ask.form.get(name).unwrap_or(default);
        Ok(units::duration(text).map_err(refused)?.as_secs())
    };
    let name = tenant.to_owned();
    let request = match (is_token, what) {
        (_, "ask") => return Ok(Done::Once(Box::new(confirm(ask, tenant, part, &id).await?))),
        (true, "create") => {
            let scopes = Scopes::parse(ask.form.text("scopes").split(',')).map_err(refused)?;
            let seconds = seconds("lifetime", LIFETIME)?;
            AdminRequest::TokenCreate { tenant: name, name: ask.form.get("name").map(str::to_owned), scopes, seconds }
        }
        (true, "rotate") => AdminRequest::TokenRotate {
            tenant: name,
            token: Some(id),
            seconds: None,
            overlap_seconds: Some(seconds("overlap", OVERLAP)?),
        },
        (_, "delete") => deletion(is_token, tenant, id),
        (false, "create") => {
            let seconds = Some(seconds("lifetime", LIFETIME)?);
            let client = ask.form.text("name").to_owned();
            of_client(
                tenant,
                ClientRequest::Create { name: client, scope: Scope::parse("scim").map_err(refused)?, seconds },
            )
        }
        (false, "rotate") => {
            let overlap_seconds = Some(seconds("overlap", OVERLAP)?);
            of_client(tenant, ClientRequest::Rotate { client: id, seconds: None, overlap_seconds })
        }
        (false, "disable" | "enable") => {
            of_client(tenant, ClientRequest::Disable { client: id, disabled: what == "disable" })
        }
        _ => return Err(refused("This form is not known. Load the page again.")),
    };
    let rows = ask.act(request).await?;
    if matches!(what, "create" | "rotate") {
        return Ok(Done::Once(Box::new(once(ask, tenant, &rows).await)));
    }
    let done = match what {
        "delete" => "It is deleted, and lets nobody in any more.",
        "disable" => "The client is disabled, and gets no more access tokens.",
        _ => "The client is enabled.",
    };
    Ok(Done::Told(of_tenant(tenant, "tokens"), done.to_owned()))
}

/// What was just issued. Its text is on this page, and nowhere else.
async fn once(ask: &Ask<'_>, tenant: &str, rows: &[Value]) -> Page {
    let row = rows.first().unwrap_or(&Value::Null);
    let mut section = Section::new("Give these to whoever will call");
    for (label, pointer) in [
        ("Endpoint", "/endpoint"),
        ("Token", "/token"),
        ("Token endpoint", "/token_endpoint"),
        ("Client id", "/client_id"),
        ("Client secret", "/client_secret"),
    ] {
        if !row.text(pointer).is_empty() {
            section = section.with(Piece::Secret(label.to_owned(), row.text(pointer).to_owned()));
        }
    }
    if !row.text("/previous/expires").is_empty() {
        section = section.with(Piece::Text(format!("The one before is good until {}.", row.text("/previous/expires"))));
    }
    for note in rows.iter().map(|row| row.text("/note")).filter(|note| !note.is_empty()) {
        section = section.with(Piece::Notice(Tone::Warn, sentence(note)));
    }
    let back = (of_tenant(tenant, "tokens"), "I have taken it: back to tokens and clients".to_owned());
    let page = ask.tenant_page(tenant, "Tokens and clients").with(section.with(Piece::Links(vec![back])));
    connect::first_call(ask, tenant).await.into_iter().fold(page, Page::with)
}

/// What deletes a token or client.
fn deletion(is_token: bool, tenant: &str, id: String) -> AdminRequest {
    if is_token {
        return AdminRequest::TokenDelete { tenant: tenant.to_owned(), id };
    }
    of_client(tenant, ClientRequest::Delete { client: id })
}

/// Asks whether something is to be deleted that can be.
async fn confirm(ask: &Ask<'_>, tenant: &str, part: &str, id: &str) -> Shown {
    let is_token = part == "tokens";
    ask.rehearse(&deletion(is_token, tenant, id.to_owned())).await?;
    let (word, at) = if is_token { ("token", "/token_id") } else { ("client", "/client_id") };
    let list = AdminRequest::TokenList { tenant: Some(tenant.to_owned()) };
    let rows = ask.rows(if is_token { list } else { of_client(tenant, ClientRequest::List) }).await?;
    let name = rows.iter().find(|row| row.text(at) == id).map_or("", |row| row.text("/name"));
    // Not every token has a name.
    let called = if name.is_empty() { id } else { name };
    let what = format!("Whoever uses the {word} {id} is refused at once, and it cannot be taken back.");
    let mut form = ask.form(path(tenant, &format!("{part}/delete")), "Delete", vec![Field::hidden("id", id)]);
    form.danger = true;
    let back = (of_tenant(tenant, "tokens"), "Keep it".to_owned());
    let section = Section::new(format!("Delete the {word} “{}”?", clipped(called)))
        .with(Piece::Text(what))
        .with(form)
        .with(Piece::Links(vec![back]))
        .command(command::line(&[word, "delete", "--tenant", tenant, id]));
    Ok(ask.tenant_page(tenant, "Tokens and clients").with(section))
}
