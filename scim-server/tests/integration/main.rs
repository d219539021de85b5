//! The one integration binary: the real server, started as a process, over real HTTP.
//!
//! One binary and not one per file, because each costs a link of the whole server. A new subject is
//! a new module here.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "a test says that something is wrong by panicking, and is told by its environment how long to run"
)]

mod access;
mod admin;
mod admin_api;
mod adoption;
mod architecture;
mod attack;
mod bounds;
mod brake;
mod canary;
mod chromium;
mod cli;
mod concurrency;
mod console;
mod crash;
#[allow(dead_code, reason = "the benchmark uses the rest")]
mod database;
mod dialogue;
mod docs;
mod events;
mod hand;
mod health;
mod http;
mod identity_center;
mod install;
#[cfg(feature = "kafka")]
mod kafka;
mod kept;
mod lease;
mod lifecycle;
mod limits;
mod mapping;
mod matching;
mod migrations;
#[cfg(feature = "nats")]
mod nats;
mod oauth;
mod openapi;
mod pitfalls;
mod protect;
mod queries;
mod repair;
mod requests;
mod rfc;
mod roles;
mod scale_out;
mod schemas;
mod scim2_tester;
mod secured;
mod security_events;
mod server;
mod setup;
mod simulation;
mod source;
mod spread;
mod statements;
mod storm;
mod takeover;
mod traces;
mod transfer;
mod undo;
mod upgrade;
mod webhooks;
mod writes;
