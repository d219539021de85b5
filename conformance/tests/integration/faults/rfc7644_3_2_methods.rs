//! Faults in methods.

use serde_json::json;

use super::Faults;
use crate::broken::{Answer, fault::on};

pub fn faults() -> Faults {
    let me = || on("GET /Me").gives(|_, answer| *answer = Answer::new(200, json!({"id": "1"})));
    vec![
        ("method-put-collection", on("PUT /Users").status(201), "Expected a PUT at /Users to be refused"),
        ("method-put", on("PUT /Users/*").refuses(501), "to be supported; it is answered 501"),
        ("method-post-resource", on("POST /Users/*").status(201), "405 or 501 to POST"),
        ("method-post-config", on("POST /ServiceProviderConfig").refuses(200), "405 or 501 to POST"),
        ("method-put-config", on("PUT /ServiceProviderConfig").refuses(200), "405 or 501 to PUT"),
        ("method-post-types", on("POST /ResourceTypes").refuses(201), "405 or 501 to POST"),
        ("method-post-schemas", on("POST /Schemas").refuses(400), "405 or 501 to POST"),
        ("method-get-bulk", on("GET /Bulk").refuses(200), "405 or 501 to GET"),
        ("method-unknown", on("BREW /Users/*").refuses(200), "405 or 501 to BREW"),
        ("method-allow", on("POST /ServiceProviderConfig").header("allow", ""), "Expected an Allow header"),
        ("method-me", on("GET /Me").refuses(404), "308 or 501 from /Me; got 404"),
        ("method-me-location", me(), "a Location header with the location of the user"),
    ]
}
