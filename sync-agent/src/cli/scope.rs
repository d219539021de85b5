//! `scope add|remove|list`: who is meant, changed in the configuration file.

use std::path::Path;

use crate::config::{
    ConfigError,
    edit::{self, List},
    raw,
};

/// Adds names, DNs, ids or filters to a list. Says what was done.
pub fn add(path: &Path, list: List, lines: &[String]) -> Result<String, ConfigError> {
    let mut text = read(path)?;
    let mut told = Vec::new();
    for line in lines {
        let (new, added) = edit::add(&text, list, line)?;
        text = new;
        let verb = if added { "added to" } else { "is already in" };
        told.push(format!("{line:?} {verb} scope.{}", list.key()));
    }
    edit::save(path, &text)?;
    Ok(told.join("\n"))
}

/// Takes lines out of every list. Says what was done.
pub fn remove(path: &Path, lines: &[String]) -> Result<String, ConfigError> {
    let mut text = read(path)?;
    let mut told = Vec::new();
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
    edit::save(path, &text)?;
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
