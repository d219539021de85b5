//! Sections 3.8 to 8: media types, projections, errors, versions, discovery and security.

use super::super::{Line, hidden, hidden_should, must, should};

pub(super) const LINES: &[Line] = &[
    must(
        "§3.8",
        "Requests and answers are JSON in UTF-8.",
        &["media-json", "media-utf8", "create-unicode", "text-escaped", "text-right-to-left"],
    ),
    must("§3.8", "Accept application/scim+json is supported.", &["media-accept-scim", "media-send-scim"]),
    must("§3.8", "A charset parameter is no obstacle.", &["media-send-charset"]),
    should("§3.8", "Accept application/json is supported.", &["media-accept-json", "media-send-json"]),
    should("§3.8", "Without an Accept header the answer is application/scim+json.", &["media-default"]),
    must(
        "§3.9",
        "attributes replaces the attributes that are returned by default; the smallest set stays.",
        &[
            "modify-attributes",
            "attribute-always",
            "attribute-request-asked",
            "projection-attributes*",
            "projection-query",
            "projection-post",
            "projection-put",
        ],
    ),
    must(
        "§3.9",
        "excludedAttributes takes attributes out of the default, and never those that are always returned.",
        &["attribute-always", "projection-excluded*", "projection-query-excluded", "projection-members"],
    ),
    must(
        "§3.10",
        "Attributes are named by name, by sub-attribute, and with their URN.",
        &["modify-path-urn", "filter-urn", "projection-attributes-urn", "projection-attributes-case"],
    ),
    should(
        "§3.11",
        "Without /Me, 501 says so; with it, it stands for the user who asks, and Location names the real resource.",
        &["method-me", "method-me-location"],
    ),
    must(
        "§3.12",
        "An error has a body with its URN and the status as a text.",
        &["auth-error-body", "error-schemas*", "error-status*", "error-detail"],
    ),
    should(
        "§3.12",
        "Each error has the status that the table names: 400, 401, 403, 404, 409, 412, 413, 500, 501.",
        &["retrieve-unknown", "create-duplicate", "version-put-stale", "auth-no-token"],
    ),
    must(
        "§3.12",
        "A 400 or 409 has the scimType that the table names.",
        &[
            "filter-unfinished",
            "create-duplicate",
            "modify-path-unknown",
            "modify-remove-without-path",
            "error-not-json",
            "error-list-for-object",
            "error-missing-value",
            "error-wrong-type",
            "error-filter",
            "error-path*",
            "error-mutability",
            "error-patch-*",
        ],
    ),
    hidden_should("§3.12", "307 and 308 tell where to go.", "a server has no need to redirect"),
    hidden(
        "§3.12",
        "sensitive is refused where a query would show personal values in the URI.",
        "which values are sensitive is the server's choice",
    ),
    hidden(
        "§3.13",
        "A version in the URL is the first segment behind the base URI and means that version.",
        "the base URL that is given already has it",
    ),
    must("§3.14", "An ETag is in the header.", &["version-header"]),
    should("§3.14", "The version is in meta as well.", &["version-meta"]),
    must("§3.14", "A change changes the version.", &["version-changes"]),
    must("§3.14", "If-None-Match with the current version is 304.", &["version-not-modified", "version-modified"]),
    must(
        "§3.14",
        "If-Match with another version is 412 and changes nothing.",
        &["version-patch-match", "version-patch-stale", "version-put-stale", "version-delete-stale"],
    ),
    must(
        "§4",
        "/ServiceProviderConfig answers with one JSON object.",
        &["discovery-config", "discovery-config-schemas"],
    ),
    must(
        "§4",
        "/Schemas answers with all schemas, and each by its URI.",
        &["discovery-schemas-list", "discovery-schemas-single", "discovery-schemas-used"],
    ),
    should("§4", "A schema that is none is 404.", &["discovery-schemas-unknown"]),
    must(
        "§4",
        "/ResourceTypes answers with all resource types, and each by its name.",
        &["discovery-types-list", "discovery-types-single"],
    ),
    should("§4", "A resource type that is none is 404.", &["discovery-types-unknown"]),
    must(
        "§4",
        "Lists of discovery ignore sorting, pages and projection.",
        &["discovery-types-pages", "discovery-schemas-pages", "discovery-schemas-sort"],
    ),
    should("§4", "A filter on discovery is refused with 403.", &["discovery-types-filter", "discovery-schemas-filter"]),
    must("§5", "userName is prepared with PRECIS before it is compared.", &["text-user-name-*"]),
    hidden(
        "§5",
        "password is prepared with PRECIS before it is compared.",
        "a password is never returned, and SCIM has no way to try one",
    ),
    hidden(
        "§7.2",
        "TLS 1.2 is required.",
        "a person may examine a server on the loopback; the connection of a run is the one that was asked for",
    ),
    hidden("§7.3", "Tokens' threats are taken into account.", "it asks for thought, not for behaviour"),
    hidden("§7.4", "Tokens have enough entropy and a limited lifetime.", "one token tells nothing of how it was made"),
    hidden_should(
        "§7.5.2",
        "Queries with sensitive values in the URI are refused.",
        "which values are sensitive is the server's choice",
    ),
    hidden_should(
        "§7.7",
        "Credentials are stored safely, and attacks by SQL and the like are warded off.",
        "the store is the server's",
    ),
    must(
        "§7.8",
        "Uniqueness of userName is by the prepared form: the case of letters does not count.",
        &["create-duplicate-case"],
    ),
    must(
        "§8.1",
        "The media type is application/scim+json.",
        &["media-default", "media-accept-scim", "error-media-type"],
    ),
];
