//! JSON Schemas of answers, made of the types that they are written from: for the tests that make the descriptions of
//! the API (OpenAPI), and their files.

use std::{env, fs};

use schemars::{
    Schema, SchemaGenerator,
    generate::SchemaSettings,
    json_schema,
    transform::{RecursiveTransform, ReplaceBoolSchemas},
};
use serde_json::Value;

/// Makes schemas, and keeps those that have a name as components of a description.
pub fn generator() -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    settings.with_transform(anything()).with_transform(RecursiveTransform(words)).into_generator()
}

/// What may be anything is `{}`: not every reader of OpenAPI knows `true`.
pub fn anything() -> ReplaceBoolSchemas {
    let mut booleans = ReplaceBoolSchemas::default();
    booleans.skip_additional_properties = true;
    booleans
}

/// Words of which one is meant are one list, for there are readers that take only the first of several constants.
fn words(schema: &mut Schema) {
    let Some(Value::Array(some)) = schema.get("oneOf") else { return };
    let (mut words, mut told) = (Vec::new(), Vec::new());
    told.extend(schema.get("description").and_then(Value::as_str).map(str::to_owned));
    for one in some {
        match (one["const"].as_str(), one["enum"].as_array()) {
            (Some(word), _) => {
                words.push(Value::from(word));
                told.extend(one["description"].as_str().map(|about| format!("`{word}`: {about}")));
            }
            (None, Some(several)) => words.extend(several.iter().cloned()),
            (None, None) => return,
        }
    }
    *schema = json_schema!({"type": "string", "enum": words, "description": told.join("\n")});
}

/// Compares a description with its file of the reference, or writes the file when `UPDATE_DOCS` is set.
#[allow(clippy::disallowed_methods, reason = "a switch of the tests, not of the program")]
pub fn assert_up_to_date(file: &str, description: &Value) {
    let path = format!("{}/../docs/reference/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = laid_out(description, 0) + "\n";
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "docs/reference/{file} is out of date; run the tests with UPDATE_DOCS=1");
}

/// JSON with a line for each operation and each schema. The program has these files in it, and white space in front of
/// each value would be more than half of them.
fn laid_out(value: &Value, depth: usize) -> String {
    let Value::Object(members) = value else { return value.to_string() };
    if depth == 3 || members.is_empty() {
        return value.to_string();
    }
    let members: Vec<_> = members
        .iter()
        .map(|(name, value)| {
            format!("{}{}: {}", "  ".repeat(depth + 1), Value::from(name.as_str()), laid_out(value, depth + 1))
        })
        .collect();
    format!("{{\n{}\n{}}}", members.join(",\n"), "  ".repeat(depth))
}
