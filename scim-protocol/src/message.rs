//! Protocol messages: queries (RFC 7644 §3.4.2–3, RFC 9865 §2), lists (§3.4.2), bulk (§3.7).
//!
//! This module reads a message once, into valid values; no other code parses the text of a parameter again.

mod bulk;
mod counted;
mod list;
mod query;
mod reference;

use serde_json::{Map, Value};

pub use bulk::{
    BULK_REQUEST_SCHEMA, BULK_RESPONSE_SCHEMA, BulkMethod, BulkOperation, BulkRequest, BulkResult, RefusedOperation,
};
pub use counted::{Most, Names, Unread, read_json};
pub use list::{LIST_RESPONSE_SCHEMA, ListEnvelope};
pub use query::{Page, Query, SEARCH_REQUEST_SCHEMA};
pub use reference::{references, resolve};

use crate::Error;

/// The members of a message, which must be a JSON object. Its `schemas` may be left out, as several
/// clients do; what is there must name the message.
fn members_of(message: Value, schema: &str) -> Result<Map<String, Value>, Error> {
    let Value::Object(mut members) = message else {
        return Err(Error::syntax("The body must be a JSON object."));
    };
    let stated = take(&mut members, "schemas").unwrap_or_default();
    let named = stated
        .as_array()
        .is_some_and(|all| all.iter().any(|urn| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(schema))));
    if stated.is_null() || named {
        return Ok(members);
    }
    Err(Error::syntax(format!("\"schemas\" must be [\"{schema}\"].")))
}

/// Takes a member out by its name in any case (RFC 7643 §2.1). `null` is the same as none.
fn take(members: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let key = members.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
    members.shift_remove(&key).filter(|value| !value.is_null())
}
