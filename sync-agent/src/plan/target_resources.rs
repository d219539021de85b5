//! What the target was seen to hold, and which of it is to become ours.

use std::collections::{BTreeSet, HashMap, HashSet};

use scim_protocol::value::fold;
use serde::{Deserialize, Serialize};

use super::ResourceId;
use crate::{
    document::Document,
    identity::{Kind, SourceId},
    mapping::Desired,
};

/// A resource as the target holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetResource {
    /// Its `id`.
    pub resource: ResourceId,
    /// The whole document, without `members`.
    pub document: Document,
    /// The `value` of each member, where the target shows them.
    pub members: Vec<ResourceId>,
}

/// What the target was seen to hold: looked at only where the state alone does not answer.
#[derive(Debug, Clone, Default)]
pub struct TargetResources {
    by_resource: HashMap<ResourceId, TargetResource>,
    by_external_id: HashMap<(Kind, String), ResourceId>,
    by_name: HashMap<(Kind, String), ResourceId>,
    /// What each is called, and the names that were asked for: nobody has those that led to nothing.
    names: HashMap<ResourceId, String>,
    asked: HashSet<(Kind, String)>,
    /// Every id once: a million memberships share those of a hundred thousand users.
    ids: HashSet<ResourceId>,
    looked_for: BTreeSet<SourceId>,
    hides_members: bool,
}

impl TargetResources {
    /// Takes a resource that the target showed.
    pub fn add(&mut self, kind: Kind, mut held: TargetResource) {
        held.resource = self.shared(held.resource);
        for member in &mut held.members {
            *member = self.shared(member.clone());
        }
        if let Some(external) = held.document.text("externalId") {
            self.by_external_id.insert((kind, external), held.resource.clone());
        }
        if let Some(name) = held.document.text(kind.naming_attribute()) {
            self.by_name.insert((kind, fold(&name)), held.resource.clone());
            self.names.insert(held.resource.clone(), name);
        }
        self.by_resource.insert(held.resource.clone(), held);
    }

    fn shared(&mut self, id: ResourceId) -> ResourceId {
        if let Some(known) = self.ids.get(&id) {
            return known.clone();
        }
        self.ids.insert(id.clone());
        id
    }

    /// Notes that the target was asked for this object: if nothing was added, it holds nothing.
    pub fn looked_for(&mut self, id: SourceId) {
        self.looked_for.insert(id);
    }

    /// Whether the target was asked for this object.
    pub fn was_looked_for(&self, id: SourceId) -> bool {
        self.looked_for.contains(&id)
    }

    /// Notes that the target was asked who has this name: if nothing was added, nobody has.
    pub fn asked_for(&mut self, kind: Kind, name: &str) {
        self.asked.insert((kind, fold(name)));
    }

    /// Whether it is known who has this name.
    pub fn knows_of(&self, kind: Kind, name: &str) -> bool {
        let key = (kind, fold(name));
        self.by_name.contains_key(&key) || self.asked.contains(&key)
    }

    /// What a resource was seen to be called.
    pub fn name_of(&self, resource: &ResourceId) -> Option<&str> {
        self.names.get(resource).map(String::as_str)
    }

    /// Notes that the target does not say who is in a group.
    pub fn hide_members(&mut self) {
        self.hides_members = true;
    }

    /// The members of a group at the target; `None` if the target shows no members.
    pub fn members<'a>(&self, group: &'a TargetResource) -> Option<&'a [ResourceId]> {
        (!self.hides_members).then_some(&group.members)
    }

    /// The resource of this id.
    pub fn get(&self, resource: &ResourceId) -> Option<&TargetResource> {
        self.by_resource.get(resource)
    }

    /// Those of the resources that were not shown.
    pub fn missing<'a>(&self, resources: impl Iterator<Item = &'a ResourceId>) -> Vec<ResourceId> {
        resources.filter(|resource| !self.by_resource.contains_key(resource)).cloned().collect()
    }

    /// All that was shown.
    pub fn into_all(self) -> Vec<TargetResource> {
        self.by_resource.into_values().collect()
    }

    /// The resource that bears the identity of this object.
    pub fn of_external_id(&self, desired: &Desired) -> Option<&TargetResource> {
        let key = (desired.subject.kind, desired.subject.id.to_string());
        self.by_external_id.get(&key).and_then(|id| self.by_resource.get(id))
    }

    /// The resource that has the name of this object.
    pub fn of_name(&self, desired: &Desired) -> Option<&TargetResource> {
        let key = (desired.subject.kind, fold(&desired.subject.name));
        self.by_name.get(&key).and_then(|id| self.by_resource.get(id))
    }
}

/// How a resource that the agent did not make was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdoptedBy {
    /// By `externalId`.
    ExternalId,
    /// By `userName`, or a group's `displayName`.
    Name,
}
