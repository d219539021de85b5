//! The audit log: one JSON line for each call, reads and writes, successes and errors.
//!
//! The names of the fields are CloudTrail's; the line of a tenant under the `identity-center` profile
//! also has the values that CloudTrail writes for IAM Identity Center's SCIM endpoint ([`Form`]), so
//! that queries and alarms that exist for the one work for the other. A line says who did what to which
//! resource, and never holds a value that names a person ([`mod@redact`]), a password or a token.
//!
//! A call without a valid token has no line of its own, because anybody could fill the disk with them:
//! `http::refusals` counts such calls, and there is one line a minute for each kind.
//!
//! A record borrows everything from the request and is written straight into a buffer
//! ([`AuditLog`]): a read costs a request little more than a copy of its line.

mod line;
mod log;
mod output;
mod record;
mod redact;
mod vocabulary;

pub use log::{AuditLog, MAX_QUEUED};
pub use output::{AuditError, Destination};
pub use record::{AuditRecord, Document, EventName, Form, Repeated, Verb};
pub use redact::{HIDDEN, MAX_DOCUMENT, Message, RequestPath, coding, host, media_type, software};
pub use vocabulary::Vocabulary;
