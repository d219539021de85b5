//! What events made goes, and what they deleted returns.

use std::sync::{Arc, Mutex, PoisonError};

use scim_protocol::{Error, ErrorKind, Resource, schema::ResourceType};

use super::{
    Context, Preconditions, UNTOLD, Undo,
    history::{ACTIVE, History},
    outcome::Outcome,
    values::{PutBack, since},
};
use crate::{
    operation::{Condition, disable::Switch, modify::provided_resource, recast::Keep},
    profile,
    store::{Record, ResourceId, ResourceKey},
};

/// How many events are read at a time.
const PAGE: usize = 1000;

impl Undo<'_> {
    /// Deletes what was made. Who was kept before, and has returned, is kept as before.
    pub(super) async fn remove(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: ResourceId,
        history: &History,
    ) -> Result<Outcome, Error> {
        let key = context.key(rt, id);
        let Some(record) = self.operations.store.get(&key).await? else {
            return self.keep_as_before(context, rt, key, history).await;
        };
        let version = record.header.version;
        if let Some(other) = &history.other {
            return Ok(Outcome::refused(DELETED, since(other)));
        }
        for (group, (kind, other)) in &history.put_into {
            let group = ResourceKey { tenant: key.tenant, resource_type: kind.clone(), id: *group };
            if self.is_member(context, &group, id).await? {
                let reason =
                    format!("event {} by {} has put it into the group {} since", other.sequence, other.actor, group.id);
                return Ok(Outcome::refused(DELETED, reason));
            }
        }
        // A member of it was removed before.
        if version != history.version && !self.is_only_ours(context, id).await? {
            return Ok(Outcome::refused(DELETED, CHANGED.to_owned()));
        }
        let groups = self.operations.store.groups_of(key.tenant, &[id]).await?.pop().unwrap_or_default();
        let (kept, result) = self.to_keep(context, rt, id, &record, history).await?;
        let done = if self.dry_run {
            self.rehearse_removal(context, &key, &record).await
        } else {
            let condition = Preconditions::of(Condition::Tags(vec![version.to_string()]));
            self.operations.delete_and_keep(context, rt, &id.to_string(), &condition, &kept).await.map(drop)
        };
        match done {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Outcome::default()),
            Err(error) => return Outcome::or_failure(DELETED, error),
            Ok(()) => {}
        }
        let left = Some(groups.into_iter().map(|group| group.id).collect());
        Ok(Outcome { left, ..result.behind(Outcome::done(DELETED)) })
    }

    /// Who has returned and is gone again is kept as before, too.
    async fn keep_as_before(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        key: ResourceKey,
        history: &History,
    ) -> Result<Outcome, Error> {
        let id = key.id;
        let is_gone_again = history.is_gone_again() && history.other.is_none();
        let Some(deleted) = self.operations.kept_of(key).await?.filter(|_| is_gone_again) else {
            return Ok(Outcome::default());
        };
        let (kept, result) = self.to_keep(context, rt, id, &deleted.deleted.record(), history).await?;
        if !self.dry_run {
            self.operations.keep_otherwise(context, rt, deleted, &kept).await?;
        }
        Ok(result)
    }

    /// What is to be kept of who goes, and what is told of it: of who has returned what was kept before, as far as the events
    /// tell it.
    async fn to_keep(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: ResourceId,
        record: &Record,
        history: &History,
    ) -> Result<(Keep, Outcome), Error> {
        let (now, mut result) = (provided_resource(record)?, Outcome::default());
        let mut document = now.document().clone();
        if history.has_returned {
            let put_back = PutBack::new(&document, &history.values, rt, id);
            document = put_back.document;
            let untold = history.untold.iter().map(|path| (path.clone(), UNTOLD.to_owned()));
            result.refused.extend(put_back.refused.into_iter().chain(untold));
            result.changes = put_back.done;
        }
        let (switch, by_name) =
            self.lock_of_who_goes(context, (rt, id), record, (history, &document), &mut result).await?;
        let is_moved = history.has_returned && switch != Switch::Stay;
        if is_moved && !result.changes.iter().any(|path| path == ACTIVE) {
            result.changes.push(ACTIVE.to_owned());
        }
        let resource = history.has_returned.then(|| Resource::from_stored(document));
        Ok((Keep { resource, switch, by_name }, result))
    }

    /// Restores what was deleted, with the values that it had before: so a name that it had in between is in nobody's way.
    pub(super) async fn restore(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: ResourceId,
        history: &History,
    ) -> Result<Outcome, Error> {
        if self.version(context, rt, id).await?.is_some() {
            return Ok(Outcome::default());
        }
        if let Some(other) = history.existence.as_ref().and_then(|step| step.other.as_ref()) {
            return Ok(Outcome::refused(RESTORED, since(other)));
        }
        // What is decided when the commit is.
        let decided = Mutex::new(Vec::new());
        let decide = |was: &Resource| {
            let (resource, done) = self.as_before(context, (rt, id), history, was);
            *decided.lock().unwrap_or_else(PoisonError::into_inner) = done;
            resource
        };
        let text = id.to_string();
        let restored = if self.dry_run {
            self.rehearse_restore(context, rt, &text, &decide).await
        } else {
            self.operations.restore_as(context, rt, &text, Switch::Stay, &decide).await.map(drop)
        };
        match restored {
            Ok(()) => {
                let done = decided.into_inner().unwrap_or_else(PoisonError::into_inner);
                let changes = std::iter::once(RESTORED.to_owned()).chain(done).collect();
                Ok(Outcome { changes, ..Outcome::default() })
            }
            Err(error) => Outcome::or_failure(RESTORED, error),
        }
    }

    /// What is restored, as it was before, and what of it is put back. What cannot be put back is refused later, when the
    /// resource is there.
    pub(super) fn as_before(
        &self,
        context: &Context,
        (rt, id): (&ResourceType, ResourceId),
        history: &History,
        was: &Resource,
    ) -> (Resource, Vec<String>) {
        let steps = self.steps(id, history, &mut Outcome::default());
        let PutBack { document, done, .. } = PutBack::new(was.document(), &steps, rt, id);
        let resource = Resource::from_stored(document);
        if done.is_empty() || profile::check_resource(context.caller.tenant().profile(), rt, &resource).is_err() {
            return (was.clone(), Vec::new());
        }
        (resource, done)
    }

    /// Whether nobody but this undo has changed a resource since it began.
    async fn is_only_ours(&self, context: &Context, id: ResourceId) -> Result<bool, Error> {
        let ours = context.request.map(|id| id.to_string());
        let mut after = self.begun;
        loop {
            let events = self.operations.store.events(context.caller.tenant().home, after, PAGE).await?;
            let Some(last) = events.last() else { return Ok(true) };
            after = last.sequence;
            if events.iter().any(|event| event.target == id && Some(&event.request) != ours.as_ref()) {
                return Ok(false);
            }
        }
    }

    async fn version(&self, context: &Context, rt: &ResourceType, id: ResourceId) -> Result<Option<u64>, Error> {
        let record = self.operations.store.get(&context.key(rt, id)).await?;
        Ok(record.map(|record| record.header.version))
    }
}

pub(super) const DELETED: &str = "deleted";
const RESTORED: &str = "restored";
const CHANGED: &str = "it has changed since";
