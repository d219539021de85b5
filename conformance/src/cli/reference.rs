//! The reference pages: of the command line, from the same data as `--help`, and of everything that
//! can be examined, from the tables.

use std::fmt::Write;

use clap::CommandFactory as _;

use super::{
    Arguments,
    arguments::RFC,
    catalogue::{self, Entry},
};
use crate::profile;

/// What the page of the command line says before the commands.
const INTRODUCTION: &str = "\
<!-- Made by a test from what `--help` shows; run it with UPDATE_DOCS=1. -->

Exit codes: 0 the server conforms, 1 it does not (or, for `compare`, something got worse), 2 scim-conformance could not
examine it, or the command was wrong.";

/// `docs/reference/conformance-command-line.md`
pub fn command_line() -> String {
    command_page::page(Arguments::command(), "The command line of scim-conformance", INTRODUCTION)
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
