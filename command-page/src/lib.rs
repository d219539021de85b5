//! What is made of the data of a program's `--help`: a page of Markdown, and the files by which a shell and `man` know
//! the program ([`installed`]); also how it says its version ([`version()`]), and what it may show on a terminal
//! ([`terminal`]).
//!
//! The page differs from the help in one point: an option that most commands take is described once, and each
//! command refers to it. A reader of the page sees what is peculiar to a command.

mod argument;
pub mod installed;
pub mod terminal;
mod version;

use std::fmt::Write as _;

use clap::Command;

use argument::Row;
pub use version::version;

/// The page of a program.
///
/// `introduction` is Markdown, which stands between the title and the commands. Commands and options that the help
/// hides are not on the page.
pub fn page(mut program: Command, title: &str, introduction: &str) -> String {
    program.build();
    let commands = all(&program, 0);
    let common = common(&commands);

    let mut text = format!("# {title}\n\n{introduction}\n");
    if let Some(after) = program.get_after_long_help().or_else(|| program.get_after_help()) {
        let _ = write!(text, "\n{}", with_examples(&after.to_string()));
    }
    overview(&mut text, &commands);
    if !common.is_empty() {
        let _ =
            write!(text, "\n## Common options\n\nMost commands take these options.\n\n{}", argument::table(&common));
    }
    for entry in &commands {
        section(&mut text, entry, &common);
    }
    text
}

/// A command with its place in the tree.
struct Entry<'a> {
    command: &'a Command,
    /// 0 for the program's own commands, 1 for the commands of these, and so on.
    depth: usize,
}

impl Entry<'_> {
    /// What is typed: `scim-server tenant create`.
    fn name(&self) -> &str {
        self.command.get_bin_name().unwrap_or_else(|| self.command.get_name())
    }

    fn has_commands(&self) -> bool {
        visible(self.command).next().is_some()
    }

    fn rows(&self) -> Vec<Row> {
        self.command.get_arguments().filter_map(Row::of).collect()
    }
}

/// The commands of a command that its help shows, in the order of the help.
fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    let mut commands: Vec<&Command> =
        command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help").collect();
    commands.sort_by_key(|command| command.get_display_order());
    commands.into_iter()
}

/// The commands below one, each before its own commands.
fn all(command: &Command, depth: usize) -> Vec<Entry<'_>> {
    visible(command)
        .flat_map(|command| std::iter::once(Entry { command, depth }).chain(all(command, depth + 1)))
        .collect()
}

/// The options that more than half of the commands take, with the same meaning.
fn common(commands: &[Entry<'_>]) -> Vec<Row> {
    let taken: Vec<Vec<Row>> = commands.iter().filter(|entry| !entry.has_commands()).map(Entry::rows).collect();
    let is_common = |row: &Row| taken.iter().filter(|rows| rows.contains(row)).count() * 2 > taken.len();
    let mut common = Vec::new();
    for row in taken.iter().flatten() {
        if row.is_option && is_common(row) && !common.contains(row) {
            common.push(row.clone());
        }
    }
    common
}

fn overview(text: &mut String, commands: &[Entry<'_>]) {
    text.push_str("\n| command | what it does |\n| --- | --- |\n");
    for entry in commands.iter().filter(|entry| !entry.has_commands()) {
        let name = entry.name();
        let about = entry.command.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(text, "| [`{name}`](#{}) | {} |", name.replace(' ', "-"), argument::cell(&about));
    }
}

fn section(text: &mut String, entry: &Entry<'_>, common: &[Row]) {
    let _ = write!(text, "\n{} `{}`\n", "#".repeat(entry.depth + 2), entry.name());
    if let Some(about) = entry.command.get_long_about().or_else(|| entry.command.get_about()) {
        let _ = write!(text, "\n{}\n", sentence(&about.to_string()));
    }
    if entry.has_commands() {
        return;
    }
    let usage = entry.command.clone().render_usage().to_string();
    let _ = write!(text, "\n```text\n{}\n```\n", usage.trim_start_matches("Usage:").trim());

    let (shared, own): (Vec<Row>, Vec<Row>) = entry.rows().into_iter().partition(|row| common.contains(row));
    if !own.is_empty() {
        let _ = write!(text, "\n{}", argument::table(&own));
    }
    if shared.len() == common.len() && !shared.is_empty() {
        text.push_str("\nIt also takes the [common options](#common-options).\n");
    } else if !shared.is_empty() {
        let names: Vec<String> = shared.iter().map(|row| format!("`{}`", row.flag())).collect();
        let _ = write!(text, "\nOf the [common options](#common-options) it takes {}.\n", names.join(", "));
    }
    if let Some(after) = entry.command.get_after_long_help().or_else(|| entry.command.get_after_help()) {
        let _ = write!(text, "\n{}", with_examples(&after.to_string()));
    }
}

/// A text of the help with a full stop behind its first line, which clap takes off.
fn sentence(text: &str) -> String {
    match text.split_once("\n\n") {
        Some((first, rest)) => format!("{first}.\n\n{rest}"),
        None => format!("{text}."),
    }
}

/// A text of the help with its indented lines, which are commands to type, as blocks of code.
fn with_examples(help: &str) -> String {
    let mut text = String::new();
    let mut in_block = false;
    for line in help.lines() {
        let is_example = line.starts_with("  ");
        if is_example != in_block {
            text.push_str(match (is_example, line.is_empty()) {
                (true, _) => "\n```sh\n",
                (false, true) => "```\n",
                (false, false) => "```\n\n",
            });
            in_block = is_example;
        }
        text.push_str(line.trim_start());
        text.push('\n');
    }
    if in_block {
        text.push_str("```\n");
    }
    text
}

#[cfg(test)]
mod tests;
