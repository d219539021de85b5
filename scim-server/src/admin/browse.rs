//! What pages show of what is large: a page of users, of members, of what was changed. Each reads a bounded number of
//! records by an index, and never all.

mod named;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::named::Members;
pub use self::named::NAMED;
use super::{
    AdminContext, AdminError, Output, deleted, hand, provision,
    resources::{self, administrator},
};
use crate::{
    event::Event,
    operation::{feed::Shown, restore::Restorable},
    store::{ResourceId, ResourceKey, TenantId, TypeName},
    tenant::Tenant,
};

/// Members, and deleted resources, on a page.
const PAGE: usize = 100;
/// Events of a history on a page.
const SHOWN: usize = 50;
/// Events that one look at a history reads at most: those of one resource may be rare among them.
const LOOK: u64 = 5000;
/// How many events are read at a time.
const EVENTS: usize = 500;

/// What is to be shown. The last row says how it goes on: `next`, `null` at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "what", rename_all = "kebab-case", deny_unknown_fields)]
pub enum BrowseRequest {
    /// Deleted users or groups that can be restored.
    Deleted {
        tenant: String,
        resource_type: String,
        /// Behind this id.
        after: Option<String>,
    },
    /// What was changed, the newest first: in a tenant, or in the server as a whole. What a row is about is `gone` where it
    /// is neither there nor kept; `named` has type and name of that, and of the first who joined or left.
    History {
        /// Its name or id; the server's own log when absent.
        tenant: Option<String>,
        /// Only of this resource, and of its memberships.
        resource: Option<String>,
        /// Before this number.
        before: Option<u64>,
    },
    /// A deleted user or group that can be restored.
    Kept { tenant: String, resource_type: String, id: String },
    /// Direct members of a group.
    Members {
        tenant: String,
        /// Its id.
        group: String,
        /// Behind this id.
        after: Option<String>,
    },
    /// A page of users or groups, without the members of groups.
    Resources {
        tenant: String,
        resource_type: String,
        /// Those that match, as RFC 7644 §3.4.2.2 writes it.
        filter: Option<String>,
        /// As `next` of the page before.
        cursor: Option<String>,
    },
    /// One user or group, without the members of a group.
    Resource { tenant: String, resource_type: String, id: String },
}

impl BrowseRequest {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Deleted { .. } => "browse-deleted",
            Self::History { .. } => "browse-history",
            Self::Kept { .. } => "browse-kept",
            Self::Members { .. } => "browse-members",
            Self::Resource { .. } => "browse-resource",
            Self::Resources { .. } => "browse-resources",
        }
    }

    /// The tenant that it is about; `None` for the server as a whole.
    pub(super) fn tenant(&self) -> Option<&str> {
        match self {
            Self::History { tenant, .. } => tenant.as_deref(),
            Self::Deleted { tenant, .. }
            | Self::Kept { tenant, .. }
            | Self::Members { tenant, .. }
            | Self::Resource { tenant, .. }
            | Self::Resources { tenant, .. } => Some(tenant),
        }
    }
}

/// Shows what is asked for.
pub(super) async fn execute(context: &AdminContext, request: BrowseRequest, output: &Output) -> Result<(), AdminError> {
    match request {
        BrowseRequest::Deleted { tenant, resource_type, after } => {
            deleted::page(context, &tenant, &resource_type, after.as_deref(), PAGE, output).await
        }
        BrowseRequest::History { tenant, resource, before } => {
            history(context, tenant.as_deref(), resource.as_deref(), before, output).await
        }
        BrowseRequest::Kept { tenant, resource_type, id } => {
            deleted::one(context, &tenant, &resource_type, &id, output).await
        }
        BrowseRequest::Members { tenant, group, after } => {
            members(context, &tenant, &group, after.as_deref(), output).await
        }
        BrowseRequest::Resource { tenant, resource_type, id } => {
            let caller = administrator(context, &tenant).await?;
            let mut shown = provision::show_without_members(&context.operations, &caller, &resource_type, &id).await?;
            resources::tell_source(context, &caller, &resource_type, &mut shown).await?;
            if hand::is_locked(context, &caller, &resource_type, &shown).await? {
                shown["meta"]["disabled"] = true.into();
            }
            output.row(&shown).await
        }
        BrowseRequest::Resources { tenant, resource_type, filter, cursor } => {
            let caller = administrator(context, &tenant).await?;
            let (filter, cursor) = (filter.as_deref(), cursor.as_deref());
            let page =
                provision::list_without_members(&context.operations, &caller, &resource_type, filter, cursor).await?;
            for resource in &page.resources {
                output.row(resource).await?;
            }
            output.row(&json!({"next": page.next, "total": page.total})).await
        }
    }
}

/// Shows some members of a group, and how many there are.
async fn members(
    context: &AdminContext,
    tenant: &str,
    group: &str,
    after: Option<&str>,
    output: &Output,
) -> Result<(), AdminError> {
    let caller = administrator(context, tenant).await?;
    let unknown = || AdminError::Refused(format!("there is no group with the id {group:?}"));
    let id = ResourceId::parse(group).ok_or_else(unknown)?;
    let key = ResourceKey { tenant: caller.tenant().home, resource_type: TypeName::from("Group"), id };
    let total = context.store.get(&key).await?.ok_or_else(unknown)?.header.members;
    let page = context.store.members(&key, after.and_then(ResourceId::parse), PAGE, true).await?;
    for member in &page.items {
        let display = String::from_utf8_lossy(&member.display);
        let mut row = json!({"id": member.id, "type": member.resource_type.as_str(), "display": display});
        if display.is_empty() {
            let (tenant, resource_type, id) = (key.tenant, member.resource_type.clone(), member.id);
            let key = ResourceKey { tenant, resource_type, id };
            row["userName"] = user_name(context, &key).await?.into();
        }
        output.row(&row).await?;
    }
    let last = page.items.last().filter(|_| !page.done).map(|member| member.id);
    output.row(&json!({"next": last, "total": total})).await
}

/// What somebody is called whom nothing else names: the `userName`, if there is one.
async fn user_name(context: &AdminContext, key: &ResourceKey) -> Result<Option<String>, AdminError> {
    let Some(record) = context.store.get(key).await? else { return Ok(None) };
    let document: Value = serde_json::from_slice(&record.body.visible).unwrap_or_default();
    Ok(document.get("userName").and_then(Value::as_str).map(str::to_owned))
}

/// Shows the newest events before a number: those of a resource, or all.
async fn history(
    context: &AdminContext,
    tenant: Option<&str>,
    resource: Option<&str>,
    before: Option<u64>,
    output: &Output,
) -> Result<(), AdminError> {
    let built = match tenant {
        Some(tenant) => Some(context.built(tenant).await?),
        None => None,
    };
    let home = built.as_ref().map_or(TenantId::SYSTEM, |tenant| tenant.home);
    let restorable = match &built {
        Some(tenant) => context.operations.restorable(tenant).await?,
        None => Restorable::Nothing,
    };
    let mut members = built.as_deref().map(|tenant| Members::new(context, tenant, restorable));
    let resource = resource.and_then(ResourceId::parse);
    let log = context.store.log(home).await?;
    let mut end = before.map_or(log.newest, |before| log.newest.min(before.saturating_sub(1)));
    let least = end.saturating_sub(LOOK).max(log.oldest.saturating_sub(1));
    let mut shown = 0;
    while end > least && shown < SHOWN {
        let begin = end.saturating_sub(EVENTS as u64).max(least);
        for event in read(context, home, resource, begin, end).await?.iter().rev() {
            end = event.sequence.saturating_sub(1);
            if resource.is_none_or(|resource| is_about(event, resource)) {
                let mut row = view(event, built.as_deref())?;
                if is_gone(context, built.as_deref(), event, restorable).await? {
                    row["gone"] = true.into();
                }
                if let Some(members) = &mut members {
                    row["named"] = members.of(event).await?.into();
                }
                output.row(&row).await?;
                shown += 1;
            }
            if shown == SHOWN {
                break;
            }
        }
        if shown < SHOWN {
            end = begin;
        }
    }
    let next = (end >= log.oldest).then_some(end.saturating_add(1));
    output.row(&json!({"next": next, "oldest": log.oldest, "newest": log.newest})).await
}

/// The events behind a number, up to another; those with the id of a resource in them, if one is given.
async fn read(
    context: &AdminContext,
    home: TenantId,
    resource: Option<ResourceId>,
    begin: u64,
    end: u64,
) -> Result<Vec<Event>, AdminError> {
    let mut events = Vec::new();
    let mut after = begin;
    while after < end {
        if let Some(resource) = resource {
            let look = context.store.events_about(home, resource, after, end).await?;
            after = look.until;
            events.extend(look.events);
            continue;
        }
        let limit = usize::try_from(end - after).unwrap_or(EVENTS);
        let page = context.store.events(home, after, limit).await?;
        let Some(last) = page.last() else { break };
        after = last.sequence;
        events.extend(page);
    }
    Ok(events)
}

/// Whether an event is about a resource of which nothing is left: it is not there, and not kept so that it could be
/// restored.
async fn is_gone(
    context: &AdminContext,
    tenant: Option<&Tenant>,
    event: &Event,
    restorable: Restorable,
) -> Result<bool, AdminError> {
    let is_resource = |tenant: &&Tenant| tenant.registry.resource_type(&event.resource_type).is_some();
    let Some(tenant) = tenant.filter(is_resource) else { return Ok(false) };
    let (resource_type, id) = (TypeName::from(event.resource_type.as_str()), event.target);
    let key = ResourceKey { tenant: tenant.home, resource_type, id };
    if context.store.get(&key).await?.is_some() {
        return Ok(false);
    }
    let kept = context.operations.kept_of(key).await?;
    Ok(!kept.is_some_and(|kept| restorable.has(&kept)))
}

fn is_about(event: &Event, resource: ResourceId) -> bool {
    let members = event.members.as_deref();
    event.target == resource
        || members.is_some_and(|both| both.joined.contains(&resource) || both.left.contains(&resource))
}

/// An event of a tenant as its readers see it; one of the server itself, which has no readers, in the same form.
pub(super) fn view(event: &Event, tenant: Option<&Tenant>) -> Result<Value, AdminError> {
    let failed = |error| AdminError::Refused(format!("an event cannot be shown: {error}"));
    if let Some(tenant) = tenant {
        return serde_json::to_value(Shown::new(event, tenant)).map_err(failed);
    }
    let action = serde_json::to_value(event.action).map_err(failed)?;
    let action = action.as_str().unwrap_or_default();
    let name = event.deed.map_or_else(|| format!("{}.{action}", event.resource_type), |deed| deed.name().to_owned());
    Ok(json!({
        "sequence": event.sequence, "type": name, "time": event.at().to_string(), "actor": event.actor,
        "actor_type": event.actor_type(),
        "resource": {"type": event.resource_type, "id": event.target}, "attributes": event.attributes,
    }))
}
