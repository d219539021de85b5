//! One run, from observing the directory to saving what was done.
//!
//! [`prepare`] is all that a dry run does: it reads both sides and writes to neither, and moves no
//! watermark. [`run`] goes on and applies the plan. The daemon, with its schedule and its graceful
//! stop, has its place in `daemon.rs` and calls these two.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    apply::{self, Outcome, Pace},
    clock::Clock,
    config::Config,
    mapping,
    mapping::Snapshot,
    plan,
    plan::{
        Held, Known, Plan,
        departure::{self, Departures},
        file::Basis,
    },
    population::{Finished, Intake, Population},
    scope,
    source::{
        self, DirectoryError, SourceId,
        absence::{self, Verdict},
    },
    state::{State, StateError},
    target::{Reader, TargetError},
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
}

/// A run up to the point where it would begin to write.
pub struct Prepared {
    /// What it would do.
    pub plan: Plan,
    /// What was known when the plan was made.
    pub known: Known,
    /// The directory as it was read.
    pub population: Population,
    /// What the target should hold.
    pub desired: Snapshot,
    /// What became of what is no longer desired.
    pub departures: Departures,
    /// The target.
    pub target: Reader,
}

/// Observes, maps, looks and plans.
pub async fn prepare(config: &Config, state: &State, clock: &dyn Clock) -> Result<Prepared, CycleError> {
    let target = Reader::new(&config.target)?;
    let capabilities = target.capabilities().await?;
    let known = state.known()?;
    let (finished, verdicts) = observe(config, &known).await?;
    let selection = scope::select(&finished.population, &config.scope);
    let desired = mapping::map(&finished.population, &selection, &config.mapping, clock.now());
    let held = target.look(&desired, &known, &capabilities).await?;
    let departures =
        departure::departures(&known, &finished.population, &|id| desired.wants(id), &finished.deleted, &verdicts);
    let plan = plan::make(plan::Question {
        desired: &desired,
        departures: &departures,
        known: &known,
        held: &held,
        safety: &config.safety,
        approved: &state.approved()?,
        now: clock.now(),
    });
    Ok(Prepared { plan, known, population: finished.population, desired, departures, target })
}

/// What a prepared plan was made from, for a plan file: looks at every resource that it touches.
pub async fn basis(config: &Config, prepared: &Prepared) -> Result<Basis, CycleError> {
    let Prepared { plan, known, desired, departures, target, .. } = prepared;
    let touched = plan::file::touched(plan, known);
    let held: Vec<Option<Held>> = stream::iter(touched)
        .map(|(kind, resource)| async move { target.retrieve(kind, &resource).await })
        .buffered(config.target.concurrency.max(1))
        .try_collect()
        .await?;
    Ok(Basis::new(desired, departures, known, &config.target.url, plan, &held))
}

/// Reads the directory. A reading that does not end well leaves nothing behind. Of what was written
/// and is not there, it asks what became.
async fn observe(config: &Config, known: &Known) -> Result<(Finished, Vec<(SourceId, Verdict)>), DirectoryError> {
    let mut directory = source::open(&config.source, config.attributes()).await?;
    tracing::info!(server = directory.server(), "reading the directory");
    let mut intake = Intake::new(Population::default());
    let reading = directory.read(None, &mut |change| intake.take(change)).await?;
    let finished = intake.finish(reading.coverage);
    tracing::info!(entries = finished.population.len(), "the directory was read");
    let candidates = departure::candidates(known, &finished.population, &finished.deleted);
    let verdicts = match candidates.as_slice() {
        [] => Vec::new(),
        _ => absence::examine(&mut *directory, &config.source.canary, candidates).await?,
    };
    Ok((finished, verdicts))
}

/// Applies what was prepared.
pub async fn run(
    config: &Config,
    state: &State,
    mut prepared: Prepared,
    clock: &dyn Clock,
    progress: &(dyn Fn() + Send + Sync),
) -> Result<Outcome, CycleError> {
    let pace = Pace { concurrency: config.target.concurrency, members_per_request: config.target.members_per_request };
    let writer = prepared.target.writer();
    let mut outcome = apply::apply(&prepared.plan, &writer, state, &mut prepared.known, pace, progress).await?;
    state.keep_held_back(&prepared.plan.held_back, clock.now())?;
    state.flush().await?;
    outcome.problems.splice(0..0, prepared.plan.problems);
    Ok(outcome)
}
