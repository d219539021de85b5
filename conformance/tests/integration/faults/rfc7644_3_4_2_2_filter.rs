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

#[allow(clippy::too_many_lines, reason = "a table, one row for each case")]
pub fn faults() -> Faults {
    let forgiven = [
        ("filter-boolean-gt", "Expected status 400 to GET"),
        ("filter-boolean-ge", "Expected status 400 to GET"),
        ("filter-boolean-lt", "Expected status 400 to GET"),
        ("filter-boolean-le", "Expected status 400 to GET"),
        ("filter-unknown-operator", "Expected status 400 to GET"),
        ("filter-unfinished", "Expected GET"),
        ("filter-unclosed-bracket", "Expected GET"),
        ("filter-unclosed-text", "Expected GET"),
        ("filter-no-operator", "Expected GET"),
        ("filter-nothing-after-and", "Expected GET"),
    ];
    let mut faults: Faults = forgiven.into_iter().map(|(id, why)| (id, forgiving(), why)).collect();
    faults.extend([
        ("filter-co-case", reads(" co ", " eq "), "to find Ada; it finds nobody"),
        ("filter-sw-case", reads(" sw ", " eq "), "to find Ada; it finds nobody"),
        ("filter-ew-case", reads(" ew ", " eq "), "to find Ada; it finds nobody"),
        ("filter-co-case-exact", reads("externalId co", "userName pr or userName co"), "to find 0; it finds 1"),
        ("filter-sw-case-exact", reads("externalId sw", "userName pr or userName eq"), "to find 0; it finds 1"),
        ("filter-ew-case-exact", reads("externalId ew", "userName pr or userName ew"), "to find 0; it finds 1"),
        ("filter-grammar", on("GET /Users").having("not (").refuses(400), "these are not: not (userName eq"),
        (
            "filter-eq",
            reads(" eq ", " ne "),
            "the filter userName eq \"scim-conformance-0a1b2c-people-ada@example.com\" to find",
        ),
        (
            "filter-ne",
            reads(" ne ", " eq "),
            "the filter userName ne \"scim-conformance-0a1b2c-people-ada@example.com\" to find",
        ),
        ("filter-co", reads(" co ", " sw "), "the filter name.familyName co \"ar\" to find Bert"),
        ("filter-co-nothing", reads(" co ", " ne "), "the filter name.familyName co \"zz\" to find nobody"),
        ("filter-sw", reads("\"Qu\"", "\"Qui\""), "the filter name.familyName sw \"Qu\" to find Ada, Bert"),
        ("filter-sw-whole", reads("\"Reed\"", "\"Reed-\""), "the filter name.familyName sw \"Reed\" to find Cleo"),
        ("filter-ew", reads(" ew ", " eq "), "the filter title ew \"Engineer\" to find Ada, Bert"),
        ("filter-ew-whole", reads("\"Stone\"", "\"-Stone\""), "the filter name.familyName ew \"Stone\" to find Dora"),
        ("filter-pr", reads("title pr", "not (title pr)"), "the filter title pr to find Ada, Bert, Dora"),
        ("filter-pr-complex", reads("emails pr", "userName pr"), "the filter emails pr to find Ada, Bert, Cleo"),
        ("filter-gt", reads(" gt ", " ge "), "the filter name.familyName gt \"Reed\" to find Dora"),
        ("filter-ge", reads(" ge ", " gt "), "the filter name.familyName ge \"Reed\" to find Cleo, Dora"),
        ("filter-lt", reads(" lt ", " le "), "the filter name.familyName lt \"Quill\" to find Bert"),
        ("filter-le", reads(" le ", " lt "), "the filter name.familyName le \"Quill\" to find Ada, Bert"),
        (
            "filter-boolean-true",
            reads("active eq true", "active pr"),
            "the filter active eq true to find Ada, Cleo, Dora",
        ),
        ("filter-boolean-false", reads("active eq false", "active pr"), "the filter active eq false to find Bert"),
        ("filter-boolean-ne", reads("active ne true", "active pr"), "the filter active ne true to find Bert"),
        (
            "filter-time-gt",
            reads(" gt ", " lt "),
            "the filter meta.created gt \"2000-01-01T00:00:00Z\" to find Ada, Bert, Cleo, Dora",
        ),
        (
            "filter-time-lt",
            reads(" lt ", " gt "),
            "the filter meta.lastModified lt \"2000-01-01T00:00:00Z\" to find nobody",
        ),
        (
            "filter-time-offset",
            reads("-12:00", "Z"),
            "a user made at 2023-11-14T22:13:21Z to be found before 2023-11-14T11:13:21-12:00",
        ),
        ("filter-and", reads("title pr and ", ""), "the filter title pr and active eq true to find Ada, Dora"),
        (
            "filter-or",
            reads(" or ", " and "),
            "the filter name.givenName eq \"Ada\" or name.givenName eq \"Dora\" to find Ada, Dora",
        ),
        ("filter-not", reads("not (", "("), "the filter not (name.familyName sw \"Qu\") to find Cleo, Dora"),
        (
            "filter-precedence",
            reads(
                "name.givenName eq \"Ada\" or name.givenName eq \"Bert\"",
                "(name.givenName eq \"Ada\" or name.givenName eq \"Bert\")",
            ),
            "the filter name.givenName eq \"Ada\" or name.givenName eq \"Bert\" and name.familyNa",
        ),
        (
            "filter-group",
            reads(
                "(name.givenName eq \"Ada\" or name.givenName eq \"Bert\")",
                "name.givenName eq \"Ada\" or name.givenName eq \"Bert\"",
            ),
            "the filter (name.givenName eq \"Ada\" or name.givenName eq \"Bert\") and name.family",
        ),
        (
            "filter-not-precedence",
            reads(
                "not (name.givenName eq \"Ada\") and name.familyName sw \"Qu\"",
                "not (name.givenName eq \"Ada\" and name.familyName sw \"Qu\")",
            ),
            "the filter not (name.givenName eq \"Ada\") and name.familyName sw \"Qu\" to find Ber",
        ),
        (
            "filter-nested-groups",
            reads("(not (name.givenName sw \"B\"))", "(name.givenName sw \"B\")"),
            "the filter ((name.givenName eq \"Ada\") or (not (name.givenName sw \"B\"))) to find",
        ),
        ("filter-name-case", on("GET /Users").having("NAME.FamilyName").refuses(400), "Expected status 200 to GET"),
        ("filter-operator-case", on("GET /Users").having(" EQ ").refuses(400), "Expected status 200 to GET"),
        ("filter-logic-case", on("GET /Users").having(" OR NOT ").refuses(400), "Expected status 200 to GET"),
        (
            "filter-value-case",
            reads("-ADA", "-nobody"),
            "the filter userName eq \"SCIM-CONFORMANCE-0A1B2C-PEOPLE-ADA@EXAMPLE.COM\" to find",
        ),
        (
            "filter-value-case-exact",
            on("GET /Users").takes(|asked| {
                for (_, value) in &mut asked.query {
                    if let Some((before, id)) = value.clone().split_once("id eq ") {
                        *value = format!("{before}id eq {}", id.to_lowercase());
                    }
                }
            }),
            "Expected the filter id eq \"",
        ),
        ("filter-urn", on("GET /Users").having("urn:").refuses(400), "Expected status 200 to GET"),
        (
            "filter-extension",
            reads("department eq", "department ne"),
            "the filter urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        ),
        (
            "filter-extension-pr",
            reads("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department pr", "userName pr"),
            "the filter urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        ),
        (
            "filter-schemas",
            reads("extension:enterprise:2.0:User", "core:2.0:User"),
            "the filter schemas eq \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:Use",
        ),
        ("filter-id", reads("id eq", "id ne"), "Expected the filter id eq \""),
        ("filter-escape", on("GET /Users").having("\\\"").refuses(500), "Expected status 200 to GET"),
        (
            "filter-unicode-escape",
            reads("\\u0052", "u0052"),
            "the filter name.familyName eq \"\\u0052eed\" to find Cleo",
        ),
        (
            "filter-any-value",
            reads("emails.type eq \"home\"", "emails.type eq \"home\" and not (emails.type eq \"work\")"),
            "the filter emails.type eq \"home\" to find Ada, Cleo",
        ),
        (
            "filter-any-value-value",
            reads("emails.value eq", "emails.value ne"),
            "the filter emails.value eq \"scim-conformance-0a1b2c-people-bert@work.example\" to",
        ),
        (
            "filter-default-sub-attribute",
            reads("emails co", "emails.type co"),
            "the filter emails co \"home.example\" to find Ada, Cleo",
        ),
        (
            "filter-value-path",
            reads(
                "emails[type eq \"home\" and value ew \"work.example\"]",
                "emails.type eq \"home\" and emails.value ew \"work.example\"",
            ),
            "the filter emails[type eq \"home\" and value ew \"work.example\"] to find nobody",
        ),
        (
            "filter-value-path-finds",
            reads("emails[type eq \"work\" and value ew \"work.example\"]", "emails.type eq \"home\""),
            "the filter emails[type eq \"work\" and value ew \"work.example\"] to find Ada, Bert",
        ),
        (
            "filter-value-path-or",
            reads("not (type eq \"work\")", "type eq \"work\""),
            "the filter emails[type eq \"pager\" or not (type eq \"work\")] to find Ada, Cleo",
        ),
        (
            "filter-value-path-and-more",
            reads(" and name.givenName eq \"Bert\"", ""),
            "the filter emails[type eq \"work\"] and name.givenName eq \"Bert\" to find Bert",
        ),
        ("filter-nobody", on("GET /Users").having("nobody").refuses(404), "Expected status 200 to GET"),
    ]);
    faults
}
