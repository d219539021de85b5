//! The form of errors.
//!
//! The cases of each feature test what it refuses. These cases test the form of the error,
//! which is a MUST, and its status and keyword, which Table 8 and Table 9 recommend.

use serde_json::{Value, json};

use crate::{
    case::{
        Area, Case,
        Need::{self, Attribute, Filter, Patch, Type},
        run,
    },
    context::Context,
    ensure,
    exchange::{Answer, ERROR},
    verdict::{Outcome, Stop, brief, equals},
};

pub const AREA: Area = Area { tag: "error", title: "Errors (RFC 7644 §3.12)", cases: CASES };

const SECTION: &str = "RFC 7644 §3.12";
const USERS: &[Need] = &[Type("User")];
const NICK: &[Need] = &[Patch, Attribute("User", "nickName")];
const EMAILS: &[Need] = &[Patch, Attribute("User", "emails.type")];

const CASES: &[Case] = &[
    Case::must("error-schemas", SECTION, "An error is identified by the URN of SCIM errors.", run!(schemas, NOT_FOUND))
        .needs(USERS),
    Case::must(
        "error-schemas-400",
        SECTION,
        "The error of a body that is not JSON is identified by the URN of SCIM errors.",
        run!(schemas, NOT_JSON),
    )
    .needs(USERS),
    Case::must(
        "error-schemas-409",
        SECTION,
        "The error of a duplicate is identified by the URN of SCIM errors.",
        run!(schemas, DUPLICATE),
    )
    .needs(USERS),
    // What is not there is perhaps not SCIM's to answer.
    Case::should(
        "error-schemas-endpoint",
        SECTION,
        "The error of an endpoint that is not there is identified by the URN of SCIM errors.",
        run!(schemas, NO_ENDPOINT),
    ),
    Case::must(
        "error-status",
        SECTION,
        "The status of an error is the HTTP status, as a JSON string.",
        run!(status, NOT_FOUND),
    )
    .needs(USERS),
    Case::must(
        "error-status-400",
        SECTION,
        "The status of an error of a body that is not JSON is the HTTP status, as a JSON string.",
        run!(status, NOT_JSON),
    )
    .needs(USERS),
    Case::must("error-detail", SECTION, "The detail of an error, where it has one, is a text.", run!(detail))
        .needs(USERS),
    Case::should(
        "error-media-type",
        "RFC 7644 §3.8",
        "An error has the media type application/scim+json.",
        run!(media_type),
    )
    .needs(USERS),
    Case::should(
        "error-not-json",
        SECTION,
        "A body that is not JSON is refused with the keyword invalidSyntax.",
        run!(keyword, NOT_JSON, "invalidSyntax"),
    )
    .needs(USERS),
    Case::should(
        "error-list-for-object",
        SECTION,
        "A body that is a list and not an object is refused with 400 invalidSyntax.",
        run!(keyword, LIST, "invalidSyntax"),
    )
    .needs(USERS),
    Case::should(
        "error-missing-value",
        SECTION,
        "A body without a required value is refused with the keyword invalidValue.",
        run!(keyword, NO_NAME, "invalidValue"),
    )
    .needs(USERS),
    Case::should(
        "error-wrong-type",
        SECTION,
        "A value of another type than the attribute's is refused with 400 invalidValue.",
        run!(keyword, WRONG_TYPE, "invalidValue"),
    )
    .needs(&[Attribute("User", "name.familyName")]),
    Case::should(
        "error-filter",
        SECTION,
        "A filter that is not one is refused with 400 invalidFilter.",
        run!(keyword, FILTER, "invalidFilter"),
    )
    .needs(&[Type("User"), Filter]),
    Case::should(
        "error-path",
        SECTION,
        "A path that is not one is refused with 400 invalidPath.",
        run!(patched, json!([{"op": "replace", "path": "nick Name", "value": "x"}]), "invalidPath"),
    )
    .needs(NICK),
    Case::should(
        "error-path-filter",
        SECTION,
        "A path with a filter that is not one is refused with 400 invalidFilter, or invalidPath.",
        run!(
            patched,
            json!([{"op": "replace", "path": "emails[type eq].value", "value": "x"}]),
            "invalidFilter invalidPath"
        ),
    )
    .needs(EMAILS),
    Case::should(
        "error-mutability",
        SECTION,
        "A PATCH of a read-only attribute is refused with 400 mutability.",
        run!(patched, json!([{"op": "replace", "path": "id", "value": "x"}]), "mutability"),
    )
    .needs(NICK),
    Case::should(
        "error-patch-value",
        SECTION,
        "A PATCH with a value of another type than the attribute's is refused with 400 invalidValue.",
        run!(patched, json!([{"op": "replace", "path": "nickName", "value": {"a": "b"}}]), "invalidValue"),
    )
    .needs(NICK),
    Case::should(
        "error-patch-operation",
        SECTION,
        "A PATCH with an operation that there is not is refused with 400 invalidSyntax, or invalidValue.",
        run!(patched, json!([{"op": "rename", "path": "nickName", "value": "x"}]), "invalidSyntax invalidValue"),
    )
    .needs(NICK),
    Case::should(
        "error-patch-duplicate",
        SECTION,
        "A PATCH that gives a user another's userName is refused with uniqueness.",
        run!(patch_duplicate),
    )
    .needs(&[Patch, Attribute("User", "userName")]),
    Case::must(
        "error-patch-duplicate-kept",
        "RFC 7643 §4.1.1",
        "A PATCH does not give a user the userName of another.",
        run!(patch_duplicate_kept),
    )
    .needs(&[Patch, Attribute("User", "userName")]),
];

/// Requests that are refused.
const NOT_FOUND: &str = "a user who is not there";
const NOT_JSON: &str = "a body that is not JSON";
const DUPLICATE: &str = "a duplicate";
const NO_ENDPOINT: &str = "an endpoint that is not there";
const LIST: &str = "a list";
const NO_NAME: &str = "a user without userName";
const WRONG_TYPE: &str = "a name that is a number";
const FILTER: &str = "a filter that is not one";

async fn wrong(scim: &Context, what: &str) -> Result<Answer, Stop> {
    let draft = scim.user();
    match what {
        NOT_FOUND => scim.get(format!("{}/{}", scim.users(), scim.fresh_name())).await,
        NOT_JSON => draft.post().text("application/scim+json", "{\"userName\": ").await,
        NO_ENDPOINT => scim.get("/NoSuchThings").await,
        LIST => scim.post(scim.users(), &json!([draft.body()])).await,
        NO_NAME => draft.with(json!({"userName": null})).post().await,
        WRONG_TYPE => draft.with(json!({"name": 7})).post().await,
        FILTER => scim.get(scim.users()).filter("userName eq").await,
        _ => {
            draft.create().await?;
            draft.post().await
        }
    }
}

/// The error, or a skip where the server does not refuse: another case is about that.
async fn error(scim: &Context, what: &str) -> Result<Answer, Stop> {
    let answer = wrong(scim, what).await?;
    if answer.status < 400 {
        return Err(Stop::Skip(format!("The server takes {what}: it answers {}.", answer.status)));
    }
    Ok(answer)
}

async fn schemas(scim: &Context, what: &str) -> Outcome {
    let answer = error(scim, what).await?;
    let schemas = &answer.object()?["schemas"];
    let named = schemas.as_array().is_some_and(|schemas| schemas.iter().any(|one| one == ERROR));
    ensure!(named, "Expected {ERROR} among schemas of the error; they are {schemas}.");
    Ok(())
}

async fn status(scim: &Context, what: &str) -> Outcome {
    let answer = error(scim, what).await?;
    let status = &answer.object()?["status"];
    let expect = answer.status.to_string();
    ensure!(*status == expect, "Expected the status of the error to be \"{expect}\"; it is {}.", brief(status));
    Ok(())
}

async fn detail(scim: &Context) -> Outcome {
    let answer = error(scim, NOT_FOUND).await?;
    let detail = &answer.object()?["detail"];
    ensure!(detail.is_null() || detail.is_string(), "Expected the detail of the error to be a text; it is {detail}.");
    Ok(())
}

async fn media_type(scim: &Context) -> Outcome {
    let answer = error(scim, NOT_FOUND).await?;
    let kind = answer.header("content-type").unwrap_or_default();
    let fits = kind.to_ascii_lowercase().starts_with("application/scim+json");
    ensure!(fits, "Expected the error's Content-Type to be application/scim+json; it is \"{kind}\".");
    Ok(())
}

/// Demands 400 and one of these keywords.
fn refused_with(answer: &Answer, keywords: &str) -> Outcome {
    let got: &Value = &answer.status(400)?.json()["scimType"];
    let fits = keywords.split(' ').any(|keyword| got == keyword);
    ensure!(fits, "Expected the scimType {}; it is {got}.", keywords.replace(' ', " or "));
    Ok(())
}

async fn keyword(scim: &Context, what: &str, keywords: &str) -> Outcome {
    refused_with(&wrong(scim, what).await?, keywords)
}

async fn patched(scim: &Context, operations: Value, keywords: &str) -> Outcome {
    let user = scim.user().create().await?;
    refused_with(&scim.patch(&user.path, &operations).await?, keywords)
}

/// A PATCH of a user with the userName of another; the path of the user, and the answer.
async fn duplicating(scim: &Context) -> Result<(crate::context::Resource, Answer), Stop> {
    let (taken, other) = (scim.user(), scim.user().create().await?);
    taken.create().await?;
    let operations = json!([{"op": "replace", "path": "userName", "value": taken.name()}]);
    let answer = scim.patch(&other.path, &operations).await?;
    Ok((other, answer))
}

async fn patch_duplicate(scim: &Context) -> Outcome {
    let (_, answer) = duplicating(scim).await?;
    let got = &answer.status_in(&[400, 409])?.json()["scimType"];
    ensure!(got == "uniqueness", "Expected the scimType uniqueness; it is {got}.");
    Ok(())
}

async fn patch_duplicate_kept(scim: &Context) -> Outcome {
    // How it is refused is for error-patch-duplicate.
    let (user, _) = duplicating(scim).await?;
    let read = scim.read(&user).await?;
    equals(&read, "/userName", user.body["userName"].clone())
}
