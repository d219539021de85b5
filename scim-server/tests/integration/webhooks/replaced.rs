//! Webhooks whose tenant is replaced by an import: they go on, and are told that the log is another one.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Receiver, create, run, server, taken};
use crate::server::{Options, PATIENCE, TestServer};

/// An export of the tenant as it is.
fn export(server: &TestServer) -> String {
    let file = server.scratch("export.jsonl");
    let exported = server.run(&["export", "--tenant", "test"]);
    assert!(exported.status.success(), "{exported:?}");
    std::fs::write(&file, exported.stdout).expect("a file");
    file.to_string_lossy().into_owned()
}

fn bodies(receiver: &Receiver) -> Vec<Value> {
    receiver.taken().iter().map(|one| serde_json::from_str(&one.body).expect("JSON")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_told_that_its_tenant_is_replaced_and_goes_on() {
    let mut server = server();
    let (users, all) = (Receiver::start().await, Receiver::start().await);
    server.client().user("of-the-file").await;
    let file = export(&server);
    let id = create(&server, &users, &["--types", "user.*"])["webhook_id"].as_str().expect("an id").to_owned();
    run(&server, &["create", "--all-tenants", "--url", &all.url, "--types", "group.*,user.*"]);
    // What waits to be taken when the tenant is replaced goes with the tenant.
    users.refuse("", 503);
    server.client().user("refused").await;
    taken(&all, 1).await;
    for _ in 0..200 {
        if !users.refused().is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    server.run_json(&["import", "--replace", &file, "--json"]);
    let late = server.client().user("late").await;
    server.wait_for_log("has replaced a tenant before a webhook had all of its events");
    server.kill();
    users.refuse("nobody", 503);
    server.launch();
    let later = server.client().user("later").await;

    taken(&users, 3).await;
    let told = bodies(&users);
    let types: Vec<_> = told.iter().map(|body| body["type"].as_str().expect("a type")).collect();
    assert_eq!(types[0], "tenant.replaced", "{types:?}");
    assert!(types[1..].iter().all(|name| *name == "scim.user.created"), "{types:?}");
    let ids: std::collections::BTreeSet<_> =
        told[1..].iter().map(|body| body["data"]["resource"]["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(ids, [late, later].into());
    // The numbers go on behind those of the file, and its events are not sent.
    let number = |body: &Value| -> u64 { body["sequence"].as_str().expect("a number").parse().expect("a number") };
    assert!(told[1..].iter().all(|body| number(body) > number(&told[0])), "{types:?}");
    taken(&all, 4).await;
    let of_all = bodies(&all);
    // A message that was on its way when the server was killed may come twice, with the same id.
    let marks = of_all.iter().filter(|body| body["type"] == "tenant.replaced").map(|body| body["id"].to_string());
    assert_eq!(marks.collect::<std::collections::BTreeSet<_>>().len(), 1);
    let shown = run(&server, &["show", &id]);
    assert_eq!((&shown["deliveries"][0]["lag"], &shown["deliveries"][0]["pending"]), (&json!(0), &json!(0)), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_of_a_replaced_tenant_says_so() {
    let server = TestServer::start();
    let file = export(&server);
    for (name, more) in [("crm", &["--prefill"][..]), ("hr", &[])] {
        server.run_json(&[&["consumer", "create", "--tenant", "test", name, "--json"], more].concat());
    }
    server.client().user("anna").await;
    let list = || server.run_json(&["consumer", "list", "--tenant", "test", "--json"]);
    let before = list();
    assert_eq!((&before[0]["state"], &before[1]["state"]), (&json!("prefilling"), &json!("reading")));
    server.run_json(&["import", "--replace", &file, "--json"]);
    for one in list().as_array().expect("consumers") {
        assert_eq!((&one["state"], &one["prefilling"]), (&json!("replaced"), &json!(false)), "{one}");
        assert!(one.get("lag").is_none(), "{one}");
    }
    let text = server.run(&["consumer", "list", "--tenant", "test"]);
    assert_eq!(String::from_utf8_lossy(&text.stdout).matches("replaced").count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_whose_events_are_forgotten_says_so() {
    let args = ["--event-retention", "1s"].map(str::to_owned).to_vec();
    let mut server = TestServer::with(Options { args, ..Options::default() });
    server.run_json(&["consumer", "create", "--tenant", "test", "late", "--json"]);
    for name in ["anna", "bert"] {
        server.client().user(name).await;
    }
    tokio::time::sleep(Duration::from_millis(1100)).await;
    server.kill();
    server.launch();
    let shown = || server.run_json(&["consumer", "show", "--tenant", "test", "late", "--json"]);
    let begun = std::time::Instant::now();
    while shown()["state"] != "outdated" {
        assert!(begun.elapsed() < PATIENCE, "{}", shown());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
