//! `modifyTimestamp` (RFC 4512 §3.4): what any LDAP directory has.
//!
//! The mark is the newest timestamp that was seen, so no clock but the server's own counts. Its
//! second is read again, since more may have happened in it. Deletions and moves out of the bases are
//! not seen; the full comparison finds them.

use std::collections::BTreeSet;

use ldap3::Scope;

use crate::source::{
    DirectoryError, Mark, Sink,
    entry::kind_of,
    reader::LdapReader,
    search::{Search, SearchMessage},
};

/// Gives what changed since the timestamp to the sink.
pub async fn changes(reader: &mut LdapReader, since: &str, sink: &mut Sink<'_>) -> Result<Mark, DirectoryError> {
    let filter = format!("(modifyTimestamp>={since})");
    let attributes =
        [reader.flavour.id_attribute(), "objectClass", "createTimestamp", "modifyTimestamp"].map(str::to_owned);
    let bases: BTreeSet<String> = reader.bases().map(|base| base.as_str().to_owned()).collect();
    let (mut changed, mut renamed, mut newest) = (BTreeSet::new(), None, since.to_owned());
    let flavour = reader.flavour;
    for base in bases {
        let search = Search {
            scope: Scope::Subtree,
            filter: &filter,
            page_size: Some(reader.settings.page_size),
            ..Search::one(&base, &attributes, reader.settings.timeout)
        };
        let mut take = |answer| {
            let SearchMessage::Entry(raw, _) = answer else { return };
            let modified = raw.attributes.text("modifyTimestamp").unwrap_or_default();
            if modified > newest.as_str() {
                modified.clone_into(&mut newest);
            }
            let container = kind_of(&raw.attributes).is_none() && is_container(&raw.attributes);
            let old = raw.attributes.text("createTimestamp").is_none_or(|created| created <= since);
            if container && modified > since && old {
                renamed = Some(raw.dn);
            } else if !container && let Some(id) = flavour.id(&raw) {
                changed.insert(id);
            }
        };
        reader.done(&search, &mut take).await?;
    }
    if let Some(dn) = renamed {
        return Err(super::container(&dn));
    }
    reader.read_again(&changed, sink).await?;
    Ok(Mark::Modified(newest))
}

fn is_container(attributes: &crate::source::Attributes) -> bool {
    attributes.texts("objectClass").any(|class| super::CONTAINERS.contains(&format!("={class})")))
}
