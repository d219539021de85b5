//! Which resource belongs to which object, and what each is called at the target.
//!
//! A name is given up by whoever has it there, and that is not always whom the agent remembers: the state may be
//! lost, a run may have been killed between two writes, somebody may have renamed a resource by hand. So what the
//! target was seen to hold goes before what is remembered.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, HashMap},
};

use scim_protocol::value::fold;

use super::{AdoptedBy, PlanInputs, ResourceId, TargetResource, TargetResources};
use crate::{
    identity::{Kind, SourceId},
    mapping::Desired,
    problem::Subject,
};

/// Which resource belongs to which object: what is known, and what is adopted in this plan.
pub(super) struct ResourceOwners<'a> {
    inputs: PlanInputs<'a>,
    adopted: BTreeMap<SourceId, (&'a TargetResource, AdoptedBy)>,
    source_of: HashMap<&'a ResourceId, SourceId>,
    /// The object that has each name, as far as the agent remembers. Computed when it is needed.
    remembered: OnceCell<HashMap<(Kind, String), SourceId>>,
}

/// The resource that has a name at the target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum NameHolder<'a> {
    Nobody,
    /// The resource of an object.
    Ours(SourceId),
    /// A resource that the agent did not make.
    Stranger(&'a TargetResource),
}

impl<'a> ResourceOwners<'a> {
    /// What is known, and what bears the identity of an object that is not.
    pub fn find(inputs: PlanInputs<'a>) -> Self {
        let source_of = inputs.known.iter().map(|(id, written)| (&written.resource, *id)).collect();
        let mut found = Self { inputs, source_of, adopted: BTreeMap::new(), remembered: OnceCell::new() };
        for desired in inputs.desired.resources.values() {
            if let (false, Some(held)) = (found.has_resource(desired.subject.id), inputs.held.of_external_id(desired)) {
                found.adopt(desired.subject.id, held, AdoptedBy::ExternalId);
            }
        }
        found
    }

    /// Takes a resource for an object, unless it is another one's.
    pub fn adopt(&mut self, id: SourceId, held: &'a TargetResource, by: AdoptedBy) {
        if !self.source_of.contains_key(&held.resource) {
            self.source_of.insert(&held.resource, id);
            self.adopted.insert(id, (held, by));
        }
    }

    /// What becomes an object's resource in this plan.
    pub fn adopted(&self, id: SourceId) -> Option<(&'a TargetResource, AdoptedBy)> {
        self.adopted.get(&id).copied()
    }

    /// Whether an object has a resource before anything is made.
    pub fn has_resource(&self, id: SourceId) -> bool {
        self.inputs.known.contains_key(&id) || self.adopted.contains_key(&id)
    }

    /// What the resource of an object is called now; `None` where it has none.
    pub fn present_name(&self, id: SourceId) -> Option<&'a str> {
        let PlanInputs { known, held, .. } = self.inputs;
        match (known.get(&id), self.adopted.get(&id)) {
            (Some(written), _) => Some(held.name_of(&written.resource).unwrap_or(&written.name)),
            (None, Some((adopted, _))) => held.name_of(&adopted.resource),
            (None, None) => None,
        }
    }

    /// Whether the name that an object shall have is not the one that its resource has.
    pub fn takes_another_name(&self, desired: &Desired) -> bool {
        self.present_name(desired.subject.id).is_none_or(|name| fold(name) != fold(&desired.subject.name))
    }

    /// An object by the name that its resource has.
    pub fn subject(&self, id: SourceId) -> Option<Subject> {
        let desired = self.inputs.desired.resources.get(&id).map(|desired| desired.subject.kind);
        let kind = self.inputs.known.get(&id).map(|written| written.kind).or(desired)?;
        Some(Subject { id, kind, name: self.present_name(id)?.to_owned() })
    }

    /// The resource that has the name that an object should get.
    pub fn holder(&self, desired: &Desired) -> NameHolder<'a> {
        let Subject { kind, name, .. } = &desired.subject;
        let PlanInputs { held, .. } = self.inputs;
        match held.of_name(desired) {
            Some(resource) => match self.source_of.get(&resource.resource) {
                Some(id) => NameHolder::Ours(*id),
                None => NameHolder::Stranger(resource),
            },
            None if held.knows_of(*kind, name) => NameHolder::Nobody,
            None => {
                let remembered = self.remembered.get_or_init(|| {
                    let known = self.inputs.known.iter();
                    let name = |id: &SourceId| self.present_name(*id).map(fold);
                    known.filter_map(|(id, written)| Some(((written.kind, name(id)?), *id))).collect()
                });
                remembered.get(&(*kind, fold(name))).map_or(NameHolder::Nobody, |id| NameHolder::Ours(*id))
            }
        }
    }

    /// Those of a group's members that are ours, sorted; `None` where the target does not show them.
    /// Members that others added are not the agent's to change.
    pub fn members(&self, at_target: &TargetResources, group: &TargetResource) -> Option<Vec<SourceId>> {
        let ours = at_target.members(group)?.iter().filter_map(|member| self.source_of.get(member).copied());
        let mut ours: Vec<SourceId> = ours.collect();
        ours.sort_unstable();
        ours.dedup();
        Some(ours)
    }
}
