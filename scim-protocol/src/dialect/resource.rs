//! Rewrites of the body of a POST or PUT as a whole, and of an extension in it or in a PATCH.

use serde_json::{Map, Value};

use super::{Rewrite, Strict, Transform};
use crate::schema::ResourceType;

pub(super) const REWRITES: &[Rewrite] = &[
    Rewrite {
        name: "extension-attributes-among-the-core-ones",
        sent_by: &["Entra ID"],
        sent: r#"{"userName":"jyoung","department":"Tours"}"#,
        standard: r#"{"userName":"jyoung","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Tours"}}"#,
        because: "Older examples of Entra ID put department and manager beside userName; the name says which extension is meant.",
        in_strict: Strict::Refused,
        step: Transform::Resource(extension_attributes_among_the_core_ones),
    },
    Rewrite {
        name: "schemas-inside-an-extension",
        sent_by: &["scim2-models"],
        sent: r#"{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","value":{"schemas":["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"department":"Tours"}}"#,
        standard: r#"{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","value":{"department":"Tours"}}"#,
        because: "The extension is named by its path or key already, and has no such attribute; nothing is lost by it, and tools that judge servers send it.",
        in_strict: Strict::Taken,
        step: Transform::Extension(schemas_inside_an_extension),
    },
];

/// Moves attributes that only one extension defines into that extension. It does not overwrite existing values, and
/// does not move a name that two extensions define. Of a name in several spellings it moves only the first, so that
/// the work is bounded by the number of attributes, not by the keys in the body.
fn extension_attributes_among_the_core_ones(body: &mut Map<String, Value>, rt: &ResourceType) {
    if !body.keys().any(|name| home(name, rt).is_some()) {
        return;
    }
    let mut strays: Vec<(String, String, Value)> = Vec::new();
    for (name, value) in std::mem::take(body) {
        match home(&name, rt) {
            None => _ = body.insert(name, value),
            Some(_) if strays.iter().any(|(stray, ..)| stray.eq_ignore_ascii_case(&name)) => {}
            Some(urn) => strays.push((name, urn, value)),
        }
    }
    for (name, urn, value) in strays {
        let key = body.keys().find(|key| key.eq_ignore_ascii_case(&urn)).cloned().unwrap_or(urn);
        // Null means "unassigned"; no extension is created for it.
        if value.is_null() && !body.contains_key(&key) {
            continue;
        }
        if let Value::Object(extension) = body.entry(key).or_insert_with(|| Value::Object(Map::new()))
            && !extension.keys().any(|there| there.eq_ignore_ascii_case(&name))
        {
            extension.insert(name, value);
        }
    }
}

fn schemas_inside_an_extension(extension: &mut Map<String, Value>) {
    extension.shift_remove("schemas");
}

/// The one extension that defines an attribute which the core schema does not.
fn home(name: &str, rt: &ResourceType) -> Option<String> {
    if rt.attribute(name).is_some() || rt.extension(name).is_some() {
        return None;
    }
    let mut homes = rt.extensions.iter().filter(|extension| extension.schema.attribute(name).is_some());
    match (homes.next(), homes.next()) {
        (Some(only), None) => Some(only.schema.id.clone()),
        _ => None,
    }
}
