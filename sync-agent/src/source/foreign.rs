//! Principals of another domain in the groups of this one.
//!
//! A group of Active Directory that holds somebody of another forest holds an entry in its own domain that
//! stands for the other one: `CN=S-1-5-21-…,CN=ForeignSecurityPrincipals,DC=…` ([MS-ADTS] 6.1.1.4.6). Its
//! name is the SID of who is meant, as text; `objectSid` of the one who is meant is the same as bytes
//! ([MS-DTYP] 2.4.2.2).

use std::fmt::Write as _;

use crate::{dn::Dn, sid};

/// The SID that a name spells, in capitals; `None` for any other name than that of a foreign principal of a
/// domain (`S-1-5-21-…`): those of the system (`S-1-5-11`) are nobody in particular.
pub fn sid_of(dn: &Dn) -> Option<String> {
    let (attribute, sid) = dn.rdn().next()?;
    let container = dn.parent()?;
    let stands_for = container.rdn().next()? == ("cn", "foreignsecurityprincipals");
    let sid = sid.to_ascii_uppercase();
    (attribute == "cn" && stands_for && sid.starts_with("S-1-5-21-")).then_some(sid)
}

/// The name by which the groups of a domain hold somebody of this SID.
pub fn name_in(domain: &Dn, sid: &str) -> String {
    format!("CN={sid},CN=ForeignSecurityPrincipals,{domain}")
}

/// The filter that finds whoever has this SID, and not who stands for that one; `None` where it is none.
pub fn filter(sid: &str) -> Option<String> {
    let mut filter = "(&(!(objectClass=foreignSecurityPrincipal))(objectSid=".to_owned();
    for byte in sid::to_bytes(sid)? {
        // Writing to a `String` cannot fail.
        let _ = write!(filter, "\\{byte:02x}");
    }
    Some(filter + "))")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(dn: &str, expect: Option<&str>) {
        assert_eq!(sid_of(&Dn::parse(dn).unwrap()).as_deref(), expect, "{dn}");
    }

    #[test]
    fn only_a_principal_of_a_domain_stands_for_somebody() {
        let sid = "S-1-5-21-1-2-4294967295-1104";
        check(&name_in(&Dn::parse("DC=corp,DC=test").unwrap(), sid), Some(sid));
        check("cn=s-1-5-21-1-2-3-4,cn=foreignsecurityprincipals,dc=test", Some("S-1-5-21-1-2-3-4"));
        check("CN=S-1-5-11,CN=ForeignSecurityPrincipals,DC=test", None);
        check("CN=S-1-5-21-1-2-3-4,CN=Users,DC=test", None);
        check("OU=S-1-5-21-1-2-3-4,CN=ForeignSecurityPrincipals,DC=test", None);
        check("CN=ForeignSecurityPrincipals,DC=test", None);
    }

    #[test]
    fn a_sid_as_bytes() {
        let bytes = r"\01\05\00\00\00\00\00\05\15\00\00\00\01\00\00\00\02\00\00\00\ff\ff\ff\ff\50\04\00\00";
        let expect = format!("(&(!(objectClass=foreignSecurityPrincipal))(objectSid={bytes}))");
        assert_eq!(filter("S-1-5-21-1-2-4294967295-1104"), Some(expect));
        for none in ["S-1-5-21-x", "S-1-5-21-4294967296", "S-2-5-21", "S-1-281474976710656", "", "S-1-5--1"] {
            assert_eq!(filter(none), None, "{none}");
        }
        assert_eq!(filter(&format!("S-1-5{}", "-1".repeat(16))), None);
    }
}
