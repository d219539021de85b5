//! PATCH with the operation `add`.

use serde_json::json;

use super::rfc7644_3_5_2_modify::{
    DEPARTMENT, EMAILS, ENTERPRISE_USER, NAME, NICK, TITLE, add, changes, home, invalid, work,
};
use crate::{
    case::{Area, Case, run},
    context::{Context, about},
    discovery::ENTERPRISE,
    ensure,
    verdict::{Outcome, equals, holds},
};

pub const AREA: Area = Area { tag: "modify-add", title: "PATCH: add (RFC 7644 §3.5.2.1)", cases: CASES };

const SECTION: &str = "RFC 7644 §3.5.2.1";

const CASES: &[Case] = &[
    Case::must(
        "modify-add-single",
        SECTION,
        "An add to a single-valued attribute that has no value gives it the value.",
        run!(changes, json!({}), add("nickName", json!("Babs")), json!({"nickName": "Babs"})),
    )
    .needs(NICK),
    Case::must(
        "modify-add-replaces-single",
        SECTION,
        "An add to a single-valued attribute that has a value replaces it.",
        run!(changes, json!({"nickName": "Ann"}), add("nickName", json!("Babs")), json!({"nickName": "Babs"})),
    )
    .needs(NICK),
    Case::must(
        "modify-add-without-path",
        SECTION,
        "An add without a path adds the attributes of its value to the resource.",
        run!(
            changes,
            json!({"title": "Boss"}),
            add("", json!({"nickName": "Babs"})),
            json!({"nickName": "Babs", "title": "Boss"})
        ),
    )
    .needs(TITLE),
    Case::must(
        "modify-add-appends",
        SECTION,
        "An add to a multi-valued attribute keeps the values that are there.",
        run!(changes, json!({"emails": [work()]}), add("emails", json!([home()])), json!({"emails": [work(), home()]})),
    )
    .needs(EMAILS),
    Case::must(
        "modify-add-without-path-appends",
        SECTION,
        "An add without a path appends to the multi-valued attributes in its value.",
        run!(
            changes,
            json!({"emails": [work()]}),
            add("", json!({"emails": [home()]})),
            json!({"emails": [work(), home()]})
        ),
    )
    .needs(EMAILS),
    Case::must(
        "modify-add-first-element",
        SECTION,
        "An add to a multi-valued attribute without values gives it the value.",
        run!(adds_first),
    )
    .needs(EMAILS),
    Case::must(
        "modify-add-complex",
        SECTION,
        "An add to a complex attribute sets the sub-attributes of its value.",
        run!(
            changes,
            json!({"name": {"familyName": "Quill"}}),
            add("name", json!({"givenName": "Ada"})),
            json!({"name": {"givenName": "Ada"}})
        ),
    )
    .needs(NAME),
    Case::must(
        "modify-add-sub-attribute",
        SECTION,
        "An add to a sub-attribute leaves the other sub-attributes alone.",
        run!(
            changes,
            json!({"name": {"familyName": "Quill"}}),
            add("name.givenName", json!("Ada")),
            json!({"name": {"familyName": "Quill", "givenName": "Ada"}})
        ),
    )
    .needs(NAME),
    Case::must(
        "modify-add-extension",
        SECTION,
        "A path with the URN of an extension names the extension's attribute.",
        run!(changes, json!({}), add(DEPARTMENT, json!("Sales")), json!({ENTERPRISE: {"department": "Sales"}})),
    )
    .needs(ENTERPRISE_USER),
    Case::must(
        "modify-add-extension-without-path",
        SECTION,
        "An add without a path takes an extension's attributes under its URN.",
        run!(
            changes,
            json!({}),
            add("", json!({ENTERPRISE: {"department": "Sales"}})),
            json!({ENTERPRISE: {"department": "Sales"}})
        ),
    )
    .needs(ENTERPRISE_USER),
    Case::should(
        "modify-add-same-value",
        SECTION,
        "An add of a value that is there already succeeds and changes nothing.",
        run!(changes, json!({"emails": [work()]}), add("emails", json!([work()])), json!({"emails": [work()]})),
    )
    .needs(EMAILS),
    Case::must(
        "modify-add-same-value-time",
        SECTION,
        "An add of a value that is there already leaves meta.lastModified as it is.",
        run!(keeps_time),
    )
    .needs(NICK),
    Case::must(
        "modify-add-schemas",
        "RFC 7644 §3.5.2",
        "After an extension's attribute is added, schemas holds the extension's URN.",
        run!(schemas),
    )
    .needs(ENTERPRISE_USER),
    Case::should(
        "modify-add-without-value",
        "RFC 7644 §3.12",
        "An add without a value is refused with 400.",
        run!(invalid, json!([{"op": "add", "path": "nickName"}])),
    )
    .needs(NICK),
];

/// Demands that an add to the addresses of a user who has none of the client's adds one. The server may give some.
async fn adds_first(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let mut expect = scim.read(&user).await?["emails"].as_array().cloned().unwrap_or_default();
    expect.push(scim.fill(work()));
    holds(&scim.modified(&user, add("emails", json!([work()]))).await?, &json!({"emails": expect}))
}

async fn keeps_time(scim: &Context) -> Outcome {
    let user = scim.user().with(json!({"nickName": "Babs"})).create().await?;
    let before = scim.read(&user).await?["meta"]["lastModified"].clone();
    let after = scim.modified(&user, json!([{"op": "add", "path": "nickName", "value": "Babs"}])).await;
    let after = after.map_err(|stop| about(stop, "modify-add-replaces-single"))?;
    equals(&after, "/meta/lastModified", before)
}

async fn schemas(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let add = json!([{"op": "add", "path": format!("{ENTERPRISE}:department"), "value": "Sales"}]);
    let schemas =
        scim.modified(&user, add).await.map_err(|stop| about(stop, "modify-add-extension"))?["schemas"].clone();
    let is_there = schemas.as_array().is_some_and(|schemas| schemas.iter().any(|one| one == ENTERPRISE));
    ensure!(is_there, "Expected {ENTERPRISE} among schemas; they are {schemas}.");
    Ok(())
}
