//! `errors`: the last records of the error log, in words.

use std::{path::Path, process::ExitCode};

use anyhow::Context as _;
use command_page::terminal::printable;
use scim_protocol::Timestamp;

use crate::{
    config::Config,
    daemon::control::{self, Request, Response},
    problem::{CODES, log},
};

/// Shows the last records.
pub fn errors(config: &Path, last: usize, json: bool) -> anyhow::Result<ExitCode> {
    let config = Config::read(config)?;
    let records = log::last(&config.errors, last)
        .with_context(|| format!("cannot read the error log {}", config.errors.display()))?;
    let unwritten = unwritten(&config);
    if let Some(failure) = &unwritten {
        eprintln!("! {}", printable(failure));
    }
    if json {
        for record in &records {
            println!("{}", serde_json::to_string(record)?);
        }
        return Ok(ExitCode::SUCCESS);
    }
    if records.is_empty() && unwritten.is_none() {
        println!(
            "No errors in {}. `sync-agent status` says whether a cycle could not write there.",
            config.errors.display()
        );
    }
    for record in &records {
        let at =
            record.event_timestamp.parse().map_or(String::new(), |millis| Timestamp::from_millis(millis).to_string());
        println!("{at}  {}\n    {}", record.error.error_code, printable(&record.error.error_message));
    }
    let mut codes: Vec<&str> = records.iter().map(|record| record.error.error_code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    for about in CODES.iter().filter(|about| codes.contains(&about.name)) {
        println!("\n{}: {}", about.name, about.remedy);
    }
    Ok(ExitCode::SUCCESS)
}

/// The last cycle whose problems are not in the log, as the daemon remembers it. The log is read without a daemon too, and by
/// anybody who may: the state is not opened for it.
fn unwritten(config: &Config) -> Option<String> {
    let Some(Response::Status(status)) = control::ask(&config.socket, &Request::Status).ok()? else { return None };
    status.cycles.iter().find_map(|cycle| {
        cycle.error_log_failure.as_ref().map(|failure| format!("the cycle of {}: {failure}", cycle.started))
    })
}
