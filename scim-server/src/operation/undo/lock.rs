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
        disable::{Switch, provider_active},
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
                if !self.operations.has_locked_name(context, rt, Some(id), &then.document, &self.restored).await? {
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
    /// locked out before returns so, and whose lock came with a name that is another's by now returns without.
    pub(super) async fn lock_of_who_goes(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        record: &Record,
        (history, document): (&History, &Map<String, Value>),
        result: &mut Outcome,
    ) -> Result<Switch, Error> {
        let Some(step) = history.lock.as_ref().filter(|step| step.other.is_none()) else { return Ok(Switch::Stay) };
        let is_locked = provider_active(record)?.is_some();
        if step.before {
            return Ok(if is_locked { Switch::Stay } else { Switch::Disable });
        }
        if is_locked && !history.is_locked_by_name {
            if context.caller.tenant().settings.restore_window.length().is_zero() {
                result.changes.push(ACTIVE.to_owned());
            } else {
                result.refused.push((ACTIVE.to_owned(), LOCK_IS_KEPT.to_owned()));
            }
            return Ok(Switch::Stay);
        }
        let has_name = self.operations.has_locked_name(context, rt, None, document, &BTreeSet::new()).await?;
        Ok(match (is_locked, has_name) {
            (true, false) => Switch::Enable,
            (false, true) => Switch::Disable,
            _ => Switch::Stay,
        })
    }
}

const LOCK_IS_KEPT: &str = "an administrator has disabled the user: the lock is kept with the deleted user, and holds for whoever gets the name; `user enable` ends it then";
