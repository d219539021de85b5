//! Does everything that is stored agree?
//!
//! The same fact stands in several places: a document and its index entries, an edge and its
//! reverse, a group and the number of its members. A batch writes them together, so they should
//! never differ; this looks whether they do. Documents and the edges from group to member are the
//! truth, everything else follows from them.
//!
//! Nothing is collected: each side is walked and the other side asked about each item, so a store
//! of any size is checked in constant memory. Edges come first, since repairing them changes the
//! numbers of members that documents are compared with; then documents; then what may have nothing
//! that belongs to it.

mod edges;
mod index;
mod resources;

use super::{
    key, read,
    tree::{Batch, Tree},
    writer::Writer,
};
use crate::store::{EntriesOf, Finding, Sink, StoreError, TenantId};

/// How many repairs make one batch.
const REPAIRS: usize = 256;

/// Checks each tenant in turn.
pub(super) fn run(
    writer: &mut Writer,
    entries: EntriesOf,
    repair: bool,
    sink: Sink<Finding>,
) -> Result<(), StoreError> {
    let mut check = Check { writer, entries, repair, sink, repairs: Batch::default(), ended: false };
    for tenant in read::tenants(check.tree())? {
        check.tenant(tenant)?;
        if check.ended {
            break;
        }
    }
    check.writer.flush()
}

struct Check<'a> {
    writer: &'a mut Writer,
    entries: EntriesOf,
    repair: bool,
    sink: Sink<Finding>,
    /// Repairs that are still to be applied.
    repairs: Batch,
    /// Set when the sink wants no more.
    ended: bool,
}

impl Check<'_> {
    fn tree(&self) -> &Tree {
        self.writer.tree()
    }

    /// Each part sees the repairs of the one before it.
    fn tenant(&mut self, tenant: TenantId) -> Result<(), StoreError> {
        let parts =
            [Self::edges_to_members, Self::edges_to_groups, Self::resources, Self::index, Self::unique, Self::events];
        for part in parts {
            part(self, tenant)?;
            self.apply()?;
            if self.ended {
                break;
            }
        }
        Ok(())
    }

    /// Tells of a fault that cannot be put right.
    fn report(&mut self, kind: &str, detail: String) {
        self.tell(kind, detail, false);
    }

    /// Tells of a fault, and puts it right when that is wanted.
    fn fault(&mut self, kind: &str, detail: String, repair: impl FnOnce(&mut Batch)) -> Result<(), StoreError> {
        if self.repair && !self.ended {
            repair(&mut self.repairs);
        }
        self.tell(kind, detail, self.repair);
        if self.repairs.len() >= REPAIRS { self.apply() } else { Ok(()) }
    }

    fn tell(&mut self, kind: &str, detail: String, repaired: bool) {
        if !self.ended {
            self.ended = !(self.sink)(Finding { kind: kind.into(), detail, repaired });
        }
    }

    fn apply(&mut self) -> Result<(), StoreError> {
        if self.repairs.len() == 0 {
            return Ok(());
        }
        self.writer.apply(std::mem::take(&mut self.repairs))
    }

    /// Events: each can be read, each stands where it says, none is missing between the first that
    /// is kept and the last that was given.
    fn events(&mut self, tenant: TenantId) -> Result<(), StoreError> {
        let mut last: Option<(u64, scim_protocol::Timestamp)> = None;
        for item in self.tree().scan(key::events(tenant)) {
            let (key, bytes) = item?;
            let Some(sequence) = key::parse_event(&key) else {
                self.fault("event-unreadable", format!("{tenant}: an event's key"), |repairs| repairs.remove(key))?;
                continue;
            };
            let at = match read::event(&bytes) {
                Ok(event) if event.sequence == sequence => event.at(),
                _ => {
                    self.report("event-unreadable", format!("{tenant}: event {sequence}"));
                    last.map_or_else(Default::default, |(_, at)| at)
                }
            };
            if let Some((before, _)) = last.filter(|(before, _)| before + 1 != sequence) {
                self.report("event-missing", format!("{tenant}: events {} to {}", before + 1, sequence - 1));
            }
            last = Some((sequence, at));
            if self.ended {
                return Ok(());
            }
        }
        let Some((sequence, at)) = last else { return Ok(()) };
        let stored = self.tree().get(&key::sequence(tenant))?;
        let given = stored.and_then(|bytes| super::draft::read_last_event(&bytes).ok());
        if given.is_none_or(|(given, _)| given < sequence) {
            let detail = format!("{tenant}: the last event is {sequence}, but the next would not be behind it");
            self.fault("sequence-wrong", detail, |repairs| {
                repairs.put(key::sequence(tenant), super::draft::last_event(sequence, at));
            })?;
        } else if let Some((given, _)) = given.filter(|(given, _)| *given > sequence) {
            self.report("event-missing", format!("{tenant}: events {} to {given}", sequence + 1));
        }
        Ok(())
    }
}
