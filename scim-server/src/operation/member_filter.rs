//! Terms of a filter about single members, which the store answers without a document.
//!
//! Entra ID sends `id eq "…" and members eq "…"` before each change of a membership. Members are edges, so one
//! look-up answers it, however large the group is. A document with all members is built only for other conditions on
//! members.

use std::collections::HashSet;

use scim_protocol::{
    Error,
    filter::{BoundFilter, CompareOperator, Operand},
};

use crate::{
    membership::MEMBERS,
    store::{ResourceId, ResourceKey, Store},
};

const ALWAYS: BoundFilter = BoundFilter::And(Vec::new());
const NEVER: BoundFilter = BoundFilter::Or(Vec::new());

/// The members for which a filter asks by their ids.
pub(super) struct MemberFilter {
    ids: HashSet<String>,
}

impl MemberFilter {
    pub fn of(filter: &BoundFilter) -> Self {
        let mut ids = HashSet::new();
        collect(filter, &mut ids);
        Self { ids }
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The filter for one group, in which the terms about single members are replaced by their results.
    pub async fn settle(
        &self,
        filter: &BoundFilter,
        store: &dyn Store,
        group: &ResourceKey,
    ) -> Result<BoundFilter, Error> {
        let mut members = HashSet::new();
        for text in &self.ids {
            if let Some(id) = ResourceId::parse(text)
                && store.is_member(group, id).await?
            {
                members.insert(text.as_str());
            }
        }
        Ok(settled(filter, &|id| members.contains(id)))
    }
}

/// Whether the filter needs the list of members, because it has conditions on members other than their ids.
pub(super) fn needs_members(filter: &BoundFilter) -> bool {
    settled(filter, &|_| false).mentions(MEMBERS)
}

/// The id, when the filter is `members eq "…"` or `members[value eq "…"]`.
fn asked_id(filter: &BoundFilter) -> Option<&str> {
    match filter {
        BoundFilter::Compare { path, operator: CompareOperator::Eq, operand: Operand::Text { value, .. } }
            if path.is_core(MEMBERS) && path.sub_attribute.as_ref().is_some_and(|sub| sub.name == "value") =>
        {
            Some(value)
        }
        BoundFilter::ValuePath { filter, .. } => match &**filter {
            compare @ BoundFilter::Compare { .. } => asked_id(compare),
            _ => None,
        },
        _ => None,
    }
}

// Both recursions are as deep as the filter, whose depth the parser bounds.
fn collect(filter: &BoundFilter, ids: &mut HashSet<String>) {
    if let Some(id) = asked_id(filter) {
        ids.insert(id.to_owned());
        return;
    }
    match filter {
        BoundFilter::And(all) | BoundFilter::Or(all) => all.iter().for_each(|one| collect(one, ids)),
        BoundFilter::Not(inner) => collect(inner, ids),
        BoundFilter::Compare { .. } | BoundFilter::Present(_) | BoundFilter::ValuePath { .. } => {}
    }
}

fn settled(filter: &BoundFilter, is_member: &dyn Fn(&str) -> bool) -> BoundFilter {
    let each = |all: &[BoundFilter]| all.iter().map(|one| settled(one, is_member)).collect();
    if let Some(id) = asked_id(filter) {
        return if is_member(id) { ALWAYS } else { NEVER };
    }
    match filter {
        BoundFilter::And(all) => BoundFilter::And(each(all)),
        BoundFilter::Or(all) => BoundFilter::Or(each(all)),
        BoundFilter::Not(inner) => BoundFilter::Not(Box::new(settled(inner, is_member))),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use scim_protocol::{filter::Filter, schema::SchemaRegistry};

    use super::*;

    /// `expect` is whether an empty document satisfies the filter when only "u" is a member, and
    /// whether the list of members is needed.
    #[track_caller]
    fn check(filter: &str, expect: (bool, bool)) {
        let registry = SchemaRegistry::core();
        let bound = Filter::parse(filter).unwrap().bind(registry.resource_type("Group").unwrap()).unwrap();
        let members = MemberFilter::of(&bound);
        let holds = settled(&bound, &|id| id == "u").matches(&serde_json::Map::new());
        assert_eq!((holds, needs_members(&bound)), expect, "{filter}");
        assert!(members.is_empty() || members.ids.iter().all(|id| ["u", "x"].contains(&id.as_str())), "{filter}");
    }

    #[test]
    fn what_is_asked_of_members_is_settled() {
        check(r#"members eq "u""#, (true, false));
        check(r#"members.value eq "x""#, (false, false));
        check(r#"members[value eq "u"]"#, (true, false));
        check(r#"members eq "u" and not (members eq "x")"#, (true, false));
        check(r#"displayName pr or members eq "u""#, (true, false));
        check(r#"members[value eq "u" and type eq "User"]"#, (false, true));
        check(r#"members.type eq "User" or members eq "u""#, (true, true));
        check(r#"members.value ne "u""#, (true, true));
        check("members pr", (false, true));
        check(r#"displayName eq "x""#, (false, false));
    }
}
