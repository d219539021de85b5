//! The path of a request.

use std::fmt;

use super::{super::vocabulary::Vocabulary, HIDDEN, is_id};

/// The most segments that are shown one by one; the rest is hidden as one.
const MAX_SEGMENTS: usize = 12;

/// What paths of this server are made of, beside ids and the words of a tenant.
const SEGMENTS: [&str; 34] = [
    "",
    ".search",
    ".well-known",
    "Bulk",
    "Me",
    "ResourceTypes",
    "Schemas",
    "ServiceProviderConfig",
    "access",
    "ack",
    "add",
    "completions",
    "consumers",
    "events",
    "introspect",
    "jwks",
    "oauth-authorization-server",
    "oauth2",
    "openapi.json",
    "poll",
    "receive",
    "remove",
    "revoke",
    "scim",
    "ssf",
    "ssf-configuration",
    "status",
    "streams",
    "subjects",
    "token",
    "users",
    "v1",
    "v2",
    "verify",
];

/// The path of a URL as it may be shown: the words of this server and of the tenant's schemas stay, and ids that are
/// ours. Any other segment may be a name.
pub struct RequestPath<'a>(pub &'a str, pub &'a Vocabulary);

impl RequestPath<'_> {
    fn shows(&self, segment: &str) -> bool {
        is_id(segment)
            || SEGMENTS.binary_search(&segment).is_ok()
            || self.1.has_endpoint(segment)
            || self.1.has_resource_type(segment)
            || self.1.has_schema(segment)
    }
}

impl fmt::Display for RequestPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let segments = self.0.strip_prefix('/').unwrap_or(self.0).splitn(MAX_SEGMENTS, '/');
        for segment in segments {
            write!(f, "/{}", if self.shows(segment) { segment } else { HIDDEN })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expect: &str) {
        assert_eq!(RequestPath(path, Vocabulary::core()).to_string(), expect);
    }

    #[test]
    fn words_and_ids_of_ours_stay_and_anything_else_goes() {
        let id = "01a20197-2780-76a9-93c4-ff01c5815090";
        check(&format!("/{id}/scim/v2/Users/{id}"), &format!("/{id}/scim/v2/Users/{id}"));
        check(&format!("/{id}/scim/v2/users/.search"), &format!("/{id}/scim/v2/users/.search"));
        check(&format!("/{id}/scim/v2/Users/jane"), &format!("/{id}/scim/v2/Users/{HIDDEN}"));
        check("/jane/oauth2/token", &format!("/{HIDDEN}/oauth2/token"));
        check(&format!("/{id}/scim/v2/Schemas/urn:jane"), &format!("/{id}/scim/v2/Schemas/{HIDDEN}"));
        check("/a/b\tc\n", &format!("/{HIDDEN}/{HIDDEN}"));
        check("", "/");
        check("/", "/");
        check(&"/Bulk".repeat(20), &format!("{}/{HIDDEN}", "/Bulk".repeat(11)));
    }

    #[test]
    fn the_words_are_in_order() {
        assert!(SEGMENTS.is_sorted());
    }
}
