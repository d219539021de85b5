//! What the account may do, for `sync-agent check`: tried, and not assumed.
//!
//! Each finding is data; the words for people are made where they are printed. A plain account gets
//! changes and never a deletion, without an error or a hint, so that has to be found out by looking.

use std::collections::BTreeMap;

use ldap3::{Scope, controls::RawControl};
use serde::Serialize;

use super::{
    Directory, DirectoryError, Mark,
    reader::LdapReader,
    search::{self, Search},
};
use crate::{
    identity::Kind,
    source::{flavour::ChangeTracking, settings::SourceSettings},
};

/// LDAP_SERVER_SHOW_DELETED_OID.
const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";
/// How many entries of a kind are looked at.
const SAMPLE: i32 = 50;

/// What was found.
#[derive(Debug, Clone, Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "each is a finding of its own")]
pub struct Rights {
    /// The server that answered.
    pub server: String,
    /// Whether the connection is protected by TLS.
    pub tls: bool,
    /// The kind of directory, as the configuration or the server says.
    pub flavour: String,
    /// Whether the canary can be read, without which no absence is ever proved.
    pub canary: bool,
    /// The filter that makes an entry a user.
    pub user_filter: String,
    /// The filter that makes an entry a group.
    pub group_filter: String,
    /// How many users the first page shows.
    pub users: usize,
    /// How many groups the first page shows.
    pub groups: usize,
    /// For each attribute that says whether an account may be used: how many of these users show it.
    pub account_state: BTreeMap<&'static str, usize>,
    /// How many of these groups show members.
    pub groups_with_members: usize,
    /// How many of these groups show none, although a group of their class has at least one.
    pub groups_that_hide_members: usize,
    /// The mechanism by which changes are followed; `None` where every reading is full.
    pub mechanism: Option<&'static str>,
    /// Whether deletions are shown at once. Otherwise the full comparison finds them.
    pub sees_deletions: bool,
    /// Whether a deleted object was shown; `None` where the directory keeps none. That its container
    /// can be read says nothing: a plain account may, and sees nothing in it.
    pub deleted_objects: Option<bool>,
    /// Whether the directory can say at once that something changed.
    pub notifies: bool,
}

/// Tries what the account may do. That it can connect and bind is shown by the answer.
pub async fn examine(settings: &SourceSettings, mapped: Vec<String>) -> Result<Rights, DirectoryError> {
    let mut reader = LdapReader::open(settings, mapped).await?;
    let canary = reader.find(&settings.canary).await?.is_some();
    let (mut users, mut groups, mut groups_with_members, mut groups_that_hide_members) = (0, 0, 0, 0);
    let flavour = reader.flavour;
    let state = flavour.account_state().first();
    let mut account_state: BTreeMap<&str, usize> = state.map(|state| (state.name, 0)).into_iter().collect();
    for place in reader.places() {
        let attributes = reader.attributes(place.kind);
        let search = Search {
            scope: place.scope,
            filter: &place.filter,
            size_limit: SAMPLE,
            ..Search::one(&place.base, &attributes, settings.timeout)
        };
        let mut take = |raw: search::RawEntry| match place.kind {
            Kind::User => {
                users += 1;
                for (name, seen) in &mut account_state {
                    *seen += usize::from(raw.attributes.text(name).is_some());
                }
            }
            Kind::Group => {
                groups += 1;
                let mut names = raw.attributes.iter().map(|(name, _)| name);
                let shows = names.any(|name| name.contains("member"));
                groups_with_members += usize::from(shows);
                groups_that_hide_members += usize::from(!shows && flavour.must_have_members(&raw.attributes));
            }
        };
        match search::search(&mut reader.connection.ldap, &search, &mut take).await {
            // The sample is cut on purpose.
            Ok(_) | Err(DirectoryError::Search { code: 4, .. }) => {}
            Err(other) => return Err(other),
        }
    }
    let filter = |kind| {
        let place = reader.places().into_iter().find(|place| place.kind == kind);
        place.map(|place| place.filter).unwrap_or_default()
    };
    let (user_filter, group_filter) = (filter(Kind::User), filter(Kind::Group));
    let mark = reader.mark().await?;
    let tracking = flavour.change_tracking();
    let deleted_objects = match tracking {
        ChangeTracking::DirSync => Some(deleted_objects(&mut reader).await?),
        ChangeTracking::ContentSync | ChangeTracking::ModifyTimestamp => None,
    };
    let notifies = matches!(mark, Some(Mark::SyncCookie(_))) || tracking == ChangeTracking::DirSync;
    let timestamp = (tracking == ChangeTracking::ModifyTimestamp).then_some("modifyTimestamp");
    Ok(Rights {
        tls: settings.tls.start_tls || reader.server().starts_with("ldaps://"),
        server: reader.server().to_owned(),
        flavour: flavour.to_string(),
        canary,
        user_filter,
        group_filter,
        users,
        groups,
        account_state,
        groups_with_members,
        groups_that_hide_members,
        sees_deletions: mark.as_ref().is_some_and(Mark::shows_deletions) || deleted_objects == Some(true),
        mechanism: mark.as_ref().map(Mark::mechanism).or(timestamp),
        deleted_objects,
        notifies,
    })
}

/// Whether the account sees anything among the deleted objects.
async fn deleted_objects(reader: &mut LdapReader) -> Result<bool, DirectoryError> {
    let Some(context) = reader.root.naming_context(reader.bases()) else { return Ok(false) };
    let base = format!("CN=Deleted Objects,{context}");
    let attributes = ["1.1".to_owned()];
    let controls = [RawControl { ctype: SHOW_DELETED.to_owned(), crit: true, val: None }];
    let search = Search {
        scope: Scope::OneLevel,
        controls: &controls,
        size_limit: 1,
        ..Search::one(&base, &attributes, reader.settings.timeout)
    };
    let mut seen = false;
    match search::search(&mut reader.connection.ldap, &search, &mut |_| seen = true).await {
        Ok(_) | Err(DirectoryError::Search { .. }) => Ok(seen),
        Err(other) => Err(other),
    }
}
