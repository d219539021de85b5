//! POST (RFC 7644 §3.3).

use std::{sync::Arc, time::Duration};

use scim_protocol::{Error, Resource, dialect, message::Query, projection::specified, schema::ResourceType};
use serde_json::Value;

use super::{
    ATTEMPTS, Answer, Context, Operations, Outcome,
    adopt::Sent,
    disable::{self, Made},
    mapped::Applied,
    modify::provided_resource,
    restore::{FormerGroups, Kept},
    source,
    stored_form::StoredForm,
    told::{self, Comparison},
    view_of_write,
};
use crate::{
    event::{Action, Event},
    membership::{self, MEMBERS},
    profile,
    render::View,
    store::{Commit, Edge, Expect, Record, ResourceId, ResourceKey, StoreError, TypeName, Write},
};

/// Until another try, when somebody was deleted or restored meanwhile, or the edges of a group are not swept yet.
const MEANWHILE: Duration = Duration::from_millis(50);

impl Operations {
    /// Creates a resource with a new id from the body of a POST; or restores a deleted one of the caller with the same
    /// `externalId` under its old id, with the values of the body and its former groups; or takes one over from another source.
    pub async fn create(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: ResourceId,
        body: Value,
        query: &Query,
    ) -> Result<Answer, Error> {
        let tenant = context.caller.tenant();
        let prepared = context.pace.whole(|| prepared(context, rt, body, query)).await??;
        let Prepared { mut resource, view, applied, sent } = prepared;
        let attributes: Vec<_> = resource.document().keys().cloned().collect();
        // Members are not values of the document, and have their own limit.
        let members = resource.take(MEMBERS);
        self.limits.check_values(resource.document(), None)?;
        if let Some(body) = sent {
            let sent =
                Sent { body, applied: applied.clone(), document: resource.document(), members: members.as_ref() };
            if let Some(adopted) = self.adopt(context, rt, sent, &view).await? {
                return Ok(adopted);
            }
        }
        let (name, quota) = (TypeName::from(&*rt.name), tenant.quota(rt));
        self.check_quota(context, &name, quota).await?;
        let members = self.members_in(context, members).await?;
        self.passwords.seal(&mut resource, None).await?;

        for _ in 0..ATTEMPTS {
            let namesake = self.namesake(context, rt, resource.document()).await?;
            let kept = namesake.kept;
            let key = kept.as_ref().map_or_else(|| context.key(rt, id), |kept| kept.key.clone());
            let specs = tenant.index_specs(&rt.name);
            let returns = kept.as_ref().map(|kept| kept.deleted.record());
            let Made { aside, terms, shown, told: says, lock } =
                disable::as_it_was_disabled(returns.as_ref(), namesake.lock.as_ref(), &resource)?;
            let mut form = context.pace.whole(|| StoredForm::new(&key, &shown, rt, specs)).await??;
            disable::keep(&mut form.body, aside.as_ref(), terms)?;
            self.limits.check_entries(&form, 0)?;
            source::stamp(&mut form.body, None, &context.caller, self.clock.now())?;
            let event = context.event(Action::Create, &key, attributes.clone());
            let compared = Comparison { aside: says, lock, ..compared(returns.as_ref(), &resource, rt)? };
            let (external_id, restored) = (told::external_id(resource.document()), kept.is_some());
            let (mapping, adopted) = (applied.clone(), namesake.is_anothers);
            let event = Event { external_id, mapping, restored, adopted, ..event };
            let event = compared.of(event, &form.body, tenant.settings.tells_values());
            let mut commit = Commit::new(key.clone(), event);
            commit.expect.extend(quota.map(|quota| Expect::Fewer(tenant.home, name.clone(), quota)));
            commit.expect.extend(namesake.expect);
            let mut groups = FormerGroups::default();
            if let Some(kept) = &kept {
                groups = self.former_groups(kept).await?;
                kept.returns(&mut commit, form.body.clone(), form.entries, &groups)?;
            } else {
                commit.writes.push(Write::Put(key.clone(), form.body.clone()));
                commit.writes.extend(form.entries.into_iter().map(Write::Index));
            }
            let join = |member: &ResourceKey| Write::Join(Edge { group: key.clone(), member: member.clone() });
            commit.writes.extend(members.iter().map(join));
            if let Some(kept) = &kept {
                self.protect_return(context, (kept, &resource, lock.is_some()), &mut commit).await?;
            }

            context.expect_claim(&mut commit);
            context.pace.check()?;
            context.pace.rest();
            let committed = match self.store.commit(commit).await {
                Err(error) if is_in_the_way(&error, kept.as_ref(), &groups) => {
                    tokio::time::sleep(MEANWHILE).await;
                    continue;
                }
                Err(StoreError::Taken(entry)) => return Err(self.has_it(context, entry).await),
                committed => committed.map_err(|error| super::members::or_missing(error, &key))?,
            };
            let header = committed.header.ok_or_else(|| Error::internal("a new resource has no header"))?;
            return self.show(context, Outcome::Created, &key, Record { header, body: form.body }, &view).await;
        }
        Err(StoreError::Conflict(context.key(rt, id)).into())
    }

    /// Checks the body of a POST as the operation does, and makes nothing; true if it would bring back a deleted
    /// resource. Whether another has its unique values shows only when it is made.
    pub async fn rehearse_create(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        mut body: Value,
    ) -> Result<bool, Error> {
        let profile = context.caller.tenant().profile();
        profile::check_sent(profile, rt, &body)?;
        dialect::standardise_resource(&mut body, rt);
        profile::check_body(profile, rt, &body)?;
        let resource = Resource::create(body, rt)?;
        profile::check_resource(profile, rt, &resource)?;
        self.limits.check_values(resource.document(), None)?;
        Ok(self.namesake(context, rt, resource.document()).await?.kept.is_some())
    }

    /// Refuses a resource above the quota before any work is done for it. Only the commit enforces the quota:
    /// creations that run at the same time all pass here.
    async fn check_quota(&self, context: &Context, name: &TypeName, quota: Option<u64>) -> Result<(), Error> {
        match quota {
            Some(limit) if self.store.count(context.caller.tenant().home, name).await? >= limit => {
                Err(StoreError::Full { resource_type: name.clone(), limit }.into())
            }
            _ => Ok(()),
        }
    }
}

/// How a resource that a POST brings back differs from what was kept of it.
fn compared(returns: Option<&Record>, resource: &Resource, rt: &ResourceType) -> Result<Comparison, Error> {
    let Some(record) = returns else { return Ok(Comparison::default()) };
    Ok(Comparison::new(provided_resource(record)?.document(), resource.document(), rt))
}

/// What a body is read as.
struct Prepared {
    resource: Resource,
    view: View,
    applied: Applied,
    /// The body, rewritten, if somebody may be taken over.
    sent: Option<Value>,
}

fn prepared(context: &Context, rt: &Arc<ResourceType>, mut body: Value, query: &Query) -> Result<Prepared, Error> {
    let tenant = context.caller.tenant();
    profile::check_sent(tenant.profile(), rt, &body)?;
    dialect::standardise_resource(&mut body, rt);
    let applied = context.map_body(rt, &mut body);
    profile::check_body(tenant.profile(), rt, &body)?;
    membership::require_values(&body, rt)?;
    let sent = tenant.settings.adopt.map(|_| body.clone());
    let resource = Resource::create(body, rt)?;
    profile::check_resource(tenant.profile(), rt, &resource)?;
    let view = view_of_write(context, rt, query, specified::in_document(resource.document(), rt))?;
    Ok(Prepared { resource, view, applied, sent })
}

/// Whether a commit failed because of what others deleted or restored meanwhile.
fn is_in_the_way(error: &StoreError, kept: Option<&Kept>, groups: &FormerGroups) -> bool {
    let is_kept = kept.is_some_and(|kept| kept.is_missed_by(error));
    matches!(error, StoreError::Conflict(_)) || is_kept || groups.are_in_the_way(error)
}
