//! Names in tables.

use std::cell::Cell;

use serde_json::json;

use super::*;
use crate::{filter::Filter, schema::SchemaRegistry};

thread_local! {
    /// How often this thread has looked for the name that was meant.
    pub(super) static SEARCHES: Cell<usize> = const { Cell::new(0) };
}

/// How often `work` looks for the name that was meant.
fn searches(work: impl FnOnce()) -> usize {
    let before = SEARCHES.get();
    work();
    SEARCHES.get() - before
}

pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// User with a second extension, which shares an attribute name with the enterprise one.
pub(crate) fn user() -> Arc<ResourceType> {
    let attribute = |name: &str| json!({"name": name, "multiValued": name == "badges"});
    let registry = SchemaRegistry::core()
        .with_definition(&json!({
            "schema": {
                "id": "urn:example:2.0:User",
                "name": "Example",
                "attributes": [attribute("badges"), attribute("division"), attribute("title")]
            },
            "extends": "User"
        }))
        .unwrap();
    Arc::clone(registry.resource_type("User").unwrap())
}

#[track_caller]
fn check(text: &str, expect: &str) {
    let bound = AttributePath::parse(text).and_then(|path| path.bind(&user())).unwrap();
    assert_eq!(bound.to_string(), expect, "{text}");
}

#[test]
fn names_are_found() {
    check("userName", "userName");
    check("USERNAME", "userName");
    check("Name.GIVENNAME", "name.givenName");
    check("emails.Value", "emails.value");
    check("groups.$ref", "groups.$ref");
    check("id", "id");
    check("ExternalID", "externalId");
    check("meta.lastmodified", "meta.lastModified");
    check("schemas", "schemas");
    check("urn:ietf:params:scim:schemas:core:2.0:User:userName", "userName");
    check("URN:IETF:params:scim:schemas:core:2.0:user:name.familyName", "name.familyName");
    check("urn:ietf:params:scim:schemas:core:2.0:User:meta.created", "meta.created");
}

#[test]
fn extensions_are_found() {
    check(ENTERPRISE, ENTERPRISE);
    check(&ENTERPRISE.to_uppercase(), ENTERPRISE);
    check(&format!("{ENTERPRISE}:Manager.displayName"), &format!("{ENTERPRISE}:manager.displayName"));
    check(&format!("{ENTERPRISE}.department"), &format!("{ENTERPRISE}:department"));
    check("manager", &format!("{ENTERPRISE}:manager"));
    check("manager.value", &format!("{ENTERPRISE}:manager.value"));
    check("badges", "urn:example:2.0:User:badges");
    // The core schema comes first; an extension's attribute of that name needs its URN.
    check("title", "title");
    check("urn:example:2.0:User:title", "urn:example:2.0:User:title");
}

#[track_caller]
fn check_error(text: &str, detail: &str) {
    let error = AttributePath::parse(text).and_then(|path| path.bind(&user())).unwrap_err();
    assert_eq!((error.kind(), error.detail()), (ErrorKind::InvalidPath, detail), "{text}");
}

#[test]
fn what_is_unknown_has_a_hint() {
    let unknown = |name: &str, hint: &str| format!("There is no attribute \"{name}\" in User; {hint}");
    let see = "see /Schemas for the attributes that there are.";
    check_error("userNmae", &unknown("userNmae", "did you mean \"userName\"?"));
    check_error("name.firstName", &unknown("name.firstName", see));
    check_error("name.givenNam", &unknown("name.givenNam", "did you mean \"name.givenName\"?"));
    check_error("name.givenName.x", &unknown("name.givenName.x", "did you mean \"name.givenName\"?"));
    check_error("shoeSize", &unknown("shoeSize", see));
    // Two extensions have it.
    check_error("division", &unknown("division", &format!("did you mean \"{ENTERPRISE}:division\"?")));
    check_error(
        "urn:ietf:params:scim:schemas:core:2.0:User:department",
        &unknown(
            "urn:ietf:params:scim:schemas:core:2.0:User:department",
            &format!("did you mean \"{ENTERPRISE}:department\"?"),
        ),
    );
    check_error("urn:unknown:2.0:User:x", &unknown("urn:unknown:2.0:User:x", see));
    check_error("", "\"\" names no attribute: a name begins with a letter.");
    check_error("a b", "\"a b\" names no attribute: the character \" \" cannot be part of a name.");
    check_error("name.", "\"name.\" names no attribute: a name must follow the last character.");
    check_error(&"x".repeat(513), "An attribute's name is longer than 512 bytes.");
}

#[test]
fn nobody_looks_for_what_was_meant_unless_it_is_told() {
    use crate::{
        Resource,
        dialect::{standardise_patch, standardise_resource},
        patch,
        projection::Projection,
    };

    let rt = user();
    let resource = Resource::create(json!({"userName": "b"}), &rt).unwrap();
    let names: Vec<String> = (0..200).map(|n| format!("unknown{n}")).collect();
    let object: serde_json::Map<_, _> = names.iter().map(|name| (name.clone(), json!(1))).collect();
    let operation = |path: &str| json!({"op": "replace", "path": path, "value": 1});
    let listed: Vec<&str> = names.iter().map(String::as_str).collect();

    let ignored = searches(|| {
        Projection::new(&listed, &[], &rt).unwrap();
        Projection::new(&[], &listed, &rt).unwrap();
        let filter = Filter::parse(&format!("{} pr", names.join(" pr or "))).unwrap();
        filter.bind_lenient(&rt).unwrap();
        standardise_resource(&mut object.clone().into(), &rt);
        let mut body = json!({"Operations": [{"op": "add", "value": object}]});
        standardise_patch(&mut body, &rt);
        patch::apply(&resource, &patch::parse(body).unwrap(), &rt).unwrap();
        let mut body = json!({"Operations": names.iter().map(|name| operation(name)).collect::<Vec<_>>()});
        standardise_patch(&mut body, &rt);
    });
    assert_eq!(ignored, 0);

    let told = searches(|| {
        let filter = Filter::parse(&format!("{} pr", names.join(" pr or "))).unwrap();
        filter.bind(&rt).unwrap_err();
    });
    assert_eq!(told, 1, "the first that is unknown ends it");
}

#[test]
fn a_long_name_is_compared_at_its_beginning() {
    let long = "x".repeat(1 << 20);
    assert_eq!(nearest(&long, ["userName", &"x".repeat(64)].into_iter()), Some("x".repeat(64).as_str()));
    let error = AttributePath::parse(&long).unwrap_err();
    assert!(error.detail().len() < 100, "{}", error.detail());
}
