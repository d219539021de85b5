//! The memberships that return with a deleted resource.
//!
//! An edge returns when both its ends are there again. If the other end is deleted as well, what is kept of that one
//! gets the edge: whoever returns last brings it back.

use std::collections::BTreeMap;

use scim_protocol::Error;

use super::{Context, Kept, Operations, no_longer_kept};
use crate::{
    deleted::{self, GroupOf, Part},
    event::Json,
    store::{ATTEMPTS, Commit, Edge, Expect, ResourceId, ResourceKey, StoreError, Write},
    tenant::Tenant,
};

/// In how many deleted members one commit notes their group.
const PORTION: usize = 500;

/// What a commit does so that a resource is again in its former groups.
#[derive(Default)]
pub(in super::super) struct FormerGroups {
    pub expect: Vec<Expect>,
    pub writes: Vec<Write>,
    /// The groups that the tenant's rules name by their `externalId`, for the events of those that change.
    pub named: BTreeMap<ResourceId, Json>,
    /// The groups that are there.
    there: Vec<ResourceKey>,
}

impl FormerGroups {
    /// Whether a commit failed because one of the groups was deleted or restored meanwhile.
    pub fn are_in_the_way(&self, error: &StoreError) -> bool {
        let is_expected =
            |key| self.expect.iter().any(|expect| matches!(expect, Expect::Version(kept, _) if kept == key));
        matches!(error, StoreError::Missing(key) if self.there.contains(key) || is_expected(key))
    }
}

impl Operations {
    /// The groups that held a deleted resource and are there or kept.
    pub(in super::super) async fn former_groups(&self, tenant: &Tenant, kept: &Kept) -> Result<FormerGroups, Error> {
        let mut former = FormerGroups { named: self.groups_of_rules(tenant).await?, ..FormerGroups::default() };
        // One that was in itself has itself among its members, too.
        for GroupOf { resource_type, id } in kept.deleted.groups.iter().filter(|group| group.id != kept.key.id) {
            let group = ResourceKey { tenant: kept.key.tenant, resource_type: resource_type.clone(), id: *id };
            let member = kept.key.clone();
            if self.store.get(&group).await?.is_some() {
                former.writes.push(Write::Join(Edge { group: group.clone(), member }));
                former.there.push(group);
            } else if let Some(mut group) = self.kept_of(group).await? {
                let (id, part) = (self.fresh_id(), Part::new(member.resource_type, &[member.id]));
                group.deleted.parts.push(id);
                group.deleted.members += 1;
                former.writes.push(Write::Put(deleted::part_key(group.key.tenant, id), part.body()?));
                group.rewrite(&mut former.expect, &mut former.writes)?;
            }
        }
        Ok(former)
    }

    /// The members that a deleted group had, wherever they are now.
    pub(in super::super) async fn kept_members(
        &self,
        context: &Context,
        group: &Kept,
    ) -> Result<Vec<ResourceKey>, Error> {
        let mut members = Vec::new();
        for part in &group.deleted.parts {
            let key = deleted::part_key(group.key.tenant, *part);
            let record = self.store.get(&key).await?.ok_or_else(|| no_longer_kept(&group.key))?;
            members.extend(Part::from_record(&record)?.members(group.key.tenant));
            context.pace.step(1).await?;
        }
        Ok(members)
    }

    /// The members that a deleted group had and that are there. Those that are deleted as well return to it when they
    /// are restored.
    pub(super) async fn former_members(&self, context: &Context, group: &Kept) -> Result<Vec<ResourceKey>, Error> {
        let (mut there, mut absent) = (Vec::new(), Vec::new());
        for member in self.kept_members(context, group).await? {
            context.pace.step(1).await?;
            // It may be in itself.
            let is_there = member == group.key || self.store.get(&member).await?.is_some();
            if is_there { there.push(member) } else { absent.push(member) }
        }
        for members in absent.chunks(PORTION) {
            context.pace.step(members.len()).await?;
            for member in self.note_group(&group.key, members).await? {
                // It was purged, or returned while this group was away.
                if self.store.get(&member).await?.is_some() {
                    there.push(member);
                }
            }
        }
        Ok(there)
    }

    /// Notes a group in what is kept of its members. Before the group is there this means nothing. Gives those of whom
    /// nothing is kept.
    async fn note_group(&self, group: &ResourceKey, members: &[ResourceKey]) -> Result<Vec<ResourceKey>, Error> {
        let noted = GroupOf { resource_type: group.resource_type.clone(), id: group.id };
        for _ in 0..ATTEMPTS {
            let mut commit = Commit::unnoticed(deleted::key(group));
            let mut not_kept = Vec::new();
            for member in members {
                let Some(mut member) = self.kept_of(member.clone()).await? else {
                    not_kept.push(member.clone());
                    continue;
                };
                if !member.deleted.groups.contains(&noted) {
                    member.deleted.groups.push(noted.clone());
                    member.rewrite(&mut commit.expect, &mut commit.writes)?;
                }
            }
            match self.store.commit(commit).await {
                Ok(_) => return Ok(not_kept),
                Err(StoreError::Conflict(_) | StoreError::Missing(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict(group.clone()).into())
    }
}

impl Kept {
    /// The writes that keep what was changed in it, if nobody else changed it.
    pub(super) fn rewrite(&self, expect: &mut Vec<Expect>, writes: &mut Vec<Write>) -> Result<(), StoreError> {
        let key = deleted::key(&self.key);
        expect.push(Expect::Version(key.clone(), self.record.header.version));
        writes.push(Write::Put(key, self.deleted.body()?));
        Ok(())
    }
}
