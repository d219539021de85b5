//! Queries as a case needs them that is not about filters or pages: all pages are read, a filter that the server does
//! not support ends the case without a verdict, and a resource is found by its id or its name.

use serde_json::Value;

use super::{Call, Context, PEOPLE, Resource};
use crate::{exchange::Answer, verdict::Stop};

/// The most pages that are read of one query.
const MOST_PAGES: usize = 60;

/// The query for the users of [`PEOPLE`].
#[derive(Debug, Clone)]
pub struct PeopleQuery<'a> {
    pub call: Call<'a>,
    /// Whether it finds them alone. Otherwise the server has no filter for that, and everybody is found.
    pub alone: bool,
}

/// Ends the case where a server declines a filter as one that it does not support: `invalidFilter` means that too
/// (RFC 7644 §3.12, table 9), and so does 501.
pub fn supported(answer: &Answer, filter: &str) -> Result<(), Stop> {
    let invalid = answer.status == 400 && answer.json()["scimType"] == "invalidFilter";
    if invalid || answer.status == 501 {
        let how = if invalid { "400 invalidFilter" } else { "501" };
        return Err(Stop::Skip(format!(
            "The server answers {how} to the filter {filter}, as it may to what it does not support (RFC 7644 §3.12)."
        )));
    }
    if answer.status == 400 && answer.json()["scimType"] == "tooMany" {
        return Err(Stop::Skip("The server answers that there are too many results, as it may.".to_owned()));
    }
    Ok(())
}

/// How many results a list says that there are. That it is a number is for query-total and page-total.
pub fn total_of(list: &Value) -> Option<u64> {
    match &list["totalResults"] {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64(),
    }
}

impl Context {
    /// All resources of a query, page after page: a page may be smaller than asked for (RFC 7644 §3.4.2.4).
    pub async fn walk(&self, call: Call<'_>) -> Result<Vec<Value>, Stop> {
        let by_cursor = self.discovery().config()["pagination"]["index"] == false;
        let first = call.clone().query("count", 100);
        let first = if by_cursor { first.query("cursor", "") } else { first };
        let answer = first.await?;
        supported(&answer, "of this query")?;
        let mut found = answer.resources()?;
        let mut list = answer.json().clone();
        for _ in 0..MOST_PAGES {
            let total = total_of(&list).and_then(|total| usize::try_from(total).ok());
            if total.is_some_and(|total| total <= found.len()) {
                break;
            }
            let next = list["nextCursor"].as_str().filter(|next| !next.is_empty());
            let call = call.clone().query("count", 100);
            let call = match next {
                Some(next) => call.query("cursor", next),
                None if by_cursor || total.is_none() => break,
                None => call.query("startIndex", found.len() + 1),
            };
            let answer = call.await?;
            let more = answer.resources()?;
            // A server that ignores startIndex gives the first page again: other cases are about that.
            if more.is_empty() || found.first().is_some_and(|first| more.first() == Some(first)) {
                break;
            }
            found.extend(more);
            list = answer.json().clone();
        }
        Ok(found)
    }

    /// All resources that a filter finds, or a skip where the server does not support the filter.
    pub async fn filtered(&self, endpoint: &str, filter: &str) -> Result<Vec<Value>, Stop> {
        let call = self.get(endpoint).filter(filter);
        self.walk(call).await.map_err(|stop| match stop {
            Stop::Skip(why) => Stop::Skip(why.replace("of this query", filter)),
            other => other,
        })
    }

    /// All resources that a condition finds. It is joined with the userName of the one that is looked for, where the
    /// server takes that: so a large server need not look at everybody.
    pub async fn filtered_near(&self, user: &Resource, condition: &str) -> Result<Vec<Value>, Stop> {
        let name = &user.body["userName"];
        match self.filtered(&self.users(), &format!("userName eq {name} and {condition}")).await {
            Err(Stop::Skip(_)) => self.filtered(&self.users(), condition).await,
            found => found,
        }
    }

    /// A query for one resource alone: by its id, else by its name. `more` adds to the query. Gives the whole list.
    pub async fn listed<'a>(
        &'a self,
        endpoint: &str,
        resource: &Resource,
        more: impl Fn(Call<'a>) -> Call<'a>,
    ) -> Result<Value, Stop> {
        let by_name = ["userName", "displayName"].into_iter().find_map(|name| {
            let value = resource.body[name].as_str()?;
            Some(format!("{name} eq {}", Value::from(value)))
        });
        let by_id = format!("id eq {}", Value::from(resource.id.as_str()));
        let mut declined = None;
        for filter in [Some(by_id), by_name].into_iter().flatten() {
            let answer = more(self.get(endpoint)).filter(&filter).await?;
            match supported(&answer, &filter) {
                Err(stop) => declined = Some(stop),
                Ok(()) => return Ok(answer.status(200)?.object()?.clone()),
            }
        }
        Err(declined.unwrap_or_else(|| Stop::Skip("The resource cannot be asked for by a filter.".to_owned())))
    }

    /// The query for the people: by a filter where the server finds them so, otherwise for everybody.
    pub async fn people_query(&self) -> Result<PeopleQuery<'_>, Stop> {
        let people = self.people().await?;
        let filter = format!("userName sw \"{}\"", self.people_mark());
        let alone = self.server.people_alone.get_or_init(|| async {
            if !self.discovery().supports("filter") {
                return false;
            }
            let found = self.walk(self.get(self.users()).filter(&filter)).await.unwrap_or_default();
            found.len() == people.len() && found.iter().all(|one| people.iter().any(|known| one["id"] == known.id))
        });
        let alone = *alone.await;
        let call = self.get(self.users());
        Ok(PeopleQuery { call: if alone { call.filter(filter) } else { call }, alone })
    }

    /// The given names of those of the people who are in a list, in its order.
    pub async fn given_names(&self, resources: &[Value]) -> Result<Vec<&'static str>, Stop> {
        let people = self.people().await?;
        let name = |one: &Value| {
            people.iter().zip(PEOPLE).find(|(known, _)| one["id"] == known.id).map(|(_, person)| person.given)
        };
        Ok(resources.iter().filter_map(name).collect())
    }
}
