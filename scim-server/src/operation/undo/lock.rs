//! An administrator's lock on a user, which chosen events may have taken away, or given with a name.

use std::sync::Arc;

use scim_protocol::{Error, schema::ResourceType};

use super::{
    history::{ACTIVE, History, USER_NAME},
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

/// What is to become of the lock, beside the values. A lock that came with a name goes with it; one that an administrator
/// has set stays, and is refused.
pub(super) fn switch(
    record: &Record,
    (rt, id): (&Arc<ResourceType>, ResourceId),
    history: &History,
    steps: &Steps,
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
            if then.done.iter().any(|path| path == USER_NAME) {
                return Ok(Switch::Enable);
            }
            "its name is that of a user whom an administrator has disabled; `user enable` ends that".to_owned()
        }
        None => "an administrator has disabled the user; `user enable` ends that".to_owned(),
    };
    result.refused.push((ACTIVE.to_owned(), reason));
    Ok(Switch::Stay)
}
