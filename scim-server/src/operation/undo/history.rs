//! What some events of a log did to a resource, all together.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use scim_protocol::{Error, schema::ResourceType};

use super::{
    Called, Subject,
    step::{Other, Step},
};
use crate::{
    event::{ADMIN, Action, Change, Event, Json, Lock, SERVER, is_administrator},
    membership::MEMBERS,
    operation::{Context, Operations, told},
    store::{ResourceId, TypeName},
};

/// How many events are read at a time.
const PAGE: usize = 1000;

/// Which events are chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// Those behind this number.
    pub since: u64,
    /// Up to this number.
    pub until: u64,
    /// Only what these did: ids of tokens and clients, names of administrators, `admin` for all of those, or `server`;
    /// what all did when there are none.
    pub actors: BTreeSet<String>,
    /// Only deactivations, deletions and members that left: what the brake is for. It does not stop administrators, and
    /// what they did is not chosen.
    pub only_losses: bool,
}

impl Range {
    pub(super) fn chooses(&self, event: &Event) -> bool {
        event.sequence > self.since
            && event.sequence <= self.until
            && (self.actors.is_empty() || self.names(&event.actor))
            && !(self.only_losses && (event.actor == SERVER || is_administrator(&event.actor)))
    }

    fn names(&self, actor: &str) -> bool {
        self.actors.contains(actor) || self.actors.contains(ADMIN) && is_administrator(actor)
    }
}

/// In which turn a resource gets its name: of two who want one name, the earlier gets it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    /// It was there before under that name.
    #[default]
    Before,
    /// It got another name with the chosen events, which is not put back.
    Renamed,
    /// It came with them.
    Came,
}

/// What chosen events did to a resource.
#[derive(Debug, Default)]
pub(super) struct History {
    pub existence: Option<Step<bool>>,
    /// Its values, by path.
    pub values: BTreeMap<String, Option<Step<Option<Json>>>>,
    pub members: BTreeMap<ResourceId, Option<Step<bool>>>,
    /// Attributes that changed, of which no event holds the values.
    pub untold: BTreeSet<String>,
    /// Its version after the last chosen event.
    pub version: u64,
    /// Who has changed it after the first of them.
    pub other: Option<Other>,
    /// The groups into which others have put it, and in which it still is as far as the events say; with their types.
    pub put_into: BTreeMap<ResourceId, (TypeName, Other)>,
    /// Whether only what was taken away is to be put back; then nothing is, if somebody else has deleted it.
    pub only_losses: bool,
    /// An administrator's lock on a user.
    pub lock: Option<Step<bool>>,
    /// Whether that came with the name.
    pub is_locked_by_name: bool,
    /// In which turn it gets its name.
    pub turn: Turn,
    /// Whether it was kept before them, and came back with them.
    pub has_returned: bool,
    /// Who was in it when it was deleted, in the order of ids.
    last: Option<Vec<ResourceId>>,
    /// The document after the last chosen event that holds one.
    document: Option<Json>,
}

impl History {
    /// Adds a chosen event.
    pub fn choose(&mut self, event: &Event) {
        self.version = event.version;
        if let Some(lock) = event.lock {
            self.is_locked_by_name = lock == Lock::Named;
            let (before, after) = (matches!(lock, Lock::Enabled | Lock::Kept), lock != Lock::Enabled);
            Step::extend(&mut self.lock, before, after, true);
        }
        if let Some(values) = &event.values {
            self.document = Some(values.document.clone());
        }
        match event.action {
            Action::Create => {
                if self.existence.is_none() {
                    self.turn = Turn::Came;
                }
                if self.existence.as_ref().is_none_or(|step| step.other.is_some()) {
                    self.has_returned = event.restored;
                }
                Step::extend(&mut self.existence, false, true, !self.only_losses);
                let last = self.last.take();
                let had = last.as_deref().unwrap_or_default();
                self.left_behind(had, event);
                for id in joined(event).filter(|id| had.binary_search(id).is_err()) {
                    Step::extend(self.members.entry(id).or_default(), false, true, !self.only_losses);
                }
                // Of losses, a return alone begins none.
                if last.is_some() || !self.only_losses && self.has_returned {
                    self.differs(event);
                }
            }
            Action::Delete => {
                Step::extend(&mut self.existence, true, false, true);
                self.differs(event);
                self.last = Some(members(event));
            }
            Action::Replace | Action::Modify => self.changed(event),
            Action::Purge | Action::Administer | Action::Present | Action::Remind => {}
        }
    }

    /// Its `userName` or `displayName`, as the last chosen event has it; `None` where events hold no values.
    pub fn name(&self) -> Option<String> {
        self.document.as_ref().and_then(told::name)
    }

    /// The document after the last chosen event that holds one.
    pub fn last_document(&self) -> Option<&Json> {
        self.document.as_ref()
    }

    /// Whether a chosen event has its name.
    pub fn tells_name(&self) -> bool {
        self.document.is_some()
    }

    /// Notes an event that was not chosen.
    pub fn note(&mut self, event: &Event, other: &Other) {
        let other = || Some(other.clone());
        match event.action {
            Action::Create | Action::Delete => {
                if let Some(step) = &mut self.existence {
                    step.other = other();
                }
                // Another has brought it back. Who was in it before is still to return; who was not is that one's doing.
                if let Some(last) = self.last.take_if(|_| event.action == Action::Create) {
                    self.left_behind(&last, event);
                }
                if let Some(step) = self.lock.as_mut().filter(|_| event.lock.is_some()) {
                    step.other = other();
                }
                for path in differing(event).map(String::as_str).chain(event.aside.map(|_| ACTIVE)) {
                    if let Some(Some(step)) = self.values.get_mut(path) {
                        step.other = other();
                    }
                }
                for id in joined(event) {
                    let step = self.members.get_mut(&id).and_then(Option::as_mut);
                    if let Some(step) = step.filter(|step| !step.after) {
                        step.other = other();
                    }
                }
            }
            Action::Replace | Action::Modify => {
                if let Some(step) = self.lock.as_mut().filter(|_| event.lock.is_some()) {
                    step.other = other();
                }
                let aside = event.aside.map(|_| ACTIVE);
                let shown = event.attributes.iter().map(String::as_str);
                for path in shown.filter(|path| *path != ACTIVE || event.lock.is_none()).chain(aside) {
                    if let Some(Some(step)) = self.values.get_mut(path) {
                        step.other = other();
                    }
                }
                for id in event.members.iter().flat_map(|moves| moves.joined.iter().chain(&moves.left)) {
                    if let Some(Some(step)) = self.members.get_mut(id) {
                        step.other = other();
                    }
                }
            }
            // Whether it can return is seen when it is to.
            Action::Purge | Action::Administer | Action::Present | Action::Remind => return,
        }
        self.other = other();
    }

    /// Whether it was not there before, and is there now.
    pub fn is_made(&self) -> bool {
        self.existence.as_ref().is_some_and(|step| !step.before && step.after)
    }

    /// Whether it was there before, and is gone now.
    pub fn is_gone(&self) -> bool {
        self.existence.as_ref().is_some_and(|step| step.before && !step.after)
    }

    /// Whether it was kept before, has come back, and is kept again.
    pub fn is_gone_again(&self) -> bool {
        self.has_returned && self.existence.as_ref().is_some_and(|step| !step.before && !step.after)
    }

    /// Whether it was there before, so that its values and members can be put back.
    pub fn was_there(&self) -> bool {
        self.existence.as_ref().is_none_or(|step| step.before)
    }

    fn changed(&mut self, event: &Event) {
        self.said_aside(event);
        let is_known = |path: &str| path == ACTIVE && is_kept_aside(event);
        let paths = event.attributes.iter().filter(|path| *path != MEMBERS && *path != SCHEMAS);
        self.values_changed(event, paths.filter(|path| !is_known(path)));
        if let Some(moves) = &event.members {
            let joined = moves.joined.iter().map(|id| (*id, true));
            for (id, joined) in joined.chain(moves.left.iter().map(|id| (*id, false))) {
                Step::extend(self.members.entry(id).or_default(), !joined, joined, !joined || !self.only_losses);
            }
        }
    }

    /// Who was deleted came back otherwise than it was kept, or is kept otherwise than it was there.
    fn differs(&mut self, event: &Event) {
        self.said_aside(event);
        self.values_changed(event, differing(event));
    }

    fn values_changed<'p>(&mut self, event: &Event, paths: impl Iterator<Item = &'p String>) {
        let told = event.values.as_ref().map(|values| &values.changes);
        for path in paths {
            let (before, after) = match (told.and_then(|told| told.get(path)), event.active) {
                (Some(Change { before, after }), _) => (before.clone(), after.clone()),
                // That alone is told without values, too.
                (None, Some(active)) if path == ACTIVE => (Json::of(&!active), Json::of(&active)),
                (None, _) => {
                    if path == USER_NAME {
                        self.turn = self.turn.max(Turn::Renamed);
                    }
                    if !self.only_losses {
                        self.untold.insert(path.clone());
                    }
                    continue;
                }
            };
            self.value_changed(path.clone(), before, after);
        }
    }

    /// What the provider says of `active` behind an administrator's lock.
    fn said_aside(&mut self, event: &Event) {
        if let Some(says) = event.aside {
            self.value_changed(ACTIVE.to_owned(), Json::of(&!says), Json::of(&says));
        }
    }

    fn value_changed(&mut self, path: String, before: Option<Json>, after: Option<Json>) {
        let deactivates = after.as_ref().is_some_and(|json| json.text() == "false");
        let begins = !self.only_losses || path != ACTIVE || deactivates;
        Step::extend(self.values.entry(path).or_default(), before, after, begins);
    }

    /// A group came back, perhaps without some who were in it: they have left it with the deletion.
    fn left_behind(&mut self, members: &[ResourceId], event: &Event) {
        let joined: BTreeSet<_> = joined(event).collect();
        for id in members.iter().filter(|id| !joined.contains(*id)) {
            Step::extend(self.members.entry(*id).or_default(), true, false, true);
        }
    }
}

/// Whether an event says in `aside` alone what the provider says of `active`: what everybody reads follows from the lock.
fn is_kept_aside(event: &Event) -> bool {
    event.aside.is_some() || event.lock.is_some()
}

/// Who was in a group that an event deletes, in the order of ids.
fn members(event: &Event) -> Vec<ResourceId> {
    let mut members = event.members.as_ref().map(|moves| moves.left.clone()).unwrap_or_default();
    members.sort_unstable();
    members
}

/// The paths in which a return or a deletion tells a difference. `active` is told beside them.
fn differing(event: &Event) -> impl Iterator<Item = &String> {
    event.differs.iter().filter(|path| *path != ACTIVE && *path != SCHEMAS)
}

fn joined(event: &Event) -> impl Iterator<Item = ResourceId> + '_ {
    event.members.iter().flat_map(|moves| moves.joined.iter().copied())
}

/// Subjects in the order in which the events name them.
#[derive(Default)]
pub(super) struct Histories {
    pub all: Vec<(Subject, History)>,
    /// Where each stands among them.
    places: BTreeMap<ResourceId, usize>,
}

impl Histories {
    fn of(&mut self, id: ResourceId) -> Option<&mut History> {
        let place = *self.places.get(&id)?;
        self.all.get_mut(place).map(|(_, history)| history)
    }

    fn choose(&mut self, event: &Event, rt: &Arc<ResourceType>, only_losses: bool) {
        if !self.places.contains_key(&event.target) {
            self.places.insert(event.target, self.all.len());
            self.all.push(((Arc::clone(rt), event.target), History { only_losses, ..History::default() }));
        }
        if let Some(history) = self.of(event.target) {
            history.choose(event);
        }
    }

    /// Who came or went with the chosen events.
    pub fn moved(&self) -> BTreeSet<ResourceId> {
        self.all.iter().filter(|(_, history)| history.existence.is_some()).map(|((_, id), _)| *id).collect()
    }

    /// An event that was not chosen.
    fn note(&mut self, event: &Event, other: &Other) {
        if let Some(history) = self.of(event.target) {
            history.note(event, other);
        }
        for id in event.members.iter().flat_map(|moves| &moves.joined) {
            if let Some(history) = self.of(*id) {
                let kind = TypeName::from(event.resource_type.as_str());
                history.put_into.insert(event.target, (kind, other.clone()));
            }
        }
    }

    /// Who has left a group, by whatever event, is in it no longer.
    fn left(&mut self, event: &Event) {
        for id in event.members.iter().flat_map(|moves| &moves.left) {
            if let Some(history) = self.of(*id) {
                history.put_into.remove(&event.target);
            }
        }
    }
}

impl Operations {
    /// What the chosen events did to each resource, and who has changed the same since; and the number of the last event.
    pub(super) async fn histories(
        &self,
        context: &Context,
        range: &Range,
        called: &Called<'_>,
    ) -> Result<(Histories, u64), Error> {
        let tenant = context.caller.tenant();
        let mut histories = Histories::default();
        let mut after = range.since;
        loop {
            let events = self.store.events(tenant.home, after, PAGE).await?;
            let Some(last) = events.last() else {
                if range.only_losses {
                    histories.keep_values(tenant);
                }
                return Ok((histories, after));
            };
            for (event, number) in events.iter().zip(after + 1..) {
                if event.sequence != number {
                    return Err(Error::internal(format!("the log of events has no number {number}")));
                }
                let Some(rt) = tenant.registry.resource_type(&event.resource_type) else { continue };
                if event.deed.is_some() {
                    continue;
                }
                if range.chooses(event) {
                    histories.choose(event, rt, range.only_losses);
                } else {
                    histories.note(event, &Other { sequence: event.sequence, actor: called(&event.actor) });
                }
                histories.left(event);
            }
            after = last.sequence;
            context.pace.step(PAGE).await?;
        }
    }
}

/// The attribute that says whether somebody may use an account.
pub(super) const ACTIVE: &str = "active";

/// The name of a user.
const USER_NAME: &str = "userName";

/// Follows from the other attributes.
pub(super) const SCHEMAS: &str = "schemas";

#[cfg(test)]
mod tests {
    use super::*;

    fn modify(sequence: u64, actor: &str, before: &str, after: &str) -> Event {
        let id = ResourceId(uuid::Uuid::nil());
        let change = Change { before: Json::of(&before), after: Json::of(&after) };
        let changes = [("title".to_owned(), change)].into();
        let values = Some(Box::new(crate::event::Values { document: Json::default(), changes }));
        let event = Event::new(Action::Modify, actor, "User", id);
        Event { sequence, attributes: vec!["title".to_owned()], values, ..event }
    }

    fn step(events: &[Event]) -> Step<Option<Json>> {
        let mut history = History::default();
        for event in events {
            if event.actor == "t" {
                history.changed(event);
            } else {
                let other = Other { sequence: event.sequence, actor: event.actor.clone() };
                history.note(event, &other);
            }
        }
        history.values.remove("title").flatten().unwrap()
    }

    #[test]
    fn changes_add_up_until_somebody_else_comes_between() {
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|text| Json::of(&text));
        let both = step(&[modify(1, "t", "a", "b"), modify(2, "t", "b", "c")]);
        assert_eq!(both, Step { before: a.clone(), after: c.clone(), other: None });
        let later = step(&[modify(1, "t", "a", "b"), modify(2, "u", "b", "c")]);
        assert_eq!((&later.before, &later.after), (&a, &b));
        assert_eq!(later.other, Some(Other { sequence: 2, actor: "u".to_owned() }));
        let between = step(&[modify(1, "t", "a", "b"), modify(2, "u", "b", "c"), modify(3, "t", "c", "d")]);
        assert_eq!(between, Step { before: c, after: d, other: None });
    }
}
