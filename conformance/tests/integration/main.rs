//! The one integration binary: the judge against servers that conform, servers that do not, and the
//! real one.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "a test says that something is wrong by panicking, and is told by its environment what to do"
)]

mod action;
mod broken;
mod browser;
mod cases;
mod docs;
mod faults;
mod identity_center;
mod odd;
mod peculiar;
mod privacy;
mod profiles;
mod program;
mod reaching;
mod reports;
mod scim_server;
mod transport;
mod trouble;
mod wild;
