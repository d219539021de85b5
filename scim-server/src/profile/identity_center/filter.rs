//! The supported filters: `eq` only, joined with `and`, over attributes by which identity providers look up
//! resources.

use std::sync::Arc;

use scim_protocol::{
    Error, ErrorKind,
    filter::{BoundFilter, CompareOperator, Operand},
    message::Query,
    path::BoundPath,
    schema::{ResourceType, core::ENTERPRISE_USER},
};

use super::{GROUP, USER};

/// Attributes that are compared together, in any order.
type Combination = &'static [&'static str];

const OF_USERS: &[Combination] = &[&["userName"], &["externalId"], &["groups.value"], &["id", "manager.value"]];
const OF_GROUPS: &[Combination] = &[&["displayName"], &["externalId"], &["id", "members.value"]];

/// Checks the filter of a query over users or groups.
pub fn check(types: &[Arc<ResourceType>], query: &Query) -> Result<(), Error> {
    let (Some(filter), [rt]) = (&query.filter, types) else { return Ok(()) };
    let (combinations, known) = match rt.name.as_str() {
        USER => (OF_USERS, "userName, externalId, groups.value, or id and manager"),
        GROUP => (OF_GROUPS, "displayName, externalId, or id and members"),
        _ => return Ok(()),
    };
    let compared = compared(&filter.bind(rt)?);
    if compared.is_some_and(|mut names| {
        names.sort_unstable();
        combinations.contains(&names.as_slice())
    }) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidFilter, format!("A filter is eq on {known}.")))
}

/// The attributes that the filter compares with `eq`, all of which must hold; `None` when it says
/// anything else.
fn compared(filter: &BoundFilter) -> Option<Vec<&'static str>> {
    match filter {
        BoundFilter::And(all) if !all.is_empty() => all
            .iter()
            .map(|one| compared(one).filter(|names| names.len() == 1))
            .collect::<Option<Vec<_>>>()
            .map(|all| all.concat()),
        BoundFilter::Compare { path, operator: CompareOperator::Eq, operand: Operand::Text { .. } } => {
            Some(vec![name_of(path)?])
        }
        _ => None,
    }
}

fn name_of(path: &BoundPath) -> Option<&'static str> {
    let mut names = OF_USERS.iter().chain(OF_GROUPS).flat_map(|names| names.iter().copied());
    let text = path.to_string();
    let plain = text.strip_prefix(ENTERPRISE_USER).map_or(text.as_str(), |rest| rest.trim_start_matches(':'));
    names.find(|name| *name == plain)
}

#[cfg(test)]
mod tests {
    use scim_protocol::{filter::Filter, schema::SchemaRegistry};

    use super::*;

    #[track_caller]
    fn check_filter(resource_type: &str, filter: &str, expect: bool) {
        let registry = SchemaRegistry::core();
        let types = [registry.resource_type(resource_type).unwrap().clone()];
        let query = Query { filter: Some(Filter::parse(filter).unwrap()), ..Query::default() };
        assert_eq!(check(&types, &query).is_ok(), expect, "{filter}");
    }

    #[test]
    fn only_the_listed_combinations_are_answered() {
        check_filter("User", r#"userName eq "a""#, true);
        check_filter("User", r#"USERNAME EQ "a""#, true);
        check_filter("User", r#"externalId eq "a""#, true);
        check_filter("User", r#"groups.value eq "a""#, true);
        check_filter("User", r#"id eq "a" and manager eq "b""#, true);
        check_filter("User", r#"manager.value eq "b" and id eq "a""#, true);
        check_filter("User", r#"id eq "a""#, false);
        check_filter("User", r#"manager eq "b""#, false);
        check_filter("User", r#"displayName eq "b""#, false);
        check_filter("User", r#"emails.value eq "b""#, false);
        check_filter("User", r#"userName sw "a""#, false);
        check_filter("User", r#"userName ne "a""#, false);
        check_filter("User", "userName pr", false);
        check_filter("User", "userName eq null", false);
        check_filter("User", r#"userName eq "a" or externalId eq "b""#, false);
        check_filter("User", r#"userName eq "a" and externalId eq "b""#, false);
        check_filter("User", r#"not (userName eq "a")"#, false);
        check_filter("User", r#"userName eq "a" and userName eq "a""#, false);
        check_filter("Group", r#"displayName eq "a""#, true);
        check_filter("Group", r#"externalId eq "a""#, true);
        check_filter("Group", r#"id eq "a" and members eq "b""#, true);
        check_filter("Group", r#"members.value eq "b" and id eq "a""#, true);
        check_filter("Group", r#"members eq "b""#, false);
        check_filter("Group", r#"id eq "a""#, false);
        check_filter("Group", r#"members[value eq "b"] and id eq "a""#, false);
    }
}
