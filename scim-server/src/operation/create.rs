//! POST (RFC 7644 §3.3).

use std::sync::Arc;

use scim_protocol::{Error, Resource, dialect, message::Query, projection::specified, schema::ResourceType};
use serde_json::Value;

use super::{Answer, Context, Operations, Outcome, stored_form::StoredForm, view_of_write};
use crate::{
    event::Action,
    membership::{self, MEMBERS},
    profile,
    store::{Commit, Edge, Expect, Record, ResourceId, StoreError, TypeName, Write},
};

impl Operations {
    /// Makes a resource with a fresh id from the body of a POST.
    pub async fn create(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: ResourceId,
        mut body: Value,
        query: &Query,
    ) -> Result<Answer, Error> {
        let tenant = context.caller.tenant();
        let prepare = || -> Result<_, Error> {
            profile::check_sent(tenant.profile(), rt, &body)?;
            dialect::standardise_resource(&mut body, rt);
            profile::check_body(tenant.profile(), rt, &body)?;
            membership::require_values(&body, rt)?;
            let resource = Resource::create(body, rt)?;
            profile::check_resource(tenant.profile(), rt, &resource)?;
            let view = view_of_write(context, rt, query, specified::in_document(resource.document(), rt))?;
            Ok((resource, view))
        };
        let (mut resource, view) = context.pace.whole(prepare).await??;
        let attributes = resource.document().keys().cloned().collect();
        // They are no values of the document, and have a bound of their own.
        let members = resource.take(MEMBERS);
        self.limits.check_values(resource.document(), None)?;
        let (name, quota) = (TypeName::from(&*rt.name), tenant.quota(rt));
        self.check_quota(context, &name, quota).await?;
        let members = self.members_in(context, members).await?;
        self.passwords.seal(&mut resource, None).await?;

        let key = context.key(rt, id);
        let specs = tenant.index_specs(&rt.name);
        let form = context.pace.whole(|| StoredForm::new(&key, &resource, rt, specs)).await??;
        self.limits.check_entries(&form, 0)?;
        let mut commit = Commit::new(key.clone(), context.event(Action::Create, &key, attributes));
        commit.expect.extend(quota.map(|quota| Expect::Fewer(tenant.home, name, quota)));
        commit.writes.push(Write::Put(key.clone(), form.body.clone()));
        commit.writes.extend(form.entries.into_iter().map(Write::Index));
        commit.writes.extend(members.into_iter().map(|member| Write::Join(Edge { group: key.clone(), member })));

        context.pace.check()?;
        context.pace.rest();
        let committed = self.store.commit(commit).await.map_err(|error| super::members::or_missing(error, &key))?;
        let header = committed.header.ok_or_else(|| Error::internal("a new resource has no header"))?;
        self.show(context, Outcome::Created, &key, Record { header, body: form.body }, &view).await
    }

    /// Refuses one more resource than the quota, before any work is done for it. It is the commit that
    /// holds the quota: creations that run at the same moment each find room here.
    async fn check_quota(&self, context: &Context, name: &TypeName, quota: Option<u64>) -> Result<(), Error> {
        match quota {
            Some(limit) if self.store.count(context.caller.tenant().home, name).await? >= limit => {
                Err(StoreError::Full { resource_type: name.clone(), limit }.into())
            }
            _ => Ok(()),
        }
    }
}
