//! `Debug` of the store's values: it shows only the length of values that may be personal.
//!
//! Somebody may log an error or a commit with `{:?}` anywhere. So the types that contain values of attributes hide
//! them, and so does everything that is made of these types.

use std::fmt;

use super::{Body, IndexValue, Reference};

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("display", &hidden(&self.display))
            .field("visible", &hidden(&self.visible))
            .field("hidden", &hidden(&self.hidden))
            .finish()
    }
}

impl fmt::Debug for IndexValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IndexValue").field(&hidden(&self.0)).finish()
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reference")
            .field("resource_type", &self.resource_type)
            .field("id", &self.id)
            .field("display", &hidden(&self.display))
            .finish()
    }
}

fn hidden(bytes: &[u8]) -> Hidden {
    Hidden(bytes.len())
}

/// So many bytes.
struct Hidden(usize);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::store::{
        IndexEntry, IndexKey, IndexRange, Item, Position, Record, ResourceId, ResourceKey, StoreError, TenantId,
        Values, Write,
    };

    #[track_caller]
    fn check(shown: &dyn fmt::Debug, expect: &str) {
        for text in [format!("{shown:?}"), format!("{shown:#?}")] {
            assert!(!text.contains("anna"), "{text}");
            // As bytes in decimal, as a derived implementation would write them.
            assert!(!text.replace(char::is_whitespace, "").contains("97,110,110,97"), "{text}");
            assert!(text.contains(expect), "{text}");
        }
    }

    #[test]
    fn no_value_is_shown() {
        let (tenant, id) = (TenantId(Uuid::from_u128(1)), ResourceId(Uuid::from_u128(2)));
        let key = ResourceKey { tenant, resource_type: "User".into(), id };
        let value = || IndexValue(b"anna".into());
        let at = IndexKey { tenant, resource_type: "User".into(), attribute: "userName".into(), value: value() };
        let entry = IndexEntry { key: at, id, unique: true };
        let body = Body { display: "anna".into(), visible: "{\"userName\":\"anna\"}".into(), hidden: "anna".into() };
        let record = Record { body: body.clone(), ..Record::default() };
        let range = IndexRange {
            tenant,
            resource_type: "User".into(),
            attribute: "userName".into(),
            values: Values::Prefix(value()),
            descending: false,
        };
        check(&StoreError::Taken(entry.clone()), "userName");
        check(&entry, "<4 bytes>");
        check(&Write::Index(entry.clone()), "userName");
        check(&Write::Put(key.clone(), body), "<19 bytes>");
        check(&Item::Resource(key, record, vec![entry]), "User");
        check(&range, "userName");
        check(&Position { value: value(), id }, "<4 bytes>");
        check(&Reference { resource_type: "User".into(), id, display: "anna".into() }, "User");
    }
}
