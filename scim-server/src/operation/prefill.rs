//! The state that a consumer begins with: every resource, in a stable order, as something that is there.
//!
//! It is read piece by piece while others write, so a piece may be newer than the number that the log had when the
//! reading began. Each resource comes with its version, and each event says which version it stands on. So a reader
//! applies those events that stand on what it has, and passes over those that it has already.

use super::{Operations, feed::TypePattern, told};
use crate::{
    consumer::Prefill,
    event::{Action, Event, Membership, SERVER},
    render::stored_document,
    store::{Record, ResourceId, ResourceKey, Start, StoreError, TypeName},
    tenant::Tenant,
};

/// Members of one event.
const MEMBERS: usize = 1000;
const MEMBERS_OF_A_BATCH: usize = 10_000;

/// What to read of the state.
pub(super) struct Part<'a> {
    /// Where it begins.
    pub from: &'a Prefill,
    /// How many resources at most.
    pub limit: usize,
    /// Of which types; of all when there are none.
    pub types: &'a [TypePattern],
}

impl Operations {
    /// The next resources of the state, and the place behind them; none only at its end.
    pub(super) async fn present(&self, tenant: &Tenant, part: Part<'_>) -> Result<(Vec<Event>, Prefill), StoreError> {
        let mut place = part.from.clone();
        if let (Some(group), Some((member, version))) = (place.after, place.member) {
            let key =
                ResourceKey { tenant: tenant.home, resource_type: TypeName::from(&*place.resource_type), id: group };
            let (joined, last) = self.members_behind(&key, Some(member)).await?;
            place.member = last.map(|last| (last, version));
            let event = Event::new(Action::Present, SERVER, &place.resource_type, group);
            let members = Some(Box::new(Membership { joined, left: Vec::new() }));
            return Ok((vec![Event { version, previous_version: Some(version), members, ..event }], place));
        }
        let wanted = tenant.registry.resource_types().iter().filter(|rt| TypePattern::any_of(part.types, &rt.name));
        let names: Vec<_> = wanted.map(|rt| rt.name.as_str()).collect();
        let first = names.iter().position(|name| *name == place.resource_type).unwrap_or_default();
        for name in names.iter().skip(first) {
            if *name != place.resource_type {
                place = Prefill { resource_type: (*name).to_owned(), ..Prefill::default() };
            }
            let events = self.present_of(tenant, &mut place, part.limit).await?;
            if !events.is_empty() {
                return Ok((events, place));
            }
        }
        Ok((Vec::new(), place))
    }

    /// The next resources of the type at which the place stands.
    async fn present_of(&self, tenant: &Tenant, place: &mut Prefill, limit: usize) -> Result<Vec<Event>, StoreError> {
        let name = TypeName::from(&*place.resource_type);
        let start = place.after.map_or(Start::Offset(0), Start::After);
        let (mut events, mut members) = (Vec::new(), 0);
        for (id, record) in self.store.resources(tenant.home, &name, start, limit).await? {
            place.after = Some(id);
            let mut event = present(&name, id, &record, tenant.settings.tells_values())?;
            if record.header.members > 0 {
                let key = ResourceKey { tenant: tenant.home, resource_type: name.clone(), id };
                let (joined, last) = self.members_behind(&key, None).await?;
                members += joined.len();
                event.members = Some(Box::new(Membership { joined, left: Vec::new() }));
                place.member = last.map(|last| (last, record.header.version));
            }
            events.push(event);
            if place.member.is_some() || members >= MEMBERS_OF_A_BATCH {
                break;
            }
        }
        Ok(events)
    }

    /// Some members of a group, and the last of them if there are more.
    async fn members_behind(
        &self,
        group: &ResourceKey,
        after: Option<ResourceId>,
    ) -> Result<(Vec<ResourceId>, Option<ResourceId>), StoreError> {
        let page = self.store.members(group, after, MEMBERS, false).await?;
        let ids: Vec<_> = page.iter().map(|member| member.id).collect();
        let last = ids.last().copied().filter(|_| !page.done);
        Ok((ids, last))
    }
}

/// That a resource is there.
fn present(name: &TypeName, id: ResourceId, record: &Record, tells_values: bool) -> Result<Event, StoreError> {
    let event = Event::new(Action::Present, SERVER, name.as_str(), id);
    Ok(Event {
        at: record.header.last_modified.as_millis(),
        version: record.header.version,
        external_id: told::external_id(&stored_document(record)?),
        values: if tells_values { told::whole(&record.body) } else { None },
        ..event
    })
}
