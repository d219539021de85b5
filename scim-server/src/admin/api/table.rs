//! Every path of the management API, and the command that each is.
//!
//! A command is written as it is sent at the command line, with holes: `"{tenant}"` is that part of the path,
//! `"?dry_run"` that parameter of the query, and the object with `"*"` gets all else: the body, and the other
//! parameters. So the API has no types of its own: what a command refuses, a path refuses.

mod people;
mod readers;
mod server;
mod tenants;

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// One object.
    One,
    /// One object, of what was just made: 201.
    Made,
    /// `{"items": […], "more": n}`
    List,
}

/// What a parameter of the query is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Flag,
    Number,
    Text,
}

/// One path with one method.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    pub method: &'static str,
    /// Behind `/admin/v1`. A part in braces stands for any one part.
    pub path: &'static str,
    /// The command, as JSON with holes.
    pub command: &'static str,
    /// The parameters of the query.
    pub query: &'static [(&'static str, Kind)],
    pub answer: Answer,
    /// Whether the body is lines (`application/x-ndjson`), which the command reads as they come.
    pub lines: bool,
    /// What it does, in a sentence.
    #[cfg_attr(not(test), expect(dead_code, reason = "it is told by the description, which a test makes"))]
    pub summary: &'static str,
}

/// All of them. Where two fit, the first is meant.
pub(super) const ROUTES: &[&[Route]] = &[server::ROUTES, tenants::ROUTES, people::ROUTES, readers::ROUTES];

/// A path that answers with one object.
const fn route(method: &'static str, path: &'static str, command: &'static str, summary: &'static str) -> Route {
    Route { method, path, command, query: &[], answer: Answer::One, lines: false, summary }
}

const fn get(path: &'static str, command: &'static str, summary: &'static str) -> Route {
    route("GET", path, command, summary)
}

const fn post(path: &'static str, command: &'static str, summary: &'static str) -> Route {
    route("POST", path, command, summary)
}

const fn put(path: &'static str, command: &'static str, summary: &'static str) -> Route {
    route("PUT", path, command, summary)
}

const fn patch(path: &'static str, command: &'static str, summary: &'static str) -> Route {
    route("PATCH", path, command, summary)
}

const fn delete(path: &'static str, command: &'static str, summary: &'static str) -> Route {
    route("DELETE", path, command, summary)
}

impl Route {
    /// The same answering with a list.
    const fn list(self) -> Self {
        Self { answer: Answer::List, ..self }
    }

    /// The same answering with what was made.
    const fn made(self) -> Self {
        Self { answer: Answer::Made, ..self }
    }

    /// The same with parameters of the query.
    const fn asks(self, query: &'static [(&'static str, Kind)]) -> Self {
        Self { query, ..self }
    }

    /// The same reading lines.
    const fn reads(self) -> Self {
        Self { lines: true, ..self }
    }
}
