//! What an application may know of a user: the access attributes and the roles.
//!
//! Both are made when they are asked for, of the user's document, the groups that hold it and the tenant's settings.
//! Nothing of it is stored, so it is never behind: a change of a user, a group, a member or a rule counts in the commit
//! that makes it.

use std::{borrow::Cow, collections::BTreeMap};

use scim_protocol::Error;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Answer, Context, Operations, disable::is_active, feed::plain};
use crate::{
    event::Json,
    index, profile,
    render::{etag, stored_document},
    store::{
        ATTEMPTS, IndexRange, Memberships, Page, Record, ResourceId, Start, StoreError, TenantId, TypeName, Values,
    },
    tenant::{
        Tenant,
        attributes::USER,
        roles::{ExternalGroups, GROUP, Grant, Roles, distinct},
    },
};

/// Users of an answer when the client names no `limit`, and at most.
const LIMIT: usize = 100;
const MOST: usize = 1000;

/// How many groups with one `externalId` are looked at.
const NAMESAKES: usize = 100;

/// Which users are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessQuery {
    /// Those behind this one, in the order of ids; all when absent.
    after: Option<ResourceId>,
    /// How many at most.
    limit: usize,
}

impl AccessQuery {
    /// From the parameters of a URL: `after` (the `next` of the page before) and `limit` (1 to 1000).
    pub fn from_pairs(pairs: &[(String, String)]) -> Result<Self, Error> {
        let mut query = Self { after: None, limit: LIMIT };
        for (at, (name, value)) in pairs.iter().enumerate() {
            if pairs.iter().take(at).any(|(other, _)| other == name) {
                return Err(Error::value(format!("{name} is given twice. Send it once.")));
            }
            match name.as_str() {
                "after" => {
                    let id = ResourceId::parse(value);
                    let wrong = || Error::value(format!("after is the next of the page before, not \"{value}\"."));
                    query.after = Some(id.ok_or_else(wrong)?);
                }
                "limit" => {
                    let number = value.parse().ok().filter(|number| (1..=MOST).contains(number));
                    let wrong = || Error::value(format!("limit is a whole number from 1 to {MOST}, not \"{value}\"."));
                    query.limit = number.ok_or_else(wrong)?;
                }
                _ => {
                    return Err(Error::value(format!(
                        "There is no parameter \"{name}\" here. There are after and limit."
                    )));
                }
            }
        }
        Ok(query)
    }
}

/// What an application may know of a user.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "UserAccess"))]
pub struct Shown<'a> {
    id: String,
    active: bool,
    /// As in the user's `meta.version`.
    version: String,
    attributes: BTreeMap<&'a str, Cow<'a, str>>,
    /// The role that counts most; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    /// Each role once, the one that counts most first.
    roles: Vec<&'a str>,
    /// Why.
    grants: Vec<Grant<'a>>,
}

/// Many of them.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "UserAccessPage"))]
pub struct ShownPage<'a> {
    users: Vec<Shown<'a>>,
    /// The `after` of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl<'a> Shown<'a> {
    fn new(tenant: &'a Tenant, user: &'a Found, external: &ExternalGroups) -> Self {
        let rules = tenant.settings.roles.as_ref();
        let grants = rules.map_or_else(Vec::new, |rules| user.grants(rules, external));
        let roles = distinct(grants.iter().map(|grant| grant.role));
        Self {
            id: user.id.to_string(),
            active: user.is_active(),
            version: etag(user.version),
            attributes: tenant.access_attributes.resolve(&user.document),
            role: roles.first().copied(),
            roles,
            grants,
        }
    }
}

/// A user, as far as access is made of it.
pub struct Found {
    pub id: ResourceId,
    version: u64,
    pub document: Map<String, Value>,
    groups: Memberships,
}

impl Found {
    fn new(id: ResourceId, record: &Record, groups: Memberships) -> Result<Self, StoreError> {
        Ok(Self { id, version: record.header.version, document: stored_document(record)?, groups })
    }

    fn is_active(&self) -> bool {
        is_active(&self.document)
    }

    /// What the user has by these rules. Who is not active has nothing.
    pub fn grants<'a>(&self, rules: &'a Roles, external: &ExternalGroups) -> Vec<Grant<'a>> {
        if self.is_active() { rules.grants(&self.groups, external) } else { Vec::new() }
    }
}

impl Operations {
    /// What an application may know of one user.
    pub async fn access(&self, context: &Context, id: &str) -> Result<Answer, Error> {
        let tenant = context.caller.tenant();
        let rt = tenant.registry.resource_type(USER).ok_or_else(|| Error::internal("a tenant without users"))?;
        let (key, mut record) = self.find(context, rt, id).await?;
        let mut groups = Memberships::new();
        // The user is the same before and after its groups are read: nobody is told what never was.
        for _ in 0..ATTEMPTS {
            groups = self.groups_that_count(tenant, &[key.id]).await?.pop().unwrap_or_default();
            let (_, again) = self.find(context, rt, id).await?;
            if std::mem::replace(&mut record, again).header.version == record.header.version {
                break;
            }
        }
        let user = Found::new(key.id, &record, groups)?;
        let external = self.external_groups(tenant.home, tenant.settings.roles.iter()).await?;
        plain(&Shown::new(tenant, &user, &external))
    }

    /// The same of many, in the order of their ids.
    pub async fn list_access(&self, context: &Context, query: &AccessQuery) -> Result<Answer, Error> {
        let tenant = context.caller.tenant();
        // One more says whether there is a next page.
        let mut page = self.users(context, query.after, query.limit + 1).await?;
        if page.items.len() > query.limit {
            page.items.truncate(query.limit);
            page.done = false;
        }
        let external = self.external_groups(tenant.home, tenant.settings.roles.iter()).await?;
        let next = page.last().filter(|_| !page.done).map(|user| user.id.to_string());
        let users: Vec<_> = page.iter().map(|user| Shown::new(tenant, user, &external)).collect();
        plain(&ShownPage { users, next })
    }

    /// Users behind one, in the order of their ids.
    pub async fn users(
        &self,
        context: &Context,
        after: Option<ResourceId>,
        limit: usize,
    ) -> Result<Page<Found>, Error> {
        let tenant = context.caller.tenant();
        let from = after.map_or(Start::Offset(0), Start::After);
        let page = self.store.resources(tenant.home, &TypeName::from(USER), from, limit).await?;
        let ids: Vec<_> = page.iter().map(|(id, _)| *id).collect();
        let groups = self.groups_that_count(tenant, &ids).await?;
        let done = page.done;
        let mut items = Vec::new();
        for ((id, record), groups) in page.into_iter().zip(groups) {
            context.pace.step(1).await?;
            items.push(Found::new(id, &record, groups)?);
        }
        Ok(Page { items, done })
    }

    /// For each of these users (ascending ids), the groups that hold it directly, as far as the profile looks at them.
    async fn groups_that_count(&self, tenant: &Tenant, users: &[ResourceId]) -> Result<Vec<Memberships>, StoreError> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let mut groups = self.store.memberships(tenant.home, users).await?;
        for of_one in &mut groups {
            of_one.truncate(profile::max_groups(tenant.profile()));
        }
        Ok(groups)
    }

    /// The groups with each `externalId` that rules name.
    pub async fn external_groups(
        &self,
        tenant: TenantId,
        rules: impl Iterator<Item = &Roles>,
    ) -> Result<ExternalGroups, StoreError> {
        let mut found = ExternalGroups::new();
        for id in rules.flat_map(Roles::external_ids) {
            if found.contains_key(id) {
                continue;
            }
            let values = Values::Equal(index::text_value(id, true));
            let (resource_type, attribute) = (TypeName::from(GROUP), "externalId".into());
            let range = IndexRange { tenant, resource_type, attribute, values, descending: false };
            let groups = self.store.index(&range, None, NAMESAKES).await?;
            found.insert(id.to_owned(), groups.into_iter().map(|position| position.id).collect());
        }
        Ok(found)
    }

    /// The groups that a tenant's rules name so, each with its `externalId`: for the events of groups that change because a
    /// member is deleted or returns. A look for each such rule, however many groups and members there are.
    pub(super) async fn groups_of_rules(&self, tenant: &Tenant) -> Result<BTreeMap<ResourceId, Json>, StoreError> {
        let external = self.external_groups(tenant.home, tenant.settings.roles.iter()).await?;
        let each =
            external.iter().flat_map(|(external_id, groups)| groups.iter().map(move |group| (group, external_id)));
        Ok(each.filter_map(|(group, external_id)| Some((*group, Json::of(external_id)?))).collect())
    }
}
