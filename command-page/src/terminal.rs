//! What may be shown on a terminal: the one rule of all programs.
//!
//! Names, values and answers come from providers, directories and servers, where others write them. A control
//! sequence in one of them would set the title of a terminal, hide a line of a plan, or pretend one; a sign
//! that turns the direction of writing shows another name than the one that is there. So these are shown
//! as what they are, and line ends only where the program itself puts them. What a program reads is written as it is.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

/// A text without control characters, whole and in one line.
pub fn printable(text: &str) -> String {
    escaped(text, |before, c| is_unsafe(before, c) || c == '\n', plain)
}

/// A text of several lines, as a command prints it, without other control characters.
pub fn lines(text: &str) -> String {
    escaped(text, is_unsafe, plain)
}

/// The beginning of a text that others stand beside or behind, such as a name that a provider has made as long as it
/// likes: at most so many characters, of which the last is `…` where more follow.
pub fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

/// A writer for the log on standard error, through which only [`lines`] pass.
#[derive(Debug)]
pub struct Lines<W>(pub W);

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(lines(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A JSON document as a terminal may get it. It is the same document: what is escaped stands in its texts.
pub fn json(document: &str) -> String {
    escaped(document, is_unsafe, |shown, c| {
        // Beyond four hexadecimal digits it has two escapes (RFC 8259 §7). Writing to a `String` cannot fail.
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(shown, "\\u{unit:04x}");
        }
    })
}

fn plain(shown: &mut String, c: char) {
    let _ = write!(shown, "{}", c.escape_unicode());
}

/// A text with some signs escaped: which, is said by the sign before and the sign.
fn escaped(text: &str, is_escaped: impl Fn(char, char) -> bool, escape: impl Fn(&mut String, char)) -> String {
    let (mut shown, mut before) = (String::with_capacity(text.len() + 8), '\n');
    for c in text.chars() {
        if is_escaped(before, c) {
            escape(&mut shown, c);
        } else {
            shown.push(c);
        }
        before = c;
    }
    shown
}

/// Control characters, but for the end of a line, signs that say in which direction others are shown
/// (Unicode Standard Annex 9), signs that nobody sees, and spaces that look like the usual one or like none.
fn is_unsafe(before: char, c: char) -> bool {
    c.is_control() && c != '\n'
        || turns(c)
        || is_invisible(c)
        || is_unusual_space(c)
        || c == '\u{fe0f}' && !is_picture(before)
}

fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Signs that stand for nothing, or for a space: with one of them, two names look the same. Those that join letters and
/// emoji, U+200C and U+200D, stay: names are written with them. So does U+FE0F behind a sign that it gives its colours.
fn is_invisible(c: char) -> bool {
    matches!(c,
        // A hyphen that is shown nowhere but at the end of a line, and what joins nothing.
        '\u{ad}' | '\u{34f}' | '\u{200b}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        // Ends of lines and paragraphs.
        | '\u{2028}' | '\u{2029}'
        // Letters, vowels and a pattern without ink.
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}'
        // Notes between lines, the beginnings and ends of music, tags, and variants, most of which no font has.
        | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0e}'
        | '\u{e0000}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}')
}

// The space of East Asian scripts (U+3000) is usual in names there, and as wide as a letter.
fn is_unusual_space(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}')
}

/// Where the signs are that have another form as emoji (Unicode Technical Standard 51), but for digits.
fn is_picture(c: char) -> bool {
    matches!(c,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2190}'..='\u{2bff}'
        | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_ends_with_a_sign_that_it_goes_on() {
        for (text, expect) in [("", ""), ("abcd", "abcd"), ("abcde", "abc…"), ("äöüßx", "äöü…")] {
            assert_eq!(clipped(text, 4), expect);
        }
    }

    #[test]
    fn nothing_is_done_to_the_terminal() {
        for (text, expect) in [
            ("J\u{f6}rg \u{738b} \u{1f600}", "J\u{f6}rg \u{738b} \u{1f600}"),
            // Two signs that join letters, which names are written with.
            ("\u{645}\u{6cc}\u{200c}\u{62e}", "\u{645}\u{6cc}\u{200c}\u{62e}"),
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("a\u{9b}31mb\u{7f}", "a\\u{9b}31mb\\u{7f}"),
            ("a\rb\tc\0", "a\\u{d}b\\u{9}c\\u{0}"),
            ("user\u{202e}nimda", "user\\u{202e}nimda"),
            ("an\u{ad}na\u{3164}", "an\\u{ad}na\\u{3164}"),
            ("anna\u{e0041}\u{e01ef}", "anna\\u{e0041}\\u{e01ef}"),
            ("An\u{a0}na anna\u{fe0f}", "An\\u{a0}na anna\\u{fe0f}"),
            ("\u{2764}\u{fe0f}\u{fe0f}", "\u{2764}\u{fe0f}\\u{fe0f}"),
            // Emoji of several signs.
            ("\u{1f469}\u{200d}\u{1f680} \u{2764}\u{fe0f}", "\u{1f469}\u{200d}\u{1f680} \u{2764}\u{fe0f}"),
        ] {
            assert_eq!(lines(text), expect);
            assert_eq!(printable(text), expect);
        }
        let mut written = Vec::new();
        Lines(&mut written).write_all(b"x\x1by\n").unwrap();
        assert_eq!(written, b"x\\u{1b}y\n");
        let spaces = "\u{a0}\u{2000}\u{200a}\u{202f}\u{205f}";
        assert_eq!(printable("山田\u{3000}太郎"), "山田\u{3000}太郎");
        let variants = "\u{180b}\u{180e}\u{180f}\u{fe00}\u{fe0e}\u{fe0f}\u{17b4}\u{17b5}\u{1d173}\u{1d17a}";
        for c in [spaces, variants].concat().chars() {
            assert_eq!(printable(&c.to_string()), c.escape_unicode().to_string());
        }
        for c in
            "\u{ad}\u{34f}\u{115f}\u{1160}\u{2800}\u{3164}\u{ffa0}\u{fff9}\u{fffb}\u{e0000}\u{e007f}\u{e0100}".chars()
        {
            assert_eq!(printable(&c.to_string()), c.escape_unicode().to_string());
        }
        assert_eq!(json("\"a\u{e0041}\""), "\"a\\udb40\\udc41\"");
        let document = "{\n  \"a\": \"user\u{202e}nimda\u{7f}\"\n}";
        assert_eq!(json(document), "{\n  \"a\": \"user\\u202enimda\\u007f\"\n}");
        assert_eq!((lines("a\nb"), printable("a\nb")), ("a\nb".to_owned(), "a\\u{a}b".to_owned()));
    }
}
