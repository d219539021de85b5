//! The page about the types of events: the tables that the program tells them by, and an example of each.

use std::{collections::BTreeMap, fmt::Write as _};

use scim_protocol::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    event::{ADMIN, ADMINISTRATION, Action, Change, Deed, Event, Json, Membership, SERVER, Values},
    operation::feed::{HAPPENINGS, Shown, type_of},
    store::{ResourceId, TenantId},
    tenant::{Settings, Tenant, TenantRecord},
};

/// When the examples happen.
const AT: i64 = 1_795_856_400_000;

/// The page as Markdown.
pub(super) fn page() -> String {
    let mut text = String::from(
        "# Types of events\n\n\
         <!-- Made by `scim-server reference events`; a test compares it. -->\n\n\
         What the members of an event mean is in [the guide](../guide/events.md).\n\n\
         ## Resources\n\n\
         Each resource type has these under its name in lower case: `scim.user.created`, `scim.group.created`, and those\n\
         of your own. Beside them there is `scim.user.present` …, with which a consumer is told the state that it begins with.\n\n\
         | type | when |\n| --- | --- |\n",
    );
    for (what, when) in HAPPENINGS {
        let of = if what == "membership.changed" { "group" } else { "user" };
        let _ = writeln!(text, "| `scim.{of}.{what}` | {when} |");
    }
    text.push_str("\n## Administration\n\n| type | when |\n| --- | --- |\n");
    for (_, name, when) in ADMINISTRATION {
        let _ = writeln!(text, "| `{name}` | {when} |");
    }
    text.push_str("\n## Examples\n");
    for (what, _) in HAPPENINGS {
        example(&mut text, &happened(what));
    }
    for (deed, ..) in ADMINISTRATION {
        let kind = deed.name().split('.').next().unwrap_or_default();
        let kind = if matches!(kind, "access" | "mapping" | "schema" | "provisioning") { "tenant" } else { kind };
        let kind: String = kind.split('-').map(capitalized).collect();
        let by_itself = matches!(
            deed,
            Deed::ProvisioningResumed
                | Deed::ProvisioningSilent
                | Deed::TokenExpired
                | Deed::TokenExpiring
                | Deed::TokenLimited
                | Deed::WebhookDisabled
        );
        let event = Event::new(Action::Administer, if by_itself { SERVER } else { ADMIN }, &kind, id(9));
        example(&mut text, &Event { deed: Some(*deed), sequence: 21, at: AT, ..event });
    }
    text
}

fn example(text: &mut String, event: &Event) {
    let record = TenantRecord::new(TenantId(Uuid::from_u128(1)), "acme", Settings::default(), Timestamp::default());
    let mut shown = Tenant::build(&record).map(|tenant| json!(Shown::new(event, &tenant))).unwrap_or_default();
    if event.deed.is_some_and(Deed::is_of_server) {
        shown.as_object_mut().map(|members| members.shift_remove("tenant"));
    }
    let _ = write!(text, "\n### {}\n\n```json\n{shown:#}\n```\n", type_of(event));
}

fn capitalized(word: &str) -> String {
    word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default()
}

fn id(number: u128) -> ResourceId {
    ResourceId(Uuid::from_u128(number))
}

fn raw(value: &Value) -> Option<Json> {
    Json::of(value)
}

/// An example of what can happen to a resource.
fn happened(what: &str) -> Event {
    let token = "00000000-0000-0000-0000-000000000007";
    let action = match what {
        "created" => Action::Create,
        "deleted" => Action::Delete,
        "purged" => Action::Purge,
        _ => Action::Modify,
    };
    let is_group = what == "membership.changed";
    let actor = if what == "purged" { ADMIN } else { token };
    let mut event = Event::new(action, actor, if is_group { "Group" } else { "User" }, id(5));
    (event.sequence, event.at) = (17, AT);
    event.request = if what == "purged" { String::new() } else { id(8).to_string() };
    (event.previous_version, event.version) = match what {
        "created" => (Some(0), 1),
        "deleted" => (Some(2), 0),
        "purged" => (Some(0), 0),
        _ => (Some(1), 2),
    };
    if is_group {
        event.attributes = vec!["members".to_owned()];
        event.members = Some(Box::new(Membership { joined: vec![id(6)], left: Vec::new() }));
        return event;
    }
    let change = match what {
        "updated" => Some(("title", json!("Engineer"), json!("Director"))),
        "deactivated" => Some(("active", json!(true), json!(false))),
        "reactivated" => Some(("active", json!(false), json!(true))),
        _ => None,
    };
    let mut document = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": id(5).to_string(),
        "externalId": "e-1017", "userName": "anna", "title": "Engineer", "active": true});
    let mut values = Values { document: Json::of(&document).unwrap_or_default(), changes: BTreeMap::new() };
    if let Some((path, before, after)) = change {
        event.attributes = vec![path.to_owned()];
        event.active = after.as_bool();
        document[path] = after.clone();
        values.changes.insert(path.to_owned(), Change { before: raw(&before), after: raw(&after) });
        values.document = Json::of(&document).unwrap_or_default();
    }
    if what == "created" {
        event.attributes = ["schemas", "externalId", "userName", "title", "active"].map(str::to_owned).to_vec();
    }
    if what != "purged" {
        event.external_id = raw(&json!("e-1017"));
        event.values = Some(Box::new(values));
    }
    event
}
