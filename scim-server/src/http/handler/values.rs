//! The values of a call, for the log of requests: kept beside the redacted line where the tenant asks for it, without
//! what opens a door.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use scim_protocol::{
    Timestamp,
    schema::{Attribute, Mutability, Returned, SchemaRegistry},
};
use serde_json::{Map, Value, json};

use crate::{
    audit::{EventName, HIDDEN},
    http::body::ResponseBody,
    oauth::grant,
    tenant::Tenant,
    token::secret::{ADMIN_PREFIX, CLIENT_PREFIX, PREFIX, SETUP_PREFIX},
    webhook::SECRET_PREFIX,
};

/// The longest body that is kept, in bytes. Of a longer one only that it was left out.
const LONGEST: usize = 16 * 1024;
/// What the names of secrets have in them, in the form that [`plain`] gives, beside what the schemas say.
const WORDS: [&str; 9] =
    ["apikey", "credential", "passphrase", "passwd", "password", "privatekey", "pwd", "secret", "token"];
/// What a text has in it that opens a door itself.
const KEYS: [&str; 7] = [PREFIX, CLIENT_PREFIX, ADMIN_PREFIX, SETUP_PREFIX, grant::PREFIX, SECRET_PREFIX, "Bearer "];

/// What is kept of a call about resources, as JSON: `query`, `request`, `response`, and in `left_out` which of the bodies
/// are too long or no JSON. `None` while the tenant does not ask for it.
pub(super) fn kept(
    tenant: &Tenant,
    event: EventName<'_>,
    at: Timestamp,
    (query, body): (Option<&str>, &[u8]),
    response: &ResponseBody,
) -> Option<String> {
    tenant.settings.call_values_until.filter(|until| at < *until)?;
    if !matches!(event, EventName::Resource(..) | EventName::SearchResources | EventName::BulkRequest) {
        return None;
    }
    let secrets = Secrets::of(&tenant.registry);
    let (mut kept, mut left_out) = (Map::new(), Vec::new());
    if let Some(query) = query.filter(|query| !query.is_empty()) {
        kept.insert("query".to_owned(), secrets.query(query).into());
    }
    let answer = match response {
        ResponseBody::Empty => Some(&[][..]),
        ResponseBody::Full(bytes) => Some(&bytes[..]),
        ResponseBody::Stream(..) => None,
    };
    for (name, body) in [("request", Some(body)), ("response", answer)] {
        match body.map(|body| (body.is_empty(), secrets.document(body))) {
            Some((true, _)) => {}
            Some((false, Some(document))) => drop(kept.insert(name.to_owned(), document)),
            Some((false, None)) | None => left_out.push(name),
        }
    }
    if !left_out.is_empty() {
        kept.insert("left_out".to_owned(), json!(left_out));
    }
    Some(Value::Object(kept).to_string())
}

/// A line of the audit log, with what is kept behind it.
pub(super) fn behind(line: &[u8], kept: Option<String>) -> Cow<'_, [u8]> {
    match kept {
        Some(kept) => Cow::Owned([line, b"\n", kept.as_bytes()].concat()),
        None => Cow::Borrowed(line),
    }
}

/// The names of what is never kept.
struct Secrets(Vec<String>);

impl Secrets {
    /// Those that are usual, and those that the schemas of a tenant show to nobody.
    fn of(registry: &SchemaRegistry) -> Self {
        let mut names: Vec<_> = WORDS.map(str::to_owned).to_vec();
        registry.schemas().iter().flat_map(|schema| &schema.attributes).for_each(|it| add(it, &mut names));
        Self(names)
    }

    /// Whether that is the name of a secret, or a path or filter with one.
    fn are_in(&self, text: &str) -> bool {
        let text = plain(text);
        self.0.iter().any(|name| text.contains(name.as_str()))
    }

    /// A body without secrets; `None` for one that is too long or no JSON.
    fn document(&self, body: &[u8]) -> Option<Value> {
        if body.len() > LONGEST {
            return None;
        }
        let mut document = serde_json::from_slice(body).ok()?;
        self.hide(&mut document);
        // What names a secret where no name belongs may have its value anywhere.
        (!self.is_named_in(&document)).then_some(document)
    }

    /// Whether a text names a secret, apart from the names of members, whose values are hidden.
    fn is_named_in(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.are_in(text),
            Value::Array(elements) => elements.iter().any(|element| self.is_named_in(element)),
            Value::Object(members) => members.values().any(|value| self.is_named_in(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    fn hide(&self, value: &mut Value) {
        match value {
            Value::String(text) if is_key(text) => HIDDEN.clone_into(text),
            Value::Array(elements) => elements.iter_mut().for_each(|element| self.hide(element)),
            Value::Object(members) => {
                // The path of an operation says whose its value is. A filter has values, and an error may quote one.
                let is_told = |(name, value): (&String, &Value)| {
                    is_one_of(&["path", "filter", "detail"], name) && value.as_str().is_some_and(|it| self.are_in(it))
                };
                let is_told = members.iter().any(is_told);
                for (name, value) in members {
                    if self.are_in(name) || is_told && is_one_of(&["path", "filter", "detail", "value"], name) {
                        *value = HIDDEN.into();
                    } else {
                        self.hide(value);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// The parameters of a query.
    fn query(&self, query: &str) -> Map<String, Value> {
        let decoded = |text: &str| {
            let text = text.replace('+', " ");
            percent_decode_str(&text).decode_utf8_lossy().into_owned()
        };
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let shown = |(name, value): (&str, &str)| {
            let (name, value) = (decoded(name), decoded(value));
            let is_secret = self.are_in(&name) || self.are_in(&value) || is_key(&value);
            let value = if is_secret { HIDDEN.to_owned() } else { value };
            (name, Value::String(value))
        };
        pairs.map(shown).collect()
    }
}

/// Adds the names of an attribute and its parts that no answer shows.
fn add(attribute: &Attribute, names: &mut Vec<String>) {
    if attribute.returned == Returned::Never || attribute.mutability == Mutability::WriteOnly {
        names.push(plain(&attribute.name));
    }
    attribute.sub_attributes.iter().for_each(|part| add(part, names));
}

/// A name without what people write differently: `private_key`, `privateKey`.
fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn is_key(text: &str) -> bool {
    KEYS.iter().any(|key| text.contains(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(document: &Value) -> Value {
        Secrets::of(&SchemaRegistry::core()).document(document.to_string().as_bytes()).unwrap()
    }

    #[track_caller]
    fn check(document: &Value, expect: &Value) {
        assert_eq!(hidden(document), *expect);
    }

    #[test]
    fn values_stay_and_secrets_do_not() {
        check(
            &json!({"userName": "anna", "password": "x", "name": {"givenName": "Anna"}, "X-Auth_Token": 5}),
            &json!({"userName": "anna", "password": HIDDEN, "name": {"givenName": "Anna"}, "X-Auth_Token": HIDDEN}),
        );
        let user = "urn:ietf:params:scim:schemas:core:2.0:User";
        let operations = |first: &str, second: &str, path: &str| {
            json!({"Operations": [
                {"op": "replace", "path": path, "value": first},
                {"op": "add", "value": {format!("{user}:password"): second, "title": "Engineer"}},
            ]})
        };
        check(&operations("x", "y", "Password"), &operations(HIDDEN, HIDDEN, HIDDEN));
        check(&json!({"data": [{"client_secret": {"a": 1}}]}), &json!({"data": [{"client_secret": HIDDEN}]}));
        for key in ["scim_abc", "scimat_abc", "whsec_abc"] {
            check(&json!({"note": format!("with {key}")}), &json!({ "note": HIDDEN }));
        }
        check(&json!({"filter": "password eq \"x\""}), &json!({ "filter": HIDDEN }));
        check(&json!({"detail": "\"x\" is no password"}), &json!({ "detail": HIDDEN }));
        check(&json!({"detail": "\"anna\" is taken"}), &json!({"detail": "\"anna\" is taken"}));
    }

    #[test]
    fn parameters_are_shown_as_they_were_meant() {
        let secrets = Secrets::of(&SchemaRegistry::core());
        let query = secrets.query("filter=userName+eq+%22a%26b%22&count=10&access_token=x");
        let expect = json!({"filter": "userName eq \"a&b\"", "count": "10", "access_token": HIDDEN});
        assert_eq!(Value::Object(query), expect);
        assert_eq!(secrets.query("filter=password%20sw%20%22a%22").get("filter"), Some(&json!(HIDDEN)));
    }

    #[test]
    fn a_body_that_names_a_secret_where_no_name_belongs_is_left_out() {
        let secrets = Secrets::of(&SchemaRegistry::core());
        for operation in [
            json!({"op": "replace", "path": ["password"], "value": "x"}),
            json!({"op": "replace", "path": {"attr": "password"}, "value": "x"}),
            json!({"op": "replace", "attribute": "password", "value": "x"}),
            json!(["replace", "password", "x"]),
            json!({"op": "replace", "value": {"name": "password", "value": "x"}}),
        ] {
            let body = json!({"Operations": [operation]}).to_string();
            assert_eq!(secrets.document(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn what_is_long_or_no_json_is_left_out() {
        let secrets = Secrets::of(&SchemaRegistry::core());
        assert_eq!(secrets.document(b"{"), None);
        assert_eq!(secrets.document(json!({"title": "x".repeat(LONGEST)}).to_string().as_bytes()), None);
    }
}
