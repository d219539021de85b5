//! Adoption: a POST that meets a resource of another source takes it over, if the tenant has a rule for that.
//!
//! The resource keeps its id, its groups and its members; all other values are those of the request. It is never
//! adopted by an email address, which people pass on, nor by a value that several have.

use std::sync::Arc;

use scim_protocol::{Error, ErrorKind, Resource, message::Query, schema::ResourceType};
use serde_json::{Map, Value};

use super::{
    Answer, Asked, Condition, Context, Operations, Outcome, Preconditions, disable::Switch, mapped::Applied,
    modify::Change, source,
};
use crate::{
    event::Action,
    index,
    membership::{self, MEMBERS, MemberOperation},
    profile,
    render::{View, etag, stored_document},
    store::{ATTEMPTS, IndexEntry, IndexKey, IndexRange, ResourceId, ResourceKey, StoreError, TypeName, Values},
    tenant::SameBy,
};

/// The provider's own name of a resource.
const EXTERNAL_ID: &str = "externalId";

/// What an administrator can do.
const ADOPT: &str = "the administrator of this server can let a POST take it over: the tenant setting adopt.";

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

/// A resource that may be taken over.
struct Found {
    id: ResourceId,
    version: u64,
    document: Map<String, Value>,
    /// From whom it is.
    by: Option<source::Sent>,
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
        for _ in 0..ATTEMPTS {
            let Some((id, version)) = self.adoptable(context, rt, sent.document).await? else { return Ok(None) };
            match self.take_over(context, rt, &sent, view, id, version).await {
                // It was deleted meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                // It was changed meanwhile, and may be somebody else's by now.
                Err(error) if error.kind() == ErrorKind::PreconditionFailed => {}
                done => return done.map(Some),
            }
        }
        Err(Error::new(
            ErrorKind::Unavailable(1),
            "The resource that the request means is being changed by others. Repeat the request.",
        ))
    }

    /// Takes it over as it was looked at, and not as another one has made it meanwhile.
    async fn take_over(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        sent: &Sent<'_>,
        view: &View,
        id: ResourceId,
        version: u64,
    ) -> Result<Answer, Error> {
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
        let preconditions = Preconditions::of(Condition::parse(&etag(version)));
        let (query, id) = (Query::default(), id.to_string());
        let asked = Asked { context, rt, id: &id, query: &query, preconditions: &preconditions };
        let change = Change { action: Action::Replace, decide: &decide, members, switch: Switch::Keep, adopts: true };
        let (key, record) = self.change(asked, change).await?;
        self.show(context, Outcome::Created, &key, record, view).await
    }

    /// The resource of another source that a document means: the only one with its `externalId`, or the one with its
    /// unique name if the tenant says so. Its id, and the version that was looked at.
    pub(super) async fn adoptable(
        &self,
        context: &Context,
        rt: &ResourceType,
        document: &Map<String, Value>,
    ) -> Result<Option<(ResourceId, u64)>, Error> {
        let by = rule(context);
        if by == SameBy::None {
            return Ok(None);
        }
        let external_id = text(document, EXTERNAL_ID);
        let mut found = self.only_one(context, rt, EXTERNAL_ID, external_id).await?;
        if found.is_none() && by == SameBy::UserName {
            let name = if rt.attribute("userName").is_some() { "userName" } else { "displayName" };
            found = self.only_one(context, rt, name, text(document, name)).await?;
            // Who has another externalId is somebody else, whatever the name.
            found = found.filter(|found| {
                text(&found.document, EXTERNAL_ID).zip(external_id).is_none_or(|(theirs, ours)| theirs == ours)
            });
        }
        let Some(found) = found else { return Ok(None) };
        let is_ours = match &found.by {
            Some(sent) => self.is_from_caller(context, sent).await?,
            None => false,
        };
        Ok((!is_ours).then_some((found.id, found.version)))
    }

    /// The error of a POST whose value somebody has: with what an administrator can do, where another source has made
    /// that one and no rule lets a POST take it over.
    pub(super) async fn has_it(&self, context: &Context, entry: IndexEntry) -> Error {
        let is_of_another = rule(context) == SameBy::None
            && !context.caller.is_administrator()
            && self.is_of_another(context, &entry).await;
        let error = Error::from(StoreError::Taken(entry));
        if !is_of_another {
            return error;
        }
        let detail = format!("{} It is from another source; {}", error.detail(), ADOPT);
        error.with_detail(detail)
    }

    /// Whether somebody else than the caller has sent the resource with that entry last.
    async fn is_of_another(&self, context: &Context, entry: &IndexEntry) -> bool {
        let Ok(Some(id)) = self.store.lookup(&entry.key).await else { return false };
        let IndexKey { tenant, resource_type, .. } = &entry.key;
        let key = ResourceKey { tenant: *tenant, resource_type: resource_type.clone(), id };
        let Ok(Some(record)) = self.store.get(&key).await else { return false };
        match source::of(&record) {
            Ok(Some(sent)) => self.is_from_caller(context, &sent).await.is_ok_and(|is_ours| !is_ours),
            _ => false,
        }
    }

    /// The only resource with a value.
    async fn only_one(
        &self,
        context: &Context,
        rt: &ResourceType,
        attribute: &str,
        value: Option<&str>,
    ) -> Result<Option<Found>, Error> {
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
        let (document, by, version) = (stored_document(&record)?, source::of(&record)?, record.header.version);
        Ok(Some(Found { id: position.id, version, document, by }))
    }
}

/// By what a POST takes over what others have made. An administrator, who can say whom to bring back, takes nobody over.
pub(super) fn rule(context: &Context) -> SameBy {
    let rule = context.caller.tenant().settings.adopt.filter(|_| !context.caller.is_administrator());
    rule.unwrap_or(SameBy::None)
}

fn text<'a>(document: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    document.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}
