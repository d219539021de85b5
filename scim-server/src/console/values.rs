//! The values of calls: for how long they are kept, and those of one call, for who may see them.

use scim_protocol::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    ask::{Ask, Done, refused},
    command,
    path::{self, of_tenant},
    row::Row,
};
use crate::{
    admin::{AdminRequest, Fault, RequestsRequest, Role},
    web::{Cell, Facts, Page, Piece, Section, Tone},
};

/// The tenant's setting: until when values are kept.
const UNTIL: &str = "call_values_until";
/// For how long a button has them kept, in milliseconds, and how it says that.
const WHILE: (i64, &str) = (24 * 60 * 60 * 1000, "24 hours");

/// Whether values are kept, with what changes that.
pub async fn section(ask: &Ask<'_>, tenant: &str) -> Result<Section, Fault> {
    let row = ask.row(AdminRequest::TenantShow { tenant: tenant.to_owned() }).await?;
    let until = row.text(&format!("/settings/{UNTIL}")).to_owned();
    let is_kept = Timestamp::parse(&until).is_some_and(|until| until > ask.context().clock.now());
    let state = if is_kept {
        Cell::Several(vec![Cell::Badge(Tone::Warn, "kept until".to_owned()), Cell::Time(until)])
    } else {
        Cell::text("not kept")
    };
    let mut facts = Facts::default().with("Values of bodies", state);
    if ask.may(Role::Administrator) {
        let (what, label) = if is_kept {
            ("forget", "Stop now".to_owned())
        } else {
            ("keep", format!("Keep those of the next {}", WHILE.1))
        };
        let button = ask.button(of_tenant(tenant, &format!("requests/{what}")), &label, Tone::Plain, &[]);
        facts = facts.with("Change", Cell::Button(button));
    }
    let note = "To find out why a call is refused, its values can be kept for a while: for operators, without passwords and tokens. Who looks is told in the history.";
    let wanted = if is_kept { Value::Null } else { json!(later(ask)) };
    let set = command::fed(&json!({ UNTIL: wanted }).to_string(), &["tenant", "set", tenant, "--settings", "-"]);
    Ok(Section::new("Values").note(note).with(facts).command(set))
}

/// When what is asked for now would end.
fn later(ask: &Ask<'_>) -> String {
    Timestamp::from_millis(ask.context().clock.now().as_millis().saturating_add(WHILE.0)).to_string()
}

/// Has the values of the next calls kept, or no more.
pub async fn change(ask: &Ask<'_>, tenant: &str, what: &str) -> Result<Done, Fault> {
    let (until, told) = match what {
        "keep" => (json!(later(ask)), format!("The values of calls are kept for {}.", WHILE.1)),
        "forget" => (Value::Null, "The values of further calls are not kept.".to_owned()),
        _ => return Err(refused("This form is not known. Load the page again.")),
    };
    let settings = Map::from_iter([(UNTIL.to_owned(), until)]);
    ask.act(AdminRequest::TenantSet { tenant: tenant.to_owned(), settings, force: false }).await?;
    Ok(Done::Told(of_tenant(tenant, "requests"), told))
}

/// What the page of a call says of its values.
pub fn of_call(ask: &Ask<'_>, tenant: &str, id: &str, row: &Value) -> Section {
    let section = Section::new("Values");
    if !row.is("/values") {
        return section.with(Piece::Text(
            "Those of this call are not kept. “Requests” says how those of further calls are.".to_owned(),
        ));
    }
    if !ask.may(Role::Operator) {
        return section.with(Piece::Text("They are kept, and an operator may see them.".to_owned()));
    }
    let action = format!("{}/values", path::of_call(tenant, id));
    let form = ask.form(action, "Show the values", Vec::new());
    let words = ["requests", "values", id, "--tenant", tenant];
    section.note("That you look is told in the history of the tenant.").with(form).command(command::line(&words))
}

/// Shows the values of a call, this once.
pub async fn show(ask: &Ask<'_>, tenant: &str, id: &str) -> Result<Done, Fault> {
    let request = RequestsRequest::Values { id: id.to_owned() };
    let rows = ask.act(AdminRequest::Requests { tenant: Some(tenant.to_owned()), request }).await?;
    let row = rows.into_iter().next().unwrap_or_default();
    Ok(Done::Once(Box::new(page(ask, tenant, id, &row))))
}

fn page(ask: &Ask<'_>, tenant: &str, id: &str, row: &Value) -> Page {
    let mut page = ask.tenant_page(tenant, "Requests");
    "Values of a call".clone_into(&mut page.title);
    page.subtitle = format!("to {tenant}");
    page = page.with(Piece::Links(vec![(path::of_call(tenant, id), "Back to the call".to_owned())]));
    for (title, name) in [("Query", "query"), ("Request", "request"), ("Response", "response")] {
        if let Some(value) = row.get(name) {
            page = page.with(Section::new(title).with(Piece::json(value)));
        }
    }
    let left_out: Vec<_> = row.list("/left_out").iter().filter_map(Value::as_str).collect();
    if !left_out.is_empty() {
        let text = format!("Too long to be kept, or no JSON: the {}.", left_out.join(" and the "));
        page = page.with(Piece::Notice(Tone::Plain, text));
    }
    page.with(curl(row.text("/curl"), "Passwords and tokens are hidden."))
}

/// The command that repeats a call, and what has to be known first.
pub fn curl(line: &str, hidden: &str) -> Section {
    // `${NAME:?what}` is what the log does not know.
    let unknown: Vec<_> =
        line.split("${").skip(1).filter_map(|rest| rest.split_once('}')?.0.split_once(":?")).collect();
    let unknown: Vec<_> = unknown.iter().map(|(name, what)| format!("{name}, {what}")).collect();
    let unknown = match unknown.as_slice() {
        [] => String::new(),
        some => format!(" What was sent is not kept of this, and has to be set, too: {}.", some.join("; ")),
    };
    let note = format!("It takes the token from the variable TOKEN.{unknown} {hidden}");
    Section::new("The same call with curl").note(note).command(line)
}
