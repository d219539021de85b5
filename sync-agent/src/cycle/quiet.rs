//! The shortest cycle: nothing has changed.
//!
//! Most cycles find nothing, and must cost nothing, however large the directory is. When a cycle has
//! ended with everything as it should be, that is noted ([`Quiet`]), with the moment at which time
//! alone makes a difference: an account expires, a time of grace ends. Until then a cycle asks the
//! directory what has changed since; if the answer is "nothing", or that all are there as they were, it is over, and what is remembered of
//! the directory and of the target was not even loaded. If the answer is a few entries, [`super::few`] sees whether they
//! can be looked at alone.

use std::collections::HashSet;

use scim_protocol::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Prepared;
use crate::{
    apply::Outcome,
    config::Config,
    identity::{Kind, SourceId},
    mode::Mode,
    population::Observed,
    problem::Problem,
    source::{self, Change, DirectoryError, Entry, Watermark, account, flavour::Flavour},
    state::{Quiet, State, StateError},
};

/// More entries are for the ordinary cycle, which lists what it would else ask for one by one.
const FEW: usize = 1_000;

/// What a look at the directory found.
pub enum Look {
    /// Nothing: how many entries there are, and which problems last.
    Unchanged { entries: usize, problems: Vec<Problem> },
    /// A few entries are new or changed, and none is gone.
    Few(Quiet, Changed),
    /// An ordinary cycle has to look.
    Ordinary,
}

/// Entries that have changed.
pub struct Changed {
    pub entries: Vec<Entry>,
    /// Where the next reading continues.
    pub watermark: Watermark,
}

/// What a cycle that has ended leaves: nothing where there was something to do.
pub fn after(config: &Config, prepared: &Prepared, outcome: &Outcome, now: Timestamp) -> Option<Quiet> {
    let settled = prepared.plan.actions.is_empty()
        && prepared.plan.held_back.is_empty()
        && outcome.waiting.is_empty()
        && outcome.stopped.is_none()
        && !outcome.problems.iter().any(|problem| problem.code.blocks());
    let coming = prepared.plan.upcoming.iter().map(|one| one.at);
    let population = &prepared.observation.population;
    let computes = |group: &Observed| !group.entry.attributes().bytes("memberURL").is_empty();
    let quiet = || Quiet {
        decides: decides(config),
        until: coming.filter(|at| *at > now).min(),
        entries: population.len(),
        computes_members: population.of(Kind::Group).any(computes),
    };
    settled.then(|| quiet().with(config, population.iter(), now))
}

impl Quiet {
    /// The same until the account of one of these people begins or ends by time alone.
    #[must_use]
    pub fn with<'a>(self, config: &Config, people: impl Iterator<Item = &'a Observed>, now: Timestamp) -> Self {
        let ends = config.mapping.account.ends;
        let turns =
            |observed: &'a Observed| account::turns(Flavour::account_attributes(), observed.entry.attributes(), ends);
        let until = people.flat_map(turns).filter(|at| *at > now).chain(self.until).min();
        Self { until, ..self }
    }
}

fn holds(quiet: &Quiet, config: &Config, now: Timestamp) -> bool {
    quiet.until.is_none_or(|until| now < until) && quiet.decides == decides(config)
}

fn decides(config: &Config) -> String {
    let Config { scope, mapping, safety, target, .. } = config;
    let version = env!("CARGO_PKG_VERSION");
    let text = format!("{version} {scope:?} {mapping:?} {safety:?} {} {:?}", target.url, target.profile);
    hex::encode(Sha256::digest(text))
}

/// Asks the directory what has changed. Writes nothing but where the next reading continues, and that only where nothing
/// has.
pub async fn look(config: &Config, state: &State, now: Timestamp) -> Result<Look, StateError> {
    let Some(quiet) = state.quiet()?.filter(|quiet| holds(quiet, config, now)) else { return Ok(Look::Ordinary) };
    let Some(watermark) = state.watermark()? else { return Ok(Look::Ordinary) };
    let mut told = Told::default();
    let reading = async {
        let mut directory = source::open_all(config.sources(), config.attributes()).await?;
        directory.read(Some(&watermark), &mut |change| told.take(change)).await
    };
    let reading: Result<_, DirectoryError> = reading.await;
    // What is wrong is told by the ordinary cycle, which meets it too.
    let Ok(reading) = reading else { return Ok(Look::Ordinary) };
    let Some(next) = reading.watermark else { return Ok(Look::Ordinary) };
    if reading.mode != Mode::Incremental || !reading.problems.is_empty() || told.loses_any(state)? {
        return Ok(Look::Ordinary);
    }
    let entries = told.entries;
    if !entries.is_empty() {
        return Ok(Look::Few(quiet, Changed { entries, watermark: next }));
    }
    state.keep_watermark(&next)?;
    let problems: Vec<Problem> = state.quarantine()?.0.into_values().map(|record| record.problem).collect();
    tracing::info!(entries = quiet.entries, "the directory has not changed");
    Ok(Look::Unchanged { entries: quiet.entries, problems })
}

/// What a reading of changes said.
#[derive(Default)]
struct Told {
    /// New or changed.
    entries: Vec<Entry>,
    /// There, changed or as they were.
    present: HashSet<SourceId>,
    missing: Vec<SourceId>,
    /// Whether all that exists was named.
    swept: bool,
    others: bool,
}

impl Told {
    fn take(&mut self, change: Change) {
        match change {
            Change::Upsert(entry) if self.entries.len() < FEW => {
                self.present.insert(entry.id);
                self.entries.push(entry);
            }
            Change::Present(id) => drop(self.present.insert(id)),
            Change::Missing(id) => self.missing.push(id),
            Change::Swept { .. } => self.swept = true,
            Change::Upsert(_) | Change::Delete(..) => self.others = true,
        }
    }

    /// Whether an entry that was there may be gone. A directory says so of one by name, or of all that it does not name;
    /// and it calls a person missing from among the groups who never was there.
    fn loses_any(&self, state: &State) -> Result<bool, StateError> {
        let mut missing = self.missing.iter().filter(|id| !self.present.contains(id));
        let gone = missing.try_fold(false, |gone, id| Ok::<_, StateError>(gone || state.observed(*id)?.is_some()))?;
        Ok(self.others || gone || self.swept && !state.observed_only(&self.present)?)
    }
}
