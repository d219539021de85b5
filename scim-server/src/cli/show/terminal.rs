//! What is written to standard output and standard error: to people as text alone, to programs as it is.

use std::io::{self, Write as _};

use command_page::terminal::lines;
use indicatif::{ProgressBar, ProgressStyle};
use scim_protocol::error::bounded;

use crate::cli::Failure;

/// Writes to standard output what people read: what was typed, or sent by a provider, cannot steer the terminal, nor turn
/// the direction of writing.
pub(in crate::cli) fn say(text: &str) -> Result<(), Failure> {
    write(&lines(text))
}

/// Writes to standard output what programs read, as it is.
pub(in crate::cli) fn write(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Failure::Closed
        } else {
            Failure::because(format!("cannot write to standard output: {error}"), error)
        }
    })
}

/// Counts what is done, on a terminal.
pub(in crate::cli) fn counter(what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(&format!("{{spinner}} {{human_pos}} {what}  {{per_sec}}  {{elapsed}}"));
    ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

/// Says why a command failed, on standard error; as a JSON object when a program reads it. What it quotes of a file or of
/// what was typed is [bounded].
pub(in crate::cli) fn complain(message: &str, code: u8, json: bool) {
    let message = &*bounded(message.to_owned());
    let _ = if json {
        writeln!(io::stderr(), "{}", serde_json::json!({"error": message, "exit_code": code}))
    } else {
        writeln!(io::stderr(), "scim-server: {}", lines(message))
    };
}
