//! Adoption: a POST that meets a resource of another source takes it over, if the tenant has a rule for that.
//!
//! The resource keeps its id, its groups and its members; all other values are those of the request. It is never
//! adopted by an email address, which people pass on, nor by a value that several have.

use std::sync::Arc;

use scim_protocol::{Error, ErrorKind, Resource, message::Query, schema::ResourceType};
use serde_json::{Map, Value};

use super::{
    Answer, Asked, Context, Operations, Outcome, Preconditions, disable::Switch, mapped::Applied, modify::Change,
    source,
};
use crate::{
    event::{ADMIN, Action},
    index,
    membership::{self, MEMBERS, MemberOperation},
    profile,
    render::{View, stored_document},
    store::{IndexRange, ResourceId, TypeName, Values},
    tenant::SameBy,
};

/// The provider's own name of a resource.
const EXTERNAL_ID: &str = "externalId";

/// What a POST would make, for whom it may take over.
pub(super) struct Sent<'a> {
    /// The body, rewritten.
    pub body: Value,
    /// The names of the rewrites.
    pub applied: Applied,
    /// The document that would be made.
    pub document: &'a Map<String, Value>,
    /// The members that the body names.
    pub members: Option<&'a Value>,
}

impl Operations {
    /// Takes over the resource of another source that a POST means by the tenant's rule. `None` where there is none: then
    /// the POST makes a new one.
    pub(super) async fn adopt(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        sent: Sent<'_>,
        view: &View,
    ) -> Result<Option<Answer>, Error> {
        let Some(id) = self.adoptable(context, rt, sent.document).await? else { return Ok(None) };
        let tenant = context.caller.tenant();
        let members = sent.members.map(membership::values).transpose()?;
        profile::check_member_count(tenant.profile(), members.as_ref().map_or(0, Vec::len))?;
        let members = members.map(MemberOperation::Add).into_iter().collect();
        let decide = |stored: &Resource| {
            let mut replaced = stored.replace(sent.body.clone(), rt)?;
            profile::check_resource(tenant.profile(), rt, &replaced)?;
            replaced.take(MEMBERS);
            Ok((replaced, sent.applied.clone()))
        };
        let (query, preconditions, id) = (Query::default(), Preconditions::default(), id.to_string());
        let asked = Asked { context, rt, id: &id, query: &query, preconditions: &preconditions };
        let change = Change { action: Action::Replace, decide: &decide, members, switch: Switch::Keep, adopts: true };
        match self.change(asked, change).await {
            Ok((key, record)) => self.show(context, Outcome::Created, &key, record, view).await.map(Some),
            // It was deleted meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The resource of another source that a document means: the only one with its `externalId`, or the one with its
    /// unique name if the tenant says so.
    pub(super) async fn adoptable(
        &self,
        context: &Context,
        rt: &ResourceType,
        document: &Map<String, Value>,
    ) -> Result<Option<ResourceId>, Error> {
        let by = context.caller.tenant().settings.adopt.unwrap_or(SameBy::None);
        if by == SameBy::None || **context.caller.actor() == *ADMIN {
            return Ok(None);
        }
        let external_id = text(document, EXTERNAL_ID);
        let mut found = self.only_one(context, rt, EXTERNAL_ID, external_id).await?;
        if found.is_none() && by == SameBy::UserName {
            let name = if rt.attribute("userName").is_some() { "userName" } else { "displayName" };
            found = self.only_one(context, rt, name, text(document, name)).await?;
            // Who has another externalId is somebody else, whatever the name.
            found = found.filter(|(_, theirs, _)| {
                text(theirs, EXTERNAL_ID).zip(external_id).is_none_or(|(theirs, ours)| theirs == ours)
            });
        }
        let is_ours = |by: &Option<source::Sent>| by.as_ref().is_some_and(|sent| *sent.by == **context.caller.actor());
        Ok(found.filter(|(_, _, by)| !is_ours(by)).map(|(id, ..)| id))
    }

    /// The only resource with a value: its document, and from whom it is.
    async fn only_one(
        &self,
        context: &Context,
        rt: &ResourceType,
        attribute: &str,
        value: Option<&str>,
    ) -> Result<Option<(ResourceId, Map<String, Value>, Option<source::Sent>)>, Error> {
        let tenant = context.caller.tenant();
        let spec = tenant.index_specs(&rt.name).iter().find(|spec| *spec.path == *attribute && spec.filled);
        let (Some(value), Some(spec)) = (value, spec) else { return Ok(None) };
        let range = IndexRange {
            tenant: tenant.home,
            resource_type: TypeName::from(rt.name.as_str()),
            attribute: attribute.into(),
            values: Values::Equal(index::text_value(value, spec.case_exact)),
            descending: false,
        };
        let mut all = self.store.indexed(&range, None, 2).await?.into_iter();
        let (Some((position, Some(record))), None) = (all.next(), all.next()) else { return Ok(None) };
        Ok(Some((position.id, stored_document(&record)?, source::of(&record)?)))
    }
}

fn text<'a>(document: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    document.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}
