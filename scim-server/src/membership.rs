//! Members of a group are edges, not part of its document. This module separates the two.
//!
//! A PATCH names `members` in many ways. [`split`] takes them out of the operations as
//! [`MemberOperation`]s, in order, and leaves what concerns the document. The members themselves are
//! never loaded for that: adding one to a group of 100,000 costs what it costs in a group of ten.

use scim_protocol::{
    Error, ErrorKind,
    filter::{BoundFilter, CompareOperator, Operand},
    patch::{BoundTarget, Operation},
    schema::ResourceType,
};
use serde_json::{Map, Value};

/// The attribute that is kept as edges.
pub const MEMBERS: &str = "members";

/// One step of a change of members. Values are ids as the client wrote them.
#[derive(Debug, Clone, PartialEq)]
pub enum MemberOperation {
    /// These come.
    Add(Vec<String>),
    /// All go.
    Clear,
    /// Changes nothing, but these must be members: 400 `noTarget` otherwise (RFC 7644 §3.5.2.3).
    Present(Vec<String>),
    /// Removes these; one that is not a member is no error (RFC 7644 §3.5.2.2).
    Remove(Vec<String>),
    /// Removes the members that match the filter.
    RemoveWhere(Box<BoundFilter>),
}

/// Whether resources of this type have members.
pub fn has_members(rt: &ResourceType) -> bool {
    rt.attribute(MEMBERS).is_some()
}

/// Splits a PATCH into operations on the document and operations on members, each in order. They do not influence
/// each other, so the order between them does not matter.
pub fn split(operations: Vec<Operation>, rt: &ResourceType) -> Result<(Vec<Operation>, Vec<MemberOperation>), Error> {
    if !has_members(rt) {
        return Ok((operations, Vec::new()));
    }
    let (mut document, mut members) = (Vec::new(), Vec::new());
    for operation in operations {
        match operation {
            Operation::Add { path: None, value } => {
                let value = without_members(value, |listed| add(&listed, &mut members))?;
                if let Some(value) = value {
                    document.push(Operation::Add { path: None, value });
                }
            }
            Operation::Replace { path: None, value } => {
                let value = without_members(value, |listed| {
                    members.push(MemberOperation::Clear);
                    add(&listed, &mut members)
                })?;
                if let Some(value) = value {
                    document.push(Operation::Replace { path: None, value });
                }
            }
            Operation::Add { path: Some(path), value } => {
                let target = path.bind(rt)?;
                if !target.path.is_core(MEMBERS) {
                    document.push(Operation::Add { path: Some(path), value });
                } else if target.path.sub_attribute.is_some() || target.filter.is_some() {
                    members.push(MemberOperation::Add(itself(&target, &value)?));
                } else {
                    add(&value, &mut members)?;
                }
            }
            Operation::Replace { path: Some(path), value } => {
                let target = path.bind(rt)?;
                if !target.path.is_core(MEMBERS) {
                    document.push(Operation::Replace { path: Some(path), value });
                } else if target.path.sub_attribute.is_some() || target.filter.is_some() {
                    members.push(MemberOperation::Present(itself(&target, &value)?));
                } else {
                    members.push(MemberOperation::Clear);
                    add(&value, &mut members)?;
                }
            }
            Operation::Remove { path, value } => {
                let target = path.bind(rt)?;
                if !target.path.is_core(MEMBERS) {
                    document.push(Operation::Remove { path, value });
                } else if target.path.sub_attribute.is_some() {
                    return Err(immutable());
                } else {
                    members.push(remove(target.filter, value)?);
                }
            }
        }
    }
    Ok((document, members))
}

/// Refuses the body of a POST or PUT in which a member has no id. Validation would drop a member with only a
/// `display`, and the client would believe that the member is in the group.
pub fn require_values(body: &Value, rt: &ResourceType) -> Result<(), Error> {
    let Value::Object(body) = body else { return Ok(()) };
    let mut listed = body.iter().filter(|(name, _)| has_members(rt) && is_members(name));
    listed.try_for_each(|(_, listed)| values(listed).map(drop))
}

/// The ids in a list of members: objects with `value`, or (some clients) plain strings.
pub fn values(listed: &Value) -> Result<Vec<String>, Error> {
    let one = |(index, element): (usize, &Value)| match element {
        Value::String(id) if !id.is_empty() => Ok(id.clone()),
        Value::Object(object) => match member_value(object) {
            Some(Value::String(id)) if !id.is_empty() => Ok(id.clone()),
            _ => Err(Error::value(format!(
                "members[{index}] has no value. Send the id of a User or Group as its value."
            ))),
        },
        Value::Null | Value::String(_) => Err(Error::value(format!(
            "members[{index}] is empty. Send an object with the id of a User or Group as its value."
        ))),
        _ => Err(Error::value("members must be a list of objects, each with the id of a User or Group as its value.")),
    };
    match listed {
        Value::Null => Ok(Vec::new()),
        Value::Array(elements) => elements.iter().enumerate().map(one).collect(),
        single => Ok(vec![one((0, single))?]),
    }
}

fn member_value(object: &Map<String, Value>) -> Option<&Value> {
    object.iter().find(|(name, _)| name.eq_ignore_ascii_case("value")).map(|(_, value)| value)
}

fn add(listed: &Value, members: &mut Vec<MemberOperation>) -> Result<(), Error> {
    let ids = values(listed)?;
    if !ids.is_empty() {
        members.push(MemberOperation::Add(ids));
    }
    Ok(())
}

fn remove(filter: Option<BoundFilter>, value: Option<Value>) -> Result<MemberOperation, Error> {
    match (filter, value) {
        (Some(filter), _) => Ok(match compared_ids(&filter) {
            Some(ids) => MemberOperation::Remove(ids),
            None => MemberOperation::RemoveWhere(Box::new(filter)),
        }),
        (None, Some(listed)) if !listed.is_null() => Ok(MemberOperation::Remove(values(&listed)?)),
        (None, _) => Ok(MemberOperation::Clear),
    }
}

/// The id of the member, if the filter selects it by id and the operation sets the same id: the only operation on an
/// existing member that changes nothing and is allowed.
fn itself(target: &BoundTarget, value: &Value) -> Result<Vec<String>, Error> {
    let selected = target.filter.as_ref().and_then(compared_ids);
    let given = match (&target.path.sub_attribute, value) {
        (Some(sub), Value::String(id)) if sub.name == "value" => Some(id),
        (None, Value::Object(member)) if member.len() == 1 => match member_value(member) {
            Some(Value::String(id)) => Some(id),
            _ => None,
        },
        _ => None,
    };
    selected.filter(|selected| given.is_some_and(|given| *selected == [given.as_str()])).ok_or_else(immutable)
}

/// The ids, when the filter is nothing but `value eq "…"`, or several of them joined with `or`.
fn compared_ids(filter: &BoundFilter) -> Option<Vec<String>> {
    match filter {
        BoundFilter::Compare { path, operator: CompareOperator::Eq, operand: Operand::Text { value, .. } }
            if path.sub_attribute.as_ref().is_some_and(|sub| sub.name == "value") =>
        {
            Some(vec![value.clone()])
        }
        BoundFilter::Or(any) => {
            let ids: Option<Vec<_>> = any.iter().map(compared_ids).collect();
            Some(ids?.concat())
        }
        _ => None,
    }
}

/// Takes `members` out of the value of an operation without a path; `None` when nothing is left.
fn without_members(value: Value, mut take: impl FnMut(Value) -> Result<(), Error>) -> Result<Option<Value>, Error> {
    let Value::Object(object) = value else { return Ok(Some(value)) };
    if !object.keys().any(|name| is_members(name)) {
        return Ok(Some(Value::Object(object)));
    }
    // In one pass: removing keys one by one moves all later ones, and a client may write `members` with any number of
    // URNs.
    let mut rest = Map::new();
    for (name, value) in object {
        if is_members(&name) {
            take(value)?;
        } else {
            rest.insert(name, value);
        }
    }
    Ok((!rest.is_empty()).then_some(Value::Object(rest)))
}

fn is_members(name: &str) -> bool {
    let plain = name.rsplit_once(':').map_or(name, |(_, attribute)| attribute);
    plain.eq_ignore_ascii_case(MEMBERS)
}

fn immutable() -> Error {
    Error::new(
        ErrorKind::Mutability,
        "The sub-attributes of a member are immutable. Remove the member with members[value eq \"id\"] and add the other one.",
    )
}
