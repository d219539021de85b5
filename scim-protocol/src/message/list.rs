//! The message around the resources of a list (RFC 7644 §3.4.2, RFC 9865 §2).

use serde::Serialize;

/// The schema URI of a list.
pub const LIST_RESPONSE_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// A list without its resources. A server writes stored bytes between [`ListEnvelope::opening`] and
/// [`ListEnvelope::CLOSING`], separated by commas, and never builds the list as a value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListEnvelope {
    /// How many resources match; `None` where counting would cost too much (RFC 9865 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_results: Option<u64>,
    /// How many resources this page holds.
    pub items_per_page: usize,
    /// The 1-based index of the first of them; `None` on pages reached by cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_index: Option<u64>,
    /// The cursor of the next page; `None` on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// The cursor of the page before; `None` on the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_cursor: Option<String>,
}

impl ListEnvelope {
    /// What is written behind the last resource.
    pub const CLOSING: &str = "]}";

    /// What is written before the first resource: a JSON object up to the opening bracket of
    /// `Resources`.
    pub fn opening(&self) -> String {
        let members = serde_json::to_string(self).unwrap_or_default();
        let members = members.trim_start_matches('{').trim_end_matches('}');
        format!("{{\"schemas\":[\"{LIST_RESPONSE_SCHEMA}\"],{members},\"Resources\":[")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(envelope: &ListEnvelope, expect: &Value) {
        let text = envelope.opening() + "{\"id\":\"1\"},{\"id\":\"2\"}" + ListEnvelope::CLOSING;
        let mut list: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(list["schemas"], json!([LIST_RESPONSE_SCHEMA]));
        assert_eq!(list["Resources"], json!([{"id": "1"}, {"id": "2"}]));
        let members = list.as_object_mut().unwrap();
        members.shift_remove("schemas");
        members.shift_remove("Resources");
        assert_eq!(&list, expect);
    }

    #[test]
    fn envelope_of_an_index_page_and_of_a_cursor_page() {
        check(
            &ListEnvelope { total_results: Some(7), items_per_page: 2, start_index: Some(3), ..Default::default() },
            &json!({"totalResults": 7, "itemsPerPage": 2, "startIndex": 3}),
        );
        check(
            &ListEnvelope { items_per_page: 2, next_cursor: Some("VZUTi".to_owned()), ..Default::default() },
            &json!({"itemsPerPage": 2, "nextCursor": "VZUTi"}),
        );
    }
}
