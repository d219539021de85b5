//! Faults in data types.

use serde_json::json;

use super::Faults;
use crate::broken::{
    Fault,
    fault::{On, on},
    schemas::KIT,
};

fn post() -> On {
    on("POST /Users")
}

/// Says of an attribute of the kit what it is not.
fn says(name: &'static str, value: serde_json::Value) -> Fault {
    on("GET /Users/*").gives(move |_, answer| {
        if let Some(body) = &mut answer.body {
            body[KIT][name] = value.clone();
        }
    })
}

pub fn faults() -> Faults {
    vec![
        ("type-string", post().reads("\"A b\"", "\"A\""), "to be \"A b\"; it is \"A\""),
        ("type-boolean", says("valid", json!("false")), "User:valid to be false; it is \"false\""),
        ("type-decimal", says("weight", json!("2.5")), "User:weight to be 2.5; it is \"2.5\""),
        ("type-integer", says("number", json!("-7")), "User:number to be -7; it is \"-7\""),
        (
            "type-date-time",
            says("issued", json!("2026-02-03T04:05:06Z")),
            "User:issued to be 2026-02-03T04:05:06+02:00",
        ),
        ("type-binary", says("key", json!([1, 2])), "User:key to be \"c2NpbQ==\""),
        ("type-reference", post().reads("Photos/Ada", "photos/ada"), "to be \"https://example.com/Photos/Ada.png\""),
        ("type-wrong-boolean", post().swallows(), "not to be \"perhaps\""),
        ("type-wrong-decimal", post().swallows(), "not to be \"heavy\""),
        ("type-wrong-integer", post().swallows(), "not to be \"many\""),
        ("type-integer-fraction", post().swallows(), "not to be 1.5"),
        ("type-wrong-date-time", post().swallows(), "not to be \"yesterday\""),
        ("type-date-without-time", post().swallows(), "not to be \"2026-01-01\""),
        ("type-wrong-string", post().swallows(), "not to be {\"a\":\"b\"}"),
        ("type-wrong-complex", post().swallows(), "name not to be \"Ada Quill\""),
        ("type-list-for-one", post().swallows(), "nickName not to be [\"Ann\",\"Babs\"]"),
        ("type-list", on("GET /Users/*").says("/emails", json!({"value": "a@example.com"})), "emails to be a list"),
    ]
}
