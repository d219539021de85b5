//! The form of an export: JSON Lines, one item each, and a last line that counts and checks them.
//!
//! ```text
//! {"resource":{"tenant":"…","type":"User","id":"…","version":3,"created":"…","last_modified":"…",
//!              "display":"…","visible":{…},"hidden":{…}}}
//! {"members":{"tenant":"…","type":"Group","id":"…","members":[{"type":"User","id":"…","since":"…"}]}}
//! {"event":{"tenant":"…","sequence":1,"at":…,…}}
//! {"end":{"items":3,"crc32":"…"}}
//! ```
//!
//! Documents are carried as they are stored, byte for byte. Tenants and tokens are items too: of a
//! token there is the digest, never the text. Index entries are computed again when items are loaded.

use std::collections::BTreeMap;

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::AdminError;
use crate::{
    event::Event,
    store::{Body, Header, Item, Joined, Record, ResourceId, ResourceKey, TenantId, TypeName},
    tenant::record::{KIND, TenantRecord},
};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum ArchiveLine<'a> {
    #[serde(borrow)]
    Resource(ResourceLine<'a>),
    Members(MembersLine),
    /// An [`EventLine`]. As it stands, because the JSON within an event cannot be read through `flatten`.
    #[serde(borrow)]
    Event(&'a RawValue),
    End(End),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceLine<'a> {
    tenant: TenantId,
    #[serde(rename = "type")]
    resource_type: TypeName,
    id: ResourceId,
    version: u64,
    created: String,
    last_modified: String,
    display: String,
    #[serde(borrow)]
    visible: &'a RawValue,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    hidden: Option<&'a RawValue>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MembersLine {
    tenant: TenantId,
    #[serde(rename = "type")]
    resource_type: TypeName,
    id: ResourceId,
    members: Vec<MemberLine>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberLine {
    #[serde(rename = "type")]
    resource_type: TypeName,
    id: ResourceId,
    /// Absent where it is not known, and in files of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<String>,
}

#[derive(Serialize)]
struct EventLine<'a> {
    tenant: TenantId,
    #[serde(flatten)]
    event: &'a Event,
}

/// Whose event it is.
#[derive(Deserialize)]
struct Owner {
    tenant: TenantId,
}

/// What the last line says of those before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    pub items: u64,
    /// The CRC-32 of their bytes, each with its line feed, in hexadecimal.
    pub crc32: String,
}

/// Counts and checks lines: what the last line is made of, and compared with.
#[derive(Debug, Clone, Default)]
pub struct Sum {
    items: u64,
    crc: crc32fast::Hasher,
}

impl Sum {
    /// Takes in a line, given without its end.
    pub fn add(&mut self, line: &str) {
        self.items += 1;
        self.crc.update(line.as_bytes());
        self.crc.update(b"\n");
    }

    /// How many lines there were.
    pub fn items(&self) -> u64 {
        self.items
    }

    /// What is said of the lines up to here.
    pub fn end(&self) -> End {
        End { items: self.items, crc32: format!("{:08x}", self.crc.clone().finalize()) }
    }
}

/// A line that was read.
#[derive(Debug, PartialEq)]
pub enum Entry {
    /// An item. A resource comes without its index entries.
    Item(Box<Item>),
    /// The last line.
    End(End),
}

/// The line of an item. Fails where what is stored is not JSON.
pub fn write(item: &Item) -> Result<String, serde_json::Error> {
    match item {
        Item::Resource(key, Record { header, body }, _) => {
            let visible: &RawValue = serde_json::from_slice(&body.visible)?;
            let hidden = if body.hidden.is_empty() { None } else { Some(serde_json::from_slice(&body.hidden)?) };
            serde_json::to_string(&ArchiveLine::Resource(ResourceLine {
                tenant: key.tenant,
                resource_type: key.resource_type.clone(),
                id: key.id,
                version: header.version,
                created: header.created.to_string(),
                last_modified: header.last_modified.to_string(),
                display: body.display().to_owned(),
                visible,
                hidden,
            }))
        }
        Item::Members(group, members) => serde_json::to_string(&ArchiveLine::Members(MembersLine {
            tenant: group.tenant,
            resource_type: group.resource_type.clone(),
            id: group.id,
            members: members
                .iter()
                .map(|Joined { member, since }| MemberLine {
                    resource_type: member.resource_type.clone(),
                    id: member.id,
                    since: since.map(|since| since.to_string()),
                })
                .collect(),
        })),
        Item::Event(tenant, event) => {
            let line = serde_json::value::to_raw_value(&EventLine { tenant: *tenant, event })?;
            serde_json::to_string(&ArchiveLine::Event(&line))
        }
    }
}

/// The last line.
pub fn write_end(sum: &Sum) -> Result<String, serde_json::Error> {
    serde_json::to_string(&ArchiveLine::End(sum.end()))
}

/// Reads a line. The error names what is wrong with it.
pub fn read(line: &str) -> Result<Entry, String> {
    let wire: ArchiveLine<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
    Ok(match wire {
        ArchiveLine::Resource(line) => Entry::Item(Box::new(resource(line)?)),
        ArchiveLine::Members(line) => {
            let member = |MemberLine { resource_type, id, since }: MemberLine| {
                let since = since.map(|since| instant(&since)).transpose()?;
                Ok::<_, String>(Joined { member: ResourceKey { tenant: line.tenant, resource_type, id }, since })
            };
            let group = ResourceKey { tenant: line.tenant, resource_type: line.resource_type, id: line.id };
            let members = line.members.into_iter().map(member).collect::<Result<_, _>>()?;
            Entry::Item(Box::new(Item::Members(group, members)))
        }
        ArchiveLine::Event(line) => {
            let unread = |error: serde_json::Error| error.to_string();
            let Owner { tenant } = serde_json::from_str(line.get()).map_err(unread)?;
            Entry::Item(Box::new(Item::Event(tenant, serde_json::from_str(line.get()).map_err(unread)?)))
        }
        ArchiveLine::End(end) => Entry::End(end),
    })
}

fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| format!("{text:?} is not a point in time"))
}

/// How much later than here it may be on the machine that wrote a file, in milliseconds.
const SKEW: i64 = 3600 * 1000;

/// Refuses a membership, or a rule for a role, that began before 1970, or in the future.
pub fn require_past(item: &Item, now: Timestamp) -> Result<(), String> {
    let latest = now.as_millis().saturating_add(SKEW);
    let wrong = |since: &Timestamp| !(0..=latest).contains(&since.as_millis());
    let (what, since) = match item {
        Item::Members(_, members) => ("a member is one", members.iter().filter_map(|joined| joined.since).find(wrong)),
        Item::Resource(key, record, _) if key.tenant == TenantId::SYSTEM && key.resource_type.as_str() == KIND => {
            let tenant = TenantRecord::from_record(key.id, record).map_err(|error| error.to_string())?;
            let rules = tenant.settings.roles.map(|roles| roles.rules).unwrap_or_default();
            let since = rules.iter().filter_map(|rule| Timestamp::parse(rule.since.as_deref()?));
            ("a rule for a role is there", since.into_iter().find(wrong))
        }
        _ => return Ok(()),
    };
    match since {
        None => Ok(()),
        Some(since) => Err(format!(
            "{what} since {since}, which is before 1970 or in the future; correct \"since\", or leave it out"
        )),
    }
}

fn resource(line: ResourceLine<'_>) -> Result<Item, String> {
    let header = Header {
        version: line.version,
        created: instant(&line.created)?,
        last_modified: instant(&line.last_modified)?,
        members: 0,
    };
    let bytes = |raw: &RawValue| bytes::Bytes::copy_from_slice(raw.get().as_bytes());
    let body = Body {
        display: line.display.into(),
        visible: bytes(line.visible),
        hidden: line.hidden.map(bytes).unwrap_or_default(),
    };
    let key = ResourceKey { tenant: line.tenant, resource_type: line.resource_type, id: line.id };
    Ok(Item::Resource(key, Record { header, body }, Vec::new()))
}

/// The numbers of events in a file: those of each tenant only grow, so that none stands for two things. Where one is
/// missing the feed tells its readers; a damaged log must not keep people from being restored.
#[derive(Debug, Default)]
pub struct Sequences(BTreeMap<TenantId, u64>);

impl Sequences {
    /// Looks at the next item. An error says which number is wrong.
    pub fn follow(&mut self, item: &Item) -> Result<(), AdminError> {
        let Item::Event(tenant, event) = item else { return Ok(()) };
        let last = self.0.insert(*tenant, event.sequence);
        let is_next = last.is_none_or(|last| last < event.sequence);
        if is_next && (1..=MOST).contains(&event.sequence) {
            return Ok(());
        }
        let behind = last.map_or(String::new(), |last| format!(" behind {last}"));
        Err(AdminError::Invalid(format!(
            "the file has the event {} of tenant {tenant}{behind}, where numbers grow from 1; it was altered, or is damaged: use another file",
            event.sequence
        )))
    }
}

/// The largest number of an event in a file: from there on more can be written than anybody will.
const MOST: u64 = 1 << 53;

/// Checks that an export is whole: its last line is there, is the last, and agrees with the rest.
/// Returns how many items it has.
pub fn verify(lines: impl Iterator<Item = std::io::Result<String>>) -> Result<u64, AdminError> {
    let mut sum = Sum::default();
    let mut sequences = Sequences::default();
    let mut end = None;
    for line in lines {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        if end.is_some() {
            return Err(AdminError::Invalid(
                "the file has lines after its last one; it was not written by `backup`".to_owned(),
            ));
        }
        if line.starts_with("{\"end\":") {
            let Ok(Entry::End(said)) = read(&line) else {
                return Err(AdminError::Invalid("the file's last line is damaged; use another backup".to_owned()));
            };
            end = Some(said);
        } else {
            // The first line tells another kind of file from one that was cut off.
            if sum.items() == 0
                && let Err(error) = read(&line)
            {
                return Err(AdminError::Invalid(format!(
                    "line 1 is not a line of an export or backup: {error}; name a file that `export` or `backup` has written"
                )));
            }
            if line.starts_with("{\"event\":")
                && let Ok(Entry::Item(item)) = read(&line)
            {
                sequences.follow(&item)?;
            }
            sum.add(&line);
        }
    }
    agree(&sum, end.as_ref())?;
    Ok(sum.items())
}

/// Whether what the last line says is true.
pub fn agree(sum: &Sum, end: Option<&End>) -> Result<(), AdminError> {
    let Some(end) = end else {
        return Err(AdminError::Invalid(format!(
            "the file ends after {} items without its last line: it was cut off; use another one",
            sum.items()
        )));
    };
    let found = sum.end();
    if *end == found {
        return Ok(());
    }
    Err(AdminError::Invalid(format!(
        "the file is damaged: it should have {} items with the checksum {}, and has {} with {}; use another one",
        end.items, end.crc32, found.items, found.crc32
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::event::{Action, Json, Membership, Values};

    fn id(n: u128) -> ResourceId {
        ResourceId(Uuid::from_u128(n))
    }

    fn key(kind: &str, n: u128) -> ResourceKey {
        ResourceKey { tenant: TenantId(Uuid::from_u128(7)), resource_type: kind.into(), id: id(n) }
    }

    fn record(visible: &'static str, hidden: &'static str) -> Record {
        let at = Timestamp::from_millis(1_305_261_754_001);
        Record {
            header: Header { version: 3, created: at, last_modified: at, members: 0 },
            body: Body { display: "Bär".into(), visible: visible.into(), hidden: hidden.into() },
        }
    }

    #[track_caller]
    fn check(item: Item) {
        let line = write(&item).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(read(&line), Ok(Entry::Item(Box::new(item))));
    }

    #[test]
    fn items_come_back_as_they_were() {
        check(Item::Resource(key("User", 1), record("{\"b\":1.10,\"a\":1e3}", ""), vec![]));
        check(Item::Resource(key("User", 1), record("{}", "{\"password\":\"$argon2id$\"}"), vec![]));
        let since = Some(Timestamp::from_millis(1_305_261_754_001));
        let joined = Joined { member: key("User", 1), since };
        check(Item::Members(key("Group", 2), vec![joined, key("Group", 3).into()]));
        let event =
            Event { sequence: 9, at: 5, ..Event::administration(Action::Administer, "Token", id(4), &["created"]) };
        check(Item::Event(TenantId::SYSTEM, event.clone()));
        let values = Values { document: Json::read(b"{\"a\":1.10}").unwrap(), changes: BTreeMap::new() };
        let members = Membership { joined: vec![id(5)], left: Vec::new() };
        let event = Event {
            external_id: Json::of(&"x"),
            values: Some(Box::new(values)),
            members: Some(Box::new(members)),
            ..event
        };
        check(Item::Event(key("User", 1).tenant, event));
    }

    #[test]
    fn memberships_began_before_now() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let began = |since: Option<i64>| {
            let joined = Joined { member: key("User", 1), since: since.map(Timestamp::from_millis) };
            require_past(&Item::Members(key("Group", 2), vec![key("User", 3).into(), joined]), now)
        };
        for since in [None, Some(0), Some(now.as_millis()), Some(now.as_millis() + SKEW)] {
            assert_eq!(began(since), Ok(()));
        }
        for since in [-1, -62_198_755_200_000, now.as_millis() + SKEW + 1] {
            assert!(began(Some(since)).unwrap_err().contains("since"));
        }
        let made = |since: i64| {
            let rule = json!({"name": "r", "role": "x", "externalId": "g", "since": Timestamp::from_millis(since).to_string()});
            let settings = serde_json::from_value(json!({"roles": {"rules": [rule]}})).unwrap();
            let tenant = TenantRecord::new(TenantId(Uuid::from_u128(7)), "t", settings, now);
            let body = Body { visible: serde_json::to_vec(&tenant).unwrap().into(), ..Body::default() };
            let key = ResourceKey { tenant: TenantId::SYSTEM, resource_type: KIND.into(), id: id(7) };
            require_past(&Item::Resource(key, Record { body, ..Record::default() }, vec![]), now)
        };
        assert_eq!(made(now.as_millis()), Ok(()));
        assert!(made(now.as_millis() + SKEW + 1).unwrap_err().contains("a rule for a role"));
    }

    #[test]
    fn numbers_of_events_grow() {
        let event = |tenant: u128, sequence| {
            let event = Event::administration(Action::Create, "User", id(4), &[]);
            Item::Event(TenantId(uuid::Uuid::from_u128(tenant)), Event { sequence, ..event })
        };
        let accepted = |items: &[Item]| {
            let mut sequences = Sequences::default();
            items.iter().all(|item| sequences.follow(item).is_ok())
        };
        assert!(accepted(&[event(1, 4), event(2, 1), event(1, 5), event(2, 2)]));
        // Where one is missing the feed tells.
        assert!(accepted(&[event(1, 4), event(1, 6)]));
        for wrong in [[event(1, 4), event(1, 4)], [event(1, 4), event(1, 3)], [event(1, 0), event(1, 1)]] {
            assert!(!accepted(&wrong), "{wrong:?}");
        }
        assert!(!accepted(&[event(1, u64::MAX)]));
    }

    #[test]
    fn what_is_stored_must_be_json() {
        assert!(write(&Item::Resource(key("User", 1), record("{", ""), vec![])).is_err());
    }

    #[track_caller]
    fn check_verify(text: &str, expect: Result<u64, &str>) {
        let found = verify(text.lines().map(|line| Ok(line.to_owned()))).map_err(|error| error.to_string());
        match expect {
            Ok(items) => assert_eq!(found, Ok(items)),
            Err(part) => assert!(found.as_ref().is_err_and(|message| message.contains(part)), "{found:?}"),
        }
    }

    #[test]
    fn a_file_that_is_cut_off_or_changed_is_refused() {
        let item = write(&Item::Members(key("Group", 2), vec![])).unwrap();
        let mut sum = Sum::default();
        sum.add(&item);
        let end = write_end(&sum).unwrap();
        check_verify(&format!("{item}\n{end}\n"), Ok(1));
        check_verify(&format!("{}\n", write_end(&Sum::default()).unwrap()), Ok(0));
        check_verify("", Err("cut off"));
        check_verify("{\n  \"schemas\": []\n}", Err("line 1 is not a line of an export"));
        check_verify(&item, Err("cut off"));
        check_verify(&format!("{item}\n{item}\n{end}"), Err("damaged"));
        check_verify(&format!("{item}\n{end}\n{item}"), Err("after its last one"));
        check_verify(&format!("{item}\n{}", &end[..20]), Err("last line is damaged"));
    }
}
