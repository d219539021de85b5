//! One attribute's value against its definition (RFC 7643 §2.3 to §2.5).
//!
//! Everything that enters a document passes through here, from a POST, a PUT or a PATCH alike:
//! types are checked, names get their canonical spelling and schema order, and what means
//! "unassigned" (null, an empty list, an object with nothing in it) becomes `None`. What a detail
//! says of a bad value is its JSON type and never its content, which may name a person.

use std::{collections::HashSet, sync::Arc};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Map, Value};

use super::{Unknown, location::Location};
use crate::{
    Error, Timestamp,
    schema::{Attribute, Mutability, Type},
    value::fold,
};

/// The value of an attribute, in canonical form; `None` when it leaves the attribute unassigned.
/// A `readOnly` attribute is always `None`: what clients say about it is ignored.
pub(crate) fn attribute(
    value: Value,
    attribute: &Attribute,
    at: &Location,
    unknown: Unknown,
) -> Result<Option<Value>, Error> {
    if attribute.mutability == Mutability::ReadOnly || value.is_null() {
        return Ok(None);
    }
    if !attribute.multi_valued {
        return element(value, attribute, at, unknown);
    }
    let Value::Array(given) = value else {
        return Err(wrong_type(at, "a list", &value, "Send a JSON array, also for a single value."));
    };
    let list = elements(given, attribute, at, unknown)?;
    Ok(if list.is_empty() { None } else { Some(Value::Array(list)) })
}

/// The elements of a multi-valued attribute; equal ones collapse into the first.
pub(crate) fn elements(
    given: Vec<Value>,
    attribute: &Attribute,
    at: &Location,
    unknown: Unknown,
) -> Result<Vec<Value>, Error> {
    let mut list = Vec::with_capacity(given.len());
    for (index, value) in given.into_iter().enumerate() {
        list.extend(element(value, attribute, &at.index(index), unknown)?);
    }
    if list.len() < 2 {
        return Ok(list);
    }
    let mut seen = HashSet::with_capacity(list.len());
    let keep: Vec<bool> = list.iter().map(|element| seen.insert(element)).collect();
    if keep.contains(&false) {
        let mut keep = keep.into_iter();
        list.retain(|_| keep.next().unwrap_or(true));
    }
    Ok(list)
}

/// One value of an attribute: the value itself, or one element of its list.
pub(crate) fn element(
    value: Value,
    attribute: &Attribute,
    at: &Location,
    unknown: Unknown,
) -> Result<Option<Value>, Error> {
    match value {
        Value::Null => Ok(None),
        Value::Object(given) if attribute.is_complex() => {
            let object = object(given, &attribute.sub_attributes, at, unknown)?;
            Ok(if object.is_empty() { None } else { Some(Value::Object(object)) })
        }
        value => simple(value, attribute, at).map(Some),
    }
}

/// An object whose keys are names of these attributes: the value of a complex attribute, or the
/// content of an extension. The result has canonical names in schema order.
pub(crate) fn object(
    given: Map<String, Value>,
    attributes: &[Arc<Attribute>],
    at: &Location,
    unknown: Unknown,
) -> Result<Map<String, Value>, Error> {
    let mut slots: Vec<Option<Value>> = vec![None; attributes.len()];
    let mut seen = vec![false; attributes.len()];
    for (name, value) in given {
        let Some(position) = attributes.iter().position(|known| known.name.eq_ignore_ascii_case(&name)) else {
            unknown_attribute(&at.name(&name), unknown)?;
            continue;
        };
        if let (Some(known), Some(slot), Some(seen)) =
            (attributes.get(position), slots.get_mut(position), seen.get_mut(position))
        {
            let at = at.name(&known.name);
            if std::mem::replace(seen, true) {
                return Err(given_twice(&at));
            }
            *slot = attribute(value, known, &at, unknown)?;
        }
    }
    let named = attributes.iter().zip(slots);
    Ok(named.filter_map(|(known, value)| Some((known.name.clone(), value?))).collect())
}

/// Nothing, or the refusal of an attribute that no schema defines.
pub(crate) fn unknown_attribute(at: &Location, unknown: Unknown) -> Result<(), Error> {
    match unknown {
        Unknown::Ignore => Ok(()),
        Unknown::Refuse => Err(Error::syntax(format!(
            "\"{at}\" is not an attribute of this resource type. Leave it out, or send a name that /Schemas lists."
        ))),
    }
}

/// The refusal of one attribute in two spellings.
pub(crate) fn given_twice(at: &Location) -> Error {
    Error::syntax(format!(
        "{at} is given more than once, in different case. Names are compared without case: send one."
    ))
}

/// Whether two canonical values of an attribute are the same to this server: text is compared as
/// `caseExact` says, everything else as JSON.
pub(crate) fn same(attribute: &Attribute, a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(attribute, a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, a)| {
                    let sub = attribute.sub_attribute(name);
                    b.get(name).is_some_and(|b| sub.map_or(a == b, |sub| same(sub, a, b)))
                })
        }
        (Value::String(a), Value::String(b)) if !attribute.case_exact => a == b || fold(a) == fold(b),
        (a, b) => a == b,
    }
}

fn simple(value: Value, attribute: &Attribute, at: &Location) -> Result<Value, Error> {
    let wrong = |what, send| Err(wrong_type(at, what, &value, send));
    match (attribute.kind, &value) {
        // A reference is a URI by the RFC; what providers send in profileUrl often is none.
        (Type::String | Type::Reference, Value::String(_))
        | (Type::Boolean, Value::Bool(_))
        | (Type::Decimal, Value::Number(_)) => Ok(value),
        // JSON with a fraction or an exponent is read as a float, which an integer must not have.
        (Type::Integer, Value::Number(number)) if !number.is_f64() => Ok(value),
        (Type::DateTime, Value::String(text)) if is_date_time(text) => Ok(value),
        (Type::Binary, Value::String(text)) if is_base64(text) => Ok(value),
        (Type::Binary, Value::String(_)) => {
            Err(Error::value(format!("{at} is not base64. Send base64 or base64url (RFC 4648 §4 or §5).")))
        }
        (Type::DateTime, Value::String(_)) => Err(Error::value(format!(
            "{at} is not a date with a time. Send an xsd:dateTime such as 2011-05-13T04:42:34Z."
        ))),
        (Type::String, _) => wrong("a string", "Send a JSON string."),
        (Type::Reference, _) => wrong("a reference", "Send a URI as a JSON string."),
        (Type::Boolean, _) => wrong("a boolean", "Send true or false."),
        (Type::Decimal, _) => wrong("a decimal", "Send a JSON number."),
        (Type::Integer, _) => wrong("an integer", "Send a JSON number without fraction or exponent."),
        (Type::DateTime, _) => wrong("a dateTime", "Send an xsd:dateTime string such as 2011-05-13T04:42:34Z."),
        (Type::Binary, _) => wrong("binary", "Send a base64 string."),
        (Type::Complex, _) => wrong("a complex attribute", "Send a JSON object with its sub-attributes."),
    }
}

fn wrong_type(at: &Location, expected: &str, found: &Value, send: &str) -> Error {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Error::value(format!("{at} must be {expected}, but {found} was sent. {send}"))
}

/// xsd:dateTime as RFC 7643 §2.3.5 wants it: a date, `T`, a time to the second, and no more than a
/// fraction and an offset behind it.
fn is_date_time(text: &str) -> bool {
    let shape_is_right = text.split_once('T').is_some_and(|(date, time)| {
        let clock = time.get(..8).unwrap_or_default();
        let date = date.strip_prefix('-').unwrap_or(date);
        date.split('-').count() == 3
            && clock.split(':').count() == 3
            && text.bytes().all(|byte| byte.is_ascii_digit() || b"-+:.TZ".contains(&byte))
    });
    shape_is_right && Timestamp::parse(text).is_some()
}

fn is_base64(text: &str) -> bool {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    STANDARD.decode(text).is_ok() || URL_SAFE.decode(text).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(kind: Type, value: &Value, expect: Result<(), &str>) {
        let attribute = Attribute { name: "x".to_owned(), kind, ..text() };
        let result = simple(value.clone(), &attribute, &Location::core("x"));
        match (result, expect) {
            (Ok(kept), Ok(())) => assert_eq!(&kept, value),
            (Err(error), Err(part)) => assert!(error.detail().contains(part), "{}", error.detail()),
            (result, expect) => panic!("{value}: {result:?}, expected {expect:?}"),
        }
    }

    fn text() -> Attribute {
        serde_json::from_value(json!({"name": "x"})).unwrap()
    }

    #[test]
    fn each_type_takes_its_json_form() {
        check(Type::String, &json!("a"), Ok(()));
        check(Type::String, &json!(1), Err("x must be a string, but a number was sent"));
        check(Type::Boolean, &json!(true), Ok(()));
        check(Type::Boolean, &json!("true"), Err("Send true or false"));
        check(Type::Integer, &json!(-7), Ok(()));
        check(Type::Integer, &json!(1.0), Err("without fraction"));
        check(Type::Integer, &serde_json::from_str("1e2").unwrap(), Err("without fraction"));
        check(Type::Decimal, &json!(1.5), Ok(()));
        check(Type::Decimal, &json!("1.5"), Err("JSON number"));
        check(Type::Reference, &json!("BAPNQLJSRQGD"), Ok(()));
        check(Type::DateTime, &json!("2011-05-13T04:42:34Z"), Ok(()));
        check(Type::DateTime, &json!("2011-05-13T04:42:34.5+02:00"), Ok(()));
        check(Type::DateTime, &json!("2011-05-13"), Err("date with a time"));
        check(Type::DateTime, &json!("2011-05-13T04:42Z"), Err("date with a time"));
        check(Type::DateTime, &json!("2011-05-13T04:42:34Z[UTC]"), Err("date with a time"));
        check(Type::Binary, &json!("aGk="), Ok(()));
        check(Type::Binary, &json!("aGk"), Ok(()));
        check(Type::Binary, &json!("-_-_"), Ok(()));
        check(Type::Binary, &json!("+/-_"), Err("base64"));
        check(Type::Binary, &json!("a"), Err("base64"));
        check(Type::Complex, &json!("a"), Err("sub-attributes"));
    }

    #[test]
    fn a_detail_never_repeats_the_value() {
        let error = simple(json!("hunter2"), &Attribute { kind: Type::Boolean, ..text() }, &Location::core("x"));
        assert!(!error.unwrap_err().to_string().contains("hunter2"));
    }

    #[test]
    fn equal_elements_collapse() {
        let attribute = text();
        let list = elements(
            vec![json!("a"), json!("b"), json!(null), json!("a")],
            &attribute,
            &Location::core("x"),
            Unknown::Ignore,
        );
        assert_eq!(list.unwrap(), [json!("a"), json!("b")]);
    }

    #[test]
    fn sameness_follows_case_exact() {
        let exact = Attribute { case_exact: true, ..text() };
        assert!(same(&text(), &json!("A"), &json!("a")));
        assert!(!same(&exact, &json!("A"), &json!("a")));
        assert!(same(&exact, &json!(["A"]), &json!(["A"])));
    }
}
