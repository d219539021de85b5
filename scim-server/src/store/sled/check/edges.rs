//! Edges: each stands in both directions, and both of its ends exist.

use super::Check;
use crate::store::{
    ResourceId, ResourceKey, StoreError, TenantId,
    sled::{
        key,
        read::{self, damaged},
        value::{membership, read_membership, type_name},
    },
};

impl Check<'_> {
    /// From groups to their members: the direction that is believed.
    pub(super) fn edges_to_members(&mut self, tenant: TenantId) -> Result<(), StoreError> {
        let types = read::types(self.tree(), tenant)?;
        let mut current: Option<(ResourceId, Option<ResourceKey>, bool)> = None;
        for item in self.tree().scan(key::all_members(tenant)) {
            let (key, name) = item?;
            let (group, member) = key::parse_edge(&key).ok_or_else(|| damaged("an edge's key"))?;
            if current.as_ref().is_none_or(|(known, ..)| *known != group) {
                let found = read::find(self.tree(), tenant, &types, group)?;
                let swept = self.tree().contains(&key::sweep(tenant, group))?;
                current = Some((group, found, swept));
            }
            let (owner, swept) = current.as_ref().map_or((None, false), |(_, owner, swept)| (owner.clone(), *swept));
            let Some(owner) = owner else {
                if !swept {
                    self.dangling(tenant, group, member)?;
                }
                continue;
            };
            let resource_type = type_name(&name)?;
            if !self.tree().contains(&key::resource(&ResourceKey { tenant, resource_type, id: member }))? {
                self.dangling(tenant, group, member)?;
            } else if !self.knows_its_group(tenant, member, &owner)? {
                let detail = format!("{tenant}: {member} does not know that it is a member of {group}");
                self.fault("edge-one-way", detail, |repairs| {
                    repairs.put(key::group(tenant, member, group), membership(&owner.resource_type, None));
                })?;
            }
            if self.ended {
                break;
            }
        }
        Ok(())
    }

    fn knows_its_group(&self, tenant: TenantId, member: ResourceId, group: &ResourceKey) -> Result<bool, StoreError> {
        let found = self.tree().get(&key::group(tenant, member, group.id))?;
        let known = found.and_then(|bytes| read_membership(&bytes).ok());
        Ok(known.is_some_and(|(resource_type, _)| resource_type == group.resource_type))
    }

    /// From members to their groups: each must have its counterpart.
    pub(super) fn edges_to_groups(&mut self, tenant: TenantId) -> Result<(), StoreError> {
        for item in self.tree().scan(key::all_groups(tenant)) {
            let (key, _) = item?;
            let (member, group) = key::parse_edge(&key).ok_or_else(|| damaged("an edge's key"))?;
            if !self.tree().contains(&key::member(tenant, group, member))? {
                let detail = format!("{tenant}: {member} takes itself for a member of {group}");
                self.fault("edge-one-way", detail, |repairs| repairs.remove(key))?;
            }
            if self.ended {
                break;
            }
        }
        Ok(())
    }

    fn dangling(&mut self, tenant: TenantId, group: ResourceId, member: ResourceId) -> Result<(), StoreError> {
        let detail = format!("{tenant}: {member} in {group}, of which one does not exist");
        self.fault("edge-dangling", detail, |repairs| {
            repairs.remove(key::member(tenant, group, member));
            repairs.remove(key::group(tenant, member, group));
        })
    }
}
