//! An event as readers see it: in the feed, at the command line.

use std::collections::BTreeMap;

use serde::Serialize;

use super::type_of;
use crate::{
    event::{Change, Event, Json, Membership},
    render::etag,
    store::ResourceId,
    tenant::Tenant,
};

/// An event as readers see it.
#[derive(Debug, Serialize)]
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
    /// The id of the token that did it, `admin` or `server`.
    actor: &'a str,
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
    document: Option<&'a Json>,
    /// Whether it brought back what was deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    restored: bool,
}

/// The resource that an event is about.
#[derive(Debug, Serialize)]
struct Subject<'a> {
    #[serde(rename = "type")]
    resource_type: &'a str,
    id: String,
    #[serde(rename = "externalId", skip_serializing_if = "Option::is_none")]
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
struct Members<'a> {
    /// How many, together.
    count: usize,
    joined: &'a [ResourceId],
    left: &'a [ResourceId],
}

impl<'a> Shown<'a> {
    /// An event of a tenant's log. Values are shown if the tenant has them told.
    pub fn new(event: &'a Event, tenant: &Tenant) -> Self {
        let version = |number: Option<u64>| number.filter(|number| *number > 0).map(etag);
        let values = event.values.as_deref().filter(|_| tenant.settings.tells_values());
        let members = event.members.as_deref().map(|Membership { joined, left }| Members {
            count: joined.len() + left.len(),
            joined,
            left,
        });
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
            changes: values.map(|values| &values.changes).filter(|changes| !changes.is_empty()),
            members,
            document: values.map(|values| &values.document),
            restored: event.restored,
        }
    }
}
