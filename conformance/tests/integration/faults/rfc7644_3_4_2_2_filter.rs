//! Faults in filters.

use super::Faults;
use crate::broken::{Fault, fault::on};

/// Reads a part of the filter as another.
fn reads(part: &'static str, other: &'static str) -> Fault {
    on("GET /Users").asks("filter", part, other)
}

/// Answers what it cannot read with everybody.
fn forgiving() -> Fault {
    on("GET /Users").ignores("filter")
}

pub fn faults() -> Faults {
    let forgiven = [
        "filter-boolean-gt",
        "filter-boolean-ge",
        "filter-boolean-lt",
        "filter-boolean-le",
        "filter-unknown-operator",
        "filter-unfinished",
        "filter-unclosed-bracket",
        "filter-unclosed-text",
        "filter-no-operator",
        "filter-nothing-after-and",
    ];
    let mut faults: Faults = forgiven.into_iter().map(|id| (id, forgiving())).collect();
    faults.extend([
        ("filter-eq", reads(" eq ", " ne ")),
        ("filter-ne", reads(" ne ", " eq ")),
        ("filter-co", reads(" co ", " sw ")),
        ("filter-co-nothing", reads(" co ", " ne ")),
        ("filter-sw", reads("\"Qu\"", "\"Qui\"")),
        ("filter-sw-whole", reads("\"Reed\"", "\"Reed-\"")),
        ("filter-ew", reads(" ew ", " eq ")),
        ("filter-ew-whole", reads("\"Stone\"", "\"-Stone\"")),
        ("filter-pr", reads("title pr", "not (title pr)")),
        ("filter-pr-complex", reads("emails pr", "userName pr")),
        ("filter-gt", reads(" gt ", " ge ")),
        ("filter-ge", reads(" ge ", " gt ")),
        ("filter-lt", reads(" lt ", " le ")),
        ("filter-le", reads(" le ", " lt ")),
        ("filter-boolean-true", reads("active eq true", "active pr")),
        ("filter-boolean-false", reads("active eq false", "active pr")),
        ("filter-boolean-ne", reads("active ne true", "active pr")),
        ("filter-time-gt", reads(" gt ", " lt ")),
        ("filter-time-lt", reads(" lt ", " gt ")),
        ("filter-time-offset", reads("+00:00", "+01:00")),
        ("filter-and", reads("title pr and ", "")),
        ("filter-or", reads(" or ", " and ")),
        ("filter-not", reads("not (", "(")),
        (
            "filter-precedence",
            reads(
                "name.givenName eq \"Ada\" or name.givenName eq \"Bert\"",
                "(name.givenName eq \"Ada\" or name.givenName eq \"Bert\")",
            ),
        ),
        (
            "filter-group",
            reads(
                "(name.givenName eq \"Ada\" or name.givenName eq \"Bert\")",
                "name.givenName eq \"Ada\" or name.givenName eq \"Bert\"",
            ),
        ),
        (
            "filter-not-precedence",
            reads(
                "not (name.givenName eq \"Ada\") and name.familyName sw \"Qu\"",
                "not (name.givenName eq \"Ada\" and name.familyName sw \"Qu\")",
            ),
        ),
        ("filter-nested-groups", reads("(not (name.givenName sw \"B\"))", "(name.givenName sw \"B\")")),
        ("filter-name-case", on("GET /Users").having("NAME.FamilyName").refuses(400)),
        ("filter-operator-case", on("GET /Users").having(" EQ ").refuses(400)),
        ("filter-logic-case", on("GET /Users").having(" OR NOT ").refuses(400)),
        ("filter-value-case", reads("-ADA", "-nobody")),
        (
            "filter-value-case-exact",
            on("GET /Users").takes(|asked| {
                for (_, value) in &mut asked.query {
                    if let Some((before, id)) = value.clone().split_once("id eq ") {
                        *value = format!("{before}id eq {}", id.to_lowercase());
                    }
                }
            }),
        ),
        ("filter-urn", on("GET /Users").having("urn:").refuses(400)),
        ("filter-extension", reads("department eq", "department ne")),
        (
            "filter-extension-pr",
            reads("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department pr", "userName pr"),
        ),
        ("filter-schemas", reads("extension:enterprise:2.0:User", "core:2.0:User")),
        ("filter-id", reads("id eq", "id ne")),
        ("filter-escape", on("GET /Users").having("\\\"").refuses(500)),
        ("filter-unicode-escape", reads("\\u0052", "u0052")),
        (
            "filter-any-value",
            reads("emails.type eq \"home\"", "emails.type eq \"home\" and not (emails.type eq \"work\")"),
        ),
        ("filter-any-value-value", reads("emails.value eq", "emails.value ne")),
        ("filter-default-sub-attribute", reads("emails co", "emails.type co")),
        (
            "filter-value-path",
            reads(
                "emails[type eq \"home\" and value ew \"work.example\"]",
                "emails.type eq \"home\" and emails.value ew \"work.example\"",
            ),
        ),
        (
            "filter-value-path-finds",
            reads("emails[type eq \"work\" and value ew \"work.example\"]", "emails.type eq \"home\""),
        ),
        ("filter-value-path-or", reads("not (type eq \"work\")", "type eq \"work\"")),
        ("filter-value-path-and-more", reads(" and name.givenName eq \"Bert\"", "")),
        ("filter-nobody", on("GET /Users").having("nobody").refuses(404)),
    ]);
    faults
}
