//! What a server says about itself (RFC 4512 §5.1): which kind it is, what it holds, and which of the
//! mechanisms to follow changes it has.

use std::time::Duration;

use ldap3::Ldap;

use super::{
    Attributes, DirectoryError,
    search::{self, Search},
};
use crate::{dn::Dn, source::settings::Flavour};

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

/// LDAP_CAP_ACTIVE_DIRECTORY_OID ([MS-ADTS] 3.1.1.3.4.3).
const ACTIVE_DIRECTORY: &str = "1.2.840.113556.1.4.800";

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
        let any = |name, wanted: &dyn Fn(&str) -> bool| self.0.texts(name).any(wanted);
        if any("supportedCapabilities", &|oid| oid == ACTIVE_DIRECTORY) {
            Flavour::ActiveDirectory
        } else if any("objectClass", &|class| class.eq_ignore_ascii_case("OpenLDAProotDSE")) {
            Flavour::OpenLdap
        } else if any("vendorName", &|vendor| vendor.contains("389 Project")) {
            Flavour::Ds389
        } else {
            Flavour::Generic
        }
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

    /// Where people and groups can be: the domain of Active Directory, else every naming context that is no
    /// administration of the server itself.
    pub fn contents(&self) -> Vec<Dn> {
        match self.0.text("defaultNamingContext").and_then(|text| Dn::parse(text).ok()) {
            Some(domain) if self.flavour() == Flavour::ActiveDirectory => vec![domain],
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
