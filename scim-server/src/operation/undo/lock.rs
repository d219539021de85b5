//! An administrator's lock on a user, which chosen events may have taken away, or given with a name.

use std::{collections::BTreeSet, sync::Arc};

use scim_protocol::{Error, schema::ResourceType};
use serde_json::{Map, Value};

use super::{
    Context, Undo,
    history::{ACTIVE, History},
    outcome::Outcome,
    values::{PutBack, Steps, since},
};
use crate::{
    operation::{
        disable::{NameLock, Switch, provider_active},
        modify::provided_resource,
    },
    store::{Record, ResourceId},
};

impl Undo<'_> {
    /// What is to become of the lock, beside the values. A lock that came with a name goes unless the user has such a name
    /// afterwards; one that an administrator has set stays, and is refused.
    pub(super) async fn switch(
        &self,
        context: &Context,
        (rt, id): (&Arc<ResourceType>, ResourceId),
        record: &Record,
        (history, steps): (&History, &Steps),
        result: &mut Outcome,
    ) -> Result<Switch, Error> {
        let Some(step) = &history.lock else { return Ok(Switch::Stay) };
        if provider_active(record)?.is_some() == step.before {
            return Ok(Switch::Stay);
        }
        let reason = match &step.other {
            Some(other) => since(other),
            None if step.before => return Ok(Switch::Disable),
            None if history.is_locked_by_name => {
                let then = PutBack::new(provided_resource(record)?.document(), steps, rt, id);
                let lock = self.operations.lock_of_name(context, rt, Some(id), &then.document, &self.restored).await?;
                if lock.is_none() {
                    return Ok(Switch::Enable);
                }
                "its name is that of a user whom an administrator has disabled; `user enable` ends that".to_owned()
            }
            None => "an administrator has disabled the user; `user enable` ends that".to_owned(),
        };
        result.refused.push((ACTIVE.to_owned(), reason));
        Ok(Switch::Stay)
    }

    /// The same of who goes, and is kept as that document: a lock is kept with what is deleted, and follows the name. Who was
    /// locked out before is kept so, whose lock came with another name is kept without, and who has a locked name keeps
    /// it locked: of several who had the name, the last one counts.
    pub(super) async fn lock_of_who_goes(
        &self,
        context: &Context,
        (rt, id): (&Arc<ResourceType>, ResourceId),
        record: &Record,
        (history, document): (&History, &Map<String, Value>),
        result: &mut Outcome,
    ) -> Result<(Switch, Option<NameLock>), Error> {
        let step = history.lock.as_ref().filter(|step| step.other.is_none());
        let is_locked = provider_active(record)?.is_some();
        if step.is_some_and(|step| step.before) {
            return Ok((if is_locked { Switch::Stay } else { Switch::Disable }, None));
        }
        if step.is_some() && is_locked && !history.is_locked_by_name {
            if context.caller.tenant().settings.restore_window.length().is_zero() {
                result.changes.push(ACTIVE.to_owned());
            } else {
                result.refused.push((ACTIVE.to_owned(), LOCK_IS_KEPT.to_owned()));
            }
            return Ok((Switch::Stay, None));
        }
        if step.is_none() && (is_locked || !history.has_returned) {
            return Ok((Switch::Stay, None));
        }
        // Whose lock has changed since was not spared before.
        let whose = step.is_none().then_some(id);
        let lock = self.operations.lock_of_name(context, rt, whose, document, &BTreeSet::from([id])).await?;
        Ok(match (is_locked, lock) {
            (true, None) => (Switch::Enable, None),
            (false, Some(lock)) => (Switch::Keep, Some(lock)),
            _ => (Switch::Stay, None),
        })
    }
}

const LOCK_IS_KEPT: &str = "an administrator has disabled the user: the lock is kept with the deleted user, and holds for whoever gets the name; `user enable` ends it then";
