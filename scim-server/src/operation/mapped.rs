//! The tenant's rewrites of what a provider sends, applied to a request.

use scim_protocol::{Error, Resource, schema::ResourceType};
use serde_json::Value;

use super::Context;
use crate::tenant::mapping::{self, Rewrite};

/// The names of the rewrites that changed something.
pub(super) type Applied = Vec<String>;

/// A resource, and the rewrites that made it what it is.
pub(super) type Mapped = Result<(Resource, Applied), Error>;

impl Context {
    /// The rewrites that count for the caller: none for what an administrator does.
    pub(super) fn rewrites(&self) -> &[Rewrite] {
        if self.caller.is_administrator() { &[] } else { &self.caller.tenant().settings.mapping }
    }

    /// Rewrites the body of a POST or PUT.
    pub(super) fn map_body(&self, rt: &ResourceType, body: &mut Value) -> Applied {
        match body.as_object_mut() {
            Some(body) => owned(mapping::apply(self.rewrites(), rt, body)),
            None => Applied::new(),
        }
    }

    /// Rewrites what a PATCH has made, which is validated anew.
    pub(super) fn map_patched(&self, rt: &ResourceType, patched: Resource) -> Mapped {
        if self.rewrites().is_empty() {
            return Ok((patched, Applied::new()));
        }
        let mut document = patched.into_document();
        let applied = owned(mapping::apply(self.rewrites(), rt, &mut document));
        if applied.is_empty() {
            return Ok((Resource::from_stored(document), applied));
        }
        // The URNs of extensions that a rewrite has made are missing in it.
        document.shift_remove("schemas");
        Ok((Resource::create(document.into(), rt)?, applied))
    }
}

fn owned(names: Vec<&str>) -> Applied {
    names.into_iter().map(str::to_owned).collect()
}
