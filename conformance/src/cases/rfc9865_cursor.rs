//! Pages by `cursor`.

use serde_json::{Value, json};

use super::rfc7644_3_4_3_search::SEARCH;
use crate::{
    case::{
        Area, Case,
        Need::{self, Cursor, Sort, Type},
        run,
    },
    context::{Call, Context, about, total_of},
    ensure,
    exchange::Answer,
    verdict::{Outcome, Stop, equals, text},
};

pub const AREA: Area = Area { tag: "cursor", title: "Pages by cursor (RFC 9865)", cases: CASES };

const SECTION: &str = "RFC 9865 §2";
const ERRORS: &str = "RFC 9865 §2.1";
const CONFIG: &str = "RFC 9865 §4";
const NEEDS: &[Need] = &[Cursor, Type("User")];

const CASES: &[Case] = &[
    Case::must(
        "cursor-config",
        CONFIG,
        "pagination says with booleans whether cursor and index can be used.",
        run!(config),
    )
    .needs(&[Cursor]),
    Case::must(
        "cursor-config-sizes",
        CONFIG,
        "The page sizes and the timeout in pagination are positive integers.",
        run!(sizes),
    )
    .needs(&[Cursor]),
    Case::must("cursor-config-default", CONFIG, "pagination.defaultPaginationMethod is cursor or index.", run!(method))
        .needs(&[Cursor]),
    Case::must(
        "cursor-next",
        SECTION,
        "The first page of several, asked for with an empty cursor, has a nextCursor.",
        run!(next),
    )
    .needs(NEEDS),
    Case::must(
        "cursor-last",
        SECTION,
        "The last page has no nextCursor, and no page before it lacks one: together they have each result once.",
        run!(walk),
    )
    .needs(NEEDS),
    Case::must("cursor-whole", SECTION, "A result on one page has no nextCursor.", run!(whole)).needs(NEEDS),
    Case::must("cursor-count", SECTION, "No page has more resources than count says.", run!(count)).needs(NEEDS),
    Case::must("cursor-count-zero", SECTION, "count=0 returns no resources.", run!(no_resources, 0)).needs(NEEDS),
    Case::must("cursor-count-negative", SECTION, "A negative count means 0.", run!(no_resources, -3)).needs(NEEDS),
    Case::must("cursor-characters", SECTION, "A cursor has only letters, digits, -, ., _ and ~.", run!(characters))
        .needs(NEEDS),
    Case::must("cursor-previous", SECTION, "The first page has no previousCursor.", run!(previous)).needs(NEEDS),
    Case::should("cursor-total", SECTION, "totalResults is the number of results on all pages.", run!(total))
        .needs(NEEDS),
    Case::should(
        "cursor-invalid",
        ERRORS,
        "A cursor that the server did not give is refused with 400 invalidCursor.",
        run!(invalid),
    )
    .needs(NEEDS),
    Case::should(
        "cursor-other-count",
        ERRORS,
        "A cursor with another count than that of its first page is refused with 400 invalidCount.",
        run!(other_count),
    )
    .needs(NEEDS),
    Case::should("cursor-sorted", "RFC 9865 §2.2", "Pages by cursor are sorted where sortBy is given.", run!(sorted))
        .needs(&[Cursor, Sort, Type("User")]),
    Case::must(
        "cursor-search",
        "RFC 9865 §3",
        "A POST to .search takes a cursor, and its answer has a nextCursor.",
        run!(search),
    )
    .needs(NEEDS),
    Case::must(
        "cursor-default-method",
        "RFC 9865 §2.4",
        "A query that names neither cursor nor startIndex is answered by the default method that is declared.",
        run!(default_method),
    )
    .needs(NEEDS),
];

fn pagination(scim: &Context) -> &Value {
    &scim.discovery().config()["pagination"]
}

/// The configuration as it is now.
async fn now(scim: &Context) -> Result<Value, Stop> {
    let answer = scim.get("/ServiceProviderConfig").await?;
    let config = answer.status(200).and_then(Answer::object).map_err(|stop| about(stop, "discovery-config"))?;
    Ok(config["pagination"].clone())
}

async fn config(scim: &Context) -> Outcome {
    let pagination = now(scim).await?;
    for name in ["cursor", "index"] {
        let value = &pagination[name];
        ensure!(value.is_boolean(), "Expected pagination.{name} to be true or false; it is {value}.");
    }
    Ok(())
}

async fn sizes(scim: &Context) -> Outcome {
    let pagination = now(scim).await?;
    for name in ["defaultPageSize", "maxPageSize", "cursorTimeout"] {
        let value = &pagination[name];
        let fits = value.is_null() || value.as_u64().is_some_and(|value| value > 0);
        ensure!(fits, "Expected pagination.{name} to be a positive integer; it is {value}.");
    }
    Ok(())
}

async fn method(scim: &Context) -> Outcome {
    let pagination = now(scim).await?;
    let value = &pagination["defaultPaginationMethod"];
    let fits = value.is_null() || value == "cursor" || value == "index";
    ensure!(fits, "Expected pagination.defaultPaginationMethod to be cursor or index; it is {value}.");
    Ok(())
}

/// A query for the four people, or for everybody where no filter finds them alone.
async fn people(scim: &Context) -> Result<Call<'_>, Stop> {
    Ok(scim.people_query().await?.call)
}

/// The same for cases that count what is found.
async fn alone(scim: &Context) -> Outcome {
    if scim.people_query().await?.alone {
        return Ok(());
    }
    Err(Stop::Skip("No filter finds the users of this run alone.".to_owned()))
}

/// A page of them; an empty cursor asks for the first. Whether cursors are answered at all is for cursor-next.
async fn page(scim: &Context, cursor: &str, count: i64) -> Result<Value, Stop> {
    let answer = people(scim).await?.query("cursor", cursor).query("count", count).await?;
    let answered = answer.status(200).and_then(Answer::object);
    let is_usual = count > 0;
    Ok(answered.map_err(|stop| if is_usual { about(stop, "cursor-next") } else { stop })?.clone())
}

/// The cursor of the page behind the first.
async fn next_cursor(scim: &Context) -> Result<String, Stop> {
    let list = page(scim, "", 1).await?;
    Ok(text(&list, "/nextCursor").map_err(|stop| about(stop, "cursor-next"))?.to_owned())
}

fn ids(list: &Value) -> Vec<String> {
    let resources = list["Resources"].as_array().into_iter().flatten();
    resources.filter_map(|one| one["id"].as_str().map(str::to_owned)).collect()
}

async fn next(scim: &Context) -> Outcome {
    let answer = people(scim).await?.query("cursor", "").query("count", 3).await?;
    text(answer.status(200)?.object()?, "/nextCursor")?;
    Ok(())
}

/// The ids on all pages of one resource.
async fn walked(scim: &Context) -> Result<Vec<String>, Stop> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    // More pages than results: a server whose cursors go in circles is left.
    for _ in 0..10 {
        let list = page(scim, &cursor, 1).await?;
        found.extend(ids(&list));
        match list["nextCursor"].as_str() {
            Some(next) if !next.is_empty() => next.clone_into(&mut cursor),
            _ => break,
        }
    }
    Ok(found)
}

async fn walk(scim: &Context) -> Outcome {
    alone(scim).await?;
    let found = walked(scim).await?;
    let mut once = found.clone();
    once.sort();
    once.dedup();
    let fits = found.len() == 4 && once.len() == 4;
    ensure!(fits, "Expected the pages to have 4 users once; they have {} of them, {} in all.", once.len(), found.len());
    Ok(())
}

async fn whole(scim: &Context) -> Outcome {
    alone(scim).await?;
    let list = page(scim, "", 50).await?;
    if ids(&list).len() < 4 {
        return Err(Stop::Skip("The server's pages are smaller than the result.".to_owned()));
    }
    let next = &list["nextCursor"];
    ensure!(next.is_null(), "Expected no nextCursor, since there are no more pages; it is {next}.");
    Ok(())
}

async fn count(scim: &Context) -> Outcome {
    let found = ids(&page(scim, "", 2).await?).len();
    ensure!(found <= 2, "Expected no more than 2 resources with count=2; there are {found}.");
    Ok(())
}

async fn no_resources(scim: &Context, count: i64) -> Outcome {
    let found = ids(&page(scim, "", count).await?).len();
    ensure!(found == 0, "Expected no resources with count={count}; there are {found}.");
    Ok(())
}

async fn characters(scim: &Context) -> Outcome {
    let cursor = next_cursor(scim).await?;
    let fits = cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    ensure!(fits, "Expected a cursor of letters, digits, -, ., _ and ~; it is {cursor}.");
    Ok(())
}

async fn previous(scim: &Context) -> Outcome {
    let list = page(scim, "", 1).await?;
    let previous = &list["previousCursor"];
    ensure!(previous.is_null(), "Expected no previousCursor on the first page; it is {previous}.");
    Ok(())
}

async fn total(scim: &Context) -> Outcome {
    alone(scim).await?;
    let list = page(scim, "", 1).await?;
    // A server that cannot tell may leave it out.
    let (written, total) = (&list["totalResults"], total_of(&list));
    ensure!(written.is_null() || total == Some(4), "Expected totalResults to be 4; it is {written}.");
    Ok(())
}

async fn invalid(scim: &Context) -> Outcome {
    let answer = people(scim).await?.query("cursor", "no-cursor-of-this-server").query("count", 1).await?;
    answer.error(400, Some("invalidCursor"))?;
    Ok(())
}

async fn other_count(scim: &Context) -> Outcome {
    let cursor = next_cursor(scim).await?;
    people(scim).await?.query("cursor", cursor).query("count", 2).await?.error(400, Some("invalidCount"))?;
    Ok(())
}

async fn sorted(scim: &Context) -> Outcome {
    alone(scim).await?;
    let call = || async {
        let call = people(scim).await?.query("sortBy", "userName").query("sortOrder", "descending");
        Ok::<_, Stop>(call.query("count", 2))
    };
    let first = call().await?.query("cursor", "").await?;
    let first = first.status(200)?.object()?.clone();
    let cursor = text(&first, "/nextCursor").map_err(|stop| about(stop, "cursor-next"))?;
    let second = call().await?.query("cursor", cursor).await?;
    let mut found = ids(&first);
    found.extend(ids(second.status(200)?.object()?));
    let expect: Vec<_> = scim.people().await?.iter().rev().map(|one| one.id.clone()).collect();
    ensure!(found == expect, "Expected the pages in the order of sortBy; they give [{}].", found.join(", "));
    Ok(())
}

async fn search(scim: &Context) -> Outcome {
    scim.people().await?;
    let body = json!({"schemas": [SEARCH], "cursor": "", "count": 1});
    let answer = scim.post(format!("{}/.search", scim.users()), &body).await?;
    if [404, 405, 501].contains(&answer.status) {
        return Err(Stop::Skip("The server has no .search.".to_owned()));
    }
    let list = answer.status(200).and_then(Answer::object).map_err(|stop| about(stop, "search-filter"))?;
    text(list, "/nextCursor")?;
    Ok(())
}

async fn default_method(scim: &Context) -> Outcome {
    let list = people(scim).await?.query("count", 1).await?;
    let list = list.status(200)?.object()?;
    match pagination(scim)["defaultPaginationMethod"].as_str() {
        Some("cursor") => text(list, "/nextCursor").map(|_| ()),
        Some("index") => equals(list, "/startIndex", 1),
        _ => Err(Stop::Skip("The server does not declare pagination.defaultPaginationMethod.".to_owned())),
    }
}
