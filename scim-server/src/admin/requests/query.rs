//! From what an administrator writes to a search.

use std::time::Duration;

use scim_protocol::Timestamp;
use uuid::Uuid;

use super::{AT_ONCE, LOOK, RequestsQuery};
use crate::{
    admin::{AdminContext, AdminError},
    command_line::line,
    request_log::{Direction, Effort, Method, Place, Search},
    store::ResourceId,
    tenant::TenantRecord,
    units,
};

/// How many calls are listed when nothing is said.
const LIMIT: usize = 100;

/// A query that was read.
pub(super) struct Asked {
    pub search: Search,
    pub direction: Direction,
    pub effort: Effort,
}

impl Asked {
    pub async fn read(
        context: &AdminContext,
        tenant: Option<&TenantRecord>,
        query: &RequestsQuery,
    ) -> Result<Self, AdminError> {
        let now = context.clock.now();
        let id = |flag: &str, text: &String| {
            Uuid::parse_str(text).map_err(|_| {
                refused(format!("--{flag} is an id, such as 01a20197-2780-76a9-93c4-ff01c5815090, not {text:?}"))
            })
        };
        let method = query.operation.as_deref().and_then(Method::named);
        let search = Search {
            tenant: tenant.map(|tenant| tenant.id),
            since: query.since.as_deref().map(|text| time("since", text, now)).transpose()?,
            until: query.until.as_deref().map(|text| time("until", text, now)).transpose()?,
            statuses: query.status.as_deref().map_or_else(|| Ok(Vec::new()), statuses)?,
            method,
            operation: query.operation.clone().filter(|_| method.is_none()),
            text: query.text.clone().filter(|text| !text.is_empty()),
            tokens: match &query.token {
                Some(which) => Some(tokens(context, tenant, which).await?),
                None => None,
            },
            resource: query.resource.as_ref().map(|text| id("resource", text)).transpose()?.map(ResourceId),
            request: query.request.as_ref().map(|text| id("request", text)).transpose()?,
        };
        let before = query.before.as_deref().map(|text| place("before", text)).transpose()?;
        let direction = match query.after.as_deref() {
            Some(after) => Direction::On(place("after", after)?),
            None => Direction::Back(before),
        };
        if query.after.is_some() && before.is_some() {
            return Err(refused("--before and a place after which to go on exclude each other".to_owned()));
        }
        let rows = query.limit.unwrap_or(LIMIT).clamp(1, AT_ONCE);
        let within = query.within_ms.map_or(LOOK, |millis| Duration::from_millis(millis).min(LOOK));
        Ok(Self { search: search.prepared(), direction, effort: Effort { rows, within } })
    }
}

fn refused(why: String) -> AdminError {
    AdminError::Invalid(why)
}

/// A time, or how long ago it was.
fn time(flag: &str, text: &str, now: Timestamp) -> Result<Timestamp, AdminError> {
    if let Some(time) = Timestamp::parse(text) {
        return Ok(time);
    }
    let ago = units::duration(text).map_err(|_| {
        refused(format!(
            "--{flag} is a time such as 2026-11-28T09:00:00Z, or how long ago it was, such as 2h, not {text:?}"
        ))
    })?;
    let millis = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
    Ok(Timestamp::from_millis(now.as_millis().saturating_sub(millis)))
}

/// `404`, `4xx`, or several with commas between them.
fn statuses(text: &str) -> Result<Vec<(u16, u16)>, AdminError> {
    let one = |word: &str| {
        let class = word.strip_suffix(['x', 'X']).and_then(|rest| rest.strip_suffix(['x', 'X']));
        match class.map(str::parse::<u16>) {
            Some(Ok(class @ 1..=5)) => Ok((class * 100, class * 100 + 99)),
            None => match word.parse() {
                Ok(status @ 100..=599) => Ok((status, status)),
                _ => Err(()),
            },
            _ => Err(()),
        }
        .map_err(|()| refused(format!("--status is a status such as 404, a class such as 4xx, or several with commas between them, not {text:?}")))
    };
    text.split(',').map(|word| one(word.trim())).collect()
}

fn place(flag: &str, text: &str) -> Result<Place, AdminError> {
    Place::parse(text)
        .ok_or_else(|| refused(format!("--{flag} is a place that a list has shown, such as 17.204, not {text:?}")))
}

/// The tokens and clients of that name or id. A token that took the place of another has its name.
async fn tokens(
    context: &AdminContext,
    tenant: Option<&TenantRecord>,
    which: &str,
) -> Result<Vec<ResourceId>, AdminError> {
    // Also one that is deleted.
    if let Some(id) = ResourceId::parse(which) {
        return Ok(vec![id]);
    }
    let directory = context.directory();
    let (tokens, clients) = match tenant {
        Some(tenant) => (directory.ledger().list(tenant.id).await?, directory.clients().list(tenant.id).await?),
        None => (directory.ledger().all().await?, directory.clients().all().await?),
    };
    let tokens = tokens.iter().filter(|token| token.name.as_deref() == Some(which)).map(|token| token.id);
    let found: Vec<_> =
        tokens.chain(clients.iter().filter(|client| client.name == which).map(|client| client.id)).collect();
    if found.is_empty() {
        let of = tenant.map_or("TENANT", |tenant| tenant.name.as_str());
        return Err(refused(format!(
            "there is no token or client {which:?}; `{}` and `{}` show them. One that is deleted is named by its id",
            line(&["token", "list", "--tenant", of]),
            line(&["client", "list", "--tenant", of])
        )));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_numbers_and_classes() {
        assert_eq!(statuses("404").unwrap(), [(404, 404)]);
        assert_eq!(statuses("4xx, 503").unwrap(), [(400, 499), (503, 503)]);
        for wrong in ["", "4x", "xx", "9xx", "40", "4xx,", "1000", "-1xx"] {
            assert!(statuses(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_absolute_or_ago() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        assert_eq!(time("since", "2h", now).unwrap().as_millis(), 1_700_000_000_000 - 7_200_000);
        assert_eq!(time("since", "2023-11-14T22:13:20Z", now).unwrap(), now);
        assert!(time("since", "yesterday", now).is_err());
    }
}
