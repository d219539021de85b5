//! Passwords and tokens: read once, printed never.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::SystemTime,
};

use super::ConfigError;

/// A text that stays out of logs, plans and state: its `Debug` has no letter of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The bearer token. One from a file is read again when the file changes, so that a token is rotated
/// without a restart.
#[derive(Debug, Clone)]
pub struct Token(Origin);

#[derive(Debug, Clone)]
enum Origin {
    Fixed(Secret),
    File { path: PathBuf, setting: String, last: Arc<Mutex<(Option<SystemTime>, Secret)>> },
}

impl Token {
    /// A token that stays as it is.
    pub fn fixed(secret: Secret) -> Self {
        Self(Origin::Fixed(secret))
    }

    /// From the file or the environment variable of a section, of which one is set.
    pub fn read(
        section: &str,
        file: Option<PathBuf>,
        variable: Option<String>,
        folder: &Path,
    ) -> Result<Self, ConfigError> {
        let path = file.as_ref().map(|file| folder.join(file));
        let secret = read(section, "token", file, variable, folder)?;
        Ok(Self(match path {
            None => Origin::Fixed(secret),
            Some(path) => {
                let last = Arc::new(Mutex::new((changed(&path), secret)));
                Origin::File { path, setting: format!("{section}.token_file"), last }
            }
        }))
    }

    /// The token as it is now.
    pub fn current(&self) -> Result<Secret, ConfigError> {
        let (path, setting, last) = match &self.0 {
            Origin::Fixed(secret) => return Ok(secret.clone()),
            Origin::File { path, setting, last } => (path, setting, last),
        };
        let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = changed(path);
        if now != last.0 {
            *last = (now, first_line(path, setting)?);
        }
        Ok(last.1.clone())
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|file| file.modified()).ok()
}

/// The first line of a file that holds a secret.
fn first_line(path: &Path, setting: &str) -> Result<Secret, ConfigError> {
    let wrong = |reason: String| ConfigError::Value { setting: setting.to_owned(), reason };
    let text =
        std::fs::read_to_string(path).map_err(|error| wrong(format!("cannot read {}: {error}", path.display())))?;
    match text.lines().next().map(str::trim).filter(|line| !line.is_empty()) {
        Some(line) => Ok(Secret::new(line)),
        None => Err(wrong(format!("the first line of {} is empty", path.display()))),
    }
}

/// Reads a secret from its file or its environment variable, of which one is set.
pub fn read(
    section: &str,
    name: &str,
    file: Option<PathBuf>,
    variable: Option<String>,
    folder: &Path,
) -> Result<Secret, ConfigError> {
    let wrong = |setting: &str, reason: String| ConfigError::Value { setting: format!("{section}.{setting}"), reason };
    match (file, variable) {
        (Some(file), None) => first_line(&folder.join(file), &format!("{section}.{name}_file")),
        (None, Some(variable)) => environment(&variable)
            .map(Secret::new)
            .ok_or_else(|| wrong(&format!("{name}_env"), format!("the environment variable {variable} is not set"))),
        _ => Err(wrong(&format!("{name}_file"), format!("set either {name}_file or {name}_env, one of them"))),
    }
}

#[allow(clippy::disallowed_methods, reason = "the one place where a secret enters from the environment")]
fn environment(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_again_when_its_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "one\nnote\n").unwrap();
        let token = Token::read("target", Some("token".into()), None, folder.path()).unwrap();
        assert_eq!(token.current().unwrap().expose(), "one");
        std::fs::write(&file, "two\n").unwrap();
        let later = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(5_000_000_000);
        std::fs::File::options().append(true).open(&file).unwrap().set_modified(later).unwrap();
        assert_eq!(token.current().unwrap().expose(), "two");
        std::fs::write(&file, "").unwrap();
        let error = token.current().unwrap_err().to_string();
        assert!(error.starts_with("target.token_file: the first line of"), "{error}");
        assert!(!format!("{token:?}").contains("two"));
    }
}
