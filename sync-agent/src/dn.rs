//! Distinguished names (RFC 4514), compared as names and never as text.
//!
//! The same name can be written in many ways: `\,` or `\2C`, `CN=` or `cn=`, with spaces around the
//! signs, in another case. A [`Dn`] keeps the text as the server wrote it, for people and for use as
//! a search base, and a key that is one for all spellings.
//!
//! Case is folded one character at a time, and normal forms are left alone. Full folding would make
//! `Groß` and `Gross` one person, composing would do that to two entries which Active Directory
//! holds apart; and a membership that ends at the wrong person is worse than one that is reported
//! as unresolved. So two texts that are equal here are one name in every directory, and whether two
//! others are is for the server to say: it is asked for the name, and the identity of what it returns
//! decides.

use std::{
    cmp::Ordering,
    fmt::{self, Write as _},
    hash::{Hash, Hasher},
};

/// Between two RDNs of a key. A value that has it is written otherwise there, see [`kept_apart`].
const RDN: char = '\u{1e}';
/// Between the attributes of a multi-valued RDN.
const PART: char = '\u{1f}';
/// Stands in a key before what a value has of these three.
const ESCAPE: char = '\u{1d}';

/// A text that is no distinguished name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a distinguished name: {reason}")]
pub struct DnError {
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// A distinguished name. Equal to every other spelling of itself.
#[derive(Debug, Clone)]
pub struct Dn {
    text: Box<str>,
    /// The RDNs from the root, each behind [`RDN`]: a name lies beneath another when its key begins
    /// with the key of that other.
    key: Box<str>,
}

/// A value in which no sign of a key stands for itself: whoever names an entry must not place it.
fn kept_apart(value: String) -> String {
    let is_sign = |c: char| matches!(c, RDN | PART | ESCAPE);
    if !value.contains(is_sign) {
        return value;
    }
    value.chars().fold(String::with_capacity(value.len() + 8), |mut kept, c| {
        if is_sign(c) {
            kept.push(ESCAPE);
        }
        kept.push(match c {
            RDN => 'r',
            PART => 'p',
            c => c,
        });
        kept
    })
}

impl Dn {
    /// Parses RFC 4514 text. The empty text is the root.
    pub fn parse(text: &str) -> Result<Self, DnError> {
        let wrong = |reason| DnError { text: text.to_owned(), reason };
        let mut rdns: Vec<Vec<String>> = Vec::new();
        let mut rest = text.trim_start();
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=').ok_or_else(|| wrong("an attribute has no ="))?;
            let (value, behind) = value(after).map_err(wrong)?;
            parts.push(format!("{}={}", attribute(name.trim()), kept_apart(value)));
            rest = match behind.chars().next() {
                None => behind,
                Some(sign) => {
                    if matches!(sign, ',' | ';') {
                        rdns.push(std::mem::take(&mut parts));
                    }
                    let next = behind.get(sign.len_utf8()..).unwrap_or_default().trim_start();
                    if next.is_empty() {
                        return Err(wrong("it ends in the middle"));
                    }
                    next
                }
            };
        }
        if !parts.is_empty() {
            rdns.push(parts);
        }
        let mut key = String::with_capacity(text.len() + 1);
        for mut parts in rdns.into_iter().rev() {
            parts.sort_unstable();
            key.push(RDN);
            for (n, part) in parts.iter().enumerate() {
                if n > 0 {
                    key.push(PART);
                }
                key.push_str(part);
            }
        }
        Ok(Self { text: text.into(), key: key.into() })
    }

    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name of the container: without the first RDN. `None` for a name of one RDN, and for the root.
    pub fn parent(&self) -> Option<Self> {
        let (mut quoted, mut escaped) = (false, false);
        let end = self.text.char_indices().find_map(|(at, c)| {
            let ends = matches!(c, ',' | ';') && !quoted && !escaped;
            quoted ^= c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends.then_some(at + c.len_utf8())
        })?;
        Self::parse(self.text.get(end..)?).ok()
    }

    /// The name after a container around it got another name; `None` where it does not lie beneath that one.
    pub fn rebased(&self, old: &Self, new: &Self) -> Option<Self> {
        let mut above = self.parent()?;
        while above != *old {
            above = above.parent()?;
        }
        let own = self.text.get(..self.text.len().checked_sub(above.text.len())?)?;
        Self::parse(&format!("{own}{new}")).ok()
    }

    /// How many RDNs it has.
    pub fn depth(&self) -> usize {
        self.key.matches(RDN).count()
    }

    /// Whether both have the same first RDN: what an entry keeps when it is moved and not renamed.
    pub fn has_rdn_of(&self, other: &Self) -> bool {
        let rdn = |dn: &'_ Self| dn.key.rsplit(RDN).next().map(str::to_owned);
        rdn(self) == rdn(other)
    }

    /// Whether this name is `base` or lies beneath it.
    pub fn is_within(&self, base: &Self) -> bool {
        self.key.strip_prefix(&*base.key).is_some_and(|rest| rest.is_empty() || rest.starts_with(RDN))
    }

    /// What names the entry itself: each attribute type of the first RDN by its short name, with its
    /// value folded as [`folded`] does it.
    pub fn rdn(&self) -> impl Iterator<Item = (&str, &str)> {
        let last = self.key.rsplit(RDN).next().unwrap_or_default();
        last.split(PART).filter_map(|part| part.split_once('='))
    }

    /// The DNS name that the `DC` attributes spell: `corp.example.test`. Empty where there are none.
    pub fn domain(&self) -> String {
        let labels = self.key.split(RDN).filter_map(|rdn| rdn.strip_prefix("dc="));
        labels.fold(
            String::new(),
            |name, label| if name.is_empty() { label.to_owned() } else { format!("{label}.{name}") },
        )
    }
}

/// The value at the beginning of the text, unescaped and folded, and what stands behind it.
fn value(text: &str) -> Result<(String, &str), &'static str> {
    let text = text.trim_start();
    let mut bytes: Vec<u8> = Vec::new();
    // Up to where spaces at the end are part of the value: those that were escaped.
    let mut solid = 0;
    let mut quoted = false;
    let mut chars = text.char_indices();
    let mut end = text.len();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                solid = bytes.len();
            }
            ',' | ';' | '+' if !quoted => {
                end = at;
                break;
            }
            '\\' => {
                let (_, first) = chars.next().ok_or("a backslash stands at its end")?;
                match first.to_digit(16) {
                    Some(high) => {
                        let low =
                            chars.next().and_then(|(_, c)| c.to_digit(16)).ok_or("an escape has one hex digit")?;
                        bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                    }
                    None => bytes.extend_from_slice(first.encode_utf8(&mut [0; 4]).as_bytes()),
                }
                solid = bytes.len();
            }
            other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    if quoted {
        return Err("a quotation mark is not closed");
    }
    while bytes.len() > solid && bytes.last() == Some(&b' ') {
        bytes.pop();
    }
    let value = folded(&String::from_utf8_lossy(&bytes));
    Ok((value, text.get(end..).unwrap_or_default()))
}

/// A value as names are compared: one character at a time in lower case.
pub fn folded(value: &str) -> String {
    value.chars().flat_map(char::to_lowercase).collect()
}

/// An attribute type in lower case, by its short name (RFC 4514 §3).
fn attribute(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let short = match name.as_str() {
        "2.5.4.3" | "commonname" => "cn",
        "2.5.4.7" | "localityname" => "l",
        "2.5.4.8" | "stateorprovincename" => "st",
        "2.5.4.10" | "organizationname" => "o",
        "2.5.4.11" | "organizationalunitname" => "ou",
        "2.5.4.6" | "countryname" => "c",
        "0.9.2342.19200300.100.1.25" | "domaincomponent" => "dc",
        "0.9.2342.19200300.100.1.1" | "userid" => "uid",
        _ => return name,
    };
    short.to_owned()
}

impl PartialEq for Dn {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Dn {}

impl Hash for Dn {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl PartialOrd for Dn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Dn {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A control character as RFC 4514 §2.4 escapes it: for people, and still the same name when it is pasted.
        self.text.chars().try_for_each(|character| {
            if !character.is_control() {
                return f.write_char(character);
            }
            let mut bytes = [0; 4];
            character.encode_utf8(&mut bytes).bytes().try_for_each(|byte| write!(f, "\\{byte:02X}"))
        })
    }
}

impl serde::Serialize for Dn {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> serde::Deserialize<'de> for Dn {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &str, other: &str, same: bool) {
        let (one, other) = (Dn::parse(one).unwrap(), Dn::parse(other).unwrap());
        assert_eq!(one == other, same, "{:?} {:?}", one.key, other.key);
    }

    #[test]
    fn spellings_of_one_name_are_equal() {
        check("CN=Doe\\, Jane,OU=People,DC=test", "cn=doe\\2c jane, ou=PEOPLE , dc=Test", true);
        check("cn=\"Doe, Jane\",dc=test", "cn=Doe\\, Jane,dc=test", true);
        check("cn=a+uid=b,dc=test", "UID=b+CN=A,dc=test", true);
        check("2.5.4.3=a,dc=test", "cn=a,dc=test", true);
        check("cn=\\C3\\A4,dc=test", "cn=Ä,dc=test", true);
        check("cn=a\\ ,dc=test", "cn=a ,dc=test", false);
        check("cn=Groß,dc=test", "cn=Gross,dc=test", false);
        check("cn=Jos\u{e9}", "cn=Jose\u{301}", false);
        check("cn=a,ou=b", "ou=b,cn=a", false);
    }

    #[test]
    fn what_lies_within() {
        let base = Dn::parse("OU=People,DC=test").unwrap();
        assert!(Dn::parse("cn=x\\,y,ou=people,dc=test").unwrap().is_within(&base));
        assert!(base.is_within(&base));
        assert!(!Dn::parse("cn=x,ou=people2,dc=test").unwrap().is_within(&base));
        assert!(!Dn::parse("dc=test").unwrap().is_within(&base));
        assert!(base.is_within(&Dn::parse("").unwrap()));
    }

    #[test]
    fn no_value_looks_like_a_container() {
        let base = Dn::parse("OU=People,DC=test").unwrap();
        for crafted in
            ["cn=x\\1Eou=people\\1Edc=test", "dc=test\\1Eou=people\\1Ecn=x", "dc=test\u{1e}ou=people\u{1e}cn=x"]
        {
            assert!(!Dn::parse(crafted).unwrap().is_within(&base), "{crafted}");
        }
        check("cn=a\\1Fuid=b,dc=test", "cn=a+uid=b,dc=test", false);
        check("cn=a\\1D\\1E", "cn=a\\1E\\1D", false);
        check("cn=a\\1E", "CN=A\\1e", true);
    }

    #[test]
    fn what_names_the_entry_itself() {
        let dn = Dn::parse("UID=Jane\\, D+2.5.4.3=Ä,ou=people,dc=test").unwrap();
        assert_eq!(dn.rdn().collect::<Vec<_>>(), [("cn", "ä"), ("uid", "jane, d")]);
        assert_eq!(Dn::parse("").unwrap().rdn().count(), 0);
    }

    #[test]
    fn the_domain_is_spelt_by_its_components() {
        assert_eq!(Dn::parse("CN=x,DC=Corp,DC=example,DC=test").unwrap().domain(), "corp.example.test");
    }

    #[test]
    fn the_container_of_a_name() {
        let parent = |text| Dn::parse(text).unwrap().parent().map(|dn| dn.as_str().to_owned());
        assert_eq!(parent("CN=Doe\\, Jane,OU=People,DC=test").as_deref(), Some("OU=People,DC=test"));
        assert_eq!(parent("CN=\"Doe, Jane\",OU=People").as_deref(), Some("OU=People"));
        assert_eq!(parent("CN=a\\2C, ou=b").as_deref(), Some(" ou=b"));
        assert_eq!(parent("CN=a\\\\,ou=b").as_deref(), Some("ou=b"));
        assert_eq!((parent("dc=test"), parent("")), (None, None));
        let dn = |text| Dn::parse(text).unwrap();
        let rebased = dn("uid=a\\,b,ou=x, ou=y,dc=test").rebased(&dn("OU=Y,dc=test"), &dn("ou=z,dc=test"));
        assert_eq!(rebased, Some(dn("uid=a\\,b,ou=x,ou=z,dc=test")));
        assert_eq!(dn("ou=y,dc=test").rebased(&dn("ou=y,dc=test"), &dn("ou=z")), None);
        assert!(dn("uid=A,ou=x").has_rdn_of(&dn("uid=a,ou=y,dc=test")));
        assert!(!dn("uid=a,ou=x").has_rdn_of(&dn("uid=b,ou=x")));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["x", "cn=a,", "cn=a\\", "cn=\"a", "cn=\\4", "cn=a,b"] {
            assert!(Dn::parse(text).is_err(), "{text}");
        }
    }
}
