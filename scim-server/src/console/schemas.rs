//! The schemas that a tenant adds to those of the RFCs: looked at before they are added, and removed by their name.

use serde_json::Value;

use super::{
    ask::{Ask, Done, Shown, refused, sentence},
    command,
    path::of_tenant,
    row::Row,
};
use crate::{
    admin::{AdminRequest, Fault, Role, schemas},
    tenant::{Tenant, TenantRecord},
    web::{Cell, Field, Kind, Page, Piece, Section, Table, Tone},
};

/// A definition to begin with.
const EXAMPLE: &str = r#"{
  "extends": "User",
  "required": false,
  "schema": {
    "id": "urn:example:params:scim:schemas:extension:badge:2.0:User",
    "name": "Badge",
    "attributes": [
      {"name": "number", "type": "string"}
    ]
  }
}"#;

fn action(tenant: &str, what: &str) -> String {
    of_tenant(tenant, &format!("settings/{what}"))
}

/// The schemas that a tenant has added, by its settings, and for administrators the editor of another one. Who uses them is
/// not counted: `schema list` reads every resource for that.
pub fn section(ask: &Ask<'_>, tenant: &str, settings: &Value) -> Section {
    let definitions = settings.list("/schemas");
    let is_administrator = ask.may(Role::Administrator);
    let empty = "No schemas of its own. The guide page of custom schemas says what one is made of.";
    let mut table = Table::new(&["Name", "URN", "Of", ""], empty);
    for definition in definitions {
        let urn = definition.text("/schema/id");
        let remove = ask.button(action(tenant, "schema-ask"), "Remove", Tone::Bad, &[("schema", urn)]);
        table.push(vec![
            definition.cell("/schema/name"),
            Cell::Code(urn.to_owned()),
            Cell::text(schemas::resource_type(definition)),
            if is_administrator { Cell::Button(remove) } else { Cell::Empty },
        ]);
    }
    let mut section = Section::new("Schemas of its own").with(table);
    for definition in definitions {
        let pieces = vec![Piece::json(definition)];
        section = section.with(Piece::Folded(format!("The definition of {}", definition.text("/schema/name")), pieces));
    }
    if is_administrator {
        section = section.with(Piece::Folded("Add or replace a schema".to_owned(), vec![editor(ask, tenant)]));
    }
    section.command(command::line(&["schema", "list", "--tenant", tenant]))
}

fn editor(ask: &Ask<'_>, tenant: &str) -> Piece {
    let field = Field::of(Kind::Area, "definition", "Definition (JSON)").value(EXAMPLE);
    let field = field.hint("One with the URN of a schema that is there takes its place.");
    let form = ask.form(action(tenant, "schema-add-preview"), "Look at it", vec![field]);
    let words = ["schema", "add", "--tenant", tenant, "FILE"];
    Section::new("A schema").note("First it is only checked.").with(form).command(command::line(&words)).into()
}

/// What a form says, and whether the tenant has a schema of that URN.
struct Wanted {
    definition: Value,
    urn: String,
    is_known: bool,
}

fn wanted(ask: &Ask<'_>, record: &TenantRecord) -> Result<Wanted, Fault> {
    let definition = ask.form.json("definition").map_err(|why| refused(format!("{why}.")))?;
    let urn = definition.text("/schema/id").to_owned();
    let is_known = record.settings.schemas.iter().any(|known| known.text("/schema/id").eq_ignore_ascii_case(&urn));
    Ok(Wanted { definition, urn, is_known })
}

/// Says what is wrong with a definition in this tenant. Nothing is changed.
fn check(mut record: TenantRecord, wanted: &Wanted) -> Result<(), Fault> {
    let before = record.settings.clone();
    let schemas = &mut record.settings.schemas;
    schemas.retain(|known| !known.text("/schema/id").eq_ignore_ascii_case(&wanted.urn));
    schemas.push(wanted.definition.clone());
    let checked = Tenant::build(&record).and_then(|tenant| tenant.settings.check_names(&before));
    checked.map_err(|error| refused(error.detail()))
}

/// Looks at a schema, adds it, or removes one.
pub async fn change(ask: &Ask<'_>, tenant: &str, what: &str) -> Result<Done, Fault> {
    let here = of_tenant(tenant, "settings");
    // Also that whoever asks may see the tenant.
    ask.row(AdminRequest::TenantShow { tenant: tenant.to_owned() }).await?;
    let once = |page: Page| Ok(Done::Once(Box::new(page)));
    match what {
        "schema-add-preview" => once(looked(ask, tenant).await?),
        "schema-add" => {
            let record = record(ask, tenant).await?;
            let Wanted { definition, is_known: replace, .. } = wanted(ask, &record)?;
            ask.act(AdminRequest::SchemaAdd { tenant: tenant.to_owned(), definition, replace }).await?;
            Ok(Done::Told(here, "The schema is in force.".to_owned()))
        }
        "schema-ask" => once(confirm(ask, tenant, ask.form.text("schema")).await?),
        "schema-remove" => {
            let schema = ask.form.text("schema").to_owned();
            if ask.form.text("typed") != schema {
                return Err(refused("Nothing was removed: what was typed is not the URN of the schema."));
            }
            let force = ask.form.get("force").is_some();
            ask.act(AdminRequest::SchemaRemove { tenant: tenant.to_owned(), schema, force }).await?;
            Ok(Done::Told(here, "The schema is removed.".to_owned()))
        }
        _ => Err(refused("This form is not known. Load the page again.")),
    }
}

async fn record(ask: &Ask<'_>, tenant: &str) -> Result<TenantRecord, Fault> {
    let access = ask.context().access;
    access.directory().find(tenant).await.map_err(|error| refused(error.to_string()))
}

/// What a definition would add, or what is wrong with it.
async fn looked(ask: &Ask<'_>, tenant: &str) -> Shown {
    let record = record(ask, tenant).await?;
    let page = ask.tenant_page(tenant, "Settings");
    let found = wanted(ask, &record).and_then(|wanted| check(record, &wanted).map(|()| wanted));
    let wanted = found.map_err(|fault| refused(format!("{} Nothing was changed.", sentence(&fault.message))))?;
    let back = Piece::Links(vec![(of_tenant(tenant, "settings"), "Change nothing".to_owned())]);
    let (definition, replace) = (wanted.definition.clone(), wanted.is_known);
    ask.rehearse(&AdminRequest::SchemaAdd { tenant: tenant.to_owned(), definition, replace }).await?;
    let mut table = Table::new(&["Attribute", "Type", "Values", "May be set"], "It has no attributes.");
    for attribute in wanted.definition.list("/schema/attributes") {
        let kind = if attribute.text("/type").is_empty() { "string" } else { attribute.text("/type") };
        table.push(vec![
            Cell::Code(attribute.text("/name").to_owned()),
            Cell::text(kind),
            Cell::text(if attribute.is("/multiValued") { "several" } else { "one" }),
            Cell::text(if attribute.text("/mutability").is_empty() {
                "readWrite"
            } else {
                attribute.text("/mutability")
            }),
        ]);
    }
    let (title, submit) = if wanted.is_known {
        ("It can take the place of the one that is there", "Replace the schema")
    } else {
        ("It can be added", "Add the schema")
    };
    let field = Field::hidden("definition", ask.form.text("definition"));
    let section = Section::new(title)
        .note(wanted.urn)
        .with(table)
        .with(ask.form(action(tenant, "schema-add"), submit, vec![field]))
        .with(back);
    Ok(page.with(section))
}

/// Asks whether a schema is to be removed that can be.
pub async fn confirm(ask: &Ask<'_>, tenant: &str, schema: &str) -> Shown {
    let removal = |force| AdminRequest::SchemaRemove { tenant: tenant.to_owned(), schema: schema.to_owned(), force };
    let switch =
        Field::of(Kind::Switch, "force", "Also while it is used: its values stay stored, and are no longer shown");
    let unforced = ask.rehearse_both(&switch, removal).await?;
    let fields = vec![
        Field::hidden("schema", schema),
        Field::text("typed", "The URN of the schema").hint(format!("Type {schema}.")).required(),
        switch,
    ];
    let mut form = ask.form(action(tenant, "schema-remove"), "Remove the schema", fields);
    form.danger = true;
    let section = unforced.into_iter().fold(Section::new("Remove this schema?"), Section::with);
    let section = section
        .with(form)
        .with(Piece::Links(vec![(of_tenant(tenant, "settings"), "Keep it".to_owned())]))
        .command(command::line(&["schema", "remove", "--tenant", tenant, schema]));
    Ok(ask.tenant_page(tenant, "Settings").with(section))
}
