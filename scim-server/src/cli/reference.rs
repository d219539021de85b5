//! The reference pages of the command line and of the settings, made of the same data as `--help`.

use std::fmt::Write as _;

use clap::{CommandFactory as _, ValueEnum};
use clap_markdown::MarkdownOptions;

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

/// What the page says before the commands.
const INTRODUCTION: &str = "\
<!-- Made by `scim-server reference command-line`; a test compares it. -->

Exit codes: 0 done, 1 failed, 2 wrong usage. With `--json` a command prints one JSON object, or an array if it lists;
what goes wrong is then an object on standard error, with `error` and `exit_code`.

`scim-server help COMMAND` explains a command. While a server runs on the data directory, commands go through its
listener for administrators; else they open the store themselves.

The settings of `serve` are on [a page of their own](configuration.md).";

fn command_line() -> String {
    let is_setting = |argument: clap::Arg| argument.hide(true);
    let program =
        Cli::command().before_long_help(INTRODUCTION).mut_subcommand("serve", |serve| serve.mut_args(is_setting));
    let options = MarkdownOptions::new().title("The command line".to_owned()).show_footer(false);
    clap_markdown::help_markdown_command_custom(&program, &options)
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
