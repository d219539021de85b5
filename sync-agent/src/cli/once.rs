//! `plan` and `apply`: one run, told to the terminal.

use std::{path::Path, process::ExitCode};

use anyhow::{bail, ensure};
use command_page::terminal;
use serde_json::json;
use tokio::sync::watch;
use traces::Spans;

use super::{
    ask::{Reached, reach, unexpected},
    output::{print, print_raw},
    runtime,
};
use crate::{
    clock::SystemClock,
    config::Config,
    cycle::{
        Progress, RunOptions,
        dry_run::{DryRun, PlanForm, dry_run},
        recorded::{self, RecordedCycle},
    },
    daemon::control::{Request, Response},
    mode::Mode,
    number,
    plan::file::PlanFile,
    state::State,
    status, tracer,
};

/// Prints what a run would do, and saves it where that is wanted. A daemon that runs is asked.
pub fn plan(config: &Path, wanted: DryRun, out: Option<&Path>) -> anyhow::Result<ExitCode> {
    let config = Config::read(config)?;
    let planned = match reach(&config, &Request::Plan { wanted })? {
        Reached::Daemon(Response::Planned(planned)) => *planned,
        Reached::Daemon(Response::Refused(text)) => bail!("{text}"),
        Reached::Daemon(_) => return Err(unexpected()),
        Reached::State(state) => runtime()?.block_on(dry_run(&config, &state, &SystemClock, wanted))?,
    };
    if let (Some(path), Some(file)) = (out, &planned.file) {
        file.write(path)?;
    }
    if wanted.form == PlanForm::Json { print_raw(&planned.text) } else { print(&planned.text) }
}

/// Does it once: what there is to do now, or exactly what a file says.
pub fn apply(config: &Path, file: Option<&Path>, json: bool, full: bool) -> anyhow::Result<ExitCode> {
    let file = file.map(PlanFile::read).transpose()?;
    let config = Config::read(config)?;
    let state = State::open(&config.state)?;
    ensure!(state.pause()?.is_none(), status::IS_PAUSED);
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
        let traces = config.traces.as_ref().map(|settings| tracer::start(settings, Spans::default())).transpose()?;
        let options = RunOptions {
            mode: mode(full),
            patient: false,
            exactly: file.as_ref(),
            stop: stopped,
            traces: traces.as_ref(),
            progress: &progress,
        };
        let completed = recorded::run_cycle(&config, &state, &SystemClock, &options).await;
        if let Some(traces) = traces {
            traces.stop().await;
        }
        Ok::<_, anyhow::Error>(completed?)
    })?;
    bar.finish_and_clear();
    told(&completed, json)?;
    Ok(match (&completed.record.failure, completed.problems.is_empty()) {
        (Some(_), _) => ExitCode::from(2),
        (None, true) => ExitCode::SUCCESS,
        (None, false) => ExitCode::from(1),
    })
}

fn told(completed: &RecordedCycle, json: bool) -> anyhow::Result<()> {
    let RecordedCycle { record, problems, .. } = completed;
    if json {
        let problems: Vec<_> = problems
            .iter()
            .map(|problem| json!({"code": problem.code, "subject": problem.subject, "message": problem.message}))
            .collect();
        println!("{}", serde_json::to_string_pretty(&json!({"cycle": record, "problems": problems}))?);
        return Ok(());
    }
    for problem in problems {
        eprintln!("! {}", terminal::printable(&problem.to_string()));
    }
    let seconds = std::time::Duration::from_millis(record.millis).as_secs_f64();
    let writes = number::of(record.writes, "write");
    let found = number::of(record.problems.max(problems.len()), "problem");
    println!("{writes}, {found}, {seconds:.1} s");
    if record.held_back > 0 {
        let removals = number::of(record.held_back, "removal");
        println!("waiting: {removals}; `sync-agent held` shows them, `approve` or `reject` decides");
    }
    Ok(())
}

fn mode(full: bool) -> Mode {
    if full { Mode::Full } else { Mode::Incremental }
}
