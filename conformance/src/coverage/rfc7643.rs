//! RFC 7643, from its first section to its last.

use super::{Document, Line, hidden, hidden_should, must, should};

pub(super) const DOCUMENT: Document = Document { name: "RFC 7643", title: "Core Schema", parts: &[LINES] };

const LINES: &[Line] = &[
    must("§1.2", "A simple attribute has no sub-attributes.", &["schema-simple-sub-attributes"]),
    must(
        "§2.1",
        "Resources are JSON and name their schemas in `schemas`.",
        &["create-schemas", "discovery-config-schemas"],
    ),
    must(
        "§2.1",
        "Names of attributes follow the ABNF: a letter, then letters, digits, `_`, `-`, or `$` at the start of `$ref`.",
        &["schema-attribute-name"],
    ),
    must(
        "§2.1",
        "Names of attributes are compared without regard to case.",
        &["create-name-case", "modify-path-case", "filter-name-case"],
    ),
    must(
        "§2.2",
        "Characteristics that a schema does not state have their defaults: not required, caseExact false, readWrite, default, no uniqueness, string.",
        &["schema-stated"],
    ),
    must("§2.3", "Each attribute has one of the defined data types.", &["schema-attribute-type"]),
    must(
        "§2.3.1",
        "Texts keep every Unicode character.",
        &[
            "create-unicode",
            "text-right-to-left",
            "text-supplementary",
            "text-escaped",
            "text-quotes",
            "text-patch",
            "text-group",
            "type-string",
            "type-wrong-string",
        ],
    ),
    must(
        "§2.3.2",
        "A boolean is true or false, without quotes, and has no order.",
        &["filter-boolean-*", "type-boolean", "type-wrong-boolean"],
    ),
    must("§2.3.3", "A decimal is a number.", &["type-decimal", "type-wrong-decimal"]),
    must(
        "§2.3.4",
        "An integer has no fraction and no exponent.",
        &["modify-wrong-type", "type-integer*", "type-wrong-integer"],
    ),
    must(
        "§2.3.5",
        "A dateTime is an xsd:dateTime with date and time.",
        &["create-times", "type-date-*", "type-wrong-date-time"],
    ),
    must("§2.3.6", "A binary value is base64.", &["type-binary"]),
    must(
        "§2.3.7",
        "A reference is an absolute or relative URI, and the attribute says what it may refer to.",
        &["schema-reference-types", "type-reference"],
    ),
    must(
        "§2.3.7",
        "A GET of a reference to a resource gives that resource.",
        &["create-group-members", "create-user-groups"],
    ),
    hidden_should(
        "§2.3.7",
        "References to others' resources may be absolute or relative, and stay as they are.",
        "a server may resolve them, and a client cannot know what it stores",
    ),
    must("§2.3.8", "A complex attribute does not hold complex attributes.", &["schema-complex-nested"]),
    should(
        "§2.3.8",
        "A complex attribute has sub-attributes.",
        &["schema-complex-sub-attributes", "type-wrong-complex"],
    ),
    hidden(
        "§2.3.8",
        "The order of sub-attributes means nothing.",
        "JSON libraries keep no order either, so nothing can be concluded from one",
    ),
    must("§2.4", "`primary` is true at most once in an attribute.", &["attribute-primary-once", "modify-primary"]),
    must(
        "§2.4",
        "A multi-valued attribute takes and gives several values.",
        &["create-multi-valued", "replace-multi-valued", "type-list", "type-list-for-one"],
    ),
    hidden_should(
        "§2.4",
        "Values of multi-valued attributes are canonicalised where that makes sense.",
        "which form is canonical is the server's choice",
    ),
    should("§2.4", "The same pair of type and value is not given twice.", &["attribute-same-values"]),
    must(
        "§2.5",
        "Unassigned, null and the empty array mean the same.",
        &["create-null", "create-empty-list", "attribute-null-put", "attribute-empty-list-put"],
    ),
    must(
        "§3",
        "`schemas` is in every resource, names no URI twice, and only schemas of the resource's type.",
        &["create-schemas", "modify-add-schemas", "retrieve-schemas*", "query-resource-schemas"],
    ),
    must(
        "§3.1",
        "Common attributes are in every resource; `id` and `meta` come from the server.",
        &["create-meta-ignored", "create-id-ignored", "replace-meta-ignored", "retrieve-meta"],
    ),
    must(
        "§3.1",
        "`id` is there, is not empty, and is unique among all resources.",
        &["create-id", "create-id-unique", "query-resource-id"],
    ),
    must(
        "§3.1",
        "`id` is stable and cannot be changed by a client.",
        &["replace-id-stays", "create-id-ignored", "retrieve-id-stays"],
    ),
    must("§3.1", "`bulkId` is in no id.", &["create-id-reserved"]),
    must("§3.1", "`externalId` is the client's, and kept.", &["create-external-id", "query-external-id*"]),
    hidden("§3.1", "`externalId` is scoped to the client that set it.", "a run has one client"),
    must("§3.1", "`meta.resourceType` is the name of the resource's type.", &["create-resource-type"]),
    must("§3.1", "`meta.created` is a dateTime and stays.", &["create-times", "replace-created-stays"]),
    must(
        "§3.1",
        "`meta.lastModified` equals `created` until something changes, and then follows.",
        &["create-times", "modify-last-modified"],
    ),
    must(
        "§3.1",
        "`meta.location` is the resource's URI, and the same as the Location header.",
        &["create-meta-location", "create-location"],
    ),
    must("§3.1", "`meta.version` is the ETag, weak where it is not strong.", &["version-meta", "version-header"]),
    must(
        "§3.3",
        "Attributes of an extension are in an object named by its URI, and `schemas` names the URI.",
        &["create-extension", "replace-extension", "modify-add-extension", "modify-add-schemas"],
    ),
    must(
        "§4.1.1",
        "A user has a userName that is not empty, is unique and is compared without regard to case.",
        &[
            "schema-user-name",
            "schema-user-name-case",
            "create-duplicate",
            "create-duplicate-case",
            "create-without-required",
            "error-patch-duplicate-kept",
        ],
    ),
    hidden_should(
        "§4.1.1",
        "`name.formatted` and its parts describe the same name.",
        "a server may make one of the other or store both, and a client that sends both decides",
    ),
    hidden_should(
        "§4.1.1",
        "`displayName` is the full name of a person, and the one that applications show.",
        "its meaning lies with whoever fills it",
    ),
    must(
        "§4.1.1",
        "A password is never returned, in clear or hashed.",
        &["create-password-hidden", "schema-password", "attribute-never", "attribute-write-only"],
    ),
    hidden_should(
        "§4.1.1",
        "Passwords are hashed and prepared as RFC 8265 or the older RFC 4013 says.",
        "the store is the server's, and a hash is never returned",
    ),
    hidden(
        "§4.1.1",
        "A password that is passed on is protected.",
        "what a server passes on is not seen by its clients",
    ),
    hidden_should(
        "§4.1.2",
        "Addresses, telephone numbers and instant-messaging addresses are canonicalised.",
        "a server that keeps what it was sent breaks nothing that a client could rely on",
    ),
    hidden("§4.1.2", "A photo is the URL of a file, not of a page.", "it would mean to fetch what is not the server's"),
    hidden(
        "§4.1.2",
        "`addresses.country` is an ISO 3166-1 alpha-2 code.",
        "the demand is on who writes it; servers that refuse other values and servers that take them both exist and both conform",
    ),
    must(
        "§4.1.2",
        "`groups` of a user is read-only, and what it names are groups' ids.",
        &["create-user-groups", "attribute-read-only-post", "attribute-read-only-put", "attribute-read-only-patch"],
    ),
    hidden(
        "§4.1.2",
        "An X.509 certificate is DER in base64, one for each value.",
        "whether a server parses certificates is its choice",
    ),
    must(
        "§4.2",
        "A group has a displayName and members, whose `value` is an id.",
        &["create-group", "create-group-members", "replace-members"],
    ),
    should("§4.3", "A manager has the manager's id, and a `$ref` to it.", &["modify-add-extension"]),
    must(
        "§5",
        "The configuration states patch, bulk, filter, changePassword, sort and etag.",
        &["discovery-config-features", "discovery-config"],
    ),
    must("§5", "The configuration states the limits of bulk.", &["discovery-config-bulk"]),
    must("§5", "The configuration states the most results of a filter.", &["discovery-config-filter", "page-most"]),
    must(
        "§5",
        "Each authentication scheme has a type, a name and a description.",
        &["discovery-config-authentication"],
    ),
    should("§5", "The configuration can be read without authentication.", &["discovery-config-anonymous"]),
    must(
        "§6",
        "A resource type has a name, an endpoint and a schema that is among the schemas.",
        &["discovery-types-attributes", "discovery-types-schema", "discovery-types-endpoint", "discovery-types-urn"],
    ),
    must(
        "§6",
        "A schema extension of a resource type is among the schemas, and says whether it is required.",
        &["discovery-types-extensions"],
    ),
    must("§7", "A schema has a URI as its id.", &["schema-id", "schema-urn", "discovery-schemas-messages"]),
    must(
        "§7",
        "A schema has attributes, each with a name that no other has.",
        &["schema-attributes", "schema-attribute-once"],
    ),
    must("§7", "multiValued, required and caseExact are booleans.", &["schema-booleans"]),
    must("§7", "canonicalValues are values of the attribute's type.", &["schema-canonical-values"]),
    must(
        "§7",
        "Values of a case-exact attribute keep their case and are compared with it.",
        &["attribute-case-exact-kept", "attribute-case-exact-filter", "filter-value-case-exact"],
    ),
    must(
        "§7",
        "mutability is readOnly, readWrite, immutable or writeOnly.",
        &["schema-mutability", "schema-write-only"],
    ),
    must("§7", "A readOnly attribute is not changed by a client.", &["attribute-read-only-*"]),
    must(
        "§7",
        "An immutable attribute may be given at creation or once, and is not changed.",
        &["attribute-immutable-*"],
    ),
    must("§7", "A writeOnly attribute is not returned.", &["attribute-write-only"]),
    must("§7", "returned is always, never, default or request.", &["schema-returned"]),
    must("§7", "An attribute that is always returned cannot be left out.", &["attribute-always"]),
    must("§7", "An attribute that is never returned is in no answer.", &["attribute-never"]),
    must(
        "§7",
        "An attribute that is returned on request is in an answer when it was asked for or sent.",
        &["attribute-request-*"],
    ),
    must("§7", "uniqueness is none, server or global.", &["schema-uniqueness"]),
    should(
        "§7",
        "The value of an attribute that is unique on the server is held by one resource.",
        &["attribute-unique", "create-duplicate"],
    ),
    hidden_should(
        "§7",
        "The value of an attribute that is globally unique is held by nobody else.",
        "other servers are not looked at",
    ),
    must("§7", "A reference attribute says to what it refers.", &["schema-reference-types"]),
    hidden("§9.2", "Passwords are not stored in clear.", "the store is the server's"),
];
