//! Roles, for people: the rules of a tenant, and what a change of them would do.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{AdminContext, AdminError, Output, access, provision, resources};
use crate::{
    caller::Caller,
    store::ResourceKey,
    tenant::{
        Settings, TenantRecord,
        roles::{ExternalGroups, GROUP, Roles, Rule, distinct},
    },
};

/// Users that are looked at together.
const PAGE: usize = 1000;

/// What is to be done with the rules of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RoleRequest {
    /// The role of those whom no rule gives one.
    Default {
        /// None when absent.
        role: Option<String>,
    },
    List,
    Remove {
        /// The rule's name.
        name: String,
    },
    /// Makes a rule, or changes what is given.
    Set {
        /// The rule's name.
        name: String,
        role: Option<String>,
        /// The group's id or `displayName`.
        group: Option<String>,
        /// Or its `externalId`.
        external_id: Option<String>,
        /// Its place, from 1; a new rule is the last one when absent.
        position: Option<usize>,
    },
}

impl RoleRequest {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Default { .. } => "role-default",
            Self::List => "role-list",
            Self::Remove { .. } => "role-remove",
            Self::Set { .. } => "role-set",
        }
    }
}

/// Does what a request says, and shows the rules that there are afterwards. With `dry_run`, shows who would have other
/// roles.
pub(super) async fn execute(
    context: &AdminContext,
    tenant: &str,
    mut request: RoleRequest,
    dry_run: bool,
    output: &Output,
) -> Result<(), AdminError> {
    let caller = resources::administrator(context, tenant).await?;
    if let RoleRequest::Set { group: Some(group), .. } = &mut request {
        let found = resources::find(context, &caller, GROUP, group).await?;
        found.get("id").and_then(Value::as_str).unwrap_or_default().clone_into(group);
    }
    let change = |settings: &mut Settings| {
        let before = settings.roles.clone();
        let mut roles = before.clone().unwrap_or_default();
        apply(&mut roles, &request)?;
        roles.note_since(before.as_ref(), context.clock.now());
        settings.roles = (roles != Roles::default()).then_some(roles);
        Ok(())
    };
    if dry_run {
        let mut settings = caller.tenant().settings.clone();
        change(&mut settings)?;
        return preview(context, &caller, &settings.roles.unwrap_or_default(), output).await;
    }
    let record = match request {
        RoleRequest::List => context.directory().find(tenant).await?,
        _ => access::change(context, tenant, &["roles"], change).await?,
    };
    show(context, &record, output).await
}

/// The rules, each with the names of its groups, and a mark where there is none.
async fn show(context: &AdminContext, record: &TenantRecord, output: &Output) -> Result<(), AdminError> {
    let Some(roles) = &record.settings.roles else { return Ok(()) };
    let external = context.operations.external_groups(record.home(), [roles].into_iter()).await?;
    for (position, rule) in (1..).zip(&roles.rules) {
        let Rule { name, role, group, external_id, since } = rule;
        let ids = match (rule.id(), external_id) {
            (Some(id), _) => vec![id],
            (None, external_id) => external_id.as_ref().and_then(|id| external.get(id)).cloned().unwrap_or_default(),
        };
        let mut names = Vec::new();
        for id in ids {
            let key = ResourceKey { tenant: record.home(), resource_type: GROUP.into(), id };
            names.extend(context.store.get(&key).await?.map(|record| record.body.display().to_owned()));
        }
        let state = if names.is_empty() { "no such group" } else { "ok" };
        let row = json!({"position": position, "rule": name, "role": role, "group": group, "externalId": external_id,
            "displayName": names, "state": state, "since": since});
        output.row(&row).await?;
    }
    match &roles.fallback {
        Some(role) => output.row(&json!({"rule": crate::tenant::roles::DEFAULT, "role": role})).await,
        None => Ok(()),
    }
}

fn apply(roles: &mut Roles, request: &RoleRequest) -> Result<(), AdminError> {
    let missing = |name: &str| AdminError::Missing(format!("there is no rule {name:?}; `role list` shows the rules"));
    let place = |roles: &Roles, name: &str| roles.rules.iter().position(|rule| rule.name == name);
    match request {
        RoleRequest::List => {}
        RoleRequest::Default { role: Some(role) } if role.eq_ignore_ascii_case("none") => {
            return Err(AdminError::Invalid(format!(
                "{role:?} would be a role that everybody has whom no rule gives one; `role default --none` takes the default role away"
            )));
        }
        RoleRequest::Default { role } => roles.fallback.clone_from(role),
        RoleRequest::Remove { name } => {
            let at = place(roles, name).ok_or_else(|| missing(name))?;
            roles.rules.remove(at);
        }
        RoleRequest::Set { name, role, group, external_id, position } => {
            let at = place(roles, name);
            let mut rule = match at {
                Some(at) => roles.rules.remove(at),
                None => Rule::named(name),
            };
            rule.role = role.clone().unwrap_or(rule.role);
            if group.is_some() || external_id.is_some() {
                (rule.group, rule.external_id) = (group.clone(), external_id.clone());
            }
            let is_new = at.is_none() && (role.is_none() || rule.group.is_none() && rule.external_id.is_none());
            if is_new {
                return Err(AdminError::Invalid(format!(
                    "the rule {name:?} is new: give it --role, and --group or --external-id"
                )));
            }
            let last = roles.rules.len();
            let to = position.map_or_else(|| at.unwrap_or(last), |position| position.saturating_sub(1)).min(last);
            roles.rules.insert(to, rule);
        }
    }
    Ok(roles.check()?)
}

/// Tells whose roles would change, user by user.
async fn preview(context: &AdminContext, caller: &Caller, after: &Roles, output: &Output) -> Result<(), AdminError> {
    let tenant = caller.tenant();
    let nothing = Roles::default();
    let before = tenant.settings.roles.as_ref().unwrap_or(&nothing);
    let external = context.operations.external_groups(tenant.home, [before, after].into_iter()).await?;
    let of_walk = provision::context(&context.operations, caller);
    let (mut last, mut looked_at, mut changed) = (None, 0, 0);
    loop {
        let page = context.operations.users(&of_walk, last, PAGE).await?;
        for user in page.iter() {
            let roles = |rules| roles_of(user, rules, &external);
            let (was, becomes) = (roles(before), roles(after));
            if was != becomes {
                changed += 1;
                let name = user.document.get("userName");
                output
                    .row(&json!({"id": user.id.to_string(), "userName": name, "before": was, "after": becomes}))
                    .await?;
            }
        }
        looked_at += page.len();
        match page.last() {
            Some(user) if !page.done => last = Some(user.id),
            _ => break,
        }
    }
    output
        .row(&json!({"note": format!("{changed} of {looked_at} user(s) would have other roles; nothing was changed")}))
        .await
}

fn roles_of<'a>(user: &crate::operation::access::Found, rules: &'a Roles, external: &ExternalGroups) -> Vec<&'a str> {
    distinct(user.grants(rules, external).iter().map(|grant| grant.role))
}
