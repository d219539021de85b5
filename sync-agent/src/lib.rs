//! Pulls a part of an LDAP directory or of Active Directory into a SCIM server.
//!
//! One run is one line, and [`cycle`] is where it stands as code:
//!
//! ```text
//! observe ──▶ scope ──▶ map ──▶ look ──▶ plan ──▶ apply ──▶ save
//! source      scope     mapping  target   plan     apply     state
//! Population  Selection Snapshot Holdings Plan     Outcome   Written
//! ```
//!
//! - [`source`] reads a directory. It yields a [`population::Population`] only when every search
//!   ended with proof that it was whole: a cut answer is an error and never a smaller directory.
//! - [`scope`] says who of the population is meant, through which chain, and who is in which group.
//! - [`mapping`] turns each of them into the resource that the target should hold, as a [`document`].
//! - [`target`] is the SCIM server: what it can do, what it holds, and how it is written.
//! - [`plan`] compares. It is pure: it holds no connection, so a plan cannot write.
//! - [`apply`] turns a plan into requests, in an order in which nobody is without a group in between.
//! - [`explain`] says of one object why all of this came out as it did.
//! - [`state`] remembers what was written. It is a cache: losing it costs one full run.
//! - [`terminal`] says what may be shown of what others wrote.
//! - [`daemon`] runs cycles on a schedule and answers who asks; [`status`] is how it stands.
//!
//! Invariants: nothing but [`source`] speaks LDAP; nothing but [`target`] speaks HTTP; nothing but
//! [`apply`] writes to the target; identity is a [`source::SourceId`] and never a name or a DN; what
//! is not seen is not gone unless a [`source::Proof`] says so.

pub mod apply;
pub mod cli;
pub mod clock;
pub mod config;
pub mod cycle;
pub mod daemon;
pub mod dn;
pub mod document;
pub mod explain;
pub mod mapping;
mod number;
pub mod plan;
pub mod population;
pub mod problem;
mod reference;
pub mod scope;
pub mod source;
mod spaces;
pub mod state;
pub mod status;
pub mod target;
pub mod terminal;
