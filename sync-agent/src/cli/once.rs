//! `plan` and `apply`: one run, told to the terminal.

use std::{io::Write as _, path::Path, process::ExitCode};

use anyhow::Context as _;

use serde_json::json;
use tokio::sync::watch;

use crate::{
    clock::SystemClock,
    config::Config,
    cycle::{self, Completed, Extent, Manner, Progress},
    state::State,
};

/// Prints what a run would do.
pub fn plan(config: &Path, json: bool, full: bool) -> anyhow::Result<ExitCode> {
    let config = Config::read(config)?;
    let state = State::open(&config.state)?;
    let plan = runtime()?.block_on(cycle::prepare(&config, &state, &SystemClock, extent(full)))?.plan;
    let text = if json { serde_json::to_string_pretty(&plan)? } else { plan.to_string() };
    match writeln!(std::io::stdout(), "{text}") {
        // Whoever reads has seen enough, as with `| head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        written => written.map(|()| ExitCode::SUCCESS).context("cannot print the plan"),
    }
}

/// Does it once.
pub fn apply(config: &Path, json: bool, full: bool) -> anyhow::Result<ExitCode> {
    let config = Config::read(config)?;
    let state = State::open(&config.state)?;
    let bar = indicatif::ProgressBar::hidden();
    let progress = |progress| match progress {
        Progress::Planned(number) => {
            bar.set_length(number as u64);
            bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        }
        Progress::Done => bar.inc(1),
    };
    let completed = runtime()?.block_on(async {
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.send_replace(true);
            }
            std::future::pending::<()>().await;
        });
        let manner =
            Manner { extent: extent(full), patient: false, counts_drift: false, stop: stopped, progress: &progress };
        cycle::complete(&config, &state, &SystemClock, &manner).await
    })?;
    bar.finish_and_clear();
    let Completed { record, problems, .. } = completed;
    if json {
        let problems: Vec<_> = problems
            .iter()
            .map(|problem| json!({"code": problem.code, "subject": problem.subject, "message": problem.message}))
            .collect();
        println!("{}", serde_json::to_string_pretty(&json!({"cycle": record, "problems": problems}))?);
    } else {
        for problem in &problems {
            eprintln!("! {problem}");
        }
        let seconds = std::time::Duration::from_millis(record.millis).as_secs_f64();
        println!("{} writes, {} problems, {seconds:.1} s", record.writes, record.problems.max(problems.len()));
        if record.held_back > 0 {
            println!("{} removals wait for approval; see `sync-agent status`", record.held_back);
        }
    }
    Ok(match (&record.failure, problems.is_empty()) {
        (Some(_), _) => ExitCode::from(2),
        (None, true) => ExitCode::SUCCESS,
        (None, false) => ExitCode::from(1),
    })
}

fn extent(full: bool) -> Extent {
    if full { Extent::Everything } else { Extent::Changes }
}

pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime does not start")
}
