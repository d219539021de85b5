//! What a provider needs of a body.
//!
//! Less than equality: an object may have more members, and an array more in each element. Null
//! stands for what is unassigned: absent, null, `""`, `[]`. Arrays have these elements, in any order.
//! Besides:
//!
//! - `"*any*"`: there is a value; `"*number*"`: a number, and not a text with digits;
//!   `"*absent*"`: nothing, not even null
//! - `{"$has": […]}`: an array with these elements among others; `{"$list": […]}`: these elements in this
//!   order; `{"$length": n}`: an array of so many elements
//! - `{"$part": "…"}`: a text with this in it; `{"$least": n}`: a number of at least n
//! - `{"$not": …}`: not that; `{"$oneOf": […]}`: one of those

use serde_json::Value;

use crate::verdict::{brief, place};

/// As [`difference`], of a header: a plain text is to be a part of it, whatever its case.
pub(super) fn header(got: Option<&str>, wanted: &Value) -> Option<String> {
    let got = got.map(Value::from);
    match (wanted, &got) {
        (Value::String(mark), _) if mark.starts_with('*') => difference(got.as_ref(), wanted),
        (Value::String(part), Some(Value::String(text)))
            if text.to_ascii_lowercase().contains(&part.to_ascii_lowercase()) =>
        {
            None
        }
        (Value::String(part), _) => {
            let got = got.as_ref().map_or_else(|| "absent".to_owned(), brief);
            Some(format!("needed it to say {part}; it is {got}."))
        }
        _ => difference(got.as_ref(), wanted),
    }
}

/// Nothing when the document holds it, else the sentence that says what is missing.
pub(super) fn difference(got: Option<&Value>, wanted: &Value) -> Option<String> {
    at(got, wanted, "")
}

fn at(got: Option<&Value>, wanted: &Value, pointer: &str) -> Option<String> {
    let is_unassigned = match got {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(elements)) => elements.is_empty(),
        Some(Value::Object(members)) => members.is_empty(),
        Some(_) => false,
    };
    let complain = |needed: &str| {
        let got = got.map_or_else(|| "absent".to_owned(), brief);
        Some(format!("Needed {} to be {needed}; it is {got}.", place(pointer)))
    };
    match wanted {
        Value::Null if is_unassigned => None,
        Value::Null => complain("unassigned"),
        Value::String(mark) if mark == "*any*" => is_unassigned.then(|| complain("there")).flatten(),
        Value::String(mark) if mark == "*absent*" => got.is_some().then(|| complain("absent")).flatten(),
        Value::String(mark) if mark == "*number*" => {
            if got.is_some_and(Value::is_number) {
                None
            } else {
                complain("a number")
            }
        }
        Value::Object(members) if !members.is_empty() && members.keys().all(|key| FORMS.contains(&key.as_str())) => {
            members.iter().find_map(|(form, operand)| special(got, form, operand, pointer))
        }
        Value::Object(members) => members.iter().find_map(|(name, wanted)| {
            let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
            at(got.and_then(|got| got.get(name)), wanted, &pointer)
        }),
        Value::Array(wanted) => {
            let elements = got.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let all = elements.len() == wanted.len() && has_all(elements, wanted);
            if all { None } else { complain(&brief(&Value::Array(wanted.clone()))) }
        }
        wanted if got == Some(wanted) => None,
        wanted => complain(&brief(wanted)),
    }
}

/// The forms with a `$`. `$ref` is none: it is the name of an attribute.
const FORMS: [&str; 7] = ["$has", "$least", "$length", "$list", "$not", "$oneOf", "$part"];

fn special(got: Option<&Value>, form: &str, operand: &Value, pointer: &str) -> Option<String> {
    let unmet = |needed: String| {
        let got = got.map_or_else(|| "absent".to_owned(), brief);
        Some(format!("Needed {} {needed}; it is {got}.", place(pointer)))
    };
    let elements = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let is_met = match (form, operand) {
        ("$has", _) => has_all(&elements(got), &elements(Some(operand))),
        ("$least", _) => got.and_then(Value::as_f64) >= operand.as_f64(),
        ("$length", _) => got.and_then(Value::as_array).is_some_and(|all| *operand == all.len()),
        ("$list", Value::Array(wanted)) => return list(got, wanted, pointer),
        ("$not", _) => at(got, operand, pointer).is_some(),
        ("$oneOf", Value::Array(choices)) => choices.iter().any(|one| at(got, one, pointer).is_none()),
        ("$part", Value::String(part)) => got.and_then(Value::as_str).is_some_and(|text| text.contains(part)),
        _ => false,
    };
    if is_met { None } else { unmet(words(form, operand)) }
}

/// What a form asks, as the end of a sentence.
fn words(form: &str, operand: &Value) -> String {
    let operand = brief(operand);
    match form {
        "$has" => format!("to hold {operand}"),
        "$least" => format!("to be at least {operand}"),
        "$length" => format!("to have {operand} elements"),
        "$not" => format!("not to be {operand}"),
        "$oneOf" => format!("to be one of {operand}"),
        "$part" => format!("to say {operand}"),
        _ => format!("to be {operand}"),
    }
}

fn list(got: Option<&Value>, wanted: &[Value], pointer: &str) -> Option<String> {
    let elements = got.and_then(Value::as_array).filter(|elements| elements.len() == wanted.len());
    let Some(elements) = elements else {
        let got = got.map_or_else(|| "absent".to_owned(), brief);
        return Some(format!("Needed {} to have {} elements; it is {got}.", place(pointer), wanted.len()));
    };
    let pairs = elements.iter().zip(wanted).enumerate();
    pairs.into_iter().find_map(|(n, (element, wanted))| at(Some(element), wanted, &format!("{pointer}/{n}")))
}

fn has_all(elements: &[Value], wanted: &[Value]) -> bool {
    wanted.iter().all(|wanted| elements.iter().any(|one| at(Some(one), wanted, "").is_none()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(got: &Value, wanted: &Value, is_met: bool) {
        assert_eq!(difference(Some(got), wanted).is_none(), is_met, "{got} against {wanted}");
    }

    #[test]
    fn providers_need_less_than_equality() {
        let list =
            json!({"totalResults": 2, "Resources": [{"id": "1", "name": {"givenName": "A"}}, {"id": "2"}], "x": ""});
        check(&list, &json!({"totalResults": "*number*", "Resources": [{"id": "2"}, {"id": "1"}], "x": null}), true);
        check(&list, &json!({"Resources": [{"id": "1"}]}), false);
        check(&list, &json!({"Resources": {"$has": [{"name": {"givenName": "*any*"}}]}}), true);
        check(&list, &json!({"totalResults": {"$least": 3}}), false);
        check(&list, &json!({"totalResults": {"$not": 2}}), false);
        check(&list, &json!({"y": "*absent*", "id": null}), true);
        check(&json!({"totalResults": "2"}), &json!({"totalResults": "*number*"}), false);
    }

    #[test]
    fn the_sentence_names_the_place() {
        let why = difference(Some(&json!({"name": {}})), &json!({"name": {"givenName": "*any*"}}));
        assert_eq!(why.as_deref(), Some("Needed name.givenName to be there; it is absent."));
    }
}
