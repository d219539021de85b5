//! Names and PATCH paths in tables.

use std::cell::Cell;

use serde_json::json;

use super::*;
use crate::schema::SchemaRegistry;

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

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// User with a second extension, which shares an attribute name with the enterprise one.
fn user() -> Arc<ResourceType> {
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

/// What a path points at: attribute, filter as it was written, and what that filter selects.
#[track_caller]
fn check_target(text: &str, expect: &str) {
    let path = Path::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(Path::parse(&path.to_string()).unwrap(), path, "{text}");
    let target = path.bind(&user()).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(target.filter.is_some(), path.filter.is_some());
    let filter = path.filter.map_or_else(String::new, |filter| format!(" where {filter}"));
    assert_eq!(format!("{}{filter}", target.path), expect, "{text}");
}

#[test]
fn patch_paths() {
    // RFC 7644 §3.5.2.
    check_target("name.familyName", "name.familyName");
    check_target(r#"addresses[type eq "work"]"#, "addresses where type eq \"work\"");
    check_target(
        r#"emails[type eq "work" and value ew "example.com"]"#,
        "emails where type eq \"work\" and value ew \"example.com\"",
    );
    check_target(r#"addresses[type eq "work"].streetAddress"#, "addresses.streetAddress where type eq \"work\"");
    // What providers write.
    check_target(r#"emails[type eq "other"].Value"#, "emails.value where type eq \"other\"");
    check_target(r#"roles[primary eq "True"].display"#, "roles.display where primary eq \"True\"");
    check_target("roles[ primary EQ true ]", "roles where primary eq true");
    check_target(r#"emails[value eq"a]b"]"#, "emails where value eq \"a]b\"");
    check_target(r#"emails[value eq "a\"]b" or (type pr)]"#, "emails where value eq \"a\\\"]b\" or type pr");
    check_target(
        r#"urn:ietf:params:scim:schemas:core:2.0:User:emails[type eq "work"].value"#,
        "emails.value where type eq \"work\"",
    );
    check_target(&format!("{ENTERPRISE}:manager"), &format!("{ENTERPRISE}:manager"));
    check_target(&format!("{ENTERPRISE}.manager.value"), &format!("{ENTERPRISE}:manager.value"));
    check_target(ENTERPRISE, ENTERPRISE);
    // A multi-valued attribute without sub-attributes, and a complex one with a single value.
    check_target(r#"badges[value eq "x"]"#, "urn:example:2.0:User:badges where value eq \"x\"");
    check_target(r#"name[familyName eq "x"].givenName"#, "name.givenName where familyName eq \"x\"");
}

#[track_caller]
fn check_target_error(text: &str, kind: ErrorKind, detail: &str) {
    let error = Path::parse(text).and_then(|path| path.bind(&user())).unwrap_err();
    assert_eq!((error.kind(), error.detail()), (kind, detail), "{text}");
}

#[test]
fn wrong_patch_paths() {
    use ErrorKind::{InvalidFilter, InvalidPath};
    check_target_error("", InvalidPath, "The path is wrong at character 1: expected an attribute name, found the end.");
    check_target_error(
        r#"emails[type eq "work"].value x"#,
        InvalidPath,
        "The path is wrong at character 30: expected the end, found \"x\".",
    );
    check_target_error(
        r#"emails[type eq "work"]value"#,
        InvalidPath,
        "The path is wrong at character 23: expected the end, found \"value\".",
    );
    check_target_error(
        "emails[type is 1]",
        InvalidFilter,
        "The path is wrong at character 13: expected an operator (eq, ne, co, sw, ew, gt, ge, lt, le or pr), found \"is\".",
    );
    check_target_error(
        r#"emails[type eq "work""#,
        InvalidFilter,
        "The path is wrong at character 22: expected \"and\", \"or\" or \"]\", found the end.",
    );
    check_target_error(
        r#"emails[type eq "work"].valeu"#,
        InvalidPath,
        "There is no sub-attribute \"valeu\" in emails; did you mean \"value\"?",
    );
    check_target_error(
        r#"userName[value eq "x"]"#,
        InvalidFilter,
        "userName has no elements to choose from; brackets can follow a complex or multi-valued attribute.",
    );
    check_target_error(
        r#"badges[value eq "x"].value"#,
        InvalidPath,
        "There is no sub-attribute \"value\" in urn:example:2.0:User:badges; it has none.",
    );
}

#[test]
fn nobody_looks_for_what_was_meant_unless_it_is_told() {
    use crate::{
        Resource,
        dialect::{standardise_patch, standardise_resource},
        patch,
        resource::project::Projection,
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
        resource.modify(&patch::parse(body).unwrap(), &rt).unwrap();
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
    let error = Path::parse(&long).unwrap_err();
    assert!(error.detail().len() < 200, "{}", error.detail());
}
