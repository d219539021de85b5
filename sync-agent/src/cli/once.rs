//! `plan` and `apply`: one run, told to the terminal.

use std::{io::Write as _, path::Path, process::ExitCode};

use anyhow::Context as _;

use crate::{clock::SystemClock, config::Config, cycle, state::State};

/// Prints what a run would do.
pub fn plan(config: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let config = Config::read(config)?;
    let state = State::open(&config.state)?;
    let plan = runtime()?.block_on(cycle::prepare(&config, &state, &SystemClock))?.plan;
    let text = if json { serde_json::to_string_pretty(&plan)? } else { plan.to_string() };
    match writeln!(std::io::stdout(), "{text}") {
        // Whoever reads has seen enough, as with `| head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        written => written.map(|()| ExitCode::SUCCESS).context("cannot print the plan"),
    }
}

/// Does it once.
pub fn apply(config: &Path) -> anyhow::Result<ExitCode> {
    let config = Config::read(config)?;
    let state = State::open(&config.state)?;
    runtime()?.block_on(async {
        let prepared = cycle::prepare(&config, &state, &SystemClock).await?;
        let bar = indicatif::ProgressBar::new(prepared.plan.actions.len() as u64);
        let outcome = cycle::run(&config, &state, prepared, &SystemClock, &|| bar.inc(1)).await?;
        bar.finish_and_clear();
        for problem in &outcome.problems {
            eprintln!("! {problem}");
        }
        println!("{} writes, {} problems", outcome.writes, outcome.problems.len());
        Ok(if outcome.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
    })
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime does not start")
}
