//! Users and groups that no token can deactivate, delete or empty; nor can a token say who they are.

use std::collections::HashSet;

use scim_protocol::{Error, ErrorKind, Resource};

use super::{
    Context, Operations,
    brake::Loss,
    disable::{self, is_active},
    restore::Kept,
};
use crate::{
    index,
    store::{Commit, Expect, IndexKey, ResourceId, ResourceKey, StoreError, TypeName, Write},
};

/// What is said of a protected group that loses all who were in it.
const ONE_STAYS: &str =
    "is protected: with a token not all of its members can be taken out of it, also when others take their place";

/// Who is protected.
struct Protection {
    ids: Vec<ResourceId>,
    /// The group whose members are protected.
    group: Option<ResourceKey>,
}

impl Operations {
    /// Refuses a write that takes away what is protected, or that says who is. Whether somebody is the last member of a
    /// group is decided on the state in which the commit finds the group.
    pub(super) async fn protect(&self, context: &Context, commit: &mut Commit, loss: Loss) -> Result<(), Error> {
        if context.caller.is_administrator() && loss.deletes {
            return self.keep_protecting(context, &commit.target).await;
        }
        let Some(protection) = self.protection(context).await? else { return Ok(()) };
        self.refuse_joins(&protection, commit, &HashSet::new()).await?;
        self.refuse_loss(&protection, commit, loss).await
    }

    /// Refuses to an administrator, too, to delete the group whose members are protected: nobody would be told that they
    /// are protected no longer.
    pub(super) async fn keep_protecting(&self, context: &Context, target: &ResourceKey) -> Result<(), Error> {
        let tenant = context.caller.tenant();
        let named = tenant.settings.protected.as_ref().and_then(|protected| protected.members_of.as_ref());
        let Some(name) = named else { return Ok(()) };
        if self.group_named(context, name).await?.as_ref() != Some(target) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Forbidden,
            format!(
                "The members of the Group {} are protected, and would not be without it. Name another group in \"protected\", or leave \"members_of\" out, with `tenant set {} --settings FILE`; then delete it.",
                target.id, tenant.name
            ),
        ))
    }

    /// Refuses the same of a POST that brings back what was deleted: it takes away what the last state had and the body
    /// has not. A name that brings an administrator's lock on somebody else deactivates, too.
    pub(super) async fn protect_return(
        &self,
        context: &Context,
        (kept, sent, gets_locked): (&Kept, &Resource, bool),
        commit: &mut Commit,
    ) -> Result<(), Error> {
        let Some(protection) = self.protection(context).await? else { return Ok(()) };
        let mut former = HashSet::new();
        for member in self.kept_members(context, kept).await? {
            // Nobody can send who is not there.
            if self.store.get(&member).await?.is_some() {
                former.insert(member);
            }
        }
        self.refuse_joins(&protection, commit, &former).await?;
        let deactivates = disable::was_active(&kept.deleted.record())? && (gets_locked || !is_active(sent.document()));
        let stay = joined(commit).filter(|(group, member)| **group == kept.key && former.contains(*member)).count();
        let (leave, members) = (former.len().saturating_sub(stay) as u64, former.len() as u64);
        let loss = Loss { deactivates, leave, members, ..Loss::default() };
        self.refuse_loss(&protection, commit, loss).await
    }

    /// Who is protected from the caller, if anybody is.
    async fn protection(&self, context: &Context) -> Result<Option<Protection>, Error> {
        let settings = &context.caller.tenant().settings;
        let Some(protected) = settings.protected.as_ref().filter(|_| !context.caller.is_administrator()) else {
            return Ok(None);
        };
        let group = match &protected.members_of {
            Some(name) => self.group_named(context, name).await?,
            None => None,
        };
        let ids = protected.ids.iter().filter_map(|id| ResourceId::parse(id)).collect();
        Ok(Some(Protection { ids, group }))
    }

    /// Refuses to put somebody into the group whose members are protected: a token could then make anybody one whom no
    /// token can deactivate. Who returns into it, or with it, was a member before.
    async fn refuse_joins(
        &self,
        protection: &Protection,
        commit: &Commit,
        former: &HashSet<ResourceKey>,
    ) -> Result<(), Error> {
        let Some(theirs) = &protection.group else { return Ok(()) };
        for (group, member) in joined(commit).filter(|(group, _)| *group == theirs) {
            let returns = *member == commit.target && *group != commit.target;
            let was_member = returns || former.contains(member);
            if !was_member && !self.store.is_member(group, member.id).await? {
                return Err(refused_join(group));
            }
        }
        Ok(())
    }

    async fn refuse_loss(&self, protection: &Protection, commit: &mut Commit, loss: Loss) -> Result<(), Error> {
        if loss.is_none() {
            return Ok(());
        }
        let target = commit.target.clone();
        let returns_to = protection
            .group
            .as_ref()
            .is_some_and(|theirs| joined(commit).any(|(group, member)| group == theirs && *member == target));
        if returns_to || self.is_protected(protection, &target).await? {
            if loss.deactivates || loss.deactivates_aside || loss.deletes {
                return Err(refused(&target, "is protected: it cannot be deactivated or deleted with a token"));
            }
            if loss.leave > 0 {
                // Whoever leaves the group of the protected would be protected no longer.
                if protection.group.as_ref() == Some(&target) {
                    return Err(refused(&target, "is protected: nobody can be taken out of it with a token"));
                }
                // Others in the place of all are others: one of those who were in it stays.
                if loss.leave >= self.members_then(&target, commit).await?.unwrap_or(loss.members) {
                    return Err(refused(&target, ONE_STAYS));
                }
            }
        }
        if loss.deletes {
            self.refuse_last_member(protection, &target, commit).await?;
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
                return Err(refused(&group, ONE_STAYS));
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

/// The members who come with a commit, with their groups.
fn joined(commit: &Commit) -> impl Iterator<Item = (&ResourceKey, &ResourceKey)> {
    commit.writes.iter().filter_map(|write| match write {
        Write::Join(edge) => Some((&edge.group, &edge.member)),
        _ => None,
    })
}

fn refused_join(group: &ResourceKey) -> Error {
    Error::new(
        ErrorKind::Forbidden,
        format!(
            "The members of the Group {} are protected: nobody can be put into it with a token. Ask the administrator of this server, or leave the group out of the provisioning.",
            group.id
        ),
    )
}

fn refused(key: &ResourceKey, why: &str) -> Error {
    let (name, id) = (key.resource_type.as_str(), key.id);
    Error::new(
        ErrorKind::Forbidden,
        format!("The {name} {id} {why}. Ask the administrator of this server, or leave it out of the provisioning."),
    )
}
