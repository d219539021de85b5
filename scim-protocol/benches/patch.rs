//! How long a PATCH takes, from the body's JSON to the new document.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to measure")]

use divan::{Bencher, black_box};
use scim_protocol::{
    Resource,
    dialect::standardise_patch,
    patch,
    schema::{ResourceType, SchemaRegistry},
};
use serde_json::{Value, json};

fn main() {
    divan::main();
}

fn resource_type(name: &str) -> ResourceType {
    ResourceType::clone(SchemaRegistry::core().resource_type(name).unwrap())
}

fn run(bencher: Bencher, rt: &ResourceType, resource: &Resource, operations: &Value) {
    let body = json!({ "Operations": operations });
    bencher.with_inputs(|| body.clone()).bench_local_values(|mut body| {
        standardise_patch(&mut body, rt);
        let operations = patch::parse(body).unwrap();
        black_box(patch::apply(resource, &operations, rt).unwrap())
    });
}

fn user() -> Value {
    json!({
        "userName": "bjensen", "active": true, "name": {"givenName": "Barbara", "familyName": "Jensen"},
        "emails": [{"value": "b@work.org", "type": "work", "primary": true}, {"value": "babs@jensen.org", "type": "home"}]
    })
}

#[divan::bench]
fn deactivate_a_user(bencher: Bencher) {
    let rt = resource_type("User");
    let resource = Resource::create(user(), &rt).unwrap();
    run(bencher, &rt, &resource, &json!([{"op": "Replace", "path": "active", "value": "False"}]));
}

#[divan::bench]
fn change_an_email_by_filter(bencher: Bencher) {
    let rt = resource_type("User");
    let resource = Resource::create(user(), &rt).unwrap();
    run(bencher, &rt, &resource, &json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "x"}]));
}

/// One operation with many members, and as many operations: both must grow with their size only.
#[divan::bench(args = [10, 100, 1000])]
fn add_members_in_one_operation(bencher: Bencher, count: usize) {
    let rt = resource_type("Group");
    let resource = Resource::create(json!({"displayName": "Tour Guides"}), &rt).unwrap();
    let members: Vec<Value> = (0..count).map(|id| json!({ "value": id.to_string() })).collect();
    run(bencher, &rt, &resource, &json!([{"op": "add", "path": "members", "value": members}]));
}

#[divan::bench(args = [10, 100])]
fn add_members_one_by_one(bencher: Bencher, count: usize) {
    let rt = resource_type("Group");
    let resource = Resource::create(json!({"displayName": "Tour Guides"}), &rt).unwrap();
    let add = |id: usize| json!({"op": "add", "path": "members", "value": [{"value": id.to_string()}]});
    let operations: Vec<Value> = (0..count).map(add).collect();
    run(bencher, &rt, &resource, &operations.into());
}
