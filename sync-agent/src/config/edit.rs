//! Changes of the `[scope]` in the file itself, which leave its comments and its order alone.

use std::{io::Write as _, os::unix::fs::MetadataExt as _, path::Path};

use toml_edit::{Array, DocumentMut, Item, Table, Value};

use super::{Config, ConfigError, wrong};
use crate::scope::Selector;

/// A list of `[scope]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// `users`.
    Users,
    /// `groups`.
    Groups,
    /// `exclude`.
    Exclude,
}

impl List {
    const ALL: [Self; 3] = [Self::Users, Self::Groups, Self::Exclude];

    pub const fn key(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Groups => "groups",
            Self::Exclude => "exclude",
        }
    }
}

/// Adds a line to a list. `false` where it is there already.
pub fn add(text: &str, list: List, line: &str) -> Result<(String, bool), ConfigError> {
    let setting = format!("scope.{}", list.key());
    Selector::parse(line).map_err(|reason| wrong(&setting, reason))?;
    let mut document = parse(text)?;
    let scope = document.entry("scope").or_insert_with(|| Item::Table(Table::new()));
    let scope = scope.as_table_like_mut().ok_or_else(|| wrong("scope", "is no table"))?;
    let lines = scope.entry(list.key()).or_insert_with(|| Item::Value(Value::Array(Array::new())));
    let lines = lines.as_array_mut().ok_or_else(|| wrong(&setting, "is no list"))?;
    if lines.iter().any(|known| known.as_str() == Some(line)) {
        return Ok((text.to_owned(), false));
    }
    // In a list of one line for each entry the new one gets a line too, indented as the last is.
    let prefix = lines.iter().last().and_then(|last| last.decor().prefix()?.as_str());
    let prefix = prefix.filter(|prefix| prefix.contains('\n')).and_then(|prefix| prefix.rsplit_once('\n'));
    let decor = prefix.map(|(_, indent)| format!("\n{indent}"));
    let mut value = Value::from(line);
    if let Some(decor) = decor {
        value.decor_mut().set_prefix(decor);
        lines.push_formatted(value);
    } else {
        lines.push(value);
    }
    Ok((document.to_string(), true))
}

/// Takes a line out of every list. Says out of which.
pub fn remove(text: &str, line: &str) -> Result<(String, Vec<List>), ConfigError> {
    let mut document = parse(text)?;
    let mut from = Vec::new();
    for list in List::ALL {
        let lines = document.get_mut("scope").and_then(|scope| scope.get_mut(list.key())).and_then(Item::as_array_mut);
        let Some(lines) = lines else { continue };
        let before = lines.len();
        lines.retain(|known| known.as_str() != Some(line));
        if lines.len() < before {
            from.push(list);
        }
    }
    Ok((document.to_string(), from))
}

/// Puts a text in the place of a file, if it is a configuration that can be used: whole or not at all.
pub fn save(path: &Path, text: &str) -> Result<(), ConfigError> {
    Config::parse(path, text)?;
    let unwritable = |source| ConfigError::Unwritable { path: path.to_owned(), source };
    // Through a link to the file that is meant, and with the rights that it has.
    let path = path.canonicalize().map_err(unwritable)?;
    let rights = std::fs::metadata(&path).map_err(unwritable)?.permissions();
    let new = path.with_extension("toml.new");
    let mut file = std::fs::File::create(&new).map_err(unwritable)?;
    file.set_permissions(rights).map_err(unwritable)?;
    // The agent's account must still be able to read it when root has changed it.
    let (owner, own) = (std::fs::metadata(&path).map_err(unwritable)?, file.metadata().map_err(unwritable)?);
    if (owner.uid(), owner.gid()) != (own.uid(), own.gid()) {
        std::os::unix::fs::fchown(&file, Some(owner.uid()), Some(owner.gid())).map_err(unwritable)?;
    }
    file.write_all(text.as_bytes()).map_err(unwritable)?;
    file.sync_all().map_err(unwritable)?;
    std::fs::rename(&new, &path).map_err(unwritable)
}

fn parse(text: &str) -> Result<DocumentMut, ConfigError> {
    text.parse().map_err(|error: toml_edit::TomlError| wrong("the configuration", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        "# Who\n[scope]\ngroups = [\n    \"Staff\", # everybody\n    \"Sales\",\n]\nexclude = [\"x\"] # not these\n";

    #[test]
    fn comments_stay_where_they_are() {
        let (text, added) = add(FILE, List::Groups, "Board").unwrap();
        assert!(added);
        assert_eq!(text, FILE.replace("    \"Sales\",\n", "    \"Sales\",\n    \"Board\",\n"));
        let (text, from) = remove(&text, "Board").unwrap();
        assert_eq!((text.as_str(), from), (FILE, vec![List::Groups]));
        let (text, _) = add(FILE, List::Users, "(uid=a*)").unwrap();
        assert_eq!(text, format!("{FILE}users = [\"(uid=a*)\"]\n"));
        assert_eq!(remove(FILE, "x").unwrap().0, FILE.replace("[\"x\"]", "[]"));
    }

    #[test]
    fn what_is_there_is_not_added_and_what_is_none_is_refused() {
        assert!(!add(FILE, List::Groups, "Staff").unwrap().1);
        assert!(add(FILE, List::Users, "(uid=").is_err());
        assert!(add("[scope]\nusers = 1\n", List::Users, "a").is_err());
        assert_eq!(remove(FILE, "nobody").unwrap().1, []);
    }
}
