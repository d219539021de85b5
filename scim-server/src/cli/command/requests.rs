//! The arguments of `requests …`.

use clap::{Args, Subcommand};

use super::Common;
use crate::units;

/// `requests …`
#[derive(Debug, Subcommand)]
pub enum RequestsCommand {
    /// List the calls that came, newest first, with what each meant and why it failed
    ///
    /// All that is said must hold. What names a person is hidden, as in the audit log. Calls without a valid token are
    /// counted: the first of a minute is in the list, and one more for the others.
    List(Box<ListRequestsArguments>),
    /// Count the calls of the last seven days by hours: all, those that were refused (4xx), and those that failed (5xx)
    Count {
        /// The tenant's name or id; without it all calls, also those to no tenant
        #[arg(long)]
        tenant: Option<String>,
        /// Count by days (UTC) of the last thirty
        #[arg(long)]
        days: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Explain one call: what it meant, why it failed, what to do about it, and a command that repeats it
    Show {
        /// The call's id: the header X-Request-Id of its response
        #[arg(value_name = "ID")]
        id: String,
        /// The name or id of the tenant that it must be of
        #[arg(long)]
        tenant: Option<String>,
        /// Show the userName or displayName of whom it was about, as it is now
        #[arg(long)]
        names: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Show the values of one call, which are kept while the tenant's setting call_values_until says so
    ///
    /// Passwords, tokens and other secrets are not among them. That somebody looks is an event in the tenant's log.
    Values {
        /// The call's id: the header X-Request-Id of its response
        #[arg(value_name = "ID")]
        id: String,
        /// The name or id of the tenant that it must be of
        #[arg(long)]
        tenant: Option<String>,
        #[command(flatten)]
        common: Common,
    },
}

/// `requests list`
#[derive(Debug, Args)]
pub struct ListRequestsArguments {
    /// The tenant's name or id; without it all calls, also those to no tenant
    #[arg(long)]
    pub(in crate::cli) tenant: Option<String>,
    /// Only calls from this time on (2026-11-28T09:00:00Z), or of the last 2h
    #[arg(long, value_name = "TIME|DURATION")]
    pub(in crate::cli) since: Option<String>,
    /// Only calls before this time, or this long ago
    #[arg(long, value_name = "TIME|DURATION")]
    pub(in crate::cli) until: Option<String>,
    /// Only these statuses: 404, 4xx, or several such as 401,5xx
    #[arg(long, value_name = "STATUS")]
    pub(in crate::cli) status: Option<String>,
    /// Only this method, such as PATCH, or this operation, such as PatchUser or ListGroups
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) operation: Option<String>,
    /// Only calls with this text in what is visible: path, query, bodies, user agent, address, error message
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) text: Option<String>,
    /// Only calls with this token or OAuth client, by its name or id
    #[arg(long, value_name = "ID|NAME")]
    pub(in crate::cli) token: Option<String>,
    /// Only calls about the user or group with this id
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) resource: Option<String>,
    /// Only the call with this id: the header X-Request-Id of its response
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) request: Option<String>,
    /// At most this many, up to 1000 [default: 100; with --follow 10, before what comes]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = units::number::<usize>)]
    pub(in crate::cli) limit: Option<usize>,
    /// Only calls that are older than this place in the log, which the list before has named
    #[arg(long, value_name = "PLACE", conflicts_with = "follow")]
    pub(in crate::cli) before: Option<String>,
    /// Show the userName or displayName of whom each call was about, as it is now
    #[arg(long)]
    pub(in crate::cli) names: bool,
    /// Show the last calls and then each that comes, until interrupted; with --json each is an object on a line of its own
    #[arg(long)]
    pub(in crate::cli) follow: bool,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}
