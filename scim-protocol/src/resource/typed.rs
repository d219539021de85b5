//! Checks the value of one attribute against its definition (RFC 7643 §2.3 to §2.5).
//!
//! Every value of a POST, a PUT or a PATCH passes through here: its type is checked, names get their canonical
//! spelling and schema order, and "unassigned" (null, an empty list, an empty object) becomes `None`. A detail names
//! the JSON type of a bad value, never its content, which may be personal.

use std::{collections::HashSet, sync::Arc};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Map, Value};

use super::location::Location;
use crate::{
    Error, Timestamp,
    schema::{Attribute, Mutability, Strictness, Type},
    value::fold,
};

/// The value of an attribute, in canonical form; `None` when it leaves the attribute unassigned.
/// A `readOnly` attribute is always `None`: what clients say about it is ignored.
pub(crate) fn attribute(
    value: Value,
    attribute: &Attribute,
    at: &Location,
    strictness: Strictness,
) -> Result<Option<Value>, Error> {
    if attribute.mutability == Mutability::ReadOnly || value.is_null() {
        return Ok(None);
    }
    if !attribute.multi_valued {
        return element(value, attribute, at, strictness);
    }
    let Value::Array(given) = value else {
        return Err(wrong_type(at, "a list", &value, "Send a JSON array, also for a single value."));
    };
    let list = elements(given, attribute, at, strictness)?;
    Ok(if list.is_empty() { None } else { Some(Value::Array(list)) })
}

/// The elements of a multi-valued attribute; equal ones collapse into the first.
///
/// An element that has content but no known attribute is refused: unknown input must not empty a list that had
/// values.
pub(crate) fn elements(
    given: Vec<Value>,
    attribute: &Attribute,
    at: &Location,
    strictness: Strictness,
) -> Result<Vec<Value>, Error> {
    let (mut list, sent) = (Vec::with_capacity(given.len()), given.len());
    for (index, value) in given.into_iter().enumerate() {
        let at = at.index(index);
        let says_something = value.as_object().is_some_and(|object| !object.is_empty());
        match element(value, attribute, &at, strictness)? {
            Some(value) => list.push(value),
            None if says_something => return Err(nothing_left(&at, attribute)),
            // Null and an object of nothing are no element, beside others.
            None => {}
        }
    }
    if list.is_empty() && sent > 0 {
        return Err(nothing_left(at, attribute));
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
    strictness: Strictness,
) -> Result<Option<Value>, Error> {
    match value {
        Value::Null => Ok(None),
        Value::Object(given) if attribute.is_complex() => {
            refuse_wrapped(&given, &attribute.name, &attribute.sub_attributes, at, strictness)?;
            let object = object(given, &attribute.sub_attributes, at, strictness)?;
            Ok(if object.is_empty() { None } else { Some(Value::Object(object)) })
        }
        value => simple(value, attribute, at).map(Some),
    }
}

/// Whether an object has content, but none of these attributes. An empty object means "unassigned"; strict reading
/// refuses each unknown name by itself.
pub(crate) fn is_unknown(given: &Map<String, Value>, attributes: &[Arc<Attribute>], strictness: Strictness) -> bool {
    let is_known = |name: &String| attributes.iter().any(|known| known.name.eq_ignore_ascii_case(name));
    strictness == Strictness::Lenient && !given.is_empty() && !given.keys().any(is_known)
}

/// Refuses an object that is wrapped in the name of what it is the value of, `{"name": {"name": …}}`:
/// unknown attributes are dropped, but of this one somebody means each word.
pub(crate) fn refuse_wrapped(
    given: &Map<String, Value>,
    name: &str,
    attributes: &[Arc<Attribute>],
    at: &Location,
    strictness: Strictness,
) -> Result<(), Error> {
    let is_wrapped = given.keys().any(|key| key.eq_ignore_ascii_case(name));
    if is_wrapped && is_unknown(given, attributes, strictness) { Err(not_understood(at, attributes)) } else { Ok(()) }
}

/// The refusal of an object of which nothing is understood where dropping it would unassign what there
/// is, or do nothing of what was asked for.
pub(crate) fn not_understood(at: &Location, attributes: &[Arc<Attribute>]) -> Error {
    Error::value(format!(
        "{at} holds none of the attributes that it can have. Send one object with {}, not wrapped in another.",
        names(attributes)
    ))
}

fn nothing_left(at: &Location, attribute: &Attribute) -> Error {
    let send = match names(&attribute.sub_attributes) {
        none if none.is_empty() => "Send a value".to_owned(),
        names => format!("Send objects with some of {names}"),
    };
    Error::value(format!("{at} holds no value that is understood. {send}, or an empty list for none."))
}

/// The names of what clients can set of these.
fn names(attributes: &[Arc<Attribute>]) -> String {
    let settable = attributes.iter().filter(|attribute| attribute.mutability != Mutability::ReadOnly);
    settable.map(|attribute| attribute.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// An object whose keys are names of these attributes: the value of a complex attribute, or the
/// content of an extension. The result has canonical names in schema order.
pub(crate) fn object(
    given: Map<String, Value>,
    attributes: &[Arc<Attribute>],
    at: &Location,
    strictness: Strictness,
) -> Result<Map<String, Value>, Error> {
    let mut slots: Vec<Option<Value>> = vec![None; attributes.len()];
    let mut seen = vec![false; attributes.len()];
    for (name, value) in given {
        let Some(position) = attributes.iter().position(|known| known.name.eq_ignore_ascii_case(&name)) else {
            unknown_attribute(&at.name(&name), strictness)?;
            continue;
        };
        if let (Some(known), Some(slot), Some(seen)) =
            (attributes.get(position), slots.get_mut(position), seen.get_mut(position))
        {
            let at = at.name(&known.name);
            if std::mem::replace(seen, true) {
                return Err(given_twice(&at));
            }
            *slot = attribute(value, known, &at, strictness)?;
        }
    }
    let named = attributes.iter().zip(slots);
    Ok(named.filter_map(|(known, value)| Some((known.name.clone(), value?))).collect())
}

/// The error for an attribute that no schema defines, if requests are read strictly.
pub(crate) fn unknown_attribute(at: &Location, strictness: Strictness) -> Result<(), Error> {
    match strictness {
        Strictness::Lenient => Ok(()),
        Strictness::Strict => Err(Error::syntax(format!(
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
        (Type::DateTime, Value::String(text)) if Timestamp::parse(text).is_some() => Ok(value),
        (Type::Binary, Value::String(text)) if is_base64(text) => Ok(value),
        (Type::Binary, Value::String(_)) => {
            Err(Error::value(format!("{at} is not base64. Send base64 or base64url (RFC 4648 §4 or §5).")))
        }
        (Type::DateTime, Value::String(_)) => Err(Error::value(format!(
            "{at} is not a date with a time as RFC 7643 §2.3.5 writes it. Send an xsd:dateTime such as 2011-05-13T04:42:34Z or 2011-05-13T04:42:34.5+02:00."
        ))),
        (Type::String, _) => wrong("a string", "Send a JSON string."),
        (Type::Reference, _) => wrong("a reference", "Send a URI as a JSON string."),
        (Type::Boolean, _) => wrong("a boolean", "Send true or false."),
        (Type::Decimal, _) => wrong("a decimal", "Send a JSON number."),
        (Type::Integer, Value::Number(_)) => Err(Error::value(format!(
            "{at} must be an integer of at most 64 bits, but another number was sent. Send a JSON number without fraction or exponent, from -2^63 to 2^64-1."
        ))),
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
            Strictness::Lenient,
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
