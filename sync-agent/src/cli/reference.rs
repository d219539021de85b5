//! The reference page of the command line, made of the same data as `--help`.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _};

/// The page as Markdown.
pub fn page() -> String {
    let mut text = String::from(
        "# The command line of sync-agent\n\n\
         <!-- Made of the program's own help; a test compares it. -->\n\n\
         `sync-agent [--config FILE] COMMAND`. The configuration is `sync-agent.toml` in the current folder\n\
         unless `--config` names another file.\n\n\
         Exit codes: 0 done; 1 done, but some objects have problems; 2 it could not begin, or ended early. While a daemon\n\
         runs, `status`, `pause`, `resume`, `run-now` and `sync-one` ask it through its socket; else they open\n\
         the state themselves.\n",
    );
    let mut program = super::Arguments::command();
    program.build();
    for command in program.get_subcommands().filter(|command| command.get_name() != "help") {
        describe(&mut text, command);
    }
    text
}

fn describe(text: &mut String, command: &Command) {
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    // Writing to a `String` cannot fail.
    let _ = write!(text, "\n## sync-agent {}\n\n{}\n", command.get_name(), about.trim_end());
    let arguments = command.get_arguments().filter(|argument| !matches!(argument.get_id().as_str(), "help" | "config"));
    let rows: Vec<String> = arguments
        .map(|argument| {
            let value = argument.get_value_names().unwrap_or_default().join(" ");
            let usage = match argument.get_long() {
                Some(long) if argument.get_action().takes_values() => format!("--{long} {value}"),
                Some(long) => format!("--{long}"),
                None => value,
            };
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            let default = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect::<String>();
            let shown = !default.is_empty() && argument.get_action().takes_values();
            let default = if shown { format!(" [default: {default}]") } else { String::new() };
            format!("| `{usage}` | {help}{default} |\n").replace("||", "\\|\\|")
        })
        .collect();
    if !rows.is_empty() {
        let _ = write!(text, "\n| argument | what it is |\n| --- | --- |\n{}", rows.concat());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_up_to_date() {
        crate::reference::check("sync-command-line.md", &page());
    }

    #[test]
    fn every_command_is_well_formed() {
        super::super::Arguments::command().debug_assert();
    }
}
