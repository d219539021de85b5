//! Sorting. Only letters of ASCII are sorted here, and none of a caseExact attribute: what the RFC
//! calls Unicode alphabetic order may be that of code points or that of UTS #10.

use serde_json::{Value, json};

use crate::{
    case::{
        Area, Case,
        Need::{self, Attribute, Filter, Sort},
        run,
    },
    context::{Context, PeopleQuery, Resource},
    ensure,
    verdict::{Outcome, Stop},
};

pub const AREA: Area = Area { tag: "sort", title: "Sorting (RFC 7644 §3.4.2.3)", cases: CASES };

const SECTION: &str = "RFC 7644 §3.4.2.3";
const NAME: &[Need] = &[Sort, Attribute("User", "name.familyName"), Attribute("User", "name.givenName")];
const TITLE: &[Need] = &[Sort, Attribute("User", "title")];
const NICK: &[Need] = &[Sort, Filter, Attribute("User", "nickName")];
const EMAILS: &[Need] = &[Sort, Filter, Attribute("User", "emails.type"), Attribute("User", "emails.primary")];
const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";

const CASES: &[Case] = &[
    Case::must(
        "sort-ascending",
        SECTION,
        "Resources are in ascending order of the attribute that sortBy names.",
        run!(sorted, "name.familyName", "ascending", "Bert Ada Cleo Dora"),
    )
    .needs(NAME),
    Case::must(
        "sort-descending",
        SECTION,
        "Resources are in descending order where sortOrder says so.",
        run!(sorted, "name.familyName", "descending", "Dora Cleo Ada Bert"),
    )
    .needs(NAME),
    Case::must(
        "sort-default",
        SECTION,
        "Without sortOrder the order is ascending.",
        run!(sorted, "name.familyName", "", "Bert Ada Cleo Dora"),
    )
    .needs(NAME),
    Case::must(
        "sort-name-case",
        "RFC 7644 §3.10",
        "The attribute that sortBy names is taken in any case.",
        run!(sorted, "NAME.FamilyName", "", "Bert Ada Cleo Dora"),
    )
    .needs(NAME),
    Case::must(
        "sort-urn",
        "RFC 7644 §3.10",
        "sortBy may name an attribute with the URN of its schema.",
        run!(sorted, "urn:ietf:params:scim:schemas:core:2.0:User:name.familyName", "", "Bert Ada Cleo Dora"),
    )
    .needs(NAME),
    Case::must(
        "sort-absent-last",
        SECTION,
        "Resources without a value come last in ascending order.",
        run!(sorted, "title", "ascending", "Bert Ada Dora Cleo"),
    )
    .needs(TITLE),
    Case::must(
        "sort-absent-first",
        SECTION,
        "Resources without a value come first in descending order.",
        run!(sorted, "title", "descending", "Cleo Dora Ada Bert"),
    )
    .needs(TITLE),
    Case::must("sort-time", SECTION, "Dates with times are sorted by their order in time.", run!(by_time)).needs(NAME),
    Case::must("sort-extension", SECTION, "Resources are sorted by an attribute of an extension.", run!(by_department))
        .needs(&[Sort, Attribute("User", DEPARTMENT)]),
    Case::must(
        "sort-case-insensitive",
        SECTION,
        "Values of an attribute that is not caseExact are sorted without case.",
        run!(folded),
    )
    .needs(NICK),
    Case::must(
        "sort-primary",
        SECTION,
        "Of a multi-valued attribute it is the primary value that is sorted by.",
        run!(by_email, true),
    )
    .needs(EMAILS),
    Case::must(
        "sort-first-value",
        SECTION,
        "Of a multi-valued attribute without a primary value it is the first that is sorted by.",
        run!(by_email, false),
    )
    .needs(EMAILS),
    Case::must("sort-pages", "RFC 7644 §3.4.2.4", "The pages of a sorted result are parts of one order.", run!(pages))
        .needs(NAME),
];

/// Demands the order of the people, or where no filter finds them alone, that whatever is found is in order.
async fn sorted(scim: &Context, by: &str, order: &str, expect: &str) -> Outcome {
    let found = people(scim, by, order).await?;
    if !found.alone {
        return in_any_order(&scim.fill_text(by), order, &found.resources);
    }
    let found = scim.given_names(&found.resources).await?.join(" ");
    ensure!(found == expect, "Expected sortBy={by} {order} to give {expect}; it gives {found}.");
    Ok(())
}

/// What a sorted query finds.
struct Found {
    resources: Vec<Value>,
    alone: bool,
}

async fn people(scim: &Context, by: &str, order: &str) -> Result<Found, Stop> {
    let PeopleQuery { call, alone } = scim.people_query().await?;
    let call = call.query("sortBy", by);
    let call = if order.is_empty() { call } else { call.query("sortOrder", order) };
    // Of everybody, one page tells enough.
    let resources = if alone { scim.walk(call).await? } else { call.query("count", 100).await?.resources()? };
    Ok(Found { resources, alone })
}

/// Demands that neighbours are in order, where both values are letters of ASCII; others may be sorted in several ways.
fn in_any_order(by: &str, order: &str, resources: &[Value]) -> Outcome {
    let name = by.rsplit(':').next().unwrap_or(by).to_ascii_lowercase();
    let value = |one: &Value| {
        let mut value = one.clone();
        for step in name.split('.') {
            let members = value.as_object()?;
            value = members.iter().find(|(known, _)| known.eq_ignore_ascii_case(step))?.1.clone();
        }
        let text = value.as_str()?.to_ascii_lowercase();
        text.bytes().all(|byte| byte.is_ascii_alphanumeric()).then_some(text)
    };
    let values: Vec<String> = resources.iter().filter_map(value).collect();
    for pair in values.windows(2) {
        let [one, other] = pair else { continue };
        let fits = if order == "descending" { one >= other } else { one <= other };
        ensure!(fits, "Expected sortBy={by} {order} to give values in that order; \"{other}\" comes after \"{one}\".");
    }
    if values.first() == values.last() {
        return Err(Stop::Skip("Nothing is found whose order would tell.".to_owned()));
    }
    Ok(())
}

/// They were made in the order of their names, some perhaps in the same second.
async fn by_time(scim: &Context) -> Outcome {
    let found = people(scim, "meta.created", "descending").await?.resources;
    let mut before: Option<jiff::Timestamp> = None;
    for one in &found {
        let time = super::time::time_at(one, "/meta/created")?;
        let fits = before.is_none_or(|before| before >= time);
        ensure!(fits, "Expected sortBy=meta.created descending to give the youngest first; {time} comes too late.");
        before = Some(time);
    }
    Ok(())
}

/// Two have the same department, so that their order is open.
async fn by_department(scim: &Context) -> Outcome {
    let found = people(scim, DEPARTMENT, "").await?;
    if !found.alone {
        return Err(Stop::Skip("No filter finds the users of this run alone.".to_owned()));
    }
    let found = scim.given_names(&found.resources).await?.join(" ");
    let fits = ["Ada Dora Bert Cleo", "Dora Ada Bert Cleo"].contains(&found.as_str());
    ensure!(fits, "Expected sortBy={DEPARTMENT} to give Ada and Dora, Bert, Cleo; it gives {found}.");
    Ok(())
}

/// Demands that users made in this order are found in the order of `expect`, by position.
async fn in_order(scim: &Context, made: &[Resource], by: &str, expect: &[usize]) -> Outcome {
    let any: Vec<_> = made.iter().map(|one| format!("id eq {}", json!(one.id))).collect();
    let filter = any.join(" or ");
    let found = scim.walk(scim.get(scim.users()).filter(&filter).query("sortBy", by)).await?;
    let position = |one: &Value| made.iter().position(|known| one["id"] == known.id);
    let found: Vec<_> = found.iter().filter_map(position).collect();
    ensure!(
        found == expect,
        "Expected sortBy={by} to give the users of this case in the order {expect:?}; it gives {found:?}."
    );
    Ok(())
}

async fn folded(scim: &Context) -> Outcome {
    let nick = scim.text_name("nickName");
    if scim.discovery().attribute("User", nick).is_some_and(|one| one["caseExact"] == true) {
        return Err(Stop::Skip(format!("The server's schema declares {nick} caseExact.")));
    }
    let mut made = Vec::new();
    for name in ["Bravo", "alfa", "charlie"] {
        made.push(scim.user().with(json!({"nickName": name})).create().await?);
    }
    in_order(scim, &made, nick, &[1, 0, 2]).await
}

/// The second address of the second user is the least, and counts only where it is primary.
async fn by_email(scim: &Context, primary: bool) -> Outcome {
    let email = |name: &str, kind: &str, primary: bool| {
        let mut email = json!({"value": format!("{name}-{{n}}@example.com"), "type": kind});
        if primary {
            email["primary"] = json!(true);
        }
        email
    };
    let first = scim.user().with(json!({"emails": [email("bravo", "work", false)]})).create().await?;
    let emails = json!([email("charlie", "work", false), email("alfa", "home", primary)]);
    let second = scim.user().with(json!({"emails": emails})).create().await?;
    let expect: &[usize] = if primary { &[1, 0] } else { &[0, 1] };
    in_order(scim, &[first, second], "emails.value", expect).await
}

async fn pages(scim: &Context) -> Outcome {
    let mut found = Vec::new();
    for start in [1, 3] {
        let PeopleQuery { call, alone } = scim.people_query().await?;
        if !alone {
            return Err(Stop::Skip("No filter finds the users of this run alone.".to_owned()));
        }
        let page = call.query("sortBy", "name.familyName").query("startIndex", start).query("count", 2).await?;
        let page = page.resources()?;
        if page.len() < 2 {
            return Err(Stop::Skip("The server's pages are smaller than asked for.".to_owned()));
        }
        found.extend(page);
    }
    let found = scim.given_names(&found).await?.join(" ");
    let expect = "Bert Ada Cleo Dora";
    ensure!(found == expect, "Expected two pages by name.familyName to give {expect}; they give {found}.");
    Ok(())
}
