//! OAuth on the wire: forms and credentials (RFC 6749 §2.3), answers and errors (§5).

mod answer;
mod form;

pub use answer::{error, introspected, issued, metadata, revoked};
pub(in crate::http) use form::MOST;
pub use form::{Form, Shown};
