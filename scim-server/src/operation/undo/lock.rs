//! An administrator's lock on a user, which chosen events may have taken away, or given with a name.

use std::sync::Arc;

use scim_protocol::{Error, schema::ResourceType};

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
                if !self.operations.has_locked_name(context, rt, id, &then.document, &self.restored).await? {
                    return Ok(Switch::Enable);
                }
                "its name is that of a user whom an administrator has disabled; `user enable` ends that".to_owned()
            }
            None => "an administrator has disabled the user; `user enable` ends that".to_owned(),
        };
        result.refused.push((ACTIVE.to_owned(), reason));
        Ok(Switch::Stay)
    }
}
