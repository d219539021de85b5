//! A directory in a file: LDIF (RFC 2849), for plan snapshots and for dry runs without a server.
//!
//! Only content is read, no change records. Filters are not evaluated: an entry is a group or a user
//! by its object classes, and anything else is left out, as the default filters do it. Identities may
//! be written the way tools print them (`objectGUID: 6f9619ff-…`, `objectSid: S-1-5-21-…`), so that a
//! fixture can be read and written by people; base64 is taken too.

use std::collections::BTreeSet;

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    Change, Directory, DirectoryError, Entry, HeldAs, Key, Outside, Reading, Sink, Watermark, search::RawEntry,
};
use crate::{
    dn::Dn,
    identity::SourceId,
    mode::Mode,
    sid,
    source::{Attributes, entry::kind_of, flavour::Flavour},
};

/// A file that is read as a directory.
#[derive(Debug, Clone, Default)]
pub struct Ldif {
    entries: Vec<Entry>,
    name: String,
}

impl Ldif {
    /// Reads a text. `flavour` says which attributes hold the identity and the members. An error names the line.
    pub fn parse(text: &str, flavour: Flavour) -> Result<Self, String> {
        let mut entries = Vec::new();
        for (line, raw) in records(text)? {
            let Some(kind) = kind_of(&raw.attributes) else { continue };
            if flavour.passes_over(&raw).is_some() {
                continue;
            }
            let dn = raw.dn.clone();
            let entry = flavour.entry(kind, raw);
            let mut entry = entry.ok_or_else(|| format!("line {line}: {dn} has no identity that can be read"))?;
            // A file hides nothing.
            entry.hides_members = false;
            entries.push(entry);
        }
        Ok(Self { entries, name: "ldif".to_owned() })
    }
}

#[async_trait]
impl Directory for Ldif {
    async fn read(&mut self, _since: Option<&Watermark>, sink: &mut Sink<'_>) -> Result<Reading, DirectoryError> {
        self.entries.iter().cloned().map(Change::Upsert).for_each(sink);
        Ok(Reading { mode: Mode::Full, watermark: None, problems: Vec::new() })
    }

    async fn again(&mut self, ids: &BTreeSet<SourceId>, sink: &mut Sink<'_>) -> Result<(), DirectoryError> {
        for id in ids {
            let found = self.entries.iter().find(|entry| entry.id == *id);
            sink(found.cloned().map_or(Change::Missing(*id), Change::Upsert));
        }
        Ok(())
    }

    async fn holders(
        &mut self,
        _held: &[HeldAs],
        _referring: &[String],
        _sink: &mut Sink<'_>,
    ) -> Result<(), DirectoryError> {
        Ok(())
    }

    async fn outside(&mut self, _dn: &Dn) -> Result<Outside, DirectoryError> {
        Ok(Outside::Unknown)
    }

    async fn find(&mut self, key: &Key) -> Result<Option<Entry>, DirectoryError> {
        let found = self.entries.iter().find(|entry| match key {
            Key::Id(id) => entry.id == *id,
            Key::Dn(dn) => entry.dn == *dn,
        });
        Ok(found.cloned())
    }

    fn server(&self) -> &str {
        &self.name
    }
}

/// The records of a text, each with the line on which it begins.
fn records(text: &str) -> Result<Vec<(usize, RawEntry)>, String> {
    let mut records = Vec::new();
    let mut open: Option<(usize, RawEntry)> = None;
    for (number, line) in lines(text) {
        if line.is_empty() {
            records.extend(open.take());
            continue;
        }
        let (name, value) = attribute(&line).map_err(|reason| format!("line {number}: {reason}"))?;
        let Some((_, record)) = &mut open else {
            if name.eq_ignore_ascii_case("dn") {
                let dn = String::from_utf8(value).map_err(|_| format!("line {number}: the DN is not UTF-8"))?;
                open = Some((number, RawEntry { dn, attributes: Attributes::default() }));
            } else if !name.eq_ignore_ascii_case("version") {
                return Err(format!("line {number}: a record begins with dn, not with {name}"));
            }
            continue;
        };
        if name.eq_ignore_ascii_case("changetype") {
            return Err(format!("line {number}: this is a change record; write the entries as they are"));
        }
        record.attributes.extend(&name, [identity(&name, value)]);
    }
    records.extend(open);
    Ok(records)
}

/// Lines with their numbers, folded ones joined, comments left out, an empty one where a record ends.
fn lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (n, line) in text.lines().enumerate() {
        match (line.strip_prefix(' '), lines.last_mut()) {
            (Some(rest), Some((_, last))) => last.push_str(rest),
            _ => lines.push((n + 1, line.to_owned())),
        }
    }
    lines.retain(|(_, line)| !line.starts_with('#'));
    lines
}

/// `name: text`, `name:: base64`. A `name:< URL` is refused: a fixture does not read other files.
fn attribute(line: &str) -> Result<(String, Vec<u8>), String> {
    let (name, rest) = line.split_once(':').ok_or_else(|| format!("{line:?} has no colon"))?;
    let value = if let Some(encoded) = rest.strip_prefix(':') {
        BASE64_STANDARD.decode(encoded.trim()).map_err(|error| format!("{name} is not base64: {error}"))?
    } else if rest.starts_with('<') {
        return Err(format!("{name} stands in another file; write the value here"));
    } else {
        rest.trim_start().as_bytes().to_vec()
    };
    Ok((name.to_owned(), value))
}

/// The bytes of an identity that was written as text.
fn identity(name: &str, value: Vec<u8>) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(&value) else { return value };
    let bytes = match name.to_ascii_lowercase().as_str() {
        "objectguid" if text.len() == 36 => SourceId::parse(text).map(|id| id.to_object_guid().to_vec()),
        "objectsid" => sid::to_bytes(text),
        _ => None,
    };
    bytes.unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Member;

    const ADA: &str = "version: 1

# A person.
dn: CN=Ada,OU=Staff,
 DC=test
objectClass: top
objectClass: user
objectGUID: 44434241-4645-4847-494a-4b4c4d4e4f50
objectSid: S-1-5-21-1-2-1103
description:: w4k=

dn: CN=PC1,DC=test
objectClass: user
objectClass: computer

dn: CN=All,DC=test
objectClass: group
objectGUID: 11111111-4645-4847-494a-4b4c4d4e4f50
member: CN=Ada,OU=Staff,DC=test
";

    #[test]
    fn entries_are_read_and_others_left_out() {
        let ldif = Ldif::parse(ADA, Flavour::named("active-directory").unwrap()).unwrap();
        let [ada, all] = ldif.entries.as_slice() else { panic!("{:?}", ldif.entries) };
        assert_eq!(ada.dn.as_str(), "CN=Ada,OU=Staff,DC=test");
        assert_eq!(ada.id.to_string(), "44434241-4645-4847-494a-4b4c4d4e4f50");
        assert_eq!(ada.attributes().text("description"), Some("É"));
        let sid = [1, 4, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 79, 4, 0, 0];
        assert_eq!(ada.attributes().bytes("objectSid"), [sid]);
        assert_eq!(all.members, [Member::Dn("CN=Ada,OU=Staff,DC=test".to_owned())]);
    }

    #[track_caller]
    fn refused(text: &str, expect: &str) {
        let error = Ldif::parse(text, Flavour::named("openldap").unwrap()).unwrap_err();
        assert!(error.contains(expect), "{error}");
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        refused("cn: a", "line 1: a record begins with dn");
        refused("dn: cn=a\nnonsense", "line 2: \"nonsense\" has no colon");
        refused("dn: cn=a\ncn:: ***", "line 2: cn is not base64");
        refused("dn: cn=a\nchangetype: add", "change record");
        refused("dn: cn=a\njpegPhoto:< file:///x", "another file");
        refused("dn: cn=a\nobjectClass: inetOrgPerson", "line 1: cn=a has no identity");
    }
}
