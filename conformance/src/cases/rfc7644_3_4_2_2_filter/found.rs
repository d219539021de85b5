//! What a filter finds: the users in the answer are compared with those who match.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::super::time::time_at;
use crate::{
    context::{Context, PEOPLE, as_error},
    ensure,
    verdict::{Outcome, Stop},
};

/// Demands that a filter finds exactly these of the people. `{mark}` in it stands for the start of
/// their userNames; all other users are left out by a second condition.
pub(super) async fn finds(scim: &Context, filter: &str, expect: &str) -> Outcome {
    let mark = scim.people_mark();
    let filter = filter.replace("{mark}", &mark);
    let found = ask(scim, &format!("userName sw \"{mark}\" and ({filter})")).await?;
    expected(&filter, expect, &found)
}

/// As [`finds`], for filters that nobody else can fit: these are asked as they stand, so that a server
/// that knows nothing but `eq` is not accused of what it can do.
pub(super) async fn finds_alone(scim: &Context, filter: &str, expect: &str) -> Outcome {
    let filter = filter.replace("{mark}", &scim.people_mark());
    let found = ask(scim, &filter).await?;
    expected(&filter, expect, &found)
}

fn expected(filter: &str, expect: &str, found: &[&str]) -> Outcome {
    let wanted: Vec<_> = expect.split_whitespace().collect();
    let names = |names: &[&str]| if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
    ensure!(found == wanted, "Expected the filter {filter} to find {}; it finds {}.", names(&wanted), names(found));
    Ok(())
}

/// As [`finds`], where the second email of one of the people counts.
pub(super) async fn finds_any(scim: &Context, filter: &str, expect: &str) -> Outcome {
    let ada = scim.people().await?.first();
    if ada.and_then(|ada| ada.body["emails"].as_array()).is_some_and(|emails| emails.len() == 1) {
        return Err(Stop::Skip("The server refuses a second email, which create-multi-valued is about.".to_owned()));
    }
    finds(scim, filter, expect).await
}

/// The given names of the people whom a filter finds, in their order.
async fn ask(scim: &Context, filter: &str) -> Result<Vec<&'static str>, Stop> {
    let people = scim.people().await?;
    let resources = scim.filtered(&scim.users(), filter).await?;
    let found: BTreeSet<_> = resources.iter().filter_map(|one| one["id"].as_str()).collect();
    ensure!(found.len() == resources.len(), "Expected each resource once; the filter {filter} finds some twice.");
    let known = people.iter().zip(PEOPLE).filter(|(one, _)| found.contains(one.id.as_str()));
    let names: Vec<_> = known.map(|(_, person)| person.given).collect();
    ensure!(names.len() == found.len(), "Expected {filter} to find only people of this run; it finds others.");
    Ok(names)
}

/// Demands that a filter is refused, and not answered with other resources than it asks for.
pub(super) async fn refused(scim: &Context, filter: &str) -> Outcome {
    scim.get(scim.users()).filter(filter).await?.refused()?;
    Ok(())
}

/// Demands that a filter is refused as invalid.
pub(super) async fn invalid(scim: &Context, filter: &str) -> Outcome {
    scim.get(scim.users()).filter(filter).await?.error(400, Some("invalidFilter"))?;
    Ok(())
}

pub(super) async fn by_id(scim: &Context) -> Outcome {
    let Some(ada) = scim.people().await?.first() else { return Ok(()) };
    finds_alone(scim, &format!("id eq {}", serde_json::json!(ada.id)), "Ada").await
}

/// Demands that a time is found to be before another that is an hour later, and whose text is less
/// because it has an offset from UTC.
pub(super) async fn offset(scim: &Context) -> Outcome {
    let Some(ada) = scim.people().await?.first() else { return Ok(()) };
    let created = time_at(&ada.body, "/meta/created").map_err(as_error)?;
    let later = created.checked_add(SignedDuration::from_hours(1));
    let later = later.map_err(|_| Stop::Error(format!("A user was made at {created}, and nothing is later.")))?;
    let later = later.display_with_offset(jiff::tz::offset(-12));
    let mark = scim.people_mark();
    let found = ask(scim, &format!("userName sw \"{mark}\" and (meta.created lt \"{later}\")")).await?;
    ensure!(found.contains(&"Ada"), "Expected a user made at {created} to be found before {later}; it is not.");
    Ok(())
}

pub(super) async fn folded(scim: &Context) -> Outcome {
    if scim.discovery().attribute("User", "userName").is_some_and(|one| one["caseExact"] == true) {
        return Err(Stop::Skip("The server's schema declares userName caseExact.".to_owned()));
    }
    let name = format!("{}-ADA@EXAMPLE.COM", scim.people_mark().to_uppercase());
    finds_alone(scim, &format!("userName eq \"{name}\""), "Ada").await
}

pub(super) async fn exact(scim: &Context) -> Outcome {
    let Some(ada) = scim.people().await?.first() else { return Ok(()) };
    let upper = ada.id.to_uppercase();
    if upper == ada.id {
        return Err(Stop::Skip("The server's ids have no letters in lower case.".to_owned()));
    }
    finds_alone(scim, &format!("id eq {}", serde_json::json!(upper)), "").await
}

/// As [`folded`], with a part of the userName in upper case: nothing stands for the run's mark.
pub(super) async fn folded_part(scim: &Context, operator: &str, part: &str) -> Outcome {
    if scim.discovery().attribute("User", "userName").is_some_and(|one| one["caseExact"] == true) {
        return Err(Stop::Skip("The server's schema declares userName caseExact.".to_owned()));
    }
    let mark = scim.people_mark().to_uppercase();
    let part = if part.is_empty() { format!("{mark}-A") } else { part.to_owned() };
    let condition = format!("userName {operator} \"{part}\"");
    finds_alone(scim, &format!("userName eq \"{{mark}}-ada@example.com\" and {condition}"), "Ada").await
}

/// Demands that a part of an externalId, which is caseExact, is found in its own case and not in another.
pub(super) async fn exact_part(scim: &Context, operator: &str) -> Outcome {
    let external = format!("Ext{}End", scim.own_word());
    let user = scim.user().with(serde_json::json!({"externalId": external})).create().await?;
    let name = user.body["userName"].as_str().unwrap_or_default();
    let part = match operator {
        "sw" => format!("Ext{}", scim.own_word()),
        "ew" => format!("{}End", scim.own_word()),
        _ => format!("t{}E", scim.own_word()),
    };
    for (part, expect) in [(part.clone(), 1), (part.to_uppercase(), 0)] {
        let filter = format!("userName eq \"{name}\" and externalId {operator} \"{part}\"");
        let found = scim.filtered(&scim.users(), &filter).await?.len();
        ensure!(found == expect, "Expected the filter {filter} to find {expect}; it finds {found}.");
    }
    Ok(())
}

/// One filter for each part of the grammar.
const GRAMMAR: [&str; 14] = [
    "userName ne \"x\"",
    "userName co \"{mark}\"",
    "userName sw \"{mark}\"",
    "userName ew \"@example.com\"",
    "userName gt \"a\"",
    "userName ge \"a\"",
    "userName lt \"zz\"",
    "userName le \"zz\"",
    "userName pr",
    "userName eq \"{mark}\" and userName eq \"x\"",
    "userName eq \"{mark}\" or userName eq \"x\"",
    "not (userName eq \"x\")",
    "(userName eq \"{mark}\")",
    "((userName eq \"{mark}\") or (not (userName pr)))",
];

/// Whether the server does not take a filter.
async fn declines(scim: &Context, filter: &str) -> Result<bool, Stop> {
    let answer = scim.get(scim.users()).filter(filter).query("count", 1).query("attributes", "id").await?;
    Ok(answer.status == 400 || answer.status == 501)
}

/// Demands that none of these is declined.
pub(super) async fn grammar(scim: &Context) -> Outcome {
    let mark = scim.people_mark();
    let mut declined = Vec::new();
    // A large server that knows `and` looks at one user for each of these, and not at everybody.
    let one = format!("userName eq \"{mark}-ada@example.com\"");
    let narrows = !declines(scim, &format!("{one} and {one}")).await?;
    for filter in GRAMMAR {
        let filter = filter.replace("{mark}", &mark);
        let asked = if narrows { format!("{one} and {filter}") } else { filter.clone() };
        if declines(scim, &asked).await? {
            declined.push(filter);
        }
    }
    ensure!(
        declined.is_empty(),
        "Expected the grammar of filters to be supported; these are not: {}.",
        declined.join("; ")
    );
    Ok(())
}
