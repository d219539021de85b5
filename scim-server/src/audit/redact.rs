//! What stays readable and what is hidden.
//!
//! The rule is a short list of what stays, and everything else goes: structure, attribute names,
//! booleans, and the values of a few keys whose form is known. Where a value does not have the
//! known form it goes too, so that a client that puts a name into `op` does not put it into the
//! log.

use std::fmt::{self, Write as _};

use percent_encoding::percent_decode_str;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use uuid::Uuid;

use super::line::Line;

/// What stands in the place of a hidden value.
pub const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// The longest list that is written whole: a line stays readable when ten thousand members change.
const MAX_ELEMENTS: usize = 100;

/// Writes a JSON document with every value hidden that could name a person. What is not JSON is
/// hidden whole. The document is read and written in one pass and never stands in memory.
pub(super) fn document(line: &mut Line<'_>, bytes: &[u8]) {
    let before = line.len();
    let mut document = serde_json::Deserializer::from_slice(bytes);
    let read = Under { line, rule: Rule::Hide, before: "" }.deserialize(&mut document).and_then(|()| document.end());
    if read.is_err() {
        line.truncate(before);
        line.verbatim(HIDDEN);
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

    fn write(self, line: &mut Line<'_>, text: &str) {
        let keep = match self {
            Self::Hide => false,
            Self::Keep => true,
            Self::Id => Uuid::try_parse(text).is_ok(),
            Self::Urn => text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:")),
            Self::Word(words) => words.iter().any(|word| word.eq_ignore_ascii_case(text)),
            Self::Expression => return line.escaped(&Expression(text)),
            Self::Message => return line.escaped(&Message(text)),
        };
        if keep { line.string(text) } else { line.verbatim(HIDDEN) }
    }
}

/// The value that comes next, under that rule. What it visits it writes.
struct Under<'a, 'b> {
    line: &'a mut Line<'b>,
    rule: Rule,
    /// The comma before it, when there is something to come.
    before: &'static str,
}

impl Under<'_, '_> {
    fn number(self, number: impl fmt::Display) {
        if self.rule == Rule::Keep { self.line.display(number) } else { self.line.verbatim(HIDDEN) }
    }
}

impl<'de> DeserializeSeed<'de> for Under<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, document: D) -> Result<(), D::Error> {
        self.line.raw(self.before);
        document.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Under<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.line.raw("null");
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.line.display(value);
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.number(value);
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.number(value);
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.number(value);
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.rule.write(self.line, text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Under { line, rule, .. } = self;
        line.raw("[");
        let mut written = 0;
        while written < MAX_ELEMENTS {
            let before = if written == 0 { "" } else { "," };
            if elements.next_element_seed(Under { line, rule, before })?.is_none() {
                break;
            }
            written += 1;
        }
        let mut left_out = 0;
        while written == MAX_ELEMENTS && elements.next_element::<IgnoredAny>()?.is_some() {
            left_out += 1;
        }
        if left_out > 0 {
            line.raw(",");
            line.escaped(&format_args!("and {left_out} more"));
        }
        line.raw("]");
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Under { line, rule, .. } = self;
        line.raw("{");
        let mut first = true;
        while let Some(own) = members.next_key_seed(Key { line, first })? {
            first = false;
            let rule = if rule == Rule::Keep { Rule::Keep } else { own };
            members.next_value_seed(Under { line, rule, before: "" })?;
        }
        line.raw("}");
        Ok(())
    }
}

/// The key that comes next. Written with its colon, and answers the rule for its value.
struct Key<'a, 'b> {
    line: &'a mut Line<'b>,
    first: bool,
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = Rule;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Rule, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_> {
    type Value = Rule;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Rule, E> {
        write_key(self.line, self.first, key);
        Ok(Rule::of(key))
    }
}

/// A key and its colon. Attribute names and URNs stay, also with a value filter, as Entra writes
/// them; a key that is neither may be data in the wrong place.
fn write_key(line: &mut Line<'_>, first: bool, key: &str) {
    if !first {
        line.raw(",");
    }
    if key.len() <= 256 && key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '$') {
        // Nearly every key is a plain name.
        let plain = |byte| matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b':' | b'.' | b'_' | b'-' | b'$');
        if key.bytes().all(plain) {
            line.verbatim(key);
        } else {
            line.escaped(&Expression(key));
        }
    } else {
        line.verbatim(HIDDEN);
    }
    line.raw(":");
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
pub(super) fn query(line: &mut Line<'_>, query: &str) {
    line.raw("{");
    for (at, pair) in query.split('&').filter(|pair| !pair.is_empty()).take(MAX_ELEMENTS).enumerate() {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        write_key(line, at == 0, name);
        let number = value.len() <= 20 && value.parse::<i64>().is_ok();
        if number && (name.eq_ignore_ascii_case("count") || name.eq_ignore_ascii_case("startIndex")) {
            line.string(value);
        } else {
            let spaced = value.replace('+', " ");
            Rule::of(name).write(line, &percent_decode_str(&spaced).decode_utf8_lossy());
        }
    }
    line.raw("}");
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
