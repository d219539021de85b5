//! Whether a document satisfies a filter.
//!
//! A comparison with a multi-valued attribute holds when it holds for any element (RFC 7644
//! §3.4.2.2); in brackets, one element must satisfy everything. `ne` holds for what is unassigned.

use std::{borrow::Cow, cmp::Ordering};

use serde_json::{Map, Number, Value};

use super::{BoundFilter, CompareOperator, Operand};
use crate::{
    Timestamp,
    path::BoundPath,
    schema::Attribute,
    value::{fold_cow, is_plain},
};

pub(super) fn matches(filter: &BoundFilter, document: &Map<String, Value>) -> bool {
    match filter {
        BoundFilter::And(all) => all.iter().all(|filter| matches(filter, document)),
        BoundFilter::Or(all) => all.iter().any(|filter| matches(filter, document)),
        BoundFilter::Not(inner) => !matches(inner, document),
        BoundFilter::Compare { path, operator, operand } => match (at(path, document), absent_means(path)) {
            (None, Some(meant)) if *operand != Operand::Null => compare(&Value::Bool(meant), *operator, operand),
            (value, _) => compare_any(value, path.sub_attribute.as_deref(), *operator, operand),
        },
        BoundFilter::Present(path) => present_any(at(path, document), path.sub_attribute.as_deref()),
        BoundFilter::ValuePath { path, filter } => at(path, document)
            .is_some_and(|value| elements(value).iter().any(|element| matches_element(filter, element))),
    }
}

pub(super) fn matches_element(filter: &BoundFilter, element: &Value) -> bool {
    match filter {
        BoundFilter::And(all) => all.iter().all(|filter| matches_element(filter, element)),
        BoundFilter::Or(all) => all.iter().any(|filter| matches_element(filter, element)),
        BoundFilter::Not(inner) => !matches_element(inner, element),
        BoundFilter::Compare { path, operator, operand } => {
            compare_any(Some(element), path.sub_attribute.as_deref(), *operator, operand)
        }
        BoundFilter::Present(path) => present_any(Some(element), path.sub_attribute.as_deref()),
        // The grammar has no brackets inside brackets.
        BoundFilter::ValuePath { .. } => false,
    }
}

/// The value of the attribute, or of the whole extension.
fn at<'d>(path: &BoundPath, document: &'d Map<String, Value>) -> Option<&'d Value> {
    match (&path.extension, &path.attribute) {
        (None, Some(attribute)) => document.get(&attribute.name),
        (Some(urn), None) => document.get(&**urn),
        (Some(urn), Some(attribute)) => document.get(&**urn)?.get(&attribute.name),
        (None, None) => None,
    }
}

/// The meaning of the attribute's absence, if its schema defines one.
fn absent_means(path: &BoundPath) -> Option<bool> {
    path.attribute.as_ref().filter(|_| path.sub_attribute.is_none()).and_then(|attribute| attribute.absent_means)
}

/// The elements of a list; one value is a list of one.
fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(elements) => elements,
        single => std::slice::from_ref(single),
    }
}

fn present_any(value: Option<&Value>, sub_attribute: Option<&Attribute>) -> bool {
    let Some(value) = value else { return false };
    match sub_attribute {
        None => is_present(value),
        Some(sub) => elements(value).iter().any(|element| element.get(&sub.name).is_some_and(is_present)),
    }
}

/// RFC 7644 table 3, `pr`: not null, and not an empty text, list or object.
fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => !elements.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

fn compare_any(
    value: Option<&Value>,
    sub_attribute: Option<&Attribute>,
    operator: CompareOperator,
    operand: &Operand,
) -> bool {
    if *operand == Operand::Null {
        return present_any(value, sub_attribute) == (operator == CompareOperator::Ne);
    }
    let unassigned = operator == CompareOperator::Ne;
    match value.map(elements) {
        None | Some([]) => unassigned,
        Some(all) => all.iter().any(|element| match sub_attribute {
            None => compare_each(element, operator, operand),
            Some(sub) => element.get(&sub.name).map_or(unassigned, |value| compare_each(value, operator, operand)),
        }),
    }
}

/// A sub-attribute may itself be a list of simple values.
fn compare_each(value: &Value, operator: CompareOperator, operand: &Operand) -> bool {
    elements(value).iter().any(|value| compare(value, operator, operand))
}

fn compare(value: &Value, operator: CompareOperator, operand: &Operand) -> bool {
    match (operand, value) {
        (Operand::Text { value: wanted, case_exact }, Value::String(text)) => {
            compare_text(text, operator, wanted, *case_exact)
        }
        (Operand::Boolean(wanted), Value::Bool(found)) => ordered(operator, found.cmp(wanted)),
        (Operand::DateTime(wanted), Value::String(text)) => {
            Timestamp::parse(text).map_or(operator == CompareOperator::Ne, |found| ordered(operator, found.cmp(wanted)))
        }
        (Operand::Number(wanted), Value::Number(found)) => {
            compare_numbers(found, wanted).map_or(operator == CompareOperator::Ne, |order| ordered(operator, order))
        }
        _ => operator == CompareOperator::Ne,
    }
}

fn ordered(operator: CompareOperator, order: Ordering) -> bool {
    match operator {
        CompareOperator::Eq => order.is_eq(),
        CompareOperator::Ne => order.is_ne(),
        CompareOperator::Gt => order.is_gt(),
        CompareOperator::Ge => order.is_ge(),
        CompareOperator::Lt => order.is_lt(),
        CompareOperator::Le => order.is_le(),
        CompareOperator::Co | CompareOperator::Sw | CompareOperator::Ew => false,
    }
}

/// `wanted` is folded already unless case counts.
fn compare_text(text: &str, operator: CompareOperator, wanted: &str, case_exact: bool) -> bool {
    // By far the most frequent comparison, made without a copy.
    if !case_exact && is_plain(text) && matches!(operator, CompareOperator::Eq | CompareOperator::Ne) {
        return text.trim_matches(' ').eq_ignore_ascii_case(wanted) == (operator == CompareOperator::Eq);
    }
    let text = if case_exact { Cow::Borrowed(text) } else { fold_cow(text) };
    match operator {
        CompareOperator::Co => text.contains(wanted),
        CompareOperator::Sw => text.starts_with(wanted),
        CompareOperator::Ew => text.ends_with(wanted),
        _ => ordered(operator, (*text).cmp(wanted)),
    }
}

fn compare_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    let whole = |number: &Number| number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{filter::Filter, schema::SchemaRegistry};

    fn document() -> Map<String, Value> {
        let Value::Object(document) = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": "2819c223",
            "externalId": "bJensen",
            "userName": "bjensen@Example.com",
            "name": {"familyName": "O'Malley", "givenName": "Bärbel"},
            "title": "",
            "userType": "Employee",
            "active": true,
            "emails": [
                {"type": "work", "value": "bjensen@example.com", "primary": true},
                {"type": "home", "value": "babs@jensen.org"},
                {"value": "untyped@example.net"}
            ],
            "ims": [{"type": "xmpp", "value": "foo@foo.com"}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
                "employeeNumber": "701984",
                "manager": {"value": "26118915"}
            },
            "meta": {"resourceType": "User", "lastModified": "2011-05-13T04:42:34.000Z"}
        }) else {
            unreachable!()
        };
        document
    }

    #[track_caller]
    fn check(filter: &str, expect: bool) {
        let registry = SchemaRegistry::core();
        let user = registry.resource_type("User").unwrap();
        let bound =
            Filter::parse(filter).and_then(|filter| filter.bind(user)).unwrap_or_else(|e| panic!("{filter}: {e}"));
        assert_eq!(bound.matches(&document()), expect, "{filter}");
    }

    /// RFC 7644 figure 2.
    #[test]
    fn the_filters_of_the_rfc() {
        check(r#"userName eq "bjensen""#, false);
        check(r#"userName eq "BJENSEN@example.com""#, true);
        check(r#"name.familyName co "O'Malley""#, true);
        check(r#"userName sw "J""#, false);
        check(r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "B""#, true);
        check("title pr", false);
        check(r#"meta.lastModified gt "2011-05-13T04:42:34Z""#, false);
        check(r#"meta.lastModified ge "2011-05-13T04:42:34Z""#, true);
        check(r#"meta.lastModified ge "2011-05-13T06:42:34+02:00""#, true);
        check(r#"meta.lastModified lt "2011-05-13T04:42:34Z""#, false);
        check(r#"meta.lastModified le "2011-05-13T04:42:34Z""#, true);
        check(r#"title pr and userType eq "Employee""#, false);
        check(r#"title pr or userType eq "Intern""#, false);
        check(r#"title pr or userType eq "employee""#, true);
        check(r#"schemas eq "urn:ietf:params:scim:schemas:core:2.0:user""#, true);
        check(r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#, false);
        check(r#"userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")"#, true);
        check(r#"userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")"#, false);
        check(r#"userType eq "Employee" and (emails.type eq "work")"#, true);
        check(r#"userType eq "Employee" and emails[type eq "work" and value co "@example.com"]"#, true);
        check(
            r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]"#,
            true,
        );
    }

    #[test]
    fn multi_valued_attributes_match_by_any_element() {
        check(r#"emails.type eq "home""#, true);
        check(r#"emails eq "BABS@jensen.org""#, true);
        check(r#"emails.type eq "work" and emails.value eq "babs@jensen.org""#, true);
        check(r#"emails[type eq "work" and value eq "babs@jensen.org"]"#, false);
        check(r#"emails[type eq "home"].value eq "babs@jensen.org""#, true);
        check(r#"emails[type eq "work"].value eq "babs@jensen.org""#, false);
        check(r#"emails[primary eq "True"].value co "bjensen""#, true);
        check("emails[not (type pr)]", true);
        check(r#"emails[type eq "fax" or value sw "untyped"]"#, true);
        check(r#"emails[type eq "fax"]"#, false);
        check(r#"phoneNumbers[type eq "fax"]"#, false);
        check("emails.primary eq true", true);
        check("emails.primary eq false", false);
        // A condition on the one value of a complex attribute.
        check(r#"name[familyName sw "o'" and givenName pr]"#, true);
    }

    #[test]
    fn ne_and_unassigned_attributes() {
        check(r#"emails.type ne "work""#, true);
        check(r#"not (emails.type eq "work")"#, false);
        check(r#"ims.type ne "xmpp""#, false);
        check(r#"nickName ne "Babs""#, true);
        check(r#"nickName eq "Babs""#, false);
        check(r#"not (nickName eq "Babs")"#, true);
        check(r#"nickName gt "a""#, false);
        check(r#"userName ne "BJENSEN@example.com""#, false);
        check("nickName eq null", true);
        check("nickName ne null", false);
        check("title eq null", true);
        check("userName ne null", true);
        check("emails.type eq null", false);
        check("photos.type eq null", true);
        check("emails[type eq null]", true);
        check(r#"emails[type ne "work" and type ne "home"]"#, true);
    }

    /// A user without `active` is active; `pr` still says what is there.
    #[test]
    fn an_absent_boolean_has_the_meaning_that_its_schema_gives_it() {
        let registry = SchemaRegistry::core();
        let user = registry.resource_type("User").unwrap();
        for (filter, expect) in [
            ("active eq true", true),
            ("active eq false", false),
            ("active ne false", true),
            ("active ne true", false),
            ("not (active eq true)", false),
            (r#"active eq "True""#, true),
            ("active pr", false),
            ("active eq null", true),
            ("active ne null", false),
        ] {
            let bound = Filter::parse(filter).unwrap().bind(user).unwrap();
            assert_eq!(bound.matches(&Map::new()), expect, "{filter}");
        }
    }

    #[test]
    fn presence() {
        check("userName pr", true);
        check("emails pr", true);
        check("emails.primary pr", true);
        check("emails.display pr", false);
        check("name.middleName pr", false);
        check("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr", true);
        check("manager pr", true);
        check("department pr", false);
    }

    #[test]
    fn text_with_and_without_case() {
        check(r#"externalId eq "bJensen""#, true);
        check(r#"externalId eq "bjensen""#, false);
        check(r#"externalId co "Jen""#, true);
        check(r#"externalId sw "bj""#, false);
        check(r#"userName ew ".COM""#, true);
        check(r#"userName co """#, true);
        check(r#"name.givenName eq "BÄRBEL""#, true);
        check("name.givenName eq \"BA\\u0308RBEL\"", true);
        check(r#"name.givenName sw "bär""#, true);
        check(r#"userName gt "BJENSEN""#, true);
        check(r#"userName lt "bjz""#, true);
        check(r#"userName le "bjensen@example.com""#, true);
        check("employeeNumber eq 701984", true);
        check(r#"manager eq "26118915""#, true);
    }

    #[track_caller]
    fn check_numbers(left: &Value, operator: CompareOperator, right: &Value, expect: bool) {
        let Value::Number(number) = right else { unreachable!() };
        assert_eq!(compare(left, operator, &Operand::Number(number.clone())), expect, "{left} {operator:?} {right}");
    }

    #[test]
    fn numbers_compare_by_value() {
        use CompareOperator::{Eq, Ge, Gt, Lt, Ne};
        check_numbers(&json!(1), Eq, &json!(1.0), true);
        check_numbers(&json!(-1), Lt, &json!(u64::MAX), true);
        check_numbers(&json!(u64::MAX), Gt, &json!(i64::MAX), true);
        check_numbers(&json!(9_007_199_254_740_993_i64), Eq, &json!(9_007_199_254_740_992_i64), false);
        check_numbers(&json!(2.5), Ge, &json!(2), true);
        check_numbers(&json!("2"), Eq, &json!(2), false);
        check_numbers(&json!("2"), Ne, &json!(2), true);
    }
}
