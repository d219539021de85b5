//! A command is a request of HTTP, and that request is the command again: nothing of it is lost on the way.

use serde_json::{Map, Value, json};

use super::{WITHOUT, leaf, value};
use crate::admin::{
    AdminRequest,
    api::{
        call::{self, Found},
        request::{ApiRequest, Content},
    },
};

/// What a schema allows: with what it requires, and with each other member alone.
fn variants(schema: &Value) -> Vec<Value> {
    let Some(properties) = schema["properties"].as_object() else {
        let mut some = vec![value(schema, false), value(schema, true)];
        some.dedup();
        return some;
    };
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let base: Map<_, _> =
        required.iter().map(|name| ((*name).to_owned(), variants(&properties[*name]).remove(0))).collect();
    let mut all = vec![Value::Object(base.clone())];
    for (name, property) in properties {
        let known = usize::from(required.contains(&name.as_str()));
        for one in variants(property).into_iter().skip(known) {
            let mut more = base.clone();
            more.insert(name.clone(), one);
            all.push(Value::Object(more));
        }
    }
    all
}

/// The command that the API reads of a request.
fn read(request: ApiRequest) -> Result<AdminRequest, String> {
    let target = request.target.strip_prefix("/admin/v1").unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let Found::Route(route, parts) = call::find(request.method, path) else { panic!("{target} is no path") };
    assert_eq!(route.lines, request.body == Content::Lines, "{target}");
    let body = match request.body {
        Content::Json(text) => serde_json::from_str(&text).unwrap(),
        Content::Lines | Content::None => Map::new(),
    };
    call::command(route, &parts, Some(query), body)
}

#[test]
fn a_command_comes_back_from_its_request() {
    let mut checked = 0;
    for leaf in leaf::all() {
        if WITHOUT.iter().any(|(name, _)| *name == leaf.name) {
            continue;
        }
        let before = checked;
        for made in variants(&leaf.schema) {
            // Some members are refused alone, or with a word that means nothing.
            let Ok(command) = serde_json::from_value::<AdminRequest>(made.clone()) else { continue };
            // Whoever lists the rules changes nothing that could be tried.
            if made.pointer("/request/role") == Some(&json!({"request": "list", "dry_run": true})) {
                continue;
            }
            let request = ApiRequest::of(&command).unwrap_or_else(|| panic!("{made} is no path"));
            assert_eq!(read(request), Ok(command), "{made}");
            checked += 1;
        }
        assert!(checked > before, "{} was not tried", leaf.name);
    }
    assert!(checked > 200, "{checked}");
}
