//! Executes what a command asks for: by the running daemon, or else by the command itself on the state.

use std::time::Duration;

use anyhow::bail;

use crate::{
    config::Config,
    daemon::control::{self, Request, Response},
    state::{State, StateError},
};

/// Asks the daemon, or else does it on the state.
pub(super) fn ask_or(
    config: &Config,
    request: &Request,
    alone: impl FnOnce(&State) -> anyhow::Result<String>,
) -> anyhow::Result<String> {
    match reach(config, request)? {
        Reached::Daemon(Response::Done(text)) => Ok(text),
        Reached::Daemon(Response::Refused(text)) => bail!("{text}"),
        Reached::Daemon(_) => Err(unexpected()),
        Reached::State(state) => alone(&state),
    }
}

/// A daemon that answers what was not asked.
pub(super) fn unexpected() -> anyhow::Error {
    anyhow::anyhow!("the daemon answered something else; is it of another version? Restart it")
}

/// What answers a command.
pub(super) enum Reached {
    /// The daemon that runs.
    Daemon(Response),
    /// Nobody: no daemon runs, and the state is open.
    State(State),
}

/// Asks the daemon, or else opens the state. A daemon that starts has the state before its socket.
pub(super) fn reach(config: &Config, request: &Request) -> anyhow::Result<Reached> {
    let mut tries = 0;
    loop {
        if let Some(response) = control::ask(&config.socket, request)? {
            return Ok(Reached::Daemon(response));
        }
        match State::open(&config.state) {
            Err(StateError::InUse { .. }) if tries < 20 => tries += 1,
            opened => return Ok(Reached::State(opened?)),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
