//! `plan` and `apply`: one run, told to the terminal.

use std::{io::Write as _, path::Path, process::ExitCode};

use anyhow::{Context as _, ensure};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    clock::{Clock as _, SystemClock},
    config::Config,
    cycle::{
        self, Extent, Manner, Progress,
        whole::{self, Completed},
    },
    number,
    plan::file::PlanFile,
    state::State,
    status, terminal,
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
pub fn plan(config: &Path, form: Form, full: bool, out: Option<&Path>) -> anyhow::Result<ExitCode> {
    let config = Config::read(config)?;
    let state = State::open(&config.state)?;
    let plan = runtime()?.block_on(async {
        let prepared = cycle::prepare(&config, &state, &SystemClock, extent(full)).await?;
        if let Some(path) = out {
            let basis = cycle::basis(&config, &prepared).await?;
            let file = PlanFile::new(prepared.plan, basis, SystemClock.now());
            file.write(path)?;
            return anyhow::Ok(file.plan);
        }
        Ok(prepared.plan)
    })?;
    match form {
        Form::Json => print_raw(&serde_json::to_string_pretty(&plan)?),
        Form::Words { verbose: true } => print(&plan.in_full().to_string()),
        Form::Words { verbose: false } => print(&plan.to_string()),
    }
}

/// Prints what was asked for, to people: nothing in it reaches the terminal but text.
pub fn print(text: &str) -> anyhow::Result<ExitCode> {
    print_raw(&terminal::lines(text))
}

/// Prints what was asked for, to programs.
pub fn print_raw(text: &str) -> anyhow::Result<ExitCode> {
    match writeln!(std::io::stdout(), "{text}") {
        // Whoever reads has seen enough, as with `| head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        written => written.map(|()| ExitCode::SUCCESS).context("cannot print"),
    }
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
        let manner =
            Manner { extent: extent(full), patient: false, exactly: file.as_ref(), stop: stopped, progress: &progress };
        whole::complete(&config, &state, &SystemClock, &manner).await
    })?;
    bar.finish_and_clear();
    told(&completed, json)?;
    Ok(match (&completed.record.failure, completed.problems.is_empty()) {
        (Some(_), _) => ExitCode::from(2),
        (None, true) => ExitCode::SUCCESS,
        (None, false) => ExitCode::from(1),
    })
}

fn told(completed: &Completed, json: bool) -> anyhow::Result<()> {
    let Completed { record, problems, .. } = completed;
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
        println!("waiting: {removals}; `sync-agent approve` or `sync-agent reject`");
    }
    Ok(())
}

fn extent(full: bool) -> Extent {
    if full { Extent::Everything } else { Extent::Changes }
}

pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime does not start")
}
