//! What is rewritten of what a provider sends: seen, and changed after a look at what that would do.
//!
//! A change is a list of all rewrites, as the command `mapping set` takes it.

use serde_json::Value;

use super::{
    ask::{Ask, Done, Shown, refused},
    command,
    first::First,
    kind::{GROUPS, USERS},
    path::of_tenant,
    row::{Row, value},
    shown::{self, WAS, mark},
    whom::whom,
};
use crate::{
    admin::{AdminRequest, Fault, MappingRequest, Role, RulesRequest},
    setup::rewrite::{self, LOOKED_AT, preview_empty, preview_note},
    tenant::mapping::Rewrite,
    web::{Cell, Field, Piece, Section, Table, Tone, flags},
};

fn action(tenant: &str, what: &str) -> String {
    of_tenant(tenant, &format!("rules/{what}"))
}

fn rules(tenant: &str, request: MappingRequest) -> AdminRequest {
    AdminRequest::Rules { tenant: tenant.to_owned(), request: RulesRequest::Mapping(request) }
}

async fn known(ask: &Ask<'_>, tenant: &str) -> Result<Vec<Value>, Fault> {
    ask.rows(rules(tenant, MappingRequest::List)).await
}

/// The rewrites of a tenant.
pub async fn section(ask: &Ask<'_>, tenant: &str) -> Result<Section, Fault> {
    let headings = ["Name", "Rewrite", "Of", "Attribute", "To", "Value", "Only of", ""];
    let is_administrator = ask.may(Role::Administrator);
    let how = if is_administrator { "“Another rewrite” changes that" } else { "an administrator can change that" };
    let mut table = Table::new(&headings, format!("What the provider sends is kept as it is: {how}."));
    for row in &known(ask, tenant).await? {
        let mut cells: Vec<_> = fields().iter().map(|field| row.cell(&format!("/{}", field.name))).collect();
        let fields = [("remove", row.text("/name"))];
        let remove = ask.button(action(tenant, "mapping-preview"), "Remove", Tone::Plain, &fields);
        cells.push(if is_administrator { Cell::Button(remove) } else { Cell::Empty });
        table.push(cells);
    }
    let mut section = Section::new("Rewrites of what the provider sends")
        .note("In this order, with each user or group that comes.")
        .with(table);
    if is_administrator {
        section = section.with(Piece::Folded("Another rewrite".to_owned(), vec![form(ask, tenant)]));
    }
    Ok(section.command(command::line(&["mapping", "list", "--tenant", tenant])))
}

/// What a form says of a rewrite: beside what customers may say, of whose requests it is.
fn fields() -> Vec<Field> {
    let writer = Field::text("writer", "Only of");
    let writer = writer.hint("The name of the only token or client of whose requests it is.");
    [rewrite::fields(&["User", "Group"]), vec![writer]].concat()
}

fn form(ask: &Ask<'_>, tenant: &str) -> Piece {
    let form = ask.form(action(tenant, "mapping-preview"), "Look what would change", fields());
    let words = ["mapping", "set", "--tenant", tenant, "FILE", "--dry-run"];
    Section::new("Another rewrite").note("First it is only shown.").with(form).command(command::line(&words)).into()
}

/// The rewrites that are to be: without one, or with one more.
fn wanted(ask: &Ask<'_>, known: &[Value]) -> Result<Vec<Value>, Fault> {
    if let Some(name) = ask.form.get("remove") {
        return Ok(known.iter().filter(|rewrite| rewrite.text("/name") != name).cloned().collect());
    }
    let fields = fields();
    if let Some(why) = flags::empty(&fields, &ask.form) {
        return Err(refused(why));
    }
    Ok([known, &[rewrite::typed(&fields, &ask.form)]].concat())
}

async fn map(ask: &Ask<'_>, tenant: &str, rewrites: &[Value], dry_run: bool) -> Result<Vec<Value>, Fault> {
    let rewrites = rewrites.iter().cloned().map(serde_json::from_value::<Rewrite>).collect::<Result<Vec<_>, _>>();
    let rewrites = rewrites.map_err(|error| refused(error.to_string()))?;
    let limit = dry_run.then_some(LOOKED_AT);
    ask.act(rules(tenant, MappingRequest::Set { rewrites, dry_run, limit })).await
}

/// Shows what a change would do, or makes one that was shown.
pub async fn change(ask: &Ask<'_>, tenant: &str, what: &str) -> Result<Done, Fault> {
    let known = known(ask, tenant).await?;
    let shown = Value::from(known.clone());
    match what {
        "mapping-preview" => {
            let wanted = wanted(ask, &known)?;
            let would = map(ask, tenant, &wanted, true).await?;
            let fields = [(WAS, mark(&shown)), ("rewrites", Value::from(wanted).to_string())];
            Ok(Done::Once(Box::new(preview(ask, tenant, &would, fields).await?)))
        }
        "mapping-set" => {
            let why = "The rewrites were changed meanwhile, and nothing was done. Look at them again.";
            shown::check(&ask.form, &shown, why)?;
            let Ok(Value::Array(wanted)) = ask.form.json("rewrites") else {
                return Err(refused("This form is not known. Load the page again."));
            };
            map(ask, tenant, &wanted, false).await?;
            Ok(Done::Told(of_tenant(tenant, "rules"), "The rewrites are set.".to_owned()))
        }
        _ => Err(refused("This form is not known. Load the page again.")),
    }
}

async fn preview(ask: &Ask<'_>, tenant: &str, rows: &[Value], fields: [(&'static str, String); 2]) -> Shown {
    let headings = ["Of", "Whom", "Attribute", "Before", "After", "Would be refused"];
    let [_, (_, rewrites)] = &fields;
    let is_any = rewrites != "[]";
    let mut table = Table::new(&headings, preview_empty(is_any));
    let changed: First = rows.iter().filter(|row| row.pointer("/id").is_some()).cloned().collect();
    for row in &changed.rows {
        let (kind, id) = (row.text("/type"), row.text("/id"));
        let people = if kind == "Group" { &GROUPS } else { &USERS };
        let whom = whom(ask, tenant, people, id).await?;
        for (attribute, change) in row.pointer("/changes").and_then(Value::as_object).into_iter().flatten() {
            let of = |at: &str| change.get(at).map_or(Cell::Empty, value);
            let attribute = Cell::Code(attribute.clone());
            let refused = row.pointer("/refused").and_then(Value::as_str);
            let refused = refused.map_or(Cell::Empty, |why| Cell::Said(why.to_owned()));
            table.push(vec![Cell::text(kind), whom.clone(), attribute, of("before"), of("after"), refused]);
        }
    }
    let notes: Vec<_> = rows.iter().map(|row| row.text("/note")).filter(|note| !note.is_empty()).collect();
    let note = preview_note(&notes, is_any, "the command looks at all");
    let mut section = Section::new("What would change").note(note);
    let line = command::fed(rewrites, &["mapping", "set", "--tenant", tenant, "-", "--dry-run"]);
    if ask.may(Role::Administrator) {
        let fields = fields.map(|(name, value)| Field::hidden(name, value)).to_vec();
        section = section.with(ask.form(action(tenant, "mapping-set"), "Change it", fields));
    }
    let back = (of_tenant(tenant, "rules"), "Change nothing".to_owned());
    let section = changed.of(section.with(Piece::Links(vec![back])).with(table), line);
    Ok(ask.tenant_page(tenant, "Roles and mapping").with(section))
}
