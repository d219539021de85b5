//! What became of a call counts for its tenant: whether its provider is served, and why not.

use scim_protocol::Timestamp;

use super::Notes;
use crate::{
    http::Service,
    metrics::{Operation, Refused},
    store::TenantId,
};

impl Service {
    /// Counts what was answered with that status, if it is a call of a provider.
    pub(super) fn count_for_tenant(&self, notes: &Notes<'_>, at: Timestamp, status: u16) {
        if !notes.is_call() {
            return;
        }
        // Who is slowed down for its address says nothing of the tenant that it names.
        let is_of_address = status == 429;
        let named = || notes.segment.as_deref().filter(|_| !is_of_address).and_then(TenantId::parse);
        let Some(tenant) = notes.caller.as_ref().map_or_else(named, |(_, tenant)| Some(tenant.id)) else { return };
        let Some(health) = self.access.health(tenant) else { return };
        let refused = Refused::of(status);
        if let Some(why) = refused {
            health.refuse(why);
        }
        // A provider that looks for somebody who is not there is served.
        let is_served = match refused {
            None => true,
            Some(why) => why == Refused::NotFound && notes.operation != Operation::Unknown,
        };
        if is_served && notes.may_write && health.serve(at, refused.is_none() && writes(notes.operation)) {
            self.access.note_soon();
        }
    }
}

fn writes(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Create | Operation::Replace | Operation::Modify | Operation::Delete | Operation::Bulk
    )
}
