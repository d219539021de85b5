//! Removing what was made: at the end of a run, and later what an earlier run left.

use std::sync::Arc;

use crate::{
    context::{Context, Server},
    verdict::Stop,
};

/// Removes everything in the server's ledger, and gives what could not be removed, with the reason.
/// When a request that was to make something had no answer, also what bears the run's mark.
pub async fn remove_all(server: &Arc<Server>) -> Vec<String> {
    server.settled().await;
    let scim = Context::new(Arc::clone(server));
    let mut left = Vec::new();
    for path in server.ledger().take() {
        if let Some(why) = remove(&scim, &path).await {
            left.push(format!("{path}: {why}"));
        }
    }
    // Also of those that a case was to remove: its ledger is filled from the same answers.
    if server.ledger().take_unanswered()
        && let Ok((_, more)) = clean(server, server.mark()).await
    {
        for line in more {
            if !left.contains(&line) {
                left.push(line);
            }
        }
    }
    left
}

/// Finds resources whose name begins with `mark` and removes them. Gives the paths of those removed,
/// and what could not be removed, with the reason.
pub async fn clean(server: &Arc<Server>, mark: &str) -> Result<(Vec<String>, Vec<String>), Stop> {
    let scim = Context::new(Arc::clone(server));
    let (mut removed, mut left) = (Vec::new(), Vec::new());
    for (resource_type, attribute) in [("Group", "displayName"), ("User", "userName")] {
        let Some(endpoint) = server.discovery().endpoint(resource_type) else { continue };
        for path in leftovers(&scim, &endpoint, attribute, mark).await? {
            match remove(&scim, &path).await {
                Some(why) => left.push(format!("{path}: {why}")),
                None => removed.push(path),
            }
        }
    }
    Ok((removed, left))
}

/// The most pages that are read: a server that ignores `startIndex` would give the first for ever.
const MOST_PAGES: usize = 1000;

/// The paths of the resources of that endpoint whose name begins with `mark`. The filter is only a
/// help: each name is looked at here, for a server that ignores filters gives everybody.
async fn leftovers(scim: &Context, endpoint: &str, attribute: &str, mark: &str) -> Result<Vec<String>, Stop> {
    let mut found = Vec::new();
    let mut start = 1;
    let mut filters = scim.discovery().supports("filter");
    for _ in 0..MOST_PAGES {
        let call = scim.get(endpoint).query("attributes", attribute).query("startIndex", start).query("count", 100);
        let resources = if filters {
            let answer = call.clone().filter(format!("{attribute} sw \"{mark}\"")).await?;
            // Some servers know no filter but eq; then everybody is looked at.
            filters = answer.status == 200;
            if filters { answer.resources()? } else { call.await?.resources()? }
        } else {
            call.await?.resources()?
        };
        let ours = resources.iter().filter(|one| one[attribute].as_str().is_some_and(|name| name.starts_with(mark)));
        let fresh: Vec<_> = ours
            .filter_map(|one| Some(format!("{endpoint}/{}", one["id"].as_str()?)))
            .filter(|path| !found.contains(path))
            .collect();
        if resources.is_empty() {
            break;
        }
        start += resources.len();
        found.extend(fresh);
    }
    Ok(found)
}

/// Nothing when the resource is gone, else why it is not.
async fn remove(scim: &Context, path: &str) -> Option<String> {
    match scim.delete(path).await {
        Ok(answer) if matches!(answer.status, 200..=299 | 404) => None,
        Ok(answer) => Some(format!("DELETE gave {}", answer.status)),
        Err(Stop::Error(why) | Stop::Skip(why) | Stop::Unmet(why)) => Some(why),
    }
}
