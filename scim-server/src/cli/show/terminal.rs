//! What is written to standard output and standard error, and what a terminal must not get.

use std::{
    borrow::Cow,
    io::{self, Write as _},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::Failure;

/// Writes to standard output.
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

/// Says why a command failed, on standard error; as a JSON object when a program reads it.
pub(in crate::cli) fn complain(message: &str, code: u8, json: bool) {
    let _ = if json {
        writeln!(io::stderr(), "{}", serde_json::json!({"error": message, "exit_code": code}))
    } else {
        writeln!(io::stderr(), "scim-server: {}", printable(message))
    };
}

/// A text as a terminal may get it: what was typed, or sent by a provider, cannot steer the terminal.
pub(in crate::cli) fn printable(text: &str) -> Cow<'_, str> {
    let steers = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !text.contains(steers) {
        return text.into();
    }
    text.chars().map(|c| if steers(c) { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(printable("no \u{1b}[31mred\u{9b}\n\tB\u{e4}r"), "no ?[31mred?\n\tB\u{e4}r");
    }
}
