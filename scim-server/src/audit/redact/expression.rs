//! Redacts filters, paths and sentences.

use std::fmt;

use uuid::Uuid;

use super::{
    super::vocabulary::{self, Vocabulary},
    HIDDEN,
};

/// The most pieces of an expression that are examined; the rest is hidden as one piece.
const MAX_PIECES: usize = 200;

/// A filter, an attribute path, a list of them, or a key that may be one. Attributes, operators and
/// brackets stay; literals go, in quotes or not, and so does each word that is not ours:
/// `emails[type eq "work"].value` becomes `emails[type eq "HIDDEN…"].value`.
pub struct Expression<'a>(pub &'a str, pub &'a Vocabulary);

impl fmt::Display for Expression<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pieces = Lexemes { rest: self.0 };
        for piece in pieces.by_ref().take(MAX_PIECES) {
            match piece {
                Lexeme::Mark(mark) => write!(f, "{mark}")?,
                Lexeme::Literal => write!(f, "\"{HIDDEN}\"")?,
                Lexeme::Word(word) => f.write_str(if self.shows(word) { word } else { HIDDEN })?,
            }
        }
        if pieces.rest.is_empty() { Ok(()) } else { f.write_str(HIDDEN) }
    }
}

impl Expression<'_> {
    fn shows(&self, word: &str) -> bool {
        // Behind a value filter stands a sub-attribute with its dot: `emails[…].value`.
        let plain = word.strip_prefix('.').unwrap_or(word);
        self.1.has_attribute(plain) || vocabulary::is_of_filters(word)
    }
}

/// The path of an operation in a bulk request, or the location of a resource: the endpoint stays, and
/// an id that is ours.
pub struct Location<'a>(pub &'a str, pub &'a Vocabulary);

impl fmt::Display for Location<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((endpoint, rest)) = self.1.endpoint(self.0) else { return f.write_str(HIDDEN) };
        f.write_str(endpoint)?;
        match rest.strip_prefix('/') {
            None => Ok(()),
            Some(id) if is_id(id) => write!(f, "/{id}"),
            Some(id) if id.starts_with("bulkId:") => write!(f, "/bulkId:{HIDDEN}"),
            Some(_) => write!(f, "/{HIDDEN}"),
        }
    }
}

impl<'a> Location<'a> {
    /// Of a whole URL, from the endpoint on: what stands before it comes from the request's `Host`.
    pub fn of_url(url: &'a str, vocabulary: &'a Vocabulary) -> Self {
        let start = url.rmatch_indices('/').nth(1).map_or(0, |(at, _)| at);
        Self(url.get(start..).unwrap_or_default(), vocabulary)
    }
}

/// A sentence of ours, which may quote what a client sent. Everything from its first quote to its
/// last is hidden, since what was sent may hold quotes itself; only an id alone stays.
pub struct Message<'a>(pub &'a str);

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_quote = |c: char| matches!(c, '"' | '`');
        let Some((before, rest)) = self.0.split_once(is_quote) else { return f.write_str(self.0) };
        let (quoted, after) = rest.rsplit_once(is_quote).unwrap_or((rest, ""));
        write!(f, "{before}\"{}\"{after}", if is_id(quoted) { quoted } else { HIDDEN })
    }
}

/// Whether it is an id as this server makes them.
pub fn is_id(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}

enum Lexeme<'a> {
    /// A character that is none of a word: a bracket, a comma, a space.
    Mark(char),
    /// From a quote to the same again, over escaped ones; without one, to the end.
    Literal,
    Word(&'a str),
}

struct Lexemes<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Lexemes<'a> {
    type Item = Lexeme<'a>;

    fn next(&mut self) -> Option<Lexeme<'a>> {
        let first = self.rest.chars().next()?;
        if is_mark(first) {
            self.rest = self.rest.get(first.len_utf8()..).unwrap_or_default();
            return Some(Lexeme::Mark(first));
        }
        if let Some(closing) = closing(first) {
            let mut escaped = false;
            let end = self.rest.char_indices().skip(1).find(|(_, character)| {
                let ends = *character == closing && !escaped;
                escaped = *character == '\\' && !escaped;
                ends
            });
            let end = end.map_or(self.rest.len(), |(at, _)| at + closing.len_utf8());
            self.rest = self.rest.get(end..).unwrap_or_default();
            return Some(Lexeme::Literal);
        }
        let end = self.rest.find(|c| is_mark(c) || closing(c).is_some()).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(Lexeme::Word(word))
    }
}

fn is_mark(character: char) -> bool {
    matches!(character, ' ' | '(' | ')' | '[' | ']' | ',')
}

/// What ends a literal that begins so; clients also send quotes that are none to the grammar.
fn closing(opening: char) -> Option<char> {
    match opening {
        '"' | '`' | '\'' => Some(opening),
        '\u{201c}' | '\u{201d}' | '\u{201e}' => Some('\u{201d}'),
        '\u{2018}' | '\u{2019}' => Some('\u{2019}'),
        _ => None,
    }
}
