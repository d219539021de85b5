//! Retrieving a known resource.

use serde_json::{Value, json};

use super::every_type::made;
use crate::{
    case::{
        Area, Case,
        Need::{self, Attribute, Type},
        run,
    },
    context::{Context, Draft},
    ensure,
    uri::{Target, locate, segment},
    verdict::{Outcome, Stop, equals, holds, text},
};

pub const AREA: Area = Area { tag: "retrieve", title: "Retrieve (RFC 7644 §3.4.1)", cases: CASES };

const SECTION: &str = "RFC 7644 §3.4.1";
const USERS: &[Need] = &[Type("User")];

const CASES: &[Case] = &[
    Case::must("retrieve-known", SECTION, "A GET of a resource is answered 200 with the resource.", run!(known))
        .needs(USERS),
    Case::must("retrieve-group", SECTION, "A GET of a group is answered 200 with the group.", run!(group))
        .needs(&[Type("Group")]),
    Case::must(
        "retrieve-id-stays",
        "RFC 7643 §3.1",
        "The id does not change when the resource is returned again.",
        run!(id_stays),
    )
    .needs(USERS),
    Case::must(
        "retrieve-location",
        "RFC 7643 §3.1",
        "meta.location of a resource is its URI: a GET there returns it.",
        run!(location),
    )
    .needs(USERS),
    Case::should(
        "retrieve-location-host",
        "RFC 7643 §3.1",
        "meta.location has the host by which the server is called.",
        run!(location_host),
    )
    .needs(USERS),
    Case::must(
        "retrieve-meta",
        "RFC 7643 §3.1",
        "Each resource has a meta with its resource type, its times and its location.",
        run!(meta),
    )
    .needs(USERS),
    Case::must(
        "retrieve-same-as-created",
        "RFC 7644 §3.1",
        "A GET returns the resource as the answer to its creation had it.",
        run!(same),
    )
    .needs(&[Attribute("User", "name.familyName")])
    .about_keeping(),
    Case::must(
        "retrieve-schemas",
        "RFC 7643 §3",
        "schemas of a resource holds only schemas of its resource type, and none twice.",
        run!(schemas),
    )
    .needs(USERS),
    Case::must(
        "retrieve-schemas-extension",
        "RFC 7643 §3",
        "schemas of a resource with attributes of an extension holds the extension's URN.",
        run!(extension),
    )
    .needs(&[Attribute("User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department")]),
    Case::must(
        "retrieve-schemas-order",
        "RFC 7643 §3",
        "The order of schemas in a request means nothing.",
        run!(order),
    )
    .needs(&[Attribute("User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department")]),
    Case::must(
        "retrieve-every-type",
        "RFC 7643 §3.2",
        "Resources of every type that is declared can be read and deleted.",
        run!(every_type),
    ),
    Case::must(
        "retrieve-every-type-name",
        "RFC 7644 §3.3.1",
        "meta.resourceType is the name of the resource type at whose endpoint the resource was made.",
        run!(every_type_name),
    ),
    Case::should(
        "retrieve-unknown",
        "RFC 7644 §3.12",
        "A GET of a resource that is not there is answered 404.",
        run!(unknown),
    )
    .needs(USERS),
    Case::should(
        "retrieve-other-endpoint",
        "RFC 7644 §3.12",
        "A GET of a user at the endpoint of groups is answered 404.",
        run!(other_endpoint),
    )
    .needs(&[Type("User"), Type("Group")]),
    Case::should(
        "retrieve-unknown-endpoint",
        "RFC 7644 §3.12",
        "A GET at an endpoint that is not there is answered 404.",
        run!(unknown_endpoint),
    ),
];

async fn known(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let answer = scim.get(&user.path).await?;
    equals(answer.status(200)?.object()?, "/id", user.id)
}

async fn group(scim: &Context) -> Outcome {
    let group = scim.group().create().await?;
    let answer = scim.get(&group.path).await?;
    equals(answer.status(200)?.object()?, "/id", group.id)
}

async fn id_stays(scim: &Context) -> Outcome {
    let draft = scim.user();
    let user = draft.create().await?;
    scim.put(&user.path, draft.body()).await?;
    equals(&scim.read(&user).await?, "/id", user.id)
}

async fn location(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let location = scim.read(&user).await?;
    let found = scim.follow(text(&location, "/meta/location")?)?.await?;
    equals(found.status(200)?.object()?, "/id", user.id)
}

async fn location_host(scim: &Context) -> Outcome {
    let user = scim.read(&scim.user().create().await?).await?;
    let Some(written) = user["meta"]["location"].as_str() else {
        return Err(Stop::Skip("There is no meta.location, which retrieve-meta is about.".to_owned()));
    };
    let other = matches!(locate(scim.base(), written), Target::OtherHost(_));
    ensure!(!other, "Expected meta.location to begin with {}; it is {written}.", scim.base());
    Ok(())
}

async fn meta(scim: &Context) -> Outcome {
    let user = scim.read(&scim.user().create().await?).await?;
    for name in ["resourceType", "created", "lastModified", "location"] {
        text(&user, &format!("/meta/{name}"))?;
    }
    Ok(())
}

async fn same(scim: &Context) -> Outcome {
    let user = scim.user().with(json!({"name": {"familyName": "Quill"}})).create().await?;
    let read = scim.read(&user).await?;
    holds(&read, &json!({"userName": user.body["userName"], "name": user.body["name"]}))
}

async fn schemas(scim: &Context) -> Outcome {
    let user = scim.read(&scim.user().create().await?).await?;
    let discovery = scim.discovery();
    let core = discovery.resource_type("User").and_then(|one| one["schema"].as_str()).unwrap_or_default();
    let extensions = discovery.extensions("User");
    let mut seen: Vec<&Value> = Vec::new();
    for urn in user["schemas"].as_array().into_iter().flatten() {
        let known = *urn == core || extensions.iter().any(|(extension, _)| *urn == *extension);
        ensure!(known, "Expected only schemas of User; {urn} is none.");
        ensure!(!seen.contains(&urn), "Expected each schema once; {urn} is there twice.");
        seen.push(urn);
    }
    Ok(())
}

/// A draft of a user with a department.
fn with_department(scim: &Context) -> Draft<'_> {
    scim.user().with(json!({crate::discovery::ENTERPRISE: {"department": "Sales"}}))
}

async fn extension(scim: &Context) -> Outcome {
    let user = scim.read(&with_department(scim).create().await?).await?;
    let urn = crate::discovery::ENTERPRISE;
    let named = user["schemas"].as_array().is_some_and(|schemas| schemas.iter().any(|one| one == urn));
    ensure!(named, "Expected {urn} among schemas; they are {}.", user["schemas"]);
    Ok(())
}

async fn order(scim: &Context) -> Outcome {
    let draft = with_department(scim);
    let mut body = draft.body().clone();
    body["schemas"].as_array_mut().into_iter().for_each(|schemas| schemas.reverse());
    let answer = scim.post(scim.users(), &body).await?;
    scim.post_taken(&answer).await?;
    let made = draft.made(&answer).await?;
    holds(&scim.read(&made).await?, &json!({crate::discovery::ENTERPRISE: {"department": "Sales"}}))
}

async fn every_type(scim: &Context) -> Outcome {
    for (name, one) in made(scim).await? {
        let answer = scim.get(&one.path).await?;
        equals(answer.status(200)?.object()?, "/id", one.id.clone())?;
        let deleted = scim.delete(&one.path).await?;
        if [403, 405, 501].contains(&deleted.status) {
            continue;
        }
        deleted.success()?;
        let status = scim.get(&one.path).await?.status;
        ensure!(status == 404, "Expected 404 to a GET of a {name} after its DELETE; got {status}.");
    }
    Ok(())
}

async fn every_type_name(scim: &Context) -> Outcome {
    for (name, one) in made(scim).await? {
        equals(&scim.read(&one).await?, "/meta/resourceType", name)?;
    }
    Ok(())
}

async fn unknown(scim: &Context) -> Outcome {
    scim.get(format!("{}/{}", scim.users(), scim.fresh_name())).await?.status(404)?;
    Ok(())
}

async fn other_endpoint(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    scim.get(format!("{}/{}", scim.endpoint("Group"), segment(&user.id))).await?.status(404)?;
    Ok(())
}

async fn unknown_endpoint(scim: &Context) -> Outcome {
    scim.get("/NoSuchThings").await?.status(404)?;
    Ok(())
}
