//! What events made goes, and what they deleted returns.

use std::sync::{Arc, Mutex, PoisonError};

use scim_protocol::{Error, ErrorKind, Resource, schema::ResourceType};

use super::{
    Context, Preconditions, Undo,
    history::History,
    outcome::Outcome,
    values::{PutBack, since},
};
use crate::{
    operation::{Condition, disable::Switch},
    profile,
    store::{ResourceId, ResourceKey},
};

/// How many events are read at a time.
const PAGE: usize = 1000;

impl Undo<'_> {
    /// Deletes what was made.
    pub(super) async fn remove(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: ResourceId,
        history: &History,
    ) -> Result<Outcome, Error> {
        let key = context.key(rt, id);
        let Some(record) = self.operations.store.get(&key).await? else { return Ok(Outcome::default()) };
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
        let done = if self.dry_run {
            self.rehearse_removal(context, &key, &record).await
        } else {
            let version = match self.lock_of_who_goes(context, rt, &record, history).await? {
                Switch::Stay => version,
                switch => self.switch_alone(context, rt, id, switch).await?,
            };
            let condition = Preconditions::of(Condition::Tags(vec![version.to_string()]));
            self.operations.delete(context, rt, &id.to_string(), &condition).await.map(drop)
        };
        match done {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Outcome::default()),
            Err(error) => return Outcome::or_failure(DELETED, error),
            Ok(()) => {}
        }
        let left = Some(groups.into_iter().map(|group| group.id).collect());
        Ok(Outcome { left, ..Outcome::done(DELETED) })
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

const DELETED: &str = "deleted";
const RESTORED: &str = "restored";
const CHANGED: &str = "it has changed since";
