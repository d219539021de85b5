//! The one integration binary: the judge against servers that conform, servers that do not, and the
//! real one.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "a test says that something is wrong by panicking, and is told by its environment what to write"
)]

mod broken;
mod cases;
mod faults;
mod scim_server;
