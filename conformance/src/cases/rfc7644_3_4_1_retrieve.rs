//! Retrieving a known resource.

use crate::{
    case::{Area, Case, Need::Type},
    context::Context,
    run,
    verdict::{Outcome, equals},
};

/// The cases.
pub const AREA: Area = Area { tag: "retrieve", title: "Retrieve (RFC 7644 §3.4.1)", cases: CASES };

const CASES: &[Case] = &[
    Case::must(
        "retrieve-known",
        "RFC 7644 §3.4.1",
        "A GET of a resource is answered 200 with the resource.",
        run!(known),
    )
    .needs(&[Type("User")]),
    Case::should(
        "retrieve-unknown",
        "RFC 7644 §3.12",
        "A GET of a resource that is not there is answered 404.",
        run!(unknown),
    )
    .needs(&[Type("User")]),
];

async fn known(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let answer = scim.get(&user.path).await?;
    equals(answer.status(200)?.object()?, "/id", user.id)
}

async fn unknown(scim: &Context) -> Outcome {
    scim.get(format!("{}/{}", scim.users(), scim.fresh_name())).await?.status(404)?;
    Ok(())
}
