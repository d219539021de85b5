//! Resources: each can be read, has the index entries that its document asks for, as many members
//! as it says, and is counted.

use std::collections::BTreeMap;

use super::Check;
use crate::store::{
    IndexEntry, Record, ResourceKey, StoreError, TenantId, TypeName,
    sled::{
        draft::modified,
        key, read,
        record::{self, Held},
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
                Ok((record, held)) => self.resource(&key, record, held)?,
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

    fn resource(&mut self, key: &ResourceKey, mut record: Record, held: Vec<Held>) -> Result<(), StoreError> {
        let mut rewrite = false;
        let mut members = 0;
        for item in self.tree().scan(key::members(key.tenant, key.id)) {
            item?;
            members += 1;
        }
        if record.header.members != members {
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
        let wanted = if let Ok(entries) = (self.entries)(key, &record) {
            let mut wanted: Vec<_> = entries.iter().map(Held::of).collect();
            wanted.sort();
            wanted.dedup();
            wanted
        } else {
            self.report("document-unreadable", name(key));
            let mut held = held.clone();
            held.sort();
            held
        };
        for held in &wanted {
            self.entered(key, held)?;
        }
        let mut sorted = held;
        sorted.sort();
        if sorted != wanted {
            for stale in sorted.iter().filter(|held| wanted.binary_search(held).is_err()) {
                self.fault("index-stale", format!("{}: {}", name(key), stale.attribute), |_| ())?;
            }
            // The entries themselves go when the index is walked and finds that nobody has them.
            rewrite = true;
        }
        if rewrite && self.repair {
            self.repairs.put(key::resource(key), record::encode(&record, &wanted));
        }
        Ok(())
    }

    /// Whether the index has the entry, and nobody else has it if only one may.
    fn entered(&mut self, key: &ResourceKey, held: &Held) -> Result<(), StoreError> {
        let entry = held.entry(key);
        let there = key::index(&entry.key, key.id);
        let found = self.tree().get(&there)?.map(|mark| key::is_unique(&mark));
        let taken = held.unique && self.has_another_owner(key, &entry, held)?;
        let detail = || format!("{}: {}", name(key), held.attribute);
        if found != Some(held.unique) && !(found == Some(false) && taken) {
            // It is found by the value, even while another one is its only owner.
            let mark = key::mark(held.unique && !taken);
            self.fault("index-missing", detail(), |repairs| repairs.put(there, mark))?;
        }
        if taken {
            self.report("unique-twice", detail());
        }
        Ok(())
    }

    /// Whether another resource of that type has the value as its own.
    fn has_another_owner(&self, key: &ResourceKey, entry: &IndexEntry, held: &Held) -> Result<bool, StoreError> {
        for item in self.tree().scan(key::index_equal(&entry.key)) {
            let (there, mark) = item?;
            let other = key::last_id(&there).filter(|id| *id != key.id && key::is_unique(&mark));
            let Some(id) = other else { continue };
            let other = ResourceKey { id, ..key.clone() };
            if let Some(bytes) = self.tree().get(&key::resource(&other))?
                && record::decode_held(&bytes).is_ok_and(|(_, all)| all.contains(held))
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
