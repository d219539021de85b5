//! The description of the API (OpenAPI 3.1), made of the table and of the types of the commands. A test keeps the file
//! that is served and the reference as this makes it.

mod both_ways;
mod leaf;
mod rows;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use self::{leaf::Leaf, rows::Rows};
use super::{
    call,
    table::{Answer, Kind, ROUTES, Route},
};
use crate::{
    admin::{AdminRequest, Role},
    described::assert_up_to_date,
};

/// Commands that no path is, and why.
const WITHOUT: &[(&str, &str)] = &[
    ("browse deleted", PAGES),
    ("browse history", PAGES),
    ("browse kept", PAGES),
    ("browse members", PAGES),
    ("browse resource", PAGES),
    ("browse resources", PAGES),
];

/// Why the console alone browses.
const PAGES: &str = "it is a page of the console; programs read users over SCIM, and changes from the feed";

fn routes() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().copied().flatten()
}

fn template(route: &Route) -> Value {
    serde_json::from_str(route.command).unwrap_or_else(|error| panic!("{}: {error}", route.command))
}

/// The whole description.
fn description() -> Value {
    let leaves = leaf::all();
    let (mut paths, mut rows, mut alone) = (Map::new(), Rows::new(), BTreeSet::new());
    for route in routes() {
        let template = template(route);
        let leaf = leaves.iter().find(|leaf| leaf.fits(&template)).expect("a command");
        let methods = paths.entry(route.path).or_insert_with(|| json!({}));
        let row = if route.lines { Value::Null } else { rows.of_command(&leaf.name) };
        if route.answer != Answer::List {
            let some = row["anyOf"].as_array().map_or(std::slice::from_ref(&row), Vec::as_slice);
            alone.extend(some.iter().filter_map(|row| Some(row["$ref"].as_str()?.to_owned())));
        }
        methods[route.method.to_lowercase()] = operation(route, leaf, &template, row);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Management API of scim-server",
            "version": "1",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Everything that the command line does, on the administration listener. Tokens: `scim-server admin-token create`. Guide: docs/guide/admin-api.md.",
        },
        "servers": [{"url": "/admin/v1"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": components(rows.named(), &alone),
    })
}

/// What paths share. Those schemas of which one object is an answer are `alone`.
fn components(mut schemas: Map<String, Value>, alone: &BTreeSet<String>) -> Value {
    let text = json!({"type": "string"});
    let problem = json!({
        "description": "Why something was not done, and what to do (RFC 9457).",
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {"type": text, "title": text, "status": {"type": "integer"}, "detail": text},
    });
    schemas.insert("Problem".to_owned(), problem);
    let is_alone = |name: &str| alone.contains(&format!("#/components/schemas/{name}"));
    schemas.iter_mut().filter(|(name, _)| is_alone(name)).for_each(|(_, schema)| with_notes(schema));
    schemas.sort_keys();
    json!({
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        "schemas": schemas,
        "parameters": {
            "IdempotencyKey": {
                "name": "Idempotency-Key",
                "in": "header",
                "required": false,
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
                "description": "A word for this request, such as a UUID: when it is repeated within 24 hours, it is not done again, and the answer is the same.",
            },
        },
    })
}

/// Lets what a command answers have notes. They stand beside the members of the one object that there is.
fn with_notes(schema: &mut Value) {
    if let Some(Value::Array(some)) = schema.get_mut("anyOf") {
        return some.iter_mut().for_each(with_notes);
    }
    if schema["type"] == "object" && schema["properties"].is_object() {
        schema["properties"]["notes"] = notes();
    }
}

fn notes() -> Value {
    json!({"type": "array", "items": {"type": "string"}, "description": "What else is to be known."})
}

fn operation(route: &Route, leaf: &Leaf, template: &Value, row: Value) -> Value {
    let mut parameters: Vec<Value> = names(route)
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    let rest = leaf.rest(template);
    for (name, _) in route.query {
        let of_rest = rest.and_then(|(schema, _)| schema["properties"].get(*name));
        let mut schema = of_rest.or_else(|| leaf.place(template, name)).expect("a parameter of the command").clone();
        let about = schema.as_object_mut().and_then(|schema| schema.remove("description")).unwrap_or_default();
        let mut parameter = json!({"name": name, "in": "query", "required": false, "schema": schema});
        if !about.is_null() {
            parameter["description"] = about;
        }
        parameters.push(parameter);
    }
    if route.method != "GET" && !route.lines {
        parameters.push(json!({"$ref": "#/components/parameters/IdempotencyKey"}));
    }
    let mut operation = json!({
        "operationId": id(route),
        "summary": route.summary,
        "description": roles(route),
        "parameters": parameters,
    });
    if let Some(body) = body(route, rest) {
        operation["requestBody"] = body;
    }
    operation["responses"] = responses(route, row);
    operation
}

/// The body that a path takes, if it takes one.
fn body(route: &Route, rest: Option<(&Value, &Map<String, Value>)>) -> Option<Value> {
    if route.lines {
        let content = json!({"application/x-ndjson": {"schema": {"type": "string"}}});
        return Some(json!({"required": true, "content": content}));
    }
    if matches!(route.method, "GET" | "DELETE") {
        return None;
    }
    let (schema, fixed) = rest?;
    let is_open = |name: &str| !fixed.contains_key(name) && route.query.iter().all(|(known, _)| *known != name);
    let properties = schema["properties"].as_object()?.iter().filter(|(name, _)| is_open(name));
    let properties: Map<String, Value> = properties.map(|(name, value)| (name.clone(), value.clone())).collect();
    let required = schema["required"].as_array().into_iter().flatten();
    let required: Vec<_> = required.filter(|name| name.as_str().is_some_and(is_open)).cloned().collect();
    let mut object = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    Some(json!({"required": !required.is_empty(), "content": {"application/json": {"schema": object}}}))
}

fn responses(route: &Route, mut row: Value) -> Value {
    let problem = json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
    let problem = json!({"description": "It was not done.", "content": problem});
    let lines = json!({"schema": {"type": "string"}});
    let done = |content: Value| json!({"description": "It was done.", "content": content});
    if route.answer != Answer::List && !route.lines {
        with_notes(&mut row);
    }
    match route.answer {
        _ if route.lines => json!({"200": done(json!({"application/x-ndjson": lines})), "default": problem}),
        Answer::List => {
            let content = json!({"application/json": {"schema": list(&row)}, "application/x-ndjson": lines});
            json!({"200": done(content), "default": problem})
        }
        Answer::One => {
            let content = json!({"application/json": {"schema": row}, "application/x-ndjson": lines});
            json!({"200": done(content), "default": problem})
        }
        Answer::Made => {
            let made = json!({"description": "It was made.", "content": {"application/json": {"schema": row}}});
            json!({"200": done(json!({"application/x-ndjson": lines})), "201": made, "default": problem})
        }
    }
}

/// Rows as a list.
fn list(row: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["items", "more"],
        "properties": {
            "items": {"type": "array", "items": row},
            "more": {"type": "integer", "description": "How many there are beyond these."},
            "notes": notes(),
        },
    })
}

/// The parts of a path that have names.
fn names(route: &Route) -> impl Iterator<Item = &'static str> {
    route.path.split('/').filter_map(|part| call::name(part, '{', "}"))
}

/// A name for programs: `get_tenants_tenant_tokens`.
fn id(route: &Route) -> String {
    let path = route.path.replace(['{', '}'], "").replace(['/', '-'], "_");
    format!("{}{path}", route.method.to_lowercase())
}

/// Which role it needs: a command may need more when it does something than when it only tells.
fn roles(route: &Route) -> String {
    let needed: BTreeSet<Role> = [false, true].into_iter().map(|flag| sample(route, flag).needs()).collect();
    let needed: Vec<_> = needed.into_iter().map(Role::as_str).collect();
    match &needed[..] {
        [one] => format!("Needs the role {one}."),
        some => format!("Needs the role {} to look, {} to do it.", some[0], some[1]),
    }
}

/// A request that the path could be, with each of its flags so.
fn sample(route: &Route, flag: bool) -> AdminRequest {
    let template = template(route);
    let leaves = leaf::all();
    let leaf = leaves.iter().find(|leaf| leaf.fits(&template)).expect("a command");
    let parts: Vec<_> = names(route).map(|name| (name, "x".to_owned())).collect();
    let mut given = Map::new();
    if let Some((schema, fixed)) = leaf.rest(&template) {
        let required: Vec<_> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let is_flag = property["type"] == "boolean";
            let is_confirmation = flag && name == "confirm";
            if !fixed.contains_key(name) && (is_flag || is_confirmation || required.contains(&name.as_str())) {
                given.insert(name.clone(), value(property, flag));
            }
        }
    }
    let query: Vec<_> = route.query.iter().filter(|(_, kind)| *kind == Kind::Flag).collect();
    let query = query.iter().map(|(name, _)| format!("{name}={flag}")).collect::<Vec<_>>().join("&");
    given.retain(|name, _| route.query.iter().all(|(known, _)| known != name));
    call::command(route, &parts, Some(&query), given).unwrap_or_else(|error| panic!("{}: {error}", route.path))
}

/// A value that a schema allows.
fn value(schema: &Value, flag: bool) -> Value {
    if let Some(first) = schema["oneOf"].get(0).or_else(|| schema["anyOf"].get(0)) {
        return value(first, flag);
    }
    if let Some(word) = schema.get("const").or_else(|| schema["enum"].get(0)) {
        return word.clone();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"].get(0).and_then(Value::as_str));
    match kind {
        Some("boolean") => json!(flag),
        Some("integer" | "number") => json!(1),
        Some("array") => json!([]),
        Some("string") => json!("x"),
        _ => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            required
                .map(|name| (name.to_owned(), value(&schema["properties"][name], flag)))
                .collect::<Map<_, _>>()
                .into()
        }
    }
}

#[test]
fn every_command_is_a_path() {
    let leaves = leaf::all();
    assert!(leaves.len() > 60, "{}", leaves.len());
    let templates: Vec<_> = routes().map(|route| (route, template(route))).collect();
    for (route, template) in &templates {
        let fitting: Vec<_> = leaves.iter().filter(|leaf| leaf.fits(template)).map(|leaf| &leaf.name).collect();
        assert_eq!(fitting.len(), 1, "{} {}: {fitting:?}", route.method, route.path);
        for name in names(route) {
            assert!(route.command.contains(&format!("\"{{{name}}}\"")), "{}: {name} is of no use", route.path);
        }
    }
    for leaf in &leaves {
        let is_path = templates.iter().any(|(_, template)| leaf.fits(template));
        let is_exempt = WITHOUT.iter().any(|(name, why)| *name == leaf.name && !why.is_empty());
        assert!(is_path != is_exempt, "the command {:?} is {is_path} a path, and {is_exempt} in WITHOUT", leaf.name);
    }
    let distinct: BTreeSet<_> = templates.iter().map(|(_, template)| template.to_string()).collect();
    assert_eq!(distinct.len(), templates.len(), "two paths are the same command");
}

#[test]
fn what_only_looks_is_a_get() {
    for route in routes() {
        let request = sample(route, true);
        // These only look, too, at what is for administrators alone.
        let looks = matches!(request, AdminRequest::Export { .. } | AdminRequest::AdminToken { .. });
        let looks = looks || request.needs() == Role::Viewer;
        assert!(route.method != "GET" || looks, "GET {} changes something", route.path);
    }
}

#[test]
fn the_reference_is_up_to_date() {
    assert_up_to_date("admin-api.json", &description());
}
