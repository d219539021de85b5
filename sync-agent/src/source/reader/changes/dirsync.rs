//! DirSync ([MS-ADTS] 3.1.1.3.4.1.3): Active Directory's own way to follow changes.
//!
//! With the right "Replicating Directory Changes" the cookie yields every change, deletions as
//! tombstones. Without it (result 50) the flag for object security yields what the account may see:
//! changes, and deletions only where deleted objects are readable. `name` and `parentGUID` are asked
//! for, without which renames and moves are not reported at all; members come as increments, since
//! only that a group changed is wanted here.

use std::collections::{BTreeMap, BTreeSet};

use ldap3::{Scope, controls::RawControl};

use crate::{
    dn::Dn,
    identity::{Kind, SourceId},
    source::{
        Change, DirectoryError, Key, Mark, Proof, Sink,
        ber::{self, integer, octet_string},
        entry::kind_of,
        reader::LdapReader,
        search::{Search, SearchDone, SearchMessage},
    },
};

const OID: &str = "1.2.840.113556.1.4.841";
/// LDAP_DIRSYNC_OBJECT_SECURITY.
const OBJECT_SECURITY: i64 = 1;
/// LDAP_DIRSYNC_INCREMENTAL_VALUES, as the signed number that the protocol has.
const INCREMENTAL: i64 = -0x8000_0000;

/// The cookie of this moment; `None` where neither way is granted.
pub async fn mark(reader: &mut LdapReader) -> Result<Option<Mark>, DirectoryError> {
    let Some(base) = base(reader) else { return Ok(None) };
    for object_security in [false, true] {
        // No entry has this identity, so nothing is sent but the cookie.
        let asked = DirSyncRequest { base: &base, filter: "(&(objectClass=user)(!(objectClass=*)))", object_security };
        match follow(reader, &asked, Vec::new(), &mut |_| ()).await {
            Ok(cookie) => return Ok(Some(Mark::DirSync { cookie, object_security })),
            // No such right (50); the control is unknown (12) or not for this base (53).
            Err(DirectoryError::Search { code: 12 | 50 | 53, .. }) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(None)
}

/// DirSync knows whole naming contexts only.
fn base(reader: &LdapReader) -> Option<Dn> {
    reader.root.naming_context(reader.bases())
}

/// What DirSync told about one object.
#[derive(Debug)]
struct DirSyncChange {
    dn: String,
    deleted: bool,
    /// It got another name or another parent, and is not new.
    moved: bool,
}

/// Gives what changed since the cookie to the sink.
pub async fn changes(
    reader: &mut LdapReader,
    cookie: &[u8],
    object_security: bool,
    sink: &mut Sink<'_>,
) -> Result<Mark, DirectoryError> {
    let refused = |reason: String| DirectoryError::WatermarkRefused(reason);
    let base = base(reader).ok_or_else(|| refused("the bases are in no naming context of this server".to_owned()))?;
    let filter = format!("(&(|(objectClass=user)(objectClass=group){})(!(objectClass=computer)))", super::CONTAINERS);
    let asked = DirSyncRequest { base: &base, filter: &filter, object_security };
    let mut told: BTreeMap<SourceId, DirSyncChange> = BTreeMap::new();
    let flavour = reader.flavour;
    let mut take = |answer| {
        let SearchMessage::Entry(raw, _) = answer else { return };
        let Some(id) = flavour.id(&raw) else { return };
        let has = |name: &str| !raw.attributes.bytes(name).is_empty();
        let deleted = raw.attributes.text("isDeleted") == Some("TRUE");
        let moved = (has("name") || has("parentGUID")) && !has("objectClass");
        told.insert(id, DirSyncChange { dn: raw.dn, deleted, moved });
    };
    let cookie = follow(reader, &asked, cookie.to_vec(), &mut take).await.map_err(|error| match error {
        // A broken cookie (12), one that this server does not take (53), and rights that were lost
        // (50): a full reading finds out what is granted now.
        DirectoryError::Search { code: 12 | 50 | 53, reason, .. } => refused(reason),
        other => other,
    })?;
    let mut alive = BTreeSet::new();
    for (id, told) in &told {
        if told.deleted {
            sink(Change::Delete(*id, Proof::tombstone()));
        } else {
            alive.insert(*id);
        }
    }
    let mut missing = Vec::new();
    let mut note = |change: Change| {
        if let Change::Missing(id) = &change {
            missing.push(*id);
        }
        sink(change);
    };
    reader.read_again(&alive, &mut note).await?;
    for id in missing {
        if let Some(told) = told.get(&id).filter(|told| told.moved) {
            let raw = reader.lookup(&Key::Id(id)).await?;
            let kind: Option<Kind> = raw.as_ref().and_then(|raw| kind_of(&raw.attributes));
            if raw.is_some() && kind.is_none() {
                return Err(super::container(&told.dn));
            }
        }
    }
    Ok(Mark::DirSync { cookie, object_security })
}

/// So many answers one reading may take: each has a thousand objects or more.
const MOST: usize = 100_000;

struct DirSyncRequest<'a> {
    base: &'a Dn,
    filter: &'a str,
    object_security: bool,
}

/// Asks until the server has no more, and returns the last cookie.
async fn follow(
    reader: &mut LdapReader,
    asked: &DirSyncRequest<'_>,
    mut cookie: Vec<u8>,
    take: &mut (dyn FnMut(SearchMessage) + Send),
) -> Result<Vec<u8>, DirectoryError> {
    let mut attributes = reader.attributes(Kind::User);
    attributes.extend(reader.attributes(Kind::Group));
    attributes.extend(["name", "parentGUID", "isDeleted", "objectClass"].map(str::to_owned));
    let mut seen = BTreeSet::from([cookie.clone()]);
    let flags = INCREMENTAL | if asked.object_security { OBJECT_SECURITY } else { 0 };
    loop {
        let value = ber::sequence(vec![integer(flags), integer(0), octet_string(&cookie)]);
        let controls = [RawControl { ctype: OID.to_owned(), crit: true, val: Some(value) }];
        let search = Search {
            scope: Scope::Subtree,
            filter: asked.filter,
            controls: &controls,
            ..Search::one(asked.base.as_str(), &attributes, reader.settings.timeout)
        };
        let done = reader.done(&search, take).await?;
        let malformed = || search.refused(0, "the answer to DirSync has no cookie");
        let (more, next) = response(&done).ok_or_else(malformed)?;
        // A server that says "more" and does not go on, or goes round, would be asked for ever.
        let stuck = more && (!seen.insert(next.clone()) || seen.len() > MOST);
        cookie = next;
        if stuck {
            return Err(search.refused(0, "DirSync does not go on, or does not end"));
        }
        if !more {
            return Ok(cookie);
        }
    }
}

/// Whether there is more, and the cookie.
fn response(done: &SearchDone) -> Option<(bool, Vec<u8>)> {
    let mut parts = ber::parts(ber::parse(done.control(OID)?)?)?.into_iter();
    let more = ber::number(parts.next()?)? != 0;
    Some((more, ber::octets(parts.nth(1)?)?))
}
