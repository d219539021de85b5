//! What a server says about itself (RFC 4512 §5.1): which kind it is, what it holds, and which of the
//! mechanisms to follow changes it has.

use std::time::Duration;

use ldap3::Ldap;

use super::{
    Attributes, DirectoryError,
    search::{self, Search},
};
use crate::{dn::Dn, source::flavour::Flavour};

const ATTRIBUTES: [&str; 11] = [
    "objectClass",
    "namingContexts",
    "defaultNamingContext",
    "supportedControl",
    "supportedCapabilities",
    "vendorName",
    "dsServiceName",
    "dnsHostName",
    "highestCommittedUSN",
    "supportedSASLMechanisms",
    "subschemaSubentry",
];

/// The root DSE of a server.
#[derive(Debug, Clone, Default)]
pub struct RootDse(Attributes);

impl RootDse {
    /// Reads it. A server that hides it has an empty one.
    pub async fn read(ldap: &mut Ldap, timeout: Duration) -> Result<Self, DirectoryError> {
        let attributes = ATTRIBUTES.map(str::to_owned);
        let mut found = Attributes::default();
        search::search(ldap, &Search::one("", &attributes, timeout), &mut |raw| found = raw.attributes).await?;
        Ok(Self(found))
    }

    /// Which kind of directory this is.
    pub fn flavour(&self) -> Flavour {
        Flavour::of_server(&self.0)
    }

    /// Whether this is Samba, which compares whatever the account may read.
    pub fn is_samba(&self) -> bool {
        self.0.texts("vendorName").any(|vendor| vendor.contains("Samba"))
    }

    /// Where the schema stands (RFC 4512 §4.2).
    pub fn schema(&self) -> Option<&str> {
        self.0.text("subschemaSubentry")
    }

    /// Whether the server says that it has a control.
    pub fn supports(&self, oid: &str) -> bool {
        self.0.texts("supportedControl").any(|supported| supported == oid)
    }

    /// What the server holds.
    pub fn naming_contexts(&self) -> Vec<Dn> {
        self.0.texts("namingContexts").filter_map(|text| Dn::parse(text).ok()).collect()
    }

    /// Where people and groups can be: the domain of the server, or else every naming context that is not for the
    /// administration of the server itself.
    pub fn contents(&self) -> Vec<Dn> {
        match self.0.text("defaultNamingContext").and_then(|text| Dn::parse(text).ok()) {
            Some(domain) if self.flavour().has_domain() => vec![domain],
            _ => {
                let own = |nc: &Dn| {
                    let text = nc.as_str().to_ascii_lowercase();
                    text.starts_with("cn=") || text.starts_with("o=netscaperoot")
                };
                self.naming_contexts().into_iter().filter(|nc| !own(nc)).collect()
            }
        }
    }

    /// The innermost naming context around all of these names.
    pub fn naming_context<'a>(&self, mut bases: impl Iterator<Item = &'a Dn>) -> Option<Dn> {
        let first = bases.next()?;
        let within: Vec<Dn> = self.naming_contexts().into_iter().filter(|nc| first.is_within(nc)).collect();
        let innermost = within.into_iter().max_by_key(|nc| nc.as_str().len())?;
        bases.all(|base| base.is_within(&innermost)).then_some(innermost)
    }

    /// What distinguishes this server from its replicas, where it says so.
    pub fn server(&self) -> Option<&str> {
        self.0.text("dsServiceName").or_else(|| self.0.text("dnsHostName"))
    }

    /// The highest update sequence number of this domain controller.
    pub fn highest_usn(&self) -> Option<u64> {
        self.0.text("highestCommittedUSN")?.parse().ok()
    }
}
