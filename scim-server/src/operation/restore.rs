//! What was deleted comes back, or goes for good.
//!
//! A deleted resource is kept aside for the tenant's `restore_window` ([`crate::deleted`]). It returns under its old
//! id, with the versions behind its last one, into the groups that held it.

mod memberships;
mod namesake;
mod otherwise;

use std::{sync::Arc, time::Duration};

use scim_protocol::{Error, ErrorKind, Resource, Timestamp, message::Query, schema::ResourceType};
use serde_json::{Map, Value};

pub(super) use self::{memberships::FormerGroups, namesake::Namesake};
use super::{
    Answer, Context, Operations, Outcome, disable::Switch, modify::provided_resource, recast::Recast, told, view,
};
use crate::{
    deleted::{self, Deleted},
    event::{Action, Event, SERVER},
    store::{
        ATTEMPTS, Body, Commit, Edge, Expect, IndexEntry, Record, ResourceId, ResourceKey, Start, StoreError, TypeName,
        Write,
    },
    tenant::Tenant,
};

/// How many deleted resources are read at a time.
const PAGE: usize = 100;
/// Between two looks whether the edges that a group had are swept.
const SWEEP: Duration = Duration::from_millis(50);

/// A resource that was deleted and can be restored.
pub struct Kept {
    /// Where the resource stood.
    pub key: ResourceKey,
    /// The record that keeps it.
    pub record: Record,
    /// What the record says.
    pub deleted: Deleted,
}

/// Which of the deleted resources that are kept can be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restorable {
    /// None.
    Nothing,
    /// Those that were deleted behind this instant.
    Behind(Timestamp),
    /// All, as long as the brake holds.
    Held,
}

impl Restorable {
    /// Whether that one can.
    pub fn has(self, kept: &Kept) -> bool {
        match self {
            Self::Nothing => false,
            Self::Behind(begin) => kept.deleted.deleted_at() > begin,
            Self::Held => true,
        }
    }
}

/// What a deleted resource returns as, made of what is kept.
pub(super) type Decide<'a> = dyn Fn(&Resource) -> Resource + Send + Sync + 'a;

impl Kept {
    fn new(key: ResourceKey, record: Record) -> Result<Self, StoreError> {
        Ok(Self { deleted: Deleted::from_record(&record)?, key, record })
    }

    /// The writes that remove what is kept.
    fn removal(&self) -> Result<Vec<Write>, StoreError> {
        let kept = deleted::key(&self.key);
        let mut writes: Vec<_> = deleted::entries(&kept, &self.record)?.into_iter().map(Write::Unindex).collect();
        writes.push(Write::Delete(kept));
        let parts = self.deleted.parts.iter().map(|part| deleted::part_key(self.key.tenant, *part));
        writes.extend(parts.map(Write::Delete));
        Ok(writes)
    }

    /// Adds to a commit what brings the resource back with that body. The commit holds only if nobody else does.
    pub(super) fn returns(
        &self,
        commit: &mut Commit,
        body: Body,
        entries: impl IntoIterator<Item = IndexEntry>,
        groups: &FormerGroups,
    ) -> Result<(), StoreError> {
        commit.expect.push(Expect::Version(deleted::key(&self.key), self.record.header.version));
        commit.writes.extend(self.removal()?);
        commit.writes.push(Write::Return(self.key.clone(), body, self.deleted.record().header));
        commit.writes.extend(entries.into_iter().map(Write::Index));
        commit.expect.extend_from_slice(&groups.expect);
        commit.writes.extend_from_slice(&groups.writes);
        if let Some(event) = &mut commit.event {
            event.groups.clone_from(&groups.named);
        }
        Ok(())
    }

    /// Whether a commit failed because nothing is kept any longer.
    pub(super) fn is_missed_by(&self, error: &StoreError) -> bool {
        matches!(error, StoreError::Missing(key) if *key == deleted::key(&self.key))
    }
}

impl Operations {
    /// Restores a deleted resource as it was, and shows it. 404 when none with that id is kept; 409 when one of its
    /// unique values is another's meanwhile.
    pub async fn restore(&self, context: &Context, rt: &Arc<ResourceType>, id: &str) -> Result<Answer, Error> {
        let (key, record) = self.restore_as(context, rt, id, Switch::Keep, &Resource::clone).await?;
        let view = view(context, rt, &Query::default())?;
        self.show(context, Outcome::Ok, &key, record, &view).await
    }

    /// Restores a deleted resource as `decide` makes it of what is kept.
    pub(super) async fn restore_as(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: &str,
        switch: Switch,
        decide: &Decide<'_>,
    ) -> Result<(ResourceKey, Record), Error> {
        let tenant = context.caller.tenant();
        for _ in 0..ATTEMPTS {
            let kept = self.kept(context, rt, id).await?;
            let (Recast { body, entries, document, told }, expect) =
                self.returning(context, rt, &kept, switch, decide).await?;
            let event = return_event(context, &kept.key, &document);
            let event = told.of(event, &body, tenant.settings.tells_values());
            let mut commit = Commit::new(kept.key.clone(), event);
            commit.expect.extend(expect);
            let name = TypeName::from(rt.name.as_str());
            commit.expect.extend(tenant.quota(rt).map(|quota| Expect::Fewer(tenant.home, name, quota)));
            let groups = self.former_groups(tenant, &kept).await?;
            kept.returns(&mut commit, body.clone(), entries, &groups)?;
            for member in self.former_members(context, &kept).await? {
                commit.writes.push(Write::Join(Edge { group: kept.key.clone(), member }));
            }
            match self.store.commit(commit).await {
                Ok(committed) => {
                    let header =
                        committed.header.ok_or_else(|| Error::internal("a restored resource has no header"))?;
                    return Ok((kept.key, Record { header, body }));
                }
                Err(StoreError::Taken(entry)) => {
                    let owner = self.store.lookup(&entry.key).await?;
                    return Err(name_taken(&kept, entry, owner));
                }
                Err(StoreError::Conflict(_) | StoreError::Missing(_)) => tokio::time::sleep(SWEEP).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::new(
            ErrorKind::Unavailable(5),
            format!("The {} is not restored: what it left in its groups is still being removed. Try again.", rt.name),
        ))
    }

    /// What is stored of a deleted resource that returns, and what a commit expects. Whoever is disabled stays so; whoever
    /// gets the name of somebody who was becomes so, if the `switch` is to keep that.
    pub(super) async fn returning(
        &self,
        context: &Context,
        rt: &ResourceType,
        kept: &Kept,
        switch: Switch,
        decide: &Decide<'_>,
    ) -> Result<(Recast, Option<Expect>), Error> {
        let record = kept.deleted.record();
        let resource = decide(&provided_resource(&record)?);
        let new = resource.document();
        let (by_name, expect) = self.gets_locked_name(context, rt, kept.key.id, &Map::new(), new).await?;
        let recast = self.recast(context, rt, (&kept.key, &record), resource, (switch, by_name.as_ref()))?;
        Ok((recast, expect))
    }

    /// Removes for good what is kept of a deleted resource, also of one that can be restored no longer. 404 when nothing is.
    pub async fn purge(&self, context: &Context, rt: &Arc<ResourceType>, id: &str) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            let kept = self.still_kept(context, rt, id).await?;
            if self.purge_kept(context.event(Action::Purge, &kept.key, Vec::new()), &kept).await? {
                return Ok(());
            }
        }
        Err(Error::new(
            ErrorKind::Unavailable(1),
            format!("The {} is not purged: it is being changed. Try again.", rt.name),
        ))
    }

    /// False if somebody else has changed, restored or purged what is kept.
    async fn purge_kept(&self, event: Event, kept: &Kept) -> Result<bool, StoreError> {
        let mut commit = Commit::new(kept.key.clone(), event);
        commit.expect.push(Expect::Version(deleted::key(&kept.key), kept.record.header.version));
        commit.writes = kept.removal()?;
        match self.store.commit(commit).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict(_)) => Ok(false),
            Err(error) if kept.is_missed_by(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes for good what was deleted before the tenant's `restore_window`. Gives how many it removed.
    pub async fn purge_old(&self, context: &Context, rt: &ResourceType) -> Result<u64, Error> {
        let tenant = context.caller.tenant();
        let now = self.clock.now();
        let before = tenant.settings.restore_window.begin(now).unwrap_or(now);
        let range = deleted::deleted_until(tenant.home, &rt.name, before);
        let (mut purged, mut after) = (0, None);
        loop {
            let page = self.store.indexed(&range, after.as_ref(), PAGE).await?;
            for (position, record) in page.iter() {
                let key = context.key(rt, position.id);
                let Some(record) = record.clone() else { continue };
                // Nobody does it but the server itself.
                let event = context.event(Action::Purge, &key, Vec::new());
                let event = Event { actor: SERVER.to_owned(), ..event };
                // What was changed meanwhile is looked at again within the hour.
                purged += u64::from(self.purge_kept(event, &Kept::new(key, record)?).await?);
            }
            match page.last() {
                Some((last, _)) if !page.done => after = Some(last.clone()),
                _ => return Ok(purged),
            }
        }
    }

    /// The deleted resources of a type in the order of their ids, behind `after`.
    pub async fn deleted(
        &self,
        context: &Context,
        rt: &ResourceType,
        after: Option<ResourceId>,
    ) -> Result<Vec<Kept>, Error> {
        let start = after.map_or(Start::Offset(0), Start::After);
        let kept = deleted::kept(&rt.name);
        let page = self.store.resources(context.caller.tenant().home, &kept, start, PAGE).await?;
        let kept = page.into_iter().map(|(id, record)| Kept::new(context.key(rt, id), record));
        Ok(kept.collect::<Result<_, _>>()?)
    }

    /// What of the deleted resources of a tenant can be restored now: what is within its `restore_window`, because the
    /// rest is purged within an hour; and all that is kept while its brake has tripped, because nothing is purged then.
    pub async fn restorable(&self, tenant: &Tenant) -> Result<Restorable, StoreError> {
        if self.is_tripped(tenant.home).await? {
            return Ok(Restorable::Held);
        }
        Ok(tenant.settings.restore_window.begin(self.clock.now()).map_or(Restorable::Nothing, Restorable::Behind))
    }

    /// What is kept of a resource that was deleted and not purged.
    pub async fn kept_of(&self, key: ResourceKey) -> Result<Option<Kept>, StoreError> {
        self.store.get(&deleted::key(&key)).await?.map(|record| Kept::new(key, record)).transpose()
    }

    /// The same, whether it can be restored or only waits to be purged; 404 when nothing is kept.
    pub async fn still_kept(&self, context: &Context, rt: &ResourceType, id: &str) -> Result<Kept, Error> {
        let missing = || {
            let name = &rt.name;
            let detail = if context.caller.tenant().settings.restore_window.length().is_zero() {
                "restore_window is 0: what is deleted is not kept."
            } else {
                "It was not deleted here, or it was restored or purged."
            };
            Error::new(ErrorKind::NotFound, format!("No deleted {name} with the id \"{id}\" is kept. {detail}"))
        };
        let key = context.key(rt, ResourceId::parse(id).ok_or_else(missing)?);
        self.kept_of(key).await?.ok_or_else(missing)
    }

    /// The same of one that can be restored; 404 of any other.
    pub async fn kept(&self, context: &Context, rt: &ResourceType, id: &str) -> Result<Kept, Error> {
        let kept = self.still_kept(context, rt, id).await?;
        if self.restorable(context.caller.tenant()).await?.has(&kept) {
            return Ok(kept);
        }
        let (name, kind) = (&rt.name, rt.name.to_lowercase());
        Err(Error::new(
            ErrorKind::NotFound,
            format!(
                "The deleted {name} \"{id}\" can be restored no longer: its restore_window is over. What is left of it is purged within an hour, or at once with `{kind} purge`."
            ),
        ))
    }
}

/// That a deleted resource cannot return, because another has one of its unique values.
pub(super) fn name_taken(kept: &Kept, entry: IndexEntry, owner: Option<ResourceId>) -> Error {
    let (name, attribute) = (kept.key.resource_type.as_str(), &entry.key.attribute);
    let other = match owner {
        Some(id) => format!("the {name} {id}"),
        None => format!("another {name}"),
    };
    Error::new(
        ErrorKind::Uniqueness,
        format!(
            "The {name} {id} is not restored: its {attribute} is now that of {other}. Rename or delete that one, and try again.",
            id = kept.key.id
        ),
    )
    .with_source(StoreError::Taken(entry))
}

/// The event of a return: for whoever keeps a copy it is a creation.
fn return_event(context: &Context, key: &ResourceKey, document: &Map<String, Value>) -> Event {
    let event = context.event(Action::Create, key, document.keys().cloned().collect());
    Event { external_id: told::external_id(document), restored: true, ..event }
}

fn no_longer_kept(key: &ResourceKey) -> Error {
    let name = key.resource_type.as_str();
    Error::new(ErrorKind::NotFound, format!("The deleted {name} {} was restored or purged meanwhile.", key.id))
}
