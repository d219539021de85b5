//! Values for attributes, from what their schema says, and for those of the RFC from what they mean: a server may
//! check that a locale is one.

use serde_json::{Map, Value, json};

/// A value of an attribute; for a multi-valued one, of one element. `parent` is the name of the complex attribute that
/// it is a part of, or empty. Values with another `variant` differ where the type has more than one value.
pub fn value(attribute: &Value, parent: &str, mark: &str, variant: usize) -> Value {
    let name = attribute["name"].as_str().unwrap_or_default();
    if let Some(all) = attribute["canonicalValues"].as_array().filter(|all| !all.is_empty()) {
        return all.get(variant % all.len()).cloned().unwrap_or_default();
    }
    if let Some(known) = known(parent, name, mark, variant) {
        return known;
    }
    let number = i64::try_from(variant).unwrap_or(0);
    match attribute["type"].as_str() {
        Some("binary") => json!(if variant == 0 { "c2NpbQ==" } else { "U0NJTQ==" }),
        Some("boolean") => json!(variant == 0),
        Some("complex") => Value::Object(parts(attribute, mark, variant)),
        Some("dateTime") => json!(format!("2026-01-0{}T00:00:00Z", 1 + number % 9)),
        Some("decimal") => json!(1.5 + f64::from(u8::try_from(variant).unwrap_or(0))),
        Some("integer") => json!(1 + number),
        Some("reference") => json!(format!("https://example.com/{mark}{variant}")),
        _ => json!(format!("{mark}{variant}")),
    }
}

/// What the attributes of RFC 7643 §4 hold.
pub(super) fn known(parent: &str, name: &str, mark: &str, variant: usize) -> Option<Value> {
    let choose = |one: &str, other: &str| json!(if variant == 0 { one } else { other });
    Some(match (parent, name) {
        ("", "userName") | ("emails", "value") => json!(format!("{mark}{variant}@example.com")),
        ("phoneNumbers", "value") => choose("tel:+1-201-555-0123", "tel:+1-201-555-0124"),
        ("", "locale") => choose("en-US", "de-DE"),
        ("", "preferredLanguage") => choose("en", "de"),
        ("", "timezone") => choose("America/Los_Angeles", "Europe/Berlin"),
        ("addresses", "country") => choose("US", "DE"),
        ("", "password") => json!(format!("Correct-horse-{mark}{variant}")),
        (_, "type") if parent != "members" => choose("work", "home"),
        _ => return None,
    })
}

/// The parts of a complex value that clients write: those that are required, and the simple texts. What follows from
/// others (`$ref`, `display`, `formatted`) and what excludes others (`primary`) is left out.
fn parts(attribute: &Value, mark: &str, variant: usize) -> Map<String, Value> {
    let parent = attribute["name"].as_str().unwrap_or_default();
    let subs = attribute["subAttributes"].as_array().into_iter().flatten();
    let chosen = subs.filter(|sub| {
        let derived = ["$ref", "display", "displayName", "formatted", "primary"].iter().any(|one| sub["name"] == *one);
        let simple = sub["type"].is_null() || ["string", "reference", "binary"].iter().any(|one| sub["type"] == *one);
        sub["mutability"] != "readOnly"
            && sub["type"] != "complex"
            && (sub["required"] == true || sub["name"] == "value" || (simple && !derived))
    });
    chosen.filter_map(|sub| Some((sub["name"].as_str()?.to_owned(), value(sub, parent, mark, variant)))).collect()
}
