//! What an event means as security event tokens: the event URIs of RFC 9967 and CAEP 1.0, and their payloads.

use serde_json::{Map, Value, json};

use crate::{
    event::{Action, Deed, Event, Json, Membership, Values},
    operation::deferred::REQUEST,
    render::etag,
    stream::{COMPLETED, Notice, Part, SESSION_REVOKED, Stream, Tells},
    tenant::Tenant,
};

const FEED: &str = "urn:ietf:params:scim:event:feed:";
const PROVISIONING: &str = "urn:ietf:params:scim:event:prov:";
const OF_STREAMS: &str = "https://schemas.openid.net/secevent/ssf/event-type/";

/// Who tells, and over what.
pub struct Issuer<'a> {
    /// `iss`: the URL that identifies the transmitter of the tenant.
    pub url: &'a str,
    /// The tenant.
    pub tenant: &'a Tenant,
    /// The stream.
    pub stream: &'a Stream,
}

/// A token that is not signed yet.
pub struct Claims {
    /// Which it is.
    pub part: Part,
    /// `jti`
    pub id: String,
    /// What is signed.
    pub json: Value,
}

/// `aud`: the stream, as the transmitter calls it (RFC 9967 §2.3).
pub fn audience(issuer: &str, stream: &Stream) -> String {
    format!("{issuer}/ssf/v1/streams?stream_id={}", stream.id)
}

/// How tokens name a resource (RFC 9967 §2.1).
pub fn subject(endpoint: &str, id: &str, external_id: Option<Value>) -> Value {
    let mut subject = json!({"format": "scim", "uri": format!("{endpoint}/{id}"), "id": id});
    if let Some(external_id) = external_id {
        subject["externalId"] = external_id;
    }
    subject
}

impl Issuer<'_> {
    /// The tokens about an event, with those of the wanted URIs that fit. What RFC 9967 has stands in one; the end of
    /// sessions in one of its own, because a token of SSF has one event (SSF 1.0 §4.2.1).
    pub fn of_event(&self, event: &Event, wanted: &[&str]) -> Vec<Claims> {
        let Self { tenant, stream, .. } = *self;
        if event.deed == Some(Deed::RequestCompleted) && wanted.contains(&COMPLETED) {
            let part = Part(event.sequence, 0);
            let id = stream.jti(part);
            let claims = completion(event, self.url, &audience(self.url, stream), &id);
            return claims.map(|json| Claims { part, id, json }).into_iter().collect();
        }
        let endpoint = tenant.endpoints.iter().find(|(name, _)| name.as_str() == event.resource_type);
        let Some((_, endpoint)) = endpoint.filter(|_| event.deed.is_none() && !stream.removed.contains(&event.target))
        else {
            return Vec::new();
        };
        let subject = subject(endpoint, &event.target.to_string(), event.external_id.as_ref().and_then(value));
        let ended = if wanted.contains(&SESSION_REVOKED) { session_revoked(event) } else { None };
        let session = json!({"format": "complex", "user": &subject});
        let both = [(subject, happened(event, tenant, wanted)), (session, ended.unwrap_or_default())];
        let tokens = both.into_iter().enumerate().filter(|(_, (_, events))| !events.is_empty());
        let claims = tokens.map(|(at, (subject, events))| {
            let part = Part(event.sequence, u8::try_from(at).unwrap_or_default());
            let id = stream.jti(part);
            let mut json = self.claims(&id, event.at, &subject, &events);
            json["txn"] = if event.request.is_empty() { id.as_str() } else { event.request.as_str() }.into();
            Claims { part, id, json }
        });
        claims.collect()
    }

    /// The token of a notice about the stream; nothing when it is not wanted.
    pub fn of_notice(&self, notice: &Notice, wanted: &[&str]) -> Option<(String, Value)> {
        let stream = json!({"format": "opaque", "id": self.stream.id.to_string()});
        let (uri, subject, payload) = match &notice.tells {
            Tells::Verification(None) => (format!("{OF_STREAMS}verification"), stream, json!({})),
            Tells::Verification(Some(state)) => (format!("{OF_STREAMS}verification"), stream, json!({"state": state})),
            Tells::Updated(status, reason) => {
                (format!("{OF_STREAMS}stream-updated"), stream, json!({"status": status, "reason": reason}))
            }
            Tells::Added(subject) => (format!("{FEED}add"), subject.clone(), json!({})),
            Tells::Removed(subject) => (format!("{FEED}remove"), subject.clone(), json!({})),
        };
        let id = format!("v-{}", notice.id);
        let is_told = uri.starts_with(OF_STREAMS) || wanted.contains(&uri.as_str());
        is_told.then(|| {
            let events = [(uri, payload)].into_iter().collect();
            let claims = self.claims(&id, notice.at, &subject, &events);
            (id, claims)
        })
    }

    fn claims(&self, jti: &str, at: i64, subject: &Value, events: &Map<String, Value>) -> Value {
        json!({
            "iss": self.url,
            "aud": audience(self.url, self.stream),
            "iat": at.div_euclid(1000),
            "jti": jti,
            "sub_id": subject,
            "events": events,
        })
    }
}

/// The claims about the completion of a request (RFC 9967 §2.5.1.3): its result, as a bulk response has it.
pub fn completion(event: &Event, issuer: &str, audience: &str, jti: &str) -> Option<Value> {
    let told = value(&event.values.as_ref()?.document)?;
    let mut subject = json!({"format": "scim", "uri": told["uri"]});
    if event.resource_type != REQUEST {
        subject["id"] = event.target.to_string().into();
    }
    Some(json!({
        "iss": issuer,
        "aud": audience,
        "iat": event.at.div_euclid(1000),
        "jti": jti,
        "txn": event.request,
        "sub_id": subject,
        "events": {COMPLETED: told["operation"]},
    }))
}

/// That somebody's sessions have ended: who is deactivated or deleted has none (CAEP 1.0 §3.1).
fn session_revoked(event: &Event) -> Option<Map<String, Value>> {
    let is_gone = event.action == Action::Delete && event.resource_type == "User";
    if event.active != Some(false) && !is_gone {
        return None;
    }
    let by = if event.actor_type() == "administrator" { "admin" } else { "system" };
    let payload = json!({"event_timestamp": event.at.div_euclid(1000), "initiating_entity": by});
    Some([(SESSION_REVOKED.to_owned(), payload)].into_iter().collect())
}

/// What happened, by the event URIs of RFC 9967 §2.4. Of two forms the full one is told, if it is wanted and the values
/// are there; a receiver that wants no other is told the notice where they are not, rather than nothing.
fn happened(event: &Event, tenant: &Tenant, wanted: &[&str]) -> Map<String, Value> {
    let mut events = Map::new();
    let mut add = |name: &str, payload: Value| {
        let uri = format!("{PROVISIONING}{name}");
        if wanted.contains(&uri.as_str()) {
            events.insert(uri, payload);
        }
    };
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
    match event.active {
        Some(true) => add("activate", json!({"version": version})),
        Some(false) => add("deactivate", json!({"version": version})),
        None => {}
    }
    let (full, notice) = (format!("{PROVISIONING}{verb}:full"), format!("{PROVISIONING}{verb}:notice"));
    let (wants_full, wants_notice) = (wanted.contains(&full.as_str()), wanted.contains(&notice.as_str()));
    let values = event.values.as_deref().filter(|_| wants_full && tenant.settings.tells_values());
    let data =
        if verb == "patch" { operations(event, values) } else { values.and_then(|values| value(&values.document)) };
    if let (Some(data), true) = (data, wants_full) {
        events.shift_insert(0, full, json!({"version": version, "data": data}));
    } else if wants_full || wants_notice {
        events.shift_insert(0, notice, json!({"version": version, "attributes": event.attributes}));
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
