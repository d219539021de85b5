//! The reference pages: of the command line, from the same data as `--help`, and of everything that
//! can be examined, from the tables.

use std::fmt::Write;

use clap::{Command, CommandFactory as _};

use super::{
    Arguments,
    arguments::RFC,
    catalogue::{self, Entry},
};
use crate::profile;

/// `docs/reference/conformance-command-line.md`
pub fn command_line() -> String {
    let mut text = String::from(
        "# The command line of scim-conformance\n\n\
         <!-- Made by a test from what `--help` shows; run it with UPDATE_DOCS=1. -->\n\n\
         Exit codes: 0 the server conforms, 1 it does not (or, for `compare`, something got worse), 2 it could\n\
         not be examined, or the command was wrong.\n",
    );
    let mut program = Arguments::command().disable_help_flag(true).disable_version_flag(true);
    program.build();
    for command in program.get_subcommands().filter(|command| command.get_name() != "help") {
        describe(&mut text, command);
    }
    text
}

fn describe(text: &mut String, command: &Command) {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let _ = write!(text, "\n## scim-conformance {}\n\n{}.\n\n", command.get_name(), about.trim_end_matches('.'));
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
        let possible: Vec<_> = argument.get_possible_values().iter().map(|one| one.get_name().to_owned()).collect();
        if takes && !possible.is_empty() {
            let _ = write!(help, ": `{}`", possible.join("`, `"));
        }
        let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        if takes && !defaults.is_empty() {
            let _ = write!(help, " [default: {}]", defaults.join(","));
        }
        if argument.is_required_set() {
            help.push_str(" (required)");
        }
        let _ = writeln!(text, "| `{usage}` | {} |", help.replace('|', "\\|"));
    }
}

/// `docs/reference/conformance-cases.md`
pub fn cases() -> String {
    let of = |name: &str| catalogue::all().filter(|entry| entry.profile == name).collect::<Vec<_>>();
    let rfc = of(RFC);
    let mut text = format!(
        "# Cases\n\n\
         <!-- Made by a test from the tables of the program; run it with UPDATE_DOCS=1. -->\n\n\
         What `scim-conformance` demands: {} cases by the RFCs, and the steps of {} providers. A case applies\n\
         only to servers whose discovery declares what it needs; else it is skipped with the reason. A MUST\n\
         that is not kept is a failure, a SHOULD a warning. Which requirement of the RFCs is examined by\n\
         which case is on [another page](conformance-coverage.md).\n",
        rfc.len(),
        profile::all().len()
    );
    table(&mut text, &rfc, "##");
    for profile in profile::all() {
        let _ = write!(text, "\n## `--profile {}`: {}\n\n{}\n", profile.name, profile.provider, profile.about);
        table(&mut text, &of(&profile.name), "###");
        text.push_str("\nHow this is known:\n\n");
        for (number, source) in &profile.sources {
            let _ = writeln!(text, "- {number}: {source}");
        }
    }
    text
}

fn table(text: &mut String, entries: &[Entry], level: &str) {
    let mut heading = "";
    for entry in entries {
        if entry.heading != heading {
            heading = entry.heading;
            let _ = write!(
                text,
                "\n{level} {heading}\n\n| id | level | what is demanded | needs |\n| --- | --- | --- | --- |\n"
            );
        }
        let demanded = match entry.why {
            Some(why) => format!("{} Otherwise: {why}", entry.requirement),
            None => entry.requirement.to_owned(),
        };
        let source = match entry.profile {
            RFC => format!("{}, {}", entry.level, entry.section.trim_start_matches("RFC ")),
            _ => format!("{} {}", entry.level, entry.section.split([',', ':']).nth(1).unwrap_or_default().trim()),
        };
        let _ = writeln!(
            text,
            "| `{}` | {source} | {} | {} |",
            entry.id,
            demanded.replace('|', "\\|"),
            entry.needs.join(", ").replace('|', "\\|")
        );
    }
}
