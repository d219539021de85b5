//! Faults in schema documents.

use serde_json::json;

use super::Faults;
use crate::broken::fault::{On, on};

fn schemas() -> On {
    on("GET /Schemas")
}

#[allow(clippy::too_many_lines, reason = "a table, one row for each case")]
pub fn faults() -> Faults {
    let says = |name: &'static str, value| {
        schemas().gives(move |_, answer| {
            if let Some(body) = &mut answer.body {
                body["Resources"][0]["attributes"][0][name] = json!(value);
            }
        })
    };
    vec![
        ("schema-urn", schemas().omits("/Resources/1/schemas"), "core:2.0:Schema among schemas of"),
        (
            "schema-id",
            schemas().says("/Resources/1/id", json!("urn:ietf:params:scim:schemas:core:2.0:User")),
            "is there twice",
        ),
        ("schema-attributes", schemas().omits("/Resources/1/attributes"), "to be a list; it is null"),
        ("schema-attribute-name", says("name", "user name"), "to be a letter, and letters, digits"),
        (
            "schema-attribute-once",
            schemas().says("/Resources/0/attributes/1/name", json!("USERNAME")),
            "username is there twice",
        ),
        ("schema-attribute-type", says("type", "text"), "type of userName to be one of"),
        ("schema-complex-sub-attributes", says("type", "complex"), "subAttributes of the complex userName"),
        (
            "schema-simple-sub-attributes",
            schemas().says("/Resources/0/attributes/0/subAttributes", json!([{"name": "x"}])),
            "no subAttributes of userName",
        ),
        (
            "schema-complex-nested",
            schemas().says("/Resources/0/attributes/1/subAttributes/0/type", json!("complex")),
            "the sub-attribute name.formatted to be simple",
        ),
        ("schema-booleans", says("required", "true"), "required of userName to be true or false"),
        ("schema-stated", schemas().omits("/Resources/0/attributes/0/returned"), "userName to state returned"),
        ("schema-mutability", says("mutability", "readwrite"), "mutability of userName to be one of"),
        ("schema-returned", says("returned", "sometimes"), "returned of userName to be one of"),
        ("schema-uniqueness", says("uniqueness", "tenant"), "uniqueness of userName to be one of"),
        ("schema-canonical-values", says("canonicalValues", "work"), "canonicalValues of userName to be a list"),
        (
            "schema-reference-types",
            schemas().says("/Resources/0/attributes/0/referenceTypes", json!(["Person"])),
            "\"Person\" is none",
        ),
        (
            "schema-write-only",
            schemas().gives(|_, answer| {
                if let Some(body) = &mut answer.body {
                    body["Resources"][0]["attributes"][0]["mutability"] = json!("writeOnly");
                    body["Resources"][0]["attributes"][0]["returned"] = json!("always");
                }
            }),
            "the write-only userName not to be returned always",
        ),
        ("schema-user-name", says("required", "no"), "required of userName to be true"),
        (
            "schema-user-name-case",
            schemas().says("/Resources/0/attributes/0/caseExact", json!(true)),
            "caseExact of userName to be false",
        ),
        (
            "schema-password",
            schemas().gives(|_, answer| {
                let attributes =
                    answer.body.as_mut().and_then(|body| body["Resources"][0]["attributes"].as_array_mut());
                for one in attributes.into_iter().flatten().filter(|one| one["name"] == "password") {
                    one["returned"] = json!("default");
                }
            }),
            "password to be writeOnly and returned never",
        ),
    ]
}
