//! What a tenant makes of its users, by rules: roles, what applications are told, and what is rewritten of what comes in.

use serde_json::Value;

use super::{
    ask::{Ask, Done, Shown, refused, sentence},
    command,
    first::First,
    kind::{GROUPS, USERS},
    mapping,
    path::of_tenant,
    row::Row,
};
use crate::{
    admin::{AccessRequest, AdminRequest, Fault, Role, RoleRequest, RulesRequest},
    web::{Cell, Field, Page, Piece, Section, Table},
};

/// Shows the rules of a tenant.
pub async fn show(ask: &Ask<'_>, tenant: &str) -> Shown {
    let page = ask.tenant_page(tenant, "Roles and mapping").with(roles(ask, tenant).await?);
    let page = page.with(keys(ask, tenant).await?).with(mapping::section(ask, tenant).await?);
    Ok(page.with(preview_form(ask, tenant)))
}

fn rules(tenant: &str, request: RulesRequest) -> AdminRequest {
    AdminRequest::Rules { tenant: tenant.to_owned(), request }
}

async fn roles(ask: &Ask<'_>, tenant: &str) -> Result<Section, Fault> {
    let list = RulesRequest::Role { request: RoleRequest::List, dry_run: false };
    let rows = ask.rows(rules(tenant, list)).await?;
    let empty = "No rules. A rule gives the members of a group a role in your application.";
    let mut table = Table::new(&["Position", "Rule", "Role", "Group", "External id", "State", "Since"], empty);
    for row in &rows {
        // An externalId may be that of several groups.
        let names: Vec<_> = row.list("/displayName").iter().filter_map(Value::as_str).collect();
        let group = match (names.join(", "), row.text("/group")) {
            (name, "") => Cell::from(name),
            (name, id) if name.is_empty() => Cell::link(GROUPS.path(tenant, id), id),
            (name, id) => Cell::link(GROUPS.path(tenant, id), name),
        };
        table.push(vec![
            row.cell("/position"),
            row.cell("/rule"),
            row.cell("/role"),
            group,
            row.cell("/externalId"),
            row.cell("/state"),
            row.time("/since", "–"),
        ]);
    }
    let note = "The first rule that fits a user counts most.";
    Ok(Section::new("Roles").note(note).with(table).command(command::line(&["role", "list", "--tenant", tenant])))
}

async fn keys(ask: &Ask<'_>, tenant: &str) -> Result<Section, Fault> {
    let rows = ask.rows(rules(tenant, RulesRequest::Access(AccessRequest::List))).await?;
    let empty = format!(
        "No keys. A key tells applications an attribute of a user: `{}` makes one.",
        command::line(&["access", "set", "--tenant", tenant, "KEY", "VALUE"])
    );
    let mut table = Table::new(&["Key", "Value"], empty);
    for row in &rows {
        table.push(vec![row.cell("/key"), row.cell("/value")]);
    }
    Ok(Section::new("Attributes that applications are told")
        .with(table)
        .command(command::line(&["access", "list", "--tenant", tenant])))
}

/// A rule as a form says it.
fn wanted(ask: &Ask<'_>) -> Result<RoleRequest, Fault> {
    let get = |name: &str| ask.form.get(name).map(str::to_owned);
    let (name, group) = (get("name"), get("group"));
    let name = name.ok_or_else(|| refused("Give the rule a name."))?;
    Ok(RoleRequest::Set { name, role: get("role"), group, external_id: None, position: None })
}

fn preview_form(ask: &Ask<'_>, tenant: &str) -> Section {
    let fields = vec![
        Field::text("name", "Name of the rule").hint("A new one, or one that is there.").required(),
        Field::text("role", "Role").hint("As your application calls it, such as admin.").required(),
        Field::text("group", "Group").hint("Its displayName or id.").required(),
    ];
    let form = ask.form(of_tenant(tenant, "rules/set-preview"), "Look whose roles would change", fields);
    let words = ["role", "set", "NAME", "--tenant", tenant, "--role", "ROLE", "--group", "GROUP", "--dry-run"];
    Section::new("A rule").note("First it is only shown.").with(form).command(command::line(&words))
}

/// Shows whose roles a rule would change, or sets it.
pub async fn change(ask: &Ask<'_>, tenant: &str, what: &str) -> Result<Done, Fault> {
    if what.starts_with("mapping-") {
        return mapping::change(ask, tenant, what).await;
    }
    let dry_run = what == "set-preview";
    if !dry_run && what != "set" {
        return Err(refused("This form is not known. Load the page again."));
    }
    // Behind the users a preview says how many of all they are.
    let add = |(users, note): &mut (First, String), row: Value| {
        if row.pointer("/id").is_some() {
            users.add(row);
        } else {
            row.text("/note").clone_into(note);
        }
    };
    let request = RulesRequest::Role { request: wanted(ask)?, dry_run };
    let (users, note) = ask.sum(rules(tenant, request), add).await?;
    if dry_run {
        return Ok(Done::Once(Box::new(preview(ask, tenant, &users, &note))));
    }
    Ok(Done::Told(of_tenant(tenant, "rules"), "The rule is set.".to_owned()))
}

fn preview(ask: &Ask<'_>, tenant: &str, users: &First, note: &str) -> Page {
    let mut table = Table::new(&["User", "Before", "After"], "Nobody's roles would change.");
    for row in &users.rows {
        let id = row.text("/id");
        let name = if row.text("/userName").is_empty() { id } else { row.text("/userName") };
        let user = Cell::link(USERS.path(tenant, id), name);
        table.push(vec![user, row.cell("/before"), row.cell("/after")]);
    }
    let mut section = Section::new("Whose roles would change").note(sentence(note));
    if ask.may(Role::Administrator) {
        let fields = ["name", "role", "group"].map(|name| Field::hidden(name, ask.form.text(name)));
        section = section.with(ask.form(of_tenant(tenant, "rules/set"), "Set the rule", fields.to_vec()));
    }
    let back = (of_tenant(tenant, "rules"), "Change nothing".to_owned());
    let [name, role, group] = ["name", "role", "group"].map(|name| ask.form.text(name));
    let mut words = vec!["role", "set", "--", name, "--tenant", tenant];
    let said = [("--role", role), ("--group", group)].into_iter().filter(|(_, value)| !value.is_empty());
    words.extend(said.flat_map(|(flag, value)| [flag, value]));
    words.push("--dry-run");
    let section = users.of(section.with(Piece::Links(vec![back])).with(table), command::line(&words));
    ask.tenant_page(tenant, "Roles and mapping").with(section)
}
