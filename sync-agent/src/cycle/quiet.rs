//! The shortest cycle: nothing has changed.
//!
//! Most cycles find nothing, and must cost nothing, however large the directory is. When a cycle has
//! ended with everything as it should be, that is noted ([`Quiet`]), with the moment at which time
//! alone makes a difference: an account expires, a time of grace ends. Until then a cycle asks the
//! directory what has changed since; if the answer is "nothing", it is over, and what is remembered of
//! the directory and of the target was not even loaded.

use scim_protocol::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Prepared;
use crate::{
    apply::Outcome,
    config::Config,
    mode::Mode,
    problem::Problem,
    source::{self, DirectoryError, account, flavour::Flavour},
    state::{Quiet, State, StateError},
};

/// What a cycle that has ended leaves: nothing where there was something to do.
pub fn after(config: &Config, prepared: &Prepared, outcome: &Outcome, now: Timestamp) -> Option<Quiet> {
    let settled = prepared.plan.actions.is_empty()
        && prepared.plan.held_back.is_empty()
        && outcome.waiting.is_empty()
        && outcome.stopped.is_none()
        && !outcome.problems.iter().any(|problem| problem.code.blocks());
    let coming = prepared.plan.upcoming.iter().map(|one| one.at);
    let population = &prepared.observation.population;
    let ends = config.mapping.account.ends;
    let expires = population
        .iter()
        .flat_map(|observed| account::turns(Flavour::account_attributes(), observed.entry.attributes(), ends));
    settled.then(|| Quiet {
        decides: decides(config),
        until: coming.chain(expires).filter(|at| *at > now).min(),
        entries: population.len(),
    })
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

/// Where nothing has changed: how many entries there are, and which problems last. `None` where an
/// ordinary cycle has to look. Writes nothing but where the next reading continues.
pub async fn try_quiet(
    config: &Config,
    state: &State,
    now: Timestamp,
) -> Result<Option<(usize, Vec<Problem>)>, StateError> {
    let Some(quiet) = state.quiet()?.filter(|quiet| holds(quiet, config, now)) else { return Ok(None) };
    let Some(watermark) = state.watermark()? else { return Ok(None) };
    let mut anything = false;
    let reading = async {
        let mut directory = source::open_all(config.sources(), config.attributes()).await?;
        directory.read(Some(&watermark), &mut |_| anything = true).await
    };
    let reading: Result<_, DirectoryError> = reading.await;
    // What is wrong is told by the ordinary cycle, which meets it too.
    let Ok(reading) = reading else { return Ok(None) };
    let Some(next) = reading.watermark else { return Ok(None) };
    if anything || reading.mode != Mode::Incremental || !reading.problems.is_empty() {
        return Ok(None);
    }
    state.keep_watermark(&next)?;
    let lasting: Vec<Problem> = state.quarantine()?.0.into_values().map(|record| record.problem).collect();
    tracing::info!(entries = quiet.entries, "the directory has not changed");
    Ok(Some((quiet.entries, lasting)))
}
