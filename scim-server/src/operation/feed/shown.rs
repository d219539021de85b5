//! An event as readers see it: in the feed, at the command line.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Serialize;
use serde_json::{Map, Value};

use super::{super::told, type_of};
use crate::{
    event::{Action, Change, Event, Json, Membership},
    render::etag,
    store::ResourceId,
    tenant::{
        Tenant,
        attributes::USER,
        roles::{GROUP, distinct},
    },
};

/// How many of those are named who were in a group that is deleted.
const NAMED: usize = 1000;

/// An event as readers see it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Event"))]
pub struct Shown<'a> {
    /// Absent of what is told as a part of the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    #[serde(rename = "type")]
    name: String,
    /// When it was committed (RFC 3339).
    time: String,
    /// The tenant's id.
    tenant: String,
    /// The id of the token or OAuth client that did it, `admin`, `admin:` and an administrator's name, `setup-link:` and
    /// the name of a link, or `server`.
    actor: &'a str,
    /// `token`, `client`, `administrator`, `setup-link` or `server`.
    actor_type: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    request: &'a str,
    resource: Subject<'a>,
    /// The attributes that changed, by path.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    attributes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<&'a BTreeMap<String, Change>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Members<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<Map<String, Value>>"))]
    document: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<Access>,
    /// The names of the tenant's rewrites that changed what was sent.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    mapping: &'a [String],
    /// Whether it brought back what was deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    restored: bool,
    /// Whether a POST took it over from another source.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    adopted: bool,
    /// What people call who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_name: Option<&'a str>,
    /// What people call the resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<String>,
}

/// The resource that an event is about.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "EventSubject"))]
struct Subject<'a> {
    #[serde(rename = "type")]
    resource_type: &'a str,
    id: String,
    #[serde(rename = "externalId", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    external_id: Option<&'a Json>,
    /// As in its `meta.version`; absent when it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// The same before; absent when it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_version: Option<String>,
}

/// Who has come and who has gone.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "EventMembers"))]
struct Members<'a> {
    /// How many, together.
    count: usize,
    joined: &'a [ResourceId],
    /// Of a group that is deleted, 1000 at most.
    left: &'a [ResourceId],
}

impl<'a> Members<'a> {
    fn of(Membership { joined, left }: &'a Membership, action: Action) -> Self {
        let count = joined.len() + left.len();
        // With the group its members are gone, too: whoever keeps a copy does not need to know each of them.
        let named = if action == Action::Delete { NAMED } else { left.len() };
        Self { count, joined, left: left.get(..named).unwrap_or(left) }
    }
}

/// What the application's policies make of the resource as it is afterwards, by the keys that the tenant has now.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "EventAccess"))]
struct Access {
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<BTreeMap<String, String>>,
    /// What the members of a group have because of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
}

impl Access {
    fn of(event: &Event, document: Option<&Json>, tenant: &Tenant) -> Option<Self> {
        match event.resource_type.as_str() {
            USER => Self::of_user(event, document, tenant),
            GROUP => Self::of_group(event, tenant),
            _ => None,
        }
    }

    /// Of a user that is there afterwards, if the event has its values.
    fn of_user(event: &Event, document: Option<&Json>, tenant: &Tenant) -> Option<Self> {
        let keys = &tenant.access_attributes;
        if keys.is_empty() || matches!(event.action, Action::Delete | Action::Purge) {
            return None;
        }
        let document: Map<String, Value> = serde_json::from_str(document?.text()).ok()?;
        let owned = |(key, value): (&str, Cow<'_, str>)| (key.to_owned(), value.into_owned());
        Some(Self { attributes: Some(keys.resolve(&document).into_iter().map(owned).collect()), roles: Vec::new() })
    }

    /// Of a group that a rule names, or named before its `externalId` changed.
    fn of_group(event: &Event, tenant: &Tenant) -> Option<Self> {
        let rules = tenant.settings.roles.as_ref()?;
        let text = |json: Option<&Json>| json.and_then(|json| serde_json::from_str::<String>(json.text()).ok());
        // In events of earlier versions only the values tell it.
        let told = || changes(event).and_then(|changes| changes.get("externalId")?.before.as_ref());
        let external = [text(event.external_id.as_ref()), text(event.former_external_id.as_ref().or_else(told))];
        let roles = external.iter().flat_map(|external| rules.of_group(event.target, external.as_deref()));
        let roles: Vec<_> = distinct(roles).into_iter().map(str::to_owned).collect();
        (!roles.is_empty()).then_some(Self { attributes: None, roles })
    }
}

/// What changed of what readers know: who returns is new to them, and who is deleted is gone.
fn changes(event: &Event) -> Option<&BTreeMap<String, Change>> {
    let has_changed = matches!(event.action, Action::Replace | Action::Modify);
    event.values.as_deref().filter(|_| has_changed).map(|values| &values.changes)
}

impl<'a> Shown<'a> {
    /// The same for people: with the name of the actor, and that of the resource where the event holds it.
    pub fn named(self, actor_name: Option<&'a str>) -> Self {
        let resource_name = self.document.and_then(told::name);
        Self { actor_name, resource_name, ..self }
    }

    /// An event of a tenant's log. Values are shown if the tenant has them told.
    pub fn new(event: &'a Event, tenant: &Tenant) -> Self {
        let version = |number: Option<u64>| number.filter(|number| *number > 0).map(etag);
        let values = event.values.as_deref().filter(|_| tenant.settings.tells_values());
        let members = event.members.as_deref().map(|moves| Members::of(moves, event.action));
        Self {
            sequence: Some(event.sequence).filter(|number| *number > 0),
            name: type_of(event),
            time: event.at().to_string(),
            tenant: tenant.id.to_string(),
            actor: &event.actor,
            actor_type: event.actor_type(),
            request: &event.request,
            resource: Subject {
                resource_type: &event.resource_type,
                id: event.target.to_string(),
                external_id: event.external_id.as_ref(),
                version: version(Some(event.version)),
                previous_version: version(event.previous_version),
            },
            attributes: &event.attributes,
            changes: values.and_then(|_| changes(event)).filter(|changes| !changes.is_empty()),
            members,
            document: values.map(|values| &values.document),
            access: Access::of(event, values.map(|values| &values.document), tenant),
            mapping: &event.mapping,
            restored: event.restored,
            adopted: event.adopted,
            actor_name: None,
            resource_name: None,
        }
    }
}
