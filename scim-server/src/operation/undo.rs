//! What a range of events changed is put back, by new writes.
//!
//! The log of events says what each change was before and after it. A change is put back where what it left is still
//! there; where somebody else has changed the same thing since, it is refused, so that nobody's work is lost. What is
//! as it was before is passed over. So an undo that was interrupted is completed by another one of the same range.

mod history;
mod outcome;
mod rehearsal;
mod ring;
mod values;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::join_all;
use scim_protocol::{Error, ErrorKind, Resource, message::Query, schema::ResourceType};
use tokio::sync::mpsc;

#[cfg(test)]
pub use self::outcome::{Refused, Undone};
pub use self::{history::Range, outcome::Piece};
use self::{
    history::{ACTIVE, History, Step},
    outcome::Outcome,
    rehearsal::Rehearsal,
    values::{PutBack, since},
};
use super::{
    Asked, Condition, Context, Operations, Preconditions,
    disable::{self, Switch},
    mapped::Applied,
    modify::{Change, stored_resource},
    pace::Pace,
};
use crate::{
    event::Action,
    membership::{self, MEMBERS, MemberOperation},
    profile,
    render::stored_document,
    store::{IndexEntry, ResourceId},
};

/// How many resources are worked on at a time: their commits become durable together.
const TOGETHER: usize = 256;
/// How many events are read at a time.
const PAGE: usize = 1000;
/// How many members are moved by one commit.
const MOVES: usize = 1000;

/// A resource that events changed.
type Subject = (Arc<ResourceType>, ResourceId);

/// Subjects in the order in which the events name them.
type Histories = Vec<(Subject, History)>;

struct Undo<'a> {
    operations: &'a Operations,
    context: &'a Context,
    dry_run: bool,
    pieces: mpsc::Sender<Piece>,
    /// Who was restored, and so is in its groups again.
    restored: BTreeSet<ResourceId>,
    /// Who cannot be restored yet.
    awaited: BTreeSet<ResourceId>,
    /// What a dry run would change of names.
    rehearsal: Rehearsal,
    /// The last number of the log before it began.
    begun: u64,
}

/// Who waits for a name of somebody else.
type Waiting = BTreeMap<ResourceId, (Subject, IndexEntry)>;

/// What is still to be done with a resource.
type Todo<'h> = (Phase, &'h (Subject, History));

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
    /// it was before.
    pub async fn undo(
        &self,
        context: &Context,
        range: &Range,
        dry_run: bool,
        pieces: mpsc::Sender<Piece>,
    ) -> Result<(), Error> {
        let (mut histories, begun) = self.histories(context, range).await?;
        if range.only_losses {
            for (_, history) in &mut histories {
                history.only_losses();
            }
        }
        let (restored, awaited) = (BTreeSet::new(), BTreeSet::new());
        let rehearsal = Rehearsal::default();
        let mut undo = Undo { operations: self, context, dry_run, pieces, restored, awaited, rehearsal, begun };
        let of_phase = |phase: Phase| {
            let subjects = histories.iter().filter(move |((rt, _), history)| phase.is_about(rt, history));
            subjects.map(move |subject| (phase, subject))
        };
        let mut left: Vec<_> = PHASES.into_iter().flat_map(of_phase).collect();
        // Who waits for a name, or for a member, is tried again when others have moved.
        while !left.is_empty() {
            let before = left.len();
            let waiting;
            (left, waiting) = undo.round(left).await?;
            if left.len() == before && !undo.break_ring(&waiting).await? {
                break;
            }
        }
        undo.awaited.clear();
        for (phase, (subject, history)) in left {
            let result = undo.one(phase, &subject.0, subject.1, history).await?;
            undo.tell(subject, history, result).await?;
        }
        Ok(())
    }

    /// What the chosen events did to each resource, and who has changed the same since; and the number of the last event.
    async fn histories(&self, context: &Context, range: &Range) -> Result<(Histories, u64), Error> {
        let tenant = context.caller.tenant();
        let (mut histories, mut places) = (Histories::new(), BTreeMap::<_, usize>::new());
        let mut after = range.since;
        loop {
            let events = self.store.events(tenant.home, after, PAGE).await?;
            let Some(last) = events.last() else { return Ok((histories, after)) };
            for (event, number) in events.iter().zip(after + 1..) {
                if event.sequence != number {
                    return Err(Error::internal(format!("the log of events has no number {number}")));
                }
                let Some(rt) = tenant.registry.resource_type(&event.resource_type) else { continue };
                if event.deed.is_some() {
                    continue;
                }
                let place = places.get(&event.target).copied();
                match (place, range.chooses(event)) {
                    (Some(place), chosen) => {
                        let Some((_, history)) = histories.get_mut(place) else { continue };
                        if chosen { history.choose(event, rt) } else { history.note(event) }
                    }
                    (None, true) => {
                        let mut history = History::default();
                        history.choose(event, rt);
                        places.insert(event.target, histories.len());
                        histories.push(((Arc::clone(rt), event.target), history));
                    }
                    (None, false) => {}
                }
            }
            after = last.sequence;
            context.pace.step(PAGE).await?;
        }
    }
}

const PHASES: [Phase; 5] = [Phase::RemoveGroup, Phase::Remove, Phase::Restore, Phase::RestoreGroup, Phase::PutBack];

impl Phase {
    fn is_about(self, rt: &ResourceType, history: &History) -> bool {
        match self {
            Self::RemoveGroup => history.is_made() && membership::has_members(rt),
            Self::Remove => history.is_made() && !membership::has_members(rt),
            Self::Restore => history.is_gone() && !membership::has_members(rt),
            Self::RestoreGroup => history.is_gone() && membership::has_members(rt),
            Self::PutBack => history.was_there(),
        }
    }

    fn restores(self) -> bool {
        matches!(self, Self::Restore | Self::RestoreGroup)
    }

    /// How many resources are worked on at a time.
    fn together(self) -> usize {
        if matches!(self, Self::RemoveGroup | Self::RestoreGroup) { 1 } else { TOGETHER }
    }
}

impl Undo<'_> {
    /// Works on many resources at once. Gives those that wait for others, and which of them wait for a name.
    async fn round<'h>(&mut self, todo: Vec<Todo<'h>>) -> Result<(Vec<Todo<'h>>, Waiting), Error> {
        let (mut left, mut waiting) = (Vec::new(), Waiting::new());
        let phases = todo.chunk_by(|one, next| one.0 == next.0);
        for some in phases.flat_map(|of_one| of_one.chunks(of_one.first().map_or(1, |(phase, _)| phase.together()))) {
            let this = &*self;
            let work = some.iter().map(|(phase, ((rt, id), history))| this.one(*phase, rt, *id, history));
            let results = join_all(work).await;
            for (todo, result) in some.iter().zip(results) {
                let (phase, (subject @ (rt, id), history)) = todo;
                let result = result?;
                if phase.restores() {
                    self.awaited.remove(id);
                    let set = if result.waits { &mut self.awaited } else { &mut self.restored };
                    if result.waits || !result.changes.is_empty() {
                        set.insert(*id);
                    }
                }
                if result.waits {
                    left.push(*todo);
                    let subject = (Arc::clone(rt), *id);
                    let is_there = *phase == Phase::PutBack;
                    waiting.extend(result.taken.filter(|_| is_there).map(|entry| (*id, (subject, entry))));
                } else {
                    self.tell(subject, history, result).await?;
                }
            }
        }
        Ok((left, waiting))
    }

    async fn tell(&self, (rt, id): &Subject, history: &History, result: Outcome) -> Result<(), Error> {
        for piece in result.pieces(rt, *id, history.name().as_deref()) {
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

    /// Deletes what was made.
    async fn remove(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: ResourceId,
        history: &History,
    ) -> Result<Outcome, Error> {
        let key = context.key(rt, id);
        let Some(record) = self.operations.store.get(&key).await? else { return Ok(Outcome::default()) };
        let version = record.header.version;
        if let Some(other) = &history.other {
            return Ok(Outcome::refused(DELETED, since(other)));
        }
        // A member of it was removed before.
        if version != history.version && !self.is_only_ours(context, id).await? {
            return Ok(Outcome::refused(DELETED, CHANGED.to_owned()));
        }
        if self.dry_run {
            self.rehearse(context, &key, Some(&stored_document(&record)?), None).await?;
        } else {
            let condition = Preconditions::of(Condition::Tags(vec![version.to_string()]));
            match self.operations.delete(context, rt, &id.to_string(), &condition).await {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Outcome::default()),
                Err(error) => return Outcome::or_failure(DELETED, error),
                Ok(_) => {}
            }
        }
        Ok(Outcome::done(DELETED))
    }

    /// Restores what was deleted.
    async fn restore(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: ResourceId,
        history: &History,
    ) -> Result<Outcome, Error> {
        if self.version(context, rt, id).await?.is_some() {
            return Ok(Outcome::default());
        }
        if let Some(other) = history.existence.as_ref().and_then(|step| step.other.as_ref()) {
            return Ok(Outcome::refused(RESTORED, since(other)));
        }
        let id = id.to_string();
        let restored = if self.dry_run {
            self.rehearse_restore(context, rt, &id).await
        } else {
            self.operations.restore(context, rt, &id).await.map(drop)
        };
        match restored {
            Ok(()) => Ok(Outcome::done(RESTORED)),
            Err(error) => Outcome::or_failure(RESTORED, error),
        }
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
        let Ok((key, record)) = self.operations.find(context, rt, &id.to_string()).await else {
            return Ok(result.of_who_is_not_there(history));
        };
        let moves = self.moves(context, rt, id, history, &mut result).await?;
        if result.waits {
            return Ok(result);
        }
        let is_disabled = disable::provider_active(&record)?.is_some();
        if is_disabled && history.values.contains_key(ACTIVE) {
            let reason = "an administrator has disabled the user; `user enable` ends that".to_owned();
            result.refused.push((ACTIVE.to_owned(), reason));
        }
        // What is decided when the commit is.
        let decided = Mutex::new(PutBack::default());
        let decide = |now: &Resource| {
            let put_back = PutBack::new(now.document(), &history.values, rt, id);
            let resource = Resource::from_stored(put_back.document.clone());
            profile::check_resource(context.caller.tenant().profile(), rt, &resource)?;
            *decided.lock().unwrap_or_else(PoisonError::into_inner) = put_back;
            Ok(resource)
        };
        let done = if self.dry_run {
            let now = stored_resource(&record)?;
            match decide(&now) {
                Ok(then) => self.rehearse(context, &key, Some(now.document()), Some(then.document())).await,
                Err(error) => Err(error),
            }
        } else {
            self.commit(context, rt, id, &decide, &moves).await
        };
        if let Err(error) = done {
            let failed = history.values.keys().next().map_or(MEMBERS, String::as_str);
            return Outcome::or_failure(failed, error);
        }
        let PutBack { done, refused, .. } = decided.into_inner().unwrap_or_else(PoisonError::into_inner);
        result.changes.extend(done);
        result.refused.extend(refused);
        let returned = |(member, step): (&ResourceId, &Option<Step<bool>>)| {
            self.restored.contains(member) && step.as_ref().is_some_and(|step| step.before)
        };
        if !moves.is_empty() || history.members.iter().any(returned) {
            result.changes.push(MEMBERS.to_owned());
        }
        Ok(result)
    }

    async fn commit(
        &self,
        context: &Context,
        rt: &Arc<ResourceType>,
        id: ResourceId,
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
            members: operations(some.next().unwrap_or_default()),
            switch: Switch::Keep,
            adopts: false,
        };
        self.operations.change(asked, first).await?;
        for moves in some {
            let unchanged = |now: &Resource| Ok((now.clone(), Applied::new()));
            let change = Change {
                action: Action::Modify,
                decide: &unchanged,
                members: operations(moves),
                switch: Switch::Keep,
                adopts: false,
            };
            self.operations.change(asked, change).await?;
        }
        Ok(())
    }

    /// Who is to come and who is to go; refuses the others.
    async fn moves(
        &self,
        context: &Context,
        rt: &ResourceType,
        id: ResourceId,
        history: &History,
        result: &mut Outcome,
    ) -> Result<Vec<(ResourceId, bool)>, Error> {
        let group = context.key(rt, id);
        let mut moves = Vec::new();
        let steps = history.members.iter().filter_map(|(member, step)| Some((*member, step.as_ref()?)));
        for (member, step) in steps {
            context.pace.step(1).await?;
            result.waits |= step.before && self.awaited.contains(&member);
            if self.operations.store.is_member(&group, member).await? == step.before {
                continue;
            }
            let reason = match &step.other {
                Some(other) => since(other),
                None if step.before && !self.is_there(context, member).await? => {
                    format!("the member {member} is not there any more")
                }
                None => {
                    moves.push((member, step.before));
                    continue;
                }
            };
            result.refused.push((MEMBERS.to_owned(), reason));
        }
        Ok(moves)
    }

    /// Whether nobody but this undo has changed a resource since it began.
    async fn is_only_ours(&self, context: &Context, id: ResourceId) -> Result<bool, Error> {
        let ours = context.request.map(|id| id.to_string());
        let mut after = self.begun;
        loop {
            let events = self.operations.store.events(context.caller.tenant().home, after, PAGE).await?;
            let Some(last) = events.last() else { return Ok(true) };
            after = last.sequence;
            if events.iter().any(|event| event.target == id && Some(&event.request) != ours.as_ref()) {
                return Ok(false);
            }
        }
    }

    async fn version(&self, context: &Context, rt: &ResourceType, id: ResourceId) -> Result<Option<u64>, Error> {
        let record = self.operations.store.get(&context.key(rt, id)).await?;
        Ok(record.map(|record| record.header.version))
    }

    /// Whether it can be a member; in a dry run also whether it would be restored.
    async fn is_there(&self, context: &Context, id: ResourceId) -> Result<bool, Error> {
        if self.restored.contains(&id) {
            return Ok(true);
        }
        for rt in context.caller.tenant().registry.resource_types() {
            if self.version(context, rt, id).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

const DELETED: &str = "deleted";
const RESTORED: &str = "restored";
const CHANGED: &str = "it has changed since";
const UNTOLD: &str = "the events do not hold its value";

fn operations(moves: &[(ResourceId, bool)]) -> Vec<MemberOperation> {
    let of =
        |joins: bool| moves.iter().filter(|(_, is)| *is == joins).map(|(id, _)| id.to_string()).collect::<Vec<_>>();
    let (come, go) = (of(true), of(false));
    let come = (!come.is_empty()).then_some(MemberOperation::Add(come));
    let go = (!go.is_empty()).then_some(MemberOperation::Remove(go));
    come.into_iter().chain(go).collect()
}
