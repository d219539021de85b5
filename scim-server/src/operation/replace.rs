//! PUT (RFC 7644 §3.5.1).

use scim_protocol::{Error, Resource, dialect, projection::specified};
use serde_json::Value;

use super::{Answer, Asked, Operations, Outcome, disable::Switch, modify::Change, view_of_write};
use crate::{
    event::Action,
    membership::{self, MEMBERS, MemberOperation},
    profile,
};

impl Operations {
    /// Replaces everything that a client may set by the body of a PUT. That includes a group's members: a body
    /// without members leaves the group empty, like any attribute that is left out.
    pub async fn replace(&self, asked: Asked<'_>, mut body: Value) -> Result<Answer, Error> {
        let Asked { context, rt, query, .. } = asked;
        let tenant = context.caller.tenant();
        let prepare = || -> Result<_, Error> {
            profile::check_sent(tenant.profile(), rt, &body)?;
            dialect::standardise_resource(&mut body, rt);
            let applied = context.map_body(rt, &mut body);
            profile::check_body(tenant.profile(), rt, &body)?;
            membership::require_values(&body, rt)?;
            // Validated once without the stored resource, so that the members are known.
            let asserted = Resource::create(body.clone(), rt)?;
            let view = view_of_write(context, rt, query, specified::in_document(asserted.document(), rt))?;
            let members = match asserted.document().get(MEMBERS) {
                _ if !membership::has_members(rt) => Vec::new(),
                None => vec![MemberOperation::Clear],
                Some(listed) => vec![MemberOperation::Clear, MemberOperation::Add(membership::values(listed)?)],
            };
            Ok((view, members, applied))
        };
        let (view, members, applied) = context.pace.whole(prepare).await??;
        let decide = |stored: &Resource| {
            let mut replaced = stored.replace(body.clone(), rt)?;
            profile::check_resource(tenant.profile(), rt, &replaced)?;
            replaced.take(MEMBERS);
            Ok((replaced, applied.clone()))
        };
        let change = Change { action: Action::Replace, decide: &decide, members, switch: Switch::Keep, adopts: false };
        let (key, record) = self.change(asked, change).await?;
        self.show(context, Outcome::Ok, &key, record, &view).await
    }
}
