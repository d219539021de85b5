//! What the body of a request may have, checked before it is read: so that an error says what to change in our words.

use serde_json::{Map, Value};

/// What a member is.
pub(super) enum Kind {
    /// `true` or `false`
    Flag,
    /// A whole number from 0.
    Count,
    Text,
    Texts,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// An object, whose members are looked at elsewhere.
    Object,
    /// An object, each of whose members is an object with these members at least.
    EachOf(&'static [Member]),
    /// An object with these members and no others.
    Members(&'static [Member]),
    /// Looked at elsewhere.
    Anything,
}

/// A member that a body may have.
pub(super) struct Member {
    name: &'static str,
    kind: Kind,
    required: bool,
}

/// One that may be left out, or be null.
pub(super) const fn may(name: &'static str, kind: Kind) -> Member {
    Member { name, kind, required: false }
}

/// One that must be there.
pub(super) const fn must(name: &'static str, kind: Kind) -> Member {
    Member { name, kind, required: true }
}

/// What a body may have.
pub(super) struct Shape {
    /// Its members.
    pub members: &'static [Member],
    /// Whether it may have no others.
    pub closed: bool,
}

#[cfg(test)]
impl Shape {
    /// The JSON Schema of such a body.
    pub fn schema(&self) -> Value {
        object(self.members, self.closed)
    }
}

#[cfg(test)]
fn object(members: &[Member], closed: bool) -> Value {
    use serde_json::json;
    let schema = |kind: &Kind| match kind {
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Count => json!({"type": "integer", "minimum": 0}),
        Kind::Text => json!({"type": "string"}),
        Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Kind::OneOf(words) => json!({"type": "string", "enum": words}),
        Kind::Object => json!({"type": "object", "additionalProperties": true}),
        Kind::EachOf(members) => json!({"type": "object", "additionalProperties": object(members, false)}),
        Kind::Members(members) => object(members, true),
        Kind::Anything => json!({}),
    };
    let properties: Map<String, Value> =
        members.iter().map(|member| (member.name.to_owned(), schema(&member.kind))).collect();
    let required: Vec<_> = members.iter().filter(|member| member.required).map(|member| member.name).collect();
    json!({"type": "object", "required": required, "properties": properties, "additionalProperties": !closed})
}

/// Checks an object, and takes out of it what is null: that is as if it were not there. In words what is wrong. Other
/// members than these are refused if the body is `closed`: a misspelt one would be passed over in silence.
pub(super) fn check(body: &mut Map<String, Value>, members: &[Member], closed: bool) -> Result<(), String> {
    body.retain(|_, value| !value.is_null());
    let other = body.keys().find(|name| members.iter().all(|member| member.name != *name));
    if let Some(name) = other.filter(|_| closed) {
        let known: Vec<_> = members.iter().map(|member| member.name).collect();
        return Err(format!("{name:?} is no member of it; those are {}", known.join(", ")));
    }
    for Member { name, kind, required } in members {
        match body.get_mut(*name) {
            Some(value) => check_value(value, kind).map_err(|why| format!("{name}{why}"))?,
            None if *required => return Err(format!("{name} is missing")),
            None => {}
        }
    }
    Ok(())
}

/// What follows the member's name if it is wrong.
fn check_value(value: &mut Value, kind: &Kind) -> Result<(), String> {
    let (fits, wanted) = match kind {
        Kind::Flag => (value.is_boolean(), "true or false"),
        Kind::Count => (value.is_u64(), "a whole number, 0 or more"),
        Kind::Text => (value.is_string(), "a string"),
        Kind::Texts => (value.as_array().is_some_and(|list| list.iter().all(Value::is_string)), "a list of strings"),
        Kind::Object => (value.is_object(), "an object"),
        Kind::Anything => (true, ""),
        Kind::OneOf(words) => {
            let fits = value.as_str().is_some_and(|text| words.contains(&text));
            return if fits { Ok(()) } else { Err(format!(" is to be one of {}", words.join(", "))) };
        }
        Kind::EachOf(members) => {
            let object = value.as_object_mut().ok_or(" is to be an object")?;
            for (name, one) in object {
                let one = one.as_object_mut().ok_or_else(|| format!(": {name:?} is to be an object"))?;
                check(one, members, false).map_err(|why| format!(": {name:?}: {why}"))?;
            }
            return Ok(());
        }
        Kind::Members(members) => {
            let object = value.as_object_mut().ok_or(" is to be an object")?;
            return check(object, members, true).map_err(|why| format!(": {why}"));
        }
    };
    if fits { Ok(()) } else { Err(format!(" is to be {wanted}")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MEMBERS: &[Member] = &[
        must("id", Kind::Text),
        may("most", Kind::Count),
        may("at_once", Kind::Flag),
        may("uris", Kind::Texts),
        may("status", Kind::OneOf(&["paused", "enabled"])),
        may("delivery", Kind::Members(&[must("method", Kind::Text)])),
        may("errors", Kind::EachOf(&[must("err", Kind::Text)])),
    ];

    #[track_caller]
    fn says(body: Value, expected: &str) {
        let Value::Object(mut body) = body else { panic!("{body}") };
        assert_eq!(check(&mut body, MEMBERS, true).err().unwrap_or_default(), expected);
    }

    #[test]
    fn what_is_wrong_is_said_in_words() {
        says(json!({"id": "1", "most": null, "uris": [], "delivery": {"method": "poll"}}), "");
        says(json!({}), "id is missing");
        says(json!({"id": null}), "id is missing");
        says(json!({"id": 1}), "id is to be a string");
        says(json!({"id": "1", "most": -1}), "most is to be a whole number, 0 or more");
        says(json!({"id": "1", "at_once": "yes"}), "at_once is to be true or false");
        says(json!({"id": "1", "uris": ["a", 1]}), "uris is to be a list of strings");
        says(json!({"id": "1", "status": "off"}), "status is to be one of paused, enabled");
        says(json!({"id": "1", "delivery": "poll"}), "delivery is to be an object");
        says(json!({"id": "1", "delivery": {}}), "delivery: method is missing");
        says(
            json!({"id": "1", "uri": "a"}),
            "\"uri\" is no member of it; those are id, most, at_once, uris, status, delivery, errors",
        );
        says(json!({"id": "1", "errors": {"x": {"err": "jwtParse", "more": 1}}}), "");
        says(json!({"id": "1", "errors": [1]}), "errors is to be an object");
        says(json!({"id": "1", "errors": {"x": 5}}), "errors: \"x\" is to be an object");
        says(json!({"id": "1", "errors": {"x": {}}}), "errors: \"x\": err is missing");
    }
}
