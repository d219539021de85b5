//! The log of requests, for administrators: which calls came, what each meant, and what to do about one that failed.

mod count;
mod curl;
mod meaning;
mod query;
mod reason;
mod shown;
mod values;

use std::{io, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::json;

use self::{query::Asked, shown::Shower};
use super::{AdminContext, AdminError, Output};
use crate::{
    request_log::{Direction, Effort, Page, Place, Reader, RequestLog, Row, Search},
    tenant::TenantRecord,
};

/// How many calls come before those that follow.
const BEFORE: usize = 10;
/// Between two looks for what comes.
const PAUSE: Duration = Duration::from_millis(250);
/// The most calls of one look.
const AT_ONCE: usize = 1000;
/// How long one look may take.
const LOOK: Duration = Duration::from_secs(10);

/// Something about the log of requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[allow(clippy::large_enum_variant, reason = "one command at a time is on its way")]
pub enum RequestsRequest {
    /// Lists calls.
    List(RequestsQuery),
    /// How many calls came, were refused (4xx) and failed (5xx), in each hour of the last seven days.
    Count {
        /// In each day (UTC) of the last thirty.
        #[serde(default)]
        days: bool,
    },
    /// One call, explained.
    Show {
        /// Its id: the `X-Request-Id` of its response.
        id: String,
        /// Say the userName or displayName of whom it was about, as it is now.
        #[serde(default)]
        names: bool,
    },
    /// The values of one call, as far as the tenant has them kept; that somebody looks is an event.
    Values {
        /// Its id.
        id: String,
    },
}

/// Which calls are to be listed, newest first. All that is said must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RequestsQuery {
    /// From this time on: 2026-11-28T09:00:00Z, or how long ago: 2h.
    pub since: Option<String>,
    /// Before this time; the same forms.
    pub until: Option<String>,
    /// 404, 4xx, or several: 401,5xx.
    pub status: Option<String>,
    /// A method (PATCH), or an operation as the audit log names it (PatchUser); any case.
    pub operation: Option<String>,
    /// In what is visible of path, query, bodies, user agent, address and message; any case.
    pub text: Option<String>,
    /// The name or id of a token or OAuth client.
    pub token: Option<String>,
    /// The id of the user or group that the call was about.
    pub resource: Option<String>,
    /// The id of one call.
    pub request: Option<String>,
    /// At most so many; 100 when absent, at most 1000.
    pub limit: Option<usize>,
    /// Older than this place (`place` of a row, `next` of the end).
    pub before: Option<String>,
    /// Newer than this place, oldest first.
    pub after: Option<String>,
    /// Go on with what comes, oldest first.
    pub follow: bool,
    /// Say the userName or displayName of whom each was about, as it is now.
    pub names: bool,
    /// How long to search, in milliseconds; 10 s when absent.
    pub within_ms: Option<u64>,
}

impl RequestsRequest {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::List(_) => "requests-list",
            Self::Count { .. } => "requests-count",
            Self::Show { .. } => "requests-show",
            Self::Values { .. } => "requests-values",
        }
    }
}

/// The log of requests, as a command reaches it.
#[derive(Debug, Clone)]
pub enum RequestsView {
    /// Files that no process writes, or another one does.
    Files(Reader),
    /// That of this process.
    Written(Arc<RequestLog>),
}

impl RequestsView {
    /// What finds each call that has been answered.
    async fn reader(&self) -> Reader {
        match self {
            Self::Files(reader) => reader.clone(),
            Self::Written(log) => {
                log.flush().await;
                log.reader().clone()
            }
        }
    }
}

/// Does what a request says; about one tenant, or about all.
pub(super) async fn execute(
    context: &AdminContext,
    tenant: Option<String>,
    request: RequestsRequest,
    output: &Output,
) -> Result<(), AdminError> {
    let view = context.requests.as_ref().ok_or_else(|| {
        AdminError::Refused(
            "this server keeps no log of requests: set request_log_retention, such as 30d, and restart it".to_owned(),
        )
    })?;
    let tenant = match tenant {
        Some(name) => Some(context.directory().find(&name).await?),
        None => None,
    };
    match request {
        RequestsRequest::List(query) if query.follow => follow(context, view, tenant.as_ref(), &query, output).await,
        RequestsRequest::List(query) => list(context, view, tenant.as_ref(), &query, output).await,
        RequestsRequest::Count { days } => count::count(context, view, tenant.as_ref(), days, output).await,
        RequestsRequest::Show { id, names } => show(context, view, tenant.as_ref(), &id, names, output).await,
        RequestsRequest::Values { id } => values::show(context, view, tenant.as_ref(), &id, output).await,
    }
}

async fn list(
    context: &AdminContext,
    view: &RequestsView,
    tenant: Option<&TenantRecord>,
    query: &RequestsQuery,
    output: &Output,
) -> Result<(), AdminError> {
    let Asked { search, direction, effort } = Asked::read(context, tenant, query).await?;
    let page = look(&view.reader().await, search, direction, effort).await?;
    let mut shower = Shower::new(context, query.names);
    for row in &page.rows {
        output.row(&shower.row(row).await?).await?;
    }
    let end = json!({
        "next": page.next.map(|place| place.to_string()),
        "complete": !page.timed_out,
        "searched_to": page.searched_to,
        "lost": page.lost,
        "notes": notes(context, &page, query),
    });
    output.row(&json!({ "end": end })).await
}

/// What there is to say of a list, for people.
fn notes(context: &AdminContext, page: &Page, query: &RequestsQuery) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(next) = page.next.filter(|_| query.after.is_none()) {
        notes.push(match page.searched_to.filter(|_| page.timed_out) {
            Some(to) => format!("the search took too long and has looked back to {to}; --before {next} goes on"),
            None => format!("there may be older calls; --before {next} shows them"),
        });
    }
    if page.lost > 0 {
        notes.push(format!(
            "{} calls of this time are not in the log: they came faster than it could write, or the disk was full",
            page.lost
        ));
    }
    if page.damaged > 0 {
        notes.push(format!("{} files of the log are damaged; some of their calls cannot be read", page.damaged));
    }
    if context.operations.store.is_shared() {
        notes.push(
            "these are the calls of the process with this data directory; others on the store have their own log"
                .to_owned(),
        );
    }
    notes
}

/// The last calls, and then what comes, until nobody reads any more.
async fn follow(
    context: &AdminContext,
    view: &RequestsView,
    tenant: Option<&TenantRecord>,
    query: &RequestsQuery,
    output: &Output,
) -> Result<(), AdminError> {
    let Asked { search, direction, .. } = Asked::read(context, tenant, query).await?;
    let mut shower = Shower::new(context, query.names);
    let reader = view.reader().await;
    let mut place = match direction {
        Direction::On(place) => place,
        Direction::Back(_) => {
            let newest = newest(&reader).await?;
            let effort = Effort { rows: query.limit.unwrap_or(BEFORE).min(AT_ONCE), within: LOOK };
            let page = look(&reader, search.clone(), Direction::Back(None), effort).await?;
            for row in page.rows.iter().rev() {
                output.row(&shower.row(row).await?).await?;
            }
            page.rows.first().map_or(newest, |row| row.place.max(newest))
        }
    };
    let effort = Effort { rows: AT_ONCE, within: LOOK };
    loop {
        let newest = newest(&reader).await?;
        let page = look(&reader, search.clone(), Direction::On(place), effort).await?;
        for row in &page.rows {
            output.row(&shower.row(row).await?).await?;
        }
        let last = page.rows.last().map_or(place, |row| row.place);
        place = page.next.unwrap_or_else(|| last.max(newest));
        if output.is_closed() {
            return Err(AdminError::Unread);
        }
        // The command line follows again when the server is back.
        if context.operations.ends_waits() {
            return Ok(());
        }
        if page.next.is_none() {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn show(
    context: &AdminContext,
    view: &RequestsView,
    tenant: Option<&TenantRecord>,
    id: &str,
    names: bool,
    output: &Output,
) -> Result<(), AdminError> {
    let row = find(context, view, tenant, id).await?;
    output.row(&Shower::new(context, names).whole(&row).await?).await
}

/// The call with that id.
async fn find(
    context: &AdminContext,
    view: &RequestsView,
    tenant: Option<&TenantRecord>,
    id: &str,
) -> Result<Row, AdminError> {
    let query = RequestsQuery { request: Some(id.to_owned()), limit: Some(1), ..RequestsQuery::default() };
    let Asked { search, direction, effort } = Asked::read(context, tenant, &query).await?;
    let mut page = look(&view.reader().await, search, direction, effort).await?;
    page.rows.pop().ok_or_else(|| {
        AdminError::Missing(format!(
            "there is no request {id} in the log of this server: it is older than request_log_retention or request_log_size keep, came to another process, or was one of several without a valid token, of which the first is in the log"
        ))
    })
}

/// Searches on a thread that may block.
async fn look(reader: &Reader, search: Search, direction: Direction, effort: Effort) -> Result<Page, AdminError> {
    let reader = reader.clone();
    blocking(move || reader.search(&search, direction, effort)).await
}

async fn newest(reader: &Reader) -> Result<Place, AdminError> {
    let reader = reader.clone();
    blocking(move || reader.newest()).await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, AdminError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(io::Error::other).and_then(|done| done);
    done.map_err(|error| AdminError::Refused(format!("the log of requests cannot be read: {error}")))
}
