//! Tests SCIM servers: what conforms, what does not, and which sentence of which RFC says so.
//!
//! It uses only HTTP, JSON and the RFCs. It does not use this project's own protocol library: a test that shares the
//! code of one implementation would accept its mistakes.
//!
//! Reading order: [`mod@case`] (what a case is, and the one table of them in [`mod@cases`]), [`context`]
//! (what a case is given), [`exchange`] (HTTP, kept as evidence), [`verdict`], [`run`], [`report`].
//! [`discovery`] is what the server says of itself; [`draft`] makes resources that its schemas
//! accept; [`ledger`] sees to it that none of them stays. [`mod@profile`] plays what identity
//! providers send; [`coverage`] lists which requirement is examined by what; [`advice`] says what to change where
//! one is not kept.
//!
//! The modules are private: what the program and the tests use is named here, so that the compiler sees what
//! nobody uses.

mod advice;
mod case;
mod cases;
mod cli;
mod context;
mod coverage;
mod discovery;
mod draft;
mod exchange;
mod finding;
mod ledger;
mod profile;
mod report;
mod run;
mod section;
mod subject;
mod uri;
mod verdict;

pub use case::{Area, Case};
pub use cases::all as cases;
pub use cli::{
    main,
    reference::{cases as cases_page, command_line as command_line_page},
};
pub use context::{Context, Server, Tokens};
pub use coverage::page as coverage_page;
pub use discovery::Assumed;
pub use exchange::{Exchange, Grant, Proof, Received, Sent, Settings};
pub use finding::Finding;
pub use profile::{Choice, Profile, all as profiles, hold, named as profile, play};
pub use report::{About, Format, Report};
pub use run::{Manner, Selection, connect, connect_as, examine, measure, remove_all};
pub use subject::Subject;
pub(crate) use verdict::ensure;
pub use verdict::{Level, Verdict};
