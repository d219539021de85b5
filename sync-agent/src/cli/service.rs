//! The daemon, and the commands that ask it: `run`, `status`, `pause`, `resume`, `run-now`,
//! `sync-one`; [`super::approve`] and [`super::explain`] ask it too. Where no daemon runs they open the state themselves.

use std::{path::Path, process::ExitCode, sync::Arc};

use anyhow::{bail, ensure};
use tokio::sync::watch;

use crate::{
    cli::{
        ask::{Reached, ask_or, reach, unexpected},
        output::{print, print_raw, printed},
        runtime,
    },
    clock::{Clock as _, SystemClock},
    config::Config,
    cycle,
    daemon::{
        self,
        control::{Request, Response},
    },
    state::Pause,
    status::{self, Status},
};

/// Runs until SIGTERM.
pub fn run(config: &Path) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(daemon::run(config, Arc::new(SystemClock)))?;
    Ok(ExitCode::SUCCESS)
}

/// Shows how it stands.
pub fn status(config: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let config = Config::read(config)?;
    let status = match reach(&config, &Request::Status)? {
        Reached::Daemon(Response::Status(status)) => *status,
        Reached::Daemon(Response::Refused(text)) => bail!("{text}"),
        Reached::Daemon(_) => return Err(unexpected()),
        Reached::State(state) => Status::read(&config, &state, SystemClock.now(), None)?,
    };
    if json { print_raw(&serde_json::to_string_pretty(&status)?) } else { print(status.to_string().trim_end()) }
}

/// No more cycles.
pub fn pause(config: &Path, reason: String) -> anyhow::Result<ExitCode> {
    let config = Config::read(config)?;
    let request = Request::Pause { reason: reason.clone() };
    printed(ask_or(&config, &request, |state| {
        state.set_pause(Some(&Pause { since: SystemClock.now(), reason }))?;
        state.save()?;
        Ok(status::PAUSED.to_owned())
    }))
}

/// Cycles again.
pub fn resume(config: &Path) -> anyhow::Result<ExitCode> {
    let config = Config::read(config)?;
    printed(ask_or(&config, &Request::Resume, |state| {
        state.set_pause(None)?;
        state.save()?;
        Ok(status::RESUMED.to_owned())
    }))
}

/// A cycle of the daemon, now.
pub fn run_now(config: &Path, full: bool) -> anyhow::Result<ExitCode> {
    let config = Config::read(config)?;
    printed(ask_or(&config, &Request::RunNow { full }, |_| bail!("no daemon runs; `sync-agent apply` does it once")))
}

/// One object, now.
pub fn sync_one(config: &Path, name: &str) -> anyhow::Result<ExitCode> {
    let config = Config::read(config)?;
    let request = Request::SyncOne { name: name.to_owned() };
    printed(ask_or(&config, &request, |state| {
        ensure!(state.pause()?.is_none(), status::IS_PAUSED);
        let (_stop, stopped) = watch::channel(false);
        Ok(runtime()?.block_on(cycle::one(&config, state, &SystemClock, name, stopped))?)
    }))
}
