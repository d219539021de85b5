//! Deleting.

use serde_json::json;

use crate::{
    case::{
        Area, Case,
        Need::{Attribute, Filter, Patch, Type},
        run,
    },
    context::{Context, about},
    ensure,
    exchange::Answer,
    verdict::{Outcome, holds},
};

pub const AREA: Area = Area { tag: "delete", title: "Delete (RFC 7644 §3.6)", cases: CASES };

const SECTION: &str = "RFC 7644 §3.6";

const CASES: &[Case] = &[
    Case::must("delete-status", SECTION, "A DELETE that succeeds is answered 204 without a body.", run!(status))
        .needs(&[Type("User")]),
    Case::must("delete-get", SECTION, "A GET of what was deleted is answered 404.", run!(gone, "GET"))
        .needs(&[Type("User")]),
    Case::must("delete-put", SECTION, "A PUT of what was deleted is answered 404.", run!(gone, "PUT"))
        .needs(&[Type("User")]),
    Case::must("delete-patch", SECTION, "A PATCH of what was deleted is answered 404.", run!(gone, "PATCH"))
        .needs(&[Patch, Attribute("User", "nickName")]),
    Case::must("delete-twice", SECTION, "A second DELETE is answered 404.", run!(gone, "DELETE"))
        .needs(&[Type("User")]),
    Case::should(
        "delete-unknown",
        "RFC 7644 §3.12",
        "A DELETE of what was never there is answered 404.",
        run!(unknown),
    )
    .needs(&[Type("User")]),
    Case::must("delete-query", SECTION, "What was deleted is in no result of a query.", run!(not_found))
        .needs(&[Type("User"), Filter]),
    Case::should(
        "delete-name-free",
        SECTION,
        "The userName of a deleted user can be given to another.",
        run!(name_free),
    )
    .needs(&[Type("User")]),
    Case::may(
        "delete-leaves-groups",
        "RFC 7643 §2.3.7",
        "A deleted user is a member of no group.",
        run!(leaves_groups),
    )
    .needs(&[Attribute("Group", "members.value"), Type("User")])
    .about_keeping(),
];

async fn status(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let answer = scim.delete(&user.path).await?;
    ensure!(answer.offered()?.status(204)?.body.is_empty(), "Expected no body with 204; there is one.");
    Ok(())
}

/// Whether a DELETE is done at all is for delete-status.
fn deleted(answer: &Answer) -> Outcome {
    answer.success().map_err(|stop| about(stop, "delete-status"))?;
    Ok(())
}

/// Demands 404 to this method after a DELETE.
async fn gone(scim: &Context, method: &str) -> Outcome {
    let draft = scim.user();
    let user = draft.create().await?;
    let call = match method {
        "PATCH" => scim.patch(&user.path, &json!([{"op": "add", "path": "nickName", "value": "x"}])),
        "PUT" => scim.put(&user.path, draft.body()),
        other => scim.call(other, &user.path),
    };
    // What is not answered before is not afterwards.
    match method {
        "PATCH" => call.clone().await?.success().map(drop).map_err(|stop| about(stop, "modify-add-single"))?,
        "PUT" => call.clone().await?.success().map(drop).map_err(|stop| about(stop, "method-put"))?,
        "GET" => call.clone().await?.success().map(drop).map_err(|stop| about(stop, "retrieve-known"))?,
        _ => {}
    }
    deleted(&scim.delete(&user.path).await?)?;
    call.await?.status(404)?;
    Ok(())
}

async fn unknown(scim: &Context) -> Outcome {
    scim.delete(format!("{}/{}", scim.users(), scim.fresh_name())).await?.status(404)?;
    Ok(())
}

async fn not_found(scim: &Context) -> Outcome {
    let draft = scim.user();
    deleted(&scim.delete(draft.create().await?.path).await?)?;
    let found = scim.filtered(&scim.users(), &format!("userName eq \"{}\"", draft.name())).await?;
    ensure!(found.is_empty(), "Expected the deleted user not to be found; it is.");
    Ok(())
}

async fn name_free(scim: &Context) -> Outcome {
    let draft = scim.user();
    deleted(&scim.delete(draft.create().await?.path).await?)?;
    // With which status is for create-status.
    draft.post().await?.success()?;
    Ok(())
}

async fn leaves_groups(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let group = scim.group().with(json!({"members": [{"value": user.id}]})).create().await?;
    deleted(&scim.delete(&user.path).await?)?;
    holds(&scim.read(&group).await?, &json!({"members": []}))
}
