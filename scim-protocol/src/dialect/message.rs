//! Rewrites of a PATCH body as a whole.

use serde_json::{Map, Value, json};

use super::{Rewrite, Strict, Transform};
use crate::patch::PATCH_OP_SCHEMA;

pub(super) const REWRITES: &[Rewrite] = &[
    Rewrite {
        name: "operations-alone",
        sent_by: &["bulk clients", "several test suites"],
        sent: r#"[{"op":"remove","path":"title"}]"#,
        standard: r#"{"Operations":[{"op":"remove","path":"title"}],"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}"#,
        because: "RFC 7644 figure 11 shows the data of a bulk PATCH as the list of operations, without the message around it.",
        in_strict: Strict::Refused,
        step: Transform::Message(operations_alone),
    },
    Rewrite {
        name: "message-keys-in-any-case",
        sent_by: &["OneLogin", "clients written against SCIM 1.1"],
        sent: r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"operations":[{"op":"remove","path":"title"}]}"#,
        standard: r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"title"}]}"#,
        because: "Attribute names are compared without case (RFC 7643 §2.1), and clients take that to hold for messages too.",
        in_strict: Strict::Taken,
        step: Transform::Message(message_keys_in_any_case),
    },
    Rewrite {
        name: "one-operation-without-list",
        sent_by: &["hand-written clients"],
        sent: r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":{"op":"remove","path":"title"}}"#,
        standard: r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"title"}]}"#,
        because: "A single operation can only mean a list of one.",
        in_strict: Strict::Refused,
        step: Transform::Message(one_operation_without_list),
    },
    Rewrite {
        name: "patch-schemas-of-another-spelling",
        sent_by: &["hand-written clients", "clients written against drafts"],
        sent: r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:PatchOp"],"Operations":[{"op":"remove","path":"title"}]}"#,
        standard: r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"title"}]}"#,
        because: "A URN that ends in PatchOp, in the body of a PATCH, can mean nothing else.",
        in_strict: Strict::Refused,
        step: Transform::Message(patch_schemas_of_another_spelling),
    },
    Rewrite {
        name: "patch-schemas-left-out",
        sent_by: &["Okta", "OneLogin"],
        sent: r#"{"Operations":[{"op":"replace","value":{"active":false}}]}"#,
        standard: r#"{"Operations":[{"op":"replace","value":{"active":false}}],"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}"#,
        because: "The endpoint and the method already say which message this is.",
        in_strict: Strict::Refused,
        step: Transform::Message(patch_schemas_left_out),
    },
];

fn operations_alone(body: &mut Value) {
    if body.is_array() {
        *body = json!({ "Operations": body.take() });
    }
}

fn message_keys_in_any_case(body: &mut Value) {
    if let Value::Object(message) = body {
        canonical_key(message, "Operations");
        canonical_key(message, "schemas");
    }
}

/// Gives a key its canonical spelling, unless the message also has that key: then it is not clear which one is meant.
pub(super) fn canonical_key(object: &mut Map<String, Value>, canonical: &str) {
    if object.contains_key(canonical) {
        return;
    }
    let found = object.keys().find(|key| key.eq_ignore_ascii_case(canonical)).cloned();
    if let Some(value) = found.and_then(|key| object.shift_remove(&key)) {
        object.insert(canonical.to_owned(), value);
    }
}

fn one_operation_without_list(body: &mut Value) {
    if let Some(operations @ Value::Object(_)) = body.get_mut("Operations") {
        *operations = json!([operations.take()]);
    }
}

fn patch_schemas_of_another_spelling(body: &mut Value) {
    let is_patch_op = |urn: &str| urn.rsplit(':').next().is_some_and(|name| name.eq_ignore_ascii_case("PatchOp"));
    for urn in body.get_mut("schemas").and_then(Value::as_array_mut).into_iter().flatten() {
        if urn.as_str().is_some_and(is_patch_op) {
            *urn = PATCH_OP_SCHEMA.into();
        }
    }
}

fn patch_schemas_left_out(body: &mut Value) {
    if let Value::Object(message) = body
        && message.get("schemas").is_none_or(|schemas| schemas.is_null() || *schemas == json!([]))
    {
        message.insert("schemas".to_owned(), json!([PATCH_OP_SCHEMA]));
    }
}
