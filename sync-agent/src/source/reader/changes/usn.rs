//! `uSNChanged` ([MS-ADTS] 3.1.1.1.9): what each domain controller counts for itself.
//!
//! For an Active Directory that refuses DirSync. The number is worth nothing at another controller,
//! nor at the same one after its database was restored, which gives it a new invocation id; so that id
//! is kept with the number. Deletions are seen where the account may read deleted objects.

use std::collections::BTreeSet;

use ldap3::{Scope, controls::RawControl};

use crate::source::{
    Change, DirectoryError, Mark, Proof, Sink,
    reader::LdapReader,
    root_dse::RootDse,
    search::{self, RawEntry, Search, SearchMessage},
};

/// LDAP_SERVER_SHOW_DELETED_OID ([MS-ADTS] 3.1.1.3.4.1.14).
const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";

/// The highest number of this moment; `None` where the server does not tell.
pub async fn mark(reader: &mut LdapReader) -> Result<Option<Mark>, DirectoryError> {
    reader.root = RootDse::read(&mut reader.connection.ldap, reader.settings.timeout).await?;
    let invocation = invocation(reader).await?;
    Ok(reader.root.highest_usn().map(|highest| Mark::Usn { highest, invocation }))
}

/// The invocation id of the controller's database, in hexadecimal, or else the controller's name.
async fn invocation(reader: &mut LdapReader) -> Result<String, DirectoryError> {
    let service = reader.root.server().unwrap_or_default().to_owned();
    let attributes = ["invocationId".to_owned()];
    let mut id = None;
    let search = Search::one(&service, &attributes, reader.settings.timeout);
    let mut take = |mut raw: RawEntry| id = raw.attributes.take("invocationId").into_iter().next();
    match search::search(&mut reader.connection.ldap, &search, &mut take).await {
        Ok(_) | Err(DirectoryError::Search { .. }) => {}
        Err(other) => return Err(other),
    }
    Ok(id.map_or(service, hex::encode))
}

/// Gives what changed since the number to the sink.
pub async fn changes(
    reader: &mut LdapReader,
    since: u64,
    before: &str,
    sink: &mut Sink<'_>,
) -> Result<Mark, DirectoryError> {
    let refused = |reason: &str| DirectoryError::WatermarkRefused(reason.to_owned());
    let Some(Mark::Usn { highest, invocation }) = mark(reader).await? else {
        return Err(refused("the server no longer tells its highest update number"));
    };
    if invocation != before || highest < since {
        return Err(refused("the update numbers are those of another domain controller, or of a restored one"));
    }
    if highest == since {
        return Ok(Mark::Usn { highest, invocation });
    }
    let base = reader.root.naming_context(reader.bases());
    let base = base.ok_or_else(|| refused("the bases are in no naming context of this server"))?;
    let attributes = ["objectGUID", "objectClass", "uSNCreated", "isDeleted"].map(str::to_owned);
    let controls = [RawControl { ctype: SHOW_DELETED.to_owned(), crit: true, val: None }];
    let filter = format!(
        "(&(uSNChanged>={})(|(objectClass=user)(objectClass=group){})(!(objectClass=computer)))",
        since + 1,
        super::CONTAINERS
    );
    let search = Search {
        scope: Scope::Subtree,
        filter: &filter,
        page_size: Some(reader.settings.page_size),
        controls: &controls,
        ..Search::one(base.as_str(), &attributes, reader.settings.timeout)
    };
    let (mut alive, mut gone, mut renamed) = (BTreeSet::new(), Vec::new(), None);
    let flavour = reader.flavour;
    let mut take = |answer| {
        let SearchMessage::Entry(raw, _) = answer else { return };
        let Some(id) = flavour.id(&raw) else { return };
        let mut classes = raw.attributes.texts("objectClass");
        let ours = classes.any(|class| class.eq_ignore_ascii_case("user") || class.eq_ignore_ascii_case("group"));
        let created = raw.attributes.text("uSNCreated").and_then(|text| text.parse::<u64>().ok());
        if raw.attributes.text("isDeleted") == Some("TRUE") {
            gone.push(id);
        } else if ours {
            alive.insert(id);
        } else if created.is_none_or(|created| created <= since) {
            renamed = Some(raw.dn);
        }
    };
    reader.done(&search, &mut take).await?;
    if let Some(dn) = renamed {
        return Err(super::container(&dn));
    }
    for id in gone {
        sink(Change::Delete(id, Proof::tombstone()));
    }
    reader.read_again(&alive, sink).await?;
    Ok(Mark::Usn { highest, invocation })
}
