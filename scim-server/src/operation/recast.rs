//! A resource that returns, or is kept when it is deleted, otherwise than it was before: what is stored of it, and what its
//! event tells of the difference.

use std::collections::BTreeSet;

use scim_protocol::{Error, Resource, schema::ResourceType};
use serde_json::{Map, Value};

use super::{
    Context, Operations,
    disable::{self, NameLock, Switch},
    modify::{provided_resource, stored_resource},
    source,
    stored_form::StoredForm,
    told::Comparison,
};
use crate::{
    index,
    store::{Body, IndexEntry, Record, ResourceKey},
};

/// What is stored of it.
pub(super) struct Recast {
    pub body: Body,
    /// Under which values it is found.
    pub entries: BTreeSet<IndexEntry>,
    /// What everybody reads.
    pub document: Map<String, Value>,
    /// What its event tells of the difference.
    pub told: Comparison,
}

/// What is to be kept of a resource.
#[derive(Default)]
pub(super) struct Keep {
    /// The resource as the provider knows it; the one that is there when absent.
    pub resource: Option<Resource>,
    /// What becomes of an administrator's lock.
    pub switch: Switch,
    /// The lock that its name brings.
    pub by_name: Option<NameLock>,
}

impl Operations {
    /// What is kept of a record, and what an event tells of how that differs from it.
    pub(super) fn recast_to_keep(
        &self,
        context: &Context,
        rt: &ResourceType,
        (key, record): (&ResourceKey, &Record),
        keep: &Keep,
    ) -> Result<(Body, Comparison), Error> {
        let resource = match &keep.resource {
            None if keep.switch == Switch::Keep && keep.by_name.is_none() => {
                return Ok((record.body.clone(), Comparison::default()));
            }
            None => provided_resource(record)?,
            Some(resource) => resource.clone(),
        };
        let recast = self.recast(context, rt, (key, record), resource, (keep.switch, keep.by_name.as_ref()))?;
        Ok((recast.body, recast.told))
    }

    /// What comes of a stored resource that is to be another one, as the provider knows it; locked out or not, which a name may
    /// bring.
    pub(super) fn recast(
        &self,
        context: &Context,
        rt: &ResourceType,
        (key, record): (&ResourceKey, &Record),
        resource: Resource,
        (switch, by_name): (Switch, Option<&NameLock>),
    ) -> Result<Recast, Error> {
        let specs = context.caller.tenant().index_specs(&rt.name);
        let was = provided_resource(record)?;
        let was_disabled = disable::provider_active(record)?.is_some();
        let disabled = switch.disables(was_disabled, by_name.is_some());
        if resource == was && disabled == was_disabled {
            let document = stored_resource(record)?.document().clone();
            let entries = index::entries(key, &document, specs);
            return Ok(Recast { body: record.body.clone(), entries, document, told: Comparison::default() });
        }
        let told = Comparison {
            aside: disable::told_aside(&resource, Some(disable::is_active(was.document()))),
            lock: switch.told(was_disabled, disabled),
            ..Comparison::new(was.document(), resource.document(), rt)
        };
        let terms = switch.terms(was_disabled.then_some(record), by_name, resource.document())?;
        let (aside, resource) = disable::parted(resource, disabled);
        let StoredForm { mut body, entries } = StoredForm::new(key, &resource, rt, specs)?;
        disable::keep(&mut body, aside.as_ref(), terms)?;
        source::stamp(&mut body, Some(record), &context.caller, self.clock.now())?;
        Ok(Recast { body, entries, document: resource.document().clone(), told })
    }
}
