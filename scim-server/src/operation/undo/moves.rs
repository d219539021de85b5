//! Members that are put back: who is to come, and who is to go.

use std::sync::Arc;

use scim_protocol::{Error, schema::ResourceType};

use super::{
    Context, Undo,
    history::{History, Step},
    outcome::Outcome,
    values::since,
};
use crate::{
    membership::{MEMBERS, MemberOperation},
    store::{ResourceId, ResourceKey},
};

impl Undo<'_> {
    /// Who is to come and who is to go; refuses the others.
    pub(super) async fn moves(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: ResourceId,
        history: &History,
        result: &mut Outcome,
    ) -> Result<Vec<(ResourceId, bool)>, Error> {
        let group = context.key(rt, id);
        let mut moves = Vec::new();
        let steps = history.members.iter().filter_map(|(member, step)| Some((*member, step.as_ref()?)));
        for (member, step) in steps {
            context.pace.step(1).await?;
            result.waits |= step.before && self.awaited.contains(&member);
            if self.is_member(context, &group, member).await? == step.before {
                continue;
            }
            let reason = match &step.other {
                Some(other) => since(other),
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
        let is_rehearsed =
            self.restored.contains(&member) || self.restored.contains(&group.id) || self.removed.contains_key(&member);
        if self.dry_run && is_rehearsed {
            return Ok(self.rehearsal.returns(group.id, member) && self.is_there(context, member).await?);
        }
        Ok(self.operations.store.is_member(group, member).await?)
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
