//! Shows rows: as tables and lines for people, as JSON for programs.

mod agent;
mod brake;
mod columns;
mod gone;
mod requests;
mod source;
mod table;
mod terminal;
mod undo;

use std::io::Write as _;

use command_page::terminal::{json, printable};
use scim_protocol::error::bounded;
use serde_json::Value;

pub(super) use self::terminal::{complain, counter, say, write};
use self::{
    gone::deleted,
    table::{cell, deliveries, lines, name, table},
    undo::Pieces,
};
use super::Failure;

/// How a command's rows are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    /// An administrator's token that was just issued.
    AdminTokenIssued,
    /// A list of administrators' tokens.
    AdminTokens,
    /// An agent that reports.
    Agent,
    /// A list of agents.
    Agents,
    /// How a brake stands.
    Brake,
    /// A consumer of events.
    Consumer,
    /// A list of consumers.
    Consumers,
    /// A list of messages that were given up.
    DeadLetters,
    /// An OAuth client.
    Client,
    /// An OAuth client whose secret was just issued.
    ClientIssued,
    /// A list of OAuth clients.
    Clients,
    /// How a provider reaches a tenant.
    Connection,
    /// The same, by the provider's own names.
    Fields,
    /// That something is gone.
    Deleted,
    /// What a look at the machine has found.
    Doctor,
    /// One JSON document, also for people.
    Document,
    /// A tenant's endpoint alone.
    Endpoint,
    /// Events, each on a line of its own as it comes.
    Events,
    /// What a check found.
    Findings {
        /// Whether it was to be repaired.
        repair: bool,
    },
    /// A list of groups.
    Groups,
    /// What an import brought.
    Imported,
    /// The rewrites of a tenant.
    Mapping,
    /// What rewrites would do.
    MappingChange,
    /// The access attributes of a tenant.
    Keys,
    /// A token that was just issued, or a tenant with one.
    Issued,
    /// A list of what was deleted and is kept.
    Kept,
    /// A link alone.
    Link,
    /// One call, explained.
    Request,
    /// How many calls came in each step of time.
    RequestCounts,
    /// A list of calls.
    Requests,
    /// Calls, each on a line of its own as it comes.
    RequestsFollowed,
    /// The rules that give roles, in their order.
    Roles,
    /// Whose roles would change.
    RolesChange,
    /// A list of what was purged, and what was not.
    Purged,
    /// A list of what was restored, and what was not.
    Restored,
    /// Why a client was refused, each refusal with its checks.
    Refusals,
    /// Who may change users and groups, and what a change of that would mean.
    Source,
    /// A list of groups that were not sent for a while.
    StaleGroups,
    /// The same of users.
    StaleUsers,
    /// What becomes of each row of a table of users.
    Table {
        /// Whether it is done.
        apply: bool,
    },
    /// A schema that was added.
    Schema,
    /// A list of schemas.
    Schemas,
    /// A setup link that was just made.
    SetupLinkCreated,
    /// A list of setup links.
    SetupLinks,
    /// The settings of a server.
    Settings,
    /// A list of signing keys.
    SigningKeys,
    /// A stream of security event tokens.
    Stream,
    /// A list of streams.
    Streams,
    /// How tenants stand.
    Status,
    /// One tenant.
    Tenant,
    /// A list of tenants.
    Tenants,
    /// A list of tokens.
    Tokens,
    /// What was put back, and what was not.
    Undo {
        /// Whether nothing is changed.
        dry_run: bool,
    },
    /// A list of users.
    Users,
    /// A webhook.
    Webhook,
    /// A list of webhooks.
    Webhooks,
}

impl Show {
    fn is_list(self) -> bool {
        matches!(
            self,
            Self::AdminTokens
                | Self::Agents
                | Self::Clients
                | Self::Consumers
                | Self::DeadLetters
                | Self::Doctor
                | Self::Findings { .. }
                | Self::Groups
                | Self::Kept
                | Self::Keys
                | Self::Mapping
                | Self::MappingChange
                | Self::Purged
                | Self::Refusals
                | Self::RequestCounts
                | Self::Requests
                | Self::Restored
                | Self::Roles
                | Self::RolesChange
                | Self::Schemas
                | Self::SetupLinks
                | Self::Settings
                | Self::SigningKeys
                | Self::StaleGroups
                | Self::StaleUsers
                | Self::Streams
                | Self::Table { .. }
                | Self::Status
                | Self::Tenants
                | Self::Tokens
                | Self::Users
                | Self::Webhooks
        )
    }
}

/// Shows rows as they come.
pub(super) struct Printer {
    show: Show,
    json: bool,
    rows: usize,
    /// Findings that were not repaired, resources that were not restored or purged, tenants that fail.
    left: usize,
    /// How many there are beyond those that were asked for.
    more: u64,
    table: Vec<Vec<String>>,
    /// What stands below the table.
    notes: Vec<String>,
    /// What an undo has done.
    pieces: Pieces,
}

impl Printer {
    /// Shows rows in that way; as JSON when a program reads them.
    pub fn new(show: Show, json: bool) -> Self {
        let headings = if show.is_list() {
            show.columns().iter().map(|(heading, _)| (*heading).to_owned()).collect()
        } else {
            Vec::new()
        };
        Self {
            show,
            json,
            rows: 0,
            left: 0,
            more: 0,
            table: vec![headings],
            notes: Vec::new(),
            pieces: Pieces::default(),
        }
    }

    /// Shows a row, or keeps it until the width of its column is known.
    pub fn row(&mut self, text: &str) -> Result<(), Failure> {
        let row: Value = serde_json::from_str(text)
            .map_err(|error| Failure::because(format!("the answer cannot be read: {error}"), error))?;
        if let Some(notes) = requests::notes(&row) {
            for note in notes {
                let _ = writeln!(std::io::stderr(), "note: {}", printable(&bounded(note.to_owned())));
            }
            return Ok(());
        }
        self.rows += 1;
        if let Show::Undo { .. } = self.show {
            if !self.json {
                say(&undo::piece(&row))?;
            }
            self.pieces.add(row);
            return Ok(());
        }
        self.left += faults(&row);
        if self.json {
            if self.is_followed() {
                return write(&format!("{text}\n"));
            }
            let before = match (self.show.is_list(), self.rows) {
                (false, _) => "",
                (true, 1) => "[\n",
                (true, _) => ",\n",
            };
            return write(&format!("{before}{text}"));
        }
        if self.show.is_list() && !matches!(self.show, Show::Findings { .. } | Show::Requests) {
            self.table.push(self.show.columns().iter().map(|(_, at)| cell(row.pointer(at))).collect());
            self.notes.extend(problems(&row));
            return Ok(());
        }
        let text = match self.show {
            Show::AdminTokenIssued => format!("{}\n{ADMIN_ONCE}\n", lines(&row, self.show.columns())),
            Show::Agent => lines(&row, self.show.columns()) + &agent::details(&row),
            Show::Deleted => deleted(&row),
            Show::Document => json(&format!("{row:#}\n")),
            Show::Endpoint => format!("{}\n", cell(row.pointer("/endpoint"))),
            Show::Events => event(&row),
            Show::Fields => fields(&row),
            Show::Findings { .. } => finding(&row),
            Show::Imported => imported(&row),
            Show::Link => format!("{}\n", cell(row.pointer("/url"))),
            Show::Requests | Show::RequestsFollowed => requests::line(&row),
            Show::Request => lines(&row, self.show.columns()) + &requests::details(&row),
            Show::ClientIssued => format!("{}\n{SECRET_ONCE}\n", lines(&row, self.show.columns())),
            Show::SetupLinkCreated => format!("{}\n{LINK_ONCE}\n", lines(&row, self.show.columns())),
            Show::Issued => format!("{}\n{}\n", lines(&row, self.show.columns()), once(&row)),
            Show::Brake => brake::state(&row),
            Show::Client | Show::Connection | Show::Consumer | Show::Schema | Show::Stream | Show::Tenant => {
                lines(&row, self.show.columns())
            }
            Show::Source => source::source(&row),
            Show::Webhook => lines(&row, self.show.columns()) + &deliveries(&row),
            _ => return Ok(()),
        };
        say(&text)
    }

    /// Whether each row is a line of its own, also for programs.
    fn is_followed(&self) -> bool {
        matches!(self.show, Show::Events | Show::RequestsFollowed)
    }

    /// Notes that there are more than those that were asked for.
    pub fn more(&mut self, number: u64) {
        self.more = number;
    }

    /// Shows what was kept. A check fails when something is still wrong.
    pub fn finish(mut self) -> Result<(), Failure> {
        if let Show::Undo { dry_run } = self.show {
            if self.json {
                write(&self.pieces.json(dry_run))?;
            } else {
                say(&self.pieces.summary(dry_run))?;
            }
            let refused = self.pieces.refused();
            return if refused == 0 {
                Ok(())
            } else {
                Err(Failure::said(format!("{refused} change(s) were not put back")))
            };
        }
        if self.json && !self.is_followed() {
            write(match (self.show.is_list(), self.rows) {
                (true, 0) => "[]\n",
                (true, _) => "\n]\n",
                (false, _) => "\n",
            })?;
        } else if let Show::Findings { repair } = self.show {
            say(&summary(self.rows, self.left, repair))?;
        } else if self.show.is_list() && self.show != Show::Requests {
            if self.show == Show::Tenants {
                columns::without_unused(&mut self.table);
            }
            say(&table(&self.table))?;
            say(&self.notes.concat())?;
            if self.more > 0 {
                say(&format!("… and {} more. A larger --limit shows them.\n", self.more))?;
            }
        }
        match (self.show, self.left) {
            (Show::Findings { .. }, 1..) => Err(Failure::said(format!("{} fault(s) are left in the store", self.left))),
            (Show::Doctor, 1..) => Err(Failure::said(format!("{} thing(s) are wrong", self.left))),
            (Show::Status, 1..) => Err(Failure::said(format!("provisioning fails for {} tenant(s)", self.left))),
            (Show::Table { apply }, 1..) => {
                let done = match apply {
                    true if self.left < self.rows => "the others were imported",
                    true => "nothing was imported",
                    false => "nothing was changed",
                };
                Err(Failure::said(format!("{} of {} row(s) are refused; {done}", self.left, self.rows)))
            }
            (Show::Table { apply: false }, 0) if !self.json => say("Nothing is changed yet. --apply does it.\n"),
            (Show::Purged, 1..) => Err(Failure::said(format!("{} of {} were not purged", self.left, self.rows))),
            (Show::Restored, 1..) => Err(Failure::said(format!("{} of {} were not restored", self.left, self.rows))),
            _ => Ok(()),
        }
    }
}

fn once(row: &Value) -> String {
    let reads_events = row.get("scopes").is_some_and(|scopes| *scopes == serde_json::json!(["events"]));
    if !reads_events {
        return "The token is shown this once. Give it to the identity provider together with the endpoint.".to_owned();
    }
    let (endpoint, path) = (cell(row.get("endpoint")), cell(row.get("path")));
    let (base, tenant) = (endpoint.strip_suffix(path.as_str()).unwrap_or_default(), cell(row.get("tenant_id")));
    format!(
        "The token is shown this once. Give it to the application that reads the events together with the endpoint; one that takes security event tokens begins with {base}/.well-known/ssf-configuration/{tenant}"
    )
}

const ADMIN_ONCE: &str = "The token is shown this once. Give it to whoever is to administer this server with it.";

const LINK_ONCE: &str =
    "The link is shown this once, and opens once. Send it to the administrator of the identity provider.";

const SECRET_ONCE: &str =
    "The secret is shown this once. Give it to the identity provider with the client id and both endpoints.";

/// How much of what a row tells is wrong.
fn faults(row: &Value) -> usize {
    let not = |name: &str| usize::from(row.get(name) == Some(&Value::Bool(false)));
    let is = |name: &str, word: &str| usize::from(row.get(name).and_then(Value::as_str) == Some(word));
    not("repaired") + not("restored") + not("purged") + is("state", "failing") + is("action", "refused")
}

/// What is wrong with a tenant, a line for each.
fn problems(row: &Value) -> Vec<String> {
    let problems = row.get("problems").and_then(Value::as_array);
    let line = |problem: &Value| format!("\n{}: {}\n", cell(row.get("tenant")), cell(problem.get("detail")));
    problems.into_iter().flatten().map(line).collect()
}

/// What stands under `fields`, a line each.
fn fields(row: &Value) -> String {
    let fields = row.get("fields").and_then(Value::as_object);
    let rows = fields.into_iter().flatten().map(|(name, value)| vec![name.clone(), cell(Some(value))]);
    table(&rows.collect::<Vec<_>>())
}

fn imported(row: &Value) -> String {
    let text = |name: &str| row.get(name).map(|value| cell(Some(value))).unwrap_or_default();
    let resumed = match row.get("resumed_after").and_then(Value::as_u64) {
        Some(items) => format!(" The first {items} items were there from an interrupted import."),
        None => String::new(),
    };
    format!("Brought in {} tenant(s) with {} resources.{resumed}\n", text("tenants"), text("resources"))
}

/// The most characters of a type of event of users and groups: what stands behind it is in one column.
const WIDEST: usize = "scim.group.membership.changed".len();

fn event(row: &Value) -> String {
    let at = |pointer: &str| cell(row.pointer(pointer));
    let attributes = row.get("attributes").map(|names| format!("  {}", cell(Some(names)))).unwrap_or_default();
    let named = |at: &str| row.get(at).map(|it| format!(" ({})", name(Some(it)))).unwrap_or_default();
    format!(
        "{:>8}  {}  {:<WIDEST$} {}{}  by {}{}{attributes}\n",
        at("/sequence"),
        at("/time"),
        at("/type"),
        at("/resource/id"),
        named("resource_name"),
        name(row.pointer("/actor")),
        named("actor_name")
    )
}

fn finding(row: &Value) -> String {
    let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
    let repaired = if row.get("repaired") == Some(&Value::Bool(true)) { " (repaired)" } else { "" };
    format!("{}: {}{repaired}\n", text("kind"), text("detail"))
}

fn summary(found: usize, left: usize, repair: bool) -> String {
    match (found, left) {
        (0, _) => "Documents, indexes, memberships and counts agree.\n".to_owned(),
        (found, 0) => format!("{found} fault(s) found and repaired.\n"),
        (found, _) if !repair => format!("{found} fault(s) found. `check --repair` repairs them.\n"),
        (found, left) => {
            format!(
                "{found} fault(s) found, {left} of them cannot be repaired: restore a backup, or export and import.\n"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_gets_a_token_is_told_where_to_begin() {
        let row = json!({"scopes": ["events"], "tenant_id": "7", "endpoint": "https://x/7/events/v1", "path": "/7/events/v1"});
        assert!(once(&row).ends_with("begins with https://x/.well-known/ssf-configuration/7"), "{}", once(&row));
        assert!(once(&json!({"scopes": ["read", "events"]})).contains("identity provider"));
    }

    #[test]
    fn a_check_says_what_to_do_next() {
        assert!(summary(0, 0, false).contains("agree"));
        assert!(summary(2, 2, false).contains("--repair"));
        assert!(summary(2, 0, true).contains("repaired"));
        assert!(summary(2, 1, true).contains("cannot be repaired"));
    }
}
