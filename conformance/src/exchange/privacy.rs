//! What a report does not show: secrets, and resources that the run did not make.
//!
//! A server under test may hold the users of a company, and a query that is not understood gives them all. Their
//! values are replaced at once, when an exchange is written down, so that no report, transcript or log can hold them.
//! The structure stays, which is what the evidence is about: names of attributes, `schemas`, booleans, and the type in
//! `meta`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// What stands in the place of a value.
const HIDDEN: &str = "***";
/// What begins the path of a discovery document, which is about nobody.
const DISCOVERY: [&str; 3] = ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"];
/// The start of the URN of a message, which is no resource.
const MESSAGE: &str = "urn:ietf:params:scim:api:messages:";
/// Attributes whose values are of a kind and of no person.
const KINDS: [&str; 5] = ["schemas", "resourceType", "type", "locale", "preferredLanguage"];
/// A word that is shorter is left in sentences: it would be found everywhere.
const SHORTEST_WORD: usize = 3;

/// The values of resources that are not the run's, as far as one case has seen them.
#[derive(Debug, Default)]
pub struct Strangers {
    ids: Words,
    words: Words,
}

/// Texts that are looked for in others. There may be very many: the users of a whole company.
#[derive(Debug, Default)]
struct Words {
    all: BTreeSet<String>,
    /// The most bytes of one.
    longest: usize,
}

impl Strangers {
    /// A body without their values; nothing where it has none. `path` is below the base URL; `is_ours` knows the
    /// run's resources.
    pub fn hidden(&mut self, path: &str, body: &Value, is_ours: &dyn Fn(&Value) -> bool) -> Option<Value> {
        if DISCOVERY.iter().any(|start| path.starts_with(start)) {
            return None;
        }
        let mut shown = body.clone();
        let mut found = false;
        for resource in resources(&mut shown) {
            if !is_ours(resource) {
                self.learn(resource);
                hide(resource);
                found = true;
            }
        }
        found.then_some(shown)
    }

    /// A text without the ids of their resources: a URL or a header.
    pub fn without_ids(&self, text: &str) -> String {
        self.ids.hidden_in(text)
    }

    /// A sentence without any of their values.
    pub fn without_words(&self, text: &str) -> String {
        self.words.hidden_in(text)
    }

    fn learn(&mut self, resource: &Value) {
        if let Some(id) = resource["id"].as_str().filter(|id| id.len() >= SHORTEST_WORD) {
            self.ids.insert(id);
        }
        words(resource, &mut self.words);
    }
}

/// The resources in a body: itself, the elements of a list, the answers in a bulk response.
fn resources(body: &mut Value) -> Vec<&mut Value> {
    if is_resource(body) {
        return vec![body];
    }
    let members = match body {
        Value::Array(elements) => return elements.iter_mut().filter(|one| one.is_object()).collect(),
        Value::Object(members) => members,
        _ => return Vec::new(),
    };
    let mut found = Vec::new();
    for (name, value) in members {
        match (name.as_str(), value) {
            ("Resources", Value::Array(elements)) => found.extend(elements.iter_mut()),
            ("Operations", Value::Array(operations)) => {
                let answers = operations.iter_mut().filter_map(|one| one.get_mut("response"));
                found.extend(answers.filter(|one| is_resource(one)));
            }
            _ => {}
        }
    }
    found
}

fn is_message(members: &Map<String, Value>) -> bool {
    let mut schemas = members.get("schemas").and_then(Value::as_array).into_iter().flatten();
    schemas.any(|schema| schema.as_str().is_some_and(|schema| schema.starts_with(MESSAGE)))
}

fn is_resource(value: &Value) -> bool {
    let named = ["id", "userName", "displayName", "emails"];
    value.as_object().is_some_and(|members| {
        !is_message(members)
            && !members.contains_key("Resources")
            && !members.contains_key("detail")
            && named.iter().any(|name| members.contains_key(*name))
    })
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.iter_mut().filter(|(name, _)| !is_kind(name)).for_each(|(_, value)| hide(value));
        }
        Value::Array(elements) => elements.iter_mut().for_each(hide),
        Value::String(_) | Value::Number(_) => *value = Value::from(HIDDEN),
        Value::Bool(_) | Value::Null => {}
    }
}

fn words(value: &Value, into: &mut Words) {
    match value {
        Value::Object(members) => {
            members.iter().filter(|(name, _)| !is_kind(name)).for_each(|(_, value)| words(value, into));
        }
        Value::Array(elements) => elements.iter().for_each(|one| words(one, into)),
        Value::String(text) if text.chars().count() >= SHORTEST_WORD => {
            into.insert(text);
        }
        _ => {}
    }
}

fn is_kind(name: &str) -> bool {
    KINDS.iter().any(|kind| kind.eq_ignore_ascii_case(name))
}

impl Words {
    fn insert(&mut self, word: &str) {
        self.longest = self.longest.max(word.len());
        self.all.insert(word.to_owned());
    }

    /// A text with each word hidden where it stands alone: of several that begin at one place the longest, since a name
    /// may be a part of an address. The work depends on the text, and hardly on how many words there are.
    fn hidden_in(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let (mut rest, mut before) = (text, None::<char>);
        while let Some(first) = rest.chars().next() {
            let word = if before.is_some_and(char::is_alphanumeric) { None } else { self.longest_at(rest) };
            let (taken, after) = rest.split_at(word.map_or(first.len_utf8(), str::len));
            out.push_str(if word.is_some() { HIDDEN } else { taken });
            before = taken.chars().next_back();
            rest = after;
        }
        out
    }

    /// The longest of the words that the text begins with, and that no letter follows.
    fn longest_at<'t>(&self, text: &'t str) -> Option<&'t str> {
        let ends = text.char_indices().skip(1).map(|(end, next)| (end, Some(next))).chain([(text.len(), None)]);
        let near = ends.take_while(|(end, _)| *end <= self.longest);
        let alone = near.filter(|(_, next)| !next.is_some_and(char::is_alphanumeric));
        alone.filter_map(|(end, _)| text.get(..end)).filter(|start| self.all.contains(*start)).last()
    }
}

/// A text without the secrets.
pub fn without_secrets(secrets: &[String], text: &str) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), HIDDEN))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ours(resource: &Value) -> bool {
        resource["userName"].as_str().is_some_and(|name| name.starts_with("scim-conformance"))
    }

    #[test]
    fn strangers_are_hidden_and_ours_are_not() {
        let mut strangers = Strangers::default();
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 2,
            "Resources": [
                {"id": "1a2b", "userName": "anna.quill@corp.example", "active": true, "name": {"givenName": "Anna"},
                 "emails": [{"value": "anna.quill@corp.example", "type": "work"}], "meta": {"resourceType": "User"}},
                {"id": "9", "userName": "scim-conformance-1"}]});
        let shown = strangers.hidden("/Users", &body, &ours).expect("something is hidden");
        assert_eq!(
            shown["Resources"][0],
            json!({"id": "***", "userName": "***", "active": true, "name": {"givenName": "***"},
                "emails": [{"value": "***", "type": "work"}], "meta": {"resourceType": "User"}})
        );
        assert_eq!((&shown["totalResults"], &shown["Resources"][1]), (&json!(2), &body["Resources"][1]));
        assert_eq!(strangers.without_ids("http://x/Users/1a2b?a=1"), "http://x/Users/***?a=1");
        let why = "Expected userName to be \"x\"; it is \"anna.quill@corp.example\", of Annabel and Anna.";
        assert_eq!(strangers.without_words(why), "Expected userName to be \"x\"; it is \"***\", of Annabel and ***.");
    }

    #[test]
    fn what_is_about_nobody_stays() {
        let mut strangers = Strangers::default();
        let types = json!({"Resources": [{"id": "User", "name": "User"}]});
        assert_eq!(strangers.hidden("/ResourceTypes", &types, &ours), None);
        let error = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "detail": "no", "id": "x"});
        assert_eq!(strangers.hidden("/Users", &error, &ours), None);
        let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"], "Operations": [
            {"status": "200", "response": {"id": "1a2b", "userName": "anna"}}]});
        let shown = strangers.hidden("/Bulk", &bulk, &ours).expect("something is hidden");
        assert_eq!(shown["Operations"][0]["response"]["userName"], "***");
        assert_eq!(strangers.hidden("/Users/9", &json!({"id": "9", "userName": "scim-conformance-2"}), &ours), None);
    }
}
