//! What those are called whom events name by their ids.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::{
    admin::{AdminContext, AdminError},
    event::Event,
    operation::restore::Restorable,
    render::stored_document,
    store::{ResourceId, ResourceKey, TypeName},
    tenant::Tenant,
};

/// Of those who joined or left at once, so many are named: an event may have a million.
pub const NAMED: usize = 5;
/// What members are (RFC 7643 §4.2).
const TYPES: [&str; 2] = ["User", "Group"];

/// Looks up members of one tenant, each once.
pub(super) struct Members<'c> {
    context: &'c AdminContext,
    tenant: &'c Tenant,
    restorable: Restorable,
    known: HashMap<ResourceId, Option<Value>>,
}

impl<'c> Members<'c> {
    pub fn new(context: &'c AdminContext, tenant: &'c Tenant, restorable: Restorable) -> Self {
        Self { context, tenant, restorable, known: HashMap::new() }
    }

    /// The `type` and `name` of whom an event is about and of the first who joined or left by it, by their ids. Nothing of
    /// one who is neither there nor kept; the name is empty of one that has none.
    pub async fn of(&mut self, event: &Event) -> Result<Map<String, Value>, AdminError> {
        let mut named = Map::new();
        let target = Some(&event.target).filter(|_| TYPES.contains(&event.resource_type.as_str()));
        let both = event.members.as_deref().map(|members| [&members.joined, &members.left]);
        let members = both.into_iter().flatten().flat_map(|side| side.iter().take(NAMED));
        for id in target.into_iter().chain(members) {
            if !self.known.contains_key(id) {
                let found = self.look(*id).await?;
                self.known.insert(*id, found);
            }
            if let Some(Some(found)) = self.known.get(id) {
                named.insert(id.to_string(), found.clone());
            }
        }
        Ok(named)
    }

    async fn look(&self, id: ResourceId) -> Result<Option<Value>, AdminError> {
        for resource_type in TYPES {
            let key = ResourceKey { tenant: self.tenant.home, resource_type: TypeName::from(resource_type), id };
            if let Some(record) = self.context.store.get(&key).await? {
                let document = stored_document(&record)?;
                let name = ["userName", "displayName"].iter().find_map(|name| document.get(*name)?.as_str());
                return Ok(Some(json!({"type": resource_type, "name": name.unwrap_or_default()})));
            }
            let kept = self.context.operations.kept_of(key).await?;
            if let Some(kept) = kept.filter(|kept| self.restorable.has(kept)) {
                let names = kept.deleted.names()?;
                let name = names.user_name.or(names.display_name);
                return Ok(Some(json!({"type": resource_type, "name": name.unwrap_or_default()})));
            }
        }
        Ok(None)
    }
}
