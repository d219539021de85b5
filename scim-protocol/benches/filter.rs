//! How long a filter takes, step by step: parse, bind, match.

#![allow(clippy::unwrap_used, reason = "a benchmark of constants")]

use divan::{Bencher, black_box};
use scim_protocol::{
    filter::Filter,
    schema::{ResourceType, SchemaRegistry},
    value::fold,
};
use serde_json::{Map, Value, json};

/// A provider's lookup, a lookup with brackets, and one that looks at every part of a document.
const FILTERS: [&str; 3] = [
    r#"userName eq "bjensen@example.com""#,
    r#"emails[type eq "work" and value eq "bjensen@example.com"]"#,
    r#"(title co "manager" or name.familyName sw "J") and meta.lastModified ge "2011-05-13T04:42:34Z" and active eq true"#,
];

fn main() {
    divan::main();
}

fn user() -> std::sync::Arc<ResourceType> {
    SchemaRegistry::core().resource_type("User").cloned().unwrap()
}

fn document() -> Map<String, Value> {
    let document = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": "2819c223-7f76-453a-919d-413861904646",
        "userName": "BJensen@example.com",
        "name": {"familyName": "Jensen", "givenName": "Barbara"},
        "title": "Tour Guide",
        "active": true,
        "emails": [
            {"value": "babs@jensen.org", "type": "home"},
            {"value": "bjensen@example.com", "type": "work", "primary": true}
        ],
        "meta": {"resourceType": "User", "lastModified": "2011-05-13T04:42:34.000Z"}
    });
    document.as_object().cloned().unwrap()
}

#[divan::bench(args = FILTERS)]
fn parse(filter: &str) -> Filter {
    Filter::parse(black_box(filter)).unwrap()
}

#[divan::bench(args = FILTERS)]
fn bind(bencher: Bencher<'_, '_>, filter: &str) {
    let (filter, user) = (Filter::parse(filter).unwrap(), user());
    bencher.bench_local(|| black_box(&filter).bind(&user).unwrap());
}

#[divan::bench(args = FILTERS)]
fn matches(bencher: Bencher<'_, '_>, filter: &str) {
    let (filter, document) = (Filter::parse(filter).unwrap().bind(&user()).unwrap(), document());
    bencher.bench_local(|| filter.matches(black_box(&document)));
}

#[divan::bench(args = ["bjensen@example.com", "BJensen@Example.com", "Bärbel Müller"])]
fn folding(text: &str) -> String {
    fold(black_box(text))
}
