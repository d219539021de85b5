//! Creating resources.

use crate::{
    case::{Area, Case, Need::Type},
    context::Context,
    run,
    verdict::{Outcome, Stop, equals},
};

/// The cases.
pub const AREA: Area = Area { tag: "create", title: "Create (RFC 7644 §3.3)", cases: CASES };

const CASES: &[Case] = &[
    Case::must("create-status", "RFC 7644 §3.3", "A POST that makes a resource is answered 201.", run!(status))
        .needs(&[Type("User")]),
    Case::must(
        "create-location",
        "RFC 7644 §3.3",
        "The answer to a creation has a Location header with the URI of the new resource.",
        run!(location),
    )
    .needs(&[Type("User")]),
];

async fn status(scim: &Context) -> Outcome {
    scim.user().post().await?.status(201)?;
    Ok(())
}

async fn location(scim: &Context) -> Outcome {
    let answer = scim.user().post().await?;
    let Some(location) = answer.status(201)?.header("location") else {
        return Err(Stop::Unmet("Expected a Location header; there is none.".to_owned()));
    };
    let found = scim.get(location).await?;
    equals(found.status(200)?.object()?, "/id", answer.object()?["id"].clone())
}
