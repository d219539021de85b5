//! The commands one by one, out of the schema of all, and which of them a path is.

use serde_json::{Map, Value, json};

use crate::{
    admin::{AdminRequest, api::call},
    described::anything,
};

/// The schema of one command: no alternative is left in it that makes another command.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// The words by which it is told from others: `rules role set`.
    pub name: String,
    pub schema: Value,
}

/// Every command.
pub fn all() -> Vec<Leaf> {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let schema = settings.with_transform(anything()).into_generator().into_root_schema_for::<AdminRequest>();
    expand(schema.as_value())
}

/// The schemas that a schema offers to choose from.
fn alternatives(schema: &Value) -> Vec<Value> {
    if let Some(some) = schema["oneOf"].as_array() {
        return some.iter().flat_map(alternatives).collect();
    }
    match schema["enum"].as_array() {
        Some(words) => words.iter().map(|word| json!({"type": "string", "const": word})).collect(),
        None => vec![schema.clone()],
    }
}

/// Each command that a schema allows.
fn expand(schema: &Value) -> Vec<Leaf> {
    alternatives(schema).into_iter().flat_map(one).collect()
}

fn one(schema: Value) -> Vec<Leaf> {
    if let Some(word) = schema["const"].as_str() {
        return vec![Leaf { name: word.to_owned(), schema }];
    }
    let properties = schema["properties"].as_object().cloned().unwrap_or_default();
    let tag = ["command", "what", "action"].into_iter().find_map(|tag| properties.get(tag)?["const"].as_str());
    // The variant of an enum is an object with one member, named after it.
    let variant = properties.keys().next().filter(|_| properties.len() == 1 && tag.is_none()).cloned();
    let own = tag.map(str::to_owned).or_else(|| variant.clone().filter(|name| name != "request"));
    let inner = variant.or_else(|| properties.contains_key("request").then(|| "request".to_owned()));
    let inner = inner.filter(|inner| is_choice(&properties[inner]));
    let Some(inner) = inner else { return vec![Leaf { name: own.unwrap_or_default(), schema }] };
    let named = |leaf: Leaf| {
        let mut schema = schema.clone();
        schema["properties"][&inner] = leaf.schema;
        let words = own.iter().cloned().chain([leaf.name]).filter(|word| !word.is_empty());
        Leaf { name: words.collect::<Vec<_>>().join(" "), schema }
    };
    expand(&properties[&inner]).into_iter().map(named).collect()
}

/// Whether it is one of several commands, or has one of several in it.
fn is_choice(schema: &Value) -> bool {
    schema["oneOf"].is_array() || schema["enum"].is_array() || schema["properties"].get("request").is_some()
}

impl Leaf {
    /// Whether that is the command that a template makes.
    pub fn fits(&self, template: &Value) -> bool {
        fits(&self.schema, template)
    }

    /// The schema of the object that gets the rest, and what the template says of it already.
    pub fn rest<'a>(&'a self, template: &'a Value) -> Option<(&'a Value, &'a Map<String, Value>)> {
        rest(&self.schema, template)
    }

    /// The schema of what stands where a parameter of the query does.
    pub fn place<'a>(&'a self, template: &Value, parameter: &str) -> Option<&'a Value> {
        place(&self.schema, template, parameter)
    }
}

fn fits(schema: &Value, template: &Value) -> bool {
    match template {
        Value::Object(members) => {
            let properties = &schema["properties"];
            let known =
                |(name, value): (&String, &Value)| properties.get(name).is_some_and(|schema| fits(schema, value));
            properties.is_object() && members.iter().filter(|(name, _)| *name != "*").all(known)
        }
        Value::String(text) if call::name(text, '{', "}").is_some() || text.starts_with('?') => {
            schema.get("const").is_none() && !schema["properties"].is_object()
        }
        Value::String(word) => schema["const"].as_str() == Some(word),
        other => schema["type"] == if other.is_boolean() { "boolean" } else { "integer" },
    }
}

fn rest<'a>(schema: &'a Value, template: &'a Value) -> Option<(&'a Value, &'a Map<String, Value>)> {
    let members = template.as_object()?;
    if members.contains_key("*") {
        return Some((schema, members));
    }
    members.iter().find_map(|(name, value)| rest(schema["properties"].get(name)?, value))
}

fn place<'a>(schema: &'a Value, template: &Value, parameter: &str) -> Option<&'a Value> {
    match template {
        Value::Object(members) => {
            members.iter().find_map(|(name, value)| place(schema["properties"].get(name)?, value, parameter))
        }
        Value::String(text) if text.strip_prefix('?') == Some(parameter) => Some(schema),
        _ => None,
    }
}
