//! The filter grammar, operator by operator, over people of whom it is known who fits.

use std::collections::BTreeSet;

use crate::{
    case::{
        Area, Case,
        Need::{self, Attribute, Filter},
    },
    context::{Context, PEOPLE},
    ensure, run,
    verdict::Outcome,
};

/// The cases.
pub const AREA: Area = Area { tag: "filter", title: "Filters (RFC 7644 §3.4.2.2)", cases: CASES };

const SECTION: &str = "RFC 7644 §3.4.2.2";
const NAME: &[Need] = &[Filter, Attribute("User", "userName")];
const TITLE: &[Need] = &[Filter, Attribute("User", "userName"), Attribute("User", "title")];

const CASES: &[Case] = &[
    Case::must(
        "filter-eq",
        SECTION,
        "eq finds the resources whose value is the same.",
        run!(finds, "userName eq \"{mark}-ada@example.com\"", "Ada"),
    )
    .needs(NAME),
    Case::must(
        "filter-sw",
        SECTION,
        "sw finds the resources whose value begins so.",
        run!(finds, "userName sw \"{mark}-b\"", "Bert"),
    )
    .needs(NAME),
    Case::must(
        "filter-pr",
        SECTION,
        "pr finds the resources that have a value.",
        run!(finds, "title pr", "Ada Bert Dora"),
    )
    .needs(TITLE),
];

/// Demands that a filter finds exactly these of the people. `{mark}` in it stands for the start of
/// their userNames; other users are left out by a second condition.
async fn finds(scim: &Context, filter: &str, expect: &str) -> Outcome {
    let people = scim.people().await?;
    let mark = scim.people_mark();
    let filter = filter.replace("{mark}", &mark);
    let filter = format!("userName sw \"{mark}\" and ({filter})");
    let resources = scim.get("/Users").filter(&filter).await?.resources()?;
    let found: BTreeSet<_> = resources.iter().filter_map(|one| one["id"].as_str()).collect();
    let names = |ids: &BTreeSet<&str>| {
        let known = people.iter().zip(PEOPLE).filter(|(one, _)| ids.contains(one.id.as_str()));
        let names: Vec<_> = known.map(|(_, person)| person.given).collect();
        if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
    };
    let wanted: Vec<_> = expect.split_whitespace().collect();
    let wanted: BTreeSet<_> = people
        .iter()
        .zip(PEOPLE)
        .filter(|(_, person)| wanted.contains(&person.given))
        .map(|(one, _)| one.id.as_str())
        .collect();
    ensure!(found == wanted, "Expected the filter {filter} to find {}; it finds {}.", names(&wanted), names(&found));
    Ok(())
}
