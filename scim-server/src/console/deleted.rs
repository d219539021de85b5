//! What was deleted and can be restored.

use serde_json::Value;

use super::{
    ask::{Ask, Done, Shown, refused},
    command,
    kind::{GROUPS, People, USERS},
    path::of_tenant,
    row::Row,
};
use crate::{
    admin::{AdminRequest, BrowseRequest, DeletedRequest, Fault, Role},
    web::{Cell, Section, Table, Tone},
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
        let name = [row.text("/userName"), row.text("/displayName"), row.text("/id")];
        let name = name.into_iter().find(|name| !name.is_empty()).unwrap_or_default();
        let fields = [("kind", people.part), ("id", row.text("/id"))];
        let button = ask.button(here.clone(), "Restore", Tone::Plain, &fields);
        table.push(vec![
            Cell::text(name),
            row.time("/deleted", "–"),
            row.cell("/actor"),
            row.time("/until", "–"),
            if ask.may(Role::Operator) { Cell::Button(button) } else { Cell::Empty },
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
