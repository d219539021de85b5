//! What a PATCH may do.

use scim_protocol::{
    Error, ErrorKind,
    patch::{BoundTarget, Operation, Path},
    schema::ResourceType,
};
use serde_json::Value;

use super::{GROUP, MEMBER_CHANGES, USER, resource, wording};
use crate::membership::MemberOperation;

/// Attributes of users that cannot be removed.
const KEPT: [&str; 2] = ["userName", "active"];
/// What can be changed of a group.
const OF_A_GROUP: [&str; 3] = ["displayName", "members", "externalId"];
/// Attributes that clients also send and every server ignores.
const IGNORED: [&str; 3] = ["schemas", "id", "meta"];

/// Checks a PATCH body, rewritten into a standard one, before it is read.
pub fn check_body(body: &Value) -> Result<(), Error> {
    let Some(Value::Array(operations)) = body.get("Operations") else { return Ok(()) };
    let text = |operation: &Value, key| operation.get(key).and_then(Value::as_str).map(str::to_owned);
    let lacks_path = |operation: &Value| {
        text(operation, "op").as_deref() == Some("remove") && operation.get("path").is_none_or(Value::is_null)
    };
    if operations.iter().any(lacks_path) {
        return Err(wording::exact(ErrorKind::NoTarget, wording::MISSING_PATH));
    }
    Ok(())
}

/// Checks the operations on a user or group.
pub fn check(rt: &ResourceType, operations: &[Operation]) -> Result<(), Error> {
    for operation in operations {
        match (rt.name.as_str(), operation) {
            (USER, Operation::Remove { path, .. }) => check_remove(&path.bind(rt)?)?,
            (USER, Operation::Add { path: None, value } | Operation::Replace { path: None, value }) => {
                resource::check_body(rt, value)?;
            }
            (GROUP, Operation::Add { path: None, value } | Operation::Replace { path: None, value }) => {
                value.as_object().into_iter().flatten().try_for_each(|(name, _)| check_group_attribute(name))?;
            }
            (
                GROUP,
                Operation::Remove { path, .. }
                | Operation::Add { path: Some(path), .. }
                | Operation::Replace { path: Some(path), .. },
            ) => {
                check_group_path(path, rt)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_remove(target: &BoundTarget) -> Result<(), Error> {
    match KEPT.iter().find(|name| target.path.is_core(name)) {
        None => Ok(()),
        Some(name) => Err(Error::new(
            ErrorKind::Mutability,
            format!("The remove operation is not supported for {name}. Replace its value instead."),
        )),
    }
}

fn check_group_attribute(name: &str) -> Result<(), Error> {
    let plain = name.rsplit_once(':').map_or(name, |(_, attribute)| attribute);
    if OF_A_GROUP.iter().chain(&IGNORED).any(|known| known.eq_ignore_ascii_case(plain)) {
        return Ok(());
    }
    Err(not_of_a_group(name))
}

fn check_group_path(path: &Path, rt: &ResourceType) -> Result<(), Error> {
    let target = path.bind(rt)?;
    if OF_A_GROUP.iter().any(|name| target.path.is_core(name)) {
        return Ok(());
    }
    Err(not_of_a_group(&target.path.to_string()))
}

fn not_of_a_group(name: &str) -> Error {
    Error::new(
        ErrorKind::InvalidPath,
        format!("\"{name}\" of a group cannot be changed. Only displayName, members and externalId can."),
    )
}

/// Checks the changes of members in a PATCH: it must name them, and their number is limited.
pub fn check_members(operations: &[MemberOperation]) -> Result<(), Error> {
    let mut count = 0;
    for operation in operations {
        count += match operation {
            MemberOperation::Add(ids) | MemberOperation::Remove(ids) => ids.len(),
            MemberOperation::Present(_) => 0,
            MemberOperation::Clear | MemberOperation::RemoveWhere(_) => {
                return Err(Error::value(
                    "The members of a group cannot be replaced or removed all at once. Add and remove them by their ids.",
                ));
            }
        };
    }
    check_member_count(count)
}

/// Refuses more members in one request than the limit.
pub fn check_member_count(count: usize) -> Result<(), Error> {
    if count <= MEMBER_CHANGES {
        return Ok(());
    }
    Err(Error::value(format!(
        "The request changes {count} members, and {MEMBER_CHANGES} is the most. Send several requests."
    )))
}
