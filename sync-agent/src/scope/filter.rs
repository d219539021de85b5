//! A search filter (RFC 4515) over the entries that were read.
//!
//! The source's own filter says what the server returns; one in the scope says who of them is meant:
//! `(&(department=Sales)(!(employeeType=contractor)))`. It is evaluated here, so that a change of scope
//! needs no other search, and so that `explain` can answer from what was read. Matching knows no schema:
//! texts are compared without regard to case and Unicode normalisation, and as numbers where both
//! sides are numbers and the order counts.

use std::fmt;

use scim_protocol::value::fold_part;

use crate::source::Entry;

/// How deep a filter may nest.
const DEPTH: usize = 32;

/// All bits of a number are set, of [MS-ADTS] 3.1.1.3.4.4.1.
const ALL_BITS: &str = "1.2.840.113556.1.4.803";
/// At least one of them is, of [MS-ADTS] 3.1.1.3.4.4.2.
const ANY_BIT: &str = "1.2.840.113556.1.4.804";

/// Membership through any number of groups, of [MS-ADTS] 3.1.1.3.4.4.3. Only the directory can answer it.
const CHAIN: &str = "1.2.840.113556.1.4.1941";

/// A filter, with the text that it was written as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    text: String,
    condition: Condition,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Has(String),
    /// The parts between the stars, folded; one part is the whole value.
    Like(String, Vec<String>),
    AtLeast(String, String),
    AtMost(String, String),
    AllBits(String, i64),
    AnyBit(String, i64),
}

impl Filter {
    /// Parses it. The error says where it is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { text, rest: text };
        let condition = parser.condition(0)?;
        match parser.rest.trim() {
            "" => Ok(Self { text: text.to_owned(), condition }),
            _ => Err(parser.wrong("nothing more is expected")),
        }
    }

    /// Whether an entry is meant.
    pub fn matches(&self, entry: &Entry) -> bool {
        self.condition.matches(entry)
    }

    /// The attributes that it reads, in lower case.
    pub fn attributes(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.condition.attributes(&mut names);
        names
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Condition {
    fn matches(&self, entry: &Entry) -> bool {
        let texts = |name: &str| entry.attributes().texts(name).map(str::to_owned).collect::<Vec<_>>();
        let number = |text: &str| text.trim().parse::<i64>().ok();
        let bits =
            |name: &str, test: &dyn Fn(i64) -> bool| texts(name).iter().filter_map(|text| number(text)).any(test);
        let ordered = |name: &str, bound: &str, good: fn(std::cmp::Ordering) -> bool| {
            texts(name).iter().any(|text| match (number(text), number(bound)) {
                (Some(value), Some(bound)) => good(value.cmp(&bound)),
                _ => good(fold_part(text).as_str().cmp(bound)),
            })
        };
        match self {
            Self::And(all) => all.iter().all(|one| one.matches(entry)),
            Self::Or(any) => any.iter().any(|one| one.matches(entry)),
            Self::Not(one) => !one.matches(entry),
            Self::Has(name) => !entry.attributes().bytes(name).is_empty(),
            Self::Like(name, parts) => texts(name).iter().any(|text| is_like(&fold_part(text), parts)),
            Self::AtLeast(name, bound) => ordered(name, bound, std::cmp::Ordering::is_ge),
            Self::AtMost(name, bound) => ordered(name, bound, std::cmp::Ordering::is_le),
            Self::AllBits(name, mask) => bits(name, &|value| value & mask == *mask),
            Self::AnyBit(name, mask) => bits(name, &|value| value & mask != 0),
        }
    }

    fn attributes(&self, names: &mut Vec<String>) {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().for_each(|one| one.attributes(names)),
            Self::Not(one) => one.attributes(names),
            Self::Has(name)
            | Self::Like(name, _)
            | Self::AtLeast(name, _)
            | Self::AtMost(name, _)
            | Self::AllBits(name, _)
            | Self::AnyBit(name, _) => names.push(name.clone()),
        }
    }
}

/// Whether a text is made of these parts in this order, with anything in between.
fn is_like(text: &str, parts: &[String]) -> bool {
    let (Some((first, more)), mut rest) = (parts.split_first(), text) else { return false };
    let Some((last, middle)) = more.split_last() else { return text == first };
    let Some(after) = rest.strip_prefix(first.as_str()) else { return false };
    rest = after;
    for part in middle {
        match rest.split_once(part.as_str()) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last.as_str())
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
}

impl Parser<'_> {
    fn wrong(&self, reason: &str) -> String {
        let at = self.text.len() - self.rest.len();
        let at = self.text.get(..at).map_or(0, |before| before.chars().count());
        format!("{reason}\n    {}\n    {:>width$}", self.text, '^', width = at + 1)
    }

    fn takes(&mut self, sign: char) -> bool {
        let rest = self.rest.trim_start();
        match rest.strip_prefix(sign) {
            Some(after) => {
                self.rest = after;
                true
            }
            None => false,
        }
    }

    fn condition(&mut self, depth: usize) -> Result<Condition, String> {
        if depth > DEPTH {
            return Err(self.wrong("this is nested too deeply"));
        }
        if !self.takes('(') {
            return Err(self.wrong("a ( is expected here"));
        }
        let condition = if self.takes('&') {
            Condition::And(self.conditions(depth)?)
        } else if self.takes('|') {
            Condition::Or(self.conditions(depth)?)
        } else if self.takes('!') {
            if !self.rest.trim_start().starts_with('(') {
                return Err(
                    self.wrong("behind ! a condition in parentheses of its own is expected, as in (!(title=*))")
                );
            }
            Condition::Not(Box::new(self.condition(depth + 1)?))
        } else {
            self.comparison()?
        };
        if self.takes(')') { Ok(condition) } else { Err(self.wrong("a ) is expected here")) }
    }

    fn conditions(&mut self, depth: usize) -> Result<Vec<Condition>, String> {
        let mut all = Vec::new();
        while self.rest.trim_start().starts_with('(') {
            all.push(self.condition(depth + 1)?);
        }
        Ok(all)
    }

    fn comparison(&mut self) -> Result<Condition, String> {
        let end = self.rest.find(['=', ')', '(']).filter(|end| self.rest.get(*end..=*end) == Some("="));
        let (name, value) = end
            .and_then(|end| Some((self.rest.get(..end)?, self.rest.get(end + 1..)?)))
            .ok_or_else(|| self.wrong("an attribute, = and a value are expected here"))?;
        let (name, sign) = match name.char_indices().next_back() {
            Some((at, sign @ ('>' | '<' | '~' | ':'))) => (name.get(..at).unwrap_or_default(), sign),
            _ => (name, '='),
        };
        let (name, rule) = match name.split_once(':') {
            Some((name, rule)) if sign == ':' => (name, Some(rule)),
            _ => (name, None),
        };
        let name = name.trim().to_ascii_lowercase();
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.;".contains(c)) {
            return Err(self.wrong("this is no name of an attribute"));
        }
        let end = value.find([')', '(']).ok_or_else(|| self.wrong("this has no ) at its end"))?;
        let (value, rest) = value.split_at(end);
        let parts = value.split('*').map(unescaped).collect::<Option<Vec<String>>>();
        let parts = parts.ok_or_else(|| self.wrong("a backslash is followed by two hexadecimal digits"))?;
        let whole = parts.concat();
        let condition = match (sign, rule) {
            ('>', _) => Condition::AtLeast(name, whole),
            ('<', _) => Condition::AtMost(name, whole),
            (':', Some(CHAIN)) => {
                return Err(self.wrong(
                    "membership through nested groups cannot be asked of what was read; name the group in scope.groups, which brings all who are within",
                ));
            }
            (':', Some(rule)) => {
                let mask = whole.trim().parse().map_err(|_| self.wrong("here a number is needed"))?;
                match rule {
                    ALL_BITS => Condition::AllBits(name, mask),
                    ANY_BIT => Condition::AnyBit(name, mask),
                    _ => return Err(self.wrong("this matching rule cannot be evaluated; the two for bits can")),
                }
            }
            _ if value == "*" => Condition::Has(name),
            _ => Condition::Like(name, parts),
        };
        self.rest = rest;
        Ok(condition)
    }
}

/// A part of a value with its `\2a` resolved, folded.
fn unescaped(part: &str) -> Option<String> {
    let mut pieces = part.split('\\');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(piece.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(piece.get(2..)?.as_bytes());
    }
    Some(fold_part(&String::from_utf8_lossy(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dn::Dn,
        identity::{Kind, SourceId},
        source::Attributes,
    };

    #[track_caller]
    fn check(filter: &str, expect: bool) {
        let mut attributes = Attributes::default();
        attributes.extend("department", ["Sales", "Zürich"].map(|text| text.as_bytes().to_vec()));
        attributes.extend("level", [b"10".to_vec()]);
        attributes.extend("userAccountControl", [b"514".to_vec()]);
        attributes.extend("cn", [b"a*b(c)".to_vec()]);
        let id = SourceId::parse("00000000-0000-4000-8000-000000000001").unwrap();
        let entry = Entry::new(id, Kind::User, Dn::parse("cn=a").unwrap(), attributes);
        let filter = Filter::parse(filter).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(filter.matches(&entry), expect, "{filter}");
    }

    #[test]
    fn filters_mean_what_rfc_4515_says() {
        check("(department=sales)", true);
        check("(DEPARTMENT=ZU\u{308}RICH)", true);
        check("(department=sale)", false);
        check("(department=*)", true);
        check("(title=*)", false);
        check("(department=S*l*s)", true);
        check("(department=*x*)", false);
        check("(department=ss*ss)", false);
        check("(&(department=sales)(!(title=*)))", true);
        check("(|(title=*)(level>=9))", true);
        check("(level<=9)", false);
        check("(userAccountControl:1.2.840.113556.1.4.803:=2)", true);
        check("(userAccountControl:1.2.840.113556.1.4.803:=3)", false);
        check("(userAccountControl:1.2.840.113556.1.4.804:=3)", true);
        check("(cn=a\\2ab\\28c\\29)", true);
        check("(&)", true);
        check("(|)", false);
    }

    #[test]
    fn what_is_no_filter_is_refused_with_its_place() {
        for text in ["", "a=b", "(a=b", "(a)", "(=b)", "(a=b)(c=d)", "(a=\\zz)", "(a:dn:=b)", "(&(a=b)"] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
        assert!(Filter::parse(&"(!".repeat(100_000)).is_err());
        let error = Filter::parse("(&(a=b)(c))").unwrap_err();
        assert!(error.ends_with("    (&(a=b)(c))\n            ^"), "{error}");
        let error = Filter::parse("(memberOf:1.2.840.113556.1.4.1941:=cn=a,dc=b)").unwrap_err();
        assert!(error.contains("scope.groups"), "{error}");
        let error = Filter::parse("(!userAccountControl:1.2.840.113556.1.4.803:=2)").unwrap_err();
        assert!(error.contains("(!(title=*))") && error.ends_with("\n      ^"), "{error}");
    }
}
