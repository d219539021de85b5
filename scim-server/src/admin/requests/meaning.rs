//! What a call meant, in words.

use serde_json::Value;

use crate::audit::HIDDEN;

/// The most attributes that are named.
const NAMED: usize = 4;

/// What was done, in the two forms that a sentence needs.
struct Deed {
    /// "deactivated"
    past: String,
    /// "deactivate"
    base: String,
    /// To whom.
    object: String,
}

impl Deed {
    fn new(past: &str, base: &str, object: impl Into<String>) -> Self {
        Self { past: past.to_owned(), base: base.to_owned(), object: object.into() }
    }
}

/// The names of operations that are not about resources of a type.
const OTHERS: [(&str, &str, &str, &str); 31] = [
    ("AcknowledgeEvents", "acknowledged", "acknowledge", "events"),
    ("AddStreamSubject", "added", "add", "a subject to the stream"),
    ("CreateConsumer", "created", "create", "a consumer of events"),
    ("CreateStream", "created", "create", "a stream of security events"),
    ("DeleteConsumer", "deleted", "delete", "a consumer of events"),
    ("DeleteStream", "deleted", "delete", "the stream of security events"),
    ("GetAccess", "read", "read", "what an application may know of a user"),
    ("GetAuthorizationServer", "read", "read", "the metadata of the authorization server"),
    ("GetCompletion", "asked", "ask", "what has come of an accepted request"),
    ("GetConsumer", "read", "read", "a consumer of events"),
    ("GetDescription", "read", "read", "the description of the API"),
    ("GetResourceType", "read", "read", "a resource type"),
    ("GetSchema", "read", "read", "a schema"),
    ("GetStream", "read", "read", "the stream of security events"),
    ("GetStreamStatus", "read", "read", "the status of the stream"),
    ("GetTransmitter", "read", "read", "the metadata of the transmitter"),
    ("GetTransmitterKeys", "read", "read", "the keys of the transmitter"),
    ("IntrospectToken", "asked", "ask", "what a token is good for"),
    ("ListAccess", "listed", "list", "what an application may know of users"),
    ("ListConsumers", "listed", "list", "the consumers of events"),
    ("ListResourceTypes", "listed", "list", "the resource types"),
    ("ListSchemas", "listed", "list", "the schemas"),
    ("PollSecurityEvents", "polled", "poll", "security events"),
    ("ReadEvents", "read", "read", "events"),
    ("ReceiveEvents", "received", "receive", "events"),
    ("RemoveStreamSubject", "removed", "remove", "a subject from the stream"),
    ("ServiceProviderConfig", "read", "read", "the features of the server"),
    ("UnknownRequest", "called", "call", "a path that does not exist"),
    ("UpdateStream", "changed", "change", "the stream of security events"),
    ("UpdateStreamStatus", "changed", "change", "the status of the stream"),
    ("VerifyStream", "asked", "ask", "for a verification event"),
];

/// What a call meant. `line` is its record; `whom` names what it was about, where that is known: `jane@example.com`, or
/// an id.
pub(super) fn meaning(line: &Value, status: u16, whom: Option<&str>) -> String {
    let Deed { past, base, object } = deed(line, whom);
    match status {
        202 => format!("asked to {base} {object}, which is done later"),
        304 => format!("{past} {object}, which had not changed"),
        ..400 => format!("{past} {object}"),
        _ => format!("tried to {base} {object}"),
    }
}

fn deed(line: &Value, whom: Option<&str>) -> Deed {
    let event = line.get("eventName").and_then(Value::as_str).unwrap_or_default();
    if let Some((_, past, base, object)) = OTHERS.iter().find(|(name, ..)| *name == event) {
        return Deed::new(past, base, *object);
    }
    let body = line.pointer("/requestParameters/httpBody").unwrap_or(&Value::Null);
    match event {
        "BulkRequest" => return Deed::new("sent", "send", bulk(body)),
        "IssueToken" => return Deed::new("got", "get", "an access token"),
        "RevokeToken" => return Deed::new("gave", "give", "an access token back"),
        "SearchResources" => {
            return Deed::new("searched", "search", format!("users and groups{}", filtered(line, body)));
        }
        _ => {}
    }
    let one = |kind: &str| {
        let kind = kind.to_lowercase();
        whom.map_or_else(|| format!("a {kind}"), |whom| format!("{kind} {whom}"))
    };
    if let Some(kind) = event.strip_prefix("Create") {
        return Deed::new("created", "create", one(kind));
    }
    if let Some(kind) = event.strip_prefix("Get") {
        return Deed::new("read", "read", one(kind));
    }
    if let Some(kinds) = event.strip_prefix("List") {
        let filter = filtered(line, body);
        let object = format!("{}{filter}", kinds.to_lowercase());
        return if filter.is_empty() {
            Deed::new("listed", "list", object)
        } else {
            Deed::new("looked for", "look for", object)
        };
    }
    if let Some(kind) = event.strip_prefix("Put") {
        let inactive = if is_false(body.get("active")) { ", as not active" } else { "" };
        return Deed::new("replaced", "replace", format!("{}{inactive}", one(kind)));
    }
    if let Some(kind) = event.strip_prefix("Patch") {
        return patch(line, body, &one(kind));
    }
    match event.strip_prefix("Delete") {
        Some(kind) => Deed::new("deleted", "delete", one(kind)),
        None => Deed::new("called", "call", event),
    }
}

/// What a filter looks at, if there is one.
fn filtered(line: &Value, body: &Value) -> String {
    let filter = line.pointer("/requestParameters/query/filter").or_else(|| body.get("filter"));
    let filter = filter.and_then(Value::as_str).filter(|filter| !filter.is_empty());
    filter.map_or_else(String::new, |filter| format!(" by {}", filter.replace(HIDDEN, "…")))
}

fn bulk(body: &Value) -> String {
    match count(body.get("Operations")) {
        0 => "operations in bulk".to_owned(),
        1 => "one operation in bulk".to_owned(),
        operations => format!("{operations} operations in bulk"),
    }
}

/// A change that a PATCH made.
#[derive(Default)]
struct Changes {
    added: u64,
    removed: u64,
    /// Members were replaced as a whole.
    replaced: bool,
    /// `active` became this.
    active: Option<bool>,
    attributes: Vec<String>,
}

fn patch(line: &Value, body: &Value, whom: &str) -> Deed {
    let mut changes = Changes::default();
    for operation in body.get("Operations").and_then(Value::as_array).into_iter().flatten() {
        changes.take(operation, line);
    }
    let Changes { added, removed, replaced, active, attributes } = changes;
    if attributes.is_empty() && added + removed == 0 && !replaced {
        match active {
            Some(true) => return Deed::new("activated", "activate", whom),
            Some(false) => return Deed::new("deactivated", "deactivate", whom),
            None => {}
        }
    }
    let members = |count| if count == 1 { "a member".to_owned() } else { format!("{count} members") };
    if attributes.is_empty() && active.is_none() && !replaced {
        match (added, removed) {
            (1.., 0) => return Deed::new("added", "add", format!("{} to {whom}", members(added))),
            (0, 1..) => return Deed::new("removed", "remove", format!("{} from {whom}", members(removed))),
            _ => {}
        }
    }
    let mut what: Vec<String> = attributes.iter().take(NAMED).cloned().collect();
    if attributes.len() > NAMED {
        what.push(format!("{} more", attributes.len() - NAMED));
    }
    if added + removed > 0 || replaced {
        what.push("members".to_owned());
    }
    what.extend(active.map(|active| format!("active ({active})")));
    let what = match what.split_last() {
        None => return Deed::new("changed", "change", whom),
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
    };
    Deed::new("changed", "change", format!("{what} of {whom}"))
}

impl Changes {
    fn take(&mut self, operation: &Value, line: &Value) {
        let text = |name: &str| operation.get(name).and_then(Value::as_str).unwrap_or_default();
        let (op, path) = (text("op").to_ascii_lowercase(), text("path"));
        let value = operation.get("value");
        if path.is_empty() {
            let members = value.and_then(Value::as_object).into_iter().flatten();
            for (name, value) in members {
                self.attribute(&op, name, Some(value), line);
            }
            return;
        }
        self.attribute(&op, path, value, line);
    }

    fn attribute(&mut self, op: &str, path: &str, value: Option<&Value>, line: &Value) {
        if path.eq_ignore_ascii_case("active") {
            // As a text it is hidden; the answer says it.
            let after = line.pointer("/responseElements/active");
            self.active = boolean(value).or_else(|| boolean(after)).or(self.active);
            if self.active.is_none() {
                self.attributes.push("active".to_owned());
            }
            return;
        }
        let is_members = path.split(['[', '.']).next().is_some_and(|name| name.eq_ignore_ascii_case("members"));
        match (is_members, op) {
            (true, "add") => self.added += count(value).max(1),
            (true, "remove") if path.contains('[') || value.is_some() => self.removed += count(value).max(1),
            (true, _) => self.replaced = true,
            (false, _) => {
                let path = path.replace(HIDDEN, "…");
                if !self.attributes.contains(&path) && !path.is_empty() {
                    self.attributes.push(path);
                }
            }
        }
    }
}

fn boolean(value: Option<&Value>) -> Option<bool> {
    match value? {
        Value::Bool(value) => Some(*value),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn is_false(value: Option<&Value>) -> bool {
    boolean(value) == Some(false)
}

/// How many more there were, by what the record has in their place: `and 23 more`.
pub(super) fn left_out(last: &Value) -> Option<u64> {
    last.as_str()?.strip_prefix("and ")?.strip_suffix(" more")?.parse().ok()
}

/// How many elements a list had, of which the record may leave out the last.
fn count(value: Option<&Value>) -> u64 {
    let Some(elements) = value.and_then(Value::as_array) else { return 0 };
    match elements.last().and_then(left_out) {
        Some(more) => elements.len() as u64 - 1 + more,
        None => elements.len() as u64,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(event: &str, status: u16, whom: Option<&str>, parameters: &Value, expect: &str) {
        let line = json!({"eventName": event, "requestParameters": parameters, "responseElements": {"active": false}});
        assert_eq!(meaning(&line, status, whom), expect);
    }

    fn patched(operations: &Value) -> Value {
        json!({"httpBody": {"Operations": operations}})
    }

    #[test]
    fn calls_are_told_in_words() {
        let nothing = json!({});
        check("CreateUser", 201, Some("7"), &nothing, "created user 7");
        check("CreateUser", 409, None, &nothing, "tried to create a user");
        check("GetUser", 304, Some("7"), &nothing, "read user 7, which had not changed");
        check("DeleteGroup", 202, Some("7"), &nothing, "asked to delete group 7, which is done later");
        check("ListUsers", 200, None, &nothing, "listed users");
        let filter = json!({"query": {"filter": format!("userName eq \"{HIDDEN}\"")}});
        check("ListUsers", 200, None, &filter, "looked for users by userName eq \"…\"");
        check("ListSchemas", 401, None, &nothing, "tried to list the schemas");
        check("PutUser", 200, Some("7"), &json!({"httpBody": {"active": false}}), "replaced user 7, as not active");
        let many: Vec<Value> = (0..100).map(|_| json!(1)).chain([json!("and 900 more")]).collect();
        check("BulkRequest", 200, None, &json!({"httpBody": {"Operations": many}}), "sent 1000 operations in bulk");
        check("UnknownRequest", 404, None, &nothing, "tried to call a path that does not exist");
    }

    #[test]
    fn a_patch_is_told_by_what_it_changed() {
        let check = |operations: &Value, expect: &str| check("PatchUser", 200, Some("7"), &patched(operations), expect);
        check(&json!([{"op": "replace", "path": "active", "value": false}]), "deactivated user 7");
        check(&json!([{"op": "Replace", "path": "active", "value": HIDDEN}]), "deactivated user 7");
        check(&json!([{"op": "replace", "value": {"active": true}}]), "activated user 7");
        check(
            &json!([{"op": "replace", "path": "title", "value": HIDDEN}, {"op": "replace", "value": {"active": false}}]),
            "changed title and active (false) of user 7",
        );
        let emails = format!("emails[type eq \"{HIDDEN}\"].value");
        check(
            &json!([{"op": "add", "path": emails, "value": HIDDEN}]),
            "changed emails[type eq \"…\"].value of user 7",
        );
        check(&json!([{"op": "add", "path": "members", "value": [{}, {}, {}]}]), "added 3 members to user 7");
        check(&json!([{"op": "remove", "path": "members[value eq \"x\"]"}]), "removed a member from user 7");
        check(&json!([{"op": "replace", "path": "members", "value": []}]), "changed members of user 7");
        check(&json!(HIDDEN), "changed user 7");
    }
}
