//! Confirmation of what cannot be taken back: a person types a word.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use super::Failure;

/// On a terminal, says what is about to happen and asks for the word. Without a terminal, `--yes` is required.
pub(super) fn confirm(what: &str, word: &str) -> Result<(), Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::Usage(format!("{what} Without a terminal there is no confirmation: add --yes")));
    }
    let mut typed = String::new();
    write!(std::io::stderr(), "{what}\nType {word:?} to continue: ")
        .and_then(|()| stdin.lock().read_line(&mut typed).map(drop))
        .map_err(|error| Failure::because(format!("cannot ask: {error}; use --yes"), error))?;
    if typed.trim() == word { Ok(()) } else { Err(Failure::said("nothing was changed".to_owned())) }
}
