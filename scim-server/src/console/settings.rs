//! What is set for a tenant, and how it is changed, disabled and deleted.

use serde_json::{Map, Value};

use super::{
    BASE,
    ask::{Ask, Done, Shown, refused, why},
    command,
    path::of_tenant,
    row::{Row, thousands},
    schemas, settings_form,
    shown::{self, WAS, mark},
};
use crate::{
    admin::{AdminRequest, Fault, Role},
    web::{Cell, Facts, Field, Kind, Piece, Section, Tone},
};

/// Shows what is set for a tenant.
pub async fn show(ask: &Ask<'_>, tenant: &str) -> Shown {
    let row = ask.row(AdminRequest::TenantShow { tenant: tenant.to_owned() }).await?;
    let state = if row.is("/disabled") { (Tone::Bad, "disabled: it answers 403") } else { (Tone::Good, "open") };
    let facts = Facts::default()
        .with("Id", Cell::Copy(row.text("/tenant_id").to_owned()))
        .with("State", Cell::Badge(state.0, state.1.to_owned()))
        .with("Profile", row.cell("/profile"))
        .with("Who may change users and groups", row.cell("/source"))
        .with("Made", row.time("/created", "–"))
        .with("Users", thousands(row.number("/users")))
        .with("Groups", thousands(row.number("/groups")));
    let shown = command::line(&["tenant", "show", tenant]);
    let settings = row.pointer("/settings").cloned().unwrap_or_default();
    let page = ask.tenant_page(tenant, "Settings").with(Section::new("Tenant").with(facts).command(shown));
    let page = page.with(schemas::section(ask, tenant, &settings));
    if !ask.may(Role::Administrator) {
        return Ok(page.with(Section::new("Settings").with(Piece::json(&settings))));
    }
    let page = page.with(settings_form::section(ask, tenant, &settings));
    Ok(page
        .with(editor(ask, tenant, &settings))
        .with(ends(ask, tenant, row.is("/disabled")))
        .with(deletion(ask, tenant).await))
}

/// The settings as JSON, to be changed. What was refused is kept, beside what is in force.
fn editor(ask: &Ask<'_>, tenant: &str, settings: &Value) -> Section {
    let action = of_tenant(tenant, "settings/set");
    let is_refused = ask.refusal(&action).is_some();
    let known = serde_json::to_string_pretty(settings).unwrap_or_default();
    let field = Field::of(Kind::Area, "settings", "Settings (JSON)").value(known);
    let field = field.hint("Only what is written here is changed; null takes a setting back to its default.");
    let fields = vec![field, Field::hidden(WAS, mark(settings))];
    let mut section = Section::new("Settings").with(ask.form(action, "Save", fields));
    if is_refused {
        section = section.with(Piece::Text("In force are:".to_owned())).with(Piece::json(settings));
    }
    section.command(command::line(&["tenant", "set", tenant, "--settings", "FILE"]))
}

fn ends(ask: &Ask<'_>, tenant: &str, disabled: bool) -> Section {
    let (what, label, note) = if disabled {
        ("enable", "Enable the tenant", "The provider is answered again.")
    } else {
        (
            "disable",
            "Disable the tenant",
            "Every request is answered with 403 until it is enabled again. Nothing is lost.",
        )
    };
    let mut form = ask.form(of_tenant(tenant, &format!("settings/{what}")), label, Vec::new());
    form.danger = !disabled;
    Section::new(label).note(note).with(form).command(command::line(&["tenant", what, tenant]))
}

/// What deletes the tenant.
fn request(tenant: &str, force: bool) -> AdminRequest {
    AdminRequest::TenantDelete { tenant: tenant.to_owned(), force, dry_run: false }
}

/// The form that deletes the tenant, or why it would be refused.
async fn deletion(ask: &Ask<'_>, tenant: &str) -> Section {
    let section = Section::new("Delete the tenant");
    let switch = Field::of(Kind::Switch, "force", "Also if it has live tokens: a provider may be using it");
    let unforced = match ask.rehearse_both(&switch, |force| request(tenant, force)).await {
        Ok(unforced) => unforced,
        Err(fault) => return section.with(Piece::Notice(Tone::Warn, why(&fault, &[]))),
    };
    let hint = format!("Type {tenant}. Its users, groups, tokens and log go for good.");
    let fields = vec![Field::text("typed", "The name of the tenant").hint(hint).required(), switch];
    let mut form = ask.form(of_tenant(tenant, "settings/delete"), "Delete the tenant", fields);
    form.danger = true;
    let section = unforced.into_iter().fold(section, Section::with).with(form);
    section.command(command::line(&["tenant", "delete", tenant]))
}

fn written(ask: &Ask<'_>) -> Result<Map<String, Value>, Fault> {
    match ask.form.json("settings").map_err(|why| refused(format!("{why}. Nothing was changed.")))? {
        Value::Object(settings) => Ok(settings),
        _ => Err(refused("The settings must be a JSON object: { … }. Nothing was changed.")),
    }
}

/// Saves what a form says, if what it showed is still in force: else it would take back what somebody else has saved.
async fn save(ask: &Ask<'_>, tenant: String, is_json: bool) -> Result<(), Fault> {
    let row = ask.row(AdminRequest::TenantShow { tenant: tenant.clone() }).await?;
    let known = row.pointer("/settings").cloned().unwrap_or_default();
    let (settings, shown) =
        if is_json { (written(ask)?, known) } else { (settings_form::wanted(ask)?, settings_form::shown(&known)) };
    shown::check(
        &ask.form,
        &shown,
        "Somebody has changed the settings since this page was loaded, and nothing was saved. What you typed is kept, and what is in force stands beside it: compare them, and save again.",
    )?;
    ask.act(AdminRequest::TenantSet { tenant, settings, force: false }).await.map(drop)
}

/// Changes the settings, disables, enables or deletes.
pub async fn change(ask: &Ask<'_>, tenant: &str, what: &str) -> Result<Done, Fault> {
    let (name, here) = (tenant.to_owned(), of_tenant(tenant, "settings"));
    match what {
        "set" | "form" => {
            save(ask, name, what == "set").await?;
            Ok(Done::Told(here, "The settings are saved, and in force.".to_owned()))
        }
        schema if schema.starts_with("schema-") => schemas::change(ask, tenant, schema).await,
        "disable" | "enable" => {
            ask.act(AdminRequest::TenantDisable { tenant: name, disabled: what == "disable" }).await?;
            let done = if what == "disable" { "The tenant is disabled." } else { "The tenant is enabled." };
            Ok(Done::Told(here, done.to_owned()))
        }
        "delete" => {
            if ask.form.text("typed") != tenant {
                return Err(refused("Nothing was deleted: what was typed is not the name of the tenant."));
            }
            let force = ask.form.get("force").is_some();
            ask.act(request(tenant, force)).await?;
            Ok(Done::Told(BASE.to_owned(), format!("The tenant {tenant} is deleted.")))
        }
        _ => Err(refused("This form is not known. Load the page again.")),
    }
}
