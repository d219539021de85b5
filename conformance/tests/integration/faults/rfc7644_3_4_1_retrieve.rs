//! Faults in retrieving.

use serde_json::json;

use super::Faults;
use crate::broken::fault::{On, on};

fn get() -> On {
    on("GET /Users/*")
}

pub fn faults() -> Faults {
    let core = "urn:ietf:params:scim:schemas:core:2.0:User";
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    vec![
        (
            "retrieve-location-host",
            on("GET /Users/*").says("/meta/location", json!("http://inside.example/scim/v2/Users/1")),
            "meta.location to begin with",
        ),
        ("retrieve-known", get().refuses(404), "Expected status 200 to GET"),
        ("retrieve-group", on("GET /Groups/*").refuses(404), "Expected status 200 to GET"),
        ("retrieve-id-stays", get().says("/id", json!("another")), "it is \"another\""),
        (
            "retrieve-location",
            get().says("/meta/location", json!("https://example.com/Users/1")),
            "the server gave https://example.com",
        ),
        ("retrieve-meta", get().omits("/meta/created"), "meta.created to be a string"),
        (
            "retrieve-same-as-created",
            get().says("/name/familyName", json!("Quill-Reed")),
            "name.familyName to be \"Quill\"",
        ),
        ("retrieve-schemas", get().says("/schemas", json!([core, core])), "is there twice"),
        ("retrieve-schemas-extension", get().says("/schemas", json!([core])), "enterprise:2.0:User among schemas"),
        (
            "retrieve-schemas-order",
            on("POST /Users").takes(move |asked| {
                let mut body = asked.json();
                if body["schemas"][0] == enterprise
                    && let Some(members) = body.as_object_mut()
                {
                    members.shift_remove(enterprise);
                }
                asked.body = body.to_string();
            }),
            "enterprise:2.0:User to be {\"department\":\"Sales\"}",
        ),
        ("retrieve-every-type", on("GET /Devices/*").status(500), "got 500"),
        (
            "retrieve-every-type-name",
            on("GET /Devices/*").says("/meta/resourceType", json!("Devices")),
            "meta.resourceType to be \"Device\"",
        ),
        ("retrieve-unknown", get().status(200), "Expected status 404 to GET"),
        ("retrieve-other-endpoint", on("GET /Groups/*").status(200), "Expected status 404 to GET"),
        ("retrieve-unknown-endpoint", on("GET /NoSuchThings").status(200), "NoSuchThings; got 200"),
    ]
}
