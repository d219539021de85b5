//! Rewrites of the value of one attribute, wherever it stands: in the body of a POST or PUT, in the
//! value object of an operation, or behind a path.

use serde_json::{Map, Value, json};

use super::{Rewrite, Strict, Transform};
use crate::schema::{Attribute, Type};

/// What a value is the value of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) attribute: &'a Attribute,
    /// Whether it stands for all values of a multi-valued attribute, and not for one of them.
    pub(super) is_list: bool,
}

impl Site<'_> {
    /// Whether it is one of several references, such as a member. Each must have an id: an empty one is an error, and
    /// must not become an empty list that empties a group.
    fn is_element_that_refers(&self) -> bool {
        self.attribute.multi_valued && !self.is_list && self.attribute.sub_attribute("$ref").is_some()
    }
}

pub(super) const REWRITES: &[Rewrite] = &[
    Rewrite {
        name: "list-around-a-single-value",
        sent_by: &["Okta (reported)", "Entra ID"],
        sent: r#"{"op":"replace","path":"active","value":[false]}"#,
        standard: r#"{"op":"replace","path":"active","value":false}"#,
        because: "An attribute with one value cannot take a list; a list of one can only mean its element, an empty one no value.",
        in_strict: Strict::Refused,
        step: Transform::Value(list_around_a_single_value),
    },
    Rewrite {
        name: "empty-string",
        sent_by: &["Entra ID", "Okta (reported)"],
        sent: r#"{"op":"replace","path":"title","value":""}"#,
        standard: r#"{"op":"replace","path":"title","value":null}"#,
        because: "Entra ID clears an attribute by setting it to an empty string; a required attribute keeps it and is refused.",
        in_strict: Strict::Refused,
        step: Transform::Value(empty_string),
    },
    Rewrite {
        name: "single-value-for-a-list",
        sent_by: &["hand-written clients"],
        sent: r#"{"op":"replace","path":"emails","value":{"value":"b@blick.name","type":"work"}}"#,
        standard: r#"{"op":"replace","path":"emails","value":[{"value":"b@blick.name","type":"work"}]}"#,
        because: "RFC 7644 §3.5.2.1 allows one new value without a list for add, and elsewhere it can mean nothing else.",
        in_strict: Strict::Refused,
        step: Transform::Value(single_value_for_a_list),
    },
    Rewrite {
        name: "bare-value",
        sent_by: &["Entra ID"],
        sent: r#"{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":"26118915"}"#,
        standard: r#"{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":{"value":"26118915"}}"#,
        because: "Entra ID maps manager as text; the significant value of a complex attribute is its value sub-attribute (RFC 7643 §2.4).",
        in_strict: Strict::Refused,
        step: Transform::Value(bare_value),
    },
    Rewrite {
        name: "element-with-empty-value",
        sent_by: &["Entra ID"],
        sent: r#"{"op":"replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":{"value":""}}"#,
        standard: r#"{"op":"replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":null}"#,
        because: "Entra ID takes a manager away by setting an empty id; afterwards its validator wants the attribute to be absent.",
        in_strict: Strict::Refused,
        step: Transform::Value(element_with_empty_value),
    },
    Rewrite {
        name: "boolean-as-string",
        sent_by: &["Entra ID"],
        sent: r#"{"op":"replace","path":"active","value":"False"}"#,
        standard: r#"{"op":"replace","path":"active","value":false}"#,
        because: "Entra ID writes booleans as True and False in quotes: active without its flag, and primary of roles always.",
        in_strict: Strict::Refused,
        step: Transform::Value(boolean_as_string),
    },
    Rewrite {
        name: "primary-that-is-no-boolean",
        sent_by: &["Entra ID (one version of its validator)"],
        sent: r#"{"op":"replace","path":"phoneNumbers","value":[{"value":"1","primary":"1-648-081-5815 x2534"}]}"#,
        standard: r#"{"op":"replace","path":"phoneNumbers","value":[{"value":"1","primary":null}]}"#,
        because: "The rest of the number is good, and a preference that is neither yes nor no is not asserted.",
        in_strict: Strict::Refused,
        step: Transform::Value(primary_that_is_no_boolean),
    },
    Rewrite {
        name: "number-as-string",
        sent_by: &["providers whose mappings know only text"],
        sent: r#"{"loginCount":"7"}"#,
        standard: r#"{"loginCount":7}"#,
        because: "Text mappings write the number into quotes; only what is exactly a number is taken as one.",
        in_strict: Strict::Refused,
        step: Transform::Value(number_as_string),
    },
];

fn list_around_a_single_value(value: &mut Value, site: &Site) {
    if site.is_list {
        return;
    }
    if let Value::Array(list) = value
        && list.len() <= 1
        && !list.iter().any(Value::is_array)
    {
        *value = list.pop().unwrap_or(Value::Null);
    }
}

fn empty_string(value: &mut Value, site: &Site) {
    if value == "" && !site.attribute.required && !site.is_element_that_refers() {
        *value = Value::Null;
    }
}

fn single_value_for_a_list(value: &mut Value, site: &Site) {
    if site.is_list && !value.is_array() && !value.is_null() {
        *value = json!([value.take()]);
    }
}

fn bare_value(value: &mut Value, site: &Site) {
    let is_complex = site.attribute.is_complex() && !site.is_list;
    if is_complex && value.is_string() && site.attribute.sub_attribute("value").is_some() {
        *value = json!({ "value": value.take() });
    }
}

fn element_with_empty_value(value: &mut Value, site: &Site) {
    let is_complex = site.attribute.is_complex() && !site.is_list && !site.is_element_that_refers();
    let Value::Object(object) = value else { return };
    let is_there = |name| member(object, name).is_some_and(|value| !value.is_null() && value != "");
    if is_complex && member(object, "value").is_some_and(|value| value == "") && !is_there("$ref") {
        *value = Value::Null;
    }
}

fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn boolean_as_string(value: &mut Value, site: &Site) {
    if site.attribute.kind == Type::Boolean
        && let Value::String(text) = value
        && let Ok(boolean) = text.to_ascii_lowercase().parse()
    {
        *value = Value::Bool(boolean);
    }
}

fn primary_that_is_no_boolean(value: &mut Value, site: &Site) {
    let is_primary = site.attribute.kind == Type::Boolean && site.attribute.name.eq_ignore_ascii_case("primary");
    if is_primary && value.is_string() {
        *value = Value::Null;
    }
}

fn number_as_string(value: &mut Value, site: &Site) {
    let Value::String(text) = value else { return };
    let number = match site.attribute.kind {
        Type::Integer => text.parse::<i64>().ok().map(Value::from),
        Type::Decimal => text.parse::<serde_json::Number>().ok().map(Value::Number),
        _ => None,
    };
    if let Some(number) = number {
        *value = number;
    }
}
