//! Replacing with PUT.

use serde_json::{Value, json};

use crate::{
    case::{
        Area, Case,
        Need::{self, Attribute, Type},
        run,
    },
    context::{Context, Draft, Resource},
    discovery::ENTERPRISE,
    ensure,
    verdict::{Outcome, equals, holds},
};

pub const AREA: Area = Area { tag: "replace", title: "Replace with PUT (RFC 7644 §3.5.1)", cases: CASES };

const SECTION: &str = "RFC 7644 §3.5.1";
const NICK: &[Need] = &[Attribute("User", "nickName"), Attribute("User", "title")];
const EMAILS: &[Need] = &[Attribute("User", "emails.type")];

const CASES: &[Case] = &[
    Case::must("replace-status", SECTION, "A PUT that succeeds is answered 200 with the resource.", run!(status))
        .needs(NICK),
    Case::must(
        "replace-value",
        SECTION,
        "A PUT replaces the value of an attribute.",
        run!(becomes, json!({"nickName": "Ann"}), json!({"nickName": "Babs"}), json!({"nickName": "Babs"})),
    )
    .needs(NICK),
    Case::must(
        "replace-adds",
        SECTION,
        "A PUT gives a value to an attribute that had none.",
        run!(becomes, json!({}), json!({"nickName": "Babs"}), json!({"nickName": "Babs"})),
    )
    .needs(NICK),
    Case::may(
        "replace-clears",
        SECTION,
        "A PUT clears attributes that it leaves out, unless the server gives them a default.",
        run!(
            becomes,
            json!({"nickName": "Ann", "title": "Boss"}),
            json!({"nickName": "Ann"}),
            json!({"nickName": "Ann", "title": null})
        ),
    )
    .needs(NICK),
    Case::must(
        "replace-multi-valued",
        SECTION,
        "A PUT replaces all values of a multi-valued attribute.",
        run!(
            becomes,
            json!({"emails": [{"value": "{n}a@example.com", "type": "work"}]}),
            json!({"emails": [{"value": "{n}b@example.com", "type": "home"}]}),
            json!({"emails": [{"value": "{n}b@example.com", "type": "home"}]})
        ),
    )
    .needs(EMAILS),
    Case::must(
        "replace-complex",
        SECTION,
        "A PUT replaces a complex attribute.",
        run!(
            becomes,
            json!({"name": {"familyName": "Quill"}}),
            json!({"name": {"familyName": "Reed", "givenName": "Ada"}}),
            json!({"name": {"familyName": "Reed", "givenName": "Ada"}})
        ),
    )
    .needs(&[Attribute("User", "name.familyName"), Attribute("User", "name.givenName")]),
    Case::must(
        "replace-extension",
        SECTION,
        "A PUT replaces the attributes of an extension.",
        run!(
            becomes,
            json!({ENTERPRISE: {"department": "Sales"}}),
            json!({ENTERPRISE: {"department": "Support"}}),
            json!({ENTERPRISE: {"department": "Support"}})
        ),
    )
    .needs(&[Attribute("User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department")]),
    Case::must(
        "replace-id-stays",
        SECTION,
        "An id in the body of a PUT is ignored, since it is read-only.",
        run!(id_stays),
    )
    .needs(NICK),
    Case::must(
        "replace-meta-ignored",
        SECTION,
        "A meta in the body of a PUT is ignored, since it is read-only.",
        run!(meta_ignored),
    )
    .needs(NICK),
    Case::must("replace-created-stays", "RFC 7643 §3.1", "A PUT leaves meta.created as it is.", run!(created_stays))
        .needs(NICK),
    Case::must("replace-whole", SECTION, "A resource that was read can be sent back whole.", run!(whole)).needs(NICK),
    Case::should(
        "replace-without-required",
        "RFC 7644 §3.12",
        "A PUT without a required attribute violates the schema and is refused with 400.",
        run!(without_required),
    )
    .needs(&[Attribute("User", "userName")]),
    Case::must(
        "replace-unknown",
        SECTION,
        "A PUT makes no resources: one that is not there is refused.",
        run!(unknown),
    )
    .needs(&[Type("User")]),
    Case::must(
        "replace-duplicate",
        "RFC 7643 §4.1.1",
        "A PUT does not give a user the userName of another.",
        run!(duplicate),
    )
    .needs(&[Type("User")]),
    Case::must("replace-members", SECTION, "A PUT replaces the members of a group.", run!(members))
        .needs(&[Attribute("Group", "members.value")]),
];

/// The body that makes `user` into one with these attributes and no others.
fn body(user: &Resource, draft: &Draft<'_>, attributes: &Value) -> Value {
    let mut body = draft.clone().with(attributes.clone()).body().clone();
    if attributes["id"].is_null() {
        body["id"] = json!(user.id);
    }
    body
}

/// Demands that a PUT of `next` over a user as `start` leaves one that holds `expect`.
async fn becomes(scim: &Context, start: Value, next: Value, expect: Value) -> Outcome {
    let draft = scim.user();
    let user = draft.clone().with(start).create().await?;
    scim.put_taken(&scim.put(&user.path, &body(&user, &draft, &next)).await?).await?;
    holds(&scim.read(&user).await?, &scim.fill(expect))
}

async fn status(scim: &Context) -> Outcome {
    let draft = scim.user();
    let user = draft.create().await?;
    let answer = scim.put(&user.path, &body(&user, &draft, &json!({"nickName": "Babs"}))).await?;
    scim.put_taken(&answer).await?;
    holds(answer.status(200)?.object()?, &scim.fill(json!({"id": user.id, "nickName": "Babs"})))
}

async fn id_stays(scim: &Context) -> Outcome {
    let draft = scim.user();
    let user = draft.create().await?;
    let answer = scim.put(&user.path, &body(&user, &draft, &json!({"id": "another-id"}))).await?;
    scim.put_taken(&answer).await?;
    if !answer.json()["id"].is_null() {
        equals(answer.json(), "/id", user.id.clone())?;
    }
    equals(&scim.read(&user).await?, "/id", user.id)
}

async fn meta_ignored(scim: &Context) -> Outcome {
    let draft = scim.user();
    let user = draft.create().await?;
    let meta = json!({"meta": {"resourceType": "Robot", "location": "https://example.com/x"}});
    scim.put_taken(&scim.put(&user.path, &body(&user, &draft, &meta)).await?).await?;
    let meta = scim.read(&user).await?["meta"].clone();
    ensure!(meta["location"] != "https://example.com/x", "Expected meta.location of the server; it is the client's.");
    equals(&meta, "/resourceType", "User")
}

async fn created_stays(scim: &Context) -> Outcome {
    let draft = scim.user();
    let user = draft.create().await?;
    let before = scim.read(&user).await?["meta"]["created"].clone();
    scim.put_taken(&scim.put(&user.path, &body(&user, &draft, &json!({"nickName": "Babs"}))).await?).await?;
    equals(&scim.read(&user).await?, "/meta/created", before)
}

async fn whole(scim: &Context) -> Outcome {
    let user = scim.user().with(json!({"nickName": "Ann", "title": "Boss"})).create().await?;
    let mut document = scim.read(&user).await?;
    document[scim.text_name("nickName")] = json!("Babs");
    scim.put_taken(&scim.put(&user.path, &document).await?).await?;
    holds(&scim.read(&user).await?, &scim.fill(json!({"nickName": "Babs", "title": "Boss"})))
}

async fn without_required(scim: &Context) -> Outcome {
    let draft = scim.user();
    let user = draft.create().await?;
    let mut body = body(&user, &draft, &json!({"userName": null}));
    body["displayName"] = json!(scim.fresh_name());
    scim.put(&user.path, &body).await?.status(400)?;
    Ok(())
}

async fn unknown(scim: &Context) -> Outcome {
    let draft = scim.user();
    let answer = scim.put(format!("{}/{}", scim.users(), scim.fresh_name()), draft.body()).await?;
    ensure!(answer.status >= 300, "Expected {} to be refused; got {}.", answer.asked(), answer.status);
    Ok(())
}

async fn duplicate(scim: &Context) -> Outcome {
    let (taken, draft) = (scim.user(), scim.user());
    taken.create().await?;
    let user = draft.create().await?;
    // How it is refused, no MUST says.
    scim.put(&user.path, &body(&user, &draft, &json!({"userName": taken.name()}))).await?;
    equals(&scim.read(&user).await?, "/userName", draft.name())
}

async fn members(scim: &Context) -> Outcome {
    let (one, other) = (scim.user().create().await?, scim.user().create().await?);
    let draft = scim.group();
    let group = draft.clone().with(json!({"members": [{"value": one.id}]})).create().await?;
    let next = body(&group, &draft, &json!({"members": [{"value": other.id}]}));
    scim.put(&group.path, &next).await?.success()?;
    holds(&scim.read(&group).await?, &json!({"members": [{"value": other.id}]}))
}
