//! What protects a tenant from a mistake of its provider: the brake, and putting things back.

use serde_json::Value;

use super::{
    ask::{Ask, Done, Shown, refused, sentence},
    command,
    path::of_tenant,
    put_back::{Told, done, preview},
    row::Row,
    shown::{self, WAS, mark},
};
use crate::{
    admin::{AdminRequest, BrakeRequest, BrowseRequest, Fault, Role, UndoRequest},
    web::{Cell, Facts, Field, Piece, Section, Tone},
};

/// Shows the brake of a tenant, and what can be put back.
pub async fn show(ask: &Ask<'_>, tenant: &str) -> Shown {
    let mut page = ask.tenant_page(tenant, "Safety").with(brake(ask, tenant).await?);
    if ask.may(Role::Operator) {
        page = page.with(undo(ask, tenant));
    }
    Ok(page)
}

fn action(tenant: &str, what: &str) -> String {
    of_tenant(tenant, &format!("safety/{what}"))
}

fn of_brake(tenant: &str, request: BrakeRequest) -> AdminRequest {
    AdminRequest::Brake { tenant: tenant.to_owned(), request }
}

/// How the brake stands, and what is to be known of it.
async fn stands(ask: &Ask<'_>, tenant: &str) -> Result<(Value, Vec<Piece>), Fault> {
    let rows = ask.rows(of_brake(tenant, BrakeRequest::Show)).await?;
    let (notes, states): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.get("note").is_some());
    let notes = notes.iter().map(|row| Piece::Notice(Tone::Warn, sentence(row.text("/note"))));
    Ok((states.into_iter().next().unwrap_or_default(), notes.collect()))
}

/// What whoever approves must have seen: all that is known of the brake but how many events wait, as whatever happens in
/// the tenant adds to them.
fn to_see(brake: &Value) -> Value {
    let mut seen = brake.clone();
    if let Some(seen) = seen.as_object_mut() {
        seen.remove("held_events");
    }
    seen
}

async fn brake(ask: &Ask<'_>, tenant: &str) -> Result<Section, Fault> {
    let (row, notes) = stands(ask, tenant).await?;
    let state = row.text("/state");
    let (tone, said) = match state {
        "tripped" => (Tone::Bad, "It has tripped: what was taken away since is counted below."),
        "approved" => (Tone::Warn, "An administrator has let it go on: nothing is counted for now."),
        "ready" => (Tone::Good, "It watches."),
        _ => (Tone::Plain, "The tenant has no brake. Set one in the settings: \"brake\": {\"users\": 50}."),
    };
    let mut facts =
        Facts::default().with("State", Cell::Several(vec![Cell::Badge(tone, state.to_owned()), said.into()]));
    for (name, pointer) in [
        ("What it does", "/mode"),
        ("At most users", "/users"),
        ("At most per cent", "/percent"),
        ("Within", "/window"),
        ("Reason", "/reason"),
        ("By", "/actor_names"),
        ("Users deactivated, or deleted while active", "/deactivated"),
        ("Users deleted", "/deleted"),
        ("Members taken out of groups", "/left"),
        ("Counted since event", "/since"),
        ("Events that wait", "/held_events"),
        ("Afterwards", "/afterwards"),
    ] {
        match row.pointer(pointer) {
            // No brake any more.
            Some(Value::Null) => facts = facts.with(name, "off"),
            Some(Value::String(text)) => facts = facts.with(name, Cell::Said(text.clone())),
            Some(_) => facts = facts.with(name, row.cell(pointer)),
            None => {}
        }
    }
    for (name, pointer) in [("Tripped", "/tripped"), ("Approved until", "/approved_until")] {
        if row.pointer(pointer).is_some() {
            facts = facts.with(name, row.time(pointer, "–"));
        }
    }
    let section = Section::new("Brake on mass deprovisioning");
    let mut section = notes.into_iter().fold(section, Section::with).with(facts);
    if state == "tripped" && ask.may(Role::Operator) {
        let was = mark(&to_see(&row));
        let was = [(WAS, was.as_str())];
        let buttons = vec![
            Cell::Button(ask.button(action(tenant, "approve"), "Approve: let it go on", Tone::Plain, &was)),
            Cell::Button(ask.button(
                action(tenant, "brake-preview"),
                "Look at what would be put back",
                Tone::Plain,
                &[],
            )),
        ];
        section = section.with(Facts::default().with("Decide", Cell::Several(buttons)));
        section = section.command(command::line(&["brake", "approve", "--tenant", tenant]));
        section = section.command(look(tenant));
    }
    Ok(section.command(command::line(&["brake", "show", "--tenant", tenant])))
}

fn undo(ask: &Ask<'_>, tenant: &str) -> Section {
    let fields = vec![
        Field::text("since", "After event")
            .hint("Its number, as “History” shows it. What happened after it is put back.")
            .required(),
        Field::text("until", "Up to event").hint("The newest when empty."),
        Field::text("actor", "Only what this one did")
            .hint("A token or client, by its name or id; everybody when empty."),
    ];
    let form = ask.form(action(tenant, "undo-preview"), "Look at what would be put back", fields);
    Section::new("Undo")
        .note("Users and groups become as they were. First it is only shown.")
        .with(form)
        .command(command::line(&["undo", "--tenant", tenant, "--since", "NUMBER", "--dry-run"]))
}

/// What is to be put back, as the form says it.
fn wanted(ask: &Ask<'_>, tenant: &str, dry_run: bool) -> Result<UndoRequest, Fault> {
    let number = |name: &str| -> Result<Option<u64>, Fault> {
        let read = |text: &str| text.parse().map_err(|_| refused(format!("{text:?} is not the number of an event.")));
        ask.form.get(name).map(read).transpose()
    };
    let since = number("since")?.ok_or_else(|| refused("Say after which event: its number, as “History” shows it."))?;
    let actor = ask.form.get("actor").map(str::to_owned);
    Ok(UndoRequest { tenant: tenant.to_owned(), since, until: number("until")?, actor, dry_run })
}

/// The number of the newest event of a tenant.
async fn newest(ask: &Ask<'_>, tenant: &str) -> Result<u64, Fault> {
    let request = BrowseRequest::History { tenant: Some(tenant.to_owned()), resource: None, before: None };
    Ok(ask.rows(AdminRequest::Browse { request }).await?.last().map_or(0, |end| end.number("/newest")))
}

/// Approves, shows what would be put back, or puts it back.
pub async fn change(ask: &Ask<'_>, tenant: &str, what: &str) -> Result<Done, Fault> {
    let here = of_tenant(tenant, "safety");
    match what {
        "approve" => {
            approve(ask, tenant).await?;
            Ok(Done::Told(here, "Everything goes on: the events that waited go out.".to_owned()))
        }
        "brake-preview" => Ok(Done::Once(Box::new(brake_preview(ask, tenant).await?))),
        "brake-undo" => brake_undo(ask, tenant).await,
        "undo-preview" => {
            let mut request = wanted(ask, tenant, true)?;
            // What happens after the preview is no part of what is put back: nobody has looked at it.
            let newest = newest(ask, tenant).await?;
            let until = request.until.map_or(newest, |until| until.min(newest));
            request.until = Some(until);
            let line = words(&request);
            let told = put_back(ask, AdminRequest::Undo(request)).await?;
            let fields = ["since", "actor"].map(|name| Field::hidden(name, ask.form.text(name)));
            let fields = [&fields[..], &[Field::hidden("until", until.to_string())]].concat();
            let next = ask.form(action(tenant, "undo"), "Put it back", fields);
            Ok(Done::Once(Box::new(preview(ask, tenant, &told, next, line).await?)))
        }
        "undo" => {
            let request = wanted(ask, tenant, false)?;
            if request.until.is_none() {
                return Err(refused("Look first at what would be put back."));
            }
            let line = words(&UndoRequest { dry_run: true, ..request.clone() });
            done(ask, tenant, &put_back(ask, AdminRequest::Undo(request)).await?, line).await
        }
        _ => Err(refused("This form is not known. Load the page again.")),
    }
}

/// Lets everything go on, if no more was taken away than whoever says so has seen.
async fn approve(ask: &Ask<'_>, tenant: &str) -> Result<(), Fault> {
    let request = of_brake(tenant, BrakeRequest::Approve);
    ask.rehearse(&request).await?;
    let (brake, _) = stands(ask, tenant).await?;
    // Of one that has not tripped the command says so.
    if brake.text("/state") == "tripped" {
        let why = "More has happened since you looked, and nothing was approved. This is how it stands by now.";
        shown::check(&ask.form, &to_see(&brake), why)?;
    }
    ask.act(request).await.map(drop)
}

/// Runs a command that puts back, or tells what it would.
async fn put_back(ask: &Ask<'_>, request: AdminRequest) -> Result<Told, Fault> {
    ask.sum(request, Told::add).await
}

/// What the brake would put back.
async fn lost(ask: &Ask<'_>, tenant: &str) -> Result<Told, Fault> {
    put_back(ask, of_brake(tenant, BrakeRequest::Undo { dry_run: true })).await
}

/// The command line of that.
fn look(tenant: &str) -> String {
    command::line(&["brake", "undo", "--tenant", tenant, "--dry-run"])
}

/// Shows what the brake would put back.
async fn brake_preview(ask: &Ask<'_>, tenant: &str) -> Shown {
    let told = lost(ask, tenant).await?;
    let was = Field::hidden(WAS, mark(&told.mark));
    let next = ask.form(action(tenant, "brake-undo"), "Put it back", vec![was]);
    preview(ask, tenant, &told, next, look(tenant)).await
}

/// Puts back what was shown.
async fn brake_undo(ask: &Ask<'_>, tenant: &str) -> Result<Done, Fault> {
    let why = "More has happened since you looked, and nothing was put back. This is what it is by now.";
    shown::check(&ask.form, &lost(ask, tenant).await?.mark, why)?;
    let told = put_back(ask, of_brake(tenant, BrakeRequest::Undo { dry_run: false })).await?;
    done(ask, tenant, &told, look(tenant)).await
}

/// The page for a `brake-undo` that was refused: what would be put back by now, if anything would be.
pub async fn anew(ask: &Ask<'_>, tenant: &str) -> Shown {
    match brake_preview(ask, tenant).await {
        Err(_) => show(ask, tenant).await,
        page => page,
    }
}

/// The command line of it.
fn words(request: &UndoRequest) -> String {
    let (since, until) = (request.since.to_string(), request.until.map(|until| until.to_string()));
    let mut words = vec!["undo", "--tenant", request.tenant.as_str(), "--since", since.as_str()];
    words.extend(until.as_deref().into_iter().flat_map(|until| ["--until", until]));
    words.extend(request.actor.as_deref().into_iter().flat_map(|actor| ["--actor", actor]));
    words.extend(request.dry_run.then_some("--dry-run"));
    command::line(&words)
}
