//! SIGKILL under load, again and again: what was acknowledged is there, what was not is whole or
//! absent, and the store's own check finds nothing.
//!
//! `CYCLES` says how often (30 unless it is set; `make crash-test CYCLES=1000`). A cycle is short:
//! the moment of the kill is what differs between cycles, not what comes before it. The embedded
//! store closes and opens itself anew several times in each, so that some kills meet it there.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use scim_server::internals::{
    clock::SystemClock,
    directory::Directory,
    store::{
        Store,
        postgres::{self, PostgresStore},
        sled::SledStore,
    },
};
use serde_json::json;

use crate::server::{Client, Options, Response, TestServer, USER, on_postgres, patch_body};

/// Clients that write at the same time.
const WRITERS: usize = 8;

/// Cycles on one store. Each ends with a check of all that is stored, so one that grew for a thousand
/// of them would make them slower and prove nothing more.
const GENERATION: u32 = 50;

/// The store is reopened after four times as much: a few times in each cycle.
const RENEW_AFTER: &str = "2KiB";

/// What one writer was told, and what it does not know.
#[derive(Debug, Default)]
struct Ledger {
    /// Users that exist for certain, with the title that was last acknowledged.
    users: BTreeMap<String, String>,
    /// Users that do not exist for certain.
    deleted: BTreeSet<String>,
    /// Members of the writer's group, for certain.
    members: BTreeSet<String>,
    /// Users under way when the server died: what they are now, nobody knows.
    unknown: BTreeSet<String>,
    /// Titles under way: the old one or this one.
    maybe: BTreeMap<String, String>,
    /// Counts up, so that no name is used twice.
    next: usize,
}

/// One writer: its group, its ledger, its endless work.
struct Writer {
    name: String,
    group: String,
    ledger: Ledger,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_acknowledged_is_lost() {
    let cycles: u32 = std::env::var("CYCLES").map_or(30, |cycles| cycles.parse().expect("CYCLES is a number"));
    let (mut acknowledged, mut renewals) = (0, 0);
    for first in (1..=cycles).step_by(GENERATION as usize) {
        let last = cycles.min(first + GENERATION - 1);
        let (writes, renewed) = one_store(first..=last).await;
        acknowledged += writes;
        renewals += renewed;
        println!("{last} cycles, {renewals} renewals, {acknowledged} acknowledged writes, none lost");
    }
    assert!(acknowledged > u64::from(cycles), "the load was no load");
    assert!(on_postgres() || renewals > 0, "the store was never reopened");
}

/// Some cycles on one store; how many writes were acknowledged, and how often it was reopened.
async fn one_store(cycles: RangeInclusive<u32>) -> (u64, usize) {
    let args = ["--log", "warn,scim_server::store=info", "--renew-after", RENEW_AFTER];
    let mut server = TestServer::with(Options::args(&args));
    let mut writers = Vec::new();
    for n in 0..WRITERS {
        let name = format!("writer-{n}");
        let group = server.client().group(&name, &[]).await;
        writers.push(Writer { name, group, ledger: Ledger::default() });
    }
    let mut acknowledged = 0;
    for cycle in cycles {
        acknowledged += kill_under_load(&mut server, &mut writers, cycle).await;
        let check = server.run(&["check"]);
        let said = [&*check.stdout, &*check.stderr].map(String::from_utf8_lossy).concat();
        assert!(check.status.success(), "cycle {cycle}: {}: {said}", check.status);
        server.launch();
        let client = server.client();
        join_all(writers.iter_mut().map(|writer| writer.verify(&client, cycle))).await;
    }
    (acknowledged, server.log().matches("the store was reopened").count())
}

/// Lets everybody write, kills the server in the middle of it, and counts what was acknowledged.
async fn kill_under_load(server: &mut TestServer, writers: &mut [Writer], cycle: u32) -> u64 {
    let dead = AtomicBool::new(false);
    let client = server.client();
    let rounds = AtomicU32::new(0);
    let work = join_all(writers.iter_mut().map(|writer| writer.write(&client, &dead, &rounds)));
    let killer = async {
        // On a slow machine there would be nothing to lose yet.
        let patience = Instant::now() + Duration::from_secs(30);
        while rounds.load(Ordering::Relaxed) == 0 && Instant::now() < patience {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // Another moment in each cycle, spread over a fifth of a second.
        tokio::time::sleep(Duration::from_millis(200 + u64::from(cycle) * 37 % 200)).await;
        server.kill();
        dead.store(true, Ordering::Relaxed);
    };
    let (counts, ()) = tokio::join!(work, killer);
    counts.iter().sum()
}

impl Writer {
    /// Writes until no answer comes any more; how many writes were acknowledged.
    async fn write(&mut self, client: &Client, dead: &AtomicBool, rounds: &AtomicU32) -> u64 {
        let mut acknowledged = 0;
        while !dead.load(Ordering::Relaxed) {
            match self.round(client).await {
                Ok(count) => {
                    acknowledged += count;
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
                Err(NoAnswer) => break,
            }
        }
        acknowledged
    }

    /// Creates a user, adds it to the group, changes it, and sometimes takes it away again.
    async fn round(&mut self, client: &Client) -> Result<u64, NoAnswer> {
        let ledger = &mut self.ledger;
        ledger.next += 1;
        let name = format!("{}-{}", self.name, ledger.next);
        let body = json!({"schemas": [USER], "userName": name, "title": "made", "emails": [{"value": format!("{name}@example.com")}]});
        // Not acknowledged: the user may be there or not, and nobody knows its id.
        let user = answered(client, "POST", "/Users", Some(body.to_string())).await?.expect(201).id();
        ledger.users.insert(user.clone(), "made".to_owned());

        let group = format!("/Groups/{}?attributes=id", self.group);
        let member = json!([{"op": "add", "path": "members", "value": [{"value": user}]}]);
        ledger.unknown.insert(user.clone());
        answered(client, "PATCH", &group, Some(patch_body(&member).to_string())).await?.expect(200);
        ledger.unknown.remove(&user);
        ledger.members.insert(user.clone());

        let path = format!("/Users/{user}");
        let change = json!([{"op": "replace", "path": "title", "value": "changed"}]);
        ledger.maybe.insert(user.clone(), "changed".to_owned());
        answered(client, "PATCH", &path, Some(patch_body(&change).to_string())).await?.expect(200);
        ledger.maybe.remove(&user);
        ledger.users.insert(user.clone(), "changed".to_owned());

        if !ledger.next.is_multiple_of(3) {
            return Ok(3);
        }
        ledger.members.remove(&user);
        ledger.users.remove(&user);
        ledger.unknown.insert(user.clone());
        answered(client, "DELETE", &path, None).await?.expect(204);
        ledger.unknown.remove(&user);
        ledger.deleted.insert(user);
        Ok(4)
    }

    /// Compares what is there with what was acknowledged, and takes what is there as the truth about
    /// what was under way.
    async fn verify(&mut self, client: &Client, cycle: u32) {
        let name = &self.name;
        let ledger = &mut self.ledger;
        let members: BTreeSet<_> = client.members(&self.group).await.into_iter().collect();
        let lost: Vec<_> = ledger.members.difference(&members).collect();
        assert!(lost.is_empty(), "cycle {cycle}, {name}: acknowledged members are gone: {lost:?}");
        for member in members.difference(&ledger.members) {
            assert!(ledger.unknown.contains(member), "cycle {cycle}, {name}: {member} is a member and nobody said so");
        }
        for (user, title) in &mut ledger.users {
            let found = client.get(&format!("/Users/{user}")).await;
            assert_eq!(found.status, 200, "cycle {cycle}, {name}: the acknowledged user {user} is gone");
            let now = found.json["title"].as_str().unwrap_or_default();
            let could_be = ledger.maybe.get(user).is_some_and(|maybe| maybe == now);
            assert!(now == title || could_be, "cycle {cycle}, {name}: {user} has title {now:?} and not {title:?}");
            now.clone_into(title);
            whole(client, &found).await;
        }
        for user in &ledger.deleted {
            let found = client.get(&format!("/Users/{user}")).await;
            assert_eq!(found.status, 404, "cycle {cycle}, {name}: the deleted user {user} is back");
        }
        for user in std::mem::take(&mut ledger.unknown) {
            match client.get(&format!("/Users/{user}")).await {
                found if found.status == 200 => whole(client, &found).await,
                found => assert_eq!(found.status, 404, "{}", found.text),
            }
        }
        // From here on only what the next cycle does counts: else a thousand cycles take for ever.
        *ledger = Ledger { members, next: ledger.next, ..Ledger::default() };
    }
}

/// A user is found by each of its indexes, and says which groups it is in.
async fn whole(client: &Client, user: &Response) {
    let id = user.id();
    for (attribute, value) in [("userName", &user.json["userName"]), ("emails.value", &user.json["emails"][0]["value"])]
    {
        let value = value.as_str().unwrap_or_else(|| panic!("half a user: {}", user.text));
        let list =
            client.get(&format!("/Users?attributes=id&filter={attribute}%20eq%20%22{value}%22")).await.expect(200);
        assert_eq!(list.json["Resources"][0]["id"], id.as_str(), "{attribute} {value}: {}", list.text);
    }
}

/// The server died before it answered.
#[derive(Debug)]
struct NoAnswer;

async fn answered(client: &Client, method: &str, path: &str, body: Option<String>) -> Result<Response, NoAnswer> {
    let bearer = client.authorization();
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/scim+json")];
    client.try_send(method, path, &headers, body).await.map_err(|_| NoAnswer)
}

/// The mark that a tenant is being deleted is the first thing that a deletion writes; the next start
/// does the rest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_that_was_cut_off_is_finished() {
    let mut server = TestServer::start();
    for name in ["a", "b", "c"] {
        server.client().user(name).await;
    }
    assert!(server.stop().success());
    let store: Arc<dyn Store> = match server.store() {
        Some(url) => {
            let options = postgres::Options::new(url);
            Arc::new(PostgresStore::open(&options, Arc::new(SystemClock)).await.expect("the store"))
        }
        None => Arc::new(SledStore::open(&server.data().join("store"), Arc::new(SystemClock)).expect("the store")),
    };
    let directory = Directory::new(Arc::clone(&store), Arc::new(SystemClock));
    let tenant = directory.find("test").await.expect("the tenant");
    directory.close(tenant, true).await.expect("the mark");
    store.close().await.expect("a clean end");

    server.launch();
    server.client().get("/Users").await.expect(401);
    let patience = Instant::now() + Duration::from_secs(30);
    while !server.log().contains("interrupted deletion of a tenant") && Instant::now() < patience {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let listed = server.run(&["tenant", "list", "--json"]);
    assert_eq!(String::from_utf8_lossy(&listed.stdout).trim(), "[]");
    let exported = server.run(&["export"]);
    let exported = String::from_utf8_lossy(&exported.stdout).into_owned();
    assert!(exported.lines().all(|line| !line.contains("userName")), "{exported}");
    assert!(server.run(&["check"]).status.success());
}
