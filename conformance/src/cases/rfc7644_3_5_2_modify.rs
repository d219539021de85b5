//! Modifying with PATCH: what holds for every operation. The operations have files of their own.
//!
//! Most cases are data: a user as it is made, operations, and what must hold afterwards.

use serde_json::{Value, json};

use super::time::later_than;
use crate::{
    case::{
        Area, Case,
        Need::{self, Attribute, Patch},
        run,
    },
    context::{Context, PATCH_OP, about},
    ensure,
    exchange::Answer,
    verdict::{Outcome, Stop, equals, holds},
};

pub const AREA: Area = Area { tag: "modify", title: "Modify with PATCH (RFC 7644 §3.5.2)", cases: CASES };

const SECTION: &str = "RFC 7644 §3.5.2";
/// What most cases about PATCH need, those of the single operations too.
pub(super) const NICK: &[Need] = &[Patch, Attribute("User", "nickName")];
pub(super) const TITLE: &[Need] = &[Patch, Attribute("User", "title"), Attribute("User", "nickName")];
pub(super) const NAME: &[Need] = &[Patch, Attribute("User", "name.familyName"), Attribute("User", "name.givenName")];
pub(super) const EMAILS: &[Need] = &[Patch, Attribute("User", "emails.type"), Attribute("User", "emails.primary")];
pub(super) const ENTERPRISE_USER: &[Need] = &[Patch, Attribute("User", DEPARTMENT)];

const CASES: &[Case] = &[
    Case::must(
        "modify-path-urn",
        "RFC 7644 §3.10",
        "A path may name a core attribute with its schema's URN.",
        run!(
            changes,
            json!({}),
            add("urn:ietf:params:scim:schemas:core:2.0:User:nickName", json!("Babs")),
            json!({"nickName": "Babs"})
        ),
    )
    .needs(NICK),
    Case::must(
        "modify-path-case",
        "RFC 7643 §2.1",
        "Attribute names in a path are taken in any case.",
        run!(changes, json!({"nickName": "Ann"}), replace("NICKNAME", json!("Babs")), json!({"nickName": "Babs"})),
    )
    .needs(NICK),
    Case::must(
        "modify-path-unknown",
        SECTION,
        "An operation whose path is no path fails, and the request with it.",
        run!(incompatible, replace("emails[type eq", json!("x"))),
    )
    .needs(EMAILS),
    Case::must(
        "modify-primary",
        SECTION,
        "When an operation makes a value primary, the value that was primary is primary no more.",
        run!(primary),
    )
    .needs(EMAILS),
    Case::must(
        "modify-in-order",
        SECTION,
        "Operations are applied in the order of the request.",
        run!(changes, json!({}), one_after_another(), json!({"nickName": "Babs"})),
    )
    .needs(NICK),
    Case::must(
        "modify-atomic",
        SECTION,
        "When one operation fails, none of the request's operations has an effect.",
        run!(atomic),
    )
    .needs(NICK),
    Case::must(
        "modify-status",
        SECTION,
        "A PATCH that succeeds is answered 200 with the resource, or 204.",
        run!(status),
    )
    .needs(NICK),
    Case::must(
        "modify-attributes",
        SECTION,
        "A PATCH with the parameter attributes is answered 200 with those attributes.",
        run!(attributes),
    )
    .needs(TITLE),
    Case::should(
        "modify-unknown-op",
        "RFC 7644 §3.12",
        "An operation that is not add, remove or replace is refused with 400.",
        run!(invalid, json!([{"op": "rename", "path": "nickName", "value": "x"}])),
    )
    .needs(NICK),
    Case::must(
        "modify-offered",
        "RFC 7643 §5",
        "A server that declares patch does not answer 501 to a PATCH of an attribute that it declares.",
        run!(offered),
    )
    .needs(NICK),
    Case::should(
        "modify-without-operations",
        "RFC 7644 §3.12",
        "A PATCH without Operations is refused with 400.",
        run!(without_operations),
    )
    .needs(NICK),
    Case::should(
        "modify-unknown-resource",
        "RFC 7644 §3.12",
        "A PATCH of a resource that is not there is answered 404.",
        run!(unknown),
    )
    .needs(NICK),
    Case::must(
        "modify-wrong-type",
        SECTION,
        "An operation that is not compatible with the schema, as by the type of its value, is refused.",
        run!(incompatible, replace("name", json!(7))),
    )
    .needs(NAME),
    Case::must(
        "modify-last-modified",
        "RFC 7643 §3.1",
        "A PATCH that changes the resource moves meta.lastModified on.",
        run!(later),
    )
    .needs(NICK),
];

/// `department`, as paths and needs name it.
pub(super) const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";

/// An `add` as a whole list of operations; an empty path is left out.
pub(super) fn add(path: &str, value: Value) -> Value {
    operation("add", path, Some(value))
}

/// A `remove`, likewise.
pub(super) fn remove(path: &str) -> Value {
    operation("remove", path, None)
}

/// A `replace`, likewise.
pub(super) fn replace(path: &str, value: Value) -> Value {
    operation("replace", path, Some(value))
}

/// Three operations whose order decides what is left.
fn one_after_another() -> Value {
    let lists = [add("nickName", json!("Ann")), remove("nickName"), add("nickName", json!("Babs"))];
    lists.iter().filter_map(|list| list.get(0).cloned()).collect()
}

fn operation(op: &str, path: &str, value: Option<Value>) -> Value {
    let mut operation = json!({"op": op});
    if !path.is_empty() {
        operation["path"] = json!(path);
    }
    if let Some(value) = value {
        operation["value"] = value;
    }
    json!([operation])
}

pub(super) fn work() -> Value {
    json!({"value": "{n}work@example.com", "type": "work"})
}

pub(super) fn home() -> Value {
    json!({"value": "{n}home@example.com", "type": "home"})
}

/// Demands that the operations turn a user as `start` into one that holds `expect`.
pub(super) async fn changes(scim: &Context, start: Value, operations: Value, expect: Value) -> Outcome {
    scim.may_lack("User", &expect)?;
    let user = scim.user().with(start).create().await?;
    holds(&scim.modified(&user, operations).await?, &scim.fill(expect))
}

/// Demands that the operations are refused, and have no effect.
pub(super) async fn incompatible(scim: &Context, operations: Value) -> Outcome {
    let user = scim.user().create().await?;
    let before = scim.read(&user).await?;
    scim.patch(&user.path, &operations).await?.refused()?;
    equals(&scim.read(&user).await?, "", before)
}

/// Demands that the operations are refused with 400 and this `scimType`, and have no effect.
pub(super) async fn refuses(scim: &Context, operations: Value, scim_type: &str) -> Outcome {
    let user = scim.user().create().await?;
    let before = scim.read(&user).await?;
    let answer = scim.patch(&user.path, &operations).await?;
    let said = answer.json()["scimType"].as_str().unwrap_or_default();
    let declined = answer.status == 400 && ["invalidFilter", "invalidPath"].contains(&said);
    if declined && operations[0]["path"].as_str().is_some_and(|path| path.contains('[')) {
        return Err(Stop::Skip("The server declines the path, whether something fits it or not.".to_owned()));
    }
    answer.error(400, Some(scim_type))?;
    equals(&scim.read(&user).await?, "", before)
}

async fn offered(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    scim.patch(&user.path, &add("nickName", json!("Babs"))).await?.offered()?;
    Ok(())
}

/// Demands that the operations are refused with 400.
pub(super) async fn invalid(scim: &Context, operations: Value) -> Outcome {
    let user = scim.user().create().await?;
    scim.patch(&user.path, &operations).await?.status(400)?;
    Ok(())
}

async fn primary(scim: &Context) -> Outcome {
    let (mut first, mut second) = (work(), home());
    first["primary"] = json!(true);
    second["primary"] = json!(true);
    let user = scim.user().with(json!({"emails": [first]})).create().await?;
    let add = json!([{"op": "add", "path": "emails", "value": [second]}]);
    let user = scim.modified(&user, add).await.map_err(|stop| about(stop, "modify-add-appends"))?;
    let emails = user["emails"].as_array().cloned().unwrap_or_default();
    let primary: Vec<_> =
        emails.iter().filter(|one| one["primary"] == true).filter_map(|one| one["value"].as_str()).collect();
    ensure!(
        primary == [scim.fill_text("{n}home@example.com")],
        "Expected home@example.com alone to be primary; it is {}.",
        primary.join(", ")
    );
    Ok(())
}

/// Ends the case where the operation that is to fail is taken: then nothing is known of what a failure leaves.
pub(super) fn failed(answer: &Answer) -> Outcome {
    if (200..300).contains(&answer.status) {
        let why = "The server takes the operation that is to fail, which modify-replace-read-only is about.";
        return Err(Stop::Skip(why.to_owned()));
    }
    Ok(())
}

async fn atomic(scim: &Context) -> Outcome {
    let user = scim.user().with(json!({"nickName": "Ann"})).create().await?;
    let operations =
        json!([{"op": "replace", "path": "nickName", "value": "Babs"}, {"op": "replace", "path": "id", "value": "x"}]);
    failed(&scim.patch(&user.path, &operations).await?)?;
    equals(&scim.read(&user).await?, &scim.at("nickName"), "Ann")
}

async fn status(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let answer = scim.patch(&user.path, &json!([{"op": "add", "path": "nickName", "value": "Babs"}])).await?;
    if answer.status_in(&[200, 204])?.status == 200 {
        return equals(answer.object()?, &scim.at("nickName"), "Babs");
    }
    ensure!(answer.body.is_empty(), "Expected no body with 204; there is one.");
    Ok(())
}

async fn attributes(scim: &Context) -> Outcome {
    let user = scim.user().with(json!({"title": "Boss"})).create().await?;
    let operations = json!([{"op": "add", "path": "nickName", "value": "Babs"}]);
    let answer = scim.patch(&user.path, &operations).query("attributes", "nickName").await?;
    holds(answer.status(200)?.object()?, &scim.fill(json!({"id": user.id, "nickName": "Babs", "title": null})))
}

async fn without_operations(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    scim.call("PATCH", &user.path).json(&json!({"schemas": [PATCH_OP]})).await?.status(400)?;
    Ok(())
}

async fn unknown(scim: &Context) -> Outcome {
    let path = format!("{}/{}", scim.users(), scim.fresh_name());
    scim.patch(path, &json!([{"op": "add", "path": "nickName", "value": "x"}])).await?.status(404)?;
    Ok(())
}

async fn later(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    later_than(scim, &user, |n| json!([{"op": "replace", "path": "nickName", "value": format!("Babs {n}")}])).await
}
