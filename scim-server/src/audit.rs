//! The audit log: one JSON line for each call, reads and writes, successes and refusals.
//!
//! The fields are those that CloudTrail writes for IAM Identity Center's SCIM endpoint, so that
//! queries and alarms that exist for the one work for the other. A line says who did what to which
//! resource, and never holds a value that names a person ([`mod@redact`]), a password or a token.
//!
//! A record borrows everything from the request and is written straight into a buffer
//! ([`AuditLog`]): a read costs a request little more than a copy of its line.

mod line;
mod log;
mod output;
mod record;
mod redact;

pub use log::{AuditLog, MAX_QUEUED};
pub use output::{AuditError, Rotation, Target};
pub use record::{AuditRecord, Document, EventName, Verb};
pub use redact::HIDDEN;
