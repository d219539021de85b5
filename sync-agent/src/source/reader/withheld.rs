//! Whether an attribute that an entry does not show is there.
//!
//! A search is silent about an attribute that the account may not read, in the same way as about one that the
//! entry has not. The compare operation (RFC 4511 §4.10) is not, where the server looks at the rights before it
//! looks at the entry:
//!
//! | server | the attribute is hidden | the entry has no such attribute |
//! | --- | --- | --- |
//! | OpenLDAP | 50; true or false with the right to search only | 16 |
//! | 389 Directory Server | 50 | 16 |
//! | Active Directory, Samba | no difference | no difference |

use std::collections::BTreeSet;

use super::{
    LdapReader,
    evidence::{
        COMPARE_FALSE, COMPARE_TRUE, INAPPROPRIATE_MATCHING, INSUFFICIENT_ACCESS, INVALID_SYNTAX, NO_SUCH_ATTRIBUTE,
        UNDEFINED_TYPE,
    },
};
use crate::{
    dn::Dn,
    identity::Kind,
    source::{
        DirectoryError,
        flavour::{Comparison, Flavour},
        search::{self, RawEntry, Search},
    },
};

/// Values that are tried where none is known, until one has the form that the attribute wants.
const ANY: [&[u8]; 4] = [b"0", b"000001010000Z", b"TRUE", b"cn=nobody"];

impl LdapReader {
    /// See [`crate::source::Directory::withholds`].
    pub(in crate::source) async fn withholds_attribute(
        &mut self,
        dn: &Dn,
        kind: Kind,
        attribute: &str,
        value: Option<&[u8]>,
    ) -> Result<Option<bool>, DirectoryError> {
        let flavour = self.flavour;
        if flavour.always_shows(kind).iter().any(|always| always.eq_ignore_ascii_case(attribute)) {
            return Ok(Some(true));
        }
        let states = flavour.account_state();
        let no_state = Flavour::decides_account(attribute)
            && !states.iter().any(|state| state.name.eq_ignore_ascii_case(attribute));
        if no_state || flavour.leaves_to_others(kind, attribute) {
            return Ok(Some(false));
        }
        // Where nothing was ever read and nobody can say, nothing is supposed to be there.
        let untold = value.map_or(Some(false), |_| None);
        if flavour.comparison() == Comparison::Nothing {
            return Ok(untold);
        }
        let known = value.map(|value| [value]);
        for value in known.as_ref().map_or(&ANY[..], |known| &known[..]) {
            match self.compare(dn.as_str(), attribute, value).await?.rc {
                COMPARE_FALSE | COMPARE_TRUE => return Ok(Some(true)),
                // The schema does not know the attribute.
                UNDEFINED_TYPE => return Ok(Some(false)),
                NO_SUCH_ATTRIBUTE if flavour.comparison() == Comparison::Both => return Ok(Some(false)),
                INSUFFICIENT_ACCESS => {
                    // An account that may compare nothing is told nothing.
                    let may = self.compare(dn.as_str(), "objectClass", b"top").await?.rc != INSUFFICIENT_ACCESS;
                    // The answer says nothing about an attribute that no entry can have.
                    let exists =
                        known.is_some() || Flavour::decides_account(attribute) || self.is_in_schema(attribute).await?;
                    return Ok(if may && exists { Some(true) } else { untold });
                }
                // The value has not the form of the attribute.
                INAPPROPRIATE_MATCHING | INVALID_SYNTAX => {}
                _ => return Ok(untold),
            }
        }
        Ok(untold)
    }

    /// Whether the schema has an attribute. One that cannot be read has none.
    async fn is_in_schema(&mut self, attribute: &str) -> Result<bool, DirectoryError> {
        let name = attribute.split(';').next().unwrap_or_default().to_ascii_lowercase();
        if let Some(schema) = &self.schema {
            return Ok(schema.contains(&name));
        }
        let base = self.root.schema().unwrap_or_default().to_owned();
        let attributes = ["attributeTypes".to_owned()];
        let search = Search::one(&base, &attributes, self.settings.timeout);
        let mut schema = BTreeSet::new();
        let mut take = |raw: RawEntry| schema.extend(raw.attributes.texts("attributeTypes").flat_map(names));
        match search::search(&mut self.connection.ldap, &search, &mut take).await {
            // Not for this account.
            Ok(_) | Err(DirectoryError::Search { .. }) => {}
            Err(other) => return Err(other),
        }
        let found = schema.contains(&name);
        self.schema = Some(schema);
        Ok(found)
    }
}

/// The names of an attribute type (RFC 4512 §4.1.2), in lower case: `NAME 'sn'`, `NAME ( 'sn' 'surname' )`.
fn names(definition: &str) -> Vec<String> {
    let Some((_, rest)) = definition.split_once("NAME") else { return Vec::new() };
    let rest = rest.trim_start();
    let end = if rest.starts_with('(') { rest.find(')') } else { rest.match_indices('\'').nth(1).map(|(at, _)| at) };
    let quoted = rest.get(..end.unwrap_or_default()).unwrap_or_default();
    quoted.split('\'').skip(1).step_by(2).map(str::to_ascii_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use crate::source::reader::withheld::names;

    #[test]
    fn the_names_of_an_attribute_type() {
        assert_eq!(names("( 2.5.4.4 NAME ( 'sn' 'surName' ) SUP name )"), ["sn", "surname"]);
        assert_eq!(names("( 2.5.4.41 NAME 'name' EQUALITY caseIgnoreMatch DESC 'x' )"), ["name"]);
        assert!(names("( 2.5.4.41 )").is_empty());
    }
}
