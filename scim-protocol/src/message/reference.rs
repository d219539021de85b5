//! References by `bulkId` to resources that another operation of the same request creates
//! (RFC 7644 §3.7.2).

use std::{collections::HashSet, hash::Hash};

use serde_json::Value;

const REFERENCE: &str = "bulkId:";

/// The bulkIds to which a body refers, each once, in order.
///
/// A reference is a text that is nothing but `bulkId:…`, a segment of a URI (`/Users/bulkId:…`), or,
/// in the `path` of a PATCH, a quoted value of a filter (`members[value eq "bulkId:…"]`).
pub fn references(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, Text::Plain, &mut found);
    without_repeats(found)
}

/// Puts the ids of resources in the place of their bulkIds. What `lookup` does not know stays as it
/// is.
pub fn resolve(value: &mut Value, lookup: &impl Fn(&str) -> Option<String>) {
    replace(value, Text::Plain, lookup);
}

/// [`references`] of one URI.
pub(super) fn references_in_uri(uri: &str) -> Vec<String> {
    references(&Value::from(uri))
}

/// [`resolve`] for one URI.
pub(super) fn resolve_uri(uri: &mut String, lookup: &impl Fn(&str) -> Option<String>) {
    if let Some(resolved) = rewrite(uri, Text::Plain, &mut |id| lookup(id)) {
        *uri = resolved;
    }
}

/// The kind of a text, which decides where a reference may be in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    PatchPath,
    Plain,
}

impl Text {
    fn under(key: &str) -> Self {
        if key.eq_ignore_ascii_case("path") { Self::PatchPath } else { Self::Plain }
    }
}

// The recursion is bounded: the JSON parser refuses what nests deeper than 128 levels.
fn collect(value: &Value, text: Text, found: &mut Vec<String>) {
    match value {
        Value::String(string) => {
            rewrite(string, text, &mut |id| {
                found.push(id.to_owned());
                None
            });
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect(element, text, found)),
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| collect(value, Text::under(key), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn replace(value: &mut Value, text: Text, lookup: &impl Fn(&str) -> Option<String>) {
    match value {
        Value::String(string) => {
            if let Some(resolved) = rewrite(string, text, &mut |id| lookup(id)) {
                *string = resolved;
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| replace(element, text, lookup)),
        Value::Object(members) => {
            members.iter_mut().for_each(|(key, value)| replace(value, Text::under(key), lookup));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text with each reference replaced by what `lookup` gives for it; `None` when nothing is.
fn rewrite(text: &str, kind: Text, lookup: &mut dyn FnMut(&str) -> Option<String>) -> Option<String> {
    if let Some(id) = text.strip_prefix(REFERENCE) {
        return lookup(id);
    }
    let (before, ends): (char, &[char]) = match kind {
        Text::PatchPath => ('"', &['"']),
        Text::Plain => ('/', &['/', '?', '#']),
    };
    let marker = format!("{before}{REFERENCE}");
    let (mut written, mut rest, mut changed) = (String::new(), text, false);
    while let Some((head, tail)) = rest.split_once(&marker) {
        let (id, behind) = tail.split_at(tail.find(ends).unwrap_or(tail.len()));
        written.push_str(head);
        written.push(before);
        if let Some(resolved) = lookup(id) {
            written.push_str(&resolved);
            changed = true;
        } else {
            written.push_str(REFERENCE);
            written.push_str(id);
        }
        rest = behind;
    }
    written.push_str(rest);
    changed.then_some(written)
}

/// Each of them once, in order, at the price of one look at each.
pub(super) fn without_repeats<T: Clone + Eq + Hash>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut seen = HashSet::new();
    all.into_iter().filter(|id| seen.insert(id.clone())).collect()
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, hash::Hasher};

    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check_references(data: Value, expect_ids: &[&str], expect: &Value) {
        assert_eq!(references(&data), expect_ids, "{data}");
        let mut resolved = data;
        resolve(&mut resolved, &|id| (id != "unknown").then(|| format!("id-of-{id}")));
        assert_eq!(&resolved, expect);
    }

    #[test]
    fn references_are_found_and_resolved() {
        check_references(
            json!({"members": [{"type": "User", "value": "bulkId:qwerty"}, {"value": "bulkId:qwerty"}]}),
            &["qwerty"],
            &json!({"members": [{"type": "User", "value": "id-of-qwerty"}, {"value": "id-of-qwerty"}]}),
        );
        check_references(
            json!({"$ref": "https://example.com/v2/Users/bulkId:a", "value": "bulkId:unknown"}),
            &["a", "unknown"],
            &json!({"$ref": "https://example.com/v2/Users/id-of-a", "value": "bulkId:unknown"}),
        );
        check_references(
            json!({"Operations": [{"op": "remove", "path": "members[value eq \"bulkId:a\" or value eq \"bulkId:b\"]"}]}),
            &["a", "b"],
            &json!({"Operations": [{"op": "remove", "path": "members[value eq \"id-of-a\" or value eq \"id-of-b\"]"}]}),
        );
        check_references(
            json!({"displayName": "about bulkId:a and \"bulkId:b\""}),
            &[],
            &json!({"displayName": "about bulkId:a and \"bulkId:b\""}),
        );
    }

    thread_local! {
        static LOOKS: Cell<usize> = const { Cell::new(0) };
    }

    /// A text that counts how often it is compared or hashed.
    #[derive(Clone)]
    struct Counted(String);

    impl PartialEq for Counted {
        fn eq(&self, other: &Self) -> bool {
            LOOKS.set(LOOKS.get() + 1);
            self.0 == other.0
        }
    }

    impl Eq for Counted {}

    impl Hash for Counted {
        fn hash<H: Hasher>(&self, state: &mut H) {
            LOOKS.set(LOOKS.get() + 1);
            self.0.hash(state);
        }
    }

    /// How often references are looked at when so many, each twice, are reduced to one of each.
    fn looks(references: usize) -> usize {
        LOOKS.set(0);
        let all = (0..references).chain(0..references).map(|i| Counted(i.to_string()));
        assert_eq!(without_repeats(all).len(), references);
        LOOKS.get()
    }

    #[test]
    fn twice_as_many_references_are_twice_the_work() {
        for references in [1000, 2000, 4000, 8000] {
            // A growing table hashes what it holds again: less than once more in all, twice at a step.
            assert!(looks(references) <= 8 * references, "{references}");
        }
    }
}
