//! One run, from observing the directory to saving what was done.
//!
//! [`prepare`] is all that a dry run does: it reads both sides and writes to neither, and moves no
//! watermark. [`run`] goes on and applies the plan. The daemon, with its schedule and its graceful
//! stop, has its place in `daemon.rs` and calls these two.

use crate::{
    apply::{self, Outcome, Pace},
    clock::Clock,
    config::Config,
    mapping, plan,
    plan::{Known, Plan},
    scope,
    source::{
        self, DirectoryError,
        observation::{self, Observation, Question},
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
    /// The directory as it was read; kept by [`run`], and by nothing else.
    pub observation: Observation,
    /// The target.
    pub target: Reader,
}

/// Observes, maps, looks and plans.
pub async fn prepare(config: &Config, state: &State, clock: &dyn Clock) -> Result<Prepared, CycleError> {
    let target = Reader::new(&config.target)?;
    let capabilities = target.capabilities().await?;
    let known = state.known()?;
    let observation = observe(config, state, &known).await?;
    let selection = scope::select(&observation.population, &config.scope);
    let desired = mapping::map(&observation.population, &selection, &config.mapping, clock.now());
    let held = target.look(&desired, &known, &capabilities).await?;
    let plan = plan::make(plan::Question { desired: &desired, known: &known, held: &held });
    Ok(Prepared { plan, known, observation, target })
}

/// Reads the directory, continuing where the last run ended.
async fn observe(config: &Config, state: &State, known: &Known) -> Result<Observation, CycleError> {
    let mut directory = source::open(&config.source, config.mapping.attributes()).await?;
    tracing::info!(server = directory.server(), "reading the directory");
    let known = known.keys().copied().collect();
    let question = Question { canary: &config.source.canary, known: &known, everything: false };
    let observation = observation::observe(&mut *directory, state.kept()?, &question).await?;
    tracing::info!(entries = observation.population.len(), "the directory was read");
    Ok(observation)
}

/// Applies what was prepared.
pub async fn run(
    config: &Config,
    state: &State,
    mut prepared: Prepared,
    progress: &(dyn Fn() + Send + Sync),
) -> Result<Outcome, CycleError> {
    let pace = Pace { concurrency: config.target.concurrency, members_per_request: config.target.members_per_request };
    let writer = prepared.target.writer();
    let mut outcome = apply::apply(&prepared.plan, &writer, state, &mut prepared.known, pace, progress).await?;
    outcome.problems.splice(0..0, prepared.plan.problems.into_iter().chain(prepared.observation.problems.clone()));
    state.keep(&prepared.observation)?;
    state.flush().await?;
    Ok(outcome)
}
