//! A user whom an administrator has disabled: everybody reads `active: false`, whatever the provider writes. What the
//! provider says of `active` meanwhile is kept aside, and counts again when the administrator enables the user.

use std::borrow::Cow;

use bytes::Bytes;
use scim_protocol::{Error, Resource, schema::ResourceType, value::fold};
use serde_json::{Map, Value};

use super::{Context, Operations};
use crate::{
    event::Lock,
    render::{LOCKED_AS, PROVIDER_ACTIVE, SPARES, stored_document},
    store::{Body, Record, ResourceId, Start, StoreError, TenantId, TypeName},
};

/// How many are looked at a time.
const PAGE: usize = 500;

const ACTIVE: &str = "active";
const USER_NAME: &str = "userName";

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

    /// The terms of the lock that a user has afterwards: they stay with the user through other names, and with a name that
    /// brought the lock. `before` is the user who was locked.
    pub fn terms(
        self,
        before: Option<&Record>,
        by_name: Option<&NameLock>,
        after: &Map<String, Value>,
    ) -> Result<Terms, StoreError> {
        let name = |document: &Map<String, Value>| document.get(USER_NAME).and_then(Value::as_str).map(str::to_owned);
        match (self, by_name, before) {
            (Self::Keep, Some(lock), _) => Ok(lock.terms.clone()),
            (Self::Disable, ..) | (_, _, None) => Ok(Terms::default()),
            (_, _, Some(before)) => {
                let Terms { set_as, spares } = Terms::of(before)?;
                let was = set_as.or(name(&stored_document(before)?));
                let set_as = was.filter(|was| name(after).is_none_or(|name| fold(&name) != fold(was)));
                Ok(Terms { set_as, spares })
            }
        }
    }
}

/// On whom a lock is, beside the one who has it: kept with that one, and with what is kept when that one is deleted.
#[derive(Debug, Clone, Default)]
pub(super) struct Terms {
    /// Under which name an administrator has set it, where the user is called otherwise.
    pub set_as: Option<String>,
    /// Whom an administrator has enabled under the name: they keep it.
    pub spares: Vec<ResourceId>,
}

impl Terms {
    /// Those of the lock that a record has.
    pub fn of(record: &Record) -> Result<Self, StoreError> {
        let hidden = hidden(record)?;
        let set_as = hidden.get(LOCKED_AS).and_then(Value::as_str).map(str::to_owned);
        let ids = hidden.get(SPARES).and_then(Value::as_array).into_iter().flatten();
        Ok(Self { set_as, spares: ids.filter_map(Value::as_str).filter_map(ResourceId::parse).collect() })
    }

    fn put_into(self, hidden: &mut Map<String, Value>) {
        hidden.extend(self.set_as.map(|name| (LOCKED_AS.to_owned(), name.into())));
        if !self.spares.is_empty() {
            let ids = self.spares.iter().map(|id| Value::from(id.to_string()));
            hidden.insert(SPARES.to_owned(), ids.collect());
        }
    }
}

/// The lock of a name: the last one who had it, and was not enabled under it by hand, was locked out, and deleted.
pub(super) struct NameLock {
    pub terms: Terms,
    /// Who had the name, and was deleted.
    pub had_it: Vec<ResourceId>,
}

impl NameLock {
    /// Whether it holds for whoever gets the name: always for somebody new. Who returns under the own name is locked out by
    /// what an administrator has said of that name, and not by the rename of somebody else.
    pub fn holds_for(&self, id: Option<ResourceId>) -> bool {
        let Some(id) = id else { return true };
        let is_carried_to_own = self.terms.set_as.is_some() && self.had_it.contains(&id);
        !self.terms.spares.contains(&id) && !is_carried_to_own
    }
}

/// What the provider says of `active`, if the user is disabled; `null` when it says nothing.
pub(super) fn provider_active(record: &Record) -> Result<Option<Value>, StoreError> {
    Ok(hidden(record)?.remove(PROVIDER_ACTIVE))
}

/// The part of a record that nobody is shown.
fn hidden(record: &Record) -> Result<Map<String, Value>, StoreError> {
    if record.body.hidden.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(&record.body.hidden).map_err(|error| StoreError::Corrupt(error.to_string()))
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

/// Keeps aside what the provider says, if the user is disabled, and the terms of that.
pub(super) fn keep(body: &mut Body, provided: Option<&Resource>, terms: Terms) -> Result<(), Error> {
    let Some(provided) = provided else { return Ok(()) };
    hide(body, |hidden| {
        let value = provided.document().get(ACTIVE).cloned().unwrap_or_default();
        hidden.insert(PROVIDER_ACTIVE.to_owned(), value);
        terms.put_into(hidden);
    })
}

/// The body of somebody locked out, whose name another keeps by the word of an administrator.
pub(super) fn sparing(record: &Record, id: ResourceId) -> Result<Body, Error> {
    let (mut terms, mut body) = (Terms::of(record)?, record.body.clone());
    terms.spares.push(id);
    hide(&mut body, |hidden| terms.put_into(hidden))?;
    Ok(body)
}

fn hide(body: &mut Body, change: impl FnOnce(&mut Map<String, Value>)) -> Result<(), Error> {
    let mut hidden: Map<String, Value> = if body.hidden.is_empty() {
        Map::new()
    } else {
        serde_json::from_slice(&body.hidden).map_err(Error::internal)?
    };
    change(&mut hidden);
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
    /// The terms of the lock.
    pub terms: Terms,
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
    by_name: Option<&NameLock>,
    resource: &'r Resource,
) -> Result<Made<'r>, StoreError> {
    let was_disabled = returns.map(provider_active).transpose()?.flatten().is_some();
    if !was_disabled && by_name.is_none() {
        // Of who returns nobody else can tell, because the deletion was another write.
        let told = returns.map(was_active).transpose()?.and_then(|was| told_aside(resource, Some(was)));
        return Ok(Made { aside: None, terms: Terms::default(), shown: Cow::Borrowed(resource), told, lock: None });
    }
    let told = told_aside(resource, returns.map(was_active).transpose()?);
    let terms = Switch::Keep.terms(returns.filter(|_| was_disabled), by_name, resource.document())?;
    let (aside, shown) = parted(resource.clone(), true);
    Ok(Made { aside, terms, shown: Cow::Owned(shown), told, lock: Switch::Keep.told(was_disabled, true) })
}
