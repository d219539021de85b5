//! `explain NAME`: why somebody is at the target, or is not.

use std::{path::Path, process::ExitCode};

use crate::{
    cli::{
        ask::ask_or,
        output::{print, print_raw},
        runtime,
    },
    clock::SystemClock,
    config::Config,
    daemon::control::Request,
    explain,
};

/// Reads both sides, and explains the object that the name means. Writes nothing.
pub fn explain(config: &Path, name: &str, json: bool) -> anyhow::Result<ExitCode> {
    let config = Config::read(config)?;
    let request = Request::Explain { name: name.to_owned(), json };
    let told = ask_or(&config, &request, |state| {
        runtime()?.block_on(async {
            let explanations = explain::look(&config, state, &SystemClock, name).await?;
            explain::told(&explanations, json)
        })
    })?;
    if json { print_raw(&told) } else { print(&told) }
}
