//! The schema documents themselves: each attribute of each schema is looked at.

use serde_json::Value;

use crate::{
    case::{
        Area, Case,
        Need::{self, Type},
        run,
    },
    context::Context,
    discovery::named,
    ensure,
    verdict::{Outcome, Stop, text},
};

pub const AREA: Area = Area { tag: "schema", title: "Schemas (RFC 7643 §7)", cases: CASES };

const SECTION: &str = "RFC 7643 §7";
const USERS: &[Need] = &[Type("User")];

const CASES: &[Case] = &[
    // RFC 7643 §3 asks it of all resources; the examples of §8.7 do without, which erratum 8417 corrects for some.
    Case::should("schema-urn", SECTION, "Each schema names the schema Schema.", run!(urn)),
    Case::must("schema-id", SECTION, "Each schema has a URI as its id, and no two have the same.", run!(id)),
    Case::must("schema-attributes", SECTION, "Each schema has a list of attributes.", run!(attributes)),
    Case::must(
        "schema-attribute-name",
        "RFC 7643 §2.1",
        "The name of an attribute is a letter, and letters, digits, $, - and _ after it.",
        run!(each, name),
    ),
    Case::must(
        "schema-attribute-once",
        "RFC 7644 §3.10",
        "No two attributes of a schema have the same name, in any case.",
        run!(once),
    ),
    Case::must(
        "schema-attribute-type",
        "RFC 7643 §2.3",
        "The type of an attribute is one of SCIM's data types.",
        run!(each, kind),
    ),
    Case::should(
        "schema-complex-sub-attributes",
        SECTION,
        "An attribute of the type complex lists its sub-attributes.",
        run!(each, complex),
    ),
    Case::must(
        "schema-simple-sub-attributes",
        "RFC 7643 §1.2",
        "An attribute of another type has no sub-attributes.",
        run!(each, simple),
    ),
    Case::must("schema-complex-nested", "RFC 7643 §2.3.8", "A sub-attribute is not complex.", run!(nested)),
    Case::must("schema-booleans", SECTION, "multiValued, required and caseExact are booleans.", run!(each, booleans)),
    Case::should(
        "schema-stated",
        SECTION,
        "Each attribute states its name, type, multiValued, required, mutability and returned.",
        run!(each, stated),
    ),
    Case::must(
        "schema-mutability",
        SECTION,
        "mutability is readOnly, readWrite, immutable or writeOnly.",
        run!(each, mutability),
    ),
    Case::must("schema-returned", SECTION, "returned is always, never, default or request.", run!(each, returned)),
    Case::must("schema-uniqueness", SECTION, "uniqueness is none, server or global.", run!(each, uniqueness)),
    Case::must("schema-canonical-values", SECTION, "canonicalValues and referenceTypes are lists.", run!(each, lists)),
    Case::must(
        "schema-reference-types",
        SECTION,
        "The types of a reference are names of resource types, external or uri.",
        run!(each_reference),
    ),
    Case::must(
        "schema-write-only",
        SECTION,
        "No attribute is write-only and returned always: its values are not returned.",
        run!(each, write_only),
    ),
    Case::must("schema-user-name", "RFC 7643 §4.1.1", "userName is required.", run!(says, "required", true))
        .needs(USERS),
    Case::must(
        "schema-user-name-case",
        "RFC 7643 §4.1.1",
        "userName is case insensitive.",
        run!(says, "caseExact", false),
    )
    .needs(USERS),
    Case::must("schema-password", "RFC 7643 §4.1.1", "password is write-only and never returned.", run!(password))
        .needs(USERS),
];

/// The schemas as they are now.
async fn all(scim: &Context) -> Result<Vec<Value>, Stop> {
    let unusable = || Stop::Skip("/Schemas gives no list, which discovery-schemas-list is about.".to_owned());
    let all = scim.get("/Schemas").await?.resources().map_err(|_| unusable())?;
    if all.is_empty() { Err(unusable()) } else { Ok(all) }
}

async fn urn(scim: &Context) -> Outcome {
    let urn = "urn:ietf:params:scim:schemas:core:2.0:Schema";
    for schema in all(scim).await? {
        let is_named = schema["schemas"].as_array().is_some_and(|schemas| schemas.iter().any(|one| one == urn));
        ensure!(is_named, "Expected {urn} among schemas of {}; they are {}.", schema["id"], schema["schemas"]);
    }
    Ok(())
}

async fn id(scim: &Context) -> Outcome {
    let mut seen = Vec::new();
    for schema in all(scim).await? {
        let id = text(&schema, "/id")?.to_ascii_lowercase();
        ensure!(id.contains(':'), "Expected the id of a schema to be a URI; it is {id}.");
        ensure!(!seen.contains(&id), "Expected each schema once; {id} is there twice.");
        seen.push(id);
    }
    Ok(())
}

async fn attributes(scim: &Context) -> Outcome {
    for schema in all(scim).await? {
        let attributes = &schema["attributes"];
        ensure!(attributes.is_array(), "Expected attributes of {} to be a list; it is {attributes}.", schema["id"]);
    }
    Ok(())
}

/// Each attribute and sub-attribute, with its name behind that of its parent.
fn walk(attributes: &Value, parent: &str, look: &mut impl FnMut(&str, &Value) -> Outcome, depth: u8) -> Outcome {
    for attribute in attributes.as_array().into_iter().flatten() {
        let name = format!("{parent}{}", attribute["name"].as_str().unwrap_or("?"));
        look(&name, attribute)?;
        // The RFC has two levels; the schemas of schemas themselves have three.
        if depth < 4 {
            walk(&attribute["subAttributes"], &format!("{name}."), look, depth + 1)?;
        }
    }
    Ok(())
}

/// Looks at every attribute of every schema.
async fn each(scim: &Context, look: fn(&str, &Value) -> Outcome) -> Outcome {
    for schema in all(scim).await? {
        walk(&schema["attributes"], "", &mut |name, attribute| look(name, attribute), 0)?;
    }
    Ok(())
}

fn name(name: &str, attribute: &Value) -> Outcome {
    let text = attribute["name"].as_str().unwrap_or_default();
    // "$ref" is the RFC's own, although its grammar does not have it.
    let mut rest = text.strip_prefix('$').unwrap_or(text).chars();
    let fits = rest.next().is_some_and(|first| first.is_ascii_alphabetic())
        && rest.all(|next| next.is_ascii_alphanumeric() || matches!(next, '$' | '-' | '_'));
    ensure!(
        fits,
        "Expected the name of {name} to be a letter, and letters, digits, $, - and _; it is {}.",
        attribute["name"]
    );
    Ok(())
}

async fn once(scim: &Context) -> Outcome {
    for schema in all(scim).await? {
        let mut seen = Vec::new();
        for attribute in schema["attributes"].as_array().into_iter().flatten() {
            let name = attribute["name"].as_str().unwrap_or_default().to_ascii_lowercase();
            ensure!(!seen.contains(&name), "Expected each attribute of {} once; {name} is there twice.", schema["id"]);
            seen.push(name);
        }
    }
    Ok(())
}

/// Demands one of these words where the characteristic is stated.
fn one_of(name: &str, attribute: &Value, characteristic: &str, words: &[&str]) -> Outcome {
    let value = &attribute[characteristic];
    let fits = value.is_null() || value.as_str().is_some_and(|value| words.contains(&value));
    ensure!(fits, "Expected {characteristic} of {name} to be one of {}; it is {value}.", words.join(", "));
    Ok(())
}

fn kind(name: &str, attribute: &Value) -> Outcome {
    let types = ["string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"];
    one_of(name, attribute, "type", &types)
}

fn complex(name: &str, attribute: &Value) -> Outcome {
    let listed = attribute["subAttributes"].as_array().is_some_and(|subs| !subs.is_empty());
    ensure!(attribute["type"] != "complex" || listed, "Expected subAttributes of the complex {name}; there are none.");
    Ok(())
}

fn simple(name: &str, attribute: &Value) -> Outcome {
    let listed = attribute["subAttributes"].as_array().is_some_and(|subs| !subs.is_empty());
    let fits = attribute["type"] == "complex" || !listed;
    ensure!(fits, "Expected no subAttributes of {name}, whose type is {}; there are some.", attribute["type"]);
    Ok(())
}

/// The schemas of schemas, whose attributes lie deeper (RFC 7643 §7), may be listed too.
async fn nested(scim: &Context) -> Outcome {
    for schema in all(scim).await? {
        if schema["id"] == "urn:ietf:params:scim:schemas:core:2.0:Schema" {
            continue;
        }
        let mut look = |name: &str, attribute: &Value| {
            let is_complex = name.contains('.') && attribute["type"] == "complex";
            ensure!(!is_complex, "Expected the sub-attribute {name} to be simple; it is complex.");
            Ok(())
        };
        walk(&schema["attributes"], "", &mut look, 0)?;
    }
    Ok(())
}

fn booleans(name: &str, attribute: &Value) -> Outcome {
    for characteristic in ["multiValued", "required", "caseExact"] {
        let value = &attribute[characteristic];
        let fits = value.is_null() || value.is_boolean();
        ensure!(fits, "Expected {characteristic} of {name} to be true or false; it is {value}.");
    }
    Ok(())
}

fn stated(name: &str, attribute: &Value) -> Outcome {
    for characteristic in ["name", "type", "multiValued", "required", "mutability", "returned"] {
        let is_stated = !attribute[characteristic].is_null();
        ensure!(is_stated, "Expected {name} to state {characteristic}; it does not.");
    }
    Ok(())
}

fn mutability(name: &str, attribute: &Value) -> Outcome {
    one_of(name, attribute, "mutability", &["readOnly", "readWrite", "immutable", "writeOnly"])
}

fn returned(name: &str, attribute: &Value) -> Outcome {
    one_of(name, attribute, "returned", &["always", "never", "default", "request"])
}

fn uniqueness(name: &str, attribute: &Value) -> Outcome {
    one_of(name, attribute, "uniqueness", &["none", "server", "global"])
}

fn lists(name: &str, attribute: &Value) -> Outcome {
    for characteristic in ["canonicalValues", "referenceTypes"] {
        let value = &attribute[characteristic];
        ensure!(
            value.is_null() || value.is_array(),
            "Expected {characteristic} of {name} to be a list; it is {value}."
        );
    }
    Ok(())
}

async fn each_reference(scim: &Context) -> Outcome {
    let types: Vec<_> = scim.discovery().resource_types().iter().filter_map(|one| one["name"].as_str()).collect();
    for schema in all(scim).await? {
        let mut look = |name: &str, attribute: &Value| {
            for kind in attribute["referenceTypes"].as_array().into_iter().flatten() {
                let kind = kind.as_str().unwrap_or_default();
                // The RFC's own User and Group may be named where the server has no groups.
                let known = ["external", "uri", "User", "Group"].contains(&kind) || types.contains(&kind);
                ensure!(known, "Expected referenceTypes of {name} to name a resource type; \"{kind}\" is none.");
            }
            Ok(())
        };
        walk(&schema["attributes"], "", &mut look, 0)?;
    }
    Ok(())
}

fn write_only(name: &str, attribute: &Value) -> Outcome {
    let fits = attribute["mutability"] != "writeOnly" || attribute["returned"] != "always";
    ensure!(fits, "Expected the write-only {name} not to be returned always; its returned says so.");
    Ok(())
}

/// An attribute of the core schema of users, as it is now; null when there is none.
async fn of_user(scim: &Context, name: &str) -> Result<Value, Stop> {
    let urn = scim.discovery().resource_type("User").map_or(&Value::Null, |user| &user["schema"]);
    let all = all(scim).await?;
    let schema = all.iter().find(|schema| schema["id"] == *urn);
    Ok(schema.and_then(|schema| named(&schema["attributes"], name)).cloned().unwrap_or_default())
}

/// Demands a boolean characteristic of userName; what is not stated is false.
async fn says(scim: &Context, characteristic: &str, expect: bool) -> Outcome {
    let attribute = of_user(scim, "userName").await?;
    ensure!(!attribute.is_null(), "Expected the schema of User to have userName; it has not.");
    let got = attribute[characteristic] == true;
    ensure!(got == expect, "Expected {characteristic} of userName to be {expect}; it is {got}.");
    Ok(())
}

async fn password(scim: &Context) -> Outcome {
    let password = of_user(scim, "password").await?;
    if password.is_null() {
        return Err(Stop::Skip("The server's schemas have no User attribute password.".to_owned()));
    }
    let (mutability, returned) = (&password["mutability"], &password["returned"]);
    let fits = mutability == "writeOnly" && returned == "never";
    ensure!(fits, "Expected password to be writeOnly and returned never; it is {mutability} and {returned}.");
    Ok(())
}
