//! The reference page of the command line, made of the same data as `--help`.

use clap::CommandFactory as _;

use super::Arguments;

/// What the page says before the commands.
const INTRODUCTION: &str = "\
<!-- Made of the program's own help; a test compares it. -->

`sync-agent [--config FILE] COMMAND`. The configuration is `sync-agent.toml` in the current folder unless `--config`
names another file.

Exit codes: 0 done; 1 done, but some objects have problems; 2 it could not begin, or ended early. While a daemon runs,
`status`, `pause`, `resume`, `run-now` and `sync-one` ask it through its socket; else they open the state themselves.";

#[test]
fn the_page_is_up_to_date() {
    let page = command_page::page(Arguments::command(), "The command line of sync-agent", INTRODUCTION);
    crate::reference::check("sync-command-line.md", &page);
}

#[test]
fn every_command_is_well_formed() {
    Arguments::command().debug_assert();
}
