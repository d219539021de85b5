//! The description, made.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    resource,
    table::{OPERATIONS, Operation, Part},
};
use crate::{
    described::{assert_up_to_date, generator},
    http::{
        handler::{feed, shape::Shape, signals},
        route::route,
    },
    operation::{access, consumer, feed as read},
};

/// Parameters, and the ways to authenticate.
const PARAMETERS: &str = include_str!("parameters.json");
/// Messages that no type of the program and no schema of SCIM is.
const MESSAGES: &str = include_str!("messages.json");

/// Bodies that are checked by a shape.
const SHAPES: &[(&str, &Shape)] = &[
    ("Acknowledgement", &feed::ACKNOWLEDGE),
    ("NewConsumer", &feed::CONSUMER),
    ("PollRequest", &signals::POLLED),
    ("Receive", &feed::RECEIVE),
    ("StreamRequest", &signals::STREAM),
    ("StreamStatusRequest", &signals::STATUS),
    ("SubjectRequest", &signals::SUBJECT),
    ("VerificationRequest", &signals::VERIFY),
];

fn operations() -> impl Iterator<Item = &'static Operation> {
    OPERATIONS.iter().copied().flatten()
}

/// The whole description.
fn description() -> Value {
    let mut paths = Map::new();
    for operation in operations() {
        let methods = paths.entry(operation.path).or_insert_with(|| json!({}));
        methods[operation.method.to_lowercase()] = described(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "scim-server",
            "version": "2.0",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "SCIM 2.0 (RFC 7643, RFC 7644, RFC 9865), OAuth, events and security event tokens of each tenant. Resource types of a tenant's own schemas have the same paths as Users, at their endpoint; its /Schemas describe them. Administration is described on its own listener, at /admin/v1/openapi.json.",
        },
        "servers": [{"url": "/"}],
        "tags": tags(),
        "paths": paths,
        "webhooks": webhooks(),
        "components": components(),
    })
}

fn tags() -> Value {
    [
        (Part::Scim, "Users, groups and what describes them (RFC 7644)."),
        (Part::OAuth, "The authorization server of a tenant (RFC 6749)."),
        (Part::Access, "What applications are told of users."),
        (Part::Events, "What was changed, for applications."),
        (Part::SecurityEvents, "The same as signed tokens (RFC 9967), over streams (SSF 1.0)."),
        (Part::Server, "The server itself."),
    ]
    .map(|(part, about)| json!({"name": part.name(), "description": about}))
    .into_iter()
    .collect()
}

fn components() -> Value {
    let mut components: Value = serde_json::from_str(PARAMETERS).expect("JSON");
    let mut schemas: Map<String, Value> = serde_json::from_str(MESSAGES).expect("JSON");
    let shapes = SHAPES.iter().map(|(name, shape)| ((*name).to_owned(), shape.schema()));
    for (name, schema) in resource::all().into_iter().chain(shapes).chain(of_types()) {
        assert!(schemas.insert(name.clone(), schema).is_none(), "{name} is there twice");
    }
    schemas.insert("WebhookEvent".to_owned(), of_webhooks(&schemas["Event"]));
    schemas.sort_keys();
    components["schemas"] = schemas.into();
    components
}

/// What is sent to the endpoints of applications and receivers.
fn webhooks() -> Value {
    let header = |name: &str, about: &str| json!({"name": name, "in": "header", "required": true, "description": about, "schema": {"type": "string"}});
    let taken = json!({"2XX": {"description": "It was taken."}, "default": {"description": "It is sent again."}});
    let message = json!({
        "operationId": "receiveMessage",
        "tags": [Part::Events.name()],
        "summary": "An event, sent to a webhook; signed as Standard Webhooks 1.0 has it.",
        "security": [],
        "parameters": [
            header("webhook-id", "The `id` of the message."),
            header("webhook-timestamp", "When it is sent, in seconds since 1970."),
            header("webhook-signature", "Signatures, separated by spaces: `v1,…`, `v1a,…`."),
        ],
        "requestBody": {"required": true, "content": content(Part::Events, "WebhookMessage")},
        "responses": taken,
    });
    let token = json!({
        "operationId": "receiveToken",
        "tags": [Part::SecurityEvents.name()],
        "summary": "A security event token, sent to the receiver of a stream (RFC 8935).",
        "security": [],
        "requestBody": {"required": true, "content": {"application/secevent+jwt": {"schema": {"type": "string"}}}},
        "responses": taken,
    });
    json!({"message": {"post": message}, "token": {"post": token}})
}

/// An event as webhooks are told of it, which may be less than the feed has.
fn of_webhooks(event: &Value) -> Value {
    let mut event = event.clone();
    let cut = "Whether the message would be too large, and so has no document, changes and members.";
    event["properties"]["truncated"] = json!({"type": "boolean", "description": cut});
    event["properties"]["url"] = json!({"type": "string", "description": "Where the resource is, if it was cut."});
    event
}

/// The schemas of the types that answers are written from.
fn of_types() -> Map<String, Value> {
    let mut generator = generator();
    generator.subschema_for::<read::ShownPage<'static>>();
    generator.subschema_for::<consumer::ShownBatch<'static>>();
    generator.subschema_for::<consumer::ConsumerView>();
    generator.subschema_for::<access::ShownPage<'static>>();
    generator.take_definitions(true)
}

fn described(operation: &Operation) -> Value {
    let mut parameters: Vec<Value> = names(operation.path)
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    let asked = operation.asks.iter().map(|name| json!({"$ref": format!("#/components/parameters/{name}")}));
    parameters.extend(asked);
    let mut described = json!({
        "operationId": operation.id,
        "tags": [operation.part.name()],
        "summary": operation.summary,
        "security": security(operation),
        "parameters": parameters,
    });
    if let Some(name) = operation.takes {
        let media_type = match operation.part {
            Part::Scim => "application/scim+json",
            Part::OAuth => "application/x-www-form-urlencoded",
            _ => "application/json",
        };
        let content = json!({media_type: {"schema": reference(name)}});
        described["requestBody"] = json!({"required": true, "content": content});
    }
    let answers = operation.gives.iter().map(|(status, name)| (status.to_string(), answer(operation, *status, name)));
    let mut answers: Map<String, Value> = answers.collect();
    answers.insert("default".to_owned(), failure(operation.part));
    described["responses"] = answers.into();
    described
}

fn security(operation: &Operation) -> Value {
    match (operation.part, operation.scope) {
        (_, Some(scope)) => json!([{"token": [scope]}]),
        (Part::OAuth, None) if operation.takes.is_some() => json!([{"client": []}, {}]),
        _ => json!([]),
    }
}

fn answer(operation: &Operation, status: u16, name: &str) -> Value {
    let about = match status {
        201 => "It was made.",
        202 => "It was accepted, and is completed later: `Location` tells what comes of it (RFC 9967 §2.5.1).",
        204 => "It was done, and there is nothing to tell.",
        304 => "It has the version that `If-None-Match` names.",
        _ => "It was done.",
    };
    if name.is_empty() {
        return json!({"description": about});
    }
    if name == "Completion" {
        let token = json!({"schema": {"type": "string"}});
        let content = json!({"application/json": {"schema": reference(name)}, "application/secevent+jwt": token});
        return json!({"description": about, "content": content});
    }
    json!({"description": about, "content": content(operation.part, name)})
}

/// How something that failed is told.
fn failure(part: Part) -> Value {
    let (part, name) = if part == Part::OAuth { (part, "OAuthError") } else { (Part::Scim, "Error") };
    json!({"description": "It was not done: why, and what to change.", "content": content(part, name)})
}

fn content(part: Part, name: &str) -> Value {
    let schema = json!({"schema": reference(name)});
    if part == Part::Scim {
        // The second one if `Accept` prefers it.
        return json!({"application/scim+json": schema, "application/json": schema});
    }
    json!({"application/json": schema})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The parts of a path that have names.
fn names(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// Every reference in a value.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(to)) = members.get("$ref") {
                found.insert(to.clone());
            }
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn references_lead_somewhere_and_nothing_is_left_over() {
    let description = description();
    let mut found = BTreeSet::new();
    references(&description, &mut found);
    for to in &found {
        let there = to.strip_prefix('#').and_then(|pointer| description.pointer(pointer));
        assert!(there.is_some(), "{to} leads nowhere");
    }
    for kind in ["parameters", "schemas"] {
        for name in description["components"][kind].as_object().expect("components").keys() {
            assert!(found.contains(&format!("#/components/{kind}/{name}")), "nothing is a {name}");
        }
    }
}

#[test]
fn each_operation_is_one_that_the_server_has() {
    let mut ids = BTreeSet::new();
    for operation in operations() {
        let path = operation.path.replace(['{', '}'], "");
        let target = route(&path).ok().and_then(|route| route.target.ok());
        let target = target.unwrap_or_else(|| panic!("nothing is served at {}", operation.path));
        assert!(target.require(operation.method).is_ok(), "{} {}", operation.method, operation.path);
        assert!(ids.insert(operation.id), "{} is there twice", operation.id);
    }
}

#[test]
fn the_reference_is_up_to_date() {
    assert_up_to_date("openapi.json", &description());
}
