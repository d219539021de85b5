//! `approve` and `reject`: a person's word about what the limits held back.

use std::{path::Path, process::ExitCode};

use crate::{
    config::Config,
    state::{
        State,
        held::{Decision, Pending},
    },
};

/// Decides about what is held back. The next run acts upon it.
pub fn decide(config: &Path, decision: Decision) -> anyhow::Result<ExitCode> {
    let config = Config::read(config)?;
    let state = State::open(&config.state)?;
    let Some(pending) = state.decide(decision)? else {
        println!("Nothing is held back.");
        return Ok(ExitCode::SUCCESS);
    };
    state.save()?;
    println!("{}", told(&pending));
    Ok(ExitCode::SUCCESS)
}

/// What was decided, in words.
pub fn told(pending: &Pending) -> String {
    let mut lines: Vec<String> = vec![format!("Held back since {}:", pending.since)];
    for held in &pending.held_back {
        lines.push(format!("  {}", held.because));
        let subjects = held.actions.iter().map(|action| format!("    {action}"));
        lines.extend(subjects.take(SHOWN));
        let more = held.actions.len().saturating_sub(SHOWN);
        if more > 0 {
            lines.push(format!("    and {more} more"));
        }
    }
    lines.push(
        match pending.decision {
            Decision::Open => "Say `sync-agent approve` to have exactly this done, or `sync-agent reject`.",
            Decision::Approved => "Approved. The next run does exactly this; whatever comes on top is held back again.",
            Decision::Rejected => "Rejected. It stays undone; you are asked again when something else is held back.",
        }
        .to_owned(),
    );
    lines.join("\n")
}

/// So many of each kind are shown.
const SHOWN: usize = 10;
