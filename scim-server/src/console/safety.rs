//! What protects a tenant from a mistake of its provider: the brake, and putting things back.

use serde_json::Value;

use super::{
    ask::{Ask, Done, MOST, Shown, refused},
    command,
    kind::{GROUPS, USERS},
    path::of_tenant,
    row::{Row, so_many, thousands},
    shown::{WAS, mark},
    whom::whom,
};
use crate::{
    admin::{AdminRequest, BrakeRequest, BrowseRequest, Fault, Role, UndoRequest},
    web::{Cell, Facts, Field, Form, Piece, Section, Table, Tone},
};

/// Rows of a preview that are shown.
const SHOWN: usize = 200;

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

async fn brake(ask: &Ask<'_>, tenant: &str) -> Result<Section, Fault> {
    let row = ask.row(of_brake(tenant, BrakeRequest::Show)).await?;
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
    let mut section = Section::new("Brake on mass deprovisioning").with(facts);
    if state == "tripped" && ask.may(Role::Operator) {
        let buttons = vec![
            Cell::Button(ask.button(action(tenant, "approve"), "Approve: let it go on", Tone::Plain, &[])),
            Cell::Button(ask.button(
                action(tenant, "brake-preview"),
                "Look at what would be put back",
                Tone::Plain,
                &[],
            )),
        ];
        section = section.with(Facts::default().with("Decide", Cell::Several(buttons)));
        section = section.command(command::line(&["brake", "approve", "--tenant", tenant]));
        section = section.command(command::line(&["brake", "undo", "--tenant", tenant, "--dry-run"]));
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
            ask.act(of_brake(tenant, BrakeRequest::Approve)).await?;
            Ok(Done::Told(here, "Everything goes on: the events that waited go out.".to_owned()))
        }
        "brake-preview" | "brake-undo" => brake_undo(ask, tenant, what == "brake-undo").await,
        "undo-preview" => {
            let mut request = wanted(ask, tenant, true)?;
            // What happens after the preview is no part of what is put back: nobody has looked at it.
            let newest = newest(ask, tenant).await?;
            let until = request.until.map_or(newest, |until| until.min(newest));
            request.until = Some(until);
            let line = words(&request);
            let rows = ask.act(AdminRequest::Undo(request)).await?;
            let fields = ["since", "actor"].map(|name| Field::hidden(name, ask.form.text(name)));
            let fields = [&fields[..], &[Field::hidden("until", until.to_string())]].concat();
            let next = ask.form(action(tenant, "undo"), "Put it back", fields);
            Ok(Done::Once(Box::new(preview(ask, tenant, &rows, next, line).await?)))
        }
        "undo" => {
            let request = wanted(ask, tenant, false)?;
            if request.until.is_none() {
                return Err(refused("Look first at what would be put back."));
            }
            Ok(Done::Told(here, outcome("Put back", &ask.act(AdminRequest::Undo(request)).await?)))
        }
        _ => Err(refused("This form is not known. Load the page again.")),
    }
}

/// Shows what the brake would put back, or puts back what was shown. If that is something else by now, it is shown anew.
async fn brake_undo(ask: &Ask<'_>, tenant: &str, act: bool) -> Result<Done, Fault> {
    let rows = ask.act(of_brake(tenant, BrakeRequest::Undo { dry_run: true })).await?;
    let shown = mark(&rows.clone().into());
    if act && ask.form.text(WAS) == shown {
        let rows = ask.act(of_brake(tenant, BrakeRequest::Undo { dry_run: false })).await?;
        return Ok(Done::Told(of_tenant(tenant, "safety"), outcome("Put back", &rows)));
    }
    if act {
        ask.tell(
            Tone::Warn,
            "More has happened since you looked, and nothing was put back. This is what it is by now.",
        );
    }
    let next = ask.form(action(tenant, "brake-undo"), "Put it back", vec![Field::hidden(WAS, shown)]);
    let line = command::line(&["brake", "undo", "--tenant", tenant, "--dry-run"]);
    Ok(Done::Once(Box::new(preview(ask, tenant, &rows, next, line).await?)))
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

/// What would be put back, the form that does it, and the command line that shows the same.
async fn preview(ask: &Ask<'_>, tenant: &str, rows: &[Value], next: Form, line: String) -> Shown {
    let mut table = Table::new(&["Of", "Whom", "What", ""], "There is nothing to put back.");
    // Others say how the brake stands.
    let pieces = rows.iter().filter(|row| ["undone", "refused"].iter().any(|piece| row.get(piece).is_some()));
    for row in pieces.take(SHOWN) {
        let refused = row.get("refused").is_some();
        let at = |name: &str| if refused { format!("/refused/{name}") } else { format!("/undone/{name}") };
        let (kind, id) = (row.text(&at("type")).to_owned(), row.text(&at("id")).to_owned());
        let people = if kind == "Group" { &GROUPS } else { &USERS };
        let what = if refused { row.cell("/refused/change") } else { row.cell("/undone/changes") };
        let state = if refused {
            Cell::Several(vec![
                Cell::Badge(Tone::Warn, "not possible".to_owned()),
                Cell::Note(row.text("/refused/reason").to_owned()),
            ])
        } else {
            Cell::Badge(Tone::Good, "would be put back".to_owned())
        };
        let whom = match row.text(&at("name")) {
            // What cannot be put back may be gone for good.
            _ if refused => whom(ask, tenant, people, &id).await?,
            "" => Cell::link(people.path(tenant, &id), id),
            name => Cell::Several(vec![Cell::link(people.path(tenant, &id), name), Cell::Note(id)]),
        };
        table.push(vec![Cell::text(kind), whom, what, state]);
    }
    let mut section = Section::new("What would be put back").note(outcome("To be put back", rows)).with(table);
    if rows.iter().any(|row| row.pointer("/undone").is_some()) {
        section = section.with(next);
    }
    let back = (of_tenant(tenant, "safety"), "Change nothing".to_owned());
    Ok(ask.tenant_page(tenant, "Safety").with(section.with(Piece::Links(vec![back])).command(line)))
}

/// How much of it went, or is to go, in a sentence that begins so. What the rows do not have any more is not counted.
fn outcome(begins: &str, rows: &[Value]) -> String {
    let count = |name: &str| rows.iter().filter(|row| row.get(name).is_some()).count() as u64;
    let (least, bound) = if rows.len() < MOST {
        ("", String::new())
    } else {
        ("at least ", format!(" This page counts to {}; “History” has them all.", thousands(MOST as u64)))
    };
    let done = so_many(count("undone"), "user or group", "users and groups");
    let refused = match count("refused") {
        0 => String::new(),
        refused => format!(" Not possible: {least}{}.", so_many(refused, "change", "changes")),
    };
    format!("{begins}: {least}{done}.{refused}{bound}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_counted_is_said() {
        let mut rows = vec![json!({"undone": {}}); MOST - 1];
        assert_eq!(outcome("Put back", &rows), "Put back: 9,999 users and groups.");
        rows.push(json!({"refused": {}}));
        assert_eq!(
            outcome("Put back", &rows),
            "Put back: at least 9,999 users and groups. Not possible: at least 1 change. This page counts to 10,000; \
             “History” has them all."
        );
    }
}
