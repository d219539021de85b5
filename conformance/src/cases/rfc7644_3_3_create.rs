//! Creating resources.

use serde_json::{Value, json};

use super::time::time_at;
use crate::{
    case::{
        Area, Case,
        Need::{Attribute, Filter, Type},
        run,
    },
    context::{Context, about, as_error},
    discovery::ENTERPRISE,
    ensure,
    exchange::Answer,
    uri::{is_same, locate, segment},
    verdict::{Outcome, Stop, equals, holds, text, unassigned},
};

pub const AREA: Area = Area { tag: "create", title: "Create (RFC 7644 §3.3)", cases: CASES };

const SECTION: &str = "RFC 7644 §3.3";
const COMMON: &str = "RFC 7643 §3.1";

const CASES: &[Case] = &[
    Case::must("create-status", SECTION, "A POST that makes a resource is answered 201.", run!(status))
        .needs(&[Type("User")]),
    Case::should("create-body", SECTION, "The answer to a creation holds the new resource.", run!(body))
        .needs(&[Type("User")]),
    Case::must(
        "create-location",
        SECTION,
        "The answer to a creation has a Location header with the URI of the new resource.",
        run!(location),
    )
    .needs(&[Type("User")]),
    Case::must(
        "create-meta-location",
        SECTION,
        "meta.location of the new resource is the URI in the Location header.",
        run!(meta_location),
    )
    .needs(&[Type("User")]),
    Case::must("create-id", COMMON, "The server gives each resource an id that is a string and not empty.", run!(id))
        .needs(&[Type("User")]),
    Case::must("create-id-unique", COMMON, "Two resources have different ids.", run!(ids)).needs(&[Type("User")]),
    Case::must("create-id-reserved", COMMON, "No id contains the reserved word bulkId.", run!(reserved))
        .needs(&[Type("User")]),
    Case::must(
        "create-id-ignored",
        SECTION,
        "An id that the client sends is ignored, since it is read-only.",
        run!(ignored),
    )
    .needs(&[Type("User")]),
    Case::must(
        "create-meta-ignored",
        SECTION,
        "A meta that the client sends is ignored, since it is read-only.",
        run!(meta_ignored),
    )
    .needs(&[Type("User")]),
    Case::must("create-schemas", "RFC 7643 §3", "The new resource names its schemas.", run!(schemas))
        .needs(&[Type("User")]),
    Case::must(
        "create-resource-type",
        COMMON,
        "meta.resourceType is the name of the resource type.",
        run!(resource_type),
    )
    .needs(&[Type("User")]),
    Case::must(
        "create-times",
        COMMON,
        "meta.created and meta.lastModified of a new resource are dates with times, and the same.",
        run!(times),
    )
    .needs(&[Type("User")]),
    Case::must(
        "create-duplicate",
        SECTION,
        "A userName that another user has is refused with 409 uniqueness.",
        run!(duplicate),
    )
    .needs(&[Type("User")]),
    Case::must(
        "create-duplicate-case",
        "RFC 7643 §4.1.1",
        "A userName that differs from another's in case alone is refused with 409.",
        run!(duplicate_case),
    )
    .needs(&[Type("User"), Attribute("User", "userName")]),
    Case::should(
        "create-without-required",
        "RFC 7644 §3.12",
        "A user without userName violates the schema and is refused with 400.",
        run!(without_required),
    )
    .needs(&[Attribute("User", "userName")]),
    Case::should("create-not-json", "RFC 7644 §3.12", "A body that is not JSON is refused with 400.", run!(not_json))
        .needs(&[Type("User")]),
    Case::must(
        "create-name-case",
        "RFC 7643 §2.1",
        "Attribute names of a body are taken in any case.",
        run!(name_case),
    )
    .needs(&[Attribute("User", "nickName")]),
    Case::must("create-null", "RFC 7643 §2.5", "Null leaves an attribute unassigned.", run!(null))
        .needs(&[Attribute("User", "nickName")]),
    Case::must(
        "create-empty-list",
        "RFC 7643 §2.5",
        "An empty list leaves a multi-valued attribute unassigned.",
        run!(empty_list),
    )
    .needs(&[Attribute("User", "emails")]),
    Case::must(
        "create-complex",
        "RFC 7643 §2.3.8",
        "A complex attribute keeps its sub-attributes.",
        run!(keeps, "name", json!({"familyName": "Quill", "givenName": "Ada"})),
    )
    .needs(&[Attribute("User", "name.familyName"), Attribute("User", "name.givenName")])
    .about_keeping(),
    Case::must(
        "create-multi-valued",
        "RFC 7643 §2.4",
        "A multi-valued attribute keeps all its values.",
        run!(
            takes,
            "emails",
            json!([{"value": "{n}a@example.com", "type": "work"}, {"value": "{n}b@example.com", "type": "home"}])
        ),
    )
    .needs(&[Attribute("User", "emails.type")]),
    Case::must(
        "create-extension",
        "RFC 7643 §3.3",
        "The attributes of an extension are kept under its URN.",
        run!(keeps, ENTERPRISE, json!({"department": "Sales"})),
    )
    .needs(&[Attribute("User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department")])
    .about_keeping(),
    Case::must(
        "create-external-id",
        COMMON,
        "externalId is kept as the client gave it.",
        run!(keeps, "externalId", json!("Ext-701984")),
    )
    .needs(&[Type("User")]),
    Case::must(
        "create-unicode",
        "RFC 7644 §3.8",
        "Text of any script is kept as it was sent.",
        run!(keeps, "displayName", json!("Žofie 曹操 عمر 🙂")),
    )
    .needs(&[Attribute("User", "displayName")]),
    Case::must("create-password-hidden", "RFC 7643 §4.1.1", "A password is never returned.", run!(password))
        .needs(&[Attribute("User", "password")]),
    Case::must("create-found", "RFC 7644 §3.4.2", "A new resource is found by a query.", run!(found))
        .needs(&[Type("User"), Filter]),
    Case::must("create-group", "RFC 7643 §4.2", "A group keeps its displayName.", run!(group)).needs(&[Type("Group")]),
    Case::must(
        "create-group-members",
        "RFC 7643 §4.2",
        "A group keeps the members that it is made with.",
        run!(members),
    )
    .needs(&[Attribute("Group", "members.value")])
    .about_keeping(),
    // The RFC says what the attribute means and that it is read-only, and nowhere that a server has to
    // fill it; but one that declares it is believed.
    Case::should(
        "create-user-groups",
        "RFC 7643 §4.1.2",
        "Where a server declares groups of users, they name the groups that a user is a direct member of.",
        run!(groups),
    )
    .needs(&[Attribute("Group", "members.value"), Type("User")]),
    Case::should(
        "create-unknown-endpoint",
        "RFC 7644 §3.12",
        "A POST to an endpoint that is not there is answered 404.",
        run!(endpoint),
    ),
];

async fn status(scim: &Context) -> Outcome {
    scim.user().post().await?.offered()?.status(201)?;
    Ok(())
}

async fn body(scim: &Context) -> Outcome {
    let draft = scim.user();
    let answer = draft.post().await?;
    equals(made(&answer)?.object()?, "/userName", draft.name())
}

/// The answer to a POST that makes a resource. Whether it does, and with which status, is for create-status.
fn made(answer: &Answer) -> Result<&Answer, Stop> {
    answer.success().map_err(|stop| about(stop, "create-status"))
}

async fn location(scim: &Context) -> Outcome {
    let answer = scim.user().post().await?;
    let Some(location) = made(&answer)?.header("location") else {
        return Err(Stop::Unmet("Expected a Location header; there is none.".to_owned()));
    };
    let found = scim.follow(location)?.await?;
    scim.get_taken(&found).await?;
    let found = found.object()?;
    // Where the answer has no body, whatever is there is the resource.
    if answer.body.trim().is_empty() { Ok(()) } else { equals(found, "/id", answer.object()?["id"].clone()) }
}

async fn meta_location(scim: &Context) -> Outcome {
    let answer = scim.user().post().await?;
    let Some(location) = made(&answer)?.header("location") else {
        return Err(Stop::Skip("The answer has no Location header, which create-location is about.".to_owned()));
    };
    if answer.body.trim().is_empty() {
        return Err(Stop::Skip("The answer has no body, which create-body is about.".to_owned()));
    }
    let written = text(answer.object()?, "/meta/location")?;
    let same = written == location || is_same(&locate(scim.base(), written), &locate(scim.base(), location));
    ensure!(same, "Expected meta.location to be \"{location}\"; it is \"{written}\".");
    Ok(())
}

async fn id(scim: &Context) -> Outcome {
    let answer = scim.user().post().await?;
    text(&represented(scim, &answer).await?, "/id")?;
    Ok(())
}

/// The new resource as the answer to a POST has it. Whether it is there is for create-body: otherwise it is read.
async fn represented(scim: &Context, answer: &Answer) -> Result<Value, Stop> {
    made(answer)?;
    match answer.header("location") {
        Some(location) if answer.body.trim().is_empty() => {
            let read = scim.follow(location).map_err(as_error)?.await?;
            Ok(read.status(200).and_then(Answer::object).map_err(as_error)?.clone())
        }
        _ => Ok(answer.object().map_err(|stop| about(stop, "create-body"))?.clone()),
    }
}

/// Its id. Whether it has one is for create-id.
async fn id_of(scim: &Context, answer: &Answer) -> Result<String, Stop> {
    let user = represented(scim, answer).await?;
    Ok(text(&user, "/id").map_err(|stop| about(stop, "create-id"))?.to_owned())
}

async fn ids(scim: &Context) -> Outcome {
    let (one, other) = (scim.user().post().await?, scim.user().post().await?);
    let (one, other) = (id_of(scim, &one).await?, id_of(scim, &other).await?);
    ensure!(one != other, "Expected two ids; both users have {one}.");
    Ok(())
}

async fn reserved(scim: &Context) -> Outcome {
    let answer = scim.user().post().await?;
    let id = id_of(scim, &answer).await?;
    ensure!(!id.contains("bulkId"), "Expected an id without \"bulkId\"; it is {id}.");
    Ok(())
}

async fn ignored(scim: &Context) -> Outcome {
    let answer = scim.user().with(json!({"id": "my-own-id"})).post().await?;
    scim.post_taken(&answer).await?;
    let id = id_of(scim, &answer).await?;
    ensure!(id != "my-own-id", "Expected an id of the server's; it took the client's.");
    Ok(())
}

async fn meta_ignored(scim: &Context) -> Outcome {
    let meta = json!({"meta": {"created": "2001-01-01T00:00:00Z", "resourceType": "Robot"}});
    let answer = scim.user().with(meta).post().await?;
    scim.post_taken(&answer).await?;
    let meta = &represented(scim, &answer).await?["meta"];
    ensure!(meta["created"] != "2001-01-01T00:00:00Z", "Expected meta.created of the server; it is the client's.");
    equals(meta, "/resourceType", "User")
}

async fn schemas(scim: &Context) -> Outcome {
    let draft = scim.user();
    let answer = draft.post().await?;
    let schemas = &represented(scim, &answer).await?["schemas"];
    let core = &draft.body()["schemas"][0];
    let is_there = schemas.as_array().is_some_and(|schemas| schemas.contains(core));
    ensure!(is_there, "Expected schemas to hold {core}; it is {schemas}.");
    Ok(())
}

async fn resource_type(scim: &Context) -> Outcome {
    equals(&scim.read(&scim.user().create().await?).await?, "/meta/resourceType", "User")
}

async fn times(scim: &Context) -> Outcome {
    let user = scim.read(&scim.user().create().await?).await?;
    let (created, modified) = (time_at(&user, "/meta/created")?, time_at(&user, "/meta/lastModified")?);
    ensure!(created == modified, "Expected meta.lastModified to be the same as meta.created; it is {}.", user["meta"]);
    Ok(())
}

async fn duplicate(scim: &Context) -> Outcome {
    let draft = scim.user();
    draft.create().await?;
    draft.post().await?.error(409, Some("uniqueness"))?;
    Ok(())
}

async fn duplicate_case(scim: &Context) -> Outcome {
    let exact = scim.discovery().attribute("User", "userName").is_some_and(|one| one["caseExact"] == true);
    if exact {
        return Err(Stop::Skip("The server's schema declares userName caseExact.".to_owned()));
    }
    let draft = scim.user();
    draft.create().await?;
    let upper = draft.name().to_uppercase();
    draft.with(json!({"userName": upper})).post().await?.status(409)?;
    Ok(())
}

async fn without_required(scim: &Context) -> Outcome {
    scim.user().with(json!({"userName": null})).post().await?.status(400)?;
    Ok(())
}

async fn not_json(scim: &Context) -> Outcome {
    scim.user().post().text("application/scim+json", "{\"userName\": ").await?.status(400)?;
    Ok(())
}

async fn name_case(scim: &Context) -> Outcome {
    let user = scim.user().with(json!({"NICKNAME": "Babs"})).create().await?;
    equals(&scim.read(&user).await?, &scim.at("nickName"), "Babs")
}

async fn null(scim: &Context) -> Outcome {
    let mut body = scim.user().body().clone();
    body[scim.text_name("nickName")] = Value::Null;
    let answer = scim.post(scim.users(), &body).await?;
    scim.post_taken(&answer).await?;
    let user = represented(scim, &answer).await?;
    if scim.is_usual(scim.text_name("nickName"), &user).await? {
        return Ok(());
    }
    unassigned(&user, &scim.at("nickName"))
}

async fn empty_list(scim: &Context) -> Outcome {
    scim.may_lack("User", &json!({"emails": []}))?;
    let user = scim.user().with(json!({"emails": []})).create().await?;
    let read = scim.read(&user).await?;
    if scim.is_usual("emails", &read).await? {
        return Ok(());
    }
    holds(&read, &json!({"emails": []}))
}

/// Demands that a user made with this value has it afterwards.
async fn keeps(scim: &Context, name: &str, value: Value) -> Outcome {
    let user = scim.user().with(json!({name: value})).create().await?;
    holds(&scim.read(&user).await?, &scim.fill(json!({name: value})))
}

/// The same where it is the server's taking the value that is examined.
async fn takes(scim: &Context, name: &str, value: Value) -> Outcome {
    let draft = scim.user().with(json!({name: value}));
    let answer = draft.post().await?;
    scim.post_taken(&answer).await?;
    let user = draft.made(&answer).await?;
    holds(&scim.read(&user).await?, &scim.fill(json!({name: value})))
}

async fn password(scim: &Context) -> Outcome {
    let answer = scim.user().with(json!({"password": "Correct-horse-7"})).post().await?;
    let user = represented(scim, &answer).await?;
    unassigned(&user, "/password")?;
    let id = text(&user, "/id").map_err(|stop| about(stop, "create-id"))?;
    let asked = scim.get(format!("{}/{}", scim.users(), segment(id))).query("attributes", "password").await?;
    // A server may refuse to be asked for it.
    if asked.status == 200 { unassigned(asked.json(), "/password") } else { Ok(()) }
}

async fn found(scim: &Context) -> Outcome {
    let draft = scim.user();
    let user = draft.create().await?;
    let found = scim.filtered(&scim.users(), &format!("userName eq \"{}\"", draft.name())).await?;
    ensure!(found.len() == 1, "Expected one user with that userName; there are {}.", found.len());
    equals(found.first().unwrap_or(&Value::Null), "/id", user.id)
}

async fn group(scim: &Context) -> Outcome {
    let draft = scim.group();
    equals(&scim.read(&draft.create().await?).await?, "/displayName", draft.name())
}

async fn members(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let group = scim.group().with(json!({"members": [{"value": user.id}]})).create().await?;
    holds(&scim.read(&group).await?, &json!({"members": [{"value": user.id}]}))
}

async fn groups(scim: &Context) -> Outcome {
    if scim.discovery().attribute("User", "groups").is_none() {
        return Err(Stop::Skip("The server's schemas have no User attribute groups.".to_owned()));
    }
    let user = scim.user().create().await?;
    let group = scim.group().with(json!({"members": [{"value": user.id}]})).create().await?;
    holds(&scim.read(&user).await?, &json!({"groups": [{"value": group.id}]}))
}

async fn endpoint(scim: &Context) -> Outcome {
    scim.post("/NoSuchThings", scim.user().body()).await?.status(404)?;
    Ok(())
}
