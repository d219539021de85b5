//! Which methods an endpoint supports, and the response to others.
//!
//! No request here would do harm if the server executed it: no DELETE or PATCH of a whole collection, and no DELETE
//! of discovery.

use serde_json::json;

use crate::{
    case::{
        Area, Case,
        Need::{self, Type},
        run,
    },
    context::Context,
    ensure,
    uri::segment,
    verdict::{Outcome, Stop},
};

pub const AREA: Area = Area { tag: "method", title: "Endpoints and methods (RFC 7644 §3.2)", cases: CASES };

const SECTION: &str = "RFC 7644 §3.2";
const STATUS: &str = "RFC 7231 §4.1";
const USERS: &[Need] = &[Type("User")];

const CASES: &[Case] = &[
    Case::must(
        "method-put-collection",
        SECTION,
        "A PUT at an endpoint of a resource type makes no resource.",
        run!(put_collection),
    )
    .needs(USERS),
    Case::must("method-put", "RFC 7644 §3.5", "Resources can be replaced with PUT.", run!(put)).needs(USERS),
    Case::should(
        "method-post-resource",
        STATUS,
        "A POST at a resource is answered 405.",
        run!(refused, "POST", "a user"),
    )
    .needs(USERS),
    Case::should(
        "method-post-config",
        STATUS,
        "A POST at /ServiceProviderConfig is answered 405.",
        run!(refused, "POST", "/ServiceProviderConfig"),
    ),
    Case::should(
        "method-put-config",
        STATUS,
        "A PUT at /ServiceProviderConfig is answered 405.",
        run!(refused, "PUT", "/ServiceProviderConfig"),
    ),
    Case::should(
        "method-post-types",
        STATUS,
        "A POST at /ResourceTypes is answered 405: resource types are read-only.",
        run!(refused, "POST", "/ResourceTypes"),
    ),
    Case::should(
        "method-post-schemas",
        STATUS,
        "A POST at /Schemas is answered 405: schemas are read-only.",
        run!(refused, "POST", "/Schemas"),
    ),
    Case::should("method-get-bulk", STATUS, "A GET at /Bulk is answered 405.", run!(refused, "GET", "/Bulk"))
        .needs(&[Need::Bulk]),
    Case::should(
        "method-unknown",
        STATUS,
        "A method that the server does not know is answered 501 or 405.",
        run!(refused, "BREW", "a user"),
    )
    .needs(USERS),
    Case::must("method-allow", "RFC 7231 §6.5.5", "An answer 405 has an Allow header.", run!(allow)),
    Case::should(
        "method-me",
        "RFC 7644 §3.11",
        "/Me is answered with the user of the token, with 308, or with 501.",
        run!(me),
    ),
    Case::must(
        "method-me-location",
        "RFC 7644 §3.11",
        "When /Me is answered, the Location header has the permanent location of the user.",
        run!(me_location),
    ),
];

async fn put_collection(scim: &Context) -> Outcome {
    let answer = scim.put(scim.users(), scim.user().body()).await?;
    if let Some(id) = answer.json()["id"].as_str().filter(|_| answer.status < 300) {
        // The ledger does not expect resources from a PUT.
        scim.delete(format!("{}/{}", scim.users(), segment(id))).await?;
    }
    ensure!(answer.status >= 400, "Expected a PUT at {} to be refused; got {}.", scim.users(), answer.status);
    Ok(())
}

async fn put(scim: &Context) -> Outcome {
    let draft = scim.user();
    let user = draft.create().await?;
    scim.put(&user.path, draft.body()).await?.offered()?.success()?;
    Ok(())
}

/// Demands 405, or 501 where the server does not know the method at all.
async fn refused(scim: &Context, method: &str, path: &str) -> Outcome {
    let path = if path == "a user" { scim.user().create().await?.path } else { path.to_owned() };
    let call = scim.call(method, path);
    let call = if method == "POST" || method == "PUT" { call.json(&json!({"schemas": []})) } else { call };
    call.await?.status_in(&[405, 501])?;
    Ok(())
}

async fn allow(scim: &Context) -> Outcome {
    let answer = scim.post("/ServiceProviderConfig", &json!({"schemas": []})).await?;
    if answer.status != 405 {
        return Err(Stop::Skip(format!("The server answers {} and not 405.", answer.status)));
    }
    let allow = answer.header("allow").unwrap_or_default();
    ensure!(!allow.is_empty(), "Expected an Allow header with the methods that are taken; there is none.");
    Ok(())
}

async fn me(scim: &Context) -> Outcome {
    let answer = scim.get("/Me").unfollowed().await?;
    let fits = (200..300).contains(&answer.status) || [308, 501].contains(&answer.status);
    ensure!(fits, "Expected a user, 308 or 501 from /Me; got {}.", answer.status);
    Ok(())
}

async fn me_location(scim: &Context) -> Outcome {
    let answer = scim.get("/Me").unfollowed().await?;
    if answer.status != 200 {
        return Ok(());
    }
    let location = answer.header("location").unwrap_or_default();
    let expect = &answer.object()?["meta"]["location"];
    ensure!(
        !location.is_empty() && (expect.is_null() || *expect == location),
        "Expected a Location header with the location of the user, {expect}; it is \"{location}\"."
    );
    Ok(())
}
