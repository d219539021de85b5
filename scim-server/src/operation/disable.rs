//! A user whom an administrator has disabled: everybody reads `active: false`, whatever the provider writes. What the
//! provider says of `active` meanwhile is kept aside, and counts again when the administrator enables the user.

use std::borrow::Cow;

use bytes::Bytes;
use scim_protocol::{Error, Resource, schema::ResourceType};
use serde_json::{Map, Value};

use super::{Context, Operations};
use crate::{
    event::Lock,
    render::{PROVIDER_ACTIVE, stored_document},
    store::{Body, Record, ResourceId, Start, StoreError, TenantId, TypeName},
};

/// How many are looked at a time.
const PAGE: usize = 500;

const ACTIVE: &str = "active";

/// What an administrator wants of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Switch {
    /// Nothing: a lock stays, and comes with the name of somebody who was locked out.
    #[default]
    Keep,
    /// The same, but a name brings no lock: it is given back to whom it was taken from.
    Stay,
    /// Inactive, whatever the provider says.
    Disable,
    /// As the provider says.
    Enable,
}

impl Switch {
    /// Whether the user is disabled afterwards, of whom is said whether it was, and whether its new name is locked.
    pub fn disables(self, was: bool, is_locked: bool) -> bool {
        match self {
            Self::Keep => was || is_locked,
            Self::Stay => was,
            Self::Disable => true,
            Self::Enable => false,
        }
    }

    /// What an event tells of that.
    pub fn told(self, was: bool, is: bool) -> Option<Lock> {
        match self {
            Self::Disable if was => Some(Lock::Kept),
            _ if was == is => None,
            _ if was => Some(Lock::Enabled),
            Self::Disable => Some(Lock::Disabled),
            Self::Keep | Self::Stay | Self::Enable => Some(Lock::Named),
        }
    }
}

/// What the provider says of `active`, if the user is disabled; `null` when it says nothing.
pub(super) fn provider_active(record: &Record) -> Result<Option<Value>, StoreError> {
    if record.body.hidden.is_empty() {
        return Ok(None);
    }
    let hidden: Map<String, Value> =
        serde_json::from_slice(&record.body.hidden).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    Ok(hidden.get(PROVIDER_ACTIVE).cloned())
}

/// Whether a resource is active, which is the default.
pub(super) fn is_active(document: &Map<String, Value>) -> bool {
    document.get(ACTIVE).and_then(Value::as_bool).unwrap_or(true)
}

/// Whether somebody was active by what the provider said.
pub(super) fn was_active(record: &Record) -> Result<bool, StoreError> {
    match provider_active(record)? {
        Some(said) => Ok(said.as_bool().unwrap_or(true)),
        None => Ok(is_active(&stored_document(record)?)),
    }
}

/// The resource as the provider knows it.
pub(super) fn as_provided(served: &Resource, provider_active: &Value) -> Resource {
    let mut provided = served.clone();
    match provider_active {
        Value::Null => drop(provided.take(ACTIVE)),
        value => provided.set(ACTIVE, value.clone()),
    }
    provided
}

/// What is kept aside, and what everybody reads.
pub(super) fn parted(provided: Resource, disabled: bool) -> (Option<Resource>, Resource) {
    if !disabled {
        return (None, provided);
    }
    let mut shown = provided.clone();
    shown.set(ACTIVE, Value::Bool(false));
    (Some(provided), shown)
}

/// Whether a provider says something else of `active`.
pub(super) fn differ(old: &Resource, new: &Resource) -> bool {
    old.document().get(ACTIVE) != new.document().get(ACTIVE)
}

/// What an event tells in `aside`: what the provider says of `active`, where it said something else `before`, or nothing.
pub(super) fn told_aside(provided: &Resource, before: Option<bool>) -> Option<bool> {
    let says = is_active(provided.document());
    (before != Some(says)).then_some(says)
}

/// Keeps aside what the provider says, if the user is disabled.
pub(super) fn keep(body: &mut Body, provided: Option<&Resource>) -> Result<(), Error> {
    let Some(provided) = provided else { return Ok(()) };
    let mut hidden: Map<String, Value> = if body.hidden.is_empty() {
        Map::new()
    } else {
        serde_json::from_slice(&body.hidden).map_err(Error::internal)?
    };
    let value = provided.document().get(ACTIVE).cloned().unwrap_or_default();
    hidden.insert(PROVIDER_ACTIVE.to_owned(), value);
    body.hidden = Bytes::from(serde_json::to_vec(&hidden).map_err(Error::internal)?);
    Ok(())
}

/// Some of those who are disabled.
pub struct Disabled {
    pub ids: Vec<ResourceId>,
    /// Behind whom the next are; `None` behind the last.
    pub next: Option<ResourceId>,
}

impl Operations {
    /// What the provider says of `active`, if an administrator has disabled the resource; `null` when it says nothing.
    pub async fn kept_aside(&self, context: &Context, rt: &ResourceType, id: &str) -> Result<Option<Value>, Error> {
        let (_, record) = self.find(context, rt, id).await?;
        Ok(provider_active(&record)?)
    }

    /// Those of a type whom an administrator has disabled, in the order of their ids, behind `after`.
    pub async fn disabled(
        &self,
        home: TenantId,
        resource_type: &str,
        after: Option<ResourceId>,
    ) -> Result<Disabled, StoreError> {
        let start = after.map_or(Start::Offset(0), Start::After);
        let page = self.store.resources(home, &TypeName::from(resource_type), start, PAGE).await?;
        let mut ids = Vec::new();
        for (id, record) in page.iter() {
            if provider_active(record)?.is_some() {
                ids.push(*id);
            }
        }
        Ok(Disabled { ids, next: page.last().map(|(id, _)| *id) })
    }
}

/// What a POST makes, where somebody may be disabled.
pub(super) struct Made<'r> {
    /// What is kept aside.
    pub aside: Option<Resource>,
    /// What everybody reads.
    pub shown: Cow<'r, Resource>,
    /// What the event tells of what is kept aside.
    pub told: Option<bool>,
    /// What it tells of the lock.
    pub lock: Option<Lock>,
}

/// What a POST makes: who was disabled when deleted stays so, whether that one returns or another of the name comes.
pub(super) fn as_it_was_disabled<'r>(
    returns: Option<&Record>,
    is_locked: bool,
    resource: &'r Resource,
) -> Result<Made<'r>, StoreError> {
    let was_disabled = returns.map(provider_active).transpose()?.flatten().is_some();
    if !was_disabled && !is_locked {
        // Of who returns nobody else can tell, because the deletion was another write.
        let told = returns.map(was_active).transpose()?.and_then(|was| told_aside(resource, Some(was)));
        return Ok(Made { aside: None, shown: Cow::Borrowed(resource), told, lock: None });
    }
    let told = told_aside(resource, returns.map(was_active).transpose()?);
    let (aside, shown) = parted(resource.clone(), true);
    Ok(Made { aside, shown: Cow::Owned(shown), told, lock: Switch::Keep.told(was_disabled, true) })
}
