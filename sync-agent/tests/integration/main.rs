//! The one integration binary: real directories, the real server, the real agent.
//!
//! [`directory`] starts OpenLDAP, 389 Directory Server or a Samba domain by the scripts in `tests/directories`, [`server`]
//! the program `scim-server`, [`agent`] the program under test.
//! [`model`] is a target in memory, for what is decided before the first request. A new subject is a new module here.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "a test says that something is wrong by panicking, and finds programs through its environment"
)]

mod absence;
mod agent;
mod daemon;
mod departures;
mod directory;
mod ds389;
mod faults;
mod few;
mod forest;
mod full;
mod hostile;
mod incremental;
#[cfg(feature = "gssapi")]
mod kerberos;
mod model;
mod operating;
mod plans;
mod properties;
mod proxy;
mod reading;
mod references;
mod repairs;
mod report;
mod saved_plan;
mod scoping;
mod server;
mod source;
mod swapped;
mod targets;
mod traces;
