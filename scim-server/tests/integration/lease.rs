//! What one of several processes does for all, and who does it when that one dies.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use scim_server::internals::{
    clock::SystemClock,
    directory::Directory,
    store::{
        Store,
        postgres::{Options as Database, PostgresStore},
    },
};
use serde_json::Value;

use crate::{
    database::shared,
    server::{Options, TestServer},
};

/// How long another may take to take over, with room for a slow machine.
const SOON: Duration = Duration::from_secs(120);

const HOLDS: &str = "this process holds the upkeep lease";

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The events of the system's log: how often each token was reminded of.
fn reminders(server: &TestServer, store: &str) -> Vec<String> {
    let exported = server.run(&["export", "--all", "--store", store]);
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let lines = String::from_utf8(exported.stdout).expect("JSON Lines");
    let events = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()?.get("event").cloned());
    // The tenant's own log tells its readers of the same reminder.
    let of_the_system = events.filter(|event| event["tenant"] == "00000000-0000-0000-0000-000000000000");
    let mut found: Vec<_> = of_the_system
        .filter(|event| event["action"] == "remind")
        .map(|event| event["target"].as_str().expect("a token").to_owned())
        .collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_takes_over_when_the_holder_is_killed() {
    let url = shared().schema();
    let schema = url.rsplit("%3D").next().expect("the schema").to_owned();
    let retention = ["--event-retention", "1s"].map(str::to_owned).to_vec();
    let mut first = TestServer::with(Options { store: Some(url.clone()), args: retention, ..Options::default() });
    until("nobody holds the lease", || first.log().contains(HOLDS)).await;
    let second = first.beside();
    let third = first.beside();
    let holder = || shared().sql(&format!("SELECT holder FROM {schema}.lease WHERE chore = 'upkeep'"));
    let was = holder();

    // Work for the holder: a token that ends soon, a tenant whose removal was begun, and old events.
    let token = |server: &TestServer| -> String {
        let made = server.run_json(&["token", "create", "--tenant", "test", "--lifetime", "5d", "--json"]);
        made["token_id"].as_str().expect("an id").to_owned()
    };
    let ending = token(&second);
    let doomed = second.run_json(&["tenant", "create", "doomed", "--json"]);
    let clock = Arc::new(SystemClock);
    let store: Arc<dyn Store> =
        Arc::new(PostgresStore::open(&Database::new(url.as_str()), clock.clone()).await.unwrap());
    let directory = Directory::new(Arc::clone(&store), clock);
    let tenant = directory.find("doomed").await.expect("the tenant");
    assert_eq!(tenant.id.to_string(), doomed["tenant_id"].as_str().unwrap());
    directory.close(tenant, true).await.expect("the mark");
    store.close().await.expect("a clean end");
    second.client().user("anna").await;
    assert_eq!(reminders(&second, &url), [""; 0], "the holder looks once an hour");

    assert!(!second.log().contains(HOLDS) && !third.log().contains(HOLDS), "there is one holder");
    let killed = Instant::now();
    first.kill();
    until("nobody takes over", || second.log().contains(HOLDS) || third.log().contains(HOLDS)).await;
    println!("another process holds the lease {:.1} s after the holder was killed", killed.elapsed().as_secs_f64());
    assert_ne!(holder(), was);
    let (holder, other) = if second.log().contains(HOLDS) { (second, third) } else { (third, second) };
    let mut holder = holder;
    until("the removal is not finished", || holder.log().contains("finished the interrupted deletion of a tenant"))
        .await;
    until("nobody reminds", || reminders(&other, &url) == [ending.as_str()]).await;
    // The reminder itself is younger than the others.
    let left = format!(
        "SELECT count(*) FROM {schema}.event WHERE tenant = '{}' AND position('token.expiring' IN convert_from(document, 'UTF8')) = 0",
        holder.tenant()
    );
    until("old events stay", || shared().sql(&left) == "0").await;

    // The next one takes over at once, since this one says good-bye; and does nothing twice. It looks for old events when it
    // takes over, and then once an hour: those of the removal must be old by then.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(holder.stop().success());
    until("nobody takes over", || other.log().contains(HOLDS)).await;
    until("its work is not done", || {
        let old = "SELECT count(*) FROM {}.event WHERE tenant = '00000000-0000-0000-0000-000000000000'";
        shared().sql(&old.replace("{}", &schema)) == "0"
    })
    .await;
    let reminded = |server: &TestServer| {
        let log = server.log();
        log.lines().filter(|line| line.contains("expires soon") && line.contains(&ending)).count()
    };
    assert_eq!((reminded(&holder), reminded(&other)), (1, 0), "a reminder is not repeated by another holder");
    assert!(!other.log().contains("removed a tenant"), "{}", other.log());
    let listed = other.run_json(&["tenant", "list", "--json"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
}
