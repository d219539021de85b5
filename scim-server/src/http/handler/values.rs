//! The values of a call, for the log of requests: kept beside the redacted line where the tenant asks for it, without
//! what opens a door.

mod secrets;

use std::{borrow::Cow, cell::Cell};

use percent_encoding::percent_decode_str;
use scim_protocol::Timestamp;
use serde_json::{Map, Value, json};

use self::secrets::Secrets;
use crate::{
    audit::{EventName, HIDDEN, Vocabulary},
    http::body::ResponseBody,
    oauth::grant,
    tenant::Tenant,
    token::secret::{ADMIN_PREFIX, CLIENT_PREFIX, PREFIX, SETUP_PREFIX},
    webhook::SECRET_PREFIX,
};

/// The longest body that is kept, in bytes. Of a longer one only that it was left out.
const LONGEST: usize = 16 * 1024;
/// Members whose text is a path or a filter, or may quote one.
const EXPRESSIONS: [&str; 6] = ["path", "filter", "detail", "sortBy", "attributes", "excludedAttributes"];
/// Members that say whose the `value` beside them is.
const TELLING: [&str; 3] = ["path", "filter", "detail"];
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
    let call = Kept::new(Secrets::of(&tenant.registry), tenant.words());
    let (mut kept, mut left_out) = (Map::new(), Vec::new());
    if let Some(query) = query.filter(|query| !query.is_empty()) {
        kept.insert("query".to_owned(), call.query(query).into());
    }
    let answer = match response {
        ResponseBody::Empty => Some(&[][..]),
        ResponseBody::Full(bytes) => Some(&bytes[..]),
        ResponseBody::Stream(..) => None,
    };
    for (name, body) in [("request", Some(body)), ("response", answer)] {
        match body.map(|body| (body.is_empty(), call.document(body))) {
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

/// What decides which values of a tenant's call are kept.
struct Kept<'a> {
    secrets: Secrets,
    /// The names that the tenant knows.
    words: &'a Vocabulary,
    /// Whether what was looked at so far names a secret beside its value, in a path or a filter, or may do so. Then an error
    /// may quote the value without the name.
    may_be_quoted: Cell<bool>,
}

impl<'a> Kept<'a> {
    fn new(secrets: Secrets, words: &'a Vocabulary) -> Self {
        Self { secrets, words, may_be_quoted: Cell::new(false) }
    }

    /// A body without secrets; `None` for one that is too long, no JSON, or cannot be understood.
    fn document(&self, body: &[u8]) -> Option<Value> {
        let document = self.understood(body);
        self.may_be_quoted.set(self.may_be_quoted.get() || document.is_none() && !body.is_empty());
        document
    }

    fn understood(&self, body: &[u8]) -> Option<Value> {
        if body.len() > LONGEST {
            return None;
        }
        let mut document = serde_json::from_slice(body).ok()?;
        self.hide(&mut document, self.may_be_quoted.get());
        // What names a secret where no name belongs may have its value anywhere.
        (!self.is_named_in(&document, "")).then_some(document)
    }

    /// Whether a text names a secret, apart from the names of members, whose values are hidden. `member` is the name of
    /// the member that the value is of.
    fn is_named_in(&self, value: &Value, member: &str) -> bool {
        match value {
            Value::String(text) if self.words.has_schema(text) => false,
            // A person may be called like a secret: in the value of a known attribute only what is itself a name counts.
            Value::String(text) if self.words.has_attribute(member) && !is_one_of(&EXPRESSIONS, member) => {
                self.secrets.are_meant_by(text)
            }
            Value::String(text) => self.secrets.are_named_by(text),
            Value::Array(elements) => elements.iter().any(|element| self.is_named_in(element, member)),
            Value::Object(members) => {
                members.iter().any(|(name, value)| !self.may_show(name) || self.is_named_in(value, name))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// Hides the values of secrets, and with `details` what an error tells.
    fn hide(&self, value: &mut Value, details: bool) {
        match value {
            Value::String(text) if is_key(text) => HIDDEN.clone_into(text),
            Value::Array(elements) => elements.iter_mut().for_each(|element| self.hide(element, details)),
            Value::Object(members) => {
                // The path of an operation says whose its value is. A filter has values, and an error may quote one.
                let is_told = |(name, value): (&String, &Value)| {
                    is_one_of(&TELLING, name) && value.as_str().is_some_and(|text| self.secrets.are_named_by(text))
                };
                let is_told = members.iter().any(is_told);
                let is_of_schema = |(name, value): (&String, &Value)| {
                    name.eq_ignore_ascii_case("path") && value.as_str().is_some_and(|text| self.secrets.are_of(text))
                };
                let is_of_schema = members.iter().any(is_of_schema);
                self.may_be_quoted.set(self.may_be_quoted.get() || is_told);
                for (name, value) in members {
                    let is_value = name.eq_ignore_ascii_case("value");
                    // In place of the attributes of a schema.
                    let is_astray = (is_of_schema && is_value || self.secrets.are_of(name)) && !value.is_object();
                    self.may_be_quoted.set(self.may_be_quoted.get() || is_astray);
                    let hides = is_told && (is_one_of(&TELLING, name) || is_value) || is_astray;
                    let hides = hides || details && name.eq_ignore_ascii_case("detail");
                    if hides || self.secrets.are_named_by(name) {
                        *value = HIDDEN.into();
                    } else {
                        self.hide(value, details);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Whether the name of a member or parameter may be shown: one with the name of a secret has nothing else in it.
    fn may_show(&self, name: &str) -> bool {
        !is_key(name) && (secrets::is_attribute(name) || !self.secrets.are_named_by(name))
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
            let is_secret = self.secrets.are_named_by(&name) || self.secrets.are_named_by(&value) || is_key(&value);
            self.may_be_quoted.set(self.may_be_quoted.get() || is_secret);
            let value = if is_secret { HIDDEN.to_owned() } else { value };
            let name = if self.may_show(&name) { name } else { HIDDEN.to_owned() };
            (name, Value::String(value))
        };
        pairs.map(shown).collect()
    }
}

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn is_key(text: &str) -> bool {
    KEYS.iter().any(|key| text.contains(key))
}

#[cfg(test)]
mod tests;
