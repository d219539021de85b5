//! What commands print.

use std::{io::Write as _, process::ExitCode};

use anyhow::Context as _;

use command_page::terminal;

/// Prints what was asked for, to people: nothing in it reaches the terminal but text.
pub fn print(text: &str) -> anyhow::Result<ExitCode> {
    print_raw(&terminal::lines(text))
}

/// Prints what was asked for, to programs.
pub fn print_raw(text: &str) -> anyhow::Result<ExitCode> {
    match writeln!(std::io::stdout(), "{text}") {
        // The reader has closed the pipe, as `| head` does.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        written => written.map(|()| ExitCode::SUCCESS).context("cannot print"),
    }
}

/// Prints what was answered.
pub(super) fn printed(answer: anyhow::Result<String>) -> anyhow::Result<ExitCode> {
    print(&answer?)
}
