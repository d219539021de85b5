//! Queries as such: the list and what is in it.

use serde_json::{Value, json};

use super::every_type::made;
use crate::{
    case::{
        Area, Case,
        Need::{self, Attribute, Filter, Type},
        run,
    },
    context::{Context, LIST, about, supported, total_of},
    ensure,
    exchange::Answer,
    verdict::{Outcome, Stop, equals, holds},
};

pub const AREA: Area = Area { tag: "query", title: "Query (RFC 7644 §3.4.2)", cases: CASES };

const SECTION: &str = "RFC 7644 §3.4.2";
const ROOT: &str = "RFC 7644 §3.4.2.1";
const USERS: &[Need] = &[Type("User"), Filter];
const GROUPS: &[Need] = &[Type("Group"), Filter];
const MEMBERS: &[Need] = &[Attribute("Group", "members.value"), Type("User"), Filter];

const CASES: &[Case] = &[
    Case::must("query-schemas", SECTION, "A list is identified as a ListResponse.", run!(schemas)).needs(USERS),
    Case::must("query-total", SECTION, "A list says in totalResults how many resources there are.", run!(total))
        .needs(USERS),
    Case::must(
        "query-nothing",
        SECTION,
        "A query that nothing fits is answered 200 with totalResults 0.",
        run!(nothing),
    )
    .needs(USERS),
    Case::must(
        "query-whole-resources",
        "RFC 7644 §3.4",
        "The resources of a list have the attributes that are returned by default.",
        run!(whole),
    )
    .needs(USERS),
    Case::must(
        "query-resource-schemas",
        "RFC 7643 §3",
        "Each resource of a list names its schemas.",
        run!(has, "/schemas"),
    )
    .needs(USERS),
    Case::must("query-resource-id", "RFC 7643 §3.1", "Each resource of a list has its id.", run!(has, "/id"))
        .needs(USERS),
    Case::should(
        "query-unknown-parameter",
        SECTION,
        "Query parameters that the server does not know are ignored.",
        run!(unknown_parameter),
    )
    .needs(USERS),
    Case::must("query-groups", SECTION, "Groups are found by a query at their endpoint.", run!(groups)).needs(GROUPS),
    Case::must("query-members", "RFC 7644 §3.4.2.2", "Groups are found by the id of a member.", run!(members))
        .needs(MEMBERS),
    Case::must(
        "query-external-id",
        "RFC 7643 §3.1",
        "Resources are found by the externalId that the client gave them.",
        run!(external_id, false),
    )
    .needs(USERS),
    Case::must(
        "query-external-id-case",
        "RFC 7643 §3.1",
        "externalId is caseExact: it is not found in another case.",
        run!(external_id, true),
    )
    .needs(USERS),
    Case::must(
        "query-root-type",
        ROOT,
        "Where the base URL can be queried, meta.resourceType restricts the result to a resource type.",
        run!(root_type),
    )
    .needs(&[Type("User"), Type("Group"), Filter]),
    Case::must(
        "query-root-foreign-attribute",
        ROOT,
        "Where the base URL can be queried, an attribute that a resource type does not have is taken as unassigned.",
        run!(root_foreign),
    )
    .needs(&[Type("User"), Type("Group"), Filter]),
    Case::must(
        "query-every-type",
        SECTION,
        "Resources of every type that is declared are found at their endpoint.",
        run!(every_type),
    )
    .needs(&[Filter]),
];

/// A query for one of the people, who is certainly there.
async fn one(scim: &Context) -> Result<Value, Stop> {
    scim.people().await?;
    let answer = scim.get(scim.users()).filter(ada(scim)).await?;
    supported(&answer, &ada(scim))?;
    let list = answer.status(200).and_then(Answer::object).map_err(|stop| about(stop, "filter-eq"))?;
    Ok(list.clone())
}

/// The resource in it.
fn first(list: &Value) -> Result<&Value, Stop> {
    let found = &list["Resources"][0];
    if found.is_object() {
        Ok(found)
    } else {
        Err(Stop::Skip("Nothing is found, which filter-eq is about.".to_owned()))
    }
}

fn ada(scim: &Context) -> String {
    format!("userName eq \"{}-ada@example.com\"", scim.people_mark())
}

async fn schemas(scim: &Context) -> Outcome {
    let list = one(scim).await?;
    let named = list["schemas"].as_array().is_some_and(|schemas| schemas.iter().any(|one| one == LIST));
    ensure!(named, "Expected {LIST} among schemas; they are {}.", list["schemas"]);
    Ok(())
}

async fn total(scim: &Context) -> Outcome {
    let list = one(scim).await?;
    // A server with cursors that cannot tell may leave it out (RFC 9865 §2).
    if list["totalResults"].is_null() && scim.discovery().config()["pagination"]["cursor"] == true {
        return Ok(());
    }
    equals(&list, "/totalResults", 1)
}

async fn nothing(scim: &Context) -> Outcome {
    let filter = format!("userName eq \"{}\"", scim.fresh_name());
    let answer = scim.get(scim.users()).filter(&filter).await?;
    supported(&answer, &filter)?;
    let list = answer.status(200)?.object()?;
    ensure!(total_of(list) == Some(0), "Expected totalResults to be 0; it is {}.", list["totalResults"]);
    Ok(())
}

async fn whole(scim: &Context) -> Outcome {
    let list = one(scim).await?;
    let Some(ada) = scim.people().await?.first() else { return Ok(()) };
    let read = scim.read(ada).await?;
    holds(first(&list)?, &read)
}

async fn has(scim: &Context, pointer: &str) -> Outcome {
    let list = one(scim).await?;
    let value = &first(&list)?.pointer(pointer);
    let is_there = value.is_some_and(|value| !value.is_null() && *value != json!([]));
    ensure!(is_there, "Expected each resource of a list to have {}; there is none.", pointer.trim_start_matches('/'));
    Ok(())
}

async fn unknown_parameter(scim: &Context) -> Outcome {
    scim.people().await?;
    let answer = scim.get(scim.users()).filter(ada(scim)).query("noSuchParameter", "x").await?;
    supported(&answer, &ada(scim))?;
    let found = total_of(answer.status(200)?.object()?);
    ensure!(found == Some(1), "Expected the query to find 1 user as without the parameter; it finds {found:?}.");
    Ok(())
}

/// The ids of what a query finds.
async fn ids(scim: &Context, path: &str, filter: &str) -> Result<Vec<String>, Stop> {
    let found = scim.filtered(path, filter).await?;
    Ok(found.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)).collect())
}

/// Demands that a query finds exactly this.
async fn finds(scim: &Context, path: &str, filter: &str, expect: &[&str]) -> Outcome {
    let found = ids(scim, path, filter).await?;
    ensure!(
        found == expect,
        "Expected the filter {filter} at {path} to find [{}]; it finds [{}].",
        expect.join(", "),
        found.join(", ")
    );
    Ok(())
}

async fn groups(scim: &Context) -> Outcome {
    let draft = scim.group();
    let group = draft.create().await?;
    let filter = format!("displayName eq \"{}\"", draft.name());
    finds(scim, &scim.endpoint("Group"), &filter, &[&group.id]).await
}

async fn members(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    scim.group().create().await?;
    let group = scim.group().with(json!({"members": [{"value": user.id}]})).create().await?;
    finds(scim, &scim.endpoint("Group"), &format!("members.value eq {}", json!(user.id)), &[&group.id]).await
}

async fn external_id(scim: &Context, upper: bool) -> Outcome {
    let external = format!("Ext-{}", scim.fresh_name());
    let user = scim.user().with(json!({"externalId": external})).create().await?;
    if upper {
        let upper = external.to_uppercase();
        return finds(scim, &scim.users(), &format!("externalId eq \"{upper}\""), &[]).await;
    }
    finds(scim, &scim.users(), &format!("externalId eq \"{external}\""), &[&user.id]).await
}

/// What the base URL finds, or a skip where it cannot be queried: that is a client's choice, and
/// many servers refuse it.
async fn root(scim: &Context, filter: &str) -> Result<Vec<Value>, Stop> {
    let answer = scim.get("/").filter(filter).query("count", 100).await?;
    supported(&answer, filter)?;
    let is_list = answer.json()["schemas"].as_array().is_some_and(|schemas| schemas.iter().any(|one| one == LIST));
    if !is_list {
        return Err(Stop::Skip(format!("The base URL cannot be queried: the server answers {}.", answer.status)));
    }
    answer.resources()
}

/// A condition that finds the two resources.
pub(super) fn either(one: &str, other: &str) -> String {
    format!("id eq {} or id eq {}", json!(one), json!(other))
}

async fn root_type(scim: &Context) -> Outcome {
    let (user, group) = (scim.user().create().await?, scim.group().create().await?);
    let filter = format!("meta.resourceType eq \"Group\" and ({})", either(&user.id, &group.id));
    let found = root(scim, &filter).await?;
    let ids: Vec<_> = found.iter().filter_map(|one| one["id"].as_str()).collect();
    ensure!(ids == [group.id.as_str()], "Expected the base URL to find the group alone; it finds {}.", ids.join(", "));
    Ok(())
}

async fn root_foreign(scim: &Context) -> Outcome {
    let draft = scim.user();
    let user = draft.create().await?;
    scim.group().create().await?;
    let found = root(scim, &format!("userName eq \"{}\"", draft.name())).await?;
    let ids: Vec<_> = found.iter().filter_map(|one| one["id"].as_str()).collect();
    ensure!(ids == [user.id.as_str()], "Expected the base URL to find the user alone; it finds {}.", ids.join(", "));
    Ok(())
}

async fn every_type(scim: &Context) -> Outcome {
    for (name, one) in made(scim).await? {
        let list = scim.listed(&scim.endpoint(name), &one, |call| call).await?;
        let found = list["Resources"][0]["id"].as_str().unwrap_or_default();
        ensure!(found == one.id, "Expected the {name} {} at its endpoint; the query finds \"{found}\".", one.id);
    }
    Ok(())
}
