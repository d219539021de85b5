//! POST (RFC 7644 §3.3).

use std::{sync::Arc, time::Duration};

use scim_protocol::{Error, Resource, dialect, message::Query, projection::specified, schema::ResourceType};
use serde_json::Value;

use super::{
    Answer, Context, Operations, Outcome,
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
    store::{
        ATTEMPTS, Body, Commit, Edge, Expect, IndexKey, Record, ResourceId, ResourceKey, StoreError, TypeName, Write,
    },
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
        let Prepared { mut resource, view, attributes, members, applied, sent } =
            self.prepare(context, rt, body, query).await?;
        if let Some(body) = sent {
            let sent =
                Sent { body, applied: applied.clone(), document: resource.document(), members: members.as_ref() };
            if let Some(adopted) = self.adopt(context, rt, sent, &view).await? {
                return Ok(adopted);
            }
        }
        self.check_quota(context, rt, 0).await?;
        let members = self.members_in(context, members).await?;
        self.passwords.seal(&mut resource, None).await?;

        let new = New { id, resource, attributes, members, applied };
        for _ in 0..ATTEMPTS {
            let Posted { mut commit, key, body, kept, groups, .. } = self.decide_post(context, rt, &new).await?;
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
            return self.show(context, Outcome::Created, &key, Record { header, body }, &view).await;
        }
        Err(StoreError::Conflict(context.key(rt, id)).into())
    }

    /// What a POST would do, decided as the operation decides it, and not done. The quota is for
    /// [`check_quota`](Self::check_quota).
    pub async fn rehearse_create(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: ResourceId,
        body: Value,
    ) -> Result<RehearsedPost, Error> {
        let Prepared { resource, attributes, members, applied, .. } =
            self.prepare(context, rt, body, &Query::default()).await?;
        let members = self.members_in(context, members).await?;
        let new = New { id, resource, attributes, members, applied };
        let Posted { commit, kept, stays, is_locked, .. } = self.decide_post(context, rt, &new).await?;
        Ok(RehearsedPost { takes: self.unique_values(&commit).await?, returns: kept, stays, is_locked })
    }

    /// Reads the body of a POST.
    async fn prepare(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        body: Value,
        query: &Query,
    ) -> Result<Prepared, Error> {
        let prepared = context.pace.whole(|| prepared(context, rt, body, query)).await??;
        self.limits.check_values(prepared.resource.document(), None)?;
        Ok(prepared)
    }

    /// What a POST comes to: somebody who returns, or somebody new.
    async fn decide_post(&self, context: &Context, rt: &Arc<ResourceType>, new: &New) -> Result<Posted, Error> {
        let tenant = context.caller.tenant();
        let resource = &new.resource;
        let namesake = self.namesake(context, rt, resource.document()).await?;
        let kept = namesake.kept;
        let key = kept.as_ref().map_or_else(|| context.key(rt, new.id), |kept| kept.key.clone());
        let specs = tenant.index_specs(&rt.name);
        let returns = kept.as_ref().map(|kept| kept.deleted.record());
        let Made { aside, terms, shown, told: says, lock } =
            disable::as_it_was_disabled(returns.as_ref(), namesake.lock.as_ref(), resource)?;
        let mut form = context.pace.whole(|| StoredForm::new(&key, &shown, rt, specs)).await??;
        disable::keep(&mut form.body, aside.as_ref(), terms)?;
        self.limits.check_entries(&form, 0)?;
        source::stamp(&mut form.body, None, &context.caller, self.clock.now())?;
        let event = context.event(Action::Create, &key, new.attributes.clone());
        let compared = Comparison { aside: says, lock, ..compared(returns.as_ref(), resource, rt)? };
        let (external_id, restored) = (told::external_id(resource.document()), kept.is_some());
        let (mapping, adopted) = (new.applied.clone(), namesake.is_anothers);
        let event = Event { external_id, mapping, restored, adopted, ..event };
        let event = compared.of(event, &form.body, tenant.settings.tells_values());
        let mut commit = Commit::new(key.clone(), event);
        let name = TypeName::from(&*rt.name);
        commit.expect.extend(tenant.quota(rt).map(|quota| Expect::Fewer(tenant.home, name, quota)));
        commit.expect.extend(namesake.expect);
        let StoredForm { body, entries } = form;
        let mut groups = FormerGroups::default();
        if let Some(kept) = &kept {
            groups = self.former_groups(tenant, kept).await?;
            kept.returns(&mut commit, body.clone(), entries, &groups)?;
        } else {
            commit.writes.push(Write::Put(key.clone(), body.clone()));
            commit.writes.extend(entries.into_iter().map(Write::Index));
        }
        let join = |member: &ResourceKey| Write::Join(Edge { group: key.clone(), member: member.clone() });
        commit.writes.extend(new.members.iter().map(join));
        if let Some(kept) = &kept {
            self.protect_return(context, (kept, resource, lock.is_some()), &mut commit).await?;
        }
        let (stays, is_locked) = (namesake.stays, aside.is_some());
        Ok(Posted { commit, key, body, kept, stays, groups, is_locked })
    }

    /// Refuses one more resource than the quota, beside so many that are `planned`, before any work is done for it. Only the
    /// commit enforces the quota: creations that run at the same time all pass here.
    pub async fn check_quota(&self, context: &Context, rt: &ResourceType, planned: u64) -> Result<(), Error> {
        let tenant = context.caller.tenant();
        let name = TypeName::from(&*rt.name);
        match tenant.quota(rt) {
            Some(limit) if self.store.count(tenant.home, &name).await?.saturating_add(planned) >= limit => {
                Err(StoreError::Full { resource_type: name, limit }.into())
            }
            _ => Ok(()),
        }
    }
}

/// What a POST would do if it were done now.
pub struct RehearsedPost {
    /// The unique values that the resource gets.
    pub takes: Vec<IndexKey>,
    /// The deleted one that would come back.
    pub returns: Option<Kept>,
    /// A deleted one with the same `externalId` or `userName` that would not.
    pub stays: Option<Kept>,
    /// Whether an administrator's lock makes it inactive.
    pub is_locked: bool,
}

/// What a POST is to make.
struct New {
    id: ResourceId,
    resource: Resource,
    /// The attributes that it was sent with.
    attributes: Vec<String>,
    members: Vec<ResourceKey>,
    /// The names of the rewrites.
    applied: Applied,
}

/// What a POST comes to.
struct Posted {
    commit: Commit,
    key: ResourceKey,
    body: Body,
    /// Who returns.
    kept: Option<Kept>,
    /// Who was deleted, is called like it, and does not return.
    stays: Option<Kept>,
    groups: FormerGroups,
    /// Whether an administrator's lock makes it inactive.
    is_locked: bool,
}

/// How a resource that a POST brings back differs from what was kept of it.
fn compared(returns: Option<&Record>, resource: &Resource, rt: &ResourceType) -> Result<Comparison, Error> {
    let Some(record) = returns else { return Ok(Comparison::default()) };
    Ok(Comparison::new(provided_resource(record)?.document(), resource.document(), rt))
}

/// What a body is read as.
struct Prepared {
    /// Without its members, which are not values of the document, and have their own limit.
    resource: Resource,
    view: View,
    /// The names of its attributes.
    attributes: Vec<String>,
    members: Option<Value>,
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
    let mut resource = Resource::create(body, rt)?;
    profile::check_resource(tenant.profile(), rt, &resource)?;
    let view = view_of_write(context, rt, query, specified::in_document(resource.document(), rt))?;
    let attributes = resource.document().keys().cloned().collect();
    let members = resource.take(MEMBERS);
    Ok(Prepared { resource, view, attributes, members, applied, sent })
}

/// Whether a commit failed because of what others deleted or restored meanwhile.
fn is_in_the_way(error: &StoreError, kept: Option<&Kept>, groups: &FormerGroups) -> bool {
    let is_kept = kept.is_some_and(|kept| kept.is_missed_by(error));
    matches!(error, StoreError::Conflict(_)) || is_kept || groups.are_in_the_way(error)
}
