//! What stays readable and what is hidden.
//!
//! The rule is a short list of what stays, and everything else goes: structure, attribute names,
//! booleans, and the values of a few keys whose form is known. Where a value does not have the
//! known form it goes too, so that a client that puts a name into `op` does not put it into the
//! log.

use std::fmt::{self, Write as _};

use percent_encoding::percent_decode_str;
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::Value;
use uuid::Uuid;

/// What stands in the place of a hidden value.
pub const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// The longest list that is written whole: a line stays readable when ten thousand members change.
const MAX_ELEMENTS: usize = 100;

/// The document with every value hidden that could name a person.
pub fn redact(document: &Value) -> Value {
    // Strings into memory: neither can fail.
    serde_json::to_value(Redacted(document)).unwrap_or(Value::Null)
}

/// A document that hides such values while it is written, so that nothing is copied.
#[derive(Debug, Clone, Copy)]
pub struct Redacted<'a>(pub &'a Value);

impl Serialize for Redacted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Under { value: self.0, rule: Rule::Hide }.serialize(serializer)
    }
}

/// What happens to the strings and numbers under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Hidden.
    Hide,
    /// Kept as they are: the server wrote them.
    Keep,
    /// Kept if they are the server's ids.
    Id,
    /// Kept if they are schema URNs.
    Urn,
    /// Kept if they are one of these words, in any case.
    Word(&'static [&'static str]),
    /// A path or filter: kept without what is in quotes.
    Expression,
    /// A sentence: kept without what is in quotes.
    Message,
}

impl Rule {
    fn of(key: &str) -> Self {
        const RULES: [(&str, Rule); 15] = [
            ("active", Rule::Word(&["true", "false"])),
            ("attributes", Rule::Expression),
            ("detail", Rule::Message),
            ("excludedAttributes", Rule::Expression),
            ("filter", Rule::Expression),
            ("id", Rule::Id),
            ("meta", Rule::Keep),
            ("method", Rule::Word(&["POST", "PUT", "PATCH", "DELETE", "GET"])),
            ("op", Rule::Word(&["add", "replace", "remove"])),
            ("path", Rule::Expression),
            ("schemas", Rule::Urn),
            ("scimType", Rule::Expression),
            ("sortBy", Rule::Expression),
            ("sortOrder", Rule::Word(&["ascending", "descending"])),
            ("status", Rule::Expression),
        ];
        RULES.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map_or(Self::Hide, |(_, rule)| *rule)
    }

    fn write<S: Serializer>(self, text: &str, serializer: S) -> Result<S::Ok, S::Error> {
        let keep = match self {
            Self::Hide => false,
            Self::Keep => true,
            Self::Id => Uuid::try_parse(text).is_ok(),
            Self::Urn => text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:")),
            Self::Word(words) => words.iter().any(|word| word.eq_ignore_ascii_case(text)),
            Self::Expression => return serializer.collect_str(&Expression(text)),
            Self::Message => return serializer.collect_str(&Message(text)),
        };
        serializer.serialize_str(if keep { text } else { HIDDEN })
    }
}

struct Under<'a> {
    value: &'a Value,
    rule: Rule,
}

impl Serialize for Under<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Number(number) if self.rule == Rule::Keep => number.serialize(serializer),
            Value::Number(_) => serializer.serialize_str(HIDDEN),
            Value::String(text) => self.rule.write(text, serializer),
            Value::Array(elements) => {
                let mut list = serializer.serialize_seq(None)?;
                for value in elements.iter().take(MAX_ELEMENTS) {
                    list.serialize_element(&Under { value, rule: self.rule })?;
                }
                if let Some(more @ 1..) = elements.len().checked_sub(MAX_ELEMENTS) {
                    list.serialize_element(&format_args!("and {more} more"))?;
                }
                list.end()
            }
            Value::Object(members) => {
                let mut map = serializer.serialize_map(None)?;
                for (key, value) in members {
                    let rule = if self.rule == Rule::Keep { Rule::Keep } else { Rule::of(key) };
                    map.serialize_key(&Key(key))?;
                    map.serialize_value(&Under { value, rule })?;
                }
                map.end()
            }
        }
    }
}

/// A key. Attribute names and URNs stay, also with a value filter, as Entra writes them; a key that
/// is neither may be data in the wrong place.
struct Key<'a>(&'a str);

impl Serialize for Key<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.len() <= 256 && self.0.starts_with(|c: char| c.is_ascii_alphabetic() || c == '$') {
            serializer.collect_str(&Expression(self.0))
        } else {
            serializer.serialize_str(HIDDEN)
        }
    }
}

/// A filter or path, whose literals are hidden: `emails[type eq "work"].value` becomes
/// `emails[type eq "HIDDEN…"].value`. What cannot be one is hidden whole.
pub(super) struct Expression<'a>(pub(super) &'a str);

impl fmt::Display for Expression<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outside = |c: char| c.is_ascii_alphanumeric() || " :._-$/[](),".contains(c);
        let mut pieces = QuotedPieces::new(self.0);
        if !pieces.clone().all(|piece| matches!(piece, Piece::Quoted) || piece.text().chars().all(outside)) {
            return f.write_str(HIDDEN);
        }
        pieces.try_for_each(|piece| piece.write(f))
    }
}

/// A sentence of ours, which may quote what a client sent. Everything from its first quote to its
/// last is hidden, since what was sent may hold quotes itself; only an id alone stays.
pub(super) struct Message<'a>(pub(super) &'a str);

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((before, rest)) = self.0.split_once(is_quote) else { return f.write_str(self.0) };
        let (quoted, after) = rest.rsplit_once(is_quote).unwrap_or((rest, ""));
        let shown = if Uuid::try_parse(quoted).is_ok() { quoted } else { HIDDEN };
        write!(f, "{before}\"{shown}\"{after}")
    }
}

/// The query of a URL, as an object of its parameters.
pub(super) struct Query<'a>(pub(super) &'a str);

impl Serialize for Query<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for pair in self.0.split('&').filter(|pair| !pair.is_empty()).take(MAX_ELEMENTS) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            map.serialize_key(&Key(name))?;
            let number = value.len() <= 20 && value.parse::<i64>().is_ok();
            if number && (name.eq_ignore_ascii_case("count") || name.eq_ignore_ascii_case("startIndex")) {
                map.serialize_value(value)?;
            } else {
                let spaced = value.replace('+', " ");
                let text = percent_decode_str(&spaced).decode_utf8_lossy();
                map.serialize_value(&Under { value: &Value::from(text), rule: Rule::of(name) })?;
            }
        }
        map.end()
    }
}

/// Splits text at its quotes.
#[derive(Clone)]
struct QuotedPieces<'a> {
    rest: &'a str,
}

enum Piece<'a> {
    Plain(&'a str),
    Quoted,
}

impl Piece<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Quoted => "",
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => f.write_str(text),
            Self::Quoted => {
                f.write_char('"')?;
                f.write_str(HIDDEN)?;
                f.write_char('"')
            }
        }
    }
}

impl<'a> QuotedPieces<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text }
    }
}

impl<'a> Iterator for QuotedPieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let mut characters = self.rest.char_indices();
        let (_, quote) = characters.next()?;
        if !is_quote(quote) {
            let end = self.rest.find(is_quote).unwrap_or(self.rest.len());
            let (plain, rest) = self.rest.split_at(end);
            self.rest = rest;
            return Some(Piece::Plain(plain));
        }
        // To the closing quote, over escaped ones; without one, to the end.
        let mut escaped = false;
        for (at, character) in characters {
            if character == quote && !escaped {
                self.rest = self.rest.get(at + quote.len_utf8()..).unwrap_or_default();
                return Some(Piece::Quoted);
            }
            escaped = character == '\\' && !escaped;
        }
        self.rest = "";
        Some(Piece::Quoted)
    }
}

fn is_quote(character: char) -> bool {
    matches!(character, '"' | '`')
}

#[cfg(test)]
mod tests;
