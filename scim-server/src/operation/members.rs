//! From the members in a request to the edges that are added and removed.

use std::collections::HashMap;

use scim_protocol::{Error, ErrorKind, filter::BoundFilter};
use serde_json::{Value, json};

use super::{Context, Operations};
use crate::{
    membership::{self, MemberOperation},
    profile,
    store::{Edge, ResourceId, ResourceKey, StoreError, TypeName, Write},
};

/// How many members are read at a time when all are needed.
const PAGE: usize = 1000;
/// The most members that the filters of one PATCH may test together, each once for each term.
pub const MEMBER_VISITS: usize = 10_000_000;
/// How many members that are only listed are one step.
const MEMBERS_OF_A_STEP: usize = 16;
/// How many terms of a filter that are tried on a member are one step more.
const TERMS_OF_A_STEP: usize = 16;

/// The result of a sequence of operations: who is a member at the end and who is not. Everybody else stays, or is
/// removed after a `Clear`.
#[derive(Default)]
struct Decided {
    cleared: bool,
    /// In the order of the request; `true` is a member.
    named: HashMap<ResourceId, bool>,
    order: Vec<ResourceId>,
    /// How many terms of filters were tried on members.
    visited: usize,
}

impl Decided {
    /// Counts the terms of a filter that is tested on a member. Each filter of a PATCH tests all members, so hundreds
    /// of filters on a large group would be unlimited work.
    fn visit(&mut self, terms: usize) -> Result<(), Error> {
        self.visited += terms;
        if self.visited <= MEMBER_VISITS {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::TooMany,
            "The filters on members take too much work together. Name the members by value, or send fewer filters.",
        ))
    }

    fn set(&mut self, id: ResourceId, present: bool) {
        if self.named.insert(id, present).is_none() {
            self.order.push(id);
        }
    }
}

impl Operations {
    /// The resources that a list of members names, in a POST or PUT. They must exist.
    pub(super) async fn members_in(&self, context: &Context, listed: Option<Value>) -> Result<Vec<ResourceKey>, Error> {
        let Some(listed) = listed else { return Ok(Vec::new()) };
        let mut keys = Vec::new();
        let mut seen = std::collections::HashSet::new();
        let mut named = membership::values(&listed)?;
        profile::check_member_count(context.caller.tenant().profile(), named.len())?;
        // Counted before any look-up, so that a refusal costs only the reading of the request.
        named.retain(|id| seen.insert(id.clone()));
        self.bound(named.len())?;
        for id in named {
            context.pace.step(1).await?;
            keys.push(self.member(context, &id).await?);
        }
        Ok(keys)
    }

    /// The writes for the operations of a PATCH on members. Reads only the members that are named, unless all are
    /// replaced or a filter needs more. The flag says whether it has read all of them; then the decision is valid
    /// only for the group's present version.
    pub(super) async fn member_writes(
        &self,
        context: &Context,
        group: &ResourceKey,
        operations: Vec<MemberOperation>,
    ) -> Result<(Vec<Write>, bool), Error> {
        let mut decided = Decided::default();
        let mut looked_at_all = false;
        for operation in operations {
            match operation {
                MemberOperation::Add(ids) => {
                    for id in ids {
                        // Who is named again exists already.
                        context.pace.step(1).await?;
                        let known = ResourceId::parse(&id).filter(|id| decided.named.get(id) == Some(&true));
                        let id = match known {
                            Some(id) => id,
                            None => self.member(context, &id).await?.id,
                        };
                        decided.set(id, true);
                    }
                }
                MemberOperation::Remove(ids) => {
                    for id in ids.iter().filter_map(|id| ResourceId::parse(id)) {
                        decided.set(id, false);
                    }
                }
                MemberOperation::Present(ids) => self.require_members(group, &ids, &decided).await?,
                MemberOperation::Clear => {
                    decided = Decided { cleared: true, visited: decided.visited, ..Decided::default() }
                }
                MemberOperation::RemoveWhere(filter) => {
                    looked_at_all = true;
                    self.remove_where(context, group, &filter, &mut decided).await?;
                }
            }
        }
        looked_at_all |= decided.cleared;
        let writes = self.edges(context, group, decided).await?;
        self.bound(writes.len())?;
        Ok((writes, looked_at_all))
    }

    /// 400 `noTarget` unless these are members at this point.
    async fn require_members(&self, group: &ResourceKey, ids: &[String], decided: &Decided) -> Result<(), Error> {
        for id in ids {
            let is_there = match ResourceId::parse(id) {
                None => false,
                Some(id) => match decided.named.get(&id) {
                    Some(present) => *present,
                    None => !decided.cleared && self.store.is_member(group, id).await?,
                },
            };
            if !is_there {
                return Err(Error::new(
                    ErrorKind::NoTarget,
                    format!("members has nobody with the value \"{id}\". Add the member in place of replacing it."),
                ));
            }
        }
        Ok(())
    }

    async fn edges(&self, context: &Context, group: &ResourceKey, decided: Decided) -> Result<Vec<Write>, Error> {
        let mut writes = Vec::new();
        if decided.cleared {
            let mut after = None;
            loop {
                let page = self.store.members(group, after, PAGE, false).await?;
                context.pace.step(page.len() / MEMBERS_OF_A_STEP).await?;
                for member in page.iter() {
                    if decided.named.get(&member.id) != Some(&true) {
                        writes.push(Write::Leave(edge(group, &member.resource_type, member.id)));
                    }
                }
                match page.last() {
                    Some(last) if !page.done => after = Some(last.id),
                    _ => break,
                }
            }
        }
        for id in decided.order {
            context.pace.step(1).await?;
            let present = decided.named.get(&id) == Some(&true);
            if present == self.store.is_member(group, id).await? {
                continue;
            }
            if present {
                let member = self.member(context, &id.to_string()).await?;
                writes.push(Write::Join(Edge { group: group.clone(), member }));
            } else if !decided.cleared {
                // The type of a member to remove does not matter: edges are found by id.
                writes.push(Write::Leave(edge(group, &group.resource_type, id)));
            }
        }
        Ok(writes)
    }

    async fn remove_where(
        &self,
        context: &Context,
        group: &ResourceKey,
        filter: &BoundFilter,
        decided: &mut Decided,
    ) -> Result<(), Error> {
        let renderer = self.renderer(context);
        let gone = |id: ResourceId, kind: &TypeName, display: &str| {
            filter.matches_element(&json!({
                "value": id.to_string(),
                "type": kind.as_str(),
                "display": display,
                "$ref": renderer.location(kind.as_str(), id),
            }))
        };
        // Members that this request has added count as well.
        let terms = filter.terms().max(1);
        for id in decided.order.clone() {
            decided.visit(terms)?;
            context.pace.step(1 + terms / TERMS_OF_A_STEP).await?;
            if decided.named.get(&id) == Some(&true) {
                let key = self.member(context, &id.to_string()).await?;
                let record = self.store.get(&key).await?.unwrap_or_default();
                if gone(id, &key.resource_type, record.body.display()) {
                    decided.set(id, false);
                }
            }
        }
        let mut after = None;
        while !decided.cleared {
            let page = self.store.members(group, after, PAGE, true).await?;
            for member in page.iter() {
                decided.visit(terms)?;
                context.pace.step(1 + terms / TERMS_OF_A_STEP).await?;
                let display = std::str::from_utf8(&member.display).unwrap_or_default();
                if !decided.named.contains_key(&member.id) && gone(member.id, &member.resource_type, display) {
                    decided.set(member.id, false);
                }
            }
            match page.last() {
                Some(last) if !page.done => after = Some(last.id),
                _ => break,
            }
        }
        Ok(())
    }

    /// The resource that a client means as a member, whatever its type.
    async fn member(&self, context: &Context, id: &str) -> Result<ResourceKey, Error> {
        let tenant = context.caller.tenant();
        if let Some(id) = ResourceId::parse(id) {
            for rt in tenant.registry.resource_types() {
                let key = context.key(rt, id);
                if self.store.get(&key).await?.is_some() {
                    profile::check_member(tenant.profile(), &key)?;
                    return Ok(key);
                }
            }
        }
        Err(unknown_member(id))
    }

    fn bound(&self, changes: usize) -> Result<(), Error> {
        let most = self.limits.member_changes;
        if changes > most {
            return Err(Error::new(
                ErrorKind::PayloadTooLarge,
                format!(
                    "The request changes {changes} members; at most {most} can change at once. Send several PATCH requests, or ask the administrator to raise max_member_changes."
                ),
            ));
        }
        Ok(())
    }
}

/// A member that was deleted between the decision and the commit gives 400, because the client named it. If the
/// resource itself was deleted, it is 404.
pub(super) fn or_missing(error: StoreError, target: &ResourceKey) -> Error {
    match error {
        StoreError::Missing(key) if key != *target => unknown_member(&key.id.to_string()),
        error => error.into(),
    }
}

fn unknown_member(id: &str) -> Error {
    Error::value(format!("members names \"{id}\", which is no resource here. Create it first, or leave it out."))
}

fn edge(group: &ResourceKey, member_type: &TypeName, id: ResourceId) -> Edge {
    let member = ResourceKey { tenant: group.tenant, resource_type: member_type.clone(), id };
    Edge { group: group.clone(), member }
}
