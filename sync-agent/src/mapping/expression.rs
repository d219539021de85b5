//! What a value is made from: text and `${attribute}`, with fallbacks.
//!
//! An expression is a list of alternatives, the first of which that has everything it names gives
//! the value: `["${userPrincipalName}", "${sAMAccountName}@${domain}"]`. An alternative with an
//! attribute that is missing or empty gives nothing, so that no half-made name reaches the target.
//!
//! Besides the attributes of the entry there are `${dn}`, `${id}` and `${domain}` (the DNS name that
//! the DN ends in; `${associatedDomain}` falls back to it, since accounts rarely have that attribute).
//! Selection among several values (`${proxyAddresses[SMTP]}`), functions and binary values have
//! their place here.

use crate::source::Entry;

/// Never read, whatever the mapping says: what they hold is a password or made from one.
const FORBIDDEN: [&str; 11] = [
    "userpassword",
    "unicodepwd",
    "dbcspwd",
    "lmpwdhistory",
    "ntpwdhistory",
    "supplementalcredentials",
    "sambantpassword",
    "sambalmpassword",
    "msds-managedpassword",
    "ms-mcs-admpwd",
    "krbprincipalkey",
];

/// Alternatives, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression(Vec<Vec<Part>>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// In lower case.
    Attribute(String),
}

impl Expression {
    /// Parses the alternatives.
    pub fn parse<T: AsRef<str>>(alternatives: &[T]) -> Result<Self, String> {
        alternatives.iter().map(|text| parts(text.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// The attributes of the directory that it reads, in lower case.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().filter_map(|part| match part {
            Part::Attribute(name) if !matches!(name.as_str(), "dn" | "id" | "domain") => Some(name.as_str()),
            _ => None,
        })
    }

    /// The value for an entry.
    pub fn evaluate(&self, entry: &Entry) -> Option<String> {
        self.0.iter().find_map(|parts| {
            let texts = parts.iter().map(|part| match part {
                Part::Text(text) => Some(text.clone()),
                Part::Attribute(name) => attribute(entry, name),
            });
            texts.collect::<Option<String>>().filter(|value| !value.is_empty())
        })
    }
}

fn attribute(entry: &Entry, name: &str) -> Option<String> {
    let domain = || Some(entry.dn.domain()).filter(|domain| !domain.is_empty());
    match name {
        "dn" => Some(entry.dn.to_string()),
        "id" => Some(entry.id.to_string()),
        "domain" => domain(),
        "associateddomain" => entry.attributes().text(name).map(str::to_owned).or_else(domain),
        name => entry.attributes().text(name).map(str::to_owned),
    }
}

fn parts(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        let (name, behind) = after.split_once('}').ok_or_else(|| format!("{text:?} has a ${{ without its }}"))?;
        let name = name.trim().to_ascii_lowercase();
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)) {
            return Err(format!("{text:?} names {name:?}, which is no attribute name"));
        }
        if FORBIDDEN.contains(&name.as_str()) {
            return Err(format!("{text:?} names {name}, which holds a password; passwords are never read"));
        }
        parts.push(Part::Attribute(name));
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dn::Dn,
        source::{Attributes, Kind, SourceId},
    };

    #[track_caller]
    fn check(alternatives: &[&str], expect: Option<&str>) {
        let mut attributes = Attributes::default();
        attributes.extend("givenName", [b"Ada".to_vec()]);
        attributes.extend("sn", [b"".to_vec()]);
        let id = SourceId::parse("00000000-0000-4000-8000-000000000001").unwrap();
        let entry = Entry::new(id, Kind::User, Dn::parse("cn=a,dc=corp,dc=test").unwrap(), attributes);
        assert_eq!(Expression::parse(alternatives).unwrap().evaluate(&entry).as_deref(), expect);
    }

    #[test]
    fn the_first_alternative_that_has_everything_wins() {
        check(&["${GIVENNAME}"], Some("Ada"));
        check(&["${sn}", "${givenName}@${domain}"], Some("Ada@corp.test"));
        check(&["${givenName} ${sn}"], None);
        check(&["constant"], Some("constant"));
        check(&["${associatedDomain}"], Some("corp.test"));
        check(&[], None);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in ["${sn", "${}", "${a b}", "${userPassword}", "x${unicodePwd}"] {
            assert!(Expression::parse(&[text]).is_err(), "{text}");
        }
    }
}
