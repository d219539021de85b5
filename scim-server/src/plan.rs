//! Plans a filter: from which source its candidates are read.
//!
//! The plan names one source for a resource type: an index range, the members of a group, some ids, or everything.
//! Candidates are then checked against the whole filter, unless the source already covers it ([`Plan::exact`]). A
//! plan is a value and reads nothing.

use std::ops::Bound;

use scim_protocol::{
    filter::{BoundFilter, CompareOperator, Operand},
    path::BoundPath,
};

use crate::{
    index,
    store::{IndexRange, IndexValue, LAST_MODIFIED, ResourceId, TenantId, TypeName, Values},
    tenant::IndexSpec,
};

/// Where candidates come from, from the narrowest to the widest.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// No resource can match.
    Nothing,
    /// At most these.
    Ids(Vec<ResourceId>),
    /// The groups that hold this member directly.
    GroupsOf(ResourceId),
    /// The direct members of this group.
    MembersOf(ResourceId),
    /// A run of index entries.
    Index(IndexRange),
    /// A union: each part is a set of ids or an equality.
    Union(Vec<Source>),
    /// Every resource of the type, in the order of their ids.
    All,
}

/// How a filter is answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Where candidates come from.
    pub source: Source,
    /// Whether every candidate matches: the filter says no more than the source.
    pub exact: bool,
}

/// What a plan is made for.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    pub tenant: TenantId,
    pub resource_type: &'a TypeName,
    /// The indexes of the type; only filled ones are used.
    pub specs: &'a [IndexSpec],
}

/// The best plan for a filter; without one, everything.
pub fn plan(filter: Option<&BoundFilter>, scope: Scope<'_>) -> Plan {
    match filter {
        None => Plan { source: Source::All, exact: true },
        Some(filter) => of(filter, scope),
    }
}

fn of(filter: &BoundFilter, scope: Scope<'_>) -> Plan {
    match filter {
        BoundFilter::Compare { path, operator, operand } => compare(path, *operator, operand, scope),
        BoundFilter::ValuePath { filter, .. } => Plan { exact: false, ..of(filter, scope) },
        // An attribute that the type does not have: all or none of its resources match.
        BoundFilter::And(all) if all.is_empty() => Plan { source: Source::All, exact: true },
        BoundFilter::Or(any) if any.is_empty() => Plan { source: Source::Nothing, exact: true },
        BoundFilter::And(all) => {
            let best = all.iter().map(|filter| of(filter, scope)).min_by_key(|plan| rank(&plan.source));
            Plan { source: best.map_or(Source::All, |plan| plan.source), exact: false }
        }
        BoundFilter::Or(any) => {
            let sources: Option<Vec<_>> = any.iter().map(|filter| narrow(of(filter, scope).source)).collect();
            Plan { source: sources.map_or(Source::All, Source::Union), exact: false }
        }
        BoundFilter::Not(_) | BoundFilter::Present(_) => Plan { source: Source::All, exact: false },
    }
}

/// The order in which sources are preferred.
fn rank(source: &Source) -> u8 {
    match source {
        Source::Nothing => 0,
        Source::Ids(_) => 1,
        Source::Index(IndexRange { values: Values::Equal(_), .. }) => 2,
        Source::GroupsOf(_) => 3,
        Source::Union(_) => 4,
        Source::MembersOf(_) => 5,
        Source::Index(_) => 6,
        Source::All => 7,
    }
}

/// Whether a source may be part of a union: it must find few resources.
fn narrow(source: Source) -> Option<Source> {
    match &source {
        Source::Nothing
        | Source::Ids(_)
        | Source::GroupsOf(_)
        | Source::Index(IndexRange { values: Values::Equal(_), .. }) => Some(source),
        _ => None,
    }
}

fn compare(path: &BoundPath, operator: CompareOperator, operand: &Operand, scope: Scope<'_>) -> Plan {
    use CompareOperator::{Eq, Sw};
    let sub = path.sub_attribute.as_ref().map(|sub| sub.name.as_str());
    let all = Plan { source: Source::All, exact: false };
    match (operator, operand) {
        (_, Operand::DateTime(at)) if path.is_core("meta") && sub == Some("lastModified") => {
            instants(operator, IndexValue::instant(*at)).map_or(all, |values| Plan {
                source: Source::Index(range(LAST_MODIFIED.into(), values, scope)),
                exact: true,
            })
        }
        (Eq, Operand::Text { value, .. }) if path.is_core("id") => exactly(value, |id| Source::Ids(vec![id])),
        (Eq, Operand::Text { value, .. }) if path.is_core("groups") && sub == Some("value") => {
            exactly(value, Source::MembersOf)
        }
        (Eq, Operand::Text { value, .. }) if path.is_core("members") && sub == Some("value") => {
            exactly(value, Source::GroupsOf)
        }
        (Eq, Operand::Text { value, .. }) if path.is_core("meta") && sub == Some("resourceType") => {
            if value == scope.resource_type.as_str() { all } else { Plan { source: Source::Nothing, exact: true } }
        }
        (Eq | Sw, Operand::Text { value, case_exact }) if !value.is_empty() => {
            let name = path.to_string();
            let fits = |s: &&IndexSpec| s.filled && *s.path == *name && s.case_exact == *case_exact;
            let Some(spec) = scope.specs.iter().find(fits) else {
                return all;
            };
            let values = match operator {
                Eq => Values::Equal(index::bounded(value)),
                _ => Values::Prefix(index::prefix_value(value)),
            };
            Plan { source: Source::Index(range(spec.path.clone(), values, scope)), exact: operator == Eq }
        }
        _ => all,
    }
}

fn exactly(id: &str, source: impl FnOnce(ResourceId) -> Source) -> Plan {
    let source = ResourceId::parse(id).map_or(Source::Nothing, source);
    Plan { source, exact: true }
}

fn range(attribute: std::sync::Arc<str>, values: Values, scope: Scope<'_>) -> IndexRange {
    IndexRange {
        tenant: scope.tenant,
        resource_type: scope.resource_type.clone(),
        attribute,
        values,
        descending: false,
    }
}

fn instants(operator: CompareOperator, at: IndexValue) -> Option<Values> {
    use Bound::{Excluded, Included, Unbounded};
    use CompareOperator::{Eq, Ge, Gt, Le, Lt};
    Some(match operator {
        Gt => Values::Between(Excluded(at), Unbounded),
        Ge => Values::Between(Included(at), Unbounded),
        Lt => Values::Between(Unbounded, Excluded(at)),
        Le => Values::Between(Unbounded, Included(at)),
        Eq => Values::Equal(at),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use scim_protocol::{filter::Filter, schema::SchemaRegistry};

    use super::*;

    #[track_caller]
    fn check(resource_type: &str, filter: &str, expect: &str) {
        let registry = SchemaRegistry::core();
        let rt = registry.resource_type(resource_type).unwrap();
        let spec = |path: &str, case_exact| IndexSpec { path: path.into(), unique: false, case_exact, filled: true };
        let specs = [
            spec("userName", false),
            spec("externalId", true),
            spec("emails.value", false),
            spec("displayName", false),
        ];
        let scope = Scope { tenant: TenantId::SYSTEM, resource_type: &resource_type.into(), specs: &specs };
        let bound = Filter::parse(filter).unwrap().bind(rt).unwrap();
        let found = plan(Some(&bound), scope);
        let text = match &found.source {
            Source::Index(range) => {
                let kind = match range.values {
                    Values::Equal(_) => "=",
                    Values::Prefix(_) => "^",
                    Values::Between(..) => "..",
                    Values::All => "*",
                };
                format!("{}{kind}", range.attribute)
            }
            Source::Ids(ids) => format!("{} ids", ids.len()),
            Source::Union(sources) => format!("{} sources", sources.len()),
            other => format!("{other:?}").split('(').next().unwrap_or_default().to_owned(),
        };
        assert_eq!(format!("{text}{}", if found.exact { "" } else { "?" }), expect, "{filter}");
    }

    #[test]
    fn filters_find_their_index() {
        let id = "0190d7a5-0000-7000-8000-000000000001";
        check("User", "userName eq \"bjensen\"", "userName=");
        check("User", "urn:ietf:params:scim:schemas:core:2.0:User:USERNAME eq \"bjensen\"", "userName=");
        check("User", "userName sw \"bj\"", "userName^?");
        check("User", "externalId eq \"701984\"", "externalId=");
        check("User", "emails.value eq \"b@example.com\"", "emails.value=");
        check("User", "emails eq \"b@example.com\"", "emails.value=");
        check("User", "emails[type eq \"work\" and value eq \"b@example.com\"]", "emails.value=?");
        check("User", "title pr and userName eq \"bjensen\"", "userName=?");
        check("User", "userName eq \"a\" or userName eq \"b\"", "2 sources?");
        check("User", "userName eq \"a\" or title pr", "All?");
        check("User", "not (userName eq \"a\")", "All?");
        check("User", &format!("id eq \"{id}\""), "1 ids");
        check("User", "id eq \"nonsense\"", "Nothing");
        check("User", &format!("id eq \"{id}\" and manager eq \"x\""), "1 ids?");
        check("User", &format!("groups.value eq \"{id}\""), "MembersOf");
        check("User", "meta.lastModified gt \"2011-05-13T04:42:34Z\"", "meta.lastModified..");
        check("Group", &format!("members.value eq \"{id}\""), "GroupsOf");
        check("Group", "displayName eq \"Tour Guides\"", "displayName=");
        check("User", "meta.resourceType eq \"Group\"", "Nothing");
    }
}
