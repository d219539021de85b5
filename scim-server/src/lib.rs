//! The SCIM service provider: tenants, bearer tokens, a durable store, and the operations of
//! RFC 7644 between them.
//!
//! Data flows one way: [`http`] → [`operation`] → [`index`], [`membership`], [`plan`], [`cursor`],
//! [`render`] → [`store`] → backend. `operation` never names hyper or a status code; `store` never
//! parses a document; only `http` turns an error into a response.

pub mod access;
pub mod admin;
pub mod audit;
pub mod budget;
pub mod caller;
pub mod cli;
pub mod clock;
pub mod config;
pub mod cursor;
pub mod directory;
pub mod event;
pub mod http;
pub mod ids;
pub mod index;
pub mod log;
pub mod membership;
pub mod metrics;
pub mod operation;
pub mod plan;
pub mod profile;
pub mod render;
pub mod server;
pub mod store;
pub mod system_records;
pub mod tenant;
pub mod token;
mod turns;
