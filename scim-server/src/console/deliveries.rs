//! How a tenant's events reach applications: webhooks with what was given up, consumers, and streams.

use serde::Deserialize as _;
use serde_json::Value;

use super::{
    ask::{Ask, Done, Shown, refused, sentence},
    command,
    first::listed,
    path::of_tenant,
    row::{Row, thousands},
};
use crate::{
    admin::{AdminRequest, ConsumerRequest, Fault, Role, StreamRequest, WebhookRequest},
    web::{Cell, Field, Kind, Piece, Section, Table, Tone, clipped},
    webhook::Reason,
};

/// From so many events that somebody has not got, it is said in colour.
const BEHIND: u64 = 1000;
/// How long the secret before signs, too, when there is a new one, in seconds: a day.
const OVERLAP: u64 = 86_400;

/// Shows who gets a tenant's events, and how far they are.
pub async fn show(ask: &Ask<'_>, tenant: &str) -> Shown {
    let mut page = ask.tenant_page(tenant, "Events and deliveries");
    page = page.with(webhooks(ask, tenant).await?);
    page = page.with(consumers(ask, tenant).await?).with(streams(ask, tenant).await?);
    if ask.may(Role::Operator) {
        page = page.with(new_webhook(ask, tenant));
    }
    Ok(page)
}

fn action(tenant: &str, what: &str) -> String {
    of_tenant(tenant, &format!("deliveries/{what}"))
}

/// How far a webhook is: the events that it has not seen, and the messages that it has not taken.
fn progress(delivery: &Value) -> Cell {
    let waiting = delivery.number("/pending");
    if waiting == 0 {
        return lag(delivery.number("/lag"));
    }
    let tone = if waiting < BEHIND { Tone::Plain } else { Tone::Warn };
    let waiting = Cell::Badge(tone, format!("{} waiting", thousands(waiting)));
    match delivery.number("/lag") {
        0 => waiting,
        behind => Cell::Several(vec![waiting, lag(behind)]),
    }
}

/// How many events are waiting for somebody.
fn lag(events: u64) -> Cell {
    if events == 0 {
        return Cell::Badge(Tone::Good, "up to date".to_owned());
    }
    let tone = if events < BEHIND { Tone::Plain } else { Tone::Warn };
    Cell::Badge(tone, format!("{} behind", thousands(events)))
}

async fn webhooks(ask: &Ask<'_>, tenant: &str) -> Result<Section, Fault> {
    let list = WebhookRequest::List { tenant: Some(tenant.to_owned()) };
    let rows = ask.rows(AdminRequest::Webhook { request: list }).await?;
    let headings = ["Address", "Types", "State", "Progress", "Given up", ""];
    let who = if ask.may(Role::Operator) { "make it below" } else { "an operator makes it" };
    let empty = format!("No webhooks. One sends each event to an application: {who}.");
    let mut table = Table::new(&headings, empty);
    let (mut given_up, mut names) = (Vec::new(), Vec::new());
    for row in &rows {
        let id = row.text("/webhook_id");
        names.push((id.to_owned(), row.text("/url").to_owned()));
        let request = WebhookRequest::Show { webhook: id.to_owned() };
        // One of all tenants is not shown to an administrator of one.
        let shown = ask.row(AdminRequest::Webhook { request }).await.unwrap_or_default();
        let delivery = shown.list("/deliveries").iter().find(|one| one.text("/tenant") == tenant);
        let delivery = delivery.cloned().unwrap_or_default();
        table.push(vec![
            Cell::Several(vec![Cell::text(row.text("/url")), Cell::Note(id.to_owned())]),
            if row.list("/types").is_empty() { Cell::text("all") } else { row.cell("/types") },
            webhook_state(row, &delivery),
            progress(&delivery),
            Cell::text(thousands(delivery.number("/dead_letters"))),
            Cell::Several(webhook_buttons(ask, tenant, row)),
        ]);
        let waiting = delivery.list("/waiting");
        // Nothing is tried again of one that is disabled.
        if !waiting.is_empty() && row.text("/disabled").is_empty() {
            given_up.push(tried(id, row.text("/url"), waiting));
        }
        if delivery.number("/dead_letters") > 0 {
            given_up.push(dead_letters(ask, tenant, id, row.text("/url")).await?);
        }
    }
    let mut section = Section::new("Webhooks").with(table);
    section.pieces.extend(given_up);
    if !names.is_empty() && ask.may(Role::Operator) {
        section = section.with(Piece::Folded("Send events again".to_owned(), vec![replay(ask, tenant, names)]));
    }
    Ok(listed(section, &rows, command::line(&["webhook", "list", "--tenant", tenant])))
}

fn webhook_state(row: &Value, delivery: &Value) -> Cell {
    let error = Cell::Note(delivery.text("/last_error").to_owned());
    if let Some(reason) = row.pointer("/disabled").and_then(|reason| Reason::deserialize(reason).ok()) {
        let why = Cell::Note(sentence(reason.because()));
        return Cell::Several(vec![Cell::Badge(Tone::Bad, "disabled".to_owned()), why, error]);
    }
    if delivery.text("/failing_since").is_empty() {
        return Cell::Badge(Tone::Good, "sends".to_owned());
    }
    Cell::Several(vec![Cell::Badge(Tone::Warn, "fails".to_owned()), delivery.time("/failing_since", ""), error])
}

fn webhook_buttons(ask: &Ask<'_>, tenant: &str, row: &Value) -> Vec<Cell> {
    if !ask.may(Role::Operator) {
        return Vec::new();
    }
    let id = [("id", row.text("/webhook_id"))];
    let button = |what: &str, label: &str, tone| Cell::Button(ask.button(action(tenant, what), label, tone, &id));
    let mut buttons = vec![button("test", "Test", Tone::Plain), button("rotate", "New secret", Tone::Plain)];
    if !row.text("/disabled").is_empty() {
        buttons.push(button("enable", "Enable", Tone::Plain));
    }
    buttons.push(button("ask", "Delete", Tone::Bad));
    buttons
}

/// Messages of a webhook that were tried and are tried again.
fn tried(id: &str, url: &str, waiting: &[Value]) -> Piece {
    let mut table = Table::new(&["Event", "Tries", "Next try"], "");
    table.title = format!("Tried again, {url}");
    for one in waiting {
        table.push(vec![one.cell("/sequence"), one.cell("/tries"), one.time("/next_try", "–")]);
    }
    let note = format!("The first of the messages that were not taken yet by {url}.");
    Section::new("Tried again").note(note).with(table).command(command::line(&["webhook", "show", id])).into()
}

/// The form that has events sent once more that were taken.
fn replay(ask: &Ask<'_>, tenant: &str, webhooks: Vec<(String, String)>) -> Piece {
    let fields = vec![
        Field::of(Kind::Choice(webhooks), "id", "To"),
        Field::text("from", "From event").hint("Its number, as “History” shows it.").required(),
        Field::text("to", "Up to event").hint("The newest when empty."),
    ];
    let form = ask.form(action(tenant, "replay"), "Send these events again", fields);
    let words = ["webhook", "replay", "ID", "--tenant", tenant, "--from", "NUMBER"];
    let note = "Receivers know a message that they have by its id.";
    Section::new("Send events again").note(note).with(form).command(command::line(&words)).into()
}

/// Messages of a webhook that were given up.
async fn dead_letters(ask: &Ask<'_>, tenant: &str, id: &str, url: &str) -> Result<Piece, Fault> {
    let request = WebhookRequest::DeadLetters { webhook: id.to_owned(), send_again: false };
    // A webhook of all tenants has those of others, too.
    let own = |row: Value| (row.text("/tenant") == tenant).then_some(row);
    let rows = ask.some_rows(AdminRequest::Webhook { request }, own).await?;
    let mut table = Table::new(&["Event", "Given up", "Tries", "Why"], "Nothing was given up.");
    table.title = format!("Given up, {url}");
    for row in &rows {
        table.push(vec![row.cell("/sequence"), row.time("/time", "–"), row.cell("/tries"), row.said("/error")]);
    }
    let section =
        Section::new("Given up").note(format!("These messages were not taken for too long by {url}.")).with(table);
    let mut section = listed(section, &rows, command::line(&["webhook", "dead-letters", id]));
    if ask.may(Role::Operator) {
        let form = ask.form(action(tenant, "send-again"), "Send all of them again", vec![Field::hidden("id", id)]);
        section = section.with(form);
    }
    Ok(section.command(command::line(&["webhook", "dead-letters", id, "--send-again"])).into())
}

async fn consumers(ask: &Ask<'_>, tenant: &str) -> Result<Section, Fault> {
    let list = ConsumerRequest::List { tenant: tenant.to_owned() };
    let rows = ask.rows(AdminRequest::Consumer { request: list }).await?;
    let headings = ["Name", "Types", "State", "Progress", "A worker has it until", ""];
    let create = command::line(&["consumer", "create", "--tenant", tenant, "NAME"]);
    let empty = format!("No consumers. An application that reads the feed by name is one: `{create}` makes it.");
    let mut table = Table::new(&headings, empty);
    for row in &rows {
        let fields = [("id", row.text("/consumer_id"))];
        let release = ask.button(action(tenant, "release"), "Take it from the worker", Tone::Plain, &fields);
        let leased = !row.text("/leased_until").is_empty();
        table.push(vec![
            row.cell("/name"),
            if row.list("/types").is_empty() { Cell::text("all") } else { row.cell("/types") },
            row.cell("/state"),
            row.pointer("/lag").and_then(Value::as_u64).map_or(Cell::Empty, lag),
            row.time("/leased_until", "–"),
            if leased && ask.may(Role::Operator) { Cell::Button(release) } else { Cell::Empty },
        ]);
    }
    Ok(Section::new("Consumers").with(table).command(command::line(&["consumer", "list", "--tenant", tenant])))
}

async fn streams(ask: &Ask<'_>, tenant: &str) -> Result<Section, Fault> {
    let list = StreamRequest::List { tenant: tenant.to_owned() };
    let rows = ask.rows(AdminRequest::Stream { request: list }).await?;
    let headings = ["Receiver", "Delivery", "State", "Progress", "Refused", ""];
    let empty = "No streams. A receiver of security event tokens makes one by itself.";
    let mut table = Table::new(&headings, empty);
    for row in &rows {
        let status = row.text("/status");
        let (what, label) = if status == "enabled" { ("pause", "Pause") } else { ("resume", "Enable") };
        let button = ask.button(action(tenant, what), label, Tone::Plain, &[("id", row.text("/stream_id"))]);
        let tone = match status {
            "enabled" => Tone::Good,
            "replaced" => Tone::Bad,
            _ => Tone::Warn,
        };
        let name = if row.text("/description").is_empty() { row.text("/stream_id") } else { row.text("/description") };
        table.push(vec![
            Cell::Several(vec![Cell::text(name), Cell::Note(row.text("/url").to_owned())]),
            row.cell("/delivery"),
            Cell::Several(vec![Cell::Badge(tone, status.to_owned()), Cell::Note(row.text("/last_error").to_owned())]),
            row.pointer("/lag").and_then(Value::as_u64).map_or(Cell::Empty, lag),
            row.cell("/refused"),
            if ask.may(Role::Operator) { Cell::Button(button) } else { Cell::Empty },
        ]);
    }
    Ok(Section::new("Streams of security event tokens")
        .with(table)
        .command(command::line(&["stream", "list", "--tenant", tenant])))
}

fn new_webhook(ask: &Ask<'_>, tenant: &str) -> Section {
    let fields = vec![
        Field::text("url", "Address").hint("Where messages are sent: https://…").required(),
        Field::text("types", "Types").hint("Such as user.created,group.*; all when empty."),
    ];
    let form = ask.form(action(tenant, "create"), "Make a webhook", fields);
    let words = ["webhook", "create", "--tenant", tenant, "--url", "URL"];
    Section::new("A new webhook").with(form).command(command::line(&words))
}

/// Does what a button says.
pub async fn change(ask: &Ask<'_>, tenant: &str, what: &str) -> Result<Done, Fault> {
    let (id, name) = (ask.form.text("id").to_owned(), tenant.to_owned());
    let webhook = |request| AdminRequest::Webhook { request };
    let (request, done) = match what {
        "ask" => return Ok(Done::Once(Box::new(confirm(ask, tenant, &id).await?))),
        "create" => return create(ask, tenant).await,
        "rotate" => {
            let rotate = webhook(WebhookRequest::Rotate { webhook: id, overlap_seconds: OVERLAP });
            return Ok(secret(ask, tenant, &ask.act(rotate).await?));
        }
        "replay" => {
            let to = number(ask, "to")?;
            let from = number(ask, "from")?.ok_or_else(|| refused("Say from which event: its number."))?;
            let request = WebhookRequest::Replay { webhook: id, tenant: name, from, to };
            (webhook(request), "The events are sent again.")
        }
        "test" => (webhook(WebhookRequest::Test { webhook: id }), "The message was taken."),
        "enable" => (webhook(WebhookRequest::Enable { webhook: id }), "It gets messages again, from where they ended."),
        "delete" => (webhook(WebhookRequest::Delete { webhook: id }), "The webhook is removed."),
        "send-again" => {
            let request = WebhookRequest::DeadLetters { webhook: id, send_again: true };
            (webhook(request), "What was given up is sent again.")
        }
        "release" => {
            let request = ConsumerRequest::Release { tenant: name, consumer: id };
            (AdminRequest::Consumer { request }, "The next worker that asks gets the batch.")
        }
        "pause" => {
            let request = StreamRequest::Pause { tenant: name, stream: id, reason: None };
            (AdminRequest::Stream { request }, "The stream is paused.")
        }
        "resume" => {
            let request = StreamRequest::Enable { tenant: name, stream: id };
            (AdminRequest::Stream { request }, "The stream is enabled.")
        }
        _ => return Err(refused("This form is not known. Load the page again.")),
    };
    ask.act(request).await?;
    Ok(Done::Told(of_tenant(tenant, "deliveries"), done.to_owned()))
}

/// Makes a webhook, and shows its secret this once.
async fn create(ask: &Ask<'_>, tenant: &str) -> Result<Done, Fault> {
    let types = ask.form.text("types").split(',').map(str::trim).filter(|kind| !kind.is_empty());
    let request = WebhookRequest::Create {
        tenant: Some(tenant.to_owned()),
        url: ask.form.text("url").to_owned(),
        types: types.map(str::to_owned).collect(),
        rate: None,
    };
    Ok(secret(ask, tenant, &ask.act(AdminRequest::Webhook { request }).await?))
}

/// The number of an event that a form says.
fn number(ask: &Ask<'_>, name: &str) -> Result<Option<u64>, Fault> {
    let read = |text: &str| text.parse().map_err(|_| refused(format!("{text:?} is not the number of an event.")));
    ask.form.get(name).map(read).transpose()
}

/// The secret of a webhook, on the page that it is seen on this once.
fn secret(ask: &Ask<'_>, tenant: &str, rows: &[Value]) -> Done {
    let row = rows.first().cloned().unwrap_or_default();
    let back = (of_tenant(tenant, "deliveries"), "I have taken it: back to the deliveries".to_owned());
    let section = Section::new("Give this to the application")
        .with(Piece::Secret("Secret of the webhook".to_owned(), row.text("/secret").to_owned()))
        .with(Piece::Text("It verifies the signature of each message with it.".to_owned()));
    let section = match row.text("/old_keys_until") {
        "" => section,
        until => section.with(Piece::Text(format!("The one before signs, too, until {until}."))),
    };
    let section = section.with(Piece::Links(vec![back]));
    Done::Once(Box::new(ask.tenant_page(tenant, "Events and deliveries").with(section)))
}

/// Asks whether a webhook is to be removed that can be.
async fn confirm(ask: &Ask<'_>, tenant: &str, id: &str) -> Shown {
    let request = WebhookRequest::Delete { webhook: id.to_owned() };
    ask.rehearse(&AdminRequest::Webhook { request }).await?;
    let request = WebhookRequest::List { tenant: Some(tenant.to_owned()) };
    let rows = ask.rows(AdminRequest::Webhook { request }).await?;
    let called = rows.iter().find(|row| row.text("/webhook_id") == id).map_or(id, |row| row.text("/url"));
    let mut form = ask.form(action(tenant, "delete"), "Remove", vec![Field::hidden("id", id)]);
    form.danger = true;
    let section = Section::new(format!("Remove the webhook “{}”?", clipped(called)))
        .with(Piece::Text("Messages that wait for it are sent to nobody.".to_owned()))
        .with(form)
        .with(Piece::Links(vec![(of_tenant(tenant, "deliveries"), "Keep it".to_owned())]))
        .command(command::line(&["webhook", "delete", id]));
    Ok(ask.tenant_page(tenant, "Events and deliveries").with(section))
}
