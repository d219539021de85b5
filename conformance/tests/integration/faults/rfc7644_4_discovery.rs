//! Faults in discovery.

use serde_json::json;

use super::Faults;
use crate::broken::fault::{On, on};

fn config() -> On {
    on("GET /ServiceProviderConfig")
}

fn types() -> On {
    on("GET /ResourceTypes")
}

fn schemas() -> On {
    on("GET /Schemas")
}

pub fn faults() -> Faults {
    let message = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
    vec![
        ("discovery-config", config().refuses(404), "got 404"),
        ("discovery-config-schemas", config().says("/schemas", json!([])), "ServiceProviderConfig among schemas"),
        (
            "discovery-config-features",
            config().says("/patch/supported", json!("true")),
            "patch.supported to be true or false",
        ),
        (
            "discovery-config-bulk",
            config().says("/bulk/maxOperations", json!("100")),
            "bulk.maxOperations to be an integer",
        ),
        ("discovery-config-filter", config().omits("/filter/maxResults"), "filter.maxResults to be an integer"),
        (
            "discovery-config-authentication",
            config().omits("/authenticationSchemes/0/description"),
            "authenticationSchemes[0].description",
        ),
        ("discovery-config-anonymous", config().lacking("authorization: ").refuses(401), "got 401"),
        ("discovery-types-list", types().says("/totalResults", json!(1)), "totalResults to be 3"),
        ("discovery-types-attributes", types().omits("/Resources/*/endpoint"), "endpoint to be a string"),
        ("discovery-types-urn", types().omits("/Resources/1/schemas"), "among schemas of \"Group\""),
        (
            "discovery-types-schema",
            types().says("/Resources/1/schema", json!("urn:x")),
            "\"urn:x\" of \"Group\" to be among /Schemas",
        ),
        ("discovery-types-extensions", types().omits("/Resources/0/schemaExtensions/0/required"), "to be a boolean"),
        ("discovery-types-endpoint", on("GET /Devices").refuses(404), "Expected Device at /Devices"),
        ("discovery-types-single", on("GET /ResourceTypes/*").refuses(404), "ResourceTypes/User; got 404"),
        ("discovery-types-unknown", on("GET /ResourceTypes/*").status(200), "NoSuchThing; got 200"),
        ("discovery-schemas-list", schemas().says("/schemas", json!([])), "ListResponse among schemas of /Schemas"),
        ("discovery-schemas-single", on("GET /Schemas/*").refuses(404), "User; got 404"),
        (
            "discovery-schemas-used",
            on("GET /Users/*").says("/schemas", json!(["urn:x"])),
            "\"urn:x\" of \"User\" to be among /Schemas",
        ),
        (
            "discovery-schemas-messages",
            schemas().says("/Resources/0/id", json!(message)),
            "no schema of messages among /Schemas",
        ),
        ("discovery-schemas-unknown", on("GET /Schemas/*").status(400), "such:schema; got 400"),
        ("discovery-types-filter", types().ignores("filter"), "got 200"),
        ("discovery-schemas-filter", schemas().ignores("filter"), "got 200"),
        (
            "discovery-types-pages",
            types().having("startIndex=2").omits("/Resources/0"),
            "to hold the same 3 as without; it holds 2",
        ),
        (
            "discovery-schemas-pages",
            schemas().having("count=1").omits("/Resources/1"),
            "/Schemas?count=1 to hold the same",
        ),
        (
            "discovery-schemas-sort",
            schemas().having("sortBy").omits("/Resources/1"),
            "/Schemas?sortBy=name to hold the same",
        ),
    ]
}
