//! Versions: ETag, If-Match and If-None-Match.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    case::{
        Area, Case,
        Need::{self, Attribute, Etag, Patch, Type},
        run,
    },
    context::{Context, Resource, about, as_error},
    ensure,
    verdict::{Outcome, Stop, equals},
};

pub const AREA: Area = Area { tag: "version", title: "Versions (RFC 7644 §3.14)", cases: CASES };

const SECTION: &str = "RFC 7644 §3.14";
const USERS: &[Need] = &[Etag, Type("User")];
const NICK: &[Need] = &[Etag, Patch, Attribute("User", "nickName")];
const STALE: &str = "W/\"no-version-of-this-resource\"";

const CASES: &[Case] = &[
    Case::must(
        "version-header",
        SECTION,
        "The answer to a GET has the resource's version in an ETag header.",
        run!(header),
    )
    .needs(USERS),
    Case::should("version-meta", SECTION, "meta.version is the version in the ETag header.", run!(meta)).needs(USERS),
    Case::must("version-changes", SECTION, "A change gives the resource another version.", run!(changes)).needs(NICK),
    Case::must(
        "version-not-modified",
        SECTION,
        "A GET with If-None-Match and the version is answered 304.",
        run!(not_modified),
    )
    .needs(USERS),
    Case::must(
        "version-modified",
        SECTION,
        "A GET with If-None-Match and another version has the resource.",
        run!(modified),
    )
    .needs(USERS),
    Case::must("version-patch-match", SECTION, "A PATCH with If-Match and the version is done.", run!(current))
        .needs(NICK),
    Case::must(
        "version-patch-stale",
        "RFC 7232 §3.1",
        "A PATCH with If-Match and another version is not done: 412, or the 409 of RFC 7644 §3.12.",
        run!(stale, "PATCH"),
    )
    .needs(NICK),
    Case::must(
        "version-put-stale",
        "RFC 7232 §3.1",
        "A PUT with If-Match and another version is not done: 412, or the 409 of RFC 7644 §3.12.",
        run!(stale, "PUT"),
    )
    .needs(USERS),
    Case::must(
        "version-delete-stale",
        "RFC 7232 §3.1",
        "A DELETE with If-Match and another version is not done: 412, or the 409 of RFC 7644 §3.12.",
        run!(stale, "DELETE"),
    )
    .needs(USERS),
];

/// The version of a resource as a GET has it.
async fn version(scim: &Context, resource: &Resource) -> Result<String, Stop> {
    let answer = scim.get(&resource.path).await?;
    let version = answer.status(200).map_err(as_error)?.header("etag").map(str::to_owned);
    version.ok_or_else(|| Stop::Skip("The answer has no ETag header, which version-header is about.".to_owned()))
}

async fn header(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let answer = scim.get(&user.path).await?;
    let Some(version) = answer.status(200).map_err(as_error)?.header("etag") else {
        return Err(Stop::Unmet("Expected an ETag header; there is none.".to_owned()));
    };
    let is_tag = version.trim_start_matches("W/").len() > 2 && version.ends_with('"');
    ensure!(is_tag, "Expected an entity tag in quotes; it is {version}.");
    Ok(())
}

async fn meta(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let answer = scim.get(&user.path).await?;
    let Some(version) = answer.status(200).map_err(as_error)?.header("etag") else {
        return Err(Stop::Skip("The answer has no ETag header, which version-header is about.".to_owned()));
    };
    equals(answer.object()?, "/meta/version", version)
}

async fn changes(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    moves_on(scim, &user, |n| json!([{"op": "add", "path": "nickName", "value": format!("Babs {n}")}])).await
}

/// How long a weak tag may stay as it is: it may be made of a time in whole seconds (RFC 7232 §2.1).
pub(super) const COARSE: Duration = Duration::from_millis(1100);

/// Demands that a change gives the resource another version. `change` gives the operations of the n-th change, each of
/// which changes something.
pub(super) async fn moves_on(scim: &Context, resource: &Resource, change: impl Fn(usize) -> Value) -> Outcome {
    let before = version(scim, resource).await?;
    scim.modified(resource, change(0)).await.map_err(as_error)?;
    let mut after = version(scim, resource).await?;
    if before == after && before.starts_with("W/") {
        tokio::time::sleep(COARSE).await;
        scim.modified(resource, change(1)).await.map_err(as_error)?;
        after = version(scim, resource).await?;
    }
    ensure!(before != after, "Expected another version after the change; it is {after} still.");
    Ok(())
}

async fn not_modified(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let version = version(scim, &user).await?;
    scim.get(&user.path).header("if-none-match", &version).await?.status(304)?;
    Ok(())
}

async fn modified(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let answer = scim.get(&user.path).header("if-none-match", STALE).await?;
    equals(answer.status(200)?.object()?, "/id", user.id)
}

async fn current(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let version = version(scim, &user).await?;
    let operations = json!([{"op": "add", "path": "nickName", "value": "Babs"}]);
    let answer = scim.patch(&user.path, &operations).header("if-match", &version).await?;
    if answer.success().is_err() {
        // Is it the header?
        scim.patch(&user.path, &operations).await?.success().map_err(|stop| about(stop, "modify-add-single"))?;
        answer.success()?;
    }
    equals(&scim.read(&user).await?, &scim.at("nickName"), "Babs")
}

/// Demands a refusal of this method with another version, and that nothing changes.
async fn stale(scim: &Context, method: &str) -> Outcome {
    let draft = scim.user();
    let user = draft.create().await?;
    let before = scim.read(&user).await?;
    let call = match method {
        "PATCH" => scim.patch(&user.path, &json!([{"op": "add", "path": "nickName", "value": "Babs"}])),
        "PUT" => scim.put(&user.path, draft.body()),
        other => scim.call(other, &user.path),
    };
    let answer = call.header("if-match", STALE).await?;
    let refused = answer.status_in(&[409, 412]).map(|_| ());
    // What breaks always is for the cases about it.
    refused.map_err(|stop| match method {
        _ if answer.status < 500 => stop,
        "PATCH" => about(stop, "modify-add-single"),
        "PUT" => about(stop, "method-put"),
        _ => about(stop, "delete-status"),
    })?;
    equals(&scim.read(&user).await?, "", before)
}
