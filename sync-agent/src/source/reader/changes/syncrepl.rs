//! Content synchronisation (RFC 4533) on OpenLDAP, refreshOnly.
//!
//! Its cookie names a state of the whole database, whatever was searched for. So it is taken by a
//! search that finds nothing, everything is then read page by page (a synchronisation cannot be paged,
//! and a careful directory limits what is not), and from then on each place is asked for what changed
//! since. What OpenLDAP does, and RFC 4533 leaves open:
//!
//! - Nothing changed: a result without a cookie. The old one stays.
//! - With a session log, deletions are named. Without one, all that still exists is named
//!   (`refreshDeletes` false), and what was neither sent nor named is missing.
//! - A cookie that it cannot read: the whole content, and an empty cookie. Here that is a refusal.
//! - An answer that is malformed, as with the overlay dynlist behind syncprov: a refusal too.
//! - "Deleted" also means that an entry left the place or no longer fits the filter. So it is said to
//!   be missing, and proved like any other absence.

use std::collections::BTreeSet;

use ldap3::{
    Scope,
    asn1::{PL, StructureTag, Types},
    controls::{RawControl, RefreshMode, SyncRequest},
};

use crate::{
    dn::Dn,
    identity::{Kind, SourceId},
    source::{
        Change, DirectoryError, Key, Mark, Sink, ber,
        reader::{LdapReader, SearchPlace},
        search::{RawEntry, Search, SearchMessage, value},
    },
};

const REQUEST: &str = "1.3.6.1.4.1.4203.1.9.1.1";
const STATE: &str = "1.3.6.1.4.1.4203.1.9.1.2";
const DONE: &str = "1.3.6.1.4.1.4203.1.9.1.3";
const INFO: &[u8] = b"1.3.6.1.4.1.4203.1.9.1.4";
/// No entry has this identity.
const NOTHING: &str = "(entryUUID=00000000-0000-0000-0000-000000000000)";

pub fn request(mode: RefreshMode, cookie: Option<&[u8]>) -> RawControl {
    let request = SyncRequest { mode, cookie: cookie.map(<[u8]>::to_vec), reload_hint: false };
    RawControl { crit: true, ..request.into() }
}

/// The cookie of this moment; `None` where the server has no content synchronisation.
pub async fn mark(reader: &mut LdapReader) -> Result<Option<Mark>, DirectoryError> {
    let Some(base) = reader.bases().next().cloned().filter(|_| reader.root.supports(REQUEST)) else {
        return Ok(None);
    };
    let controls = [request(RefreshMode::RefreshOnly, None)];
    let attributes = ["1.1".to_owned()];
    let search = Search {
        scope: Scope::Subtree,
        filter: NOTHING,
        controls: &controls,
        ..Search::one(base.as_str(), &attributes, reader.settings.timeout)
    };
    match reader.done(&search, &mut |_| ()).await {
        Ok(done) => {
            let cookie = done.control(DONE).and_then(SyncDone::parse).and_then(|done| done.cookie);
            Ok(cookie.filter(|cookie| !cookie.is_empty()).map(Mark::SyncCookie))
        }
        // The database of the base has no provider of changes, or not for this account.
        Err(DirectoryError::Search { code: 12 | 50 | 53, .. }) => Ok(None),
        Err(other) => Err(other),
    }
}

/// Gives what changed since the cookie to the sink.
pub async fn changes(reader: &mut LdapReader, cookie: &[u8], sink: &mut Sink<'_>) -> Result<Mark, DirectoryError> {
    let mut next = None;
    for place in reader.places() {
        let refresh = refresh(reader, cookie, &place, reader.attributes(place.kind)).await?;
        // The first place's cookie: what happens between two places is then told again.
        next.get_or_insert_with(|| refresh.cookie.clone());
        for raw in refresh.changed {
            if let Some(entry) = reader.whole(place.kind, raw).await? {
                sink(Change::Upsert(entry));
            }
        }
        refresh.missing.into_iter().for_each(|id| sink(Change::Missing(id)));
        if let (true, Ok(base)) = (refresh.swept, Dn::parse(&place.base)) {
            refresh.present.into_iter().for_each(|id| sink(Change::Present(id)));
            // What lies beneath is told by names, which the directory spells in its own way.
            let spelt = match reader.lookup(&Key::Dn(base.clone())).await {
                Ok(raw) => raw.and_then(|raw| Dn::parse(&raw.dn).ok()),
                Err(DirectoryError::Search { .. }) => None,
                Err(other) => return Err(other),
            };
            sink(Change::Swept { kind: place.kind, base: spelt.unwrap_or(base) });
        }
    }
    containers(reader, cookie).await?;
    Ok(Mark::SyncCookie(next.flatten().unwrap_or_else(|| cookie.to_vec())))
}

/// Refuses to go on where a container was renamed.
async fn containers(reader: &mut LdapReader, cookie: &[u8]) -> Result<(), DirectoryError> {
    let bases: BTreeSet<String> = reader.bases().map(|base| base.as_str().to_owned()).collect();
    for base in bases {
        let filter = format!("(|{})", super::CONTAINERS);
        let place = SearchPlace { kind: Kind::User, base, scope: Scope::Subtree, filter };
        let refresh = refresh(reader, cookie, &place, vec!["createTimestamp".to_owned()]).await?;
        let old = |raw: &RawEntry| {
            let created = raw.attributes.text("createTimestamp").and_then(|created| created.get(..SECOND));
            created.zip(second(cookie)).is_none_or(|(created, seen)| created <= seen)
        };
        if let Some(raw) = refresh.changed.into_iter().find(old) {
            return Err(super::container(&raw.dn));
        }
    }
    Ok(())
}

/// Digits of a generalized time up to its second.
const SECOND: usize = 14;

/// The second up to which a cookie of OpenLDAP has seen changes: `rid=000,csn=20261122081500.1Z#…`,
/// or the last of several.
fn second(cookie: &[u8]) -> Option<&str> {
    let (_, numbers) = std::str::from_utf8(cookie).ok()?.split_once("csn=")?;
    numbers.split(';').filter_map(|number| number.get(..SECOND)).max()
}

/// What one search reported.
#[derive(Debug, Default)]
struct Refresh {
    changed: Vec<RawEntry>,
    present: Vec<SourceId>,
    missing: Vec<SourceId>,
    /// Everything that still exists was named.
    swept: bool,
    cookie: Option<Vec<u8>>,
    malformed: bool,
}

async fn refresh(
    reader: &mut LdapReader,
    cookie: &[u8],
    place: &SearchPlace,
    attributes: Vec<String>,
) -> Result<Refresh, DirectoryError> {
    let controls = [request(RefreshMode::RefreshOnly, Some(cookie))];
    let search = Search {
        scope: place.scope,
        filter: &place.filter,
        controls: &controls,
        ..Search::one(&place.base, &attributes, reader.settings.timeout)
    };
    let mut refresh = Refresh::default();
    let done = reader.done(&search, &mut |answer| refresh.take(answer)).await.map_err(|error| match error {
        // e-syncRefreshRequired; a cookie from the future, as after a restored backup; and too much
        // for the account's size limit, which pages do not help against here.
        DirectoryError::Search { code: 4 | 11 | 53 | 4096, reason, .. } => DirectoryError::WatermarkRefused(reason),
        other => other,
    })?;
    let Some(done) = done.control(DONE).and_then(SyncDone::parse).filter(|_| !refresh.malformed) else {
        // Some overlays in front of the one that follows changes (`dynlist`) spoil its answers. What is
        // read in full does not pass it.
        return Err(DirectoryError::WatermarkRefused(
            "an answer of the synchronisation could not be taken apart; where an overlay such as dynlist stands behind syncprov, use source.flavour = \"generic\"".to_owned(),
        ));
    };
    if done.cookie.as_ref().is_some_and(Vec::is_empty) {
        return Err(DirectoryError::WatermarkRefused("the server does not know the cookie".to_owned()));
    }
    // Without a cookie nothing changed, and nothing was named.
    refresh.swept |= !done.refresh_deletes && done.cookie.is_some();
    refresh.cookie = done.cookie;
    Ok(refresh)
}

impl Refresh {
    fn take(&mut self, answer: SearchMessage) {
        match answer {
            SearchMessage::Entry(raw, controls) => match value(&controls, STATE).and_then(SyncState::parse) {
                Some(SyncState::Present(id)) => self.present.push(id),
                Some(SyncState::Changed) => self.changed.push(raw),
                Some(SyncState::Deleted(id)) => self.missing.push(id),
                None => self.malformed = true,
            },
            SearchMessage::Info(tag) => match SyncInfo::parse(tag) {
                Some(SyncInfo::Deleted(ids)) => self.missing.extend(ids),
                Some(SyncInfo::Present(ids)) => self.present.extend(ids),
                Some(SyncInfo::PresentEnds) => self.swept = true,
                Some(SyncInfo::Other) => {}
                None => self.malformed = true,
            },
        }
    }
}

/// The Sync State control of an entry (RFC 4533 §2.3).
#[derive(Debug)]
pub enum SyncState {
    /// It is as it was.
    Present(SourceId),
    /// It is new or was changed.
    Changed,
    /// It left the content.
    Deleted(SourceId),
}

impl SyncState {
    /// From the value of the control.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut parts = ber::parts(ber::parse(value)?)?.into_iter();
        let state = ber::number(parts.next()?)?;
        let id = SourceId::from_bytes(&ber::octets(parts.next()?)?)?;
        match state {
            0 => Some(Self::Present(id)),
            1 | 2 => Some(Self::Changed),
            3 => Some(Self::Deleted(id)),
            _ => None,
        }
    }
}

/// The Sync Info message (RFC 4533 §2.5).
#[derive(Debug)]
pub enum SyncInfo {
    /// These left the content.
    Deleted(Vec<SourceId>),
    /// These are as they were.
    Present(Vec<SourceId>),
    /// All that still exists was named.
    PresentEnds,
    /// A cookie, the end of a phase, or another protocol's message.
    Other,
}

impl SyncInfo {
    /// From an intermediate message (RFC 4511 §4.13): a name `[0]` and a value `[1]`.
    pub fn parse(tag: StructureTag) -> Option<Self> {
        let (mut name, mut value) = (None, None);
        for part in ber::parts(tag)? {
            match part.id {
                0 => name = ber::octets(part),
                1 => value = ber::octets(part),
                _ => {}
            }
        }
        if name.as_deref() != Some(INFO) {
            return Some(Self::Other);
        }
        let value = ber::parse(&value?)?;
        match value.id {
            2 => Some(Self::PresentEnds),
            3 => {
                let (mut deletes, mut ids) = (false, Vec::new());
                for part in ber::parts(value)? {
                    match &part.payload {
                        PL::P(bytes) if part.id == Types::Boolean as u64 => deletes = bytes.first() != Some(&0),
                        PL::C(_) => {
                            let set = ber::parts(part)?.into_iter().map(ber::octets);
                            let set = set.map(|bytes| SourceId::from_bytes(&bytes?));
                            ids = set.collect::<Option<Vec<_>>>()?;
                        }
                        PL::P(_) => {}
                    }
                }
                Some(if deletes { Self::Deleted(ids) } else { Self::Present(ids) })
            }
            _ => Some(Self::Other),
        }
    }
}

/// The Sync Done control (RFC 4533 §2.4).
#[derive(Debug, Default)]
struct SyncDone {
    cookie: Option<Vec<u8>>,
    refresh_deletes: bool,
}

impl SyncDone {
    fn parse(value: &[u8]) -> Option<Self> {
        let mut done = Self::default();
        for part in ber::parts(ber::parse(value)?)? {
            let boolean = part.id == Types::Boolean as u64;
            let bytes = ber::octets(part)?;
            if boolean {
                done.refresh_deletes = bytes.first().is_some_and(|byte| *byte != 0);
            } else {
                done.cookie = Some(bytes);
            }
        }
        Some(done)
    }
}

#[cfg(test)]
mod tests {
    use crate::source::reader::changes::syncrepl::*;

    #[test]
    fn the_second_of_a_cookie() {
        assert_eq!(second(b"rid=000,csn=20261122081500.123456Z#000000#000#000000"), Some("20261122081500"));
        assert_eq!(second(b"rid=1,sid=2,csn=20250101000000.1Z#0;20260101000000.1Z#1"), Some("20260101000000"));
        assert_eq!(second(b"nonsense"), None);
    }

    #[test]
    fn malformed_controls_are_none() {
        assert!(SyncState::parse(&[0x30, 0x03, 0x0a, 0x01, 0x01]).is_none());
        assert!(SyncDone::parse(&[0x04]).is_none());
        assert!(SyncDone::parse(&[0x30, 0x00]).is_some_and(|done| done.cookie.is_none() && !done.refresh_deletes));
    }
}
