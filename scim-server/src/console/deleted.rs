//! What was deleted and can be restored: all of it, and one as the page that it had shows it.

use serde_json::Value;

use super::{
    ask::{Ask, Done, Shown, refused},
    command, history,
    kind::{GROUPS, People, USERS},
    path::of_tenant,
    row::Row,
};
use crate::{
    admin::{AdminRequest, BrowseRequest, DeletedRequest, Fault, Role},
    web::{Button, Cell, Facts, Page, Section, Table, Tone},
};

/// Shows the deleted users and groups of a tenant.
pub async fn show(ask: &Ask<'_>, tenant: &str) -> Shown {
    let mut page = ask.tenant_page(tenant, "Deleted");
    for people in [&USERS, &GROUPS] {
        page = page.with(of_kind(ask, tenant, people).await?);
    }
    Ok(page)
}

async fn of_kind(ask: &Ask<'_>, tenant: &str, people: &People) -> Result<Section, Fault> {
    let parameter = format!("after-{}", people.part);
    let request = BrowseRequest::Deleted {
        tenant: tenant.to_owned(),
        resource_type: people.resource_type.to_owned(),
        after: ask.query.get(&parameter).map(str::to_owned),
    };
    let mut rows = ask.rows(AdminRequest::Browse { request }).await?;
    let end = rows.pop().unwrap_or_default();
    let empty = format!(
        "No deleted {}s. One that is deleted can be restored here, for the time that the setting restore_window says.",
        people.word
    );
    let mut table = Table::new(&["Name", "Deleted", "By", "Kept until", ""], empty);
    let here = of_tenant(tenant, "deleted");
    for row in &rows {
        let id = row.text("/id");
        table.push(vec![
            Cell::link(people.path(tenant, id), people.called(row, id)),
            row.time("/deleted", "–"),
            row.cell("/actor_name"),
            row.time("/until", "–"),
            if ask.may(Role::Operator) { Cell::Button(button(ask, tenant, people, id)) } else { Cell::Empty },
        ]);
    }
    if let Some(next) = end.pointer("/next").and_then(Value::as_str).filter(|_| !rows.is_empty()) {
        table.more = Some((format!("{here}?{parameter}={next}"), "Next page".to_owned()));
    }
    let mut section = Section::new(people.title).with(table);
    section = section.command(command::line(&[people.word, "deleted", "--tenant", tenant]));
    if !rows.is_empty() && ask.may(Role::Operator) {
        section = section.command(command::line(&[people.word, "restore", "--tenant", tenant, "ID"]));
    }
    Ok(section)
}

/// The button that restores one.
fn button(ask: &Ask<'_>, tenant: &str, people: &People, id: &str) -> Button {
    let fields = [("kind", people.part), ("id", id)];
    ask.button(of_tenant(tenant, "deleted"), "Restore", Tone::Plain, &fields)
}

/// Shows one, where links still lead that were made before it was deleted. Nothing of one that is not kept.
pub async fn one(ask: &Ask<'_>, tenant: &str, people: &People, id: &str) -> Result<Option<Page>, Fault> {
    let (tenant_name, resource_type) = (tenant.to_owned(), people.resource_type.to_owned());
    let request = BrowseRequest::Kept { tenant: tenant_name, resource_type, id: id.to_owned() };
    let row = match ask.row(AdminRequest::Browse { request }).await {
        Err(fault) if fault.status == 404 => return Ok(None),
        row => row?,
    };
    let mut page = ask.tenant_page(tenant, "Deleted");
    people.called(&row, id).clone_into(&mut page.title);
    page.subtitle = format!("deleted {} of {tenant}", people.word);
    let mut facts = Facts::default()
        .with("Id", Cell::Copy(row.text("/id").to_owned()))
        .with("External id", row.cell("/externalId"))
        .with("Deleted", row.time("/deleted", "–"))
        .with("By", row.cell("/actor_name"))
        .with("Kept until", row.time("/until", "the brake is decided on"));
    let mut section = Section::new("Deleted");
    if ask.may(Role::Operator) {
        facts = facts.with("Bring it back", Cell::Button(button(ask, tenant, people, id)));
        section = section.with(facts).command(command::line(&[people.word, "restore", "--tenant", tenant, id]));
    } else {
        section = section.with(facts).command(command::line(&[people.word, "deleted", "--tenant", tenant]));
    }
    Ok(Some(page.with(section).with(history::of_resource(ask, tenant, id, &people.path(tenant, id)).await?)))
}

/// Restores one.
pub async fn restore(ask: &Ask<'_>, tenant: &str) -> Result<Done, Fault> {
    let people = [&USERS, &GROUPS].into_iter().find(|people| people.part == ask.form.text("kind"));
    let people = people.ok_or_else(|| refused("This form is not known. Load the page again."))?;
    let id = ask.form.text("id").to_owned();
    let request = DeletedRequest::Restore { id: id.clone() };
    let (tenant_name, resource_type) = (tenant.to_owned(), people.resource_type.to_owned());
    ask.act(AdminRequest::Deleted { tenant: tenant_name, resource_type, request }).await?;
    Ok(Done::Told(people.path(tenant, &id), format!("The {} is restored.", people.word)))
}
