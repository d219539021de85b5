//! Modifying with PATCH: every form of path, and what each operation does to single and multiple values.

use serde_json::json;

use crate::{
    case::{
        Area, Case,
        Need::{self, Attribute, Patch},
    },
    context::Context,
    ensure, run,
    verdict::{Outcome, equals},
};

/// The cases.
pub const AREA: Area = Area { tag: "modify", title: "Modify with PATCH (RFC 7644 §3.5.2)", cases: CASES };

const NICK: &[Need] = &[Patch, Attribute("User", "nickName")];
const EMAILS: &[Need] = &[Patch, Attribute("User", "emails.type")];

const CASES: &[Case] = &[
    Case::must(
        "modify-add-single",
        "RFC 7644 §3.5.2.1",
        "An add to a single-valued attribute that has no value gives it the value.",
        run!(add_single),
    )
    .needs(NICK),
    Case::must(
        "modify-add-appends",
        "RFC 7644 §3.5.2.1",
        "An add to a multi-valued attribute keeps the values that are there.",
        run!(add_appends),
    )
    .needs(EMAILS),
];

async fn add_single(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let user = scim.modified(&user, json!([{"op": "add", "path": "nickName", "value": "Babs"}])).await?;
    equals(&user, "/nickName", "Babs")
}

async fn add_appends(scim: &Context) -> Outcome {
    let user = scim.user().with(json!({"emails": [{"value": "one@example.com", "type": "work"}]})).create().await?;
    let add = json!([{"op": "add", "path": "emails", "value": [{"value": "two@example.com", "type": "home"}]}]);
    let user = scim.modified(&user, add).await?;
    let emails = user["emails"].as_array().map_or(0, Vec::len);
    ensure!(emails == 2, "Expected both addresses after the add; there are {emails}.");
    Ok(())
}
