//! One run, from observing the directory to saving what was done.
//!
//! [`prepare`] is all that a [`dry_run`] does: it reads both sides, and writes neither of them nor a watermark. [`run`]
//! applies the plan. [`recorded`] is a cycle of the daemon or of `apply`, which also saves the population, the record of
//! the cycle, the quarantine and the error log. [`quiet`] ends a cycle at once if nothing has changed, and [`few`] looks at
//! a few people alone if only values of theirs have.

pub mod dry_run;
pub mod few;
pub mod quiet;
pub mod recorded;
pub mod survey;

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::watch;
use traces::Traces;

use crate::{
    apply::{self, Outcome, Pace},
    clock::Clock,
    config::Config,
    identity::{Kind, SourceId},
    mapping::{self, Snapshot},
    mode::Mode,
    number,
    observation::{self, Observation, ObservationInputs, withheld::Accepted},
    plan::{
        self, Plan, Step, Synced, SyncedObjects, TargetResource,
        deprovisioning::{self, Deprovisionings},
        file::{Basis, PlanFile, PlanFileError},
        held_back::{self, Decision},
    },
    problem::{Code, Problem, Subject},
    scope,
    source::{self, DirectoryError},
    state::{State, StateError},
    target::{Capabilities, TargetError, TargetReader, TargetWriter, profile},
};

/// Why a run ended early. Either it wrote nothing, or the state has what it wrote.
#[derive(Debug, thiserror::Error)]
pub enum CycleError {
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    State(#[from] StateError),
    /// The plan that was to be applied.
    #[error(transparent)]
    Plan(#[from] PlanFileError),
    /// A fault in the program, or in a library that reads what came from outside.
    #[error("the run met a fault in the program ({0}); what was written is remembered, and the next one goes on")]
    Fault(String),
    /// A name that no object has.
    #[error("{0}")]
    Name(String),
    /// The run was told to stop before its first write.
    #[error("the run was told to stop; nothing was written")]
    Stopped,
}

impl From<&CycleError> for Problem {
    /// The record of an early end.
    fn from(error: &CycleError) -> Self {
        let code = match error {
            CycleError::Directory(error) => match error {
                // strongerAuthRequired and confidentialityRequired (RFC 4511 appendix A.2).
                DirectoryError::Bind { code: 8 | 13, .. } => Code::DirectoryRequiresTls,
                DirectoryError::Bind { code: 51 | 52, .. } => Code::DirectoryUnavailable,
                DirectoryError::Bind { .. } => Code::InvalidDirectoryCredentials,
                DirectoryError::Search { .. } => Code::DirectoryIncomplete,
                DirectoryError::Settings(_) | DirectoryError::Tls(_) => Code::ConfigurationError,
                _ => Code::DirectoryUnavailable,
            },
            CycleError::Target(error) if error.status() == Some(401) => Code::InvalidTargetCredentials,
            CycleError::Target(error) if error.may_pass() => Code::TargetUnavailable,
            CycleError::Target(error) if error.status().is_some() => Code::TargetRefused,
            CycleError::Target(_) => Code::TargetStrange,
            CycleError::Plan(PlanFileError::Moved { .. }) => Code::PlanOutdated,
            CycleError::Plan(_) | CycleError::Name(_) => Code::ConfigurationError,
            CycleError::Fault(_) => Code::ProgramFault,
            CycleError::State(_) | CycleError::Stopped => Code::StateError,
        };
        Self { code, subject: None, message: error.to_string() }
    }
}

/// A run up to the point where it would begin to write.
pub struct Prepared {
    /// How much was compared: a first run compares everything, whatever was asked for.
    pub mode: Mode,
    /// What it would do.
    pub plan: Plan,
    /// What was known when the plan was made.
    pub known: SyncedObjects,
    /// The objects of which only an intended write was known; the target was asked about them.
    pub doubted: Vec<Subject>,
    /// The directory as it was read.
    pub observation: Observation,
    /// What the target should hold.
    pub desired: Snapshot,
    /// What became of what is no longer desired.
    pub deprovisionings: Deprovisionings,
    pub target: TargetReader,
    /// What it can do.
    pub capabilities: Capabilities,
}

/// How a cycle goes.
pub struct RunOptions<'a> {
    /// How much is compared.
    pub mode: Mode,
    /// Whether objects in quarantine wait for their time.
    pub patient: bool,
    /// The plan to be applied exactly, where one was saved.
    pub exactly: Option<&'a PlanFile>,
    /// Becomes true when the cycle should end early.
    pub stop: watch::Receiver<bool>,
    /// Where a cycle is told, if it is.
    pub traces: Option<&'a Traces>,
    /// Told of the number of actions before the first, and then of each that is done.
    pub progress: &'a (dyn Fn(Progress) + Send + Sync),
}

/// How far a cycle is.
#[derive(Debug, Clone, Copy)]
pub enum Progress {
    /// So many actions will be done.
    Planned(usize),
    Done,
}

/// Observes, maps, looks and plans.
pub async fn prepare(config: &Config, state: &State, clock: &dyn Clock, mode: Mode) -> Result<Prepared, CycleError> {
    let target = TargetReader::new(&config.target)?;
    let capabilities = target.capabilities().await?;
    // The cause of what waits for a person may be gone meanwhile, which only a full comparison is sure to see.
    let mode = match state.pending()? {
        Some(pending) if pending.decision != Decision::Rejected => Mode::Full,
        _ => mode,
    };
    let mut known = state.known()?;
    let doubted = doubted(state, &mut known)?;
    let nothing_known = known.is_empty();
    let approved = state.approved()?;
    let accepted = held_back::given_up(&approved);
    let ours = known.keys().chain(doubted.iter().map(|one| &one.id)).copied().collect();
    let observation = observe(config, state, &ours, &accepted, mode).await?;
    let selection = scope::select(&observation.population, &config.scope);
    let mut desired = mapping::map(&observation.population, selection, &config.mapping, clock.now());
    profile::fit(&mut desired, config.target.profile);
    if !(profile::describes_groups(&desired) && target.has_attribute(Kind::Group, profile::DESCRIPTION).await?) {
        profile::without_descriptions(&mut desired);
    }
    let is_lost = |one: &&Subject| !known.contains_key(&one.id) && !desired.resources.contains_key(&one.id);
    let lost = doubted.iter().filter(is_lost).cloned().collect();
    recover(config, &target, &capabilities, lost, &mut known).await?;
    // Objects that are not known are looked for at the target, which here means all of them.
    let mode = match observation.mode {
        Mode::Full if nothing_known => Mode::Full,
        _ => mode,
    };
    let held = target.look(&desired, &known, &capabilities, mode).await?;
    let wanted = |id| desired.wants(id);
    let deprovisionings =
        deprovisioning::deprovisionings(&known, &observation.population, &wanted, &observation.verdicts);
    let outside = deprovisionings.keys().copied();
    desired.outside = mapping::names(&observation.population, outside, &config.mapping, clock.now());
    let mut plan = plan::make(plan::PlanInputs {
        desired: &desired,
        deprovisionings: &deprovisionings,
        known: &known,
        held: &held,
        safety: &config.safety,
        approved: &approved,
        lost: &state.lost(clock.now())?,
        now: clock.now(),
    });
    plan.problems.extend(observation.problems.iter().cloned());
    plan.waiting = state.quarantine()?.waiting(&plan, clock.now());
    plan.decision = state.decision(&plan.held_back)?;
    Ok(Prepared { mode, plan, known, doubted, observation, desired, deprovisionings, target, capabilities })
}

/// What a killed run intended to write, and may have written. These objects are treated as if they had been written
/// only in part.
fn doubted(state: &State, known: &mut SyncedObjects) -> Result<Vec<Subject>, StateError> {
    let intents = state.intents()?;
    for subject in &intents {
        if let Some(written) = known.get_mut(&subject.id) {
            written.digest = None;
        }
    }
    Ok(intents)
}

/// Objects that a killed run may have created and that are no longer desired. If they are at the target, they are
/// the agent's. [`TargetReader::look`] finds those that are desired.
async fn recover(
    config: &Config,
    target: &TargetReader,
    capabilities: &Capabilities,
    lost: Vec<Subject>,
    known: &mut SyncedObjects,
) -> Result<(), CycleError> {
    let found = stream::iter(lost).map(|subject| async move {
        let held = target.find(subject.kind, "externalId", &subject.id.to_string(), capabilities).await?;
        Ok::<_, TargetError>((subject, held.into_iter().next()))
    });
    let mut found = found.buffer_unordered(config.target.concurrency.max(1));
    while let Some((Subject { id, kind, name }, held)) = found.try_next().await? {
        if let Some(held) = held {
            let members = Vec::new();
            known.insert(id, Synced { resource: held.resource, kind, name, digest: None, left: None, members });
        }
    }
    Ok(())
}

/// Reads the directory, continuing where the last run ended.
async fn observe(
    config: &Config,
    state: &State,
    known: &BTreeSet<SourceId>,
    accepted: &Accepted,
    mode: Mode,
) -> Result<Observation, CycleError> {
    let mut directory = source::open_all(config.sources(), config.attributes()).await?;
    tracing::info!(server = directory.server(), "reading the directory");
    let inputs = ObservationInputs {
        canaries: &config.canaries(),
        known,
        everything: mode == Mode::Full,
        referring: &config.mapping.referring(),
        names: &config.scope.names(),
        watched: &config.watched(),
        accepted,
    };
    let observation = observation::observe(&mut *directory, state.kept()?, &inputs).await?;
    tracing::info!(entries = observation.population.len(), "the directory was read");
    Ok(observation)
}

/// What a prepared plan was made from, for a plan file: looks at every resource that it touches.
pub async fn basis(config: &Config, prepared: &Prepared) -> Result<Basis, CycleError> {
    let Prepared { plan, known, desired, deprovisionings, target, .. } = prepared;
    let touched = plan::file::touched(plan, known);
    let held: Vec<Option<TargetResource>> = stream::iter(touched)
        .map(|(kind, resource)| async move { target.retrieve(kind, &resource).await })
        .buffered(config.target.concurrency.max(1))
        .try_collect()
        .await?;
    Ok(Basis::new(desired, deprovisionings, known, &config.target.url, plan, &held))
}

fn pace(config: &Config, clock: &dyn Clock, options: &RunOptions<'_>) -> Pace {
    Pace {
        concurrency: config.target.concurrency,
        now: clock.now(),
        members_per_request: config.target.members_per_request,
        waits_for: options.patient.then(|| clock.now()),
        stop: options.stop.clone(),
    }
}

/// Applies what was prepared.
pub async fn run(
    config: &Config,
    state: &State,
    prepared: &mut Prepared,
    clock: &dyn Clock,
    options: &RunOptions<'_>,
) -> Result<Outcome, CycleError> {
    let pace = pace(config, clock, options);
    let writer = TargetWriter::new(&prepared.target, prepared.capabilities.clone());
    for Subject { id, .. } in &prepared.doubted {
        if let Some(written) = prepared.known.get(id) {
            state.write(*id, written)?;
        }
    }
    // This plan, or a later one, creates or adopts the desired objects that are still unknown.
    let settled = |id: &SourceId| prepared.known.contains_key(id) || !prepared.desired.resources.contains_key(id);
    state.forget_intents(prepared.doubted.iter().map(|subject| subject.id).filter(settled))?;
    let new =
        prepared.plan.actions.iter().filter(|action| matches!(action.step, Step::Create { .. } | Step::Adopt { .. }));
    let place = |id| Some((id, &prepared.observation.population.get(id)?.entry.dn));
    state.note_places(new.filter_map(|action| place(action.subject.id)))?;
    // The plan has what is to be sent; writing takes long, and needs no second copy of everything.
    prepared.desired = Snapshot::default();
    (options.progress)(Progress::Planned(prepared.plan.actions.len()));
    let progress = || (options.progress)(Progress::Done);
    let mut outcome = apply::apply(&prepared.plan, &writer, state, &mut prepared.known, pace, &progress).await?;
    outcome.problems.splice(0..0, prepared.plan.problems.iter().cloned());
    Ok(outcome)
}

/// One object now: its attributes, and its memberships. `name` is a login, a name, a DN or an id.
pub async fn one(
    config: &Config,
    state: &State,
    clock: &dyn Clock,
    name: &str,
    stop: watch::Receiver<bool>,
) -> Result<String, CycleError> {
    // What it writes may be a part of something.
    state.set_quiet(None)?;
    let mut prepared = prepare(config, state, clock, Mode::Incremental).await?;
    let selector = scope::Selector::parse(name).map_err(CycleError::Name)?;
    let found = prepared
        .observation
        .population
        .iter()
        .find(|observed| selector.matches(observed))
        .map(|observed| observed.entry.id);
    let named = || prepared.known.iter().find(|(_, written)| written.name == name).map(|(id, _)| *id);
    let Some(id) = found.or_else(named) else {
        let nobody = format!("nobody in the directory is called {name:?}, as far as the agent may read");
        return Err(CycleError::Name(nobody));
    };
    let is_wanted = prepared.desired.resources.contains_key(&id);
    prepared.plan = prepared.plan.only(id);
    let (mode, traces) = (Mode::Incremental, None);
    let options = RunOptions { mode, patient: false, exactly: None, stop, traces, progress: &|_| {} };
    let outcome = run(config, state, &mut prepared, clock, &options).await?;
    if outcome.stopped.is_none() && !outcome.problems.iter().any(|problem| problem.code.blocks()) {
        state.forget_failure(id)?;
    }
    let actions = prepared.plan.actions.iter().map(ToString::to_string);
    let problems = outcome.problems.iter().map(|problem| format!("! {problem}"));
    let mut told: Vec<String> = actions.chain(problems).collect();
    told.push(if told.is_empty() && is_wanted {
        format!("{id}: no change needed, the target has all of it")
    } else if told.is_empty() {
        format!("{id} is not in scope; `sync-agent explain` says why")
    } else {
        number::of(outcome.writes, "write")
    });
    Ok(told.join("\n"))
}
