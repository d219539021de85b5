//! The filter grammar, operator by operator, over people of whom it is known who fits.

mod found;

use found::{
    by_id, exact, exact_part, finds, finds_alone, finds_any, folded, folded_part, grammar, invalid, offset, refused,
};

use crate::case::{
    Area, Case,
    Need::{self, Attribute, Filter},
    run,
};

pub const AREA: Area = Area { tag: "filter", title: "Filters (RFC 7644 §3.4.2.2)", cases: CASES };

const SECTION: &str = "RFC 7644 §3.4.2.2";
const NAME: &[Need] = &[Filter, Attribute("User", "userName")];
const TITLE: &[Need] = &[Filter, Attribute("User", "title")];
const FAMILY: &[Need] = &[Filter, Attribute("User", "name.familyName"), Attribute("User", "name.givenName")];
const ACTIVE: &[Need] = &[Filter, Attribute("User", "active")];
const EMAILS: &[Need] = &[Filter, Attribute("User", "emails.type")];
const DEPARTMENT: &[Need] =
    &[Filter, Attribute("User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department")];

const CASES: &[Case] = &[
    // The operators.
    Case::must(
        "filter-eq",
        SECTION,
        "eq finds the resources whose value is the same.",
        run!(finds_alone, r#"userName eq "{mark}-ada@example.com""#, "Ada"),
    )
    .needs(NAME),
    Case::must(
        "filter-ne",
        SECTION,
        "ne finds the resources whose value is another.",
        run!(finds, r#"userName ne "{mark}-ada@example.com""#, "Bert Cleo Dora"),
    )
    .needs(NAME),
    Case::must(
        "filter-co",
        SECTION,
        "co finds the resources whose value contains the text.",
        run!(finds, r#"name.familyName co "ar""#, "Bert"),
    )
    .needs(FAMILY),
    Case::must(
        "filter-co-nothing",
        SECTION,
        "co does not find values that lack the text.",
        run!(finds, r#"name.familyName co "zz""#, ""),
    )
    .needs(FAMILY),
    Case::must(
        "filter-sw",
        SECTION,
        "sw finds the resources whose value begins with the text.",
        run!(finds, r#"name.familyName sw "Qu""#, "Ada Bert"),
    )
    .needs(FAMILY),
    Case::must(
        "filter-sw-whole",
        SECTION,
        "sw finds a value that is the whole text.",
        run!(finds, r#"name.familyName sw "Reed""#, "Cleo"),
    )
    .needs(FAMILY),
    Case::must(
        "filter-ew",
        SECTION,
        "ew finds the resources whose value ends with the text.",
        run!(finds, r#"title ew "Engineer""#, "Ada Bert"),
    )
    .needs(TITLE),
    Case::must(
        "filter-ew-whole",
        SECTION,
        "ew finds a value that is the whole text.",
        run!(finds, r#"name.familyName ew "Stone""#, "Dora"),
    )
    .needs(FAMILY),
    Case::must(
        "filter-pr",
        SECTION,
        "pr finds the resources that have a value.",
        run!(finds, "title pr", "Ada Bert Dora"),
    )
    .needs(TITLE),
    Case::must(
        "filter-pr-complex",
        SECTION,
        "pr finds the resources that have a value of a multi-valued attribute.",
        run!(finds, "emails pr", "Ada Bert Cleo"),
    )
    .needs(EMAILS),
    Case::must(
        "filter-gt",
        SECTION,
        "gt compares texts by their order.",
        run!(finds, r#"name.familyName gt "Reed""#, "Dora"),
    )
    .needs(FAMILY),
    Case::must(
        "filter-ge",
        SECTION,
        "ge finds the same value and those after it.",
        run!(finds, r#"name.familyName ge "Reed""#, "Cleo Dora"),
    )
    .needs(FAMILY),
    Case::must(
        "filter-lt",
        SECTION,
        "lt finds the values before.",
        run!(finds, r#"name.familyName lt "Quill""#, "Bert"),
    )
    .needs(FAMILY),
    Case::must(
        "filter-le",
        SECTION,
        "le finds the same value and those before it.",
        run!(finds, r#"name.familyName le "Quill""#, "Ada Bert"),
    )
    .needs(FAMILY),
    Case::must(
        "filter-boolean-true",
        SECTION,
        "A boolean is compared with true.",
        run!(finds, "active eq true", "Ada Cleo Dora"),
    )
    .needs(ACTIVE),
    Case::must(
        "filter-boolean-false",
        SECTION,
        "A boolean is compared with false.",
        run!(finds, "active eq false", "Bert"),
    )
    .needs(ACTIVE),
    Case::must("filter-boolean-ne", SECTION, "ne works with booleans.", run!(finds, "active ne true", "Bert"))
        .needs(ACTIVE),
    Case::must(
        "filter-boolean-gt",
        SECTION,
        "gt with a boolean is refused with 400 invalidFilter.",
        run!(invalid, "active gt true"),
    )
    .needs(ACTIVE),
    Case::must(
        "filter-boolean-ge",
        SECTION,
        "ge with a boolean is refused with 400 invalidFilter.",
        run!(invalid, "active ge true"),
    )
    .needs(ACTIVE),
    Case::must(
        "filter-boolean-lt",
        SECTION,
        "lt with a boolean is refused with 400 invalidFilter.",
        run!(invalid, "active lt true"),
    )
    .needs(ACTIVE),
    Case::must(
        "filter-boolean-le",
        SECTION,
        "le with a boolean is refused with 400 invalidFilter.",
        run!(invalid, "active le true"),
    )
    .needs(ACTIVE),
    Case::must(
        "filter-time-gt",
        SECTION,
        "gt compares dates with times by their order in time.",
        run!(finds, r#"meta.created gt "2000-01-01T00:00:00Z""#, "Ada Bert Cleo Dora"),
    )
    .needs(NAME),
    Case::must(
        "filter-time-lt",
        SECTION,
        "lt compares dates with times by their order in time.",
        run!(finds, r#"meta.lastModified lt "2000-01-01T00:00:00Z""#, ""),
    )
    .needs(NAME),
    Case::must(
        "filter-time-offset",
        SECTION,
        "Dates with times are compared by their order in time, also with another offset from UTC.",
        run!(offset),
    )
    .needs(NAME),
    // Logic.
    Case::must(
        "filter-and",
        SECTION,
        "and finds what fits both conditions.",
        run!(finds, "title pr and active eq true", "Ada Dora"),
    )
    .needs(&[Filter, Attribute("User", "title"), Attribute("User", "active")]),
    Case::must(
        "filter-or",
        SECTION,
        "or finds what fits either condition.",
        run!(finds, r#"name.givenName eq "Ada" or name.givenName eq "Dora""#, "Ada Dora"),
    )
    .needs(FAMILY),
    Case::must(
        "filter-not",
        SECTION,
        "not finds what does not fit.",
        run!(finds, r#"not (name.familyName sw "Qu")"#, "Cleo Dora"),
    )
    .needs(FAMILY),
    Case::must(
        "filter-precedence",
        SECTION,
        "and binds closer than or.",
        run!(finds, r#"name.givenName eq "Ada" or name.givenName eq "Bert" and name.familyName eq "Reed""#, "Ada"),
    )
    .needs(FAMILY),
    Case::must(
        "filter-group",
        SECTION,
        "Brackets change what is evaluated first.",
        run!(finds, r#"(name.givenName eq "Ada" or name.givenName eq "Bert") and name.familyName eq "Quartz""#, "Bert"),
    )
    .needs(FAMILY),
    Case::must(
        "filter-not-precedence",
        SECTION,
        "not binds closer than and.",
        run!(finds, r#"not (name.givenName eq "Ada") and name.familyName sw "Qu""#, "Bert"),
    )
    .needs(FAMILY),
    Case::must(
        "filter-nested-groups",
        SECTION,
        "Brackets may stand in brackets.",
        run!(finds, r#"((name.givenName eq "Ada") or (not (name.givenName sw "B")))"#, "Ada Cleo Dora"),
    )
    .needs(FAMILY),
    // Names and letters.
    Case::must(
        "filter-name-case",
        SECTION,
        "Attribute names are taken in any case.",
        run!(finds, r#"NAME.FamilyName eq "Reed""#, "Cleo"),
    )
    .needs(FAMILY),
    Case::must(
        "filter-operator-case",
        SECTION,
        "Operators are taken in any case.",
        run!(finds, r#"name.familyName EQ "Reed""#, "Cleo"),
    )
    .needs(FAMILY),
    Case::must(
        "filter-logic-case",
        SECTION,
        "and, or and not are taken in any case.",
        run!(
            finds,
            r#"name.givenName eq "Ada" OR NOT (name.givenName sw "B") And name.familyName eq "Reed""#,
            "Ada Cleo"
        ),
    )
    .needs(FAMILY),
    Case::must(
        "filter-value-case",
        SECTION,
        "Values of an attribute that is not caseExact are compared without case.",
        run!(folded),
    )
    .needs(NAME),
    Case::must(
        "filter-value-case-exact",
        SECTION,
        "Values of an attribute that is caseExact are compared with case.",
        run!(exact),
    )
    .needs(NAME),
    Case::must(
        "filter-co-case",
        SECTION,
        "co compares an attribute that is not caseExact without case.",
        run!(folded_part, "co", "ADA"),
    )
    .needs(NAME),
    Case::must(
        "filter-sw-case",
        SECTION,
        "sw compares an attribute that is not caseExact without case.",
        run!(folded_part, "sw", ""),
    )
    .needs(NAME),
    Case::must(
        "filter-ew-case",
        SECTION,
        "ew compares an attribute that is not caseExact without case.",
        run!(folded_part, "ew", "ADA@EXAMPLE.COM"),
    )
    .needs(NAME),
    Case::must(
        "filter-co-case-exact",
        SECTION,
        "co compares an attribute that is caseExact with case.",
        run!(exact_part, "co"),
    )
    .needs(NAME),
    Case::must(
        "filter-sw-case-exact",
        SECTION,
        "sw compares an attribute that is caseExact with case.",
        run!(exact_part, "sw"),
    )
    .needs(NAME),
    Case::must(
        "filter-ew-case-exact",
        SECTION,
        "ew compares an attribute that is caseExact with case.",
        run!(exact_part, "ew"),
    )
    .needs(NAME),
    // A server may decline what it does not support, so the cases above skip; this one says so once.
    Case::should(
        "filter-grammar",
        SECTION,
        "The operators, and, or, not and brackets of the grammar are supported.",
        run!(grammar),
    )
    .needs(NAME),
    Case::must(
        "filter-urn",
        "RFC 7644 §3.10",
        "A core attribute may be named with its schema's URN.",
        run!(
            finds_alone,
            r#"urn:ietf:params:scim:schemas:core:2.0:User:userName eq "{mark}-cleo@example.com""#,
            "Cleo"
        ),
    )
    .needs(NAME),
    Case::must(
        "filter-extension",
        "RFC 7644 §3.10",
        "An extension's attribute is named with the extension's URN.",
        run!(finds, r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "Sales""#, "Ada Dora"),
    )
    .needs(DEPARTMENT),
    Case::must(
        "filter-extension-pr",
        "RFC 7644 §3.10",
        "pr works with an extension's attribute.",
        run!(finds, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department pr", "Ada Bert Dora"),
    )
    .needs(DEPARTMENT),
    Case::must(
        "filter-schemas",
        SECTION,
        "Resources with an extension are found by schemas.",
        run!(finds, r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#, "Ada Bert Dora"),
    )
    .needs(DEPARTMENT),
    Case::must("filter-id", SECTION, "Resources are found by id.", run!(by_id)).needs(NAME),
    Case::must(
        "filter-escape",
        SECTION,
        "A quote in a value is written with a backslash, as in JSON.",
        run!(finds_alone, r#"userName eq "a\"b""#, ""),
    )
    .needs(NAME),
    Case::must(
        "filter-unicode-escape",
        SECTION,
        "A letter of a value may be written as in JSON, with its number.",
        run!(finds, r#"name.familyName eq "\u0052eed""#, "Cleo"),
    )
    .needs(FAMILY),
    // Multi-valued attributes.
    Case::must(
        "filter-any-value",
        SECTION,
        "A condition on a multi-valued attribute fits when any value fits.",
        run!(finds_any, r#"emails.type eq "home""#, "Ada Cleo"),
    )
    .needs(EMAILS),
    Case::must(
        "filter-any-value-value",
        SECTION,
        "The value sub-attribute of a multi-valued attribute can be compared.",
        run!(finds_alone, r#"emails.value eq "{mark}-bert@work.example""#, "Bert"),
    )
    .needs(EMAILS),
    Case::should(
        "filter-default-sub-attribute",
        SECTION,
        "A multi-valued attribute without a sub-attribute is compared by its value.",
        run!(finds_any, r#"emails co "home.example""#, "Ada Cleo"),
    )
    .needs(EMAILS),
    Case::must(
        "filter-value-path",
        SECTION,
        "Conditions in square brackets have to fit one and the same value.",
        run!(finds_any, r#"emails[type eq "home" and value ew "work.example"]"#, ""),
    )
    .needs(EMAILS),
    Case::must(
        "filter-value-path-finds",
        SECTION,
        "Conditions in square brackets find the resources with a value that fits all.",
        run!(finds_any, r#"emails[type eq "work" and value ew "work.example"]"#, "Ada Bert"),
    )
    .needs(EMAILS),
    Case::must(
        "filter-value-path-or",
        SECTION,
        "Square brackets take any filter of sub-attributes.",
        run!(finds_any, r#"emails[type eq "pager" or not (type eq "work")]"#, "Ada Cleo"),
    )
    .needs(EMAILS),
    Case::must(
        "filter-value-path-and-more",
        SECTION,
        "Square brackets may be one condition of several.",
        run!(finds_any, r#"emails[type eq "work"] and name.givenName eq "Bert""#, "Bert"),
    )
    .needs(EMAILS),
    // What is wrong.
    Case::must(
        "filter-unknown-operator",
        SECTION,
        "An operator that the server does not know is refused with 400 invalidFilter.",
        run!(invalid, r#"userName regex "a""#),
    )
    .needs(NAME),
    Case::must("filter-unfinished", SECTION, "A condition without a value is refused.", run!(refused, "userName eq"))
        .needs(NAME),
    Case::must(
        "filter-unclosed-bracket",
        SECTION,
        "A bracket that is not closed is refused.",
        run!(refused, r#"(userName eq "a""#),
    )
    .needs(NAME),
    Case::must(
        "filter-unclosed-text",
        SECTION,
        "A text that is not closed is refused.",
        run!(refused, r#"userName eq "a"#),
    )
    .needs(NAME),
    Case::must("filter-no-operator", SECTION, "A filter that is only a name is refused.", run!(refused, "userName"))
        .needs(NAME),
    Case::must(
        "filter-nothing-after-and",
        SECTION,
        "and without a second condition is refused.",
        run!(refused, r#"userName eq "a" and"#),
    )
    .needs(NAME),
    Case::must(
        "filter-nobody",
        "RFC 7644 §3.4.2",
        "A filter that nothing fits is answered 200 with no resources.",
        run!(finds_alone, r#"userName eq "nobody""#, ""),
    )
    .needs(NAME),
];
