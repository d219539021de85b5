//! Sections 1 to 3.4: who asks, what is created, and how it is found.

use super::super::{Line, hidden, hidden_should, must, should};

pub(super) const LINES: &[Line] = &[
    hidden("§1.3", "The base URI has no query.", "it is the person who runs the program who gives it"),
    must(
        "§2",
        "401 tells with WWW-Authenticate which schemes there are.",
        &["auth-challenge", "auth-challenge-wrong-token"],
    ),
    must(
        "§2",
        "Every request is mapped to an authenticated client, or refused.",
        &["auth-no-token", "auth-wrong-token", "auth-write"],
    ),
    hidden_should(
        "§2",
        "The subject's rights are considered with each request.",
        "a run has one token, whose rights it does not know",
    ),
    hidden("§2.1", "Threats to tokens are taken into account.", "it asks for thought, not for behaviour"),
    must(
        "§3.1",
        "Messages name their own URN in `schemas`.",
        &["discovery-types-list", "create-found", "auth-error-body"],
    ),
    must(
        "§3.1",
        "An answer shows the resource as the server interprets it, not as it was sent.",
        &["create-body", "create-found", "retrieve-same-as-created"],
    ),
    must(
        "§3.2",
        "The endpoints of the resource types answer.",
        &["discovery-types-endpoint", "retrieve-known", "retrieve-every-type", "query-every-type"],
    ),
    must("§3.2", "PUT creates nothing.", &["replace-unknown", "method-put-collection"]),
    should(
        "§3.2",
        "What an endpoint does not take is refused with an error.",
        &[
            "create-unknown-endpoint",
            "method-post-*",
            "method-put-config",
            "method-get-bulk",
            "method-unknown",
            "method-allow",
        ],
    ),
    should(
        "§3.2",
        "Errors are told by the status and, where there can be one, in a body.",
        &["auth-error-body", "retrieve-unknown"],
    ),
    must(
        "§3.3",
        "Read-only attributes in a POST are ignored.",
        &["create-id-ignored", "create-meta-ignored", "attribute-read-only-post"],
    ),
    must(
        "§3.3",
        "Attributes that were left out may be defaulted; those that were sent are stored.",
        &["create-complex", "create-multi-valued", "create-extension", "create-external-id"],
    ),
    must("§3.3", "A creation answers 201.", &["create-status"]),
    should("§3.3", "A creation answers with the resource.", &["create-body"]),
    must(
        "§3.3",
        "A creation tells the location in the header and in the body.",
        &["create-location", "create-meta-location"],
    ),
    should(
        "§3.3",
        "A body that breaks the schema, or is none, is refused.",
        &["create-not-json", "create-without-required"],
    ),
    must("§3.3", "A duplicate is refused with 409 and uniqueness.", &["create-duplicate", "create-duplicate-case"]),
    must("§3.3.1", "`meta.resourceType` is set by the server.", &["create-resource-type", "retrieve-every-type-name"]),
    must(
        "§3.4.1",
        "A resource is read at its location.",
        &["retrieve-known", "create-location", "retrieve-group", "retrieve-location"],
    ),
    should(
        "§3.4.1",
        "A resource that does not exist is 404.",
        &["retrieve-unknown", "retrieve-other-endpoint", "retrieve-unknown-endpoint"],
    ),
    must(
        "§3.4.2",
        "A list names the URN of ListResponse and has the number of results.",
        &["filter-nobody", "query-schemas", "query-total", "query-whole-resources"],
    ),
    must(
        "§3.4.2",
        "A query without a match is 200 with no results, and no error.",
        &["filter-nobody", "query-nothing", "page-start-beyond"],
    ),
    should("§3.4.2", "Query parameters that nobody knows are ignored.", &["query-unknown-parameter"]),
    must(
        "§3.4.2.1",
        "A query of the base URI covers all resource types, or is refused.",
        &["query-root-type", "search-root"],
    ),
    must(
        "§3.4.2.1",
        "A query of an endpoint gives resources of its type alone.",
        &["query-groups", "query-every-type", "query-resource-schemas"],
    ),
    hidden(
        "§3.4.2.1",
        "A query that gives too much is refused with 400 and tooMany.",
        "where too much begins is the server's choice, and nowhere declared",
    ),
    must(
        "§3.4.2.1",
        "A filter across types takes an attribute that a type does not have for unassigned.",
        &["query-root-foreign-attribute"],
    ),
    must(
        "§3.4.2.2",
        "Only resources that the filter fits are returned.",
        &["filter-eq", "filter-nobody", "filter-id", "filter-schemas", "query-members"],
    ),
    must("§3.4.2.2", "eq and ne compare for equality.", &["filter-eq", "filter-ne"]),
    must("§3.4.2.2", "co, sw and ew look into the text.", &["filter-co*", "filter-sw*", "filter-ew*"]),
    must("§3.4.2.2", "pr is true for what has a value.", &["filter-pr", "filter-pr-complex", "filter-extension-pr"]),
    must(
        "§3.4.2.2",
        "gt, ge, lt and le order texts by letters and times by time.",
        &["filter-gt", "filter-ge", "filter-lt", "filter-le", "filter-time-*"],
    ),
    must(
        "§3.4.2.2",
        "gt, ge, lt and le on booleans and binaries are refused with 400 and invalidFilter.",
        &["filter-boolean-gt", "filter-boolean-ge", "filter-boolean-lt", "filter-boolean-le"],
    ),
    must(
        "§3.4.2.2",
        "Booleans are compared by eq and ne.",
        &["filter-boolean-true", "filter-boolean-false", "filter-boolean-ne"],
    ),
    must("§3.4.2.2", "and, or and not join expressions.", &["filter-and", "filter-or", "filter-not"]),
    must("§3.4.2.2", "Parentheses group.", &["filter-group", "filter-nested-groups"]),
    must("§3.4.2.2", "Brackets hold a filter for one and the same element.", &["filter-value-path*"]),
    must(
        "§3.4.2.2",
        "Filters follow the ABNF; what does not is refused with 400 and invalidFilter.",
        &[
            "filter-unknown-operator",
            "filter-unfinished",
            "filter-unclosed-*",
            "filter-no-operator",
            "filter-nothing-after-and",
        ],
    ),
    must(
        "§3.4.2.2",
        "Values are JSON, with its escapes.",
        &[
            "filter-escape",
            "filter-unicode-escape",
            "text-filter-escape",
            "text-filter-plus",
            "text-filter",
            "text-filter-contains",
            "text-filter-supplementary",
        ],
    ),
    must(
        "§3.4.2.2",
        "Operators and names of attributes are taken in any case.",
        &["filter-operator-case", "filter-logic-case", "filter-name-case"],
    ),
    must("§3.4.2.2", "not goes before and, and before or.", &["filter-precedence", "filter-not-precedence"]),
    must(
        "§3.4.2.2",
        "A name may be qualified by its URN; attributes of extensions are.",
        &["filter-urn", "filter-extension*"],
    ),
    must("§3.4.2.2", "A multi-valued attribute fits when any of its values does.", &["filter-any-value*"]),
    should(
        "§3.4.2.2",
        "A complex attribute without a sub-attribute is compared by its `value`.",
        &["filter-default-sub-attribute"],
    ),
    hidden(
        "§3.4.2.2",
        "A filter that is known but not supported is refused with 400 and invalidFilter.",
        "which filters a server does not support is nowhere declared; what it answers to those of other lines counts there",
    ),
    must(
        "§3.4.2.2",
        "Texts are compared as the attribute's caseExact says.",
        &["filter-value-case*", "text-filter-case"],
    ),
    must(
        "§3.4.2.3",
        "sortBy orders the results.",
        &["sort-ascending", "sort-descending", "sort-name-case", "sort-urn", "sort-extension", "sort-pages"],
    ),
    must(
        "§3.4.2.3",
        "sortBy on a multi-valued attribute takes the primary value, or the first.",
        &["sort-primary", "sort-first-value"],
    ),
    must(
        "§3.4.2.3",
        "Resources without a value come last when ascending, and first when descending.",
        &["sort-absent-*"],
    ),
    must(
        "§3.4.2.3",
        "sortOrder is ascending by default, and orders by the attribute's type and caseExact.",
        &["sort-default", "sort-time", "sort-case-*"],
    ),
    must("§3.4.2.4", "startIndex counts from 1, and what is less than 1 is 1.", &["page-start-*"]),
    must(
        "§3.4.2.4",
        "No more than count resources are returned; what is less than 0 is 0, and 0 gives the total alone.",
        &["page-count*", "page-most"],
    ),
    must(
        "§3.4.2.4",
        "totalResults, startIndex and itemsPerPage tell about the page.",
        &["page-total", "page-items", "page-start", "page-all"],
    ),
    hidden("§3.4.2.4", "Clients live with results that change between pages.", "it is a demand on clients"),
    must(
        "§3.4.2.5",
        "attributes and excludedAttributes are supported.",
        &["modify-attributes", "attribute-request-asked", "projection-attributes", "projection-excluded"],
    ),
    must(
        "§3.4.3",
        "A POST to /.search of an endpoint is a query.",
        &["search-offered", "search-list", "search-makes-nothing"],
    ),
    must(
        "§3.4.3",
        "A search takes filter, sorting, pages and attributes from its body, and answers as GET does.",
        &[
            "search-filter",
            "search-attributes",
            "search-excluded-attributes",
            "search-sort",
            "search-count",
            "search-start",
            "search-invalid-filter",
        ],
    ),
];
