//! What a form was made of: so that what it says is done only to that.

use hyper::StatusCode;
use serde_json::Value;

use crate::{admin::Fault, token::secret, web::Parameters};

/// The hidden field that says it.
pub const WAS: &str = "was";

/// A mark of what a page shows: the same for the same, in whatever order the members of its objects stand.
pub fn mark(shown: &Value) -> String {
    let mut shown = shown.clone();
    shown.sort_all_objects();
    hex::encode(secret::digest(&shown.to_string()))
}

/// Refuses with 409, and says why, what a form says of something else than what there is now.
pub fn check(form: &Parameters, now: &Value, why: &str) -> Result<(), Fault> {
    if form.text(WAS) == mark(now) {
        return Ok(());
    }
    Err(Fault::new(StatusCode::CONFLICT.as_u16(), why))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mark_is_of_what_is_shown_and_not_of_its_order() {
        let mark_of = |text: &str| mark(&serde_json::from_str(text).unwrap());
        let known = mark_of(r#"{"a": {"x": 1, "y": [1, 2]}, "b": null}"#);
        assert_eq!(mark_of(r#"{"b": null, "a": {"y": [1, 2], "x": 1}}"#), known);
        for other in [json!({}), json!({"a": {"x": 1, "y": [2, 1]}, "b": null}), Value::Null] {
            assert_ne!(mark(&other), known);
        }
    }
}
