//! `attributes` and `excludedAttributes`.

use serde_json::{Value, json};

use crate::{
    case::{
        Area, Case,
        Need::{self, Attribute, Filter, Type},
        run,
    },
    context::{Context, Resource, about},
    discovery::ENTERPRISE,
    ensure,
    exchange::Answer,
    verdict::{Outcome, Stop, brief, equals, holds},
};

pub const AREA: Area = Area { tag: "projection", title: "Attributes of answers (RFC 7644 §3.9)", cases: CASES };

const SECTION: &str = "RFC 7644 §3.9";
const NAMES: &[Need] =
    &[Attribute("User", "nickName"), Attribute("User", "name.familyName"), Attribute("User", "name.givenName")];
const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
const ENTERPRISE_USER: &[Need] = &[Attribute("User", DEPARTMENT), Attribute("User", "nickName")];
const EMAILS: &[Need] = &[Attribute("User", "emails.type"), Attribute("User", "nickName")];

const CASES: &[Case] = &[
    Case::must(
        "projection-attributes",
        SECTION,
        "attributes returns the attributes that it names.",
        run!(shows, "attributes", "nickName", json!({"nickName": "Ann"})),
    )
    .needs(NAMES),
    Case::must(
        "projection-attributes-only",
        SECTION,
        "attributes overrides what is returned by default.",
        run!(shows, "attributes", "nickName", json!({"name": null})),
    )
    .needs(NAMES),
    Case::must(
        "projection-attributes-id",
        SECTION,
        "id is returned also when attributes does not name it.",
        run!(keeps_id, "attributes", "nickName"),
    )
    .needs(NAMES),
    Case::must(
        "projection-attributes-schemas",
        "RFC 7643 §3",
        "A resource names its schemas also when attributes does not ask for them.",
        run!(keeps_schemas, "GET"),
    )
    .needs(NAMES),
    Case::must(
        "projection-query-schemas",
        "RFC 7643 §3",
        "A resource in a list names its schemas also when attributes does not ask for them.",
        run!(keeps_schemas, "query"),
    )
    .needs(NAMES),
    Case::must(
        "projection-written-schemas",
        "RFC 7643 §3",
        "The answer to a PUT names the schemas of the resource.",
        run!(keeps_schemas, "PUT"),
    )
    .needs(NAMES),
    Case::must(
        "projection-attributes-list",
        SECTION,
        "attributes takes several names with commas between them.",
        run!(shows, "attributes", "nickName,name", json!({"nickName": "Ann", "name": {"familyName": "Quill"}})),
    )
    .needs(NAMES),
    Case::must(
        "projection-attributes-case",
        "RFC 7644 §3.10",
        "The names in attributes are taken in any case.",
        run!(shows, "attributes", "NICKNAME", json!({"nickName": "Ann"})),
    )
    .needs(NAMES),
    Case::must(
        "projection-attributes-complex",
        SECTION,
        "attributes with the name of a complex attribute returns all its sub-attributes.",
        run!(shows, "attributes", "name", json!({"name": {"familyName": "Quill", "givenName": "Ada"}})),
    )
    .needs(NAMES),
    Case::must(
        "projection-attributes-sub",
        SECTION,
        "attributes with a sub-attribute returns that and not its siblings.",
        run!(shows, "attributes", "name.familyName", json!({"name": {"familyName": "Quill", "givenName": null}})),
    )
    .needs(NAMES),
    Case::must(
        "projection-attributes-multi-valued",
        SECTION,
        "attributes with a sub-attribute of a multi-valued attribute returns it of each value.",
        run!(
            shows,
            "attributes",
            "emails.value",
            json!({"emails": [{"value": "{n}a@example.com", "type": null}, {"value": "{n}b@example.com", "type": null}]})
        ),
    )
    .needs(EMAILS),
    Case::must(
        "projection-attributes-urn",
        "RFC 7644 §3.10",
        "attributes may name a core attribute with its schema's URN.",
        run!(
            shows,
            "attributes",
            "urn:ietf:params:scim:schemas:core:2.0:User:nickName",
            json!({"nickName": "Ann", "name": null})
        ),
    )
    .needs(NAMES),
    Case::must(
        "projection-attributes-extension",
        "RFC 7644 §3.10",
        "attributes names an extension's attribute with the extension's URN.",
        run!(shows, "attributes", DEPARTMENT, json!({ENTERPRISE: {"department": "Sales"}, "nickName": null})),
    )
    .needs(ENTERPRISE_USER),
    Case::must(
        "projection-excluded",
        SECTION,
        "excludedAttributes leaves out the attributes that it names.",
        run!(shows, "excludedAttributes", "nickName", json!({"nickName": null})),
    )
    .needs(NAMES),
    Case::must(
        "projection-excluded-others",
        SECTION,
        "excludedAttributes leaves the other attributes in.",
        run!(shows, "excludedAttributes", "nickName", json!({"name": {"familyName": "Quill", "givenName": "Ada"}})),
    )
    .needs(NAMES),
    Case::must(
        "projection-excluded-id",
        "RFC 7644 §3.4.2.5",
        "excludedAttributes has no effect on id, which is always returned.",
        run!(keeps_id, "excludedAttributes", "id"),
    )
    .needs(NAMES),
    Case::must(
        "projection-excluded-sub",
        SECTION,
        "excludedAttributes with a sub-attribute leaves that out and not its siblings.",
        run!(
            shows,
            "excludedAttributes",
            "name.givenName",
            json!({"name": {"familyName": "Quill", "givenName": null}})
        ),
    )
    .needs(NAMES),
    Case::must(
        "projection-excluded-extension",
        "RFC 7644 §3.10",
        "excludedAttributes names an extension's attribute with the extension's URN.",
        run!(shows, "excludedAttributes", DEPARTMENT, json!({ENTERPRISE: {"department": null}, "nickName": "Ann"})),
    )
    .needs(ENTERPRISE_USER),
    Case::must(
        "projection-query",
        SECTION,
        "attributes holds for each resource of a query.",
        run!(query, "attributes", "nickName", json!({"nickName": "Ann", "name": null})),
    )
    .needs(&[Filter, Attribute("User", "nickName"), Attribute("User", "name.familyName")]),
    Case::must(
        "projection-query-excluded",
        SECTION,
        "excludedAttributes holds for each resource of a query.",
        run!(query, "excludedAttributes", "name", json!({"nickName": "Ann", "name": null})),
    )
    .needs(&[Filter, Attribute("User", "nickName"), Attribute("User", "name.familyName")]),
    Case::must("projection-post", SECTION, "attributes holds for the answer to a POST.", run!(written, "POST"))
        .needs(NAMES),
    Case::must("projection-put", SECTION, "attributes holds for the answer to a PUT.", run!(written, "PUT"))
        .needs(NAMES),
    Case::must(
        "projection-members",
        SECTION,
        "excludedAttributes=members returns a group without its members.",
        run!(members),
    )
    .needs(&[Attribute("Group", "members.value"), Type("User")])
    .about_keeping(),
];

/// What the user of these cases has.
fn full() -> Value {
    json!({"nickName": "Ann", "name": {"familyName": "Quill", "givenName": "Ada"}})
}

/// Makes the user, with what only some cases ask for by these names.
async fn made(scim: &Context, names: &str) -> Result<Resource, Stop> {
    let has = |path: &str| scim.discovery().attribute("User", path).is_some();
    let mut draft = scim.user().with(full());
    if names.starts_with("emails") {
        let email = |name: &str, kind: &str| json!({"value": format!("{{n}}{name}@example.com"), "type": kind});
        draft = draft.with(json!({"emails": [email("a", "work"), email("b", "home")]}));
    }
    if has(DEPARTMENT) {
        draft = draft.with(json!({ENTERPRISE: {"department": "Sales"}}));
    }
    draft.create().await
}

/// A skip where the server always returns an attribute that must be absent from `expect`.
fn may_be_absent(scim: &Context, expect: &Value) -> Outcome {
    for (name, _) in expect.as_object().into_iter().flatten().filter(|(_, value)| value.is_null()) {
        if scim
            .discovery()
            .attribute("User", scim.text_name(name))
            .is_some_and(|attribute| attribute["returned"] == "always")
        {
            return Err(Stop::Skip(format!("The server's schema declares that {name} is always returned.")));
        }
    }
    Ok(())
}

/// Demands that a GET with this parameter has an answer that holds `expect`.
async fn shows(scim: &Context, parameter: &str, names: &str, expect: Value) -> Outcome {
    may_be_absent(scim, &expect)?;
    let user = made(scim, names).await?;
    let answer = scim.get(&user.path).query(parameter, names).await?;
    scim.get_taken(&answer).await?;
    holds(answer.object()?, &scim.fill(expect))
}

async fn keeps_id(scim: &Context, parameter: &str, names: &str) -> Outcome {
    let user = made(scim, names).await?;
    let answer = scim.get(&user.path).query(parameter, names).await?;
    scim.get_taken(&answer).await?;
    equals(answer.object()?, "/id", user.id)
}

/// The same in a query.
async fn query(scim: &Context, parameter: &str, names: &str, expect: Value) -> Outcome {
    may_be_absent(scim, &expect)?;
    let user = made(scim, names).await?;
    let list = scim.listed(&scim.users(), &user, |call| call.query(parameter, names)).await?;
    let found = &list["Resources"][0];
    if found.is_null() {
        return Err(Stop::Skip("The user is not found, which other cases are about.".to_owned()));
    }
    holds(found, &scim.fill(expect))
}

/// The same in the answer to a write. A POST need not be answered with the resource.
async fn written(scim: &Context, method: &str) -> Outcome {
    let expect = json!({"nickName": "Ann", "name": null});
    may_be_absent(scim, &expect)?;
    let draft = scim.user().with(full());
    let call = if method == "PUT" { scim.put(draft.create().await?.path, draft.body()) } else { draft.post() };
    let answer = call.query("attributes", "nickName").await?;
    if method == "PUT" {
        scim.put_taken(&answer).await?;
    } else {
        scim.post_taken(&answer).await?;
    }
    if answer.body.trim().is_empty() {
        return Err(Stop::Skip(format!("The server answers a {method} without a body.")));
    }
    holds(answer.object()?, &scim.fill(expect))
}

/// Demands a list of schemas that is not empty (RFC 7643 §3: all representations have one).
async fn keeps_schemas(scim: &Context, how: &str) -> Outcome {
    let draft = scim.user().with(full());
    let user = draft.create().await?;
    let body = match how {
        "GET" => {
            let answer = scim.get(&user.path).query("attributes", "nickName").await?;
            let read = answer.status(200).and_then(Answer::object);
            read.map_err(|stop| about(stop, "projection-attributes"))?.clone()
        }
        "PUT" => {
            let answer = scim.put(&user.path, draft.body()).await?;
            answer.success().map_err(|stop| about(stop, "method-put"))?.json().clone()
        }
        _ => {
            let list = scim.listed(&scim.users(), &user, |call| call.query("attributes", "nickName")).await?;
            list["Resources"][0].clone()
        }
    };
    if body.is_null() {
        return Err(Stop::Skip("There is no resource in the answer, which other cases are about.".to_owned()));
    }
    let schemas = &body["schemas"];
    ensure!(schemas[0].is_string(), "Expected the resource to name its schemas; it has {}.", brief(schemas));
    Ok(())
}

async fn members(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let draft = scim.group().with(json!({"members": [{"value": user.id}]}));
    let group = draft.create().await?;
    let answer = scim.get(&group.path).query("excludedAttributes", "members").await?;
    holds(answer.status(200)?.object()?, &json!({"members": [], "displayName": draft.name()}))
}
