//! What a value is made from: text and `${attribute}`, with fallbacks.
//!
//! An expression is a list of alternatives, the first of which that has everything it names gives
//! the value: `["${userPrincipalName}", "${sAMAccountName}@${domain}"]`. An alternative with an
//! attribute that is missing or empty gives nothing, so that no half-made name reaches the target.
//!
//! What may stand between the braces:
//!
//! - an attribute of the entry, in any case; of several values the one in the entry's own name, else
//!   the first in the server's order;
//! - `proxyAddresses[?type == "SMTP"].value`: of values with a type before a colon the first of that
//!   type, without it. Case counts: `SMTP` is the primary address, `smtp` any other;
//! - `dn`, `id`, `domain` (the DNS name that the DN ends in; `associatedDomain` falls back to it,
//!   since accounts rarely have that attribute), and `active` (`true` or `false`);
//! - any of these with a form behind a bar: `${objectSid|sid}`, see [`ValueForm`].

mod parse;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use scim_protocol::Timestamp;

use super::account::AccountRules;
use crate::source::Entry;

pub use parse::ExpressionError;

/// Alternatives, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression(Vec<Vec<Part>>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Source(ValueSource),
}

/// What stands between braces.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ValueSource {
    /// In lower case.
    attribute: String,
    /// Only values of this type.
    of_type: Option<String>,
    form: ValueForm,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueForm {
    /// As it is. A value that is not UTF-8 counts as none.
    Text,
    /// `lower`: in lower case.
    Lower,
    /// `upper`: in upper case.
    Upper,
    /// `base64`: any bytes, a photo or a certificate.
    Base64,
    /// `sid`: the bytes of a SID as `S-1-5-…` ([MS-DTYP] 2.4.2.1).
    Sid,
    /// `uuid`: the bytes of a GUID the way Active Directory's tools print it.
    Uuid,
}

/// What the value is made from: the entry, at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    pub entry: &'a Entry,
    /// The time, which decides whether an account has expired.
    pub now: Timestamp,
    /// What ends an account at a time.
    pub account: &'a AccountRules,
}

impl Expression {
    pub fn parse<T: AsRef<str>>(alternatives: &[T]) -> Result<Self, ExpressionError> {
        alternatives.iter().map(|text| parse::parts(text.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// The attributes of the directory that it reads, in lower case.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.sources().filter(|source| !source.is_ours()).map(|source| source.attribute.as_str())
    }

    fn sources(&self) -> impl Iterator<Item = &ValueSource> {
        self.0.iter().flatten().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Source(source) => Some(source),
        })
    }

    /// The value for an entry.
    pub fn evaluate(&self, given: Given<'_>) -> Option<String> {
        self.chosen(given)?.1.into_iter().next()
    }

    /// Every value for an entry: one for each that the first attribute of the alternative has,
    /// sorted, since directories keep no order.
    pub fn evaluate_all(&self, given: Given<'_>) -> Vec<String> {
        let (_, mut values) = self.chosen(given).unwrap_or_default();
        values.sort_unstable();
        values.dedup();
        values
    }

    /// Whether it would have another value if an attribute that is hidden could be read: one of the alternatives
    /// up to the one that counts names it.
    pub fn depends_on(&self, given: Given<'_>, hidden: &dyn Fn(&str) -> bool) -> bool {
        let counts = self.chosen(given).map_or(self.0.len(), |(n, _)| n);
        let names =
            |part: &Part| matches!(part, Part::Source(source) if !source.is_ours() && hidden(&source.attribute));
        self.0.iter().take(counts).flatten().any(names)
    }

    /// For people: the alternative that gives the value, as it could have been written.
    pub fn told(&self, given: Given<'_>) -> Option<String> {
        let (n, _) = self.chosen(given)?;
        Some(self.0.get(n)?.iter().map(Part::to_string).collect())
    }

    /// Which alternative counts, and its values.
    fn chosen(&self, given: Given<'_>) -> Option<(usize, Vec<String>)> {
        let values = self.0.iter().map(|parts| values(parts, given)).enumerate();
        values.into_iter().find(|(_, values)| !values.is_empty())
    }
}

/// The values of one alternative.
fn values(parts: &[Part], given: Given<'_>) -> Vec<String> {
    let mut made = vec![String::new()];
    let mut first = true;
    for part in parts {
        let more = match part {
            Part::Text(text) => vec![text.clone()],
            Part::Source(source) => {
                let mut values = source.values(given);
                // Only the first attribute may have several: the rest belongs to each of them.
                values.truncate(if std::mem::take(&mut first) { usize::MAX } else { 1 });
                values
            }
        };
        made = made.iter().flat_map(|before| more.iter().map(move |value| format!("{before}{value}"))).collect();
    }
    made.retain(|value| !value.trim().is_empty());
    made
}

impl ValueSource {
    /// Whether it is none of the directory's.
    fn is_ours(&self) -> bool {
        matches!(self.attribute.as_str(), "dn" | "id" | "domain" | "active")
    }

    fn values(&self, given: Given<'_>) -> Vec<String> {
        let entry = given.entry;
        let domain = || Some(entry.dn.domain().into_bytes());
        let raw: Vec<Vec<u8>> = match self.attribute.as_str() {
            "dn" => vec![entry.dn.to_string().into_bytes()],
            "id" => vec![entry.id.to_string().into_bytes()],
            "domain" => domain().into_iter().collect(),
            "active" => vec![given.account.is_active(entry, given.now).to_string().into_bytes()],
            "associateddomain" if entry.attributes().text("associateddomain").is_none() => {
                domain().into_iter().collect()
            }
            name => entry.attributes().bytes(name).into_iter().map(<[u8]>::to_vec).collect(),
        };
        let of_type = |value: Vec<u8>| match &self.of_type {
            None => Some(value),
            Some(of_type) => value.strip_prefix(of_type.as_bytes())?.strip_prefix(b":").map(<[u8]>::to_vec),
        };
        let values = raw.into_iter().filter_map(of_type).filter_map(|value| self.form.write(value));
        values.filter(|value| !value.trim().is_empty()).collect()
    }
}

impl ValueForm {
    /// Each form by its word.
    const WORDS: [(&'static str, Self); 5] = [
        ("lower", Self::Lower),
        ("upper", Self::Upper),
        ("base64", Self::Base64),
        ("sid", Self::Sid),
        ("uuid", Self::Uuid),
    ];

    fn write(self, value: Vec<u8>) -> Option<String> {
        let text = |value| String::from_utf8(value).ok();
        match self {
            Self::Text => text(value),
            Self::Lower => text(value).map(|text| text.to_lowercase()),
            Self::Upper => text(value).map(|text| text.to_uppercase()),
            Self::Base64 => Some(BASE64_STANDARD.encode(value)).filter(|text| !text.is_empty()),
            Self::Sid => sid(&value),
            Self::Uuid => crate::identity::SourceId::from_object_guid(&value).map(|id| id.to_string()),
        }
    }
}

/// Revision, number of parts, authority of six bytes, then each part in four bytes, little-endian.
fn sid(value: &[u8]) -> Option<String> {
    let (head, parts) = value.split_at_checked(8)?;
    let (revision, authority) = (head.first()?, head.get(2..)?);
    let authority = authority.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let parts = parts.chunks(4).map(|part| part.try_into().ok().map(u32::from_le_bytes));
    let parts: Vec<u32> = parts.collect::<Option<_>>()?;
    Some(parts.iter().fold(format!("S-{revision}-{authority}"), |text, part| format!("{text}-{part}")))
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ValueSource { attribute, of_type, form } = match self {
            Self::Text(text) => return f.write_str(text),
            Self::Source(source) => source,
        };
        write!(f, "${{{attribute}")?;
        if let Some(of_type) = of_type {
            write!(f, "[?type == {of_type:?}].value")?;
        }
        if let Some((word, _)) = ValueForm::WORDS.iter().find(|(_, known)| known == form) {
            write!(f, "|{word}")?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dn::Dn,
        identity::{Kind, SourceId},
        source::Attributes,
    };

    fn entry() -> Entry {
        let mut attributes = Attributes::default();
        attributes.extend("givenName", [b"Ada".to_vec()]);
        attributes.extend("sn", [b"".to_vec()]);
        attributes.extend("title", [b"  ".to_vec()]);
        attributes.extend("mail", [b"b@x".to_vec(), b"a@x".to_vec()]);
        let addresses = ["smtp:other@x", "SMTP:main@x", "x500:/o=x", "smtp:third@x"];
        attributes.extend("proxyAddresses", addresses.map(|text| text.as_bytes().to_vec()));
        attributes.extend("objectSid", [[&[1, 2, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 0xe8, 3, 0, 0][..]].concat()]);
        attributes.extend("objectGUID", [b"ABCDEFGHIJKLMNOP".to_vec()]);
        attributes.extend("jpegPhoto", [vec![0xff, 0xd8]]);
        let id = SourceId::parse("00000000-0000-4000-8000-000000000001").unwrap();
        Entry::new(id, Kind::User, Dn::parse("cn=a,dc=corp,dc=test").unwrap(), attributes)
    }

    #[track_caller]
    fn check(alternatives: &[&str], expect: Option<&str>) {
        let entry = entry();
        let account = AccountRules::default();
        let given = Given { entry: &entry, now: Timestamp::from_millis(0), account: &account };
        let expression = Expression::parse(alternatives).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(expression.evaluate(given).as_deref(), expect);
    }

    #[track_caller]
    fn check_all(alternative: &str, expect: &[&str]) {
        let entry = entry();
        let account = AccountRules::default();
        let given = Given { entry: &entry, now: Timestamp::from_millis(0), account: &account };
        assert_eq!(Expression::parse(&[alternative]).unwrap().evaluate_all(given), expect);
    }

    #[test]
    fn the_first_alternative_that_has_everything_wins() {
        check(&["${GIVENNAME}"], Some("Ada"));
        check(&["${sn}", "${givenName}@${domain}"], Some("Ada@corp.test"));
        check(&["${givenName} ${sn}"], None);
        check(&["${title}"], None);
        check(&["constant"], Some("constant"));
        check(&["${associatedDomain}"], Some("corp.test"));
        check(&["${active}"], Some("true"));
        check(&["${mail}"], Some("b@x"));
        check(&[], None);
    }

    #[test]
    fn values_are_chosen_by_their_type() {
        check(&["${proxyAddresses[?type == \"SMTP\"].value}"], Some("main@x"));
        check(&["${ proxyaddresses[?type=='smtp'].value }"], Some("other@x"));
        check(&["${proxyAddresses[?type == \"sip\"].value}", "none"], Some("none"));
        check_all("${proxyAddresses[?type == \"smtp\"].value}", &["other@x", "third@x"]);
        check_all("mailto:${mail} ${givenName}", &["mailto:a@x Ada", "mailto:b@x Ada"]);
        check_all("${sn}", &[]);
    }

    #[test]
    fn bytes_have_forms() {
        check(&["${jpegPhoto}"], None);
        check(&["${jpegPhoto|base64}"], Some("/9g="));
        check(&["${objectSid | sid}"], Some("S-1-5-21-1000"));
        check(&["${objectGUID|uuid}"], Some("44434241-4645-4847-494a-4b4c4d4e4f50"));
        check(&["${givenName|upper}${givenName|lower}"], Some("ADAada"));
        check(&["${givenName|sid}"], None);
    }
}
