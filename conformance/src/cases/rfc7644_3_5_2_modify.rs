//! Modifying with PATCH: every form of path, and what each operation does to single and multiple values.
//!
//! Most cases are data: a user as it is made, operations, and what must hold afterwards.

use serde_json::{Value, json};

use crate::{
    case::{
        Area, Case,
        Need::{self, Attribute, Patch},
    },
    context::{Context, PATCH_OP},
    discovery::ENTERPRISE,
    ensure, run,
    verdict::{Outcome, equals, holds},
};

/// The cases.
pub const AREA: Area = Area { tag: "modify", title: "Modify with PATCH (RFC 7644 §3.5.2)", cases: CASES };

const NICK: &[Need] = &[Patch, Attribute("User", "nickName")];
const TITLE: &[Need] = &[Patch, Attribute("User", "title"), Attribute("User", "nickName")];
const NAME: &[Need] = &[Patch, Attribute("User", "name.familyName"), Attribute("User", "name.givenName")];
const EMAILS: &[Need] = &[Patch, Attribute("User", "emails.type"), Attribute("User", "emails.primary")];
const DEPARTMENT: &[Need] =
    &[Patch, Attribute("User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department")];
const ADD: &str = "RFC 7644 §3.5.2.1";
const REMOVE: &str = "RFC 7644 §3.5.2.2";
const REPLACE: &str = "RFC 7644 §3.5.2.3";
const ANY: &str = "RFC 7644 §3.5.2";

const CASES: &[Case] = &[
    Case::must("modify-add-single", ADD, "An add to a single-valued attribute that has no value gives it the value.",
        run!(changes, json!({}), json!([{"op": "add", "path": "nickName", "value": "Babs"}]), json!({"nickName": "Babs"}))).needs(NICK),
    Case::must("modify-add-replaces-single", ADD, "An add to a single-valued attribute that has a value replaces it.",
        run!(changes, json!({"nickName": "Ann"}), json!([{"op": "add", "path": "nickName", "value": "Babs"}]), json!({"nickName": "Babs"}))).needs(NICK),
    Case::must("modify-add-without-path", ADD, "An add without a path adds the attributes of its value to the resource.",
        run!(changes, json!({"title": "Boss"}), json!([{"op": "add", "value": {"nickName": "Babs"}}]), json!({"nickName": "Babs", "title": "Boss"}))).needs(TITLE),
    Case::must("modify-add-appends", ADD, "An add to a multi-valued attribute keeps the values that are there.",
        run!(changes, json!({"emails": [work()]}), json!([{"op": "add", "path": "emails", "value": [home()]}]), json!({"emails": [work(), home()]}))).needs(EMAILS),
    Case::must("modify-add-without-path-appends", ADD, "An add without a path appends to the multi-valued attributes in its value.",
        run!(changes, json!({"emails": [work()]}), json!([{"op": "add", "value": {"emails": [home()]}}]), json!({"emails": [work(), home()]}))).needs(EMAILS),
    Case::must("modify-add-first-element", ADD, "An add to a multi-valued attribute without values gives it the value.",
        run!(changes, json!({}), json!([{"op": "add", "path": "emails", "value": [work()]}]), json!({"emails": [work()]}))).needs(EMAILS),
    Case::must("modify-add-complex", ADD, "An add to a complex attribute sets the sub-attributes of its value.",
        run!(changes, json!({"name": {"familyName": "Quill"}}), json!([{"op": "add", "path": "name", "value": {"givenName": "Ada"}}]), json!({"name": {"givenName": "Ada"}}))).needs(NAME),
    Case::must("modify-add-sub-attribute", ADD, "An add to a sub-attribute leaves the other sub-attributes alone.",
        run!(changes, json!({"name": {"familyName": "Quill"}}), json!([{"op": "add", "path": "name.givenName", "value": "Ada"}]), json!({"name": {"familyName": "Quill", "givenName": "Ada"}}))).needs(NAME),
    Case::must("modify-add-extension", ADD, "A path with the URN of an extension names the extension's attribute.",
        run!(changes, json!({}), json!([{"op": "add", "path": format!("{ENTERPRISE}:department"), "value": "Sales"}]), json!({ENTERPRISE: {"department": "Sales"}}))).needs(DEPARTMENT),
    Case::must("modify-add-extension-without-path", ADD, "An add without a path takes an extension's attributes under its URN.",
        run!(changes, json!({}), json!([{"op": "add", "value": {ENTERPRISE: {"department": "Sales"}}}]), json!({ENTERPRISE: {"department": "Sales"}}))).needs(DEPARTMENT),
    Case::should("modify-add-same-value", ADD, "An add of a value that is there already succeeds and changes nothing.",
        run!(changes, json!({"emails": [work()]}), json!([{"op": "add", "path": "emails", "value": [work()]}]), json!({"emails": [work()]}))).needs(EMAILS),
    Case::must("modify-add-same-value-time", ADD, "An add of a value that is there already leaves meta.lastModified as it is.",
        run!(keeps_time)).needs(NICK),
    Case::must("modify-add-schemas", ANY, "After an extension's attribute is added, schemas holds the extension's URN.",
        run!(schemas)).needs(DEPARTMENT),
    Case::must("modify-remove-single", REMOVE, "A remove of a single-valued attribute leaves it unassigned.",
        run!(changes, json!({"nickName": "Ann", "title": "Boss"}), json!([{"op": "remove", "path": "nickName"}]), json!({"nickName": null, "title": "Boss"}))).needs(TITLE),
    Case::must("modify-remove-multi-valued", REMOVE, "A remove of a multi-valued attribute removes all its values.",
        run!(changes, json!({"emails": [work(), home()]}), json!([{"op": "remove", "path": "emails"}]), json!({"emails": []}))).needs(EMAILS),
    Case::must("modify-remove-matching", REMOVE, "A remove with a value filter removes the values that match, and no others.",
        run!(changes, json!({"emails": [work(), home()]}), json!([{"op": "remove", "path": "emails[type eq \"work\"]"}]), json!({"emails": [home()]}))).needs(EMAILS),
    Case::must("modify-remove-last", REMOVE, "When a remove takes the last value, the attribute is unassigned.",
        run!(changes, json!({"emails": [work()]}), json!([{"op": "remove", "path": "emails[type eq \"work\"]"}]), json!({"emails": []}))).needs(EMAILS),
    Case::must("modify-remove-by-value", REMOVE, "A value filter may be over the value itself.",
        run!(changes, json!({"emails": [work(), home()]}), json!([{"op": "remove", "path": "emails[value eq \"home@example.com\"]"}]), json!({"emails": [work()]}))).needs(EMAILS),
    Case::must("modify-remove-and", REMOVE, "A value filter may join conditions on the same value.",
        run!(changes, json!({"emails": [work(), home()]}), json!([{"op": "remove", "path": "emails[type eq \"work\" and value ew \"@example.com\"]"}]), json!({"emails": [home()]}))).needs(EMAILS),
    Case::must("modify-remove-element-sub-attribute", REMOVE, "A remove with a value filter and a sub-attribute removes it from the values that match.",
        run!(changes, json!({"emails": [work(), home()]}), json!([{"op": "remove", "path": "emails[type eq \"work\"].type"}]), json!({"emails": [{"value": "work@example.com", "type": null}, home()]}))).needs(EMAILS),
    Case::must("modify-remove-sub-attribute", REMOVE, "A remove of a sub-attribute leaves the other sub-attributes alone.",
        run!(changes, json!({"name": {"familyName": "Quill", "givenName": "Ada"}}), json!([{"op": "remove", "path": "name.givenName"}]), json!({"name": {"familyName": "Quill", "givenName": null}}))).needs(NAME),
    Case::must("modify-remove-complex", REMOVE, "A remove of a complex attribute removes all its sub-attributes.",
        run!(changes, json!({"name": {"familyName": "Quill", "givenName": "Ada"}}), json!([{"op": "remove", "path": "name"}]), json!({"name": null}))).needs(NAME),
    Case::must("modify-remove-extension", REMOVE, "A remove of an extension's attribute leaves it unassigned.",
        run!(changes, json!({ENTERPRISE: {"department": "Sales"}}), json!([{"op": "remove", "path": format!("{ENTERPRISE}:department")}]), json!({ENTERPRISE: {"department": null}}))).needs(DEPARTMENT),
    Case::must("modify-remove-without-path", REMOVE, "A remove without a path is refused with 400 noTarget.",
        run!(refuses, json!([{"op": "remove"}]), "noTarget")).needs(NICK),
    Case::must("modify-remove-required", REMOVE, "A remove of a required attribute is refused with 400 mutability.",
        run!(refuses, json!([{"op": "remove", "path": "userName"}]), "mutability")).needs(NICK),
    Case::must("modify-remove-read-only", REMOVE, "A remove of a read-only attribute is refused with 400 mutability.",
        run!(refuses, json!([{"op": "remove", "path": "id"}]), "mutability")).needs(NICK),
    Case::must("modify-replace-single", REPLACE, "A replace of a single-valued attribute replaces its value.",
        run!(changes, json!({"nickName": "Ann"}), json!([{"op": "replace", "path": "nickName", "value": "Babs"}]), json!({"nickName": "Babs"}))).needs(NICK),
    Case::must("modify-replace-absent", REPLACE, "A replace of an attribute that has no value adds it.",
        run!(changes, json!({}), json!([{"op": "replace", "path": "nickName", "value": "Babs"}]), json!({"nickName": "Babs"}))).needs(NICK),
    Case::must("modify-replace-without-path", REPLACE, "A replace without a path replaces the attributes in its value and no others.",
        run!(changes, json!({"nickName": "Ann", "title": "Boss"}), json!([{"op": "replace", "value": {"nickName": "Babs"}}]), json!({"nickName": "Babs", "title": "Boss"}))).needs(TITLE),
    Case::must("modify-replace-multi-valued", REPLACE, "A replace of a multi-valued attribute replaces all its values.",
        run!(changes, json!({"emails": [work()]}), json!([{"op": "replace", "path": "emails", "value": [home()]}]), json!({"emails": [home()]}))).needs(EMAILS),
    Case::must("modify-replace-complex", REPLACE, "A replace of a complex attribute leaves the sub-attributes that it does not name alone.",
        run!(changes, json!({"name": {"familyName": "Quill", "givenName": "Ada"}}), json!([{"op": "replace", "path": "name", "value": {"givenName": "Eve"}}]), json!({"name": {"familyName": "Quill", "givenName": "Eve"}}))).needs(NAME),
    Case::must("modify-replace-sub-attribute", REPLACE, "A replace of a sub-attribute leaves the other sub-attributes alone.",
        run!(changes, json!({"name": {"familyName": "Quill", "givenName": "Ada"}}), json!([{"op": "replace", "path": "name.givenName", "value": "Eve"}]), json!({"name": {"familyName": "Quill", "givenName": "Eve"}}))).needs(NAME),
    Case::must("modify-replace-element", REPLACE, "A replace with a value filter replaces the values that match, and no others.",
        run!(changes, json!({"emails": [work(), home()]}), json!([{"op": "replace", "path": "emails[type eq \"work\"]", "value": {"value": "new@example.com", "type": "work"}}]), json!({"emails": [{"value": "new@example.com", "type": "work"}, home()]}))).needs(EMAILS),
    Case::must("modify-replace-element-sub-attribute", REPLACE, "A replace with a value filter and a sub-attribute replaces it in the values that match.",
        run!(changes, json!({"emails": [work(), home()]}), json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "new@example.com"}]), json!({"emails": [{"value": "new@example.com", "type": "work"}, home()]}))).needs(EMAILS),
    Case::must("modify-replace-no-match", REPLACE, "A replace whose value filter matches nothing is refused with 400 noTarget.",
        run!(refuses, json!([{"op": "replace", "path": "emails[value sw \"nobody\"].value", "value": "x@example.com"}]), "noTarget")).needs(EMAILS),
    Case::must("modify-replace-extension", REPLACE, "A replace of an extension's attribute replaces its value.",
        run!(changes, json!({ENTERPRISE: {"department": "Sales"}}), json!([{"op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "Support"}]), json!({ENTERPRISE: {"department": "Support"}}))).needs(DEPARTMENT),
    Case::must("modify-replace-read-only", ANY, "A replace of a read-only attribute is refused with 400 mutability.",
        run!(refuses, json!([{"op": "replace", "path": "id", "value": "x"}]), "mutability")).needs(NICK),
    Case::must("modify-path-urn", "RFC 7644 §3.10", "A path may name a core attribute with its schema's URN.",
        run!(changes, json!({}), json!([{"op": "add", "path": "urn:ietf:params:scim:schemas:core:2.0:User:nickName", "value": "Babs"}]), json!({"nickName": "Babs"}))).needs(NICK),
    Case::must("modify-path-case", "RFC 7643 §2.1", "Attribute names in a path are taken in any case.",
        run!(changes, json!({"nickName": "Ann"}), json!([{"op": "replace", "path": "NICKNAME", "value": "Babs"}]), json!({"nickName": "Babs"}))).needs(NICK),
    Case::must("modify-path-unknown", ANY, "An operation whose path is no path is refused with 400.",
        run!(invalid, json!([{"op": "replace", "path": "emails[type eq", "value": "x"}]))).needs(EMAILS),
    Case::must("modify-primary", ANY, "When an operation makes a value primary, the value that was primary is primary no more.",
        run!(primary)).needs(EMAILS),
    Case::must("modify-in-order", ANY, "Operations are applied in the order of the request.",
        run!(changes, json!({}), json!([{"op": "add", "path": "nickName", "value": "Ann"}, {"op": "remove", "path": "nickName"}, {"op": "add", "path": "nickName", "value": "Babs"}]), json!({"nickName": "Babs"}))).needs(NICK),
    Case::must("modify-atomic", ANY, "When one operation fails, none of the request's operations has an effect.",
        run!(atomic)).needs(NICK),
    Case::must("modify-status", ANY, "A PATCH that succeeds is answered 200 with the resource, or 204.",
        run!(status)).needs(NICK),
    Case::must("modify-attributes", ANY, "A PATCH with the parameter attributes is answered 200 with those attributes.",
        run!(attributes)).needs(TITLE),
    Case::must("modify-unknown-op", ANY, "An operation that is not add, remove or replace is refused with 400.",
        run!(invalid, json!([{"op": "rename", "path": "nickName", "value": "x"}]))).needs(NICK),
    Case::must("modify-add-without-value", ADD, "An add without a value is refused with 400.",
        run!(invalid, json!([{"op": "add", "path": "nickName"}]))).needs(NICK),
    Case::must("modify-without-operations", ANY, "A PATCH without Operations is refused with 400.", run!(without_operations)).needs(NICK),
    Case::must("modify-unknown-resource", "RFC 7644 §3.12", "A PATCH of a resource that is not there is answered 404.", run!(unknown)).needs(NICK),
    Case::must("modify-wrong-type", "RFC 7643 §2.3", "A value of another type than the attribute's is refused with 400.",
        run!(invalid, json!([{"op": "replace", "path": "name", "value": 7}]))).needs(NAME),
    Case::must("modify-last-modified", "RFC 7643 §3.1", "A PATCH that changes the resource moves meta.lastModified on, or leaves it no older.",
        run!(later)).needs(NICK),
];

fn work() -> Value {
    json!({"value": "work@example.com", "type": "work"})
}

fn home() -> Value {
    json!({"value": "home@example.com", "type": "home"})
}

/// Demands that the operations turn a user as `start` into one that holds `expect`.
async fn changes(scim: &Context, start: Value, operations: Value, expect: Value) -> Outcome {
    let user = scim.user().with(start).create().await?;
    holds(&scim.modified(&user, operations).await?, &expect)
}

/// Demands that the operations are refused with 400 and this `scimType`, and have no effect.
async fn refuses(scim: &Context, operations: Value, scim_type: &str) -> Outcome {
    let user = scim.user().create().await?;
    let before = scim.read(&user).await?;
    scim.patch(&user.path, &operations).await?.error(400, Some(scim_type))?;
    equals(&scim.read(&user).await?, "", before)
}

/// Demands that the operations are refused with 400.
async fn invalid(scim: &Context, operations: Value) -> Outcome {
    let user = scim.user().create().await?;
    scim.patch(&user.path, &operations).await?.status(400)?;
    Ok(())
}

async fn keeps_time(scim: &Context) -> Outcome {
    let user = scim.user().with(json!({"nickName": "Babs"})).create().await?;
    let before = scim.read(&user).await?["meta"]["lastModified"].clone();
    let after = scim.modified(&user, json!([{"op": "add", "path": "nickName", "value": "Babs"}])).await?;
    equals(&after, "/meta/lastModified", before)
}

async fn schemas(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let add = json!([{"op": "add", "path": format!("{ENTERPRISE}:department"), "value": "Sales"}]);
    let schemas = scim.modified(&user, add).await?["schemas"].clone();
    let is_there = schemas.as_array().is_some_and(|schemas| schemas.iter().any(|one| one == ENTERPRISE));
    ensure!(is_there, "Expected {ENTERPRISE} among schemas; they are {schemas}.");
    Ok(())
}

async fn primary(scim: &Context) -> Outcome {
    let (mut first, mut second) = (work(), home());
    first["primary"] = json!(true);
    second["primary"] = json!(true);
    let user = scim.user().with(json!({"emails": [first]})).create().await?;
    let user = scim.modified(&user, json!([{"op": "add", "path": "emails", "value": [second]}])).await?;
    let emails = user["emails"].as_array().cloned().unwrap_or_default();
    let primary: Vec<_> = emails.iter().filter(|one| one["primary"] == true).map(|one| &one["value"]).collect();
    ensure!(primary == ["home@example.com"], "Expected home@example.com alone to be primary; it is {primary:?}.");
    Ok(())
}

async fn atomic(scim: &Context) -> Outcome {
    let user = scim.user().with(json!({"nickName": "Ann"})).create().await?;
    let operations =
        json!([{"op": "replace", "path": "nickName", "value": "Babs"}, {"op": "replace", "path": "id", "value": "x"}]);
    scim.patch(&user.path, &operations).await?.refused()?;
    equals(&scim.read(&user).await?, "/nickName", "Ann")
}

async fn status(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let answer = scim.patch(&user.path, &json!([{"op": "add", "path": "nickName", "value": "Babs"}])).await?;
    if answer.status_in(&[200, 204])?.status == 200 {
        return equals(answer.object()?, "/nickName", "Babs");
    }
    ensure!(answer.body.is_empty(), "Expected no body with 204; there is one.");
    Ok(())
}

async fn attributes(scim: &Context) -> Outcome {
    let user = scim.user().with(json!({"title": "Boss"})).create().await?;
    let operations = json!([{"op": "add", "path": "nickName", "value": "Babs"}]);
    let answer = scim.patch(&user.path, &operations).query("attributes", "nickName").await?;
    holds(answer.status(200)?.object()?, &json!({"id": user.id, "nickName": "Babs", "title": null}))
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
    let before = scim.read(&user).await?["meta"]["lastModified"].as_str().unwrap_or_default().to_owned();
    let after = scim.modified(&user, json!([{"op": "add", "path": "nickName", "value": "Babs"}])).await?;
    let after = after["meta"]["lastModified"].as_str().unwrap_or_default();
    ensure!(
        !after.is_empty() && after >= before.as_str(),
        "Expected lastModified from {before} on; it is \"{after}\"."
    );
    Ok(())
}
