//! Recursive descent over the grammar of RFC 7644 figure 1, and of figure 7 for PATCH paths.
//!
//! Both grammars share attribute notation and brackets, so one parser reads them. It is lenient
//! where that costs nothing: a value may be a bare word (RFC 7644 §3.4.2.1 itself prints
//! `meta.resourceType eq User`) as long as no quotation mark is in it, white space may repeat or be missing beside quotes, parentheses and
//! brackets, and `emails[type eq "work"].value eq "a@b"`, which Entra sends, means that one
//! element satisfies both.

use serde_json::Value;

use super::{CompareOperator, Filter, MAX_DEPTH, MAX_LENGTH};
use crate::{Error, ErrorKind, path::AttributePath, schema::notation};

/// What an error says where an operator is missing.
fn an_operator() -> String {
    let names = CompareOperator::ALL.map(CompareOperator::name);
    format!("an operator ({} or pr)", names.join(", "))
}

pub(super) fn parse(text: &str) -> Result<Filter, Error> {
    if text.len() > MAX_LENGTH {
        return Err(Error::new(
            ErrorKind::InvalidFilter,
            format!("The filter is longer than {MAX_LENGTH} bytes; ask a shorter question."),
        ));
    }
    let mut parser = Parser::new(text, "filter", ErrorKind::InvalidFilter);
    let filter = parser.any_of(Enclosure::None, 0)?;
    parser.end("\"and\", \"or\" or the end")?;
    Ok(filter)
}

/// Parses a PATCH path, `attrPath` or `valuePath [subAttr]`: the attribute, the filter in brackets, and the
/// sub-attribute behind them.
pub(crate) fn parse_path(text: &str) -> Result<(AttributePath, Option<Filter>, Option<String>), Error> {
    let mut parser = Parser::new(text, "path", ErrorKind::InvalidPath);
    if text.len() > MAX_LENGTH {
        return Err(parser.error(0, &format!("at most {MAX_LENGTH} bytes"), "more"));
    }
    parser.skip_spaces();
    let attribute = parser.attribute()?;
    let mut filter = None;
    let mut sub_attribute = None;
    if parser.eat('[') {
        parser.kind = ErrorKind::InvalidFilter;
        filter = Some(parser.any_of(Enclosure::Brackets, 1)?);
        parser.close(']')?;
        parser.kind = ErrorKind::InvalidPath;
        sub_attribute = parser.sub_attribute()?;
    }
    parser.end("the end")?;
    Ok((attribute, filter, sub_attribute))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Enclosure {
    None,
    Brackets,
}

struct Parser<'a> {
    text: &'a str,
    /// In bytes, always between two characters.
    position: usize,
    /// A position, and how many characters are before it. The position of an attribute is counted from that of the
    /// one before.
    counted: (usize, usize),
    /// What the text is, for people.
    subject: &'static str,
    kind: ErrorKind,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, subject: &'static str, kind: ErrorKind) -> Self {
        Self { text, position: 0, counted: (0, 0), subject, kind }
    }

    /// `FILTER` with `or`, which binds least.
    fn any_of(&mut self, enclosure: Enclosure, depth: usize) -> Result<Filter, Error> {
        let mut all = vec![self.all_of(enclosure, depth)?];
        while self.eat_keyword("or") {
            all.push(self.all_of(enclosure, depth)?);
        }
        Ok(single_or(all, Filter::Or))
    }

    fn all_of(&mut self, enclosure: Enclosure, depth: usize) -> Result<Filter, Error> {
        let mut all = vec![self.term(enclosure, depth)?];
        while self.eat_keyword("and") {
            all.push(self.term(enclosure, depth)?);
        }
        Ok(single_or(all, Filter::And))
    }

    fn term(&mut self, enclosure: Enclosure, depth: usize) -> Result<Filter, Error> {
        self.skip_spaces();
        if depth > MAX_DEPTH {
            return Err(self.error(self.position, &format!("nesting of at most {MAX_DEPTH} levels"), "more"));
        }
        if self.eat('(') {
            let inner = self.any_of(enclosure, depth + 1)?;
            self.close(')')?;
            return Ok(inner);
        }
        if self.eat_not() {
            let inner = self.any_of(enclosure, depth + 1)?;
            self.close(')')?;
            return Ok(Filter::Not(Box::new(inner)));
        }
        let path = self.attribute()?;
        if self.rest().starts_with('[') {
            return self.value_path(path, enclosure, depth);
        }
        self.comparison(path)
    }

    fn value_path(&mut self, path: AttributePath, enclosure: Enclosure, depth: usize) -> Result<Filter, Error> {
        if enclosure == Enclosure::Brackets {
            return Err(self.error(self.position, &an_operator(), "\"[\" inside brackets"));
        }
        self.eat('[');
        let mut filter = self.any_of(Enclosure::Brackets, depth + 1)?;
        self.close(']')?;
        if let Some(sub_attribute) = self.sub_attribute()? {
            let comparison = self.comparison(AttributePath::parse(&sub_attribute)?)?;
            filter = Filter::And(vec![filter, comparison]);
        }
        Ok(Filter::ValuePath { path, filter: Box::new(filter) })
    }

    /// What follows an attribute: `pr`, or an operator and a value.
    fn comparison(&mut self, path: AttributePath) -> Result<Filter, Error> {
        self.skip_spaces();
        let start = self.position;
        let word = self.take_while(|c| c.is_ascii_alphabetic());
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(path));
        }
        let Some(operator) = CompareOperator::parse(word) else {
            self.position = start;
            let behind_not = path.as_str().eq_ignore_ascii_case("not");
            return Err(if behind_not { self.expected("\"(\" behind not") } else { self.expected(&an_operator()) });
        };
        let value = self.value()?;
        Ok(Filter::Compare { path, operator, value })
    }

    fn value(&mut self) -> Result<Value, Error> {
        const VALUE: &str = "a value (a quoted string, a number, true, false or null)";
        self.skip_spaces();
        if self.rest().starts_with('"') {
            return self.string();
        }
        let start = self.position;
        let word = self.take_while(is_bare);
        if word.contains(is_quotation_mark) {
            return Err(self.error(start, "a value in double quotes (U+0022)", &quote(word)));
        }
        Ok(match word.to_ascii_lowercase().as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            "" | "and" | "or" | "not" => {
                self.position = start;
                return Err(self.expected(VALUE));
            }
            _ => serde_json::from_str(word).map_or_else(|_| Value::from(word), Value::Number),
        })
    }

    /// A JSON string with its escapes (RFC 8259 §7); stands at the opening quote.
    fn string(&mut self) -> Result<Value, Error> {
        let start = self.position;
        let mut escaped = false;
        let end = self.rest().char_indices().skip(1).find(|&(_, c)| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        });
        let Some((end, _)) = end else {
            return Err(self.error(self.text.len(), "a closing quote", "the end"));
        };
        let quoted = self.rest().get(..=end).unwrap_or_default();
        let string: String = serde_json::from_str(quoted)
            .map_err(|_| self.error(start, "a JSON string", "one with a wrong escape or a control character"))?;
        self.position = start + end + 1;
        Ok(Value::String(string))
    }

    fn attribute(&mut self) -> Result<AttributePath, Error> {
        let start = self.position;
        let word = self.take_while(notation::is_char);
        if word.is_empty() {
            return Err(self.expected("an attribute name"));
        }
        let path = AttributePath::parse(word).map_err(|_| self.error(start, "an attribute name", &quote(word)))?;
        let (from, before) = self.counted;
        let between = self.text.get(from..start).map_or(0, |between| between.chars().count());
        self.counted = (start, before + between);
        Ok(path.at(before + between + 1))
    }

    /// `.name` behind a closing bracket.
    fn sub_attribute(&mut self) -> Result<Option<String>, Error> {
        if !self.eat('.') {
            return Ok(None);
        }
        let start = self.position;
        let name = self.take_while(|c| notation::is_char(c) && c != '.' && c != ':');
        if AttributePath::parse(name).is_err() {
            self.position = start;
            return Err(self.expected("a sub-attribute name"));
        }
        Ok(Some(name.to_owned()))
    }

    /// `not (`, with or without the space. A bare `not` is an attribute's name.
    fn eat_not(&mut self) -> bool {
        let start = self.position;
        if self.take_while(notation::is_char).eq_ignore_ascii_case("not") {
            self.skip_spaces();
            if self.eat('(') {
                return true;
            }
        }
        self.position = start;
        false
    }

    fn eat_keyword(&mut self, keyword: &str) -> bool {
        self.skip_spaces();
        let start = self.position;
        if self.take_while(notation::is_char).eq_ignore_ascii_case(keyword) {
            return true;
        }
        self.position = start;
        false
    }

    fn close(&mut self, bracket: char) -> Result<(), Error> {
        self.skip_spaces();
        if self.eat(bracket) { Ok(()) } else { Err(self.expected(&format!("\"and\", \"or\" or \"{bracket}\""))) }
    }

    fn end(&mut self, expected: &str) -> Result<(), Error> {
        self.skip_spaces();
        if self.rest().is_empty() { Ok(()) } else { Err(self.expected(expected)) }
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.position += wanted.len_utf8();
        }
        found
    }

    fn skip_spaces(&mut self) {
        self.take_while(|c| c.is_ascii_whitespace());
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.position += length;
        rest.get(..length).unwrap_or_default()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    /// The error that something else was expected here.
    fn expected(&self, expected: &str) -> Error {
        let rest = self.rest();
        let word = rest.find(|c: char| !is_bare(c)).and_then(|end| rest.get(..end)).unwrap_or(rest);
        let found = match rest.chars().next() {
            None => "the end".to_owned(),
            Some(first) if word.is_empty() => quote(&first.to_string()),
            Some(_) => quote(word),
        };
        self.error(self.position, expected, &found)
    }

    /// In characters from 1, as people count, from a position in bytes.
    fn character(&self, position: usize) -> usize {
        self.text.get(..position).map_or(0, |before| before.chars().count()) + 1
    }

    fn error(&self, position: usize, expected: &str, found: &str) -> Error {
        let (subject, character) = (self.subject, self.character(position));
        Error::new(
            self.kind,
            format!("The {subject} is wrong at character {character}: expected {expected}, found {found}."),
        )
    }
}

fn single_or(mut all: Vec<Filter>, wrap: fn(Vec<Filter>) -> Filter) -> Filter {
    match all.pop() {
        Some(only) if all.is_empty() => only,
        Some(last) => {
            all.push(last);
            wrap(all)
        }
        None => wrap(all),
    }
}

/// The characters of a value without quotes.
fn is_bare(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '(' | ')' | '[' | ']' | '"')
}

/// Whether people, keyboards and word processors write this where JSON wants U+0022: the characters with
/// Unicode's property Quotation_Mark, and the accents and primes that are typed for them. A bare word
/// that holds one was meant as a string, and taking the mark as part of it would find nothing.
fn is_quotation_mark(c: char) -> bool {
    matches!(c,
        '\'' | '`' | '\u{AB}' | '\u{B4}' | '\u{BB}' | '\u{2B9}'..='\u{2BC}' | '\u{2018}'..='\u{201F}'
        | '\u{2032}'..='\u{2037}' | '\u{2039}' | '\u{203A}' | '\u{275B}'..='\u{2760}' | '\u{2E42}'
        | '\u{300C}'..='\u{300F}' | '\u{301D}'..='\u{301F}' | '\u{FE41}'..='\u{FE44}' | '\u{FF02}'
        | '\u{FF07}' | '\u{FF40}' | '\u{FF62}' | '\u{FF63}')
}

/// The text in quotes, shortened so that an error message stays readable.
fn quote(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("\"{}…\"", text.get(..end).unwrap_or_default()),
        None => format!("\"{text}\""),
    }
}

#[cfg(test)]
mod tests;
