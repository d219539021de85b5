//! What to change where a requirement is not kept, and what other servers do there.
//!
//! One entry for each part of the RFCs, found by the section of a case: the longest that fits. What is said of
//! scim2-server 0.8.3 (PyPI) and of scimmy-routers 1.3.2 (npm) was found by running the cases on them; what is said of
//! AWS IAM Identity Center is in its developer guide.

/// What is known of one part of an RFC.
#[derive(Debug, Clone, Copy)]
pub struct Advice {
    /// `RFC 7644 §3.5.2`: this section and those below it.
    section: &'static str,
    /// What to change in a server that does not keep it.
    pub change: &'static str,
    /// What others do, one sentence each, with their names.
    pub others: &'static [&'static str],
}

/// The advice for a section; nothing for what is no RFC.
pub fn of(section: &str) -> Option<&'static Advice> {
    let section = section.split(',').next()?.trim();
    let fits = |advice: &&Advice| {
        section.strip_prefix(advice.section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            || section.strip_prefix(advice.section).is_some_and(|_| !advice.section.contains('§'))
    };
    ADVICE.iter().filter(fits).max_by_key(|advice| advice.section.len())
}

const fn advice(section: &'static str, change: &'static str, others: &'static [&'static str]) -> Advice {
    Advice { section, change, others }
}

const ADVICE: &[Advice] = &[
    advice(
        "RFC 7643",
        "Make the attributes behave as the server's own /Schemas declares them, or declare them as they behave.",
        &[],
    ),
    advice(
        "RFC 7643 §2.1",
        "Compare the names of attributes without regard to case, in bodies, paths, filters and sortBy.",
        &[
            "scim2-server takes any case.",
            "scimmy-routers is case-sensitive in paths and in sortBy.",
            "scim-server takes any case, and answers with the names of the schema.",
        ],
    ),
    advice(
        "RFC 7643 §2.2",
        "Read mutability, returned, required, caseExact and uniqueness from the schema wherever a value is read, written, compared or shown.",
        &[
            "scim2-server follows caseExact, and folds userName.",
            "scimmy-routers compares texts with case whatever caseExact says.",
            "IAM Identity Center keeps userName, the primary email and externalId unique.",
        ],
    ),
    advice(
        "RFC 7643 §2.3",
        "Check the type of each value, answer 400 invalidValue where it is another, and give it back in the form of its type.",
        &[
            "scim2-server refuses values of another type with 400.",
            "scimmy-routers refuses values of another type with 400.",
            "IAM Identity Center answers 400 with a ValidationException that names the attribute.",
        ],
    ),
    advice(
        "RFC 7643 §2.4",
        "Keep at most one value of a multi-valued attribute primary: when a value becomes primary, the one before no longer is.",
        &[
            "scim2-server keeps two equal addresses of one type.",
            "scimmy-routers lets two values be primary.",
            "IAM Identity Center takes one value of each attribute, and an email must be primary.",
        ],
    ),
    advice(
        "RFC 7643 §2.5",
        "Treat null and an empty array as no value: a later read does not have the attribute.",
        &["scim2-server and scim-server remove the attribute.", "scimmy-routers removes the attribute."],
    ),
    advice(
        "RFC 7643 §3",
        "Give each resource its schemas, id and meta; ids never change and are never used again.",
        &[
            "scim2-server and scim-server put id, schemas and meta into every answer.",
            "scimmy-routers leaves the id to the application.",
            "IAM Identity Center has no meta.version.",
        ],
    ),
    advice(
        "RFC 7643 §4.1",
        "Take and give back the attributes of User that /Schemas declares; fill groups of a user from the groups' members.",
        &[
            "scim2-server declares groups and leaves it empty.",
            "scimmy-routers leaves groups to the application.",
            "IAM Identity Center requires name.givenName, name.familyName and displayName.",
        ],
    ),
    advice(
        "RFC 7643 §4.2",
        "Take members with a value that is the id of a user or group, and give each back with value, $ref and type.",
        &[
            "scim2-server gives value, $ref and type.",
            "scimmy-routers leaves the members to the application.",
            "IAM Identity Center answers reads of groups with an empty list of members.",
        ],
    ),
    advice(
        "RFC 7643 §5",
        "Declare in /ServiceProviderConfig what the server does, and nothing else; let it be read without a token.",
        &[
            "scim2-server lets it be read without a token.",
            "scimmy-routers asks for a token.",
            "scim-server lets all three discovery endpoints be read without one.",
        ],
    ),
    advice(
        "RFC 7643 §7",
        "Give every attribute in /Schemas all its characteristics, with the words of the RFC in their case.",
        &["scim2-server and scim-server give all of them, scimmy-routers as well."],
    ),
    advice("RFC 7644", "Compare the answer below with the section that is linked.", &[]),
    advice(
        "RFC 7644 §3.1",
        "Answer with the media type application/scim+json, and with a Location where something is created.",
        &["scim2-server and scim-server do both.", "scimmy-routers answers 201 without a Location."],
    ),
    advice(
        "RFC 7644 §3.10",
        "Resolve attributes by their URN too, everywhere: urn:…:User:userName is userName, and extensions have no other name.",
        &[
            "scim2-server and scim-server resolve URNs in filters, paths, sortBy and attributes.",
            "scimmy-routers does not find them in filters, and refuses them in paths.",
        ],
    ),
    advice(
        "RFC 7644 §3.11",
        "Answer 501 at /Me where the server has no such endpoint.",
        &["scimmy-routers answers 404.", "IAM Identity Center has no /Me.", "scim-server answers 501."],
    ),
    advice(
        "RFC 7644 §3.12",
        "Answer errors with the Error schema, status as a string and the scimType of table 9.",
        &[
            "scim2-server and scim-server send status, scimType and detail.",
            "scimmy-routers leaves scimType out of errors of syntax.",
            "IAM Identity Center sends a detail that its users search for, such as \"Duplicate GroupDisplayName\".",
        ],
    ),
    advice(
        "RFC 7644 §3.14",
        "Give each answer an ETag that changes with each change, and compare If-Match and If-None-Match with it.",
        &["scim-server answers 412 and 304.", "IAM Identity Center has no versions."],
    ),
    advice(
        "RFC 7644 §3.2",
        "Answer 405 with Allow, or 501, to a method that an endpoint does not have.",
        &["scimmy-routers answers 404.", "scim-server answers 405 with Allow."],
    ),
    advice(
        "RFC 7644 §3.3",
        "Answer a POST with 201, Location and the whole resource as it is stored; a duplicate with 409 and uniqueness.",
        &[
            "scim2-server answers 201 with Location and the resource, and 409 with uniqueness.",
            "scimmy-routers answers 201 without Location.",
            "IAM Identity Center answers 201, and 409 with a ConflictException.",
        ],
    ),
    advice(
        "RFC 7644 §3.4",
        "Answer a read with 200, and a query that finds nothing with 200 and totalResults 0, never with 404.",
        &["scim2-server, scimmy-routers and IAM Identity Center answer 200 with an empty list."],
    ),
    advice(
        "RFC 7644 §3.4.2.2",
        "Parse filters by the grammar of figure 1, bind each attribute to its schema, and answer 400 invalidFilter to the rest.",
        &[
            "scim2-server parses the whole grammar.",
            "scimmy-routers refuses filters that end with nested parentheses, and answers 500 to some that are no filter.",
            "IAM Identity Center takes eq, joined with and, on a few attributes.",
        ],
    ),
    advice(
        "RFC 7644 §3.4.2.3",
        "Sort by sortBy and sortOrder, by the primary value of a multi-valued attribute, or declare sort as not supported.",
        &[
            "scimmy-routers sorts, but not by the primary value.",
            "IAM Identity Center does not sort.",
            "scim-server sorts by the primary value, and where none is primary by the first.",
        ],
    ),
    advice(
        "RFC 7644 §3.4.2.4",
        "Return no more than count, begin at startIndex counted from 1, and give totalResults, startIndex and itemsPerPage as numbers.",
        &[
            "scim2-server pages by startIndex and by cursor.",
            "scimmy-routers does not read count and startIndex of a GET.",
            "IAM Identity Center returns at most 100, and continues by cursor.",
        ],
    ),
    advice(
        "RFC 7644 §3.4.3",
        "Take POST /.search with the parameters of a query in its body, at the root and below each endpoint.",
        &["scim2-server and scimmy-routers take it.", "IAM Identity Center does not offer it."],
    ),
    advice(
        "RFC 7644 §3.5.1",
        "Let PUT replace all that clients may write: what is not in the body is removed, readOnly is ignored, immutable must be the same.",
        &[
            "scim2-server and scimmy-routers replace users and groups.",
            "IAM Identity Center replaces users, and has no PUT of groups.",
        ],
    ),
    advice(
        "RFC 7644 §3.5.2",
        "Apply the operations in their order, all or none, and answer 200 with the resource, or 204.",
        &[
            "scim2-server and scim-server answer 200 with the resource.",
            "scimmy-routers answers 204 to a change of a readOnly attribute.",
            "IAM Identity Center takes add, replace and remove, and at most 100 changes of members.",
        ],
    ),
    advice(
        "RFC 7644 §3.5.2.1",
        "Let add append to a multi-valued attribute, merge into a complex one, and change nothing where the value is there already.",
        &[
            "scim2-server and scim-server append, and add no value twice.",
            "scimmy-routers adds a value that is there a second time.",
            "IAM Identity Center takes add for attributes and members.",
        ],
    ),
    advice(
        "RFC 7644 §3.5.2.2",
        "Let remove take out just what its path selects; without a path answer 400 noTarget.",
        &[
            "scim2-server and scim-server do so.",
            "scimmy-routers answers invalidValue where a required attribute is removed; the RFC says mutability.",
            "IAM Identity Center refuses to remove userName and active.",
        ],
    ),
    advice(
        "RFC 7644 §3.5.2.3",
        "Let replace set what its path selects, keep sub-attributes that the value does not name, and answer 400 noTarget where a filter selects nothing.",
        &[
            "scim2-server keeps the other sub-attributes.",
            "scimmy-routers clears the sub-attributes of name that the value does not contain.",
            "scim-server makes the value that a filter does not find, since Entra ID counts on it.",
        ],
    ),
    advice(
        "RFC 7644 §3.6",
        "Answer DELETE with 204; afterwards each request for the resource gives 404, and no query finds it.",
        &["scim2-server, scimmy-routers and IAM Identity Center answer 204, and then 404."],
    ),
    advice(
        "RFC 7644 §3.7",
        "Answer a bulk request with one operation for each that was sent, with its method, location and status, and resolve bulkId references.",
        &[
            "scimmy-routers creates a resource that refers to a later one at once, and adds the reference afterwards.",
            "IAM Identity Center has no /Bulk.",
            "scim-server runs the operations in an order in which references resolve.",
        ],
    ),
    advice(
        "RFC 7644 §3.8",
        "Take application/scim+json and application/json, and answer with application/scim+json.",
        &["scim2-server, scimmy-routers and scim-server take both."],
    ),
    advice(
        "RFC 7644 §3.9",
        "Apply attributes and excludedAttributes to every answer with a resource; what is returned always or never stays so.",
        &[
            "scim2-server ignores attributes in the answer to a POST.",
            "scimmy-routers answers 400 to attributes with a sub-attribute or a URN.",
            "scim-server applies them to POST, PUT, PATCH and queries.",
        ],
    ),
    advice(
        "RFC 7644 §4",
        "Serve /ServiceProviderConfig, /ResourceTypes and /Schemas, each as its own resource too, and refuse filters there with 403.",
        &["scim2-server and scimmy-routers serve all three.", "IAM Identity Center serves all three."],
    ),
    advice(
        "RFC 7644 §5",
        "Compare names by the PRECIS profile: fold case and width, normalise to NFC.",
        &[
            "scim2-server folds width only by an option.",
            "scimmy-routers does not normalise.",
            "scim-server folds case and width, and normalises.",
        ],
    ),
    advice(
        "RFC 6750",
        "Answer 401 with WWW-Authenticate: Bearer, and with error=\"invalid_token\" where a token was sent.",
        &[
            "scim2-server sends the challenge without error=\"invalid_token\".",
            "scimmy-routers answers 401 without WWW-Authenticate.",
            "IAM Identity Center answers 401 with an UnauthorizedException.",
        ],
    ),
    advice(
        "RFC 7232",
        "Compare If-Match and If-None-Match with the current ETag; * fits any version.",
        &["scim-server answers 412 and 304."],
    ),
    advice(
        "RFC 9865",
        "Give nextCursor on every page but the last, take it back with the same query, and refuse others with invalidCursor.",
        &[
            "scim2-server encrypts its cursors, which hold the query and the position.",
            "IAM Identity Center pages by cursor, without totals.",
            "scim-server seals its cursors, and keeps nothing of them.",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_section_is_found() {
        let found = |section| of(section).map(|advice| advice.section);
        assert_eq!(found("RFC 7644 §3.5.2.1"), Some("RFC 7644 §3.5.2.1"));
        assert_eq!(found("RFC 7644 §3.4.2.1"), Some("RFC 7644 §3.4"));
        assert_eq!(found("RFC 7644 §3.10"), Some("RFC 7644 §3.10"));
        assert_eq!(found("RFC 7644 §9.9"), Some("RFC 7644"));
        assert_eq!(found("RFC 6750 §3.1"), Some("RFC 6750"));
        assert_eq!(found("Okta, documented"), None);
    }

    #[test]
    fn entries_are_whole_sentences() {
        for advice in ADVICE {
            assert!(advice.change.ends_with('.'), "{}", advice.section);
            assert!(advice.others.iter().all(|other| other.ends_with('.')), "{}", advice.section);
        }
    }
}
