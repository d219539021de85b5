//! Pages by `startIndex` and `count`.

use serde_json::Value;

use crate::{
    case::{
        Area, Case,
        Need::{self, IndexPages, Type},
        run,
    },
    context::{Context, PeopleQuery, total_of},
    ensure,
    verdict::{Outcome, Stop, equals},
};

pub const AREA: Area = Area { tag: "page", title: "Pages by index (RFC 7644 §3.4.2.4)", cases: CASES };

const SECTION: &str = "RFC 7644 §3.4.2.4";
const NEEDS: &[Need] = &[IndexPages, Type("User")];

const CASES: &[Case] = &[
    Case::must("page-count", SECTION, "No more resources are returned than count says.", run!(count)).needs(NEEDS),
    Case::must(
        "page-total",
        "RFC 7644 §3.4.2",
        "totalResults counts all results, also those that are not on the page.",
        run!(total),
    )
    .needs(NEEDS),
    Case::must(
        "page-items",
        "RFC 7644 §3.4.2",
        "A page that is not the whole result says in itemsPerPage how many resources it has.",
        run!(items),
    )
    .needs(NEEDS),
    Case::must(
        "page-start",
        "RFC 7644 §3.4.2",
        "A page that is not the whole result says in startIndex where it begins.",
        run!(start),
    )
    .needs(NEEDS),
    Case::must("page-count-zero", SECTION, "count=0 returns no resources, and totalResults.", run!(no_resources, 0))
        .needs(NEEDS),
    Case::must("page-count-negative", SECTION, "A negative count means 0.", run!(no_resources, -1)).needs(NEEDS),
    Case::must("page-start-zero", SECTION, "startIndex=0 means 1.", run!(from_the_start, 0)).needs(NEEDS),
    Case::must("page-start-negative", SECTION, "A negative startIndex means 1.", run!(from_the_start, -5)).needs(NEEDS),
    Case::must(
        "page-start-default",
        SECTION,
        "Without startIndex the result begins with the first.",
        run!(default_start),
    )
    .needs(NEEDS),
    Case::must(
        "page-start-beyond",
        "RFC 7644 §3.4.2",
        "A page behind the last result is answered 200 without resources, and with totalResults.",
        run!(beyond),
    )
    .needs(NEEDS),
    Case::must("page-start-counts-from-one", SECTION, "startIndex=2 leaves out the first result.", run!(second))
        .needs(NEEDS),
    Case::should("page-all", SECTION, "While nothing changes, the pages together have each result once.", run!(all))
        .needs(NEEDS),
    Case::must("page-most", "RFC 7643 §5", "No more resources are returned than filter.maxResults says.", run!(most))
        .needs(NEEDS),
    Case::should("page-count-text", "RFC 7644 §3.12", "A count that is no number is refused with 400.", run!(text))
        .needs(NEEDS),
];

/// A page of a query for the people, or for everybody where no filter finds the people alone.
struct Page {
    list: Value,
    /// Whether the people are the whole result.
    alone: bool,
}

impl Page {
    fn ids(&self) -> Vec<&str> {
        let resources = self.list["Resources"].as_array().into_iter().flatten();
        resources.filter_map(|one| one["id"].as_str()).collect()
    }

    /// Ends the case where the page is the whole result: then it need not say where it stands (RFC 7644 §3.4.2).
    fn is_part(&self) -> Outcome {
        let found = u64::try_from(self.ids().len()).unwrap_or(u64::MAX);
        if total_of(&self.list).is_some_and(|total| total <= found) {
            let why = "The page is the whole result, which page-count and page-start-counts-from-one are about.";
            return Err(Stop::Skip(why.to_owned()));
        }
        Ok(())
    }

    /// Demands the number of the people in totalResults; where others are found too, at least that.
    fn counts_all(&self) -> Outcome {
        let (written, total) = (&self.list["totalResults"], total_of(&self.list));
        if self.alone {
            ensure!(total == Some(4), "Expected totalResults to be 4; it is {written}.");
        }
        ensure!(total.is_some_and(|total| total >= 4), "Expected totalResults to be 4 or more; it is {written}.");
        Ok(())
    }
}

async fn page(scim: &Context, start: i64, count: i64) -> Result<Page, Stop> {
    let PeopleQuery { call, alone } = scim.people_query().await?;
    let answer = call.query("startIndex", start).query("count", count).await?;
    Ok(Page { list: answer.status(200)?.object()?.clone(), alone })
}

async fn count(scim: &Context) -> Outcome {
    let found = page(scim, 1, 2).await?.ids().len();
    ensure!(found <= 2, "Expected no more than 2 resources with count=2; there are {found}.");
    Ok(())
}

async fn total(scim: &Context) -> Outcome {
    let page = page(scim, 1, 2).await?;
    let total = &page.list["totalResults"];
    ensure!(total.is_u64(), "Expected totalResults to be a number (RFC 7644 §3.4.2.4, table 6); it is {total}.");
    page.counts_all()
}

async fn items(scim: &Context) -> Outcome {
    let page = page(scim, 1, 2).await?;
    page.is_part()?;
    equals(&page.list, "/itemsPerPage", page.ids().len())
}

async fn start(scim: &Context) -> Outcome {
    let page = page(scim, 3, 2).await?;
    page.is_part()?;
    equals(&page.list, "/startIndex", 3)
}

async fn no_resources(scim: &Context, count: i64) -> Outcome {
    let page = page(scim, 1, count).await?;
    let found = page.ids().len();
    ensure!(found == 0, "Expected no resources with count={count}; there are {found}.");
    page.counts_all()
}

async fn from_the_start(scim: &Context, start: i64) -> Outcome {
    let page = page(scim, start, 2).await?;
    page.is_part()?;
    equals(&page.list, "/startIndex", 1)
}

async fn default_start(scim: &Context) -> Outcome {
    let answer = scim.people_query().await?.call.query("count", 2).await?;
    let page = Page { list: answer.status(200)?.object()?.clone(), alone: false };
    page.is_part()?;
    let list = &page.list;
    // A server whose default method is the cursor begins with the first too, and does not say so.
    if list["startIndex"].is_null() && !list["nextCursor"].is_null() { Ok(()) } else { equals(list, "/startIndex", 1) }
}

async fn beyond(scim: &Context) -> Outcome {
    let total = page(scim, 1, 2).await.ok().and_then(|page| total_of(&page.list));
    // Well behind the last, also when others make some meanwhile; a server may limit what it takes.
    let start = i64::try_from(total.unwrap_or_default().saturating_add(1000)).unwrap_or(i64::MAX);
    let page = page(scim, start, 2).await?;
    let found = page.ids().len();
    ensure!(found == 0, "Expected no resources behind the last; there are {found}.");
    page.counts_all()
}

/// How often something is looked at that other clients may change meanwhile.
const ATTEMPTS: usize = 5;

/// Demands that the page from the second on is the page from the first on without its first resource.
async fn second(scim: &Context) -> Outcome {
    let mut seen = String::new();
    for _ in 0..ATTEMPTS {
        let (all, rest) = (page(scim, 1, 4).await?, page(scim, 2, 4).await?);
        let (from_one, from_two) = (all.ids(), rest.ids());
        let (Some(wanted), Some(got)) = (from_one.get(1), from_two.first()) else {
            return Err(Stop::Skip("The server's pages are too small to tell.".to_owned()));
        };
        if wanted == got {
            return Ok(());
        }
        seen = format!("Expected the result from startIndex=2 on to begin with {wanted}; it begins with {got}.");
        if all.alone {
            break;
        }
    }
    Err(Stop::Unmet(seen))
}

/// Demands that no resource is on two pages, and none of the people on none.
async fn all(scim: &Context) -> Outcome {
    let mut found = Vec::new();
    for start in 1..=4 {
        let page = page(scim, start, 1).await?;
        if !page.alone {
            return Err(Stop::Skip(
                "Others may change meanwhile what is found: no filter finds the people.".to_owned(),
            ));
        }
        found.extend(page.ids().into_iter().map(str::to_owned));
    }
    found.sort();
    found.dedup();
    ensure!(found.len() == 4, "Expected four pages to have the 4 results; they have {} of them.", found.len());
    Ok(())
}

async fn most(scim: &Context) -> Outcome {
    let Some(most) = scim.discovery().config()["filter"]["maxResults"].as_u64() else {
        return Err(Stop::Skip("The server does not declare filter.maxResults.".to_owned()));
    };
    let answer = scim.get(scim.users()).query("attributes", "userName").query("count", most.saturating_add(1)).await?;
    let found = answer.resources()?.len();
    let fits = u64::try_from(found).is_ok_and(|found| found <= most);
    ensure!(fits, "Expected no more than filter.maxResults, {most}; there are {found}.");
    Ok(())
}

async fn text(scim: &Context) -> Outcome {
    scim.people_query().await?.call.query("count", "many").await?.status(400)?;
    Ok(())
}
