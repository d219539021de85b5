//! A tenant under the profile identity-center deviates from the RFCs where IAM Identity Center does:
//! in exactly the cases that are listed here, and nowhere else.

use std::fmt::Write;

use conformance::verdict::Verdict;

use crate::{docs, scim_server::ScimServer};

/// A constraint, and what the cases say of it. `error`: the case cannot prepare what it needs.
struct Deviation {
    constraint: &'static str,
    cases: &'static [(Verdict, &'static str)],
}

use Verdict::{Error, Fail, Warn};

const DEVIATIONS: &[Deviation] = &[
    Deviation {
        constraint: "A user has at most one email, address, telephone number and role, and the email is primary.",
        cases: &[
            (Error, "attribute-empty-list-put"),
            (Error, "attribute-case-exact-filter"),
            (Error, "create-multi-valued"),
            (Error, "replace-multi-valued"),
            (Fail, "modify-primary"),
            (Error, "modify-add-appends"),
            (Error, "modify-add-without-path-appends"),
            (Fail, "modify-add-first-element"),
            (Error, "modify-add-same-value"),
            (Error, "modify-remove-multi-valued"),
            (Error, "modify-remove-matching"),
            (Error, "modify-remove-last"),
            (Error, "modify-remove-by-value"),
            (Error, "modify-remove-and"),
            (Error, "modify-remove-element-sub-attribute"),
            (Error, "modify-replace-multi-valued"),
            (Error, "modify-replace-element"),
            (Error, "modify-replace-element-sub-attribute"),
        ],
    },
    Deviation {
        constraint: "The people whom these cases ask for have two addresses, so they cannot be made.",
        cases: &[
            (Error, "filter-eq"),
            (Error, "filter-ne"),
            (Error, "filter-co"),
            (Error, "filter-co-nothing"),
            (Error, "filter-sw"),
            (Error, "filter-sw-whole"),
            (Error, "filter-ew"),
            (Error, "filter-ew-whole"),
            (Error, "filter-pr"),
            (Error, "filter-pr-complex"),
            (Error, "filter-gt"),
            (Error, "filter-ge"),
            (Error, "filter-lt"),
            (Error, "filter-le"),
            (Error, "filter-boolean-true"),
            (Error, "filter-boolean-false"),
            (Error, "filter-boolean-ne"),
            (Error, "filter-time-gt"),
            (Error, "filter-time-lt"),
            (Error, "filter-time-offset"),
            (Error, "filter-and"),
            (Error, "filter-or"),
            (Error, "filter-not"),
            (Error, "filter-precedence"),
            (Error, "filter-group"),
            (Error, "filter-not-precedence"),
            (Error, "filter-nested-groups"),
            (Error, "filter-name-case"),
            (Error, "filter-operator-case"),
            (Error, "filter-logic-case"),
            (Error, "filter-value-case"),
            (Error, "filter-value-case-exact"),
            (Error, "filter-urn"),
            (Error, "filter-extension"),
            (Error, "filter-extension-pr"),
            (Error, "filter-schemas"),
            (Error, "filter-id"),
            (Error, "filter-escape"),
            (Error, "filter-unicode-escape"),
            (Error, "filter-any-value"),
            (Error, "filter-any-value-value"),
            (Error, "filter-default-sub-attribute"),
            (Error, "filter-nobody"),
        ],
    },
    Deviation { constraint: "Groups are read without their members.", cases: &[(Fail, "create-group-members")] },
    Deviation { constraint: "Groups are not replaced by PUT: 501.", cases: &[(Fail, "replace-members")] },
    Deviation {
        constraint: "name.givenName, name.familyName and displayName are required.",
        cases: &[(Fail, "modify-remove-sub-attribute"), (Fail, "modify-remove-complex")],
    },
    Deviation {
        constraint: "A value that an operation would make has no primary, so it is refused, with another scimType.",
        cases: &[(Warn, "modify-replace-no-match-eq")],
    },
];

fn page() -> String {
    let mut text = String::from(
        "# Where the identity-center profile deviates\n\n\
         <!-- Made by a test of conformance, which runs the cases; run it with UPDATE_DOCS=1. -->\n\n\
         A tenant under the profile `identity-center` of scim-server does what AWS IAM Identity Center does,\n\
         also where that is not what the RFCs say. `scim-conformance run` against such a tenant finds exactly\n\
         these [cases](conformance-cases.md); a test holds that it finds no others. What the profile does not\n\
         declare (bulk, attributes that it does not have) is skipped and is no deviation.\n",
    );
    for deviation in DEVIATIONS {
        let _ = write!(text, "\n## {}\n\n| case | verdict |\n| --- | --- |\n", deviation.constraint);
        for (verdict, id) in deviation.cases {
            let _ = writeln!(text, "| `{id}` | {} |", verdict.word());
        }
    }
    text
}

#[test]
fn the_profile_deviates_where_the_page_says() {
    let report = ScimServer::start("identity-center").report(&[]);
    let mut found: Vec<_> = report
        .findings
        .iter()
        .filter(|one| !matches!(one.verdict, Verdict::Pass | Verdict::Skip))
        .map(|one| (one.verdict, one.id.as_str()))
        .collect();
    let mut listed: Vec<_> = DEVIATIONS.iter().flat_map(|one| one.cases.iter().copied()).collect();
    found.sort_unstable();
    listed.sort_unstable();
    let missing: Vec<_> = found.iter().filter(|one| !listed.contains(one)).collect();
    let gone: Vec<_> = listed.iter().filter(|one| !found.contains(one)).collect();
    assert!(missing.is_empty() && gone.is_empty(), "found and not listed: {missing:?}\nlisted and not found: {gone:?}");
    docs::check("identity-center-deviations.md", &page());
}
