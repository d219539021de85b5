//! `scope add|remove|list`: who is meant, changed in the configuration file.
//!
//! A running daemon is told, and means the new scope from its next cycle on.

use std::path::Path;

use crate::{
    config::{
        Config, ConfigError,
        edit::{self, List},
        raw,
    },
    daemon::control::{self, Request, Response},
};

/// Adds names, DNs, ids or filters to a list. Says what was done.
pub fn add(path: &Path, list: List, lines: &[String]) -> Result<String, ConfigError> {
    let before = read(path)?;
    let (mut text, mut told) = (before.clone(), Vec::new());
    for line in lines {
        let (new, added) = edit::add(&text, list, line)?;
        text = new;
        let verb = if added { "added to" } else { "is already in" };
        told.push(format!("{line:?} {verb} scope.{}", list.key()));
    }
    if text == before { Ok(told.join("\n")) } else { save(path, &text, told) }
}

/// Takes lines out of every list. Says what was done.
pub fn remove(path: &Path, lines: &[String]) -> Result<String, ConfigError> {
    let before = read(path)?;
    let (mut text, mut told) = (before.clone(), Vec::new());
    for line in lines {
        let (new, from) = edit::remove(&text, line)?;
        text = new;
        match from.as_slice() {
            [] => told.push(format!("{line:?} is in no list of the scope; `sync-agent scope list` shows them")),
            from => {
                told.extend(from.iter().map(|list| format!("{line:?} removed from scope.{}", list.key())));
                told.push("Nobody is deleted for that; `sync-agent plan` shows what will come of it.".to_owned());
            }
        }
    }
    if text == before { Ok(told.join("\n")) } else { save(path, &text, told) }
}

/// Saves the file and tells the daemon, if one runs. That it could not be told undoes nothing.
fn save(path: &Path, text: &str, mut told: Vec<String>) -> Result<String, ConfigError> {
    edit::save(path, text)?;
    let asked = Config::read(path)
        .map_err(anyhow::Error::from)
        .and_then(|config| control::ask(&config.socket, &Request::Reload));
    told.push(match asked {
        Ok(Some(Response::Done(_))) => {
            "The running daemon knows; its next cycle acts upon it (`sync-agent run-now` begins one).".to_owned()
        }
        Ok(Some(Response::Refused(reason))) => format!("The running daemon goes on with the old scope: {reason}"),
        Ok(Some(_)) => "The running daemon is of another version: restart it to have it know.".to_owned(),
        Ok(None) => "No daemon runs; the next run acts upon it.".to_owned(),
        Err(error) => format!("The daemon could not be told ({error:#}): if one runs, send it SIGHUP."),
    });
    Ok(told.join("\n"))
}

/// The lists as they are written.
pub fn list(path: &Path) -> Result<String, ConfigError> {
    let scope = raw::parse(path, &read(path)?)?.scope;
    let mut told = Vec::new();
    for (name, lines) in [
        ("users", scope.users),
        ("groups", scope.groups),
        ("parent_group", scope.parent_group.into_iter().collect()),
        ("exclude", scope.exclude),
    ] {
        if !lines.is_empty() {
            told.push(format!("{name}:"));
            told.extend(lines.iter().map(|line| format!("  {line}")));
        }
    }
    Ok(told.join("\n"))
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })
}
