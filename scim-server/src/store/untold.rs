//! An event that is still to be told in the log of a tenant that is kept in another database.
//!
//! No transaction reaches two databases. So the commit that the event tells of keeps it beside its change, as a record of
//! the system's own. Then it is told, and the record removed. If the process is killed in between, or the tenant's database
//! is away, the server that does the upkeep tells it later. One that was killed behind the telling has it told twice.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Body, Record, ResourceId, ResourceKey, StoreError, TenantId, TypeName, Write};
use crate::event::Event;

/// The kind of record.
pub const KIND: &str = "Untold";

/// See the module's documentation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Untold {
    /// In whose log.
    pub log: TenantId,
    pub event: Event,
}

impl Untold {
    /// What a commit keeps of an event, and under which id.
    pub fn kept(log: TenantId, event: Event) -> Result<(ResourceId, Write), StoreError> {
        let id = ResourceId(Uuid::new_v4());
        let visible =
            serde_json::to_vec(&Self { log, event }).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        Ok((id, Write::Put(key(id), Body { visible: visible.into(), ..Body::default() })))
    }

    pub fn from_record(id: ResourceId, record: &Record) -> Result<Self, StoreError> {
        serde_json::from_slice(&record.body.visible)
            .map_err(|error| StoreError::Corrupt(format!("the event {id} that is to be told: {error}")))
    }
}

pub(super) fn key(id: ResourceId) -> ResourceKey {
    ResourceKey { tenant: TenantId::SYSTEM, resource_type: TypeName::from(KIND), id }
}
