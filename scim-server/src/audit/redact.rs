//! What stays readable and what is hidden.
//!
//! Only what is *known to be impersonal* stays: structure, booleans, the words of a [`Vocabulary`], ids and versions
//! in the form of this server, statuses, and small counts. Everything else is hidden. No key makes a value readable
//! by itself: if a client puts a name into `op`, `meta`, `path` or the name of an attribute, the log does not show
//! it.

mod expression;
mod header;
mod path;

use std::fmt;

use percent_encoding::percent_decode_str;
use scim_protocol::Timestamp;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

pub use expression::Message;
pub use expression::is_id;
use expression::{Expression, Location};
pub use header::{coding, host, media_type, software};
pub use path::RequestPath;

use super::{
    line::LineWriter,
    vocabulary::{Vocabulary, is_one_of, is_parameter, is_scim_type},
};

/// The replacement of a hidden value.
pub const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// The longest list, and the most members of an object, that are written, so that a line stays readable if ten
/// thousand members change.
const MAX_ELEMENTS: usize = 100;
/// How much of a line one document may take. A larger one is hidden whole.
pub const MAX_DOCUMENT: usize = 1024 * 1024;
/// The largest number that may count something. A longer one may be a telephone number.
const MAX_COUNT: u32 = 999_999;

/// Who wrote a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    /// The client. Its sentences are hidden.
    Client,
    /// This server, whose sentences quote what a client sent.
    Server,
}

/// Writes a JSON document with every value hidden that is not known to be ours. What is not JSON is
/// hidden whole. The document is read and written in one pass and never stands in memory.
pub(super) fn document(line: &mut LineWriter<'_>, bytes: &[u8], author: Author, words: &Vocabulary) {
    let before = line.len();
    let mut document = serde_json::Deserializer::from_slice(bytes);
    let whole = Under {
        line,
        rule: Rule::Hide,
        before: "",
        scope: DocumentScope { author, words, end: before + MAX_DOCUMENT },
    };
    let read = whole.deserialize(&mut document).and_then(|()| document.end());
    if read.is_err() {
        line.truncate(before);
        line.verbatim(HIDDEN);
    }
}

/// What is the same for a whole document.
#[derive(Clone, Copy)]
struct DocumentScope<'a> {
    author: Author,
    words: &'a Vocabulary,
    /// How long the line may become.
    end: usize,
}

/// What a string or number under a key must be to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Nothing stays.
    Hide,
    /// A small whole number.
    Count,
    /// A filter, or paths of attributes.
    Expression,
    /// An id of this server.
    Id,
    /// The path or URL of a resource.
    Location,
    /// An object with its own rules.
    Meta,
    /// A sentence of this server: kept without what is in quotes.
    Message,
    /// A path of a PATCH or of a bulk operation.
    Path,
    /// The name of a resource type.
    ResourceType,
    /// A `scimType`.
    ScimType,
    /// An HTTP status.
    Status,
    /// A moment as this server writes it.
    Time,
    /// The URI of a schema.
    Urn,
    /// A version as this server writes it: `W/"3"`.
    Version,
    /// One of these words, in any case.
    Word(&'static [&'static str]),
}

impl Rule {
    fn of(key: &str, author: Author) -> Self {
        const RULES: [(&str, Rule); 18] = [
            ("active", Rule::Word(&["true", "false"])),
            ("attributes", Rule::Expression),
            ("count", Rule::Count),
            ("detail", Rule::Message),
            ("excludedAttributes", Rule::Expression),
            ("filter", Rule::Expression),
            ("id", Rule::Id),
            ("location", Rule::Location),
            ("meta", Rule::Meta),
            ("method", Rule::Word(&["POST", "PUT", "PATCH", "DELETE", "GET"])),
            ("op", Rule::Word(&["add", "replace", "remove"])),
            ("path", Rule::Path),
            ("schemas", Rule::Urn),
            ("scimType", Rule::ScimType),
            ("sortBy", Rule::Expression),
            ("sortOrder", Rule::Word(&["ascending", "descending"])),
            ("startIndex", Rule::Count),
            ("status", Rule::Status),
        ];
        match RULES.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)) {
            Some((_, Self::Message)) if author == Author::Client => Self::Hide,
            Some((_, rule)) => *rule,
            None if key.eq_ignore_ascii_case("version") => Self::Version,
            None => Self::Hide,
        }
    }

    /// The rule of a key within `meta` (RFC 7643 §3.1).
    fn of_meta(key: &str) -> Self {
        const RULES: [(&str, Rule); 5] = [
            ("created", Rule::Time),
            ("lastModified", Rule::Time),
            ("location", Rule::Location),
            ("resourceType", Rule::ResourceType),
            ("version", Rule::Version),
        ];
        RULES.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map_or(Self::Hide, |(_, rule)| *rule)
    }

    fn write(self, line: &mut LineWriter<'_>, text: &str, words: &Vocabulary) {
        let keep = match self {
            Self::Hide | Self::Meta => false,
            Self::Count => is_count(text),
            Self::Id => is_id(text),
            Self::Location => return line.escaped(&Location::of_url(text, words)),
            Self::Message => return line.escaped(&Message(text)),
            Self::Path if text.starts_with('/') => return line.escaped(&Location(text, words)),
            Self::Expression | Self::Path => return line.escaped(&Expression(text, words)),
            Self::ResourceType => words.has_resource_type(text),
            Self::ScimType => is_scim_type(text),
            Self::Status => text.len() == 3 && text.parse().is_ok_and(|status: u16| (100..600).contains(&status)),
            Self::Time => Timestamp::parse(text).is_some_and(|time| time.to_string() == text),
            Self::Urn => words.has_schema(text),
            Self::Version => text.strip_prefix("W/\"").and_then(|rest| rest.strip_suffix('"')).is_some_and(is_count),
            Self::Word(list) => is_one_of(list, text),
        };
        if keep { line.string(text) } else { line.verbatim(HIDDEN) }
    }
}

fn is_count(text: &str) -> bool {
    text.len() <= 6 && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The value that comes next, under that rule. What it visits it writes.
struct Under<'a, 'b> {
    line: &'a mut LineWriter<'b>,
    rule: Rule,
    /// The comma before it, when there is something to come.
    before: &'static str,
    scope: DocumentScope<'a>,
}

impl<'de> DeserializeSeed<'de> for Under<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, document: D) -> Result<(), D::Error> {
        if self.line.len() > self.scope.end {
            return Err(D::Error::custom("the document is too large for a line"));
        }
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

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.line.verbatim(HIDDEN);
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        if self.rule == Rule::Count && value <= MAX_COUNT.into() {
            self.line.display(value);
        } else {
            self.line.verbatim(HIDDEN);
        }
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.line.verbatim(HIDDEN);
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.rule.write(self.line, text, self.scope.words);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Under { line, rule, scope, .. } = self;
        line.raw("[");
        let mut written = 0;
        while written < MAX_ELEMENTS {
            let before = if written == 0 { "" } else { "," };
            if elements.next_element_seed(Under { line, rule, before, scope })?.is_none() {
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
        let Under { line, rule, scope, .. } = self;
        line.raw("{");
        let (mut written, mut left_out) = (0, 0);
        let within_meta = rule == Rule::Meta;
        loop {
            if written == MAX_ELEMENTS {
                if members.next_entry::<IgnoredAny, IgnoredAny>()?.is_none() {
                    break;
                }
                left_out += 1;
                continue;
            }
            let key = Key { line, first: written == 0, within_meta, scope };
            let Some(rule) = members.next_key_seed(key)? else { break };
            members.next_value_seed(Under { line, rule, before: "", scope })?;
            written += 1;
        }
        if left_out > 0 {
            write_key(line, false, "", scope.words);
            line.escaped(&format_args!("and {left_out} more"));
        }
        line.raw("}");
        Ok(())
    }
}

/// The key that comes next. Written with its colon, and answers the rule for its value.
struct Key<'a, 'b> {
    line: &'a mut LineWriter<'b>,
    first: bool,
    within_meta: bool,
    scope: DocumentScope<'a>,
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
        write_key(self.line, self.first, key, self.scope.words);
        Ok(if self.within_meta { Rule::of_meta(key) } else { Rule::of(key, self.scope.author) })
    }
}

/// A key and its colon. Names that are ours stay, also with a value filter, as Entra writes them; what
/// is none may be data in the wrong place.
fn write_key(line: &mut LineWriter<'_>, first: bool, key: &str, words: &Vocabulary) {
    if !first {
        line.raw(",");
    }
    if words.has_attribute(key) {
        line.string(key);
    } else if key.contains('[') {
        line.escaped(&Expression(key, words));
    } else {
        line.verbatim(HIDDEN);
    }
    line.raw(":");
}

/// The query of a URL, as an object of its parameters.
pub(super) fn query(line: &mut LineWriter<'_>, query: &str, words: &Vocabulary) {
    line.raw("{");
    for (at, pair) in query.split('&').filter(|pair| !pair.is_empty()).take(MAX_ELEMENTS).enumerate() {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let ours = is_parameter(name);
        write_key(line, at == 0, if ours { name } else { "" }, words);
        let rule = if ours { Rule::of(name, Author::Client) } else { Rule::Hide };
        let spaced = value.replace('+', " ");
        rule.write(line, &percent_decode_str(&spaced).decode_utf8_lossy(), words);
    }
    line.raw("}");
}

#[cfg(test)]
mod tests;
