//! What a range of events changed is put back, by new writes.
//!
//! The log of events says what each change was before and after it. A change is put back where what it left is still
//! there; where somebody else has changed the same thing since, it is refused, so that nobody's work is lost. What is
//! as it was before is passed over. So an undo that was interrupted is completed by another one of the same range.

mod existence;
mod history;
mod lock;
mod moves;
mod names;
mod order;
mod outcome;
mod rehearsal;
mod ring;
mod step;
mod values;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::join_all;
use scim_protocol::{Error, Resource, message::Query, schema::ResourceType};
use tokio::sync::mpsc;

#[cfg(test)]
pub use self::outcome::{Refused, Undone};
use self::{
    existence::DELETED,
    history::{ACTIVE, History},
    order::Order,
    outcome::Outcome,
    rehearsal::Rehearsal,
    ring::{Row, Wait, Waiting},
    values::{PutBack, Steps},
};
pub use self::{history::Range, outcome::Piece};
use super::{
    Asked, Context, Operations, Preconditions,
    disable::Switch,
    mapped::Applied,
    modify::{Change, provided_resource},
    pace::Pace,
    recast::Recast,
    told,
};
use crate::{
    event::{Action, Json},
    membership::{self, MEMBERS},
    profile,
    store::{Record, ResourceId, ResourceKey},
};

/// How many resources are worked on at a time: their commits become durable together.
const TOGETHER: usize = 256;
/// How many members are moved by one commit.
const MOVES: usize = 1000;

/// A resource that events changed.
type Subject = (Arc<ResourceType>, ResourceId);

/// What people call an actor of events.
pub type Called<'a> = dyn Fn(&str) -> String + Send + Sync + 'a;

struct Undo<'a> {
    operations: &'a Operations,
    context: &'a Context,
    dry_run: bool,
    pieces: mpsc::Sender<Piece>,
    order: Order,
    /// Who was restored, and so is in its groups again; in a dry run: would be.
    restored: BTreeSet<ResourceId>,
    /// Who was deleted because the events made it, and the groups that held it.
    removed: BTreeMap<ResourceId, BTreeSet<ResourceId>>,
    /// Who was made by the events, and could not be deleted: whoever stays, stays in its groups.
    stays: BTreeSet<ResourceId>,
    /// Who came or went with the chosen events.
    moved: BTreeSet<ResourceId>,
    /// Who cannot be restored yet.
    awaited: BTreeSet<ResourceId>,
    /// What became of restored resources, until their values and members are put back, too: each is told once.
    untold: BTreeMap<ResourceId, Outcome>,
    /// Names that others have, and that are not put back, with the reason.
    given_up: BTreeMap<ResourceId, BTreeMap<String, String>>,
    /// What a dry run would change.
    rehearsal: Rehearsal,
    /// The last number of the log before it began.
    begun: u64,
}

/// What is still to be done with a resource: its phase, and how many stand before it in the row of those who wait for
/// each other's names.
type Todo<'h> = (Phase, usize, &'h (Subject, History));

/// In which order: who was made makes room for names, and who is gone must be there before it is a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// One after the other, and before their members: a member that goes changes the group.
    RemoveGroup,
    Remove,
    Restore,
    /// One after the other, and after their members: so each membership returns with the group.
    RestoreGroup,
    PutBack,
}

impl Operations {
    /// Puts back what the chosen events changed. `pieces` gets what becomes of each resource; nothing of what was as
    /// it was before. A dry run gives the same, and writes nothing.
    pub async fn undo(
        &self,
        context: &Context,
        range: &Range,
        dry_run: bool,
        called: &Called<'_>,
        pieces: mpsc::Sender<Piece>,
    ) -> Result<(), Error> {
        let (histories, begun) = self.histories(context, range, called).await?;
        let todo = todo_of(&histories.all);
        let mut undo = Undo {
            operations: self,
            context,
            dry_run,
            pieces,
            order: Order::new(todo.iter().map(|(.., ((_, id), _))| *id)),
            restored: BTreeSet::new(),
            removed: BTreeMap::new(),
            stays: BTreeSet::new(),
            moved: histories.moved(),
            awaited: BTreeSet::new(),
            untold: BTreeMap::new(),
            given_up: BTreeMap::new(),
            rehearsal: Rehearsal::default(),
            begun,
        };
        let done = undo.all(todo).await;
        // Who was restored before something failed.
        for (subject, history) in &histories.all {
            if let Some(result) = undo.untold.remove(&subject.1) {
                undo.send(subject, history, result).await?;
            }
        }
        let rest = undo.order.rest();
        undo.pass(rest).await?;
        done
    }
}

const PHASES: [Phase; 5] = [Phase::RemoveGroup, Phase::Remove, Phase::Restore, Phase::RestoreGroup, Phase::PutBack];

impl Phase {
    fn is_about(self, rt: &ResourceType, history: &History) -> bool {
        let goes = history.is_made() || history.is_gone_again();
        match self {
            Self::RemoveGroup => goes && membership::has_members(rt),
            Self::Remove => goes && !membership::has_members(rt),
            Self::Restore => history.is_gone() && !membership::has_members(rt),
            Self::RestoreGroup => history.is_gone() && membership::has_members(rt),
            Self::PutBack => history.was_there(),
        }
    }

    fn removes(self) -> bool {
        matches!(self, Self::RemoveGroup | Self::Remove)
    }

    fn restores(self) -> bool {
        matches!(self, Self::Restore | Self::RestoreGroup)
    }

    /// Whether a resource gets the name that it had before.
    fn gives_names(self) -> bool {
        self.restores() || self == Self::PutBack
    }

    /// How many resources are worked on at a time.
    fn together(self) -> usize {
        if matches!(self, Self::RemoveGroup | Self::RestoreGroup) { 1 } else { TOGETHER }
    }
}

/// What is to be done with each, in the order in which it is told.
fn todo_of(histories: &[(Subject, History)]) -> Vec<Todo<'_>> {
    let of_phase = |phase: Phase| {
        let subjects = histories.iter().filter(move |((rt, _), history)| phase.is_about(rt, history));
        let mut all: Vec<_> = subjects.map(|subject| (phase, subject.1.turn as usize, subject)).collect();
        all.sort_by_key(|(_, turn, _)| *turn);
        all
    };
    PHASES.into_iter().flat_map(of_phase).collect()
}

impl Undo<'_> {
    /// Works on all of them. Who waits for a name, or for a member, is tried again when others have moved.
    async fn all(&mut self, mut left: Vec<Todo<'_>>) -> Result<(), Error> {
        while !left.is_empty() {
            let before = left.len();
            let waiting;
            (left, waiting) = self.round(left).await?;
            let Row { places, is_broken, in_vain } = self.row(&left, &waiting).await?;
            if left.len() == before && !is_broken && !self.make_room(&left, &waiting).await? {
                // Who waits for them may then have its turn.
                let is_lost = |(.., ((_, id), _)): &Todo<'_>| in_vain.is_empty() || in_vain.contains(id);
                let lost: Vec<_>;
                (lost, left) = left.into_iter().partition(is_lost);
                left.extend(self.give_up(lost, in_vain.is_empty()).await?);
            }
            for (_, place, ((_, id), _)) in &mut left {
                *place = places.get(id).copied().unwrap_or_default();
            }
            left.sort_by_key(|(_, place, _)| *place);
        }
        Ok(())
    }

    /// Does what can be done of those that wait in vain, and tells what cannot. Gives who still waits for a member, unless
    /// these are the last.
    async fn give_up<'h>(&mut self, lost: Vec<Todo<'h>>, are_last: bool) -> Result<Vec<Todo<'h>>, Error> {
        let mut left = Vec::new();
        for (.., ((_, id), _)) in &lost {
            self.awaited.remove(id);
        }
        for todo @ (phase, _, (subject, history)) in lost {
            let mut result = self.one(phase, &subject.0, subject.1, history).await?;
            // Everything but the name is put back.
            while phase.gives_names() && self.gives_up_name(subject.1, history, &result).await? {
                result = self.one(phase, &subject.0, subject.1, history).await?;
            }
            if result.waits && result.taken.is_none() && !are_last {
                left.push(todo);
            } else {
                self.tell(phase, subject, history, result).await?;
            }
        }
        Ok(left)
    }

    /// Works on many resources at once. Gives those that wait for others, and which of them wait for a name.
    async fn round<'h>(&mut self, todo: Vec<Todo<'h>>) -> Result<(Vec<Todo<'h>>, Waiting), Error> {
        let (mut left, mut waiting) = (Vec::new(), Waiting::new());
        let phases = todo.chunk_by(|one, next| (one.0, one.1) == (next.0, next.1));
        let chunks = phases.flat_map(|of_one| of_one.chunks(of_one.first().map_or(1, |(phase, ..)| phase.together())));
        let mut parts = VecDeque::new();
        for some in chunks {
            parts.extend(self.apart(some).await);
        }
        while let Some(some) = parts.pop_front() {
            let this = &*self;
            let work = some.iter().map(|(phase, _, ((rt, id), history))| this.one(*phase, rt, *id, history));
            let results = join_all(work).await;
            for (todo, result) in some.iter().zip(results) {
                let (phase, _, (subject @ (rt, id), history)) = todo;
                let mut result = result?;
                if phase.restores() {
                    self.awaited.remove(id);
                    self.awaited.extend(result.waits.then_some(*id));
                }
                if result.waits {
                    left.push(*todo);
                    let subject = (Arc::clone(rt), *id);
                    waiting.extend(result.taken.map(|entry| (*id, Wait { subject, entry })));
                } else {
                    self.removed.extend(result.left.take().map(|groups| (*id, groups)));
                    self.tell(*phase, subject, history, result).await?;
                }
            }
        }
        Ok((left, waiting))
    }

    /// Tells what becomes of a resource: of one that is restored when its values and members are put back, too.
    async fn tell(&mut self, phase: Phase, subject: &Subject, history: &History, result: Outcome) -> Result<(), Error> {
        if phase.restores() {
            self.restored.extend((!result.changes.is_empty()).then_some(subject.1));
            self.untold.insert(subject.1, result);
            return Ok(());
        }
        if phase.removes() && result.is_refused(DELETED) {
            self.stays.insert(subject.1);
        }
        let result = match self.untold.remove(&subject.1) {
            Some(before) => result.behind(before),
            None => result,
        };
        self.send(subject, history, result).await
    }

    async fn send(&mut self, (rt, id): &Subject, history: &History, result: Outcome) -> Result<(), Error> {
        let in_turn = self.order.known(*id, result.pieces(rt, *id, history));
        self.pass(in_turn).await
    }

    async fn pass(&self, pieces: Vec<Piece>) -> Result<(), Error> {
        for piece in pieces {
            self.pieces.send(piece).await.map_err(Error::internal)?;
        }
        Ok(())
    }

    async fn one(
        &self,
        phase: Phase,
        rt: &Arc<ResourceType>,
        id: ResourceId,
        history: &History,
    ) -> Result<Outcome, Error> {
        let context = self.fresh_context();
        match phase {
            Phase::RemoveGroup | Phase::Remove => self.remove(&context, rt, id, history).await,
            Phase::Restore | Phase::RestoreGroup => self.restore(&context, rt, id, history).await,
            Phase::PutBack => self.put_back(&context, rt, id, history).await,
        }
    }

    /// Each resource has its own share of the processors.
    fn fresh_context(&self) -> Context {
        let tenant = self.context.caller.tenant().id;
        Context { pace: Pace::new(&self.operations.lanes, tenant), ..self.context.clone() }
    }

    /// Puts back values and members of what is there.
    async fn put_back(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: ResourceId,
        history: &History,
    ) -> Result<Outcome, Error> {
        let mut result = Outcome { waits: self.awaited.contains(&id), ..Outcome::default() };
        if result.waits {
            return Ok(result);
        }
        let untold = history.untold.iter().map(|path| (path.clone(), UNTOLD.to_owned()));
        result.refused.extend(untold);
        let Some((key, record)) = self.find(context, rt, id, history).await? else {
            return Ok(result.of_who_is_not_there(history));
        };
        if !history.tells_name() {
            result.name = Json::read(&record.body.visible).as_ref().and_then(told::name);
        }
        let moves = self.moves(context, (&key, &record), history, &mut result).await?;
        if result.waits {
            return Ok(result);
        }
        let steps = self.steps(id, history, &mut result);
        let switch = self.switch(context, (rt, id), &record, (history, &steps), &mut result).await?;
        // What is decided when the commit is.
        let decided = Mutex::new(PutBack::default());
        let decide = |now: &Resource| {
            let put_back = PutBack::new(now.document(), &steps, rt, id);
            let resource = Resource::from_stored(put_back.document.clone());
            profile::check_resource(context.caller.tenant().profile(), rt, &resource)?;
            *decided.lock().unwrap_or_else(PoisonError::into_inner) = put_back;
            Ok(resource)
        };
        let done = if self.dry_run {
            let now = provided_resource(&record)?;
            match decide(&now) {
                Ok(then) => self.rehearse(context, &key, Some(now.document()), Some(then.document())).await,
                Err(error) => Err(error),
            }
        } else {
            self.commit(context, rt, id, switch, &decide, &moves).await
        };
        if let Err(error) = done {
            let failed = steps.keys().next().map_or(MEMBERS, String::as_str);
            return Ok(Outcome::or_failure(failed, error)?.behind(result));
        }
        let PutBack { done, refused, .. } = decided.into_inner().unwrap_or_else(PoisonError::into_inner);
        let is_moved = switch != Switch::Stay && !done.iter().any(|path| path == ACTIVE);
        result.changes.extend(done.into_iter().chain(is_moved.then(|| ACTIVE.to_owned())));
        result.refused.extend(refused);
        if !moves.is_empty() || self.has_moved(id, history) {
            result.changes.push(MEMBERS.to_owned());
        }
        Ok(result)
    }

    /// The values to be put back. Refuses those that it gives up.
    fn steps<'h>(&self, id: ResourceId, history: &'h History, result: &mut Outcome) -> Cow<'h, Steps> {
        let mut steps = Cow::Borrowed(&history.values);
        for (path, reason) in self.given_up.get(&id).into_iter().flatten() {
            steps.to_mut().remove(path);
            result.refused.push((path.clone(), reason.clone()));
        }
        steps
    }

    /// The resource whose values are to be put back; in a dry run also one that would be restored.
    async fn find(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: ResourceId,
        history: &History,
    ) -> Result<Option<(ResourceKey, Record)>, Error> {
        let key = context.key(rt, id);
        if let Some(record) = self.operations.store.get(&key).await? {
            return Ok(Some((key, record)));
        }
        if !self.dry_run || !self.restored.contains(&id) {
            return Ok(None);
        }
        let kept = self.operations.kept(context, rt, &id.to_string()).await?;
        let decide = |was: &Resource| self.as_before(context, (rt, id), history, was).0;
        let (Recast { body, .. }, _) = self.operations.returning(context, rt, &kept, Switch::Stay, &decide).await?;
        Ok(Some((key, Record { body, ..kept.deleted.record() })))
    }

    async fn commit(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: ResourceId,
        switch: Switch,
        decide: &(dyn Fn(&Resource) -> Result<Resource, Error> + Sync),
        moves: &[(ResourceId, bool)],
    ) -> Result<(), Error> {
        let (id, query, preconditions) = (id.to_string(), Query::default(), Preconditions::default());
        let asked = Asked { context, rt, id: &id, query: &query, preconditions: &preconditions };
        let mut some = moves.chunks(MOVES);
        let unmapped = |now: &Resource| decide(now).map(|resource| (resource, Applied::new()));
        let first = Change {
            action: Action::Modify,
            decide: &unmapped,
            members: moves::operations(some.next().unwrap_or_default()),
            switch,
            adopts: false,
        };
        self.operations.change(asked, first).await?;
        for moves in some {
            let unchanged = |now: &Resource| Ok((now.clone(), Applied::new()));
            let change = Change {
                action: Action::Modify,
                decide: &unchanged,
                members: moves::operations(moves),
                switch: Switch::Stay,
                adopts: false,
            };
            self.operations.change(asked, change).await?;
        }
        Ok(())
    }
}

const UNTOLD: &str =
    "the events do not hold its value: they never do, as of a password, or the tenant's event_values was false";
