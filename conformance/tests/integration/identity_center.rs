//! A tenant under the profile identity-center deviates from the RFCs where IAM Identity Center does:
//! in exactly the cases that are listed here, and nowhere else.

use std::fmt::Write;

use conformance::Verdict;

use crate::{
    docs,
    scim_server::{DEPARTURES, ScimServer},
};

/// A constraint, and what the cases say of it. `error`: the case cannot prepare what it needs.
struct Deviation {
    constraint: &'static str,
    cases: &'static [(Verdict, &'static str)],
}

use Verdict::{Error, Fail, Warn};

const DEVIATIONS: &[Deviation] = &[
    Deviation {
        constraint: "A user has at most one email, address, telephone number and role, and the email is primary",
        cases: &[
            (Fail, "create-multi-valued"),
            (Error, "attribute-empty-list-put"),
            (Error, "type-list"),
            (Error, "replace-multi-valued"),
            (Error, "modify-primary"),
            (Error, "modify-add-appends"),
            (Error, "modify-add-without-path-appends"),
            (Fail, "modify-add-first-element"),
            (Error, "modify-add-same-value"),
            (Error, "modify-remove-last"),
            (Error, "modify-replace-multi-valued"),
            (Error, "sort-primary"),
            (Error, "sort-first-value"),
        ],
    },
    // A filter that is declined is skipped; this says once what is missing.
    Deviation {
        constraint: "Filters are eq on a few attributes, and joined by and",
        cases: &[(Warn, "filter-grammar")],
    },
    Deviation {
        constraint: "Groups are read without their members",
        cases: &[(Fail, "create-group-members"), (Fail, "each-create:Group:members")],
    },
    Deviation {
        constraint: "The members of a group are added and removed by name, and not all at once",
        cases: &[(Fail, "each-replace:Group:members"), (Fail, "each-remove:Group:members")],
    },
    Deviation { constraint: "Groups are not replaced by PUT", cases: &[(Fail, "group-put-name")] },
    Deviation {
        constraint: "active is true or false, and is not removed",
        cases: &[(Fail, "each-remove:User:active")],
    },
];

/// Whether a finding is this one. A `*` stands for a family of cases that need the same.
fn is_of(deviation: &(Verdict, &str), found: (Verdict, &str)) -> bool {
    let (verdict, pattern) = deviation;
    *verdict == found.0 && pattern.strip_suffix('*').map_or(*pattern == found.1, |start| found.1.starts_with(start))
}

fn page(found: &[(Verdict, &str)]) -> String {
    let mut text = String::from(
        "# Where the identity-center profile deviates\n\n\
         <!-- Made by a test of conformance, which runs the cases; run it with UPDATE_DOCS=1. -->\n\n\
         A tenant under the profile `identity-center` of scim-server does what AWS IAM Identity Center does,\n\
         also where that is not what the RFCs say. `scim-conformance run` against such a tenant finds exactly\n\
         these [cases](conformance-cases.md); a test holds that it finds no others. `error` says that a case\n\
         could not make what it needs. What the profile does not declare is skipped, and is no deviation.\n\n\
         What is offered beyond that system is an absence there, and no deviation from the RFCs: `meta.version`\n\
         with `ETag` and `If-Match`, sorting, `startIndex`, and schemas of a tenant's own\n\
         ([decision 15](../decisions/0015-identity-center-attributes.md)).\n",
    );
    text.push_str(
        "\n## Under every profile\n\nWhat scim-server does otherwise than the RFCs say under every profile, \
         and why.\n\n| case | verdict | reason |\n| --- | --- | --- |\n",
    );
    for (id, why) in DEPARTURES {
        let _ = writeln!(text, "| `{id}` | fail | {why} |");
    }
    for deviation in DEVIATIONS {
        let _ = write!(text, "\n## {}\n\n| case | verdict |\n| --- | --- |\n", deviation.constraint);
        for (verdict, id) in found.iter().filter(|one| deviation.cases.iter().any(|case| is_of(case, **one))) {
            let _ = writeln!(text, "| `{id}` | {} |", verdict.word());
        }
    }
    text
}

#[test]
fn the_profile_deviates_where_the_page_says() {
    let report = ScimServer::start("identity-center").report(&[]);
    let found: Vec<_> = report
        .findings
        .iter()
        .filter(|one| !matches!(one.verdict, Verdict::Pass | Verdict::Skip))
        .map(|one| (one.verdict, one.id.as_str()))
        // What the server departs from under every profile is not this profile's.
        .filter(|(_, id)| !DEPARTURES.iter().any(|(departure, _)| departure == id))
        .collect();
    let listed: Vec<_> = DEVIATIONS.iter().flat_map(|one| one.cases).collect();
    let missing: Vec<_> = found.iter().filter(|one| !listed.iter().any(|case| is_of(case, **one))).collect();
    let gone: Vec<_> = listed.iter().filter(|case| !found.iter().any(|one| is_of(case, *one))).collect();
    assert!(missing.is_empty() && gone.is_empty(), "found and not listed: {missing:?}\nlisted and not found: {gone:?}");
    docs::check("identity-center-deviations.md", &page(&found));
}
