//! A short cycle: a few people have other values, and nothing else has changed.
//!
//! Most changes of a directory are of this kind: somebody gets a title, a number, an address. The ordinary cycle
//! reads all that is remembered, and thinks through everybody, since a change may mean anybody. A change of a value
//! that says nothing about names, memberships, the scope or the account means nobody else. So where the last cycle
//! left nothing to do ([`Quiet`]), such people are mapped and compared alone, and the cost is that of the changes.
//!
//! Whatever is not surely of this kind is for the ordinary cycle, which begins anew: up to the first write nothing was
//! changed, and what is written is remembered as always.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use scim_protocol::Timestamp;

use super::{CycleError, RunOptions, pace, quiet::Changed};
use crate::{
    apply::{self, Outcome},
    clock::Clock,
    config::Config,
    identity::{Kind, SourceId},
    mapping::{self, Desired, Referred, Snapshot},
    mode::Mode,
    plan::{self, Plan, PlanInputs, Step, SyncedObjects, held_back::deactivates, limits::Lost},
    population::Observed,
    problem::Problem,
    scope,
    source::{Entry, flavour::Flavour},
    state::{Quiet, State, StateError},
    target::{Capabilities, TargetReader, TargetWriter, profile},
};

/// A short cycle up to the point where it would begin to write.
pub struct Few {
    quiet: Quiet,
    changed: Changed,
    people: Vec<Observed>,
    known: SyncedObjects,
    /// What there is to write, and where.
    work: Option<(Plan, TargetReader, Capabilities)>,
}

/// What came of a short cycle.
pub struct Done {
    pub plan: Plan,
    pub outcome: Outcome,
    /// Entries of the directory.
    pub entries: usize,
    /// What was wrong before, and is.
    pub problems: Vec<Problem>,
}

/// What is known of these people, and what there is to do. `None` where the ordinary cycle has to look.
pub async fn prepare(
    config: &Config,
    state: &State,
    clock: &dyn Clock,
    quiet: Quiet,
    mut changed: Changed,
) -> Result<Option<Few>, CycleError> {
    let now = clock.now();
    let entries = std::mem::take(&mut changed.entries);
    if quiet.computes_members || !state.intents()?.is_empty() || state.pending()?.is_some() {
        return Ok(None);
    }
    let Some(Changes { before, people }) = remembered(config, state, entries)? else { return Ok(None) };
    let ids: BTreeSet<SourceId> = people.iter().map(|observed| observed.entry.id).collect();
    let lasting = state.quarantine()?;
    if ids.len() != people.len() || ids.iter().any(|id| lasting.holds(*id)) {
        return Ok(None);
    }
    let Some(known) = written(state, &ids)? else { return Ok(None) };
    let referred = Referred::to(in_scope(state, &before)?);
    let (Some(old), Some(new)) = (desired(config, &before, &referred, now), desired(config, &people, &referred, now))
    else {
        return Ok(None);
    };
    if !ids.iter().all(|id| is_plain(id, &old, &new, &known)) {
        return Ok(None);
    }
    let is_written = |(id, desired): (&SourceId, &Desired)| {
        known.get(id).and_then(|written| written.digest.clone()) == Some(desired.digest())
    };
    if new.resources.iter().all(is_written) {
        return Ok(Some(Few { quiet, changed, people, known, work: None }));
    }
    let target = TargetReader::new(&config.target)?;
    let capabilities = target.capabilities().await?;
    let held = target.look(&new, &known, &capabilities, Mode::Incremental).await?;
    let plan = plan::make(PlanInputs {
        desired: &new,
        deprovisionings: &BTreeMap::default(),
        known: &known,
        held: &held,
        safety: &config.safety,
        approved: &[],
        lost: &Lost::default(),
        now,
    });
    let work = Some((plan, target, capabilities)).filter(|(plan, ..)| only_modifies(plan));
    Ok(work.is_some().then_some(Few { quiet, changed, people, known, work }))
}

/// People as they were, and in the same order as they are now.
#[derive(Default)]
struct Changes {
    before: Vec<Observed>,
    people: Vec<Observed>,
}

/// Each entry as it was and as it is now, where none says anything about others.
fn remembered(config: &Config, state: &State, entries: Vec<Entry>) -> Result<Option<Changes>, StateError> {
    let watched = config.watched().users;
    let telling = telling(config);
    let mut changes = Changes::default();
    for entry in entries {
        let Some(last) = state.observed(entry.id)? else { return Ok(None) };
        if !is_alone(&last, &entry, &telling, &watched) {
            return Ok(None);
        }
        changes.people.push(Observed { entry, ..last.clone() });
        changes.before.push(last);
    }
    Ok(Some(changes))
}

/// The attributes of a user by which others are affected: who is a member of what, who is meant by a name, who is in
/// scope. In lower case.
fn telling(config: &Config) -> BTreeSet<String> {
    let flavours = Flavour::all();
    let distinguishing = flavours.iter().flat_map(|flavour| flavour.distinguishing(Kind::User));
    let named = scope::NAMES.iter().chain(distinguishing).map(|name| (*name).to_owned());
    named.chain(config.scope.attributes()).chain(config.mapping.referring()).collect()
}

/// Whether an entry differs from the one before only in what says nothing about others, and shows all that it showed:
/// that a value is gone has to be proved.
fn is_alone(before: &Observed, now: &Entry, telling: &BTreeSet<String>, watched: &BTreeSet<String>) -> bool {
    let (old, new) = (before.entry.attributes(), now.attributes());
    let shown: HashSet<&str> = new.names().into_iter().collect();
    let keeps = |name: &&str| !watched.contains(*name) || shown.contains(name);
    now.kind == Kind::User
        && before.entry.kind == Kind::User
        && !before.outside
        && before.withheld.is_empty()
        && now.members.is_empty()
        && before.members.is_empty()
        && before.entry.hides_members == now.hides_members
        && before.entry.dn.as_str() == now.dn.as_str()
        && telling.iter().all(|name| old.bytes(name) == new.bytes(name))
        && old.names().iter().all(keeps)
}

/// What was written for these, if that is known of all, whole, and all are wanted.
fn written(state: &State, ids: &BTreeSet<SourceId>) -> Result<Option<SyncedObjects>, StateError> {
    let mut known = SyncedObjects::new();
    for id in ids {
        match state.written(*id)?.filter(|written| written.left.is_none() && written.digest.is_some()) {
            Some(written) => known.insert(*id, written),
            None => return Ok(None),
        };
    }
    Ok(Some(known))
}

/// The people to whom these refer, as far as they are at the target.
fn in_scope(state: &State, people: &[Observed]) -> Result<HashSet<SourceId>, StateError> {
    let mut ids = HashSet::new();
    for id in people.iter().flat_map(|observed| observed.references.values()) {
        if state.written(*id)?.is_some_and(|written| written.left.is_none()) {
            ids.insert(*id);
        }
    }
    Ok(ids)
}

/// What the target should hold of these people; `None` where one of them cannot be mapped.
fn desired(config: &Config, people: &[Observed], referred: &Referred<'_>, now: Timestamp) -> Option<Snapshot> {
    let mapping = &config.mapping;
    let resource = |observed: &Observed| mapping::resource(observed, mapping, &mapping.user, referred, now).ok();
    let resources = people.iter().map(|observed| Some((observed.entry.id, resource(observed)?)));
    let attributes = BTreeMap::from([(Kind::User, mapping.attributes_at_target(Kind::User))]);
    let mut snapshot = Snapshot { resources: resources.collect::<Option<_>>()?, attributes, ..Snapshot::default() };
    profile::fit(&mut snapshot, config.target.profile);
    snapshot.problems.is_empty().then_some(snapshot)
}

/// Whether a person keeps name, references and state, and what was last written is what the mapping makes of the entry
/// as it was: then it also makes the right thing of the entry as it is.
fn is_plain(id: &SourceId, old: &Snapshot, new: &Snapshot, known: &SyncedObjects) -> bool {
    let (Some(old), Some(new), Some(written)) = (old.resources.get(id), new.resources.get(id), known.get(id)) else {
        return false;
    };
    let active = |desired: &Desired| desired.document.attributes().remove("active");
    written.digest.as_ref() == Some(&old.digest())
        && written.name == new.subject.name
        && old.subject.name == new.subject.name
        && old.references == new.references
        && active(old) == active(new)
}

/// Whether a plan changes values and nothing else: no loss, which counts against the limits of everybody.
fn only_modifies(plan: &Plan) -> bool {
    let modifies = |step: &Step| match step {
        Step::Modify { changes, .. } => !changes.iter().any(deactivates),
        Step::Confirm { .. } => true,
        _ => false,
    };
    plan.held_back.is_empty()
        && plan.problems.is_empty()
        && plan.upcoming.is_empty()
        && plan.actions.iter().all(|action| modifies(&action.step))
}

impl Few {
    /// Writes, and remembers the people as they are now. Where something failed nothing of the reading is kept: the
    /// ordinary cycle reads the same changes again.
    pub async fn run(
        self,
        config: &Config,
        state: &State,
        clock: &dyn Clock,
        options: &RunOptions<'_>,
    ) -> Result<Done, CycleError> {
        let Self { quiet, changed, people, mut known, work } = self;
        let problems = state.quarantine()?.0.into_values().map(|record| record.problem).collect();
        let mut done = Done { plan: Plan::default(), outcome: Outcome::default(), entries: quiet.entries, problems };
        state.set_quiet(None)?;
        if let Some((plan, target, capabilities)) = work {
            (options.progress)(super::Progress::Planned(plan.actions.len()));
            let writer = TargetWriter::new(&target, capabilities);
            let progress = || (options.progress)(super::Progress::Done);
            let pace = pace(config, clock, options);
            done.outcome = apply::apply(&plan, &writer, state, &mut known, pace, &progress).await?;
            done.plan = plan;
        }
        if done.is_whole() {
            let quiet = quiet.with(config, people.iter(), clock.now());
            state.keep_changed(&people, &changed.watermark)?;
            state.set_quiet(Some(&quiet))?;
        }
        tracing::info!(people = people.len(), writes = done.outcome.writes, "only values of some people had changed");
        Ok(done)
    }
}

impl Done {
    /// Whether all of it was written.
    pub fn is_whole(&self) -> bool {
        self.outcome.problems.is_empty() && self.outcome.waiting.is_empty() && self.outcome.stopped.is_none()
    }
}
