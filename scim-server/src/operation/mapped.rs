//! The tenant's rewrites of what a provider sends, applied to a request.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use scim_protocol::{Error, Resource, schema::ResourceType};
use serde_json::{Map, Value};

use super::Context;
use crate::tenant::mapping::{self, Rewrite};

/// The names of the rewrites that changed something.
pub(super) type Applied = Vec<String>;

/// A resource, and the rewrites that made it what it is.
pub(super) type Mapped = Result<(Resource, Applied), Error>;

/// The names of the rewrites that changed something in the course of one request, for the audit log.
#[derive(Debug, Clone, Default)]
pub struct Rewritten(Arc<Mutex<BTreeSet<String>>>);

impl Rewritten {
    fn note(&self, applied: &[String]) {
        if !applied.is_empty() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(applied.iter().cloned());
        }
    }

    /// All of them.
    pub fn names(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Context {
    /// The rewrites that count for the caller: none for what an administrator does.
    pub(super) fn rewrites(&self) -> impl Iterator<Item = &Rewrite> {
        let all = if self.caller.is_administrator() { &[] } else { &*self.caller.tenant().settings.mapping };
        all.iter().filter(|rewrite| rewrite.is_of(self.caller.name()))
    }

    /// Notes which of them changed something.
    fn rewritten(&self, names: Vec<&str>) -> Applied {
        let applied: Applied = names.into_iter().map(str::to_owned).collect();
        self.rewritten.note(&applied);
        applied
    }

    /// Rewrites the body of a POST or PUT.
    pub(super) fn map_body(&self, rt: &ResourceType, body: &mut Value) -> Applied {
        self.rewritten(mapping::apply_to_body(self.rewrites(), rt, body))
    }

    /// Renames what the body of a PATCH names.
    pub(super) fn map_patch(&self, rt: &ResourceType, body: &mut Value) -> Applied {
        self.rewritten(mapping::apply_to_patch(self.rewrites(), rt, body))
    }

    /// Rewrites what a PATCH has made, which is validated anew. `renamed` are the rewrites that changed the PATCH itself.
    pub(super) fn map_patched(&self, rt: &ResourceType, patched: Resource, renamed: &Applied) -> Mapped {
        if self.rewrites().next().is_none() {
            return Ok((patched, Applied::new()));
        }
        let mut document = patched.into_document();
        let applied = self.rewritten(mapping::apply(self.rewrites(), rt, &mut document));
        let patched = if applied.is_empty() { Resource::from_stored(document) } else { validated(document, rt)? };
        let mut all = renamed.clone();
        all.extend(applied.into_iter().filter(|name| !renamed.contains(name)));
        Ok((patched, all))
    }
}

/// What a rewrite has made of a document, as a resource. The URNs of extensions that it has made are missing in the document.
pub(super) fn validated(mut document: Map<String, Value>, rt: &ResourceType) -> Result<Resource, Error> {
    document.shift_remove("schemas");
    Resource::create(document.into(), rt)
}
