//! Discovery: what a server says of itself.

use crate::{
    case::{Area, Case},
    context::Context,
    ensure, run,
    verdict::Outcome,
};

/// The cases.
pub const AREA: Area = Area { tag: "discovery", title: "Discovery (RFC 7644 §4)", cases: CASES };

const CASES: &[Case] = &[
    Case::must(
        "discovery-config",
        "RFC 7644 §4",
        "GET /ServiceProviderConfig returns a document that says what the server supports.",
        run!(config),
    ),
    Case::must(
        "discovery-config-features",
        "RFC 7643 §5",
        "The configuration says of each feature whether it is supported, with a boolean.",
        run!(features),
    ),
];

async fn config(scim: &Context) -> Outcome {
    let answer = scim.get("/ServiceProviderConfig").await?;
    answer.status(200)?.object()?;
    Ok(())
}

async fn features(scim: &Context) -> Outcome {
    let answer = scim.get("/ServiceProviderConfig").await?;
    let config = answer.status(200)?.object()?;
    for feature in ["patch", "bulk", "filter", "changePassword", "sort", "etag"] {
        let supported = &config[feature]["supported"];
        ensure!(supported.is_boolean(), "Expected {feature}.supported to be true or false; it is {supported}.");
    }
    Ok(())
}
