//! Arguments from a TOML file: each key is the name of an option, as on the command line.
//!
//! The file becomes arguments before the command line is read, in front of those that were typed. So there is one
//! definition of each option, one place that checks it, and what was typed wins.

use std::{ffi::OsString, fs, path::Path};

use anyhow::{Context, bail};
use clap::Command;
use strsim::jaro_winkler;
use toml::{Table, Value};

/// The arguments of the program with those of the file that `--config` names, where one is named.
pub(super) fn expand(arguments: Vec<OsString>, program: &Command) -> anyhow::Result<Vec<OsString>> {
    let Some(file) = named(&arguments) else { return Ok(arguments) };
    let Some(name) = arguments.get(1).and_then(|name| name.to_str()) else { return Ok(arguments) };
    let Some(command) = program.find_subcommand(name) else { return Ok(arguments) };
    let path = Path::new(&file);
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let table: Table = text.parse().with_context(|| format!("{} is not TOML", path.display()))?;
    let mut expanded: Vec<OsString> = arguments.iter().take(2).cloned().collect();
    for (key, value) in &table {
        require_known(program, key).with_context(|| path.display().to_string())?;
        // `clean` needs fewer than `run`, and both take one file.
        if command.get_arguments().any(|argument| argument.get_long() == Some(key.as_str())) {
            expanded.extend(flags(key, value).with_context(|| path.display().to_string())?);
        }
    }
    expanded.extend(arguments.into_iter().skip(2));
    Ok(expanded)
}

/// The file behind `--config FILE` or `--config=FILE`.
fn named(arguments: &[OsString]) -> Option<OsString> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument == "--config" {
            return arguments.next().cloned();
        }
        if let Some(file) = argument.to_str().and_then(|text| text.strip_prefix("--config=")) {
            return Some(file.into());
        }
    }
    None
}

/// Whether `run` has that option; an option that nobody reads would be a setting that does not work.
fn require_known(program: &Command, key: &str) -> anyhow::Result<()> {
    let run = program.find_subcommand("run").into_iter().flat_map(Command::get_arguments);
    let known: Vec<_> =
        run.filter_map(clap::Arg::get_long).filter(|long| *long != "config" && *long != "help").collect();
    if known.contains(&key) {
        return Ok(());
    }
    let nearest = known.iter().max_by(|a, b| jaro_winkler(a, key).total_cmp(&jaro_winkler(b, key)));
    bail!("There is no option `{key}`. Is `{}` meant?", nearest.copied().unwrap_or_default())
}

fn flags(key: &str, value: &Value) -> anyhow::Result<Vec<OsString>> {
    let flag = format!("--{key}");
    let one = |value: String| vec![format!("{flag}={value}").into()];
    Ok(match value {
        Value::Boolean(true) => vec![flag.into()],
        Value::Boolean(false) => Vec::new(),
        Value::String(text) => one(text.clone()),
        Value::Integer(number) => one(number.to_string()),
        Value::Array(values) => {
            let flags: Result<Vec<_>, _> = values.iter().map(|value| flags(key, value)).collect();
            flags?.into_iter().flatten().collect()
        }
        _ => bail!("`{key}` must be a text, a number, true or false, or a list of texts."),
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Arguments;

    fn expanded(command: &str, text: &str, typed: &[&str]) -> anyhow::Result<Vec<String>> {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("judge.toml");
        std::fs::write(&file, text).expect("a file");
        let config = format!("--config={}", file.display());
        let arguments = ["scim-conformance", command, &config].into_iter().chain(typed.iter().copied());
        let arguments = expand(arguments.map(OsString::from).collect(), &Arguments::command())?;
        Ok(arguments.into_iter().filter_map(|one| one.into_string().ok()).filter(|one| *one != config).collect())
    }

    #[test]
    fn keys_become_options() {
        let text = "url = \"https://x\"\ntimeout = 5\ninsecure = true\nskip = [\"a\", \"b\"]\n";
        let run = expanded("run", text, &["--timeout", "9"]).expect("arguments");
        let file = ["--insecure", "--skip=a", "--skip=b", "--timeout=5", "--url=https://x"];
        assert_eq!(run[2..7], file);
        assert_eq!(run[7..], ["--timeout", "9"], "what was typed comes last");
        let clean = expanded("clean", text, &[]).expect("arguments");
        assert_eq!(clean[2..], ["--insecure", "--timeout=5", "--url=https://x"]);
    }

    #[test]
    fn what_nobody_reads_is_an_error() {
        let why = format!("{:#}", expanded("run", "token_file = \"x\"", &[]).expect_err("no option"));
        assert!(why.contains("There is no option `token_file`. Is `token-file` meant?"), "{why}");
        let why = format!("{:#}", expanded("run", "url = 1.5", &[]).expect_err("no text"));
        assert!(why.contains("`url` must be a text"), "{why}");
        let why = format!("{:#}", expanded("run", "url =", &[]).expect_err("no TOML"));
        assert!(why.contains("is not TOML"), "{why}");
    }
}
