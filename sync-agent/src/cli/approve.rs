//! `held`, `approve` and `reject`: what the limits hold back, and a person's word about it.

use std::{
    io::{IsTerminal as _, Write as _},
    path::Path,
    process::ExitCode,
};

use anyhow::bail;

use crate::{
    cli::{
        ask::{Reached, reach, unexpected},
        output::{print, print_raw},
    },
    config::Config,
    daemon::control::{Request, Response},
    plan::held_back::Decision,
    state::held::{self, Pending},
};

/// Shows all that is held back.
pub fn held(config: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let pending = pending(&Config::read(config)?)?;
    if json {
        return print_raw(&serde_json::to_string_pretty(&pending)?);
    }
    match pending {
        Some(pending) => print(&format!("{pending}\n{}", pending.outcome())),
        None => print(held::NOTHING),
    }
}

/// Decides about what is held back, having shown it. On a terminal the person is asked first, unless
/// `yes` was said. The next run acts upon it.
pub fn decide(config: &Path, decision: Decision, yes: bool) -> anyhow::Result<ExitCode> {
    let config = Config::read(config)?;
    let Some(pending) = pending(&config)? else { return print(held::NOTHING) };
    print(&pending.to_string())?;
    if !yes && std::io::stdin().is_terminal() && !confirmed(decision)? {
        return print("Nothing was decided.");
    }
    let seen = pending.digest();
    match reach(&config, &Request::Decide { decision, seen: seen.clone() })? {
        Reached::Daemon(Response::Done(text)) => print(&text),
        Reached::Daemon(Response::Refused(text)) => bail!("{text}"),
        Reached::Daemon(_) => Err(unexpected()),
        Reached::State(state) => {
            let Some(decided) = state.decide(decision, &seen)? else { bail!("{}", held::CHANGED) };
            state.save()?;
            print(decided.outcome())
        }
    }
}

fn pending(config: &Config) -> anyhow::Result<Option<Pending>> {
    match reach(config, &Request::Held)? {
        Reached::Daemon(Response::Held(pending)) => Ok(pending.map(|pending| *pending)),
        Reached::Daemon(Response::Refused(text)) => bail!("{text}"),
        Reached::Daemon(_) => Err(unexpected()),
        Reached::State(state) => Ok(state.pending()?),
    }
}

fn confirmed(decision: Decision) -> anyhow::Result<bool> {
    let question = match decision {
        Decision::Rejected => "Leave all of this undone?",
        _ => "Have exactly this done in the next run?",
    };
    print!("{question} [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
