//! Queries by POST to `.search`.

use serde_json::{Value, json};

use crate::{
    case::{
        Area, Case,
        Need::{self, Attribute, Filter, Sort, Type},
        run,
    },
    context::{Context, LIST, supported},
    ensure,
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

/// A search among users with these members more.
async fn ask(scim: &Context, more: Value) -> Result<Value, Stop> {
    scim.people().await?;
    let mut body = json!({"schemas": [SEARCH], "filter": format!("userName sw \"{}\"", scim.people_mark())});
    crate::draft::lay_over(&mut body, more);
    let answer = scim.post(format!("{}/.search", scim.users()), &body).await?;
    if [404, 405, 501].contains(&answer.status) {
        return Err(Stop::Skip("The server has no .search.".to_owned()));
    }
    supported(&answer, body["filter"].as_str().unwrap_or_default())?;
    Ok(answer.status(200)?.object()?.clone())
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
    let found = names(scim, &ask(scim, ada(scim)).await?).await?;
    ensure!(found == "Ada", "Expected the search to find Ada; it finds {found}.");
    Ok(())
}

async fn attributes(scim: &Context) -> Outcome {
    let mut more = ada(scim);
    more["attributes"] = json!(["userName"]);
    let list = ask(scim, more).await?;
    let name = format!("{}-ada@example.com", scim.people_mark());
    holds(&list["Resources"][0], &json!({"userName": name, "name": null}))
}

async fn excluded(scim: &Context) -> Outcome {
    let mut more = ada(scim);
    more["excludedAttributes"] = json!(["name"]);
    let list = ask(scim, more).await?;
    let name = format!("{}-ada@example.com", scim.people_mark());
    holds(&list["Resources"][0], &json!({"userName": name, "name": null}))
}

async fn sort(scim: &Context) -> Outcome {
    let list = ask(scim, json!({"sortBy": "userName", "sortOrder": "descending"})).await?;
    let found = names(scim, &list).await?;
    // A page may be smaller than the result.
    let whole = list["totalResults"].as_u64() == u64::try_from(found.split(' ').count()).ok();
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
    equals(&list, "/totalResults", 4)
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
    let filter = format!("id eq \"{}\" or id eq \"{}\"", user.id, group.id);
    let answer = scim.post("/.search", &json!({"schemas": [SEARCH], "filter": filter})).await?;
    if answer.status >= 400 {
        return Err(Stop::Skip(format!("The base URL has no .search: the server answers {}.", answer.status)));
    }
    let found = answer.resources()?.len();
    ensure!(found == 2, "Expected the search to find the user and the group; it finds {found}.");
    Ok(())
}
