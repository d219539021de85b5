//! What every engine promises, as tests: one suite that each engine runs by [`contract!`].
//!
//! A case gets a [`Stage`]: an empty store with a clock that stands still. [`model`] is the same
//! promise as a program: the store over a sorted map, against which engines are compared.

pub(crate) mod commits;
pub(crate) mod indexes;
pub(crate) mod listing;
pub(crate) mod membership;
pub(crate) mod model;
pub(crate) mod upkeep;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use scim_protocol::Timestamp;
use uuid::Uuid;

use super::{
    Body, Commit, Committed, Edge, EntriesOf, Expect, Header, IndexEntry, IndexKey, IndexValue, Item, ResourceId,
    ResourceKey, Store, StoreError, TenantId, Write,
};
use crate::{
    clock::{Clock, ManualClock},
    event::{Action, Event},
};

/// Runs each case against an engine: `contract!(place)`, where `place` is a [`Place`].
macro_rules! contract {
    ($place:expr) => {
        #[test]
        fn any_history_agrees_with_the_model() {
            $crate::store::contract::model::any_history_agrees($place);
        }

        $crate::store::contract::contract! { @each $place;
            commits::versions_count_from_one,
            commits::what_is_told_elsewhere_is_of_the_same_commit,
            commits::what_returns_goes_on_where_it_ended,
            commits::time_never_goes_back,
            commits::expectations_are_checked,
            commits::owners_of_a_value_are_expected,
            commits::what_is_refused_leaves_no_trace,
            commits::one_commit_is_one_version,
            commits::without_a_change_there_is_no_event,
            commits::a_note_is_an_event_alone,
            commits::bookkeeping_has_no_event,
            commits::a_deleted_resource_is_gone_from_everywhere,
            commits::one_of_many_rivals_wins,
            commits::no_more_come_than_there_is_room_for,
            commits::a_commit_outlives_its_caller,
            commits::tenants_do_not_meet,
            commits::a_closed_store_is_unavailable,
            commits::what_was_acknowledged_is_there_again,
            indexes::a_unique_value_has_one_owner,
            indexes::a_value_changes_hands_in_one_commit,
            indexes::an_entry_can_change_its_sort,
            indexes::ranges_give_what_they_name,
            indexes::pages_follow_each_other,
            indexes::last_modified_is_kept_by_the_store,
            indexes::an_entry_needs_its_resource,
            indexes::entries_that_come_and_go_are_no_change,
            listing::pages_go_both_ways,
            listing::a_page_ends_by_its_bytes,
            listing::events_follow_each_other,
            listing::events_about_a_resource_are_found,
            listing::places_are_kept_while_others_write,
            membership::edges_are_seen_from_both_sides,
            membership::a_membership_says_since_when_it_is_one,
            membership::each_change_is_a_version_of_the_group,
            membership::strangers_cannot_join,
            membership::a_deleted_member_leaves_its_groups,
            membership::a_deleted_group_vanishes_at_once,
            membership::an_id_returns_without_the_members_that_it_had,
            membership::a_group_kept_aside_has_no_members,
            membership::the_groups_of_a_member_are_expected,
            membership::events_are_read_while_nothing_but_a_sweep_is_written,
            membership::members_come_in_pages,
            membership::groups_of_a_page_of_resources,
            upkeep::what_is_exported_can_be_loaded,
            upkeep::an_export_ends_when_it_is_told,
            upkeep::loading_replaces,
            upkeep::loading_respects_uniqueness,
            upkeep::erasing_leaves_nothing,
            upkeep::nothing_is_written_for_who_was_erased,
            upkeep::events_are_forgotten,
            upkeep::nothing_is_found_in_a_sound_store,
            upkeep::entries_that_are_wanted_are_added,
        }
    };
    (@each $place:expr; $($file:ident::$case:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::store::contract::$file::$case($crate::store::contract::Stage::new($place).await).await;
            }
        )+
    };
}
pub(crate) use contract;

/// Makes a place for a store, with nothing in it. What it gives opens the store there.
pub(crate) type Place = fn() -> Open;

/// Opens the store of a place. It is asked again only when the store is dropped.
pub(crate) type Open = Box<dyn Fn(Arc<dyn Clock>) -> BoxFuture<'static, Arc<dyn Store>> + Send + Sync>;

/// A store that is empty at first, and its clock.
pub(crate) struct Stage {
    pub store: Arc<dyn Store>,
    pub clock: ManualClock,
    open: Open,
    place: Place,
}

/// The tenant that cases play in.
pub(crate) const TENANT: TenantId = TenantId(Uuid::from_u128(0x7e));

/// When a stage's clock begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

impl Stage {
    pub async fn new(place: Place) -> Self {
        let open = place();
        let clock = ManualClock::at(START);
        Self { store: open(Arc::new(clock.clone())).await, clock, open, place }
    }

    /// Another empty store of the same engine.
    pub async fn another(&self) -> Self {
        Self::new(self.place).await
    }

    /// Drops the store, without closing it, and opens it again.
    pub async fn reopen(self) -> Self {
        let Self { store, clock, open, place } = self;
        drop(store);
        Self { store: open(Arc::new(clock.clone())).await, clock, open, place }
    }

    /// Commits some writes about a resource.
    pub async fn write(
        &self,
        target: &ResourceKey,
        writes: impl IntoIterator<Item = Write>,
    ) -> Result<Committed, StoreError> {
        self.store.commit(commit(target, writes)).await
    }

    /// Makes a resource, with a display name that tells it from others.
    pub async fn put(&self, key: &ResourceKey) -> Header {
        let done = self.write(key, [put(key)]).await.unwrap();
        done.header.unwrap()
    }

    /// Joins a member to a group.
    pub async fn join(&self, group: &ResourceKey, member: &ResourceKey) -> Committed {
        self.write(group, [join(group, member)]).await.unwrap()
    }

    pub async fn header(&self, key: &ResourceKey) -> Option<Header> {
        self.store.get(key).await.unwrap().map(|record| record.header)
    }

    /// The ids of the groups that hold a resource.
    pub async fn groups(&self, member: &ResourceKey) -> Vec<ResourceId> {
        let groups = self.store.groups_of(member.tenant, &[member.id]).await.unwrap();
        groups.into_iter().flatten().map(|group| group.id).collect()
    }

    /// The ids of all members of a group.
    pub async fn members(&self, group: &ResourceKey) -> Vec<ResourceId> {
        let members = self.store.members(group, None, usize::MAX, false).await.unwrap();
        members.into_iter().map(|member| member.id).collect()
    }

    /// Everything that an export gives.
    pub async fn export(&self, tenant: Option<TenantId>) -> Vec<Item> {
        let (sender, receiver) = std::sync::mpsc::channel();
        self.store.export(tenant, Box::new(move |item| sender.send(item).is_ok())).await.unwrap();
        receiver.into_iter().collect()
    }

    /// What a check finds, as words; documents are taken to want the entries of [`entries_of`].
    pub async fn check(&self, repair: bool) -> Vec<String> {
        self.check_with(Arc::new(|key, record| Ok(entries_of(key, &record.body))), repair).await
    }

    /// What a check finds, as words.
    pub async fn check_with(&self, entries: EntriesOf, repair: bool) -> Vec<String> {
        let (sender, receiver) = std::sync::mpsc::channel();
        self.store.check(entries, repair, Box::new(move |finding| sender.send(finding).is_ok())).await.unwrap();
        receiver.into_iter().map(|finding| format!("{} {}", finding.kind, finding.detail)).collect()
    }
}

/// The resource of that type and number.
pub(crate) fn key(resource_type: &str, number: u128) -> ResourceKey {
    ResourceKey { tenant: TENANT, resource_type: resource_type.into(), id: id(number) }
}

pub(crate) fn user(number: u128) -> ResourceKey {
    key("User", number)
}

/// Groups have ids that no user has.
pub(crate) fn group(number: u128) -> ResourceKey {
    key("Group", number + (1 << 64))
}

pub(crate) fn id(number: u128) -> ResourceId {
    ResourceId(Uuid::from_u128(number))
}

pub(crate) fn put(key: &ResourceKey) -> Write {
    Write::Put(key.clone(), body(&format!("{} {}", key.resource_type.as_str(), key.id), ""))
}

/// A body; `values` is what it is indexed by, as [`entries_of`] reads it: `name=value` for a value
/// of its own, `name~value` for one that others may have.
pub(crate) fn body(display: &str, values: &str) -> Body {
    let [display, visible] = [display, values].map(|text| text.to_owned().into());
    Body { display, visible, hidden: "secret".into() }
}

/// What the body of a resource is indexed by.
pub(crate) fn entries_of(key: &ResourceKey, body: &Body) -> Vec<IndexEntry> {
    let text = std::str::from_utf8(&body.visible).unwrap();
    text.split_whitespace()
        .map(|word| {
            let split = word.find(['=', '~']).unwrap();
            entry(key, &word[..split], &word[split + 1..], word.contains('='))
        })
        .collect()
}

pub(crate) fn entry(key: &ResourceKey, attribute: &str, value: &str, unique: bool) -> IndexEntry {
    IndexEntry { key: place(key, attribute, value), id: key.id, unique }
}

pub(crate) fn place(key: &ResourceKey, attribute: &str, value: &str) -> IndexKey {
    IndexKey {
        tenant: key.tenant,
        resource_type: key.resource_type.clone(),
        attribute: attribute.into(),
        value: IndexValue(value.into()),
    }
}

pub(crate) fn join(group: &ResourceKey, member: &ResourceKey) -> Write {
    Write::Join(edge(group, member))
}

pub(crate) fn leave(group: &ResourceKey, member: &ResourceKey) -> Write {
    Write::Leave(edge(group, member))
}

fn edge(group: &ResourceKey, member: &ResourceKey) -> Edge {
    Edge { group: group.clone(), member: member.clone() }
}

pub(crate) fn commit(target: &ResourceKey, writes: impl IntoIterator<Item = Write>) -> Commit {
    let mut commit = Commit::new(target.clone(), event(target));
    commit.writes.extend(writes);
    commit
}

pub(crate) fn expecting(mut commit: Commit, expect: Expect) -> Commit {
    commit.expect.push(expect);
    commit
}

/// An event as a caller makes it: sequence, instant and version are the store's to give.
pub(crate) fn event(target: &ResourceKey) -> Event {
    let event = Event::new(Action::Modify, "admin", target.resource_type.as_str(), target.id);
    Event { attributes: vec!["userName".into()], request: "1".into(), ..event }
}
