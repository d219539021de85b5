//! Removing what was made: at the end of a run, and later what an earlier run left.
//!
//! A server may refuse a DELETE for a moment, answer it and do nothing, or make something after its answer was given
//! up on. So what was made is deleted, then looked for by its name, and whatever is left is told.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use serde_json::Value;

use crate::{
    context::{Call, Context, Server},
    ledger,
    verdict::Stop,
};

/// How often a DELETE is sent that the server refuses for now.
const MOST_TRIES: u32 = 4;
/// The wait before the second; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// How many DELETEs are on their way at a time.
const CLIENTS: usize = 8;

/// What is looked at for resources that nobody knows the path of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Search {
    /// What a filter finds. A server without filters is not searched.
    Found,
    /// Where there is no filter, everybody: something may have been made whose answer never came.
    Everybody,
}

/// Removes everything in the server's ledger, then what bears the run's mark. Gives what is still there, with the
/// reason.
pub async fn remove_all(server: &Arc<Server>) -> Vec<String> {
    server.settled().await;
    let scim = Context::new(Arc::clone(server));
    let mut left = BTreeMap::new();
    // Groups first, since they refer to users; of one endpoint several at a time.
    let made = server.ledger().take();
    for endpoint in made.chunk_by(|one, other| endpoint_of(one) == endpoint_of(other)) {
        left.extend(remove_each(&scim, endpoint).await);
    }
    // Also of those that a case was to remove: its ledger is filled from the same answers.
    let search = if server.ledger().take_unanswered() { Search::Everybody } else { Search::Found };
    match sweep(&scim, server.mark(), search).await {
        Ok((removed, more)) => {
            for path in &removed {
                left.remove(path);
            }
            for (path, why) in more {
                left.entry(path).or_insert(why);
            }
        }
        Err(why) if search == Search::Everybody => {
            left.insert("perhaps something else".to_owned(), why);
        }
        Err(_) => {}
    }
    left.into_iter().map(|(path, why)| format!("{path}: {why}")).collect()
}

/// The path of a resource without its id.
fn endpoint_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(endpoint, _)| endpoint)
}

/// Finds resources whose name begins with `mark` and removes them. Gives the paths of those removed,
/// and what could not be removed, with the reason.
pub async fn clean(server: &Arc<Server>, mark: &str) -> Result<(Vec<String>, Vec<String>), String> {
    let scim = Context::new(Arc::clone(server));
    let (removed, left) = sweep(&scim, mark, Search::Everybody).await?;
    Ok((removed, left.into_iter().map(|(path, why)| format!("{path}: {why}")).collect()))
}

type Swept = (Vec<String>, BTreeMap<String, String>);

async fn sweep(scim: &Context, mark: &str, search: Search) -> Result<Swept, String> {
    let (mut removed, mut left) = (Vec::new(), BTreeMap::new());
    for (resource_type, attribute) in named_types(scim) {
        let Some(endpoint) = scim.discovery().endpoint(&resource_type) else { continue };
        let looker = Looker { scim, endpoint: &endpoint, attribute, mark };
        let found = match looker.leftovers(search).await {
            Ok(found) => found,
            // Only users and groups are known to be readable by a query.
            Err(_) if !matches!(resource_type.as_str(), "Group" | "User") => continue,
            Err(Stop::Error(why) | Stop::Skip(why) | Stop::Unmet(why)) => return Err(why),
        };
        left.extend(remove_each(scim, &found).await);
        removed.extend(found.into_iter().filter(|path| !left.contains_key(path)));
        // What was deleted and is found again is not deleted.
        if !removed.is_empty() {
            let again = looker.leftovers(search).await.unwrap_or_default();
            for path in again.into_iter().filter(|path| removed.contains(path)) {
                left.insert(path, "it is still there after its DELETE".to_owned());
            }
            removed.retain(|path| !left.contains_key(path));
        }
    }
    Ok((removed, left))
}

/// The resource types, groups first, with the attribute that has their names.
fn named_types(scim: &Context) -> Vec<(String, &'static str)> {
    let mut types = vec![("Group".to_owned(), "displayName"), ("User".to_owned(), "userName")];
    let others = scim.discovery().resource_types().iter().filter_map(|one| one["name"].as_str());
    for name in others.filter(|name| !matches!(*name, "Group" | "User")) {
        let has = |path: &str| scim.discovery().attribute(name, path).is_some();
        if has("displayName") {
            types.push((name.to_owned(), "displayName"));
        }
    }
    types
}

/// The most pages that are read: a server that ignores `startIndex` would give the first for ever.
const MOST_PAGES: usize = 1000;

/// Who looks for leftovers of one resource type.
struct Looker<'a> {
    scim: &'a Context,
    endpoint: &'a str,
    attribute: &'a str,
    mark: &'a str,
}

impl Looker<'_> {
    /// The paths of the resources whose name begins with the mark. The filter is only a help: each name is looked
    /// at here, for a server that ignores filters gives everybody.
    async fn leftovers(&self, search: Search) -> Result<Vec<String>, Stop> {
        let mut found: Vec<String> = Vec::new();
        let mut start = 1;
        let mut filters = self.scim.discovery().supports("filter");
        for _ in 0..MOST_PAGES {
            let call = self.scim.get(self.endpoint).query("attributes", self.attribute);
            let call = call.query("startIndex", start).query("count", 100);
            let resources = if filters {
                let filter = format!("{} sw \"{}\"", self.attribute, self.mark);
                let answer = call.clone().filter(filter).await?;
                // Some servers know no filter but eq; then everybody is looked at.
                filters = answer.status == 200;
                if filters { answer.resources()? } else { unfiltered(call, search).await? }
            } else {
                unfiltered(call, search).await?
            };
            let ours = resources.iter().filter(|one| self.is_marked(one));
            let fresh: Vec<_> = ours.filter_map(|one| self.path(one)).filter(|path| !found.contains(path)).collect();
            let is_filter_kept = !filters || fresh.len() == resources.len();
            start += resources.len();
            found.extend(fresh);
            // A server that ignores the filter is not read to its end where that was not asked for.
            if resources.is_empty() || (search == Search::Found && !is_filter_kept) {
                break;
            }
        }
        Ok(found)
    }

    fn is_marked(&self, resource: &Value) -> bool {
        let name = resource[self.attribute].as_str().unwrap_or_default();
        name.get(..self.mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(self.mark))
    }

    fn path(&self, resource: &Value) -> Option<String> {
        Some(ledger::path(self.endpoint, resource["id"].as_str()?))
    }
}

/// The resources of a query without a filter, where they are to be looked at.
async fn unfiltered(call: Call<'_>, search: Search) -> Result<Vec<Value>, Stop> {
    if search == Search::Found {
        return Ok(Vec::new());
    }
    let answer = call.await?;
    // Of what is not there, nothing is left: a server need not have groups.
    if matches!(answer.status, 404 | 405 | 501) { Ok(Vec::new()) } else { answer.resources() }
}

/// Removes all of these, several at a time. Gives those that are not gone, with the reason.
async fn remove_each(scim: &Context, paths: &[String]) -> Vec<(String, String)> {
    let removals = paths.iter().map(|path| async move { Some((path.clone(), remove(scim, path).await?)) });
    stream::iter(removals).buffer_unordered(CLIENTS).filter_map(|left| async { left }).collect().await
}

/// Nothing when the resource is gone, else why it is not.
async fn remove(scim: &Context, path: &str) -> Option<String> {
    let mut why = String::new();
    let mut pause = FIRST_PAUSE;
    for n in 0..MOST_TRIES {
        if n > 0 {
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        why = match scim.delete(path).await {
            Ok(answer) if matches!(answer.status, 200..=299 | 404 | 410) => return None,
            Ok(answer) => {
                let why = format!("DELETE gave {}", answer.status);
                // Another answer than these will not come.
                if !matches!(answer.status, 408 | 409 | 412 | 423 | 429 | 500..=599) || answer.status == 501 {
                    return gone_or(scim, path, why).await;
                }
                why
            }
            // The client has waited for as long as it may.
            Err(Stop::Error(why) | Stop::Skip(why) | Stop::Unmet(why)) => return Some(why),
        };
    }
    gone_or(scim, path, why).await
}

/// Nothing when the resource is not there, whatever DELETE said.
async fn gone_or(scim: &Context, path: &str, why: String) -> Option<String> {
    match scim.get(path).query("attributes", "id").await {
        Ok(answer) if matches!(answer.status, 404 | 410) => None,
        _ => Some(why),
    }
}
