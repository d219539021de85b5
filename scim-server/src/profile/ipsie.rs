//! What the OpenID profile IPSIE asks of a SCIM server, draft 00: account lifecycle (AL1) and attributes (AL2).

use scim_protocol::{Error, ErrorKind, patch::Operation, schema::ResourceType};
use serde_json::Value;

/// Requests a second that a client may make at least, and makes unless something else is set.
pub const RATE: u32 = 25;
/// The most resources on a page.
pub const PAGE: u32 = 1000;
/// The attribute that a provider must not send.
const PASSWORD: &str = "password";

/// Refuses a password in a body.
pub fn check_body(rt: &ResourceType, body: &Value) -> Result<(), Error> {
    let names = body.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let bare = |name: &str| name.rsplit(':').next().is_some_and(|last| last.eq_ignore_ascii_case(PASSWORD));
    if rt.name == "User" && names.into_iter().any(bare) { Err(refused()) } else { Ok(()) }
}

/// Refuses an operation without a path.
pub fn check_paths(operations: &[Operation]) -> Result<(), Error> {
    let lacks_path =
        |one: &Operation| matches!(one, Operation::Add { path: None, .. } | Operation::Replace { path: None, .. });
    if operations.iter().any(lacks_path) {
        let detail = "Each operation needs a path under the ipsie profile of this tenant. Name the attribute in path.";
        return Err(Error::new(ErrorKind::NoTarget, detail));
    }
    Ok(())
}

/// Refuses operations on a password.
pub fn check_passwords(rt: &ResourceType, operations: &[Operation]) -> Result<(), Error> {
    for operation in operations {
        let path = match operation {
            Operation::Add { path, .. } | Operation::Replace { path, .. } => path.as_ref(),
            Operation::Remove { path, .. } => Some(path),
        };
        if rt.name == "User" && path.is_some_and(|path| path.bind(rt).is_ok_and(|target| target.path.is_core(PASSWORD)))
        {
            return Err(refused());
        }
    }
    Ok(())
}

fn refused() -> Error {
    Error::value("This tenant takes no password, by its profile ipsie-al2. Leave it out of what is provisioned.")
}
