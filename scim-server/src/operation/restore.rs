//! What was deleted comes back, or goes for good.
//!
//! A deleted resource is kept aside for the tenant's `restore_window` ([`crate::deleted`]). It returns under its old
//! id, with the versions behind its last one, into the groups that held it and that are still there.

use std::{sync::Arc, time::Duration};

use scim_protocol::{Error, ErrorKind, message::Query, schema::ResourceType};
use serde_json::{Map, Value};

use super::{ATTEMPTS, Answer, Context, Operations, Outcome, told, view};
use crate::{
    deleted::{self, By, Deleted, Part},
    event::{Action, Event, SERVER},
    index,
    render::stored_document,
    store::{
        Body, Commit, Edge, Expect, IndexEntry, IndexRange, IndexValue, LAST_MODIFIED, Record, ResourceId, ResourceKey,
        Start, StoreError, TypeName, Values, Write,
    },
    tenant::{RestoreBy, Tenant},
};

/// How many deleted resources are read at a time.
const PAGE: usize = 100;
/// How many that had the same value are looked at: the newest.
const NAMESAKES: usize = 16;
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
        groups: Vec<ResourceKey>,
    ) -> Result<(), StoreError> {
        commit.expect.push(Expect::Version(deleted::key(&self.key), self.record.header.version));
        commit.writes.extend(self.removal()?);
        commit.writes.push(Write::Return(self.key.clone(), body, self.deleted.record().header));
        commit.writes.extend(entries.into_iter().map(Write::Index));
        let member = self.key.clone();
        commit.writes.extend(groups.into_iter().map(|group| Write::Join(Edge { group, member: member.clone() })));
        Ok(())
    }

    /// Whether a commit failed because somebody else restored or purged it, or its old edges are not swept yet.
    pub(super) fn is_in_the_way(&self, error: &StoreError) -> bool {
        match error {
            StoreError::Conflict(_) => true,
            StoreError::Missing(key) => *key == deleted::key(&self.key),
            _ => false,
        }
    }
}

impl Operations {
    /// Restores a deleted resource as it was, and shows it. 404 when none with that id is kept; 409 when one of its
    /// unique values is another's meanwhile.
    pub async fn restore(&self, context: &Context, rt: &Arc<ResourceType>, id: &str) -> Result<Answer, Error> {
        let tenant = context.caller.tenant();
        for _ in 0..ATTEMPTS {
            let kept = self.kept(context, rt, id).await?;
            let record = kept.deleted.record();
            let document = stored_document(&record)?;
            let mut commit = Commit::new(kept.key.clone(), return_event(context, &kept.key, &record, &document));
            let name = TypeName::from(rt.name.as_str());
            commit.expect.extend(tenant.quota(rt).map(|quota| Expect::Fewer(tenant.home, name, quota)));
            let entries = index::entries(&kept.key, &document, tenant.index_specs(&rt.name));
            let groups = self.groups_still_there(&kept).await?;
            kept.returns(&mut commit, record.body.clone(), entries, groups)?;
            for member in self.members_still_there(context, &kept).await? {
                commit.writes.push(Write::Join(Edge { group: kept.key.clone(), member }));
            }
            match self.store.commit(commit).await {
                Ok(committed) => {
                    let header =
                        committed.header.ok_or_else(|| Error::internal("a restored resource has no header"))?;
                    let view = view(context, rt, &Query::default())?;
                    return self.show(context, Outcome::Ok, &kept.key, Record { header, ..record }, &view).await;
                }
                Err(StoreError::Taken(entry)) => return Err(self.name_taken(&kept, entry).await),
                Err(StoreError::Conflict(_) | StoreError::Missing(_)) => tokio::time::sleep(SWEEP).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::new(
            ErrorKind::Unavailable(5),
            format!("The {} is not restored: what it left in its groups is still being removed. Try again.", rt.name),
        ))
    }

    /// Removes for good what is kept of a deleted resource. 404 when nothing is.
    pub async fn purge(&self, context: &Context, rt: &Arc<ResourceType>, id: &str) -> Result<(), Error> {
        let kept = self.kept(context, rt, id).await?;
        self.purge_kept(context.event(Action::Purge, &kept.key, Vec::new()), &kept).await
    }

    async fn purge_kept(&self, event: Event, kept: &Kept) -> Result<(), Error> {
        let mut commit = Commit::new(kept.key.clone(), event);
        commit.expect.push(Expect::Version(deleted::key(&kept.key), kept.record.header.version));
        commit.writes = kept.removal()?;
        match self.store.commit(commit).await {
            Ok(_) => Ok(()),
            Err(error) if kept.is_in_the_way(&error) => Err(no_longer_kept(&kept.key)),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes for good what was deleted before the tenant's `restore_window`. Gives how many it removed.
    pub async fn purge_old(&self, context: &Context, rt: &ResourceType) -> Result<u64, Error> {
        let tenant = context.caller.tenant();
        let now = self.clock.now();
        let before = tenant.settings.restore_window.begin(now).unwrap_or(now);
        let range = IndexRange {
            tenant: tenant.home,
            resource_type: deleted::kept(&rt.name),
            attribute: LAST_MODIFIED.into(),
            values: Values::Between(std::ops::Bound::Unbounded, std::ops::Bound::Included(IndexValue::instant(before))),
            descending: false,
        };
        let (mut purged, mut after) = (0, None);
        loop {
            let page = self.store.indexed(&range, after.as_ref(), PAGE).await?;
            for (position, record) in page.iter() {
                let key = context.key(rt, position.id);
                let Some(record) = record.clone() else { continue };
                // Nobody does it but the server itself.
                let event = context.event(Action::Purge, &key, Vec::new());
                let event = Event { actor: SERVER.to_owned(), ..event };
                match self.purge_kept(event, &Kept::new(key, record)?).await {
                    Ok(()) => purged += 1,
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
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

    /// Whether a deleted resource is within the tenant's `restore_window`: what is not is purged within an hour.
    pub fn is_restorable(&self, tenant: &Tenant, kept: &Kept) -> bool {
        let begin = tenant.settings.restore_window.begin(self.clock.now());
        begin.is_some_and(|begin| kept.record.header.created > begin)
    }

    /// The deleted resource that a POST brings back: the one deleted last that had its `externalId`, or its
    /// `userName` if the tenant says so.
    pub(super) async fn kept_like(
        &self,
        context: &Context,
        rt: &ResourceType,
        document: &Map<String, Value>,
    ) -> Result<Option<Kept>, Error> {
        let settings = &context.caller.tenant().settings;
        let text = |name: &str| document.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let external_id = text("externalId");
        let by = match settings.restore_by {
            RestoreBy::None => return Ok(None),
            RestoreBy::ExternalId => vec![(By::ExternalId, external_id)],
            RestoreBy::UserName => vec![(By::ExternalId, external_id), (By::UserName, text("userName"))],
        };
        let Some(begin) = settings.restore_window.begin(self.clock.now()) else { return Ok(None) };
        for (by, value) in by {
            let Some(value) = value else { continue };
            let range = by.range(context.caller.tenant().home, &rt.name, value);
            let found = self.store.indexed(&range, None, NAMESAKES).await?;
            let mut newest: Option<Kept> = None;
            for (position, record) in found {
                let Some(record) = record.filter(|record| record.header.created > begin) else { continue };
                let kept = Kept::new(context.key(rt, position.id), record)?;
                // Who has another externalId is somebody else, whatever the name.
                let theirs = kept.deleted.names()?.external_id;
                let differs = theirs.as_deref().zip(external_id).is_some_and(|(theirs, ours)| theirs != ours);
                let is_newer = newest.as_ref().is_none_or(|n| n.record.header.created < kept.record.header.created);
                if !differs && is_newer {
                    newest = Some(kept);
                }
            }
            if newest.is_some() {
                return Ok(newest);
            }
        }
        Ok(None)
    }

    /// The groups that held a deleted resource and are still there.
    pub(super) async fn groups_still_there(&self, kept: &Kept) -> Result<Vec<ResourceKey>, Error> {
        let mut there = Vec::new();
        for group in &kept.deleted.groups {
            let resource_type = group.resource_type.clone();
            let key = ResourceKey { tenant: kept.key.tenant, resource_type, id: group.id };
            if self.store.get(&key).await?.is_some() {
                there.push(key);
            }
        }
        Ok(there)
    }

    async fn members_still_there(&self, context: &Context, kept: &Kept) -> Result<Vec<ResourceKey>, Error> {
        let mut there = Vec::new();
        for part in &kept.deleted.parts {
            let key = deleted::part_key(kept.key.tenant, *part);
            let record = self.store.get(&key).await?.ok_or_else(|| no_longer_kept(&kept.key))?;
            for member in Part::from_record(&record)?.members(kept.key.tenant) {
                context.pace.step(1).await?;
                if self.store.get(&member).await?.is_some() {
                    there.push(member);
                }
            }
        }
        Ok(there)
    }

    async fn kept(&self, context: &Context, rt: &ResourceType, id: &str) -> Result<Kept, Error> {
        let missing = || {
            let (name, detail) = (&rt.name, "It was not deleted here, or it was restored or purged.");
            Error::new(ErrorKind::NotFound, format!("No deleted {name} with the id \"{id}\" is kept. {detail}"))
        };
        let key = context.key(rt, ResourceId::parse(id).ok_or_else(missing)?);
        let record = self.store.get(&deleted::key(&key)).await?.ok_or_else(missing)?;
        let kept = Kept::new(key, record)?;
        if self.is_restorable(context.caller.tenant(), &kept) { Ok(kept) } else { Err(missing()) }
    }

    async fn name_taken(&self, kept: &Kept, entry: IndexEntry) -> Error {
        let (name, attribute) = (kept.key.resource_type.as_str(), &entry.key.attribute);
        let other = match self.store.lookup(&entry.key).await {
            Ok(Some(id)) => format!("the {name} {id}"),
            _ => format!("another {name}"),
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
}

/// The event of a return: for whoever keeps a copy it is a creation.
fn return_event(context: &Context, key: &ResourceKey, record: &Record, document: &Map<String, Value>) -> Event {
    let event = context.event(Action::Create, key, document.keys().cloned().collect());
    let tells = context.caller.tenant().settings.tells_values();
    let values = if tells { told::whole(&record.body) } else { None };
    Event { external_id: told::external_id(document), values, restored: true, ..event }
}

fn no_longer_kept(key: &ResourceKey) -> Error {
    let name = key.resource_type.as_str();
    Error::new(ErrorKind::NotFound, format!("The deleted {name} {} was restored or purged meanwhile.", key.id))
}
