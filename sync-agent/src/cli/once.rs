//! `plan` and `apply`: one run, told to the terminal.

use std::{io::Write as _, path::Path, process::ExitCode};

use anyhow::Context as _;

use super::explain;
use crate::{
    clock::{Clock as _, SystemClock},
    config::Config,
    cycle,
    plan::file::PlanFile,
    state::State,
};

/// How a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For programs.
    Json,
    /// For people.
    Words {
        /// With every action.
        verbose: bool,
    },
}

/// Prints what a run would do, and saves it where that is wanted.
pub fn plan(config: &Path, form: Form, out: Option<&Path>) -> anyhow::Result<ExitCode> {
    let config = Config::read(config)?;
    let state = State::open(&config.state)?;
    let plan = runtime()?.block_on(async {
        let prepared = cycle::prepare(&config, &state, &SystemClock).await?;
        if let Some(path) = out {
            let basis = cycle::basis(&config, &prepared).await?;
            let file = PlanFile::new(prepared.plan, basis, SystemClock.now());
            file.write(path)?;
            return anyhow::Ok(file.plan);
        }
        Ok(prepared.plan)
    })?;
    let text = match form {
        Form::Json => serde_json::to_string_pretty(&plan)?,
        Form::Words { verbose: true } => plan.in_full().to_string(),
        Form::Words { verbose: false } => plan.to_string(),
    };
    print(&text)
}

/// Says why somebody is at the target, or is not.
pub fn explain(config: &Path, name: &str, json: bool) -> anyhow::Result<ExitCode> {
    let config = Config::read(config)?;
    let state = State::open(&config.state)?;
    let explanations = runtime()?.block_on(explain::explain(&config, &state, &SystemClock, name))?;
    print(&explain::told(&explanations, json)?)
}

/// Prints what was asked for.
pub fn print(text: &str) -> anyhow::Result<ExitCode> {
    match writeln!(std::io::stdout(), "{text}") {
        // Whoever reads has seen enough, as with `| head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        written => written.map(|()| ExitCode::SUCCESS).context("cannot print"),
    }
}

/// Does it once: what there is to do now, or exactly what a file says.
pub fn apply(config: &Path, file: Option<&Path>) -> anyhow::Result<ExitCode> {
    let file = file.map(PlanFile::read).transpose()?;
    let config = Config::read(config)?;
    let state = State::open(&config.state)?;
    runtime()?.block_on(async {
        let mut prepared = cycle::prepare(&config, &state, &SystemClock).await?;
        if let Some(file) = file {
            let now = cycle::basis(&config, &prepared).await?;
            prepared.plan = file.check(&now)?;
        }
        let bar = indicatif::ProgressBar::new(prepared.plan.actions.len() as u64);
        let held_back: Vec<String> = prepared.plan.held_back.iter().map(|held| held.because.clone()).collect();
        let outcome = cycle::run(&config, &state, prepared, &SystemClock, &|| bar.inc(1)).await?;
        bar.finish_and_clear();
        for problem in &outcome.problems {
            eprintln!("! {problem}");
        }
        for because in &held_back {
            eprintln!("held back: {because}; `sync-agent approve` or `sync-agent reject`");
        }
        println!("{} writes, {} problems", outcome.writes, outcome.problems.len());
        Ok(if outcome.problems.is_empty() && held_back.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
    })
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime does not start")
}
