//! Index entries: each belongs to a resource that has it.

use super::Check;
use crate::store::{
    IndexKey, IndexValue, LAST_MODIFIED, ResourceId, ResourceKey, StoreError, TenantId,
    sled::{key, record},
};

impl Check<'_> {
    pub(super) fn index(&mut self, tenant: TenantId) -> Result<(), StoreError> {
        for item in self.tree().scan(key::all_index(tenant)) {
            let (key, mark) = item?;
            let Some((place, id)) = key::parse_index(&key) else {
                self.fault("index-stray", format!("{tenant}: an entry's key"), |repairs| repairs.remove(key))?;
                continue;
            };
            if !self.belongs(&place, id, key::is_unique(&mark))? {
                self.fault("index-stray", name(&place, id), |repairs| repairs.remove(key))?;
            }
            if self.ended {
                break;
            }
        }
        Ok(())
    }

    fn belongs(&self, place: &IndexKey, id: ResourceId, unique: bool) -> Result<bool, StoreError> {
        let IndexKey { tenant, resource_type, attribute, value } = place;
        let owner = ResourceKey { tenant: *tenant, resource_type: resource_type.clone(), id };
        let Some(bytes) = self.tree().get(&key::resource(&owner))? else { return Ok(false) };
        // What cannot be read was reported already, and may be the owner.
        let Ok((header, entries)) = record::decode_entries(&bytes) else { return Ok(true) };
        Ok(if **attribute == *LAST_MODIFIED {
            *value == IndexValue::instant(header.last_modified)
        } else {
            // An entry that should be marked as unique, and is not, was reported with its resource.
            entries.get(&(attribute.clone(), value.clone())).is_some_and(|marked| *marked || !unique)
        })
    }
}

fn name(place: &IndexKey, id: ResourceId) -> String {
    format!("{}: {} {id}: {}", place.tenant, place.resource_type.as_str(), place.attribute)
}
