//! One user or group: what is known of it, who is in it and what it is in, and how it became so.

use serde_json::Value;

use super::{
    ask::{Ask, Done, Shown, refused, why},
    command, deleted, history,
    kind::{GROUPS, People, USERS, active, display},
    path::{self, of_tenant},
    row::{Row, so_many},
    whom::whom,
};
use crate::{
    admin::{AccessRequest, AdminRequest, BrowseRequest, Fault, HandRequest, Role, RulesRequest},
    web::{Cell, Facts, Field, Kind, Page, Piece, Section, Table, Tone, clipped},
};

/// Where a user has the id of the manager (RFC 7643 §4.3).
const MANAGER: &str = "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/manager/value";

/// Shows one.
pub async fn show(ask: &Ask<'_>, tenant: &str, people: &People, id: &str) -> Shown {
    let request = BrowseRequest::Resource {
        tenant: tenant.to_owned(),
        resource_type: people.resource_type.to_owned(),
        id: id.to_owned(),
    };
    let row = match ask.row(AdminRequest::Browse { request }).await {
        // Who was deleted is shown here as long as something of it is kept.
        Err(fault) if fault.status == 404 => return deleted::one(ask, tenant, people, id).await?.ok_or(fault),
        row => row?,
    };
    let name = people.called(&row, id);
    let mut page = ask.tenant_page(tenant, people.title);
    page.title = name.to_owned();
    page.subtitle = format!("{} of {tenant}", people.word);
    let sender = history::actor(ask, tenant, row.text("/meta/source/actor")).await?;
    let manager = match row.text(MANAGER) {
        "" => None,
        id => Some(whom(ask, tenant, &USERS, id).await?),
    };
    page = page.with(facts(tenant, people, &row, sender, manager));
    page = if people.word == "user" {
        page.with(groups_of(tenant, &row)).with(access_of(ask, tenant, id, row.list("/groups")).await?)
    } else {
        page.with(members_of(ask, tenant, id).await?)
    };
    page = page.with(history::of_resource(ask, tenant, id, &people.path(tenant, id)).await?);
    page = page.with(
        Section::new("As SCIM shows it")
            .with(Piece::Folded("JSON".to_owned(), vec![Piece::json(&row)]))
            .command(command::line(&[people.word, "show", "--tenant", tenant, id])),
    );
    if ask.may(Role::Operator) {
        page = changes(ask, page, tenant, people, name, id, &row).await;
    }
    Ok(page)
}

fn facts(tenant: &str, people: &People, row: &Value, sender: Cell, manager: Option<Cell>) -> Section {
    let mut facts = Facts::default();
    if people.word == "user" {
        facts = facts.with("State", active(row)).with("Name", display(row));
        let mails: Vec<_> = row.list("/emails").iter().map(|mail| mail.text("/value").to_owned()).collect();
        facts = facts.with("E-mail", mails.join(", "));
    }
    facts = facts
        .with("Id", Cell::Copy(row.text("/id").to_owned()))
        .with("External id", row.cell("/externalId"))
        .with("Made", row.time("/meta/created", "–"))
        .with("Changed", row.time("/meta/lastModified", "–"))
        .with("Version", row.cell("/meta/version"))
        .with("Requests", Cell::link(path::calls_about(tenant, row.text("/id")), "Calls about it"));
    if row.pointer("/meta/source").is_some() {
        let source = vec![sender, row.time("/meta/source/last_sent", "–")];
        facts = facts.with("Last sent by", Cell::Several(source));
    }
    if let Some(manager) = manager {
        facts = facts.with("Manager", manager);
    }
    Section::new("Facts").with(facts)
}

/// The groups that a user is in.
fn groups_of(tenant: &str, row: &Value) -> Section {
    let mut table = Table::new(
        &["Group", "How"],
        "In no group. The identity provider says who is in which, if it is set to push groups.",
    );
    for group in row.list("/groups") {
        let id = group.text("/value");
        let name = group.text("/display");
        let how = if group.text("/type").is_empty() { "direct" } else { group.text("/type") };
        table.push(vec![Cell::link(GROUPS.path(tenant, id), if name.is_empty() { id } else { name }), how.into()]);
    }
    Section::new("Groups").with(table)
}

/// What applications are told of a user: roles with the groups that give them, and keys.
async fn access_of(ask: &Ask<'_>, tenant: &str, id: &str, groups: &[Value]) -> Result<Section, Fault> {
    let request = RulesRequest::Access(AccessRequest::Show { user: id.to_owned() });
    let row = ask.row(AdminRequest::Rules { tenant: tenant.to_owned(), request }).await?;
    let mut facts = Facts::default().with("Role that counts", row.cell("/role")).with("Roles", row.cell("/roles"));
    for (key, what) in row.pointer("/attributes").and_then(Value::as_object).into_iter().flatten() {
        facts = facts.with(key.clone(), super::row::value(what));
    }
    let empty = "No rule gives this user a role. “Roles and mapping” makes rules.";
    let mut why = Table::new(&["Role", "By the rule", "As a member of", "Since"], empty);
    for grant in row.list("/grants") {
        let id = grant.text("/group");
        let name = groups.iter().find(|group| group.text("/value") == id).map_or("", |group| group.text("/display"));
        let group = match (id, name) {
            ("", _) => Cell::Empty,
            (id, "") => Cell::link(GROUPS.path(tenant, id), id),
            (id, name) => Cell::link(GROUPS.path(tenant, id), name),
        };
        why.push(vec![grant.cell("/role"), grant.cell("/rule"), group, grant.time("/since", "–")]);
    }
    let section = Section::new("Roles and attributes").note("What applications are told of this user, and why.");
    Ok(section.with(facts).with(why).command(command::line(&["access", "show", "--tenant", tenant, id])))
}

/// Who is in a group: a page of them.
async fn members_of(ask: &Ask<'_>, tenant: &str, id: &str) -> Result<Section, Fault> {
    let after = ask.query.get("after").map(str::to_owned);
    let request = BrowseRequest::Members { tenant: tenant.to_owned(), group: id.to_owned(), after };
    let mut rows = ask.rows(AdminRequest::Browse { request }).await?;
    let end = rows.pop().unwrap_or_default();
    let mut table =
        Table::new(&["Member", "Type"], "Nobody is in this group. Members come when the identity provider sends them.");
    for member in &rows {
        let people = if member.text("/type") == "Group" { &GROUPS } else { &USERS };
        let member_id = member.text("/id");
        let name = [member.text("/display"), member.text("/userName"), member_id];
        let name = name.into_iter().find(|name| !name.is_empty()).unwrap_or_default();
        table.push(vec![Cell::link(people.path(tenant, member_id), name), member.cell("/type")]);
    }
    if let Some(next) = end.pointer("/next").and_then(Value::as_str) {
        table.more = Some((format!("{}?after={next}", GROUPS.path(tenant, id)), "Next page".to_owned()));
    }
    let total = so_many(end.number("/total"), "direct member", "direct members");
    Ok(Section::new("Members").note(total).with(table))
}

/// What can be done with it. What would be refused has the reason in the place of its form.
async fn changes(
    ask: &Ask<'_>,
    mut page: Page,
    tenant: &str,
    people: &People,
    name: &str,
    id: &str,
    row: &Value,
) -> Page {
    let here = people.path(tenant, id);
    if people.word == "user" {
        let (what, label, note) = if row.is("/meta/disabled") {
            ("enable", "Enable", "Ends an administrator's disable. Then the provider's word counts again.")
        } else {
            ("disable", "Disable", "Makes the user inactive, whatever the provider says, until it is enabled again.")
        };
        let section = Section::new(label).note(note);
        let section = match ask.rehearse(&switch(tenant, id, what == "disable")).await {
            Ok(()) => {
                let button = ask.button(format!("{here}/{what}"), label, Tone::Plain, &[]);
                section.with(Facts::default().with("This user", Cell::Button(button)))
            }
            Err(fault) => section.with(Piece::Notice(Tone::Warn, why(&fault, &[]))),
        };
        page = page.with(section.command(command::line(&["user", what, "--tenant", tenant, id])));
    }
    page.with(deletion_section(ask, tenant, people, name, id).await)
}

/// What disables a user, or ends that.
fn switch(tenant: &str, id: &str, disabled: bool) -> AdminRequest {
    AdminRequest::Hand { request: HandRequest::Disable { tenant: tenant.to_owned(), name: id.to_owned(), disabled } }
}

/// What deletes one.
fn deletion(tenant: &str, people: &People, id: &str, force: bool) -> AdminRequest {
    let (tenant, resource_type) = (tenant.to_owned(), people.resource_type.to_owned());
    AdminRequest::Delete { tenant, resource_type, name: id.to_owned(), force, dry_run: false }
}

async fn deletion_section(ask: &Ask<'_>, tenant: &str, people: &People, name: &str, id: &str) -> Section {
    let section = Section::new("Delete");
    let switch = Field::of(Kind::Switch, "force", "Also while a provider has a live token: it may send it again");
    let unforced = match ask.rehearse_both(&switch, |force| deletion(tenant, people, id, force)).await {
        Ok(unforced) => unforced,
        Err(fault) => return section.with(Piece::Notice(Tone::Warn, why(&fault, &[]))),
    };
    let (what, typed) = to_type(name, id);
    let hint = format!("Type {typed} to delete it. It can be restored for the time of the tenant's restore_window.");
    let fields = vec![Field::text("typed", what).hint(hint).required(), switch];
    let mut form = ask.form(format!("{}/delete", people.path(tenant, id)), "Delete", fields);
    form.danger = true;
    let section = unforced.into_iter().fold(section, Section::with).with(form);
    section.command(command::line(&[people.word, "delete", "--tenant", tenant, id]))
}

/// Disables, enables or deletes one.
pub async fn change(ask: &Ask<'_>, tenant: &str, people: &People, id: &str, what: &str) -> Result<Done, Fault> {
    let here = people.path(tenant, id);
    if what == "delete" {
        return delete(ask, tenant, people, id).await;
    }
    let disabled = what == "disable";
    if people.word != "user" || !disabled && what != "enable" {
        return Err(refused("This form is not known. Load the page again."));
    }
    ask.act(switch(tenant, id, disabled)).await?;
    let done = if disabled { "The user is disabled." } else { "The provider's word counts again." };
    Ok(Done::Told(here, done.to_owned()))
}

async fn delete(ask: &Ask<'_>, tenant: &str, people: &People, id: &str) -> Result<Done, Fault> {
    let (tenant_name, resource_type) = (tenant.to_owned(), people.resource_type.to_owned());
    let look = BrowseRequest::Resource { tenant: tenant_name, resource_type, id: id.to_owned() };
    let row = ask.row(AdminRequest::Browse { request: look }).await?;
    let name = people.called(&row, id);
    let (what, typed) = to_type(name, id);
    if ask.form.text("typed") != typed {
        return Err(refused(format!("Nothing was deleted: what was typed is not {}.", what.to_lowercase())));
    }
    let force = ask.form.get("force").is_some();
    ask.act(deletion(tenant, people, id, force)).await?;
    Ok(Done::Told(
        of_tenant(tenant, people.part),
        format!("The {} {} is deleted. “Deleted” can restore it.", people.word, clipped(name)),
    ))
}

/// What has to be typed so that one is deleted, and its value: the name; or the id, where nobody can type the name as it is
/// because it has signs that nobody sees, or is longer than what is shown of it.
fn to_type<'n>(name: &'n str, id: &'n str) -> (&'static str, &'n str) {
    if clipped(name) == name.trim() { ("The name", name) } else { ("The id", id) }
}
