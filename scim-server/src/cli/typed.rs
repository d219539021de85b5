//! Confirmation of what cannot be taken back: a person types a word.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use command_page::terminal::lines;

use super::Failure;

/// Whether a person is there to ask.
pub(super) fn is_asked() -> bool {
    std::io::stdin().is_terminal()
}

/// On a terminal, says what is about to happen and asks for the word. Without a terminal, `--yes` is required.
pub(super) fn confirm(what: &str, word: &str) -> Result<(), Failure> {
    if !is_asked() {
        return Err(Failure::Usage(format!("{what} Without a terminal there is no confirmation: add --yes")));
    }
    ask(what, word)
}

/// The same of a person alone: a program, which has no terminal, goes on, because it was told what to do.
pub(super) fn confirm_person(what: &str, word: &str) -> Result<(), Failure> {
    if is_asked() { ask(what, word) } else { Ok(()) }
}

fn ask(what: &str, word: &str) -> Result<(), Failure> {
    let mut typed = String::new();
    write!(std::io::stderr(), "{}\nType {word:?} to continue: ", lines(what))
        .and_then(|()| std::io::stdin().lock().read_line(&mut typed).map(drop))
        .map_err(|error| Failure::because(format!("cannot ask: {error}; use --yes"), error))?;
    if typed.trim() == word { Ok(()) } else { Err(Failure::said("nothing was changed".to_owned())) }
}
