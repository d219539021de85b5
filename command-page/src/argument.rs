//! One argument as a row of a table.

use std::fmt::Write as _;

use clap::Arg;

/// What the page says of an argument. Two that are equal have the same meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// How it is typed: `--data <DIR>`
    spelling: String,
    /// The environment variable that stands for it, or nothing.
    variable: String,
    /// Its help, its values and its default.
    meaning: String,
    /// Whether it has a name; else it is told by its place.
    pub(crate) is_option: bool,
}

impl Row {
    /// The row of an argument, unless the help hides it.
    pub(crate) fn of(argument: &Arg) -> Option<Self> {
        if argument.is_hide_set() || ["help", "version"].contains(&argument.get_id().as_str()) {
            return None;
        }
        let mut spelling = argument.to_string();
        if let (Some(short), Some(_)) = (argument.get_short(), argument.get_long()) {
            spelling = format!("-{short}, {spelling}");
        }
        Some(Self {
            spelling,
            variable: argument.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            meaning: meaning(argument),
            is_option: !argument.is_positional(),
        })
    }

    /// Its name without its value: `--data`
    pub(crate) fn flag(&self) -> &str {
        self.spelling.split([' ', '[', '=']).next().unwrap_or_default()
    }
}

fn meaning(argument: &Arg) -> String {
    let help = argument.get_long_help().or_else(|| argument.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut text = help.split_whitespace().collect::<Vec<_>>().join(" ");
    if argument.get_action().takes_values() {
        let values: Vec<String> = argument
            .get_possible_values()
            .iter()
            .filter(|value| !value.is_hide_set())
            .map(|value| match value.get_help() {
                Some(help) => format!("`{}` ({help})", value.get_name()),
                None => format!("`{}`", value.get_name()),
            })
            .collect();
        if !values.is_empty() && !argument.is_hide_possible_values_set() {
            let _ = write!(text, ". Values: {}", values.join(", "));
        }
        let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        if !defaults.is_empty() && !argument.is_hide_default_value_set() {
            let _ = write!(text, " [default: {}]", defaults.join(","));
        }
    }
    text
}

/// The rows as a table, with a column for variables if one of them has any.
pub(crate) fn table(rows: &[Row]) -> String {
    let with_variables = rows.iter().any(|row| !row.variable.is_empty());
    let columns = if with_variables {
        ["argument", "variable", "what it does"].as_slice()
    } else {
        &["argument", "what it does"]
    };
    let mut text = format!("| {} |\n|{}\n", columns.join(" | "), " --- |".repeat(columns.len()));
    for Row { spelling, variable, meaning, .. } in rows {
        let spelling = cell(spelling);
        let variable = match (with_variables, variable.as_str()) {
            (false, _) => String::new(),
            (true, "") => " |".to_owned(),
            (true, name) => format!(" `{name}` |"),
        };
        let _ = writeln!(text, "| `{spelling}` |{variable} {} |", cell(meaning));
    }
    text
}

/// A text that can stand in a table.
pub(crate) fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
