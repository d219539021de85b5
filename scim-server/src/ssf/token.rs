//! What an event means as a security event token: the event URIs of RFC 9967 and their payloads.

use scim_protocol::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    event::{Action, Event, Json, Membership, Values},
    render::etag,
    tenant::Tenant,
};

const PROVISIONING: &str = "urn:ietf:params:scim:event:prov:";
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

/// Who issues tokens, and to whom.
pub struct Issuer<'a> {
    /// `iss`: the URL that identifies the transmitter of the tenant.
    pub issuer: &'a str,
    /// `aud`: the stream.
    pub audience: &'a str,
}

impl Issuer<'_> {
    /// The claims about an event, with those of the wanted URIs that fit; `None` when none does. Of two forms the full
    /// one is told, if it is wanted and the tenant has values told.
    pub fn claims(&self, jti: &str, event: &Event, tenant: &Tenant, wanted: &[String]) -> Option<Value> {
        let events = happened(event, tenant, wanted);
        if events.is_empty() {
            return None;
        }
        let (_, endpoint) = tenant.endpoints.iter().find(|(name, _)| name.as_str() == event.resource_type)?;
        let id = event.target.to_string();
        let mut subject = json!({"format": "scim", "uri": format!("{endpoint}/{id}"), "id": id});
        if let Some(external) = event.external_id.as_ref().and_then(value) {
            subject["externalId"] = external;
        }
        let transaction = if event.request.is_empty() { jti } else { event.request.as_str() };
        Some(json!({
            "iss": self.issuer,
            "aud": self.audience,
            "iat": event.at.div_euclid(1000),
            "jti": jti,
            "txn": transaction,
            "sub_id": subject,
            "events": events,
        }))
    }

    /// The claims of a verification, which only says that the stream works (SSF 1.0 §8.1.4.1).
    pub fn verification(&self, jti: &str, stream: &str, state: Option<&str>, now: Timestamp) -> Value {
        let payload = state.map_or_else(|| json!({}), |state| json!({"state": state}));
        json!({
            "iss": self.issuer,
            "aud": self.audience,
            "iat": now.as_millis().div_euclid(1000),
            "jti": jti,
            "sub_id": {"format": "opaque", "id": stream},
            "events": {VERIFICATION: payload},
        })
    }
}

/// What happened, by event URI.
fn happened(event: &Event, tenant: &Tenant, wanted: &[String]) -> Map<String, Value> {
    let mut events = Map::new();
    if event.deed.is_some() {
        return events;
    }
    let mut add = |name: &str, payload: Value| {
        let uri = format!("{PROVISIONING}{name}");
        let is_wanted = wanted.contains(&uri);
        if is_wanted {
            events.insert(uri, payload);
        }
        is_wanted
    };
    let values = event.values.as_deref().filter(|_| tenant.settings.tells_values());
    let version = etag(event.version);
    let verb = match event.action {
        Action::Create => "create",
        Action::Replace => "put",
        Action::Modify => "patch",
        Action::Delete => {
            add("delete", json!({}));
            return events;
        }
        Action::Purge | Action::Administer | Action::Present | Action::Remind => return events,
    };
    let data =
        if verb == "patch" { operations(event, values) } else { values.and_then(|values| value(&values.document)) };
    let is_told = data.is_some_and(|data| add(&format!("{verb}:full"), json!({"version": version, "data": data})));
    if !is_told {
        add(&format!("{verb}:notice"), json!({"version": version, "attributes": event.attributes}));
    }
    match event.active {
        Some(true) => drop(add("activate", json!({"version": version}))),
        Some(false) => drop(add("deactivate", json!({"version": version}))),
        None => {}
    }
    events
}

/// A PATCH that leads from the resource before to the one after.
fn operations(event: &Event, values: Option<&Values>) -> Option<Value> {
    let changes = values.map(|values| &values.changes);
    if changes.is_none() && event.members.is_none() {
        return None;
    }
    let of = |(path, change): (&String, &crate::event::Change)| match change.after.as_ref().and_then(value) {
        Some(after) => json!({"op": "replace", "path": path, "value": after}),
        None => json!({"op": "remove", "path": path}),
    };
    let mut operations: Vec<_> = changes.into_iter().flatten().map(of).collect();
    if let Some(Membership { joined, left }) = event.members.as_deref() {
        if !joined.is_empty() {
            let joined: Vec<_> = joined.iter().map(|id| json!({"value": id.to_string()})).collect();
            operations.push(json!({"op": "add", "path": "members", "value": joined}));
        }
        operations.extend(left.iter().map(|id| json!({"op": "remove", "path": format!("members[value eq \"{id}\"]")})));
    }
    (!operations.is_empty())
        .then(|| json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}))
}

fn value(json: &Json) -> Option<Value> {
    serde_json::from_str(json.text()).ok()
}
