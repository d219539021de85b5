//! Resources: each can be read, has the index entries that its document asks for, as many members
//! as it says, and is counted.

use std::{collections::BTreeMap, sync::Arc};

use super::Check;
use crate::store::{
    IndexKey, IndexValue, Record, ResourceKey, StoreError, TenantId, TypeName,
    decide::{Entries, index_key},
    sled::{
        key::{self, modified},
        read, record,
        value::number,
    },
};

impl Check<'_> {
    pub(super) fn resources(&mut self, tenant: TenantId) -> Result<(), StoreError> {
        let types = read::types(self.tree(), tenant)?;
        let mut counted: BTreeMap<TypeName, u64> = types.into_iter().map(|name| (name, 0)).collect();
        for item in self.tree().scan(key::all_resources(tenant)) {
            let (key, bytes) = item?;
            let Some(key) = key::parse_resource(&key) else {
                self.report("record-unreadable", format!("{tenant}: a resource's key"));
                continue;
            };
            *counted.entry(key.resource_type.clone()).or_default() += 1;
            match record::decode_all(&bytes) {
                Ok((record, entries)) => self.resource(&key, record, &entries)?,
                Err(_) => self.report("record-unreadable", name(&key)),
            }
            if self.ended {
                return Ok(());
            }
        }
        for (resource_type, count) in counted {
            let key = key::count(tenant, &resource_type);
            let stored = self.tree().get(&key)?.map_or(Ok(0), |bytes| number(&bytes));
            if !matches!(stored, Ok(stored) if stored == count) {
                let detail = format!("{tenant}: there are {count} of type {}, not {stored:?}", resource_type.as_str());
                self.fault("count-wrong", detail, |repairs| repairs.put(key, count.to_be_bytes().to_vec()))?;
            }
        }
        Ok(())
    }

    fn resource(&mut self, key: &ResourceKey, mut record: Record, entries: &Entries) -> Result<(), StoreError> {
        let mut rewrite = false;
        let mut members = 0;
        for item in self.tree().scan(key::members(key.tenant, key.id)) {
            item?;
            members += 1;
        }
        // What is kept aside of a group has its id, and no members.
        if record.header.members != members && !key.resource_type.is_aside() {
            let detail = format!("{}: {members} members, not {}", name(key), record.header.members);
            record.header.members = members;
            rewrite = true;
            self.fault("members-wrong", detail, |_| ())?;
        }
        let there = modified(key, record.header.last_modified);
        if !self.tree().contains(&there)? {
            let detail = format!("{}: meta.lastModified", name(key));
            self.fault("index-missing", detail, |repairs| repairs.put(there, Vec::new()))?;
        }
        let wanted: Entries = if let Ok(wanted) = (self.entries)(key, &record) {
            wanted.into_iter().map(|entry| ((entry.key.attribute, entry.key.value), entry.unique)).collect()
        } else {
            self.report("document-unreadable", name(key));
            entries.clone()
        };
        for ((attribute, value), unique) in &wanted {
            self.entered(key, attribute, value, *unique)?;
        }
        if *entries != wanted {
            for ((attribute, _), _) in entries.iter().filter(|(place, unique)| wanted.get(place) != Some(unique)) {
                self.fault("index-stale", format!("{}: {attribute}", name(key)), |_| ())?;
            }
            // The entries themselves go when the index is checked: no resource has them then.
            rewrite = true;
        }
        if rewrite && self.repair {
            self.repairs.put(key::resource(key), record::encode(&record, &wanted));
        }
        Ok(())
    }

    /// Whether the index has the entry, and nobody else has it if only one may.
    fn entered(
        &mut self,
        key: &ResourceKey,
        attribute: &Arc<str>,
        value: &IndexValue,
        unique: bool,
    ) -> Result<(), StoreError> {
        let place = index_key(key, attribute.clone(), value.clone());
        let there = key::index(&place, key.id);
        let found = self.tree().get(&there)?.map(|mark| key::is_unique(&mark));
        let taken = unique && self.has_another_owner(key, &place)?;
        let detail = || format!("{}: {attribute}", name(key));
        if found != Some(unique) && !(found == Some(false) && taken) {
            // A query finds the resource by the value, even while another one owns it.
            let mark = key::mark(unique && !taken);
            self.fault("index-missing", detail(), |repairs| repairs.put(there, mark))?;
        }
        if taken {
            self.report("unique-twice", detail());
        }
        Ok(())
    }

    /// Whether another resource of that type has the value as its own.
    fn has_another_owner(&self, key: &ResourceKey, place: &IndexKey) -> Result<bool, StoreError> {
        let here = (place.attribute.clone(), place.value.clone());
        for item in self.tree().scan(key::index_equal(place)) {
            let (there, mark) = item?;
            let other = key::last_id(&there).filter(|id| *id != key.id && key::is_unique(&mark));
            let Some(id) = other else { continue };
            let other = ResourceKey { id, ..key.clone() };
            if let Some(bytes) = self.tree().get(&key::resource(&other))?
                && record::decode_entries(&bytes).is_ok_and(|(_, entries)| entries.get(&here) == Some(&true))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn name(key: &ResourceKey) -> String {
    format!("{}: {} {}", key.tenant, key.resource_type.as_str(), key.id)
}
