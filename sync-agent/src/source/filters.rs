//! Filters (RFC 4515) that the agent makes, and the attributes that a filter of the configuration reads.

use ldap3::ldap_escape;

use super::flavour::Flavour;

/// How a group may name an entry as its member.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeldAs {
    Dn(String),
    Login(String),
    /// By SID, in another domain of the same agent.
    Sid(String),
}

/// The filter of groups that hold any of these. Each name is escaped (RFC 4515 §3).
pub fn holders_filter(flavour: Flavour, groups: &str, held: &[HeldAs]) -> String {
    let (by_dn, by_login) = flavour.member_attributes();
    let mut any = String::new();
    for name in held {
        match name {
            HeldAs::Dn(dn) => {
                let dn = ldap_escape(dn.as_str());
                any.extend(by_dn.iter().chain(&by_login).map(|attribute| format!("({attribute}={dn})")));
            }
            HeldAs::Login(login) => {
                let login = ldap_escape(login.as_str());
                any.extend(by_login.map(|attribute| format!("({attribute}={login})")));
            }
            HeldAs::Sid(_) => {}
        }
    }
    format!("(&{groups}(|{any}))")
}

/// The filter of people who refer to any of these by one of the attributes; `None` if no one can.
pub fn referring_filter(people: &str, held: &[HeldAs], attributes: &[String]) -> Option<String> {
    let names = held.iter().filter_map(|name| match name {
        HeldAs::Dn(dn) => Some(ldap_escape(dn.as_str())),
        HeldAs::Login(_) | HeldAs::Sid(_) => None,
    });
    let each = names.flat_map(|dn| attributes.iter().map(move |attribute| format!("({attribute}={dn})")));
    let any: String = each.collect();
    (!any.is_empty()).then(|| format!("(&{people}(|{any}))"))
}

/// The attributes that a filter reads, in lower case. The filter was parsed before.
pub fn attributes_of(filter: &str) -> Vec<String> {
    let item = |text: &str| {
        let end = text.find(['=', '<', '>', '~', ':'])?;
        let name = text.get(..end)?.trim().to_ascii_lowercase();
        (!name.is_empty() && !name.starts_with(['&', '|', '!'])).then_some(name)
    };
    let mut names: Vec<String> = filter.split('(').filter_map(item).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attributes_of_a_filter() {
        let filter =
            "(&(objectClass=person)(|(employeeType=a=b)(!(Mail=*)))(userAccountControl:1.2.840:=2)(n>=1)(o~=x))";
        assert_eq!(attributes_of(filter), ["employeetype", "mail", "n", "o", "objectclass", "useraccountcontrol"]);
        assert!(attributes_of("").is_empty());
    }
}
