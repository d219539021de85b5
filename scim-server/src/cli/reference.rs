//! The reference pages of the command line and of the settings, made of the same data as `--help`.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _, ValueEnum};

use super::{Cli, limits};
use crate::config::SETTINGS;

/// A page of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Page {
    /// docs/reference/command-line.md
    CommandLine,
    /// docs/reference/configuration.md
    Configuration,
    /// docs/guide/limits.md
    Limits,
}

/// A page as Markdown.
pub fn page(page: Page) -> String {
    match page {
        Page::CommandLine => command_line(),
        Page::Configuration => configuration(),
        Page::Limits => limits::page(),
    }
}

fn command_line() -> String {
    let mut text = String::from(
        "# The command line\n\n\
         <!-- Made by `scim-server reference command-line`; a test compares it. -->\n\n\
         Exit codes: 0 done, 1 failed, 2 wrong usage. With `--json` a command prints one JSON object, or an\n\
         array if it lists; what goes wrong is then an object on standard error, with `error` and `exit_code`.\n\
         `scim-server help COMMAND` explains a command. While a server runs on the data directory, commands go through its listener for\n\
         administrators; else they open the store themselves.\n\n\
         The settings of `serve` are on [a page of their own](configuration.md).\n",
    );
    let mut program = Cli::command().disable_help_flag(true).disable_version_flag(true);
    program.build();
    for command in program.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help") {
        describe(&mut text, command, "scim-server");
    }
    text
}

/// A command and those below it.
fn describe(text: &mut String, command: &Command, parent: &str) {
    let name = format!("{parent} {}", command.get_name());
    let below: Vec<_> = command.get_subcommands().filter(|command| command.get_name() != "help").collect();
    if below.is_empty() {
        let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
        let _ = write!(text, "\n## {name}\n\n{}\n\n", about.trim_end_matches('.').to_owned() + ".");
        arguments(text, command);
    }
    for command in below {
        describe(text, command, &name);
    }
}

fn arguments(text: &mut String, command: &Command) {
    if command.get_name() == "serve" {
        text.push_str("See [the settings](configuration.md).\n");
        return;
    }
    text.push_str("| argument | what it is |\n| --- | --- |\n");
    for argument in command.get_arguments().filter(|argument| argument.get_id() != "help") {
        let value = argument.get_value_names().unwrap_or_default().join(" ");
        let takes = argument.get_action().takes_values();
        let usage = match argument.get_long() {
            Some(long) if takes => format!("--{long} {value}"),
            Some(long) => format!("--{long}"),
            None => value,
        };
        let mut help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        if takes && !defaults.is_empty() {
            let _ = write!(help, " [default: {}]", defaults.join(","));
        }
        if argument.is_required_set() {
            help.push_str(" (required)");
        }
        let _ = writeln!(text, "| `{}` | {} |", usage.replace('|', "\\|"), help.replace('|', "\\|"));
    }
}

fn configuration() -> String {
    let mut text = String::from(
        "# Settings\n\n\
         <!-- Made by `scim-server reference configuration`; a test compares it. -->\n\n\
         Each setting is taken from its flag, else from its environment variable, else from the TOML file that\n\
         `--config` (or `SCIM_SERVER_CONFIG`) names, else it has its default. The flag of `page_size` is\n\
         `--page-size`, its variable `SCIM_SERVER_PAGE_SIZE`, its key in the file `page_size`. The file is one\n\
         table; a key that is no setting is refused.\n\n\
         Durations are written as `250ms`, `30s`, `15m`, `12h`, `7d`, `1h30m`; sizes as `512KiB`, `10MiB`, `1GiB`\n\
         or a number of bytes. Settings marked with ↻ are applied to a running server by SIGHUP; others need a\n\
         restart.\n",
    );
    let mut group = "";
    for setting in SETTINGS {
        if setting.group != group {
            group = setting.group;
            let _ =
                write!(text, "\n## {group}\n\n| key | value | default | what it does |\n| --- | --- | --- | --- |\n");
        }
        let default = if setting.default.is_empty() { String::new() } else { format!("`{}`", setting.default) };
        let live = if setting.live { " ↻" } else { "" };
        let value = setting.value.replace('|', "\\|");
        let _ = writeln!(text, "| `{}`{live} | {value} | {default} | {} |", setting.key, setting.help);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares a page with the file, or writes it when `UPDATE_DOCS` is set.
    #[track_caller]
    #[allow(clippy::disallowed_methods, reason = "a switch of this test, not of the program")]
    fn check(wanted: Page, file: &str) {
        let path = format!("{}/../docs/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = page(wanted);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(std::path::Path::new(&path).parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == text, "docs/{file} is out of date; run the tests with UPDATE_DOCS=1");
    }

    #[test]
    fn the_pages_are_up_to_date() {
        check(Page::CommandLine, "reference/command-line.md");
        check(Page::Configuration, "reference/configuration.md");
        check(Page::Limits, "guide/limits.md");
    }

    #[test]
    fn every_command_is_well_formed() {
        Cli::command().debug_assert();
    }
}
