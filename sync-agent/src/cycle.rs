//! One run, from observing the directory to saving what was done.
//!
//! [`prepare`] is all that a dry run does: it reads both sides and writes to neither, and moves no
//! watermark. [`run`] goes on and applies the plan. [`complete`] is a whole cycle as the daemon and
//! `apply` do it: with its record in the state, the quarantine and the error log.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use tokio::sync::watch;

use crate::{
    apply::{self, Outcome, Pace},
    clock::Clock,
    config::Config,
    mapping, plan,
    plan::{Known, Plan},
    population::Population,
    problem::{
        Problem,
        log::{self, Record, Route},
    },
    scope,
    source::{
        self, DirectoryError, SourceId,
        observation::{self, Observation, Question},
    },
    state::{CycleRecord, State, StateError},
    target::{Capabilities, Depth, Reader, TargetError, profile},
};

/// Why a run ended before its end. Nothing was written, or what was written is remembered.
#[derive(Debug, thiserror::Error)]
pub enum CycleError {
    /// The directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The target.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The state.
    #[error(transparent)]
    State(#[from] StateError),
    /// It was told to stop before it had begun to write.
    #[error("the run was told to stop; nothing was written")]
    Stopped,
}

/// How much is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What the directory says has changed, where it can say so.
    Changes,
    /// Everything, on both sides.
    Everything,
}

/// A run up to the point where it would begin to write.
pub struct Prepared {
    /// What it would do.
    pub plan: Plan,
    /// What was known when the plan was made.
    pub known: Known,
    /// The directory as it was read; kept by [`run`], and by nothing else.
    pub observation: Observation,
    /// The target.
    pub target: Reader,
    /// What it can do.
    pub capabilities: Capabilities,
}

/// How a cycle goes.
pub struct Manner<'a> {
    /// How much is compared.
    pub extent: Extent,
    /// Whether objects in quarantine wait for their time.
    pub patient: bool,
    /// Whether what it finds was missed by the one before.
    pub counts_drift: bool,
    /// Becomes true when the cycle should end early.
    pub stop: watch::Receiver<bool>,
    /// Told of the number of actions before the first, and then of each that is done.
    pub progress: &'a (dyn Fn(Progress) + Send + Sync),
}

/// How far a cycle is.
#[derive(Debug, Clone, Copy)]
pub enum Progress {
    /// So many actions will be done.
    Planned(usize),
    /// One is done.
    Done,
}

/// What a cycle was.
pub struct Completed {
    /// As the state remembers it.
    pub record: CycleRecord,
    /// All problems, those that were told before included.
    pub problems: Vec<Problem>,
    /// The plan, where there was one.
    pub plan: Plan,
}

/// Observes, maps, looks and plans.
pub async fn prepare(
    config: &Config,
    state: &State,
    clock: &dyn Clock,
    extent: Extent,
) -> Result<Prepared, CycleError> {
    let target = Reader::new(&config.target)?;
    let capabilities = target.capabilities().await?;
    let known = state.known()?;
    let observation = observe(config, state, &known, extent).await?;
    let selection = scope::select(&observation.population, &config.scope);
    let mut desired = mapping::map(&observation.population, &selection, &config.mapping, clock.now());
    profile::fit(&mut desired, config.target.profile);
    let depth = match extent {
        Extent::Changes => Depth::Needed,
        Extent::Everything => Depth::Everything,
    };
    let held = target.look(&desired, &known, &capabilities, depth).await?;
    let plan = plan::make(plan::Question { desired: &desired, known: &known, held: &held });
    Ok(Prepared { plan, known, observation, target, capabilities })
}

/// Reads the directory, continuing where the last run ended.
async fn observe(config: &Config, state: &State, known: &Known, extent: Extent) -> Result<Observation, CycleError> {
    let mut directory = source::open(&config.source, config.mapping.attributes()).await?;
    tracing::info!(server = directory.server(), "reading the directory");
    let known = known.keys().copied().collect();
    let question = Question { canary: &config.source.canary, known: &known, everything: extent == Extent::Everything };
    let observation = observation::observe(&mut *directory, state.kept()?, &question).await?;
    tracing::info!(entries = observation.population.len(), "the directory was read");
    Ok(observation)
}

/// Applies what was prepared.
pub async fn run(
    config: &Config,
    state: &State,
    prepared: &mut Prepared,
    clock: &dyn Clock,
    manner: &Manner<'_>,
) -> Result<Outcome, CycleError> {
    let pace = Pace {
        concurrency: config.target.concurrency,
        members_per_request: config.target.members_per_request,
        waits_for: manner.patient.then(|| clock.now()),
        stop: manner.stop.clone(),
    };
    let writer = prepared.target.writer(prepared.capabilities.clone());
    (manner.progress)(Progress::Planned(prepared.plan.actions.len()));
    let progress = || (manner.progress)(Progress::Done);
    let mut outcome = apply::apply(&prepared.plan, &writer, state, &mut prepared.known, pace, &progress).await?;
    let problems = prepared.plan.problems.iter().chain(&prepared.observation.problems);
    outcome.problems.splice(0..0, problems.cloned());
    state.keep(&prepared.observation)?;
    Ok(outcome)
}

/// A whole cycle. Its failure is part of its record; only a state that cannot be used is an error.
pub async fn complete(
    config: &Config,
    state: &State,
    clock: &dyn Clock,
    manner: &Manner<'_>,
) -> Result<Completed, StateError> {
    let started = clock.now();
    let full = manner.extent == Extent::Everything;
    let mut record = CycleRecord::new(started, full);
    let result = async {
        let mut stop = manner.stop.clone();
        let mut prepared = tokio::select! {
            prepared = prepare(config, state, clock, manner.extent) => prepared?,
            _ = stop.wait_for(|stop| *stop) => return Err(CycleError::Stopped),
        };
        let outcome = run(config, state, &mut prepared, clock, manner).await?;
        Ok::<_, CycleError>((prepared, outcome))
    };
    let (problems, due, plan, sids) = match result.await {
        Ok((prepared, outcome)) => {
            record.entries = prepared.observation.population.len();
            record.writes = outcome.writes;
            record.problems = outcome.problems.len() + outcome.waiting.len();
            record.held_back = prepared.plan.held_back.iter().map(|held| held.actions.len()).sum();
            record.changed = changed(&prepared.plan, &outcome);
            record.drift = manner.counts_drift.then_some(record.changed);
            record.failure = outcome.stopped;
            if full && record.failure.is_none() {
                state.set_last_full(started)?;
            }
            let due = state.settle(&outcome.problems, &prepared.plan, &outcome.waiting, clock.now())?;
            let sids = sids(&prepared.observation.population, &due);
            (outcome.problems, due, prepared.plan, sids)
        }
        Err(error @ CycleError::Stopped) => {
            record.failure = Some(error.to_string());
            (Vec::new(), Vec::new(), Plan::default(), BTreeMap::new())
        }
        Err(error) => {
            let problem = Problem::from(&error);
            record.failure = Some(problem.to_string());
            (vec![problem.clone()], vec![problem], Plan::default(), BTreeMap::new())
        }
    };
    record.millis = u64::try_from(clock.now().as_millis() - started.as_millis()).unwrap_or(0);
    state.add_cycle(record.clone())?;
    state.flush().await?;
    let route = config.route();
    let now = clock.now();
    let records: Vec<Record> =
        due.iter().map(|problem| route.record(problem, now, |id| sids.get(&id).cloned())).collect();
    write_log(config.errors.clone(), records).await;
    Ok(Completed { record, problems, plan })
}

/// Objects that were not as they should be. Those that fail in each run are not news.
fn changed(plan: &Plan, outcome: &Outcome) -> usize {
    let failed = outcome.problems.iter().filter_map(|problem| problem.subject.as_ref()).map(|subject| subject.id);
    let known: BTreeSet<SourceId> = failed.chain(outcome.waiting.iter().copied()).collect();
    let written = plan.actions.iter().filter(|action| action.writes()).map(|action| action.subject.id);
    written.filter(|id| !known.contains(id)).collect::<BTreeSet<_>>().len()
}

/// One object now: its attributes, and its memberships. `name` is a login, a name, a DN or an id.
pub async fn one(
    config: &Config,
    state: &State,
    clock: &dyn Clock,
    name: &str,
    stop: watch::Receiver<bool>,
) -> Result<String, CycleError> {
    let mut prepared = prepare(config, state, clock, Extent::Changes).await?;
    let selector = scope::Selector::parse(name);
    let found =
        prepared.observation.population.iter().find(|observed| selector.matches(observed)).map(|observed| observed.entry.id);
    let named = || prepared.known.iter().find(|(_, written)| written.name == name).map(|(id, _)| *id);
    let Some(id) = found.or_else(named) else {
        return Ok(format!("nobody in the directory is called {name:?}, as far as the agent may read"));
    };
    prepared.plan = prepared.plan.only(id);
    let manner = Manner { extent: Extent::Changes, patient: false, counts_drift: false, stop, progress: &|_| {} };
    let outcome = run(config, state, &mut prepared, clock, &manner).await?;
    let actions = prepared.plan.actions.iter().map(ToString::to_string);
    let problems = outcome.problems.iter().map(|problem| format!("! {problem}"));
    let mut told: Vec<String> = actions.chain(problems).collect();
    told.push(if told.is_empty() {
        format!("{id} is as it should be, or not in scope")
    } else {
        format!("{} writes", outcome.writes)
    });
    Ok(told.join("\n"))
}

/// An error log that cannot be written does not end the cycle, whose work is done.
async fn write_log(path: PathBuf, records: Vec<Record>) {
    let name = path.display().to_string();
    let written = tokio::task::spawn_blocking(move || log::append(&path, &records)).await;
    match written {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(path = name, %error, "the error log cannot be written"),
        Err(error) => tracing::error!(path = name, %error, "the error log was not written"),
    }
}

/// The SIDs of the objects that problems are about.
fn sids(population: &Population, problems: &[Problem]) -> BTreeMap<SourceId, String> {
    let subjects = problems.iter().filter_map(|problem| problem.subject.as_ref());
    let sid = |id| log::sid(population.get(id)?.entry.attributes().bytes("objectsid").first()?);
    subjects.filter_map(|subject| Some((subject.id, sid(subject.id)?))).collect()
}

impl Config {
    /// Between which two places this is, for records.
    pub fn route(&self) -> Route {
        let base = self.source.users.bases.first().or(self.source.groups.bases.first());
        Route {
            profile: self.name.clone(),
            source: self.source.urls.first().cloned().unwrap_or_default(),
            domain: base.map(crate::dn::Dn::domain).unwrap_or_default(),
            target: self.target.url.clone(),
        }
    }
}
