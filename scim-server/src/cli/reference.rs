//! The reference pages of the command line and of the settings, made of the same data as `--help`.

mod events;
mod sample;

use std::fmt::Write as _;

use clap::{CommandFactory as _, ValueEnum};

use super::{Cli, limits};
use crate::config::SETTINGS;

/// A page of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReferencePage {
    /// docs/reference/command-line.md
    CommandLine,
    /// docs/reference/configuration.md
    Configuration,
    /// docs/reference/events.md
    Events,
    /// docs/guide/limits.md
    Limits,
    /// scim-server/dist/scim-server.toml
    ConfigurationFile,
}

/// A page as Markdown, or the configuration file as TOML.
pub fn page(page: ReferencePage) -> String {
    match page {
        ReferencePage::CommandLine => command_line(),
        ReferencePage::Configuration => configuration(),
        ReferencePage::Events => events::page(),
        ReferencePage::Limits => limits::page(),
        ReferencePage::ConfigurationFile => sample::page(),
    }
}

/// What the page says before the commands.
const INTRODUCTION: &str = "\
<!-- Made by `scim-server reference command-line`; a test compares it. -->

`scim-server help COMMAND` explains a command.

While a server runs on the data directory, a command asks that server, through its admin listener. Otherwise the
command opens the store itself.

With `--json` a command prints one JSON object, or an array if it lists. An error is then a JSON object on standard
error, with `error` and `exit_code`.

An option with a variable takes its value from the flag, else from the environment variable, else from the file that
`--config` names.";

fn command_line() -> String {
    let program = Cli::command()
        .mut_subcommand("serve", |serve| {
            let about = serve.get_long_about().map(ToString::to_string).unwrap_or_default();
            without_settings(serve).long_about(format!("{about}\n\n{}", flags()))
        })
        .mut_subcommand("config", |config| config.mut_subcommands(without_settings));
    command_page::page(program, "The command line of scim-server", INTRODUCTION)
}

/// A command without the settings, which have a page of their own.
fn without_settings(command: clap::Command) -> clap::Command {
    let is_setting = |argument: &clap::Arg| SETTINGS.iter().any(|setting| argument.get_id() == setting.key);
    command.mut_args(|argument| if is_setting(&argument) { argument.hide(true) } else { argument })
}

/// The flags of `serve`, by the groups of the page that explains them.
fn flags() -> String {
    let mut text = String::from(
        "Each setting is a flag. [Settings](configuration.md) says what it does, its default, its variable and its key in\n\
         the configuration file.\n\n| settings | flags |\n| --- | --- |",
    );
    let mut group = "";
    for setting in SETTINGS {
        if setting.group == group {
            text.push(',');
        } else {
            group = setting.group;
            let anchor = group.to_lowercase().replace(' ', "-");
            let end = if text.ends_with("--- |") { "" } else { " |" };
            let _ = write!(text, "{end}\n| [{group}](configuration.md#{anchor}) |");
        }
        let _ = write!(text, " `--{}`", setting.key.replace('_', "-"));
    }
    text.push_str(" |");
    text
}

fn configuration() -> String {
    let mut text = String::from(
        "# Settings\n\n\
         <!-- Made by `scim-server reference configuration`; a test compares it. -->\n\n\
         The server takes the value of a setting from its flag, else from its environment variable, else from the\n\
         TOML file that `--config` (or `SCIM_SERVER_CONFIG`) names; else the default applies. For `page_size` the\n\
         flag is `--page-size`, the variable `SCIM_SERVER_PAGE_SIZE`, and the key in the file `page_size`. The\n\
         file is one table; the server refuses a key that is not a setting.\n\n\
         Write durations as `250ms`, `30s`, `15m`, `12h`, `7d`, `1h30m`, and sizes as `512KiB`, `10MiB`, `1GiB`\n\
         or a number of bytes. SIGHUP applies settings marked with ↻ to a running server; the others need a\n\
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
    fn check(wanted: ReferencePage, file: &str) {
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
        check(ReferencePage::CommandLine, "reference/command-line.md");
        check(ReferencePage::Configuration, "reference/configuration.md");
        check(ReferencePage::Events, "reference/events.md");
        check(ReferencePage::Limits, "guide/limits.md");
        check(ReferencePage::ConfigurationFile, "../scim-server/dist/scim-server.toml");
    }

    #[test]
    fn every_command_is_well_formed() {
        Cli::command().debug_assert();
    }
}
