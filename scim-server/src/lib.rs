//! The SCIM service provider: tenants, bearer tokens, a durable store, and the operations of
//! RFC 7644 between them.
//!
//! Data flows one way: `http` → `operation` → `index`, `membership`, `plan`, `cursor`, `render` → `store` → backend. `operation` never names hyper or a status code; `store` never
//! parses a document; only `http` turns an error into a response.

mod access;
mod admin;
mod administrator;
mod agent;
mod audit;
mod author;
mod brake;
mod budget;
mod caller;
mod cli;
mod clock;
mod command_line;
mod completer;
mod config;
mod console;
mod consumer;
mod cursor;
mod deferred;
mod deleted;
#[cfg(test)]
mod described;
mod directory;
mod durable;
mod event;
mod http;
mod idempotency;
mod ids;
mod index;
mod judge;
mod log;
mod membership;
mod metrics;
mod naming;
mod oauth;
mod operation;
mod own;
mod packed;
mod passing;
mod plan;
mod probe;
mod profile;
mod public_address;
mod render;
mod request_log;
mod roots;
mod rotated;
mod sent;
mod server;
mod setup;
mod setup_link;
mod silence;
mod sink;
mod ssf;
mod store;
mod stream;
mod system_records;
mod tenant;
mod token;
mod turns;
mod units;
mod web;
mod webhook;

pub use cli::main;

/// What the tests, benchmarks and fuzz targets of this repository use from the inside. Nothing else is public, so
/// that the compiler tells what nobody uses; no other program may rely on it.
#[doc(hidden)]
pub mod internals {
    pub mod access {
        pub use crate::access::Access;
    }

    pub mod clock {
        pub use crate::clock::{Clock, SystemClock};
    }

    pub mod config {
        pub use crate::config::{Config, Given, Origin, SETTINGS, Setting, setting};
    }

    pub mod directory {
        pub use crate::directory::Directory;
    }

    pub mod event {
        pub use crate::event::{Action, Event};
    }

    pub mod metrics {
        pub use crate::metrics::{Metrics, Operation};
    }

    pub mod tenant {
        pub use crate::tenant::{Settings, Tenant, TenantRecord};
    }

    pub mod admin {
        pub use crate::admin::{archive, data_dir};
    }

    pub mod audit {
        pub use crate::audit::{AuditLog, AuditRecord, Destination, Document, EventName, Form, Verb, Vocabulary, host};
    }

    pub mod cli {
        pub use crate::cli::definition;
    }

    pub mod http {
        pub use crate::http::{body, forwarded, limit, listen, peer, route};
    }

    pub mod oauth {
        pub use crate::oauth::{
            Scope,
            client::{Keys, Trust},
            jwt,
        };
    }

    pub mod request_log {
        pub use crate::request_log::{Call, Direction, Effort, Limits, Method, Reader, Search, Writer};
    }

    pub mod server {
        pub use crate::server::not_listening;
    }

    pub mod store {
        pub use crate::store::*;

        pub mod sled {
            pub use crate::store::sled::SledStore;
        }

        pub mod postgres {
            pub use crate::store::postgres::{Options, PostgresStore, statement};
        }
    }
}
