//! Queries by POST to `.search`.

use serde_json::{Value, json};

use super::rfc7644_3_4_2_query::either;
use crate::{
    case::{
        Area, Case,
        Need::{self, Attribute, Filter, Sort, Type},
        run,
    },
    context::{Context, LIST, about, supported, total_of},
    ensure,
    exchange::Answer,
    verdict::{Outcome, Stop, equals, holds},
};

pub const AREA: Area = Area { tag: "search", title: "Search by POST (RFC 7644 §3.4.3)", cases: CASES };

/// The URN of search requests.
pub(super) const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
const SECTION: &str = "RFC 7644 §3.4.3";
const USERS: &[Need] = &[Type("User"), Filter];
const NAMES: &[Need] = &[Filter, Attribute("User", "name.familyName")];

const CASES: &[Case] = &[
    Case::should(
        "search-offered",
        SECTION,
        "Resources can be queried by POST to .search at their endpoint.",
        run!(offered),
    )
    .needs(USERS),
    Case::must("search-list", SECTION, "A search is answered with a ListResponse.", run!(list)).needs(USERS),
    Case::must("search-filter", SECTION, "A search finds what its filter asks for, and nothing else.", run!(filter))
        .needs(USERS),
    Case::must("search-attributes", SECTION, "A search returns the attributes that it asks for.", run!(attributes))
        .needs(NAMES),
    Case::must(
        "search-excluded-attributes",
        SECTION,
        "A search leaves out the attributes that it excludes.",
        run!(excluded),
    )
    .needs(NAMES),
    Case::must("search-sort", SECTION, "A search is sorted as it asks.", run!(sort)).needs(&[
        Filter,
        Sort,
        Attribute("User", "userName"),
    ]),
    Case::must("search-count", SECTION, "A search returns no more resources than its count.", run!(count)).needs(USERS),
    Case::must("search-start", SECTION, "A search begins where its startIndex says.", run!(start)).needs(&[
        Type("User"),
        Filter,
        Need::IndexPages,
    ]),
    Case::must("search-makes-nothing", SECTION, "A POST to .search makes no resource.", run!(makes_nothing))
        .needs(USERS),
    Case::must(
        "search-invalid-filter",
        "RFC 7644 §3.4.2.2",
        "A search with an operator that the server does not know is refused with 400 invalidFilter.",
        run!(invalid),
    )
    .needs(USERS),
    Case::must(
        "search-root",
        SECTION,
        "Where the base URL has a .search, it finds resources of all types.",
        run!(root),
    )
    .needs(&[Type("User"), Type("Group"), Filter]),
];

/// A search among users with these members more. Whether it is answered is for search-filter.
async fn ask(scim: &Context, more: Value) -> Result<Value, Stop> {
    let answer = search(scim, more).await?;
    let list = answer.status(200).and_then(Answer::object).map_err(|stop| about(stop, "search-filter"))?;
    Ok(list.clone())
}

async fn search(scim: &Context, more: Value) -> Result<Answer, Stop> {
    scim.people().await?;
    let mut body = json!({"schemas": [SEARCH], "filter": format!("userName sw \"{}\"", scim.people_mark())});
    crate::draft::lay_over(&mut body, more);
    let answer = scim.post(format!("{}/.search", scim.users()), &body).await?;
    if [404, 405, 501].contains(&answer.status) {
        return Err(Stop::Skip("The server has no .search.".to_owned()));
    }
    supported(&answer, body["filter"].as_str().unwrap_or_default())?;
    Ok(answer)
}

/// The resource that a search finds.
fn first(list: &Value) -> Result<&Value, Stop> {
    let found = &list["Resources"][0];
    let nothing = || Stop::Skip("The search finds nothing, which search-filter is about.".to_owned());
    if found.is_object() { Ok(found) } else { Err(nothing()) }
}

/// The given names of the people in a list, in its order.
async fn names(scim: &Context, list: &Value) -> Result<String, Stop> {
    let resources = list["Resources"].as_array().cloned().unwrap_or_default();
    Ok(scim.given_names(&resources).await?.join(" "))
}

fn ada(scim: &Context) -> Value {
    json!({"filter": format!("userName eq \"{}-ada@example.com\"", scim.people_mark())})
}

async fn offered(scim: &Context) -> Outcome {
    let body = json!({"schemas": [SEARCH], "count": 1});
    scim.post(format!("{}/.search", scim.users()), &body).await?.status(200)?;
    Ok(())
}

async fn list(scim: &Context) -> Outcome {
    let list = ask(scim, ada(scim)).await?;
    let named = list["schemas"].as_array().is_some_and(|schemas| schemas.iter().any(|one| one == LIST));
    ensure!(named, "Expected {LIST} among schemas; they are {}.", list["schemas"]);
    Ok(())
}

async fn filter(scim: &Context) -> Outcome {
    let answer = search(scim, ada(scim)).await?;
    let found = names(scim, answer.status(200)?.object()?).await?;
    ensure!(found == "Ada", "Expected the search to find Ada; it finds {found}.");
    Ok(())
}

async fn attributes(scim: &Context) -> Outcome {
    let mut more = ada(scim);
    more["attributes"] = json!(["userName"]);
    let list = ask(scim, more).await?;
    let name = format!("{}-ada@example.com", scim.people_mark());
    holds(first(&list)?, &json!({"userName": name, "name": null}))
}

async fn excluded(scim: &Context) -> Outcome {
    let mut more = ada(scim);
    more["excludedAttributes"] = json!(["name"]);
    let list = ask(scim, more).await?;
    let name = format!("{}-ada@example.com", scim.people_mark());
    holds(first(&list)?, &json!({"userName": name, "name": null}))
}

async fn sort(scim: &Context) -> Outcome {
    let list = ask(scim, json!({"sortBy": "userName", "sortOrder": "descending"})).await?;
    let found = names(scim, &list).await?;
    // A page may be smaller than the result.
    let whole = total_of(&list) == u64::try_from(found.split(' ').count()).ok();
    ensure!(
        whole || "Dora Cleo Bert Ada".starts_with(&found),
        "Expected the search to begin with Dora; it gives {found}."
    );
    if !whole {
        return Ok(());
    }
    ensure!(found == "Dora Cleo Bert Ada", "Expected the search to give Dora Cleo Bert Ada; it gives {found}.");
    Ok(())
}

async fn count(scim: &Context) -> Outcome {
    let list = ask(scim, json!({"count": 2})).await?;
    let found = list["Resources"].as_array().map_or(0, Vec::len);
    ensure!(found <= 2, "Expected no more than 2 resources with count 2; there are {found}.");
    let total = total_of(&list);
    ensure!(total == Some(4), "Expected totalResults to be 4; it is {}.", list["totalResults"]);
    Ok(())
}

async fn start(scim: &Context) -> Outcome {
    let list = ask(scim, json!({"startIndex": 4, "count": 50})).await?;
    let found = list["Resources"].as_array().map_or(0, Vec::len);
    ensure!(found == 1, "Expected 1 resource of 4 from startIndex 4 on; there are {found}.");
    equals(&list, "/startIndex", 4)
}

async fn makes_nothing(scim: &Context) -> Outcome {
    let mut body = scim.user().body().clone();
    body["schemas"] = json!([SEARCH]);
    body["filter"] = json!(format!("userName eq \"{}\"", scim.fresh_name()));
    let answer = scim.post(format!("{}/.search", scim.users()), &body).await?;
    ensure!(answer.status != 201, "Expected a POST to .search to make nothing; got 201.");
    Ok(())
}

async fn invalid(scim: &Context) -> Outcome {
    ask(scim, ada(scim)).await?;
    let body = json!({"schemas": [SEARCH], "filter": "userName regex \"a\""});
    let answer = scim.post(format!("{}/.search", scim.users()), &body).await?;
    if [404, 405, 501].contains(&answer.status) {
        return Err(Stop::Skip("The server has no .search.".to_owned()));
    }
    answer.error(400, Some("invalidFilter"))?;
    Ok(())
}

async fn root(scim: &Context) -> Outcome {
    let (user, group) = (scim.user().create().await?, scim.group().create().await?);
    let filter = either(&user.id, &group.id);
    let answer = scim.post("/.search", &json!({"schemas": [SEARCH], "filter": filter})).await?;
    if answer.status >= 400 {
        return Err(Stop::Skip(format!("The base URL has no .search: the server answers {}.", answer.status)));
    }
    let found = answer.resources()?.len();
    ensure!(found == 2, "Expected the search to find the user and the group; it finds {found}.");
    Ok(())
}
