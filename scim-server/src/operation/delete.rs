//! DELETE (RFC 7644 §3.6).

use std::{collections::BTreeMap, sync::Arc};

use scim_protocol::{Error, schema::ResourceType};

use super::{
    Answer, Condition, Content, Context, Operations, Outcome, Preconditions, brake::Loss, changed, disable::is_active,
    recast::Keep, told,
};
use crate::{
    deleted::{self, Deleted, GroupOf, MEMBERS_IN_A_PART, Part},
    event::{Action, Event, Membership},
    index,
    render::stored_document,
    sent,
    store::{ATTEMPTS, Commit, Expect, Record, Reference, ResourceId, ResourceKey, StoreError, TypeName, Write},
};

/// How many members are read at a time.
const MEMBERS_PAGE: usize = 1000;

/// The members of a group by their types.
type ByType = BTreeMap<TypeName, Vec<ResourceId>>;

impl Operations {
    /// Refuses what [`Self::delete`] would refuse to an administrator, and removes nothing.
    pub async fn may_delete(&self, context: &Context, rt: &Arc<ResourceType>, id: &str) -> Result<(), Error> {
        let (key, _) = self.find(context, rt, id).await?;
        self.keep_protecting(context, &key).await
    }

    /// Removes a resource: its document, its index entries, and its place in every group. Unless the tenant's
    /// `restore_window` is 0, the same commit keeps it aside.
    pub async fn delete(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: &str,
        condition: &Preconditions,
    ) -> Result<Answer, Error> {
        self.delete_and_keep(context, rt, id, condition, &Keep::default()).await
    }

    /// The same; what is kept may be another than what was there.
    pub(super) async fn delete_and_keep(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: &str,
        condition: &Preconditions,
        keep: &Keep,
    ) -> Result<Answer, Error> {
        let tenant = context.caller.tenant();
        let keeps = tenant.settings.restore_window.begin(self.clock.now()).is_some();
        for _ in 0..ATTEMPTS {
            let (key, record) = self.find(context, rt, id).await?;
            condition.require(record.header.version)?;
            let document = stored_document(&record)?;
            let (body, told) = self.recast_to_keep(context, rt, (&key, &record), keep)?;
            let external_id = told::external_id(&document);
            let had = self.members_by_type(context, &key, &record).await?;
            let (event, members) = (context.event(Action::Delete, &key, Vec::new()), left(&had));
            let groups = self.groups_of_rules(tenant).await?;
            let event = Event { external_id, groups, members, ..event };
            let event = told.of(event, &record.body, tenant.settings.tells_values());
            let mut commit = Commit::new(key.clone(), event);
            commit.expect.push(Expect::Version(key.clone(), record.header.version));
            // Before the resource goes: its id, which both have, is then not yet that of a group to be swept.
            if keeps {
                let kept = Record { body, ..record.clone() };
                self.keep(context, &key, &kept, had, &mut commit).await?;
            }
            let entries = index::entries(&key, &document, tenant.index_specs(&rt.name));
            commit.writes.extend(entries.into_iter().map(Write::Unindex));
            commit.writes.push(Write::Delete(key.clone()));
            if tenant.settings.stale_after.is_some() && self.noted(&key).await?.is_some() {
                commit.writes.push(Write::Delete(sent::key(&key)));
            }
            let members = record.header.members;
            let loss =
                Loss { deactivates: is_active(&document), deletes: true, leave: members, members, ..Loss::default() };
            self.restrain(context, &mut commit, loss).await?;
            context.expect_claim(&mut commit);
            match self.store.commit(commit).await {
                Ok(_) => {
                    return Ok(Answer::plain(Outcome::NoContent, Content::Nothing));
                }
                Err(StoreError::Conflict(what)) if condition.if_match == Condition::None || what != key => {}
                // Something that was looked at beside it is gone.
                Err(StoreError::Missing(what)) if what != key => {}
                Err(StoreError::Conflict(_)) => return Err(changed()),
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict(self.find(context, rt, id).await?.0).into())
    }

    /// Keeps aside in the commit what is about to be deleted: the document, its groups and its members.
    async fn keep(
        &self,
        context: &Context,
        key: &ResourceKey,
        record: &Record,
        members: ByType,
        commit: &mut Commit,
    ) -> Result<(), Error> {
        let groups = self.store.groups_of(key.tenant, &[key.id]).await?.pop().unwrap_or_default();
        // Who is put into another group meanwhile is not kept without it.
        let of = |group: &Reference| ResourceKey {
            tenant: key.tenant,
            resource_type: group.resource_type.clone(),
            id: group.id,
        };
        commit.expect.push(Expect::Groups(key.clone(), groups.iter().map(of).collect()));
        let groups = groups.into_iter().map(|group| GroupOf { resource_type: group.resource_type, id: group.id });
        let (at, request) = (self.clock.now(), context.request_id());
        let by = (&**context.caller.actor(), context.caller.writer());
        let mut deleted = Deleted::of(record, at, by, request, groups.collect())?;
        let writes = &mut commit.writes;
        for (resource_type, members) in members {
            for members in members.chunks(MEMBERS_IN_A_PART) {
                let (id, part) = (self.fresh_id(), Part::new(resource_type.clone(), members));
                deleted.parts.push(id);
                writes.push(Write::Put(deleted::part_key(key.tenant, id), part.body()?));
            }
        }
        let (kept, body) = (deleted::key(key), deleted.body()?);
        let entries = deleted::entries(&kept, &Record { body: body.clone(), ..Record::default() })?;
        writes.push(Write::Put(kept, body));
        writes.extend(entries.into_iter().map(Write::Index));
        Ok(())
    }

    /// The members of a group that is about to be deleted.
    async fn members_by_type(&self, context: &Context, group: &ResourceKey, record: &Record) -> Result<ByType, Error> {
        let (mut by_type, mut after) = (ByType::new(), None);
        if record.header.members == 0 {
            return Ok(by_type);
        }
        loop {
            context.pace.step(1).await?;
            let page = self.store.members(group, after, MEMBERS_PAGE, false).await?;
            for member in page.iter() {
                by_type.entry(member.resource_type.clone()).or_default().push(member.id);
            }
            match page.last() {
                Some(last) if !page.done => after = Some(last.id),
                _ => break,
            }
        }
        Ok(by_type)
    }
}

/// Who has left a group because it was deleted, as its event tells it.
fn left(members: &ByType) -> Option<Box<Membership>> {
    let mut left: Vec<_> = members.values().flatten().copied().collect();
    left.sort_unstable();
    (!left.is_empty()).then(|| Box::new(Membership { joined: Vec::new(), left }))
}
