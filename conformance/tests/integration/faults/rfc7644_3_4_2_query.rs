//! Faults in queries.

use serde_json::json;

use super::Faults;
use crate::broken::fault::{On, on};

fn users() -> On {
    on("GET /Users")
}

pub fn faults() -> Faults {
    vec![
        ("query-schemas", users().says("/schemas", json!([])), "ListResponse among schemas"),
        ("query-total", users().says("/totalResults", json!(7)), "totalResults to be 1; it is 7"),
        ("query-nothing", users().says("/totalResults", json!(1)), "totalResults to be 0"),
        ("query-whole-resources", users().omits("/Resources/*/meta"), "Expected meta to be"),
        ("query-resource-schemas", users().omits("/Resources/*/schemas"), "of a list to have schemas"),
        ("query-resource-id", users().omits("/Resources/*/id"), "of a list to have id"),
        ("query-unknown-parameter", users().having("noSuchParameter").refuses(400), "got 400"),
        ("query-groups", on("GET /Groups").asks("filter", "eq", "ne"), "at /Groups to find [0"),
        ("query-members", on("GET /Groups").asks("filter", "members.value", "id"), "it finds []"),
        ("query-external-id", users().asks("filter", "Ext-", "ext-"), "it finds []"),
        (
            "query-external-id-case",
            users().takes(|asked| {
                for (_, value) in &mut asked.query {
                    *value = value.replace("EXT-SCIM-CONFORMANCE-0A1B2C", "Ext-scim-conformance-0a1b2c");
                }
            }),
            "to find []",
        ),
        (
            "query-root-type",
            on("GET /").asks("filter", "meta.resourceType eq \"Group\"", "id pr"),
            "to find the group alone",
        ),
        ("query-root-foreign-attribute", on("GET /").ignores("filter"), "to find the user alone"),
        ("query-every-type", on("GET /Devices").asks("filter", "eq", "ne"), "at its endpoint; the query finds"),
    ]
}
