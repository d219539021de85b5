//! The words that may be shown: the names in a tenant's schemas, in the protocol and in this server.
//!
//! A client may put a person's name into any place of a request, even where the name of an attribute or an operation
//! belongs. So the audit log shows a word because of what it *is*, not because of its place: a word of this list is
//! impersonal.

use std::{cmp::Ordering, sync::LazyLock};

use scim_protocol::{
    ErrorKind,
    error::ERROR_SCHEMA,
    filter::CompareOperator,
    message::{BULK_REQUEST_SCHEMA, BULK_RESPONSE_SCHEMA, LIST_RESPONSE_SCHEMA, SEARCH_REQUEST_SCHEMA},
    patch::PATCH_OP_SCHEMA,
    schema::{Attribute, ResourceType, SchemaRegistry, core},
};

/// The names in the messages of RFC 7644 §3, beside those of attributes.
const OF_MESSAGES: [&str; 25] = [
    "schemas",
    "id",
    "meta",
    "Operations",
    "op",
    "path",
    "value",
    "method",
    "bulkId",
    "data",
    "failOnErrors",
    "response",
    "status",
    "detail",
    "scimType",
    "Resources",
    "totalResults",
    "itemsPerPage",
    "attributes",
    "excludedAttributes",
    "filter",
    "sortBy",
    "sortOrder",
    "startIndex",
    "count",
];
/// The parameters of a query (RFC 7644 §3.4.2 table 3, RFC 9865 §2).
const PARAMETERS: [&str; 8] =
    ["attributes", "excludedAttributes", "filter", "sortBy", "sortOrder", "startIndex", "count", "cursor"];
/// The words of a filter that are neither an attribute nor an operator that compares (RFC 7644 §3.4.2.2).
const OF_FILTERS: [&str; 7] = ["pr", "and", "or", "not", "true", "false", "null"];
/// The schemas of messages and of discovery.
const OF_THE_PROTOCOL: [&str; 9] = [
    PATCH_OP_SCHEMA,
    BULK_REQUEST_SCHEMA,
    BULK_RESPONSE_SCHEMA,
    SEARCH_REQUEST_SCHEMA,
    LIST_RESPONSE_SCHEMA,
    ERROR_SCHEMA,
    core::SERVICE_PROVIDER_CONFIG,
    core::RESOURCE_TYPE,
    core::SCHEMA,
];

static CORE: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::of(&SchemaRegistry::core()));

/// The words of one tenant. All of them are compared without case, as the protocol compares them.
#[derive(Debug)]
pub struct Vocabulary {
    /// Attributes, sub-attributes and the keys of messages; sorted.
    names: Vec<Box<str>>,
    /// The URIs of schemas.
    schemas: Vec<Box<str>>,
    /// Resource types with their endpoints: `User`, `/Users`.
    resource_types: Vec<(Box<str>, Box<str>)>,
}

impl Vocabulary {
    /// The words of a tenant with these schemas.
    pub fn of(registry: &SchemaRegistry) -> Self {
        let mut names: Vec<Box<str>> = OF_MESSAGES.iter().map(|name| Box::from(*name)).collect();
        names.push(Box::from("cursor"));
        let of_schemas = registry.schemas().iter().flat_map(|schema| &schema.attributes);
        for attribute in ResourceType::common_attributes().iter().chain(of_schemas) {
            add(&mut names, attribute);
        }
        names.sort_unstable_by(|a, b| without_case(a, b));
        names.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
        let schemas = registry.schemas().iter().map(|schema| schema.id.as_str()).chain(OF_THE_PROTOCOL);
        let resource_types = registry.resource_types().iter();
        Self {
            names,
            schemas: schemas.map(Box::from).collect(),
            resource_types: resource_types.map(|rt| (rt.name.as_str().into(), rt.endpoint.as_str().into())).collect(),
        }
    }

    /// The words that every tenant has. For a request of which it is not known whose it is.
    pub fn core() -> &'static Self {
        &CORE
    }

    /// Whether it is one name.
    pub fn has_name(&self, word: &str) -> bool {
        self.names.binary_search_by(|name| without_case(name, word)).is_ok()
    }

    /// Whether it is the URI of a schema.
    pub fn has_schema(&self, word: &str) -> bool {
        self.schemas.iter().any(|schema| schema.eq_ignore_ascii_case(word))
    }

    /// Whether it is the endpoint of a resource type, without its slash.
    pub fn has_endpoint(&self, word: &str) -> bool {
        let is_it = |endpoint: &str| endpoint.strip_prefix('/').is_some_and(|name| name.eq_ignore_ascii_case(word));
        self.resource_types.iter().any(|(_, endpoint)| is_it(endpoint))
    }

    /// Whether it is the name of a resource type.
    pub fn has_resource_type(&self, word: &str) -> bool {
        self.resource_types.iter().any(|(name, _)| name.eq_ignore_ascii_case(word))
    }

    /// The endpoint with its slash that is at the begin of a path, and what follows it.
    pub fn endpoint<'a>(&self, path: &'a str) -> Option<(&'a str, &'a str)> {
        self.resource_types.iter().map(|(_, endpoint)| &**endpoint).chain(["/Bulk", "/.search"]).find_map(|endpoint| {
            let (found, rest) = path.split_at_checked(endpoint.len())?;
            (found.eq_ignore_ascii_case(endpoint) && (rest.is_empty() || rest.starts_with('/')))
                .then_some((found, rest))
        })
    }

    /// Whether it names an attribute, as RFC 7644 §3.10 writes it: `userName`, `name.givenName`, with
    /// the URI of its schema or without; or a schema.
    pub fn has_attribute(&self, word: &str) -> bool {
        let with_schema = self.schemas.iter().find_map(|schema| {
            let (found, rest) = word.split_at_checked(schema.len())?;
            found.eq_ignore_ascii_case(schema).then_some(rest)
        });
        match with_schema {
            Some("") => true,
            Some(rest) => rest.strip_prefix(':').is_some_and(|rest| self.has_names(rest)),
            None => self.has_names(word),
        }
    }

    fn has_names(&self, dotted: &str) -> bool {
        dotted.split('.').all(|name| self.has_name(name))
    }
}

/// Whether it is a word of filters.
pub(super) fn is_of_filters(word: &str) -> bool {
    is_one_of(&OF_FILTERS, word) || is_one_of(&CompareOperator::ALL.map(CompareOperator::name), word)
}

/// Whether it is a parameter of queries.
pub(super) fn is_parameter(word: &str) -> bool {
    is_one_of(&PARAMETERS, word)
}

/// Whether it is a `scimType` of RFC 7644 table 9 or RFC 9865 table 3.
pub(super) fn is_scim_type(word: &str) -> bool {
    ErrorKind::ALL.iter().filter_map(|kind| kind.scim_type()).any(|one| one.eq_ignore_ascii_case(word))
}

/// Whether it is one of these words, in any case.
pub(super) fn is_one_of(words: &[&str], word: &str) -> bool {
    words.iter().any(|one| one.eq_ignore_ascii_case(word))
}

fn add(names: &mut Vec<Box<str>>, attribute: &Attribute) {
    names.push(Box::from(attribute.name.as_str()));
    for sub in &attribute.sub_attributes {
        add(names, sub);
    }
}

fn without_case(a: &str, b: &str) -> Ordering {
    a.bytes().map(|byte| byte.to_ascii_lowercase()).cmp(b.bytes().map(|byte| byte.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_ours_or_not() {
        let words = Vocabulary::core();
        for word in ["userName", "USERNAME", "name.givenName", "$ref", core::USER, "Operations", "cursor"] {
            assert!(words.has_attribute(word), "{word}");
        }
        assert!(words.has_attribute(&format!("{}:employeeNumber", core::ENTERPRISE_USER)));
        assert!(words.has_attribute(&format!("{}:manager.value", core::ENTERPRISE_USER.to_uppercase())));
        for word in
            ["", "jane", "name.jane", "name.", ".name", "urn:jane", "urn:ietf:params:scim:schemas:core:2.0:Users"]
        {
            assert!(!words.has_attribute(word), "{word}");
        }
        assert!(!words.has_attribute(&format!("{}:jane", core::USER)));
        assert_eq!(words.endpoint("/Users/1"), Some(("/Users", "/1")));
        assert_eq!(words.endpoint("/groups"), Some(("/groups", "")));
        assert_eq!(words.endpoint("/UsersJane"), None);
        assert!(words.has_schema(PATCH_OP_SCHEMA) && !words.has_schema("urn:jane"));
        assert!(is_scim_type("uniqueness") && !is_scim_type("jane"));
    }
}
