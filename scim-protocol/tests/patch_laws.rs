//! Laws of PATCH, for any document and any request.

#![allow(clippy::unwrap_used, reason = "this is a test")]

use std::sync::LazyLock;

use proptest::{collection::vec, prelude::*, sample::select};
use scim_protocol::{
    Error, Resource,
    dialect::{standardise_patch, standardise_resource},
    patch,
    schema::{ResourceType, SchemaRegistry, Strictness},
};
use serde_json::{Map, Value, json};

static USER: LazyLock<ResourceType> =
    LazyLock::new(|| ResourceType::clone(SchemaRegistry::core().resource_type("User").unwrap()));

const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn modify(resource: &Resource, operations: &Value) -> Result<Resource, Error> {
    let mut body = json!({ "Operations": operations });
    standardise_patch(&mut body, &USER);
    patch::apply(resource, &patch::parse(body)?, &USER)
}

fn word() -> impl Strategy<Value = String> {
    select(vec!["a", "b", "work", "home", "B", "ß", "x@y.org", " "]).prop_map(str::to_owned)
}

fn element() -> impl Strategy<Value = Value> {
    (word(), proptest::option::of(word()), proptest::option::of(any::<bool>())).prop_map(|(value, kind, primary)| {
        let mut element = json!({ "value": value });
        if let Some(kind) = kind {
            element["type"] = kind.into();
        }
        if let Some(primary) = primary {
            element["primary"] = primary.into();
        }
        element
    })
}

/// A valid user: in each list, at most one element is primary.
fn user() -> impl Strategy<Value = Resource> {
    (word(), vec(element(), 0..4), vec(element(), 0..4), proptest::option::of(word()), proptest::option::of(word()))
        .prop_map(|(name, mut emails, mut roles, title, department)| {
            for list in [&mut emails, &mut roles] {
                for element in list.iter_mut().skip(1) {
                    element["primary"] = false.into();
                }
            }
            let body = json!({
                "userName": format!("u{name}"), "title": title, "emails": emails, "roles": roles,
                "name": {"givenName": name}, ENT: {"department": department}
            });
            Resource::create(body, &USER).unwrap()
        })
}

fn path() -> impl Strategy<Value = String> {
    let paths = [
        "title",
        "userName",
        "name",
        "name.givenName",
        "active",
        "emails",
        "emails.type",
        "emails[type eq \"work\"]",
        "emails[type eq \"work\"].value",
        "emails[value eq \"a\"].primary",
        "roles[primary eq \"True\"].value",
        "roles[not (type pr)]",
        "schemas",
        "id",
        "meta.version",
        "manager",
        "nonsense",
        "emails[",
        ENT,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
    ];
    select(paths.to_vec()).prop_map(str::to_owned)
}

/// Any JSON at all, with keys that mean something here and there.
fn any_json() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        path(),
        select(vec!["value", "type", "primary", "$ref", "Value", "op", "path"]).prop_map(str::to_owned)
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word().prop_map(Value::from),
        select(vec!["", "True", "false", "1"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((key.clone(), inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn any_operation() -> impl Strategy<Value = Value> {
    let op = select(vec!["add", "Replace", "remove", "move"]);
    (op, proptest::option::of(path()), proptest::option::of(any_json())).prop_map(|(op, path, value)| {
        let mut operation = json!({ "op": op });
        if let Some(path) = path {
            operation["path"] = path.into();
        }
        if let Some(value) = value {
            operation["value"] = value;
        }
        operation
    })
}

proptest! {
    /// Whatever comes in, what goes out is a valid document in canonical form.
    #[test]
    fn any_patch_gives_a_valid_document_or_an_error(
        resource in user(),
        operations in vec(any_operation(), 1..5),
        strictness in select(vec![Strictness::Lenient, Strictness::Strict]),
    ) {
        let mut body = json!({ "Operations": operations });
        let rt = ResourceType { strictness, ..ResourceType::clone(&USER) };
        standardise_patch(&mut body, &rt);
        let parsed = patch::parse(body);
        if let Ok(after) = parsed.and_then(|operations| patch::apply(&resource, &operations, &rt)) {
            let again = Resource::create(Value::Object(after.document().clone()), &USER);
            let again = again.map_err(|error| TestCaseError::fail(format!("{error}: {:?}", after.document())))?;
            prop_assert_eq!(
                Value::Object(after.into_document()).to_string(),
                Value::Object(again.into_document()).to_string()
            );
        }
    }

    #[test]
    fn any_body_is_a_message_or_an_error(mut body in any_json()) {
        standardise_patch(&mut body, &USER);
        let standard = body.clone();
        standardise_patch(&mut body, &USER);
        prop_assert_eq!(&standard, &body);
        let _ = patch::parse(body);
    }

    #[test]
    fn any_body_is_a_valid_document_or_an_error(mut body in any_json()) {
        standardise_resource(&mut body, &USER);
        if let Ok(resource) = Resource::create(body, &USER) {
            let again = resource.replace(Value::Object(resource.document().clone()), &USER).unwrap();
            prop_assert_eq!(again, resource);
        }
    }

    /// An operation that has succeeded changes nothing when it is sent again.
    #[test]
    fn replace_is_idempotent(resource in user(), path in path(), value in any_json()) {
        let operation = json!([{"op": "replace", "path": path, "value": value}]);
        if let Ok(once) = modify(&resource, &operation)
            && let Ok(twice) = modify(&once, &operation)
        {
            prop_assert_eq!(once, twice);
        }
    }

    #[test]
    fn add_is_idempotent(resource in user(), emails in vec(element(), 0..4)) {
        let operation = json!([{"op": "add", "path": "emails", "value": emails}]);
        let once = modify(&resource, &operation).unwrap();
        let twice = modify(&once, &operation).unwrap();
        prop_assert_eq!(once, twice);
    }

    /// What was not there and is added can be taken away again, by filter or by list.
    #[test]
    fn add_then_remove_changes_nothing(resource in user(), id in "[0-9]{4}", by_list in any::<bool>()) {
        let remove = if by_list {
            json!({"op": "remove", "path": "emails", "value": [{"value": id}]})
        } else {
            json!({"op": "remove", "path": format!("emails[value eq \"{id}\"]")})
        };
        let operations = json!([{"op": "add", "path": "emails", "value": [{"value": id}]}, remove]);
        prop_assert_eq!(modify(&resource, &operations).unwrap(), resource);
    }

    /// A replacement by what is there is no change at all, so that nothing is written for it.
    #[test]
    fn replacing_a_document_by_itself_changes_nothing(resource in user(), with_path in any::<bool>()) {
        let document = Value::Object(resource.document().clone());
        let operations: Value = if with_path {
            let each = resource.document().iter().map(|(path, value)| json!({"op": "replace", "path": path, "value": value}));
            each.collect::<Vec<_>>().into()
        } else {
            json!([{"op": "replace", "value": document}])
        };
        let after = modify(&resource, &operations).unwrap();
        prop_assert_eq!(Value::Object(after.into_document()).to_string(), document.to_string());
    }

    #[test]
    fn an_error_leaves_the_resource_as_it_was(resource in user(), operations in vec(any_operation(), 0..4)) {
        let before = resource.clone();
        let mut operations = operations;
        operations.push(json!({"op": "remove", "path": "userName"}));
        prop_assert!(modify(&resource, &operations.into()).is_err());
        prop_assert_eq!(resource, before);
    }
}
