//! Redaction: a word that stands anywhere as a value does not reach the audit log.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scim_server::audit::redact;
use serde_json::Value;

/// A name of a person, with a space and an apostrophe as names have.
const NAME: &str = "Zo\u{eb} O'Neill";

fuzz_target!(|input: &[u8]| {
    let Some(mut document) = fuzz::json(input) else { return };
    plant(&mut document, false);
    let line = redact(&document).to_string();
    assert!(!line.contains("O'Neill"), "{line}");
    assert!(serde_json::from_str::<Value>(&line).is_ok(), "{line}");
});

/// Puts the name in the place of each string, but for `meta`, which only the server writes.
fn plant(value: &mut Value, kept: bool) {
    match value {
        Value::String(text) if !kept => *text = NAME.to_owned(),
        Value::Array(elements) => elements.iter_mut().for_each(|element| plant(element, kept)),
        Value::Object(members) => {
            members.iter_mut().for_each(|(name, value)| plant(value, kept || name.eq_ignore_ascii_case("meta")));
        }
        _ => {}
    }
}
