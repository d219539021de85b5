//! Members that are put back: who is to come, and who is to go.

use std::collections::BTreeSet;

use scim_protocol::Error;

use super::{Context, Undo, history::History, outcome::Outcome, step::Step, values::since};
use crate::{
    membership::{MEMBERS, MemberOperation},
    store::{Record, ResourceId, ResourceKey},
};

/// How many members are read at a time.
const PAGE: usize = 1000;
/// A group of which a smaller part moves is not read: each of those who do is looked up.
const PART: u64 = 16;

impl Undo<'_> {
    /// Who is to come and who is to go; refuses the others.
    pub(super) async fn moves(
        &self,
        context: &Context,
        (group, record): (&ResourceKey, &Record),
        history: &History,
        result: &mut Outcome,
    ) -> Result<Vec<(ResourceId, bool)>, Error> {
        let mut moves = Vec::new();
        let steps: Vec<_> = history.members.iter().filter_map(|(id, step)| Some((*id, step.as_ref()?))).collect();
        let ids: Vec<_> = steps.iter().map(|(id, _)| *id).collect();
        let there = self.members_among(group, record.header.members, &ids).await?;
        for (member, step) in steps {
            context.pace.step(1).await?;
            // With it may return a membership, also one that was not there before.
            result.waits |= self.awaited.contains(&member);
            let is_member = match self.rehearsed(context, group, member).await? {
                Some(is_member) => is_member,
                None => there.contains(&member),
            };
            // Who is in the end where it was, and is not there now, is out by something that was not chosen.
            if is_member == step.before || step.before && step.is_nothing() {
                if !step.before && self.returns_into(context, group, member).await? {
                    let reason = format!(
                        "the member {member} was deleted since, and would be in the group again when restored: restore it, and run the same command again"
                    );
                    result.refused.push((MEMBERS.to_owned(), reason));
                }
                continue;
            }
            let reason = match &step.other {
                Some(other) => since(other),
                None if self.stays.contains(&member) => {
                    format!("the member {member} is not deleted, and so stays in the group")
                }
                None if step.before && !self.is_there(context, member).await? => {
                    format!("the member {member} is not there any more")
                }
                None => {
                    moves.push((member, step.before));
                    continue;
                }
            };
            result.refused.push((MEMBERS.to_owned(), reason));
        }
        Ok(moves)
    }

    /// Those of some ids, which ascend, that are members of a group of so many.
    async fn members_among(
        &self,
        group: &ResourceKey,
        members: u64,
        ids: &[ResourceId],
    ) -> Result<BTreeSet<ResourceId>, Error> {
        let (store, mut found) = (&self.operations.store, BTreeSet::new());
        if members > PART.saturating_mul(ids.len() as u64) {
            for id in ids {
                if store.is_member(group, *id).await? {
                    found.insert(*id);
                }
            }
            return Ok(found);
        }
        let (mut rest, mut after) = (ids, None);
        while !rest.is_empty() {
            let page = store.members(group, after, PAGE, false).await?;
            found.extend(page.iter().map(|member| member.id));
            let Some(last) = page.last().filter(|_| !page.done) else { break };
            rest = rest.get(rest.partition_point(|id| *id <= last.id)..).unwrap_or_default();
            after = Some(last.id);
        }
        Ok(found)
    }

    /// Whether members of a group have come back, or gone, because they were restored or deleted themselves.
    pub(super) fn has_moved(&self, group: ResourceId, history: &History) -> bool {
        let has_moved = |(member, step): (&ResourceId, &Option<Step<bool>>)| match step {
            Some(step) if step.before => self.restored.contains(member),
            Some(_) => self.removed.get(member).is_some_and(|groups| groups.contains(&group)),
            None => false,
        };
        history.members.iter().any(has_moved)
    }

    /// Whether it is a member; in a dry run: would be, after all deletions and restores.
    pub(super) async fn is_member(
        &self,
        context: &Context,
        group: &ResourceKey,
        member: ResourceId,
    ) -> Result<bool, Error> {
        match self.rehearsed(context, group, member).await? {
            Some(is_member) => Ok(is_member),
            None => Ok(self.operations.store.is_member(group, member).await?),
        }
    }

    /// In a dry run: whether it would be a member of a group, if one of the two would be deleted or restored.
    async fn rehearsed(
        &self,
        context: &Context,
        group: &ResourceKey,
        member: ResourceId,
    ) -> Result<Option<bool>, Error> {
        let is_rehearsed =
            self.restored.contains(&member) || self.restored.contains(&group.id) || self.removed.contains_key(&member);
        if !self.dry_run || !is_rehearsed {
            return Ok(None);
        }
        Ok(Some(self.rehearsal.returns(group.id, member) && self.is_there(context, member).await?))
    }

    /// Whether somebody is deleted whom a restore brings back into a group, and neither by this undo nor by the chosen events.
    async fn returns_into(&self, context: &Context, group: &ResourceKey, member: ResourceId) -> Result<bool, Error> {
        if self.moved.contains(&member) || self.is_there(context, member).await? {
            return Ok(false);
        }
        for rt in context.caller.tenant().registry.resource_types() {
            if let Some(kept) = self.operations.kept_of(context.key(rt, member)).await? {
                return Ok(kept.deleted.groups.iter().any(|former| former.id == group.id));
            }
        }
        Ok(false)
    }

    /// Whether it can be a member; in a dry run: could be, after all deletions and restores.
    async fn is_there(&self, context: &Context, id: ResourceId) -> Result<bool, Error> {
        if self.restored.contains(&id) {
            return Ok(true);
        }
        if self.removed.contains_key(&id) {
            return Ok(false);
        }
        for rt in context.caller.tenant().registry.resource_types() {
            if self.operations.store.get(&context.key(rt, id)).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The moves as operations of a PATCH.
pub(super) fn operations(moves: &[(ResourceId, bool)]) -> Vec<MemberOperation> {
    let of =
        |joins: bool| moves.iter().filter(|(_, is)| *is == joins).map(|(id, _)| id.to_string()).collect::<Vec<_>>();
    let (come, go) = (of(true), of(false));
    let come = (!come.is_empty()).then_some(MemberOperation::Add(come));
    let go = (!go.is_empty()).then_some(MemberOperation::Remove(go));
    come.into_iter().chain(go).collect()
}
