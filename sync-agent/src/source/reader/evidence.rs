//! Traces of an object that is not seen: what a server says beyond what the account may read.
//!
//! A search is silent about what is hidden, in the same way as about what is not there. The compare
//! operation (RFC 4511 §4.10) is not quite as silent, and neither is the name that comes with
//! "no such object" (`matchedDN`, §4.1.9: the last entry on the way to the one that was named):
//!
//! | server | of a hidden entry | of a name that nothing has |
//! | --- | --- | --- |
//! | OpenLDAP | 32 without `matchedDN`, or 50 | 32, `matchedDN` is the parent |
//! | 389 Directory Server | 50 | 0 or 32 |
//! | Samba | true or false, whatever may be read | 32 |
//! | Active Directory | the entry without attributes, where its container may be listed | 32 |
//!
//! So each name is asked for beside a name in the same container that nothing can have. Only where the
//! server answers as it would not answer for something hidden is a name said to be vacant.

use ldap3::{LdapResult, Scope, controls::RawControl};
use uuid::Uuid;

use crate::{
    dn::Dn,
    identity::SourceId,
    source::{
        DirectoryError, HeldAs,
        flavour::Unmatched,
        reader::LdapReader,
        search::{self, Search},
        trace::Trace,
    },
};

/// LDAP_SERVER_SHOW_DELETED_OID ([MS-ADTS] 3.1.1.3.4.1.14).
const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";

pub(super) const COMPARE_FALSE: u32 = 5;
pub(super) const COMPARE_TRUE: u32 = 6;
pub(super) const NO_SUCH_ATTRIBUTE: u32 = 16;
pub(super) const UNDEFINED_TYPE: u32 = 17;
pub(super) const INAPPROPRIATE_MATCHING: u32 = 18;
pub(super) const INVALID_SYNTAX: u32 = 21;
const NO_SUCH_OBJECT: u32 = 32;
pub(super) const INSUFFICIENT_ACCESS: u32 = 50;

impl LdapReader {
    /// What the server says of an object: by its identity where that can be asked for, else by the
    /// name that it had last.
    pub(in crate::source) async fn trace_object(
        &mut self,
        id: SourceId,
        last: Option<&Dn>,
    ) -> Result<Trace, DirectoryError> {
        match (self.flavour.base_of(id), last) {
            (Some(base), _) => self.trace_identity(&base, last).await,
            (None, Some(dn)) => self.trace_name_of(dn, Some(id)).await,
            (None, None) => Ok(Trace::Silent("nobody remembers where it stood".to_owned())),
        }
    }

    /// What the server says of a name. `id` is whom it belonged to.
    pub(in crate::source) async fn trace_name_of(
        &mut self,
        dn: &Dn,
        id: Option<SourceId>,
    ) -> Result<Trace, DirectoryError> {
        if let Some(shown) = self.shown(dn).await? {
            return Ok(match (shown, id) {
                (Some(shown), Some(id)) if shown != id => Trace::Taken,
                // For a name alone it is enough that it hides nothing.
                (Some(_), None) => Trace::Vacant,
                _ => Trace::Hidden(format!("{dn} is shown without its {}", self.flavour.id_attribute())),
            });
        }
        let Some(parent) = dn.parent() else { return Ok(Trace::Silent(format!("{dn} is in no container"))) };
        let said = self.compare(dn.as_str(), "objectClass", b"top").await?;
        if let 10 | 34 | 53 = said.rc {
            return Ok(Trace::Silent(format!("the server does not hold {dn}")));
        }
        if !absent(&said) {
            return Ok(Trace::Hidden(format!("there is an entry {dn}, which the account may not read")));
        }
        let nothing = format!("cn={},{parent}", Uuid::new_v4());
        let control = self.compare(&nothing, "objectClass", b"top").await?;
        let silent = || Trace::Silent(format!("the account may not see whether {parent} holds anything"));
        if !absent(&control) {
            return Ok(silent());
        }
        Ok(match (same_name(&said.matched), same_name(&control.matched)) {
            (Some(one), Some(other)) if one == other => Trace::Vacant,
            (None, Some(_)) => Trace::Hidden(format!("there is an entry {dn}, which the account may not read")),
            _ if self.root.is_samba() => Trace::Vacant,
            _ => match self.flavour.unmatched() {
                Unmatched::Vacant => Trace::Vacant,
                Unmatched::VacantWhereListed if self.lists(&parent).await? => Trace::Vacant,
                Unmatched::VacantWhereListed | Unmatched::Nothing => silent(),
            },
        })
    }

    /// By identity, which Active Directory takes as a base.
    async fn trace_identity(&mut self, base: &str, last: Option<&Dn>) -> Result<Trace, DirectoryError> {
        let attributes = ["isDeleted".to_owned()];
        let controls = [RawControl { ctype: SHOW_DELETED.to_owned(), crit: true, val: None }];
        let search = Search { controls: &controls, ..Search::one(base, &attributes, self.settings.timeout) };
        let mut found = None;
        let mut take = |raw: search::RawEntry| found = Some(raw.attributes.text("isDeleted") == Some("TRUE"));
        match search::search(&mut self.connection.ldap, &search, &mut take).await {
            // No right to see deleted objects.
            Ok(_) | Err(DirectoryError::Search { code: 12 | 50 | 53, .. }) => {}
            Err(other) => return Err(other),
        }
        match found {
            Some(true) => return Ok(Trace::Deleted),
            Some(false) => return Ok(Trace::Hidden("it is there, and the account may not read it".to_owned())),
            None => {}
        }
        if !absent(&self.compare(base, "objectClass", b"top").await?) {
            return Ok(Trace::Hidden("it is there, and the account may not read it".to_owned()));
        }
        if self.root.is_samba() {
            return Ok(Trace::Nowhere);
        }
        match last {
            Some(dn) => self.trace_name_of(dn, None).await,
            None => Ok(Trace::Silent("nobody remembers where it stood".to_owned())),
        }
    }

    /// Whether a name is shown at all, and then the identity that is shown with it.
    async fn shown(&mut self, dn: &Dn) -> Result<Option<Option<SourceId>>, DirectoryError> {
        let attributes = [self.flavour.id_attribute().to_owned()];
        let search = Search::one(dn.as_str(), &attributes, self.settings.timeout);
        let (mut shown, flavour) = (None, self.flavour);
        match search::search(&mut self.connection.ldap, &search, &mut |raw| shown = Some(flavour.id(&raw))).await {
            // Another server's, no name to this one, or not for this account.
            Ok(_) | Err(DirectoryError::Search { code: 10 | 34 | 50, .. }) => Ok(shown),
            Err(other) => Err(other),
        }
    }

    /// Whether a container can be read and shows something within. In Active Directory the right to
    /// list is the container's, so whoever sees one sees the names of all.
    async fn lists(&mut self, container: &Dn) -> Result<bool, DirectoryError> {
        let attributes = ["1.1".to_owned()];
        let search = Search {
            scope: Scope::OneLevel,
            size_limit: 1,
            ..Search::one(container.as_str(), &attributes, self.settings.timeout)
        };
        let mut seen = false;
        match search::search(&mut self.connection.ldap, &search, &mut |_| seen = true).await {
            Ok(_) | Err(DirectoryError::Search { code: 4 | 50, .. }) => Ok(seen),
            Err(other) => Err(other),
        }
    }

    /// Whether a group still has a member that it no longer shows. `None` where nobody can say.
    pub(in crate::source) async fn has_member(
        &mut self,
        group: &Dn,
        member: &HeldAs,
    ) -> Result<Option<bool>, DirectoryError> {
        let (by_dn, by_login) = self.flavour.member_attributes();
        let (attributes, value): (Vec<&str>, &str) = match member {
            HeldAs::Dn(dn) => (by_dn.to_vec(), dn),
            HeldAs::Login(login) => (by_login.into_iter().collect(), login),
            // In its own domain nobody is held so.
            HeldAs::Sid(_) => return Ok(Some(false)),
        };
        let mut sure = true;
        for attribute in attributes {
            match self.compare(group.as_str(), attribute, value.as_bytes()).await?.rc {
                COMPARE_TRUE => return Ok(Some(true)),
                // Not this value, none at all, or an attribute that the schema does not know.
                COMPARE_FALSE | NO_SUCH_ATTRIBUTE | UNDEFINED_TYPE => {}
                _ => sure = false,
            }
        }
        Ok(sure.then_some(false))
    }

    /// All containers that the account sees in what the server holds of the bases.
    pub(in crate::source) async fn all_containers(&mut self) -> Result<Vec<(Option<SourceId>, Dn)>, DirectoryError> {
        self.seen_by(&format!("(|{})", super::changes::CONTAINERS)).await
    }

    /// Every entry of this filter that the account sees.
    async fn seen_by(&mut self, filter: &str) -> Result<Vec<(Option<SourceId>, Dn)>, DirectoryError> {
        let bases: Vec<Dn> = self.bases().cloned().collect();
        let mut contexts: Vec<Dn> = self.root.naming_contexts();
        contexts.retain(|context| bases.iter().any(|base| base.is_within(context)));
        let places = if contexts.is_empty() { bases } else { contexts };
        let attributes = [self.flavour.id_attribute().to_owned()];
        let (mut seen, flavour) = (Vec::new(), self.flavour);
        for place in places {
            let search = Search {
                scope: Scope::Subtree,
                filter,
                page_size: Some(self.settings.page_size),
                ..Search::one(place.as_str(), &attributes, self.settings.timeout)
            };
            let mut take =
                |raw: search::RawEntry| seen.extend(Dn::parse(&raw.dn).ok().map(|dn| (flavour.id(&raw), dn)));
            search::search(&mut self.connection.ldap, &search, &mut take).await?;
        }
        Ok(seen)
    }

    /// Every entry that the account sees in what the server holds of the bases: its name, and its identity.
    pub(in crate::source) async fn everything_seen(&mut self) -> Result<Vec<(Option<SourceId>, Dn)>, DirectoryError> {
        self.seen_by("(objectClass=*)").await
    }

    /// One comparison (RFC 4511 §4.10). That the server cannot answer now is an error.
    pub(super) async fn compare(
        &mut self,
        dn: &str,
        attribute: &str,
        value: &[u8],
    ) -> Result<LdapResult, DirectoryError> {
        let search = Search::one(dn, &[], self.settings.timeout);
        self.connection.ldap.with_timeout(self.settings.timeout);
        let answer = self.connection.ldap.compare(dn, attribute, value).await;
        let result = answer.map_err(|source| DirectoryError::lost(format!("the comparison of {dn}"), source))?;
        match result.0.rc {
            code @ (1 | 3 | 11 | 51 | 52) => Err(search.refused(code, search::in_words(code, &result.0.text))),
            _ => Ok(result.0),
        }
    }
}

/// Whether nothing was found to compare: 389 Directory Server says success, which no comparison ends with.
const fn absent(said: &LdapResult) -> bool {
    matches!(said.rc, 0 | NO_SUCH_OBJECT)
}

/// A name that came with an answer; the empty one says nothing.
fn same_name(matched: &str) -> Option<Dn> {
    Dn::parse(matched).ok().filter(|dn| !dn.as_str().is_empty())
}
