//! A cycle with its record: what the daemon and `apply` run.
//!
//! What was read of the directory is kept when the writes are done and not before: a run that is
//! killed reads the same changes again. A cycle never takes the daemon with it: its failure, a fault
//! in the program included, is a line in its record.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    io,
    panic::AssertUnwindSafe,
    path::PathBuf,
};

use futures_util::FutureExt as _;
use scim_protocol::Timestamp;
use traces::{Kind, Span};

use super::{
    CycleError, Prepared, RunOptions, basis,
    few::{self, Few},
    pace, prepare,
    quiet::{self, Look},
    run,
};
use crate::{
    apply::{self, Outcome},
    clock::Clock,
    config::Config,
    identity::SourceId,
    mode::Mode,
    plan::{
        Action, Plan, Step,
        deprovisioning::{self, Deprovisioning},
        held_back::{Decision, HeldBack},
    },
    population::Population,
    problem::{
        Code, Problem,
        log::{self, Record, Route},
    },
    sid,
    source::{Mark, settings::SourceSettings},
    state::{CycleRecord, Pause, State, StateError},
    target::{TargetReader, TargetWriter},
};

pub struct RecordedCycle {
    /// As the state remembers it.
    pub record: CycleRecord,
    /// All problems, those that were told before included.
    pub problems: Vec<Problem>,
}

/// A whole cycle. Its failure is part of its record; only a state that cannot be used is an error.
pub async fn run_cycle(
    config: &Config,
    state: &State,
    clock: &dyn Clock,
    options: &RunOptions<'_>,
) -> Result<RecordedCycle, StateError> {
    let started = clock.now();
    let mut record = CycleRecord::new(started, options.mode == Mode::Full);
    let span = options.traces.and_then(|traces| traces.begin("sync.cycle", Kind::Internal, None));
    let cycle = AssertUnwindSafe(cycle(config, state, clock, options)).catch_unwind();
    let result = match &span {
        Some(span) => span.within(cycle).await,
        None => cycle.await,
    };
    let result = result.unwrap_or_else(|fault| Err(CycleError::Fault(words(fault.as_ref()))));
    let (problems, due, sids) = match result {
        Ok(Cycle::Quiet { entries, problems }) => {
            record.entries = entries;
            record.problems = problems.len();
            (problems, Vec::new(), BTreeMap::new())
        }
        Ok(Cycle::Few(done)) => {
            record.entries = done.entries;
            record.writes = done.outcome.writes;
            record.problems = done.problems.len();
            record.changed = changed(&done.plan, &done.outcome).len();
            record.failure = done.outcome.stopped;
            (done.problems, Vec::new(), BTreeMap::new())
        }
        Ok(Cycle::Through(prepared, mut outcome)) => {
            outcome.problems.extend(keep(config, state, &prepared, &outcome, clock.now())?);
            record.full = prepared.mode == Mode::Full;
            record.entries = prepared.observation.population.len();
            record.writes = outcome.writes;
            record.problems = outcome.problems.len() + outcome.waiting.len();
            record.held_back = waiting(state, &prepared.plan)?.iter().map(HeldBack::losses).sum();
            record.changed = changed(&prepared.plan, &outcome).len();
            record.drift = drift(&prepared, &outcome);
            record.failure = outcome.stopped;
            if record.full && record.failure.is_none() {
                state.set_last_full(started)?;
            }
            let due = state.settle(&outcome.problems, &prepared.plan, &outcome.waiting, clock.now())?;
            let sids = sids(&prepared.observation.population, &due);
            (outcome.problems, due, sids)
        }
        Err(error @ CycleError::Stopped) => {
            record.failure = Some(error.to_string());
            (Vec::new(), Vec::new(), BTreeMap::new())
        }
        Err(error) => {
            let problem = Problem::from(&error);
            record.failure = Some(problem.to_string());
            (vec![problem.clone()], vec![problem], BTreeMap::new())
        }
    };
    record.millis = u64::try_from(clock.now().as_millis() - started.as_millis()).unwrap_or(0);
    if let Some(span) = span {
        ended(span, config, &record);
    }
    let route = config.route();
    let now = clock.now();
    let records: Vec<Record> =
        due.iter().map(|problem| route.record(problem, now, |id| sids.get(&id).cloned())).collect();
    record.error_log_failure = write_log(config.errors.clone(), records).await;
    state.add_cycle(record.clone())?;
    state.flush().await?;
    Ok(RecordedCycle { record, problems })
}

/// Notes in its span what has come of a cycle, in numbers.
fn ended(mut span: Span, config: &Config, record: &CycleRecord) {
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    span.note("sync.name", config.name.clone());
    span.note("sync.full", record.full);
    span.note("sync.entries", number(record.entries));
    span.note("sync.writes", number(record.writes));
    span.note("sync.problems", number(record.problems));
    if record.failure.is_some() {
        span.fail("ended_early");
    }
}

/// What a pause longer than the time of grace comes to: users are deactivated, within the limits, as
/// if they had left the scope. Returns the number of writes.
pub async fn deactivate_after_pause(
    config: &Config,
    state: &State,
    clock: &dyn Clock,
    pause: &Pause,
    options: &RunOptions<'_>,
) -> Result<usize, CycleError> {
    let started = clock.now();
    let mut known = state.known()?;
    let plan = deprovisioning::of_pause(
        &known,
        pause.since,
        &config.safety,
        &state.approved()?,
        &state.lost(started)?,
        started,
    );
    if plan.writes_nothing() && plan.held_back.is_empty() {
        return Ok(0);
    }
    state.set_quiet(None)?;
    let target = TargetReader::new(&config.target)?;
    let writer = TargetWriter::new(&target, target.capabilities().await?);
    let mut outcome = apply::apply(&plan, &writer, state, &mut known, pace(config, clock, options), &|| {}).await?;
    state.keep_held_back(&plan.held_back, clock.now())?;
    outcome.problems.extend(limits_exceeded(state, &plan)?);
    let now = clock.now();
    let records = outcome.problems.iter().map(|problem| config.route().record(problem, now, |_| None)).collect();
    state.add_cycle(CycleRecord {
        writes: outcome.writes,
        problems: outcome.problems.len(),
        held_back: waiting(state, &plan)?.iter().map(HeldBack::losses).sum(),
        failure: outcome.stopped,
        error_log_failure: write_log(config.errors.clone(), records).await,
        ..CycleRecord::new(started, false)
    })?;
    state.flush().await?;
    Ok(outcome.writes)
}

/// What came of a cycle that ended well.
enum Cycle {
    /// Nothing had changed.
    Quiet {
        /// Entries of the directory.
        entries: usize,
        /// What was wrong before, and is.
        problems: Vec<Problem>,
    },
    /// Only values of some people had changed.
    Few(few::Done),
    /// Everything was compared.
    Through(Box<Prepared>, Outcome),
}

/// How a cycle begins.
enum Start {
    Quiet { entries: usize, problems: Vec<Problem> },
    Few(Box<Few>),
    Through(Box<Prepared>),
}

async fn cycle(
    config: &Config,
    state: &State,
    clock: &dyn Clock,
    options: &RunOptions<'_>,
) -> Result<Cycle, CycleError> {
    let short = options.mode == Mode::Incremental && options.exactly.is_none();
    let before = match start(config, state, clock, options, short).await? {
        Start::Quiet { entries, problems } => return Ok(Cycle::Quiet { entries, problems }),
        Start::Through(prepared) => return through(config, state, clock, options, prepared, 0).await,
        Start::Few(few) => few.run(config, state, clock, options).await?,
    };
    if before.is_whole() || before.outcome.stopped.is_some() {
        return Ok(Cycle::Few(before));
    }
    match start(config, state, clock, options, false).await? {
        Start::Through(prepared) => through(config, state, clock, options, prepared, before.outcome.writes).await,
        Start::Quiet { .. } | Start::Few(_) => Ok(Cycle::Few(before)),
    }
}

/// Looks at the directory, and at what there is to do; the `short` way if that is enough. Ends when the cycle is told to
/// stop.
async fn start(
    config: &Config,
    state: &State,
    clock: &dyn Clock,
    options: &RunOptions<'_>,
    short: bool,
) -> Result<Start, CycleError> {
    let mut stop = options.stop.clone();
    let prepared = async {
        if short {
            match quiet::look(config, state, clock.now()).await? {
                Look::Unchanged { entries, problems } => return Ok(Start::Quiet { entries, problems }),
                Look::Few(quiet, changed) => {
                    if let Some(few) = few::prepare(config, state, clock, quiet, changed).await? {
                        return Ok(Start::Few(Box::new(few)));
                    }
                }
                Look::Ordinary => {}
            }
        }
        let mut prepared = prepare(config, state, clock, options.mode).await?;
        if let Some(file) = options.exactly {
            let now = basis(config, &prepared).await?;
            prepared.plan = file.check(&now)?;
        }
        Ok::<_, CycleError>(Start::Through(Box::new(prepared)))
    };
    tokio::select! {
        prepared = prepared => prepared,
        _ = stop.wait_for(|stop| *stop) => Err(CycleError::Stopped),
    }
}

/// Applies what was prepared, after so many writes before.
async fn through(
    config: &Config,
    state: &State,
    clock: &dyn Clock,
    options: &RunOptions<'_>,
    mut prepared: Box<Prepared>,
    before: usize,
) -> Result<Cycle, CycleError> {
    state.set_quiet(None)?;
    let mut outcome = run(config, state, &mut prepared, clock, options).await?;
    outcome.writes += before;
    Ok(Cycle::Through(prepared, outcome))
}

/// Keeps what was read and what was held back, after the writes. Says what waits for a person.
fn keep(
    config: &Config,
    state: &State,
    prepared: &Prepared,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<Vec<Problem>, StateError> {
    state.keep(&prepared.observation)?;
    state.keep_held_back(&prepared.plan.held_back, now)?;
    state.set_quiet(quiet::after(config, prepared, outcome, now).as_ref())?;
    limits_exceeded(state, &prepared.plan)
}

/// What a panic said.
fn words(fault: &(dyn Any + Send)) -> String {
    let text = fault.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| fault.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without words".to_owned())
}

/// What waits for a person. Who has rejected it is not asked again.
fn waiting<'a>(state: &State, plan: &'a Plan) -> Result<&'a [HeldBack], StateError> {
    let rejected = state.pending()?.is_some_and(|pending| pending.decision == Decision::Rejected);
    Ok(if rejected { &[] } else { &plan.held_back })
}

/// A problem for each limit that holds something back which waits for a person.
fn limits_exceeded(state: &State, plan: &Plan) -> Result<Vec<Problem>, StateError> {
    let problem = |because| Problem {
        code: Code::LimitExceeded,
        subject: None,
        message: format!(
            "held back: {because}; look with `sync-agent held`, then `sync-agent approve` or `sync-agent reject`"
        ),
    };
    Ok(waiting(state, plan)?.iter().map(|held| problem(&held.because)).collect())
}

/// Objects that were not as they should be. Those that fail in each run are not news.
fn changed(plan: &Plan, outcome: &Outcome) -> BTreeSet<SourceId> {
    let failed = outcome.problems.iter().filter_map(|problem| problem.subject.as_ref()).map(|subject| subject.id);
    let known: BTreeSet<SourceId> = failed.chain(outcome.waiting.iter().copied()).collect();
    let written = plan.actions.iter().filter(|action| action.step.is_write()).map(|action| action.subject.id);
    written.filter(|id| !known.contains(id)).collect()
}

/// How many objects were wrong at the target because the readings of changes had missed something.
/// Where the directory shows no deletions to the account, finding those is what a full reading is for.
fn drift(prepared: &Prepared, outcome: &Outcome) -> Option<usize> {
    let missed = prepared.observation.drift.as_ref()?;
    let mark = prepared.observation.watermark.as_ref().map(|watermark| &watermark.mark);
    let blind = !mark.is_some_and(Mark::shows_deletions);
    let gone = |id: &SourceId| matches!(prepared.deprovisionings.get(id), Some(Deprovisioning::Gone(_)));
    let expected = |action: &Action| match &action.step {
        Step::Leave { members } => members.iter().all(gone),
        _ => gone(&action.subject.id),
    };
    let surprises = prepared.plan.actions.iter().filter(|action| !(blind && expected(action)));
    let surprising: BTreeSet<SourceId> = surprises.map(|action| action.subject.id).collect();
    let news = changed(&prepared.plan, outcome);
    Some(missed.iter().filter(|id| news.contains(id) && surprising.contains(id)).count())
}

/// An error log that cannot be written does not end the cycle, whose work is done. Says why its problems are not there.
async fn write_log(path: PathBuf, records: Vec<Record>) -> Option<String> {
    let name = path.display().to_string();
    let written = tokio::task::spawn_blocking(move || log::append(&path, &records)).await;
    let error = written.map_err(io::Error::from).flatten().err()?;
    let failure =
        format!("its problems are not in the error log {name}: {error}; make room there, or correct service.error_log");
    tracing::error!("the cycle has ended; {failure}");
    Some(failure)
}

/// The SIDs of the objects that problems are about.
fn sids(population: &Population, problems: &[Problem]) -> BTreeMap<SourceId, String> {
    let subjects = problems.iter().filter_map(|problem| problem.subject.as_ref());
    let sid = |id| sid::to_text(population.get(id)?.entry.attributes().bytes("objectsid").first()?);
    subjects.filter_map(|subject| Some((subject.id, sid(subject.id)?))).collect()
}

impl Config {
    /// Between which two places this is, for records. Several sources stand there with commas between.
    pub fn route(&self) -> Route {
        let url = |source: &SourceSettings| source.urls.first().cloned();
        let base = |source: &SourceSettings| source.users.bases.first().or(source.groups.bases.first()).cloned();
        let joined = |each: Vec<String>| each.join(",");
        Route {
            profile: self.name.clone(),
            source: joined(self.sources().filter_map(url).collect()),
            domain: joined(self.sources().filter_map(base).map(|base| base.domain()).collect()),
            target: self.target.url.clone(),
        }
    }
}
