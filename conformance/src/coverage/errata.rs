//! The errata of RFC 7643 and RFC 7644 that are verified, and the cases of the sentences that they correct.

/// One of them.
#[derive(Debug, Clone, Copy)]
pub struct Erratum {
    /// As the RFC editor has it: `https://www.rfc-editor.org/errata/eid7898`.
    pub number: u32,
    /// `RFC 7644 §3.12`
    pub section: &'static str,
    /// What is corrected, in our words.
    pub words: &'static str,
    /// What examines the corrected sentence; nothing where only an example is wrong that no server can show.
    pub cases: &'static [&'static str],
}

const fn erratum(number: u32, section: &'static str, words: &'static str, cases: &'static [&'static str]) -> Erratum {
    Erratum { number, section, words, cases }
}

pub const ERRATA: [Erratum; 15] = [
    erratum(
        5368,
        "RFC 7643 §8.7.1",
        "displayName of a group is required in its schema too, as §4.2 says.",
        &["create-group", "group-rename"],
    ),
    erratum(
        5606,
        "RFC 7643 §8.7.1",
        "binary is a type of attributes in the schema of schemas too.",
        &["schema-attribute-type", "type-binary"],
    ),
    erratum(
        5607,
        "RFC 7643 §8.7.2",
        "referenceTypes of a sub-attribute is a list.",
        &["schema-canonical-values", "schema-reference-types"],
    ),
    erratum(
        5990,
        "RFC 7643 §8.2",
        "The country of an address is a code of two letters, `US`, in the example of a full user too.",
        &["each-create"],
    ),
    erratum(
        5991,
        "RFC 7643 §8.3",
        "The same in the example of a user with the enterprise extension.",
        &["each-create"],
    ),
    erratum(
        6004,
        "RFC 7643 §8.7.1",
        "A complex attribute, as name or emails, has no uniqueness.",
        &["schema-uniqueness"],
    ),
    erratum(7522, "RFC 7643 §8.7.2", "schemaExtensions of a resource type is a list.", &["discovery-types-extensions"]),
    erratum(
        8415,
        "RFC 7643 §8.7.1",
        "The type of a sub-attribute may be binary, and not complex.",
        &["schema-complex-nested", "schema-attribute-type"],
    ),
    erratum(
        8417,
        "RFC 7643 §8.7.2",
        "The schemas of the discovery documents name their schema and have a meta, as every resource does.",
        &["schema-urn"],
    ),
    erratum(8435, "RFC 7643 §7", "binary is among the types of attributes.", &["schema-attribute-type", "type-binary"]),
    erratum(
        8471,
        "RFC 7643 §8.7.1",
        "The $ref of a user's group leads to a group, and to no user.",
        &["schema-reference-types", "create-user-groups"],
    ),
    erratum(
        8472,
        "RFC 7643 §8.7.1",
        "value of manager is an id, and caseExact as ids are.",
        &["each-filter", "bulk-reference-extension"],
    ),
    erratum(
        6893,
        "RFC 7644 §7.5.2",
        "The status in the body of an error is that of HTTP: 403 in the example, and not 404.",
        &["error-status", "error-status-400"],
    ),
    erratum(
        7898,
        "RFC 7644 §3.12",
        "The example of an error to a PUT lacked a comma: an error is JSON.",
        &["error-schemas-400", "error-detail"],
    ),
    erratum(
        7916,
        "RFC 7644 §3.7.3",
        "The example of an operation of a bulk request that failed was no JSON; it has a status and an error of SCIM.",
        &["bulk-error"],
    ),
];
