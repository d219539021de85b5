//! Users and groups that no token can deactivate, delete or empty.

use scim_protocol::{Error, ErrorKind};

use super::{Context, Operations, brake::Loss};
use crate::{
    index,
    store::{Commit, Expect, IndexKey, ResourceId, ResourceKey, StoreError, TypeName},
    tenant::Protected,
};

/// Who is protected.
struct Protection {
    ids: Vec<ResourceId>,
    /// The group whose members are protected.
    group: Option<ResourceKey>,
}

impl Operations {
    /// Refuses a write that takes away what is protected. Whether somebody is the last member of a group is decided on
    /// the state in which the commit finds the group.
    pub(super) async fn refuse_protected(
        &self,
        context: &Context,
        protected: &Protected,
        commit: &mut Commit,
        loss: Loss,
    ) -> Result<(), Error> {
        let group = match &protected.members_of {
            Some(name) => self.group_named(context, name).await?,
            None => None,
        };
        let ids = protected.ids.iter().filter_map(|id| ResourceId::parse(id)).collect();
        let protection = Protection { ids, group };
        let target = commit.target.clone();
        if self.is_protected(&protection, &target).await? {
            if loss.deactivates || loss.deactivates_aside || loss.deletes {
                return Err(refused(&target));
            }
            if loss.leave > 0 {
                // Whoever leaves the group of the protected would be protected no longer.
                let is_their_group = protection.group.as_ref() == Some(&target);
                let members = self.members_then(&target, commit).await?;
                if is_their_group || members.is_some_and(|members| loss.leave >= members) {
                    return Err(refused(&target));
                }
            }
        }
        if loss.deletes {
            self.refuse_last_member(&protection, &target, commit).await?;
        }
        Ok(())
    }

    /// Refuses to delete the last member of a protected group.
    async fn refuse_last_member(
        &self,
        protection: &Protection,
        member: &ResourceKey,
        commit: &mut Commit,
    ) -> Result<(), Error> {
        let groups = self.store.groups_of(member.tenant, &[member.id]).await?.pop().unwrap_or_default();
        for group in groups {
            let group = ResourceKey { tenant: member.tenant, resource_type: group.resource_type.clone(), id: group.id };
            if self.is_protected(protection, &group).await?
                && self.members_then(&group, commit).await?.is_some_and(|members| members <= 1)
            {
                return Err(refused(&group));
            }
        }
        Ok(())
    }

    /// How many members a group has when the commit is done: else it is decided again. `None` when the group is gone.
    async fn members_then(&self, group: &ResourceKey, commit: &mut Commit) -> Result<Option<u64>, StoreError> {
        let Some(record) = self.store.get(group).await? else { return Ok(None) };
        commit.expect.push(Expect::Version(group.clone(), record.header.version));
        Ok(Some(record.header.members))
    }

    async fn is_protected(&self, protection: &Protection, key: &ResourceKey) -> Result<bool, StoreError> {
        let Protection { ids, group } = protection;
        if ids.contains(&key.id) || group.as_ref() == Some(key) {
            return Ok(true);
        }
        match group {
            Some(group) => self.store.is_member(group, key.id).await,
            None => Ok(false),
        }
    }

    async fn group_named(&self, context: &Context, name: &str) -> Result<Option<ResourceKey>, Error> {
        let tenant = context.caller.tenant();
        let Some(rt) = tenant.registry.resource_type("Group") else { return Ok(None) };
        if let Some(id) = ResourceId::parse(name) {
            return Ok(Some(context.key(rt, id)));
        }
        // As a server set it that did not look the name up.
        let key = IndexKey {
            tenant: tenant.home,
            resource_type: TypeName::from(rt.name.as_str()),
            attribute: "displayName".into(),
            value: index::text_value(name, false),
        };
        Ok(self.store.lookup(&key).await?.map(|id| context.key(rt, id)))
    }
}

fn refused(key: &ResourceKey) -> Error {
    let name = key.resource_type.as_str();
    Error::new(
        ErrorKind::Forbidden,
        format!(
            "The {name} {} is protected: it cannot be deactivated, deleted or emptied with a token. Ask the administrator of this server, or leave it out of the provisioning.",
            key.id
        ),
    )
}
