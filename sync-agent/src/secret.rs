//! Passwords and tokens: read once, printed never.

use std::{
    collections::BTreeSet,
    fmt,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::SystemTime,
};

/// A secret that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {reason}")]
pub struct SecretError {
    /// The setting that names its file or variable.
    pub setting: String,
    /// What is wrong, and what to do.
    pub reason: String,
}

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
    ) -> Result<Self, SecretError> {
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
    pub fn current(&self) -> Result<Secret, SecretError> {
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

/// The first line of a file that holds a secret, as it is: a password may begin or end with a space, and
/// one that was made shorter on the way would lock the account.
fn first_line(path: &Path, setting: &str) -> Result<Secret, SecretError> {
    let wrong = |reason: String| SecretError { setting: setting.to_owned(), reason };
    let name = path.display();
    let bytes = std::fs::read(path).map_err(|error| wrong(format!("cannot read {name}: {error}")))?;
    if let Some(encoding) = marked(&bytes) {
        return Err(wrong(format!(
            "{name} begins with a byte order mark of {encoding}, which would be taken for a part of the secret; save it as UTF-8 without one"
        )));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| wrong(format!("{name} is not UTF-8, as Latin-1 or UTF-16 are not; save it as UTF-8")))?;
    let line = text.split_once('\n').map_or(text.as_str(), |(line, _)| line.strip_suffix('\r').unwrap_or(line));
    if line.is_empty() {
        return Err(wrong(format!("the first line of {name} is empty")));
    }
    tell_readable(path, setting);
    Ok(Secret::new(line))
}

/// The encoding that a byte order mark at the beginning stands for.
fn marked(bytes: &[u8]) -> Option<&'static str> {
    let marks: [(&[u8], &str); 3] = [(b"\xef\xbb\xbf", "UTF-8"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16")];
    marks.into_iter().find(|(mark, _)| bytes.starts_with(mark)).map(|(_, encoding)| encoding)
}

/// Who besides its owner may read a file of this mode, in words; `None` if only the owner may.
fn readers(mode: u32) -> Option<&'static str> {
    match (mode & 0o004 != 0, mode & 0o040 != 0) {
        (true, _) => Some("everybody on this machine"),
        (false, true) => Some("its group"),
        (false, false) => None,
    }
}

/// Says that others may read a secret, once for each file and start.
fn tell_readable(path: &Path, setting: &str) {
    static TOLD: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    let mode = std::fs::metadata(path).map(|file| file.permissions().mode()).unwrap_or_default();
    let Some(readers) = readers(mode) else { return };
    if TOLD.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(path.to_owned()) {
        let (mode, path) = (format!("{:03o}", mode & 0o777), path.display());
        tracing::warn!(%path, setting, mode, "the file with the secret can be read by {readers}: chmod 600 it");
    }
}

/// Reads a secret from its file or its environment variable, of which one is set.
pub fn read(
    section: &str,
    name: &str,
    file: Option<PathBuf>,
    variable: Option<String>,
    folder: &Path,
) -> Result<Secret, SecretError> {
    let wrong = |setting: &str, reason: String| SecretError { setting: format!("{section}.{setting}"), reason };
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
    use crate::secret::*;

    #[track_caller]
    fn check(bytes: &[u8], expect: Result<&str, &str>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), bytes).unwrap();
        match (read("source.bind", "password", Some("secret".into()), None, folder.path()), expect) {
            (Ok(secret), Ok(expect)) => assert_eq!(secret.expose(), expect),
            (Err(error), Err(expect)) => {
                let error = error.to_string();
                assert!(error.starts_with("source.bind.password_file: ") && error.contains(expect), "{error}");
            }
            (found, _) => panic!("{found:?} of {bytes:?}"),
        }
    }

    #[test]
    fn a_secret_is_read_as_it_is() {
        for secret in
            ["secret", " leading", "trailing ", "tab\t", "\u{a0}no-break\u{a0}", "  ", "\u{3000}", "a\rb", "\u{feff}"]
        {
            if secret != "\u{feff}" {
                check(secret.as_bytes(), Ok(secret));
                check(format!("{secret}\n").as_bytes(), Ok(secret));
                check(format!("{secret}\r\n").as_bytes(), Ok(secret));
                check(format!("{secret}\nsecond line\n").as_bytes(), Ok(secret));
                // One line end goes, and nothing else.
                check(format!("{secret}\r\r\n").as_bytes(), Ok(&format!("{secret}\r")));
            }
        }
        check(b"\n", Err("is empty"));
        check(b"", Err("is empty"));
        check(b"\r\nx", Err("is empty"));
        check(b"\xef\xbb\xbfsecret\n", Err("byte order mark of UTF-8"));
        check(b"\xff\xfes\0e\0", Err("byte order mark of UTF-16"));
        check(b"\xfe\xff\0s\0e", Err("byte order mark of UTF-16"));
        check(b"gr\xfc\xdfe\n", Err("not UTF-8"));
    }

    #[test]
    fn who_may_read_it() {
        assert_eq!([0o600, 0o400, 0o700].map(readers), [None; 3]);
        assert_eq!(readers(0o640), Some("its group"));
        assert_eq!([0o644, 0o604].map(readers), [Some("everybody on this machine"); 2]);
    }

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
