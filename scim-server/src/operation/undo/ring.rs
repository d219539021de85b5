//! Names that were exchanged in a ring: each waits for the next. One steps aside to a name of its own, and the others
//! go back one after the other.

use std::{collections::BTreeMap, sync::Arc};

use scim_protocol::{Error, Resource, schema::ResourceType};
use serde_json::Value;

use super::{Subject, Undo, values::temporary};
use crate::{
    index,
    operation::modify::stored_resource,
    store::{IndexEntry, ResourceId},
};

impl Undo<'_> {
    /// Gives one of those who wait for each other a name of its own for the meantime. False if there is no ring.
    pub(super) async fn break_ring(
        &self,
        waiting: &BTreeMap<ResourceId, (Subject, IndexEntry)>,
    ) -> Result<bool, Error> {
        let mut next = BTreeMap::new();
        for (id, (_, entry)) in waiting {
            let owner = self.rehearsal.owner(&*self.operations.store, &entry.key).await?;
            next.extend(owner.filter(|owner| waiting.contains_key(owner)).map(|owner| (*id, owner)));
        }
        for start in next.keys() {
            let (mut at, mut steps) = (next.get(start), 0);
            while let Some(one) = at
                && one != start
                && steps < next.len()
            {
                (at, steps) = (next.get(one), steps + 1);
            }
            if at != Some(start) {
                continue;
            }
            // The one before has the name that this one gives up.
            let before = next.iter().find(|(_, owner)| *owner == start).and_then(|(id, _)| waiting.get(id));
            let (Some(((rt, id), _)), Some((_, entry))) = (waiting.get(start), before) else { continue };
            if self.step_aside(rt, *id, entry).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives a resource a value of its own instead of that one. False if the attribute is not a single text.
    async fn step_aside(&self, rt: &Arc<ResourceType>, id: ResourceId, entry: &IndexEntry) -> Result<bool, Error> {
        let attribute = entry.key.attribute.as_ref();
        let context = self.fresh_context();
        let (key, record) = self.operations.find(&context, rt, &id.to_string()).await?;
        let now = stored_resource(&record)?;
        if !matches!(now.document().get(attribute), Some(Value::String(_))) {
            return Ok(false);
        }
        let decide = |now: &Resource| {
            let mut aside = now.clone();
            aside.set(attribute, temporary(id).into());
            Ok(aside)
        };
        if self.dry_run {
            let specs = context.caller.tenant().index_specs(&rt.name);
            let [before, after] = [&now, &decide(&now)?].map(|one| index::entries(&key, one.document(), specs));
            self.rehearsal.change(&*self.operations.store, id, &before, &after).await?;
        } else {
            self.commit(&context, rt, id, &decide, &[]).await?;
        }
        Ok(true)
    }
}
