//! What may reach a terminal. Names in a directory are written by many people, answers by other
//! programs: a control sequence in one of them must not move the cursor, and an invisible character must
//! not turn a line around. Every command prints through here, and so does the log.

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{self, Write},
};

/// The text with each control character, and each character that changes the direction or breaks the line
/// unseen, written as `\u{1b}`. Line ends and tabs stay.
pub fn safe(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::with_capacity(text.len() + 16), |mut safe, character| {
        if is_unsafe(character) {
            // Writing to a `String` cannot fail.
            let _ = write!(safe, "{}", character.escape_unicode());
        } else {
            safe.push(character);
        }
        safe
    }))
}

fn is_unsafe(character: char) -> bool {
    let is_hidden = matches!(character,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    is_hidden || (character.is_control() && !matches!(character, '\n' | '\t'))
}

/// A writer through which only what is [`safe`] passes, for the log on standard error.
#[derive(Debug)]
pub struct Safe<W>(pub W);

impl<W: Write> Write for Safe<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(safe(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_the_cursor_or_turns_the_line() {
        for (text, shown) in [
            ("Ann Bee\tSales\nJosé", "Ann Bee\tSales\nJosé"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\rb\u{8}", "a\\u{d}b\\u{8}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("evil\u{202e}fdp", "evil\\u{202e}fdp"),
        ] {
            assert_eq!(safe(text), shown);
        }
        let mut written = Vec::new();
        Safe(&mut written).write_all("x\u{1b}y".as_bytes()).unwrap();
        assert_eq!(written, b"x\\u{1b}y");
    }
}
