//! Several processes on one database: none knows of the others, and nobody can tell.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::json;

use crate::{
    database::{Cluster, shared},
    server::{Client, Options, TestServer, USER, on_postgres},
};

/// How long the others may take to see a change, with room for a slow machine.
const SOON: Duration = Duration::from_secs(120);

pub fn servers(store: String, count: usize) -> Vec<TestServer> {
    let first = TestServer::with(Options { store: Some(store), ..Options::default() });
    let others: Vec<_> = (1..count).map(|_| first.beside()).collect();
    std::iter::once(first).chain(others).collect()
}

#[track_caller]
pub fn sound(server: &TestServer) {
    let found = server.run(&["check", "--json"]);
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stdout));
}

/// Asks until the status is this one.
async fn becomes(client: &Client, path: &str, status: u16) {
    let deadline = Instant::now() + SOON;
    loop {
        let answer = client.get(path).await;
        if answer.status == status {
            return;
        }
        assert!(Instant::now() < deadline, "{path} stays {}: {}", answer.status, answer.text);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_creates_of_one_name_one_succeeds() {
    let servers = servers(shared().schema(), 3);
    for round in 0..5 {
        let user = json!({"schemas": [USER], "userName": format!("anna{round}")});
        let clients: Vec<_> = (0..12).map(|number| servers[number % 3].client()).collect();
        let answers = join_all(clients.iter().map(|client| client.post("/Users", &user))).await;
        let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [vec![201], vec![409; 11]].concat());
    }
    sound(&servers[1]);
}

/// Twenty a second and twenty at once, whichever process is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_identity_center_all_processes_share_one_rate() {
    let profile = Some("identity-center".to_owned());
    let first = TestServer::with(Options { store: Some(shared().schema()), profile, ..Options::default() });
    let servers = [first.beside(), first.beside(), first];
    let begun = Instant::now();
    let clients: Vec<_> = (0..90).map(|number| servers[number % 3].client()).collect();
    let answers = join_all(clients.iter().map(|client| client.get("/Users?count=1"))).await;
    let answered = answers.iter().filter(|answer| answer.status == 200).count();
    let refused = answers.iter().filter(|answer| answer.status == 429).count();
    assert_eq!(answered + refused, 90);
    let most = 21 + 20 * begun.elapsed().as_millis().div_ceil(1000);
    assert!(answered >= 20 && answered as u128 <= most, "{answered} of at most {most}");
    let late = answers.iter().find(|answer| answer.status == 429);
    assert!(late.is_none_or(|answer| answer.header("retry-after") == "1"));
    assert_eq!(shared().sql(&format!("SELECT count(*) FROM {}.allowance", schema_of(&servers[0]))), "1");
}

fn schema_of(server: &TestServer) -> String {
    server.store().and_then(|url| url.rsplit("%3D").next()).expect("the schema").to_owned()
}

/// Another process lets a provider in until it has heard of the deletion: what that one writes then goes as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_is_deleted_leaves_nothing_of_what_is_written_meanwhile() {
    let servers = servers(shared().schema(), 2);
    let client = servers[1].client();
    let writing = tokio::spawn(async move {
        for number in 0.. {
            let user = json!({"schemas": [USER], "userName": format!("user{number}")});
            if client.post("/Users", &user).await.status != 201 {
                break;
            }
        }
    });
    let deleted = tokio::task::block_in_place(|| servers[0].run(&["tenant", "delete", "test", "--force", "--yes"]));
    assert!(deleted.status.success(), "{deleted:?}");
    writing.await.expect("the provider");
    let (schema, tenant) = (schema_of(&servers[0]), servers[0].tenant());
    for table in ["resource", "index_entry", "event"] {
        let left = shared().sql(&format!("SELECT count(*) FROM {schema}.{table} WHERE tenant = '{tenant}'"));
        assert_eq!(left, "0", "{table}");
    }
    // What stays says that nobody writes to it again.
    let closed =
        format!("SELECT closed = moved AND closed = {} FROM {schema}.tenant_log WHERE tenant = '{tenant}'", i64::MAX);
    assert_eq!(shared().sql(&closed), "t");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_lost_when_all_change_one_group() {
    let servers = servers(shared().schema(), 3);
    let client = servers[0].client();
    let names: Vec<_> = (0..60).map(|number| format!("user{number}")).collect();
    let mut members = join_all(names.iter().map(|name| client.user(name))).await;
    let group = client.group("staff", &[]).await;
    let path = format!("/Groups/{group}");
    let joins =
        members.iter().enumerate().map(|(number, id)| {
            let (client, path) = (servers[number % 3].client(), path.clone());
            async move {
                client.patch(&path, &json!([{"op": "add", "path": "members", "value": [{"value": id}]}])).await.status
            }
        });
    let statuses = join_all(joins).await;
    assert!(statuses.iter().all(|status| matches!(status, 200 | 204)), "{statuses:?}");
    members.sort();
    for server in &servers {
        let mut found = server.client().members(&group).await;
        found.sort();
        assert_eq!(found, members);
    }
    assert_eq!(client.get(&path).await.json["meta"]["version"], "W/\"61\"", "each join is a version");
    sound(&servers[2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_changes_the_others_see() {
    let servers = servers(shared().schema(), 2);
    let (one, other) = (servers[0].client(), servers[1].client());
    // What was acknowledged is there at once, wherever it is read.
    for number in 0..20 {
        let id = one.user(&format!("user{number}")).await;
        other.get(&format!("/Users/{id}")).await.expect(200);
    }
    // A cursor of one is good for the other.
    let page = one.get("/Users?cursor&count=7").await.expect(200);
    let cursor = page.json["nextCursor"].as_str().expect("a cursor").to_owned();
    let next = other.get(&format!("/Users?cursor={cursor}&count=7")).await.expect(200);
    assert_eq!((page.ids().len(), next.ids().len()), (7, 7));
    assert!(page.ids().iter().all(|id| !next.ids().contains(id)));
    // Tokens: a new one works everywhere soon, and one that is revoked works nowhere.
    let made = servers[0].run_json(&["token", "create", "--tenant", "test", "--json"]);
    let fresh = other.with_token(made["token"].as_str().expect("a token"));
    becomes(&fresh, "/Users?count=1", 200).await;
    let id = made["token_id"].as_str().or_else(|| made["id"].as_str()).expect("the token's id");
    assert!(servers[0].run(&["token", "delete", "--tenant", "test", id]).status.success());
    becomes(&fresh, "/Users?count=1", 401).await;
    // Tenants.
    assert!(servers[1].run(&["tenant", "disable", "test"]).status.success());
    becomes(&one, "/Users?count=1", 403).await;
}

/// What happens to creates while something is done to the servers or the database.
#[derive(Default)]
pub struct Load {
    stop: AtomicBool,
    acknowledged: Mutex<Vec<String>>,
    failures: Mutex<Vec<Failure>>,
}

/// A create that was not done as far as its client knows.
#[derive(Clone, Copy)]
struct Failure {
    at: Instant,
    /// With 503; else the connection broke.
    refused: bool,
}

impl Load {
    pub fn run(self: &Arc<Self>, clients: Vec<Client>) -> Vec<tokio::task::JoinHandle<()>> {
        let each = clients.into_iter().enumerate().map(|(number, client)| {
            let load = Arc::clone(self);
            tokio::spawn(async move {
                let mut round = 0;
                while !load.stop.load(Ordering::Relaxed) {
                    round += 1;
                    load.create(&client, &format!("user-{number}-{round}")).await;
                }
            })
        });
        each.collect()
    }

    async fn create(&self, client: &Client, name: &str) {
        let bearer = client.authorization();
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/scim+json")];
        let body = json!({"schemas": [USER], "userName": name}).to_string();
        match client.try_send("POST", "/Users", &headers, Some(body)).await {
            Ok(answer) if answer.status == 201 => self.acknowledged.lock().expect("the list").push(answer.id()),
            Ok(answer) => {
                assert_eq!(answer.status, 503, "{}", answer.text);
                assert!(!answer.header("retry-after").is_empty());
                self.fails(true).await;
            }
            Err(_) => self.fails(false).await,
        }
    }

    async fn fails(&self, refused: bool) {
        self.failures.lock().expect("the list").push(Failure { at: Instant::now(), refused });
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    /// Says what an outage has cost those who asked, since the last time.
    pub fn spent(&self, what: &str) {
        let failures = std::mem::take(&mut *self.failures.lock().expect("the list"));
        let refused = failures.iter().filter(|failure| failure.refused).count();
        let time = match (failures.first(), failures.last()) {
            (Some(first), Some(last)) => last.at - first.at,
            _ => Duration::ZERO,
        };
        println!(
            "error budget, {what}: {refused} requests answered 503, {} without an answer, within {:.2} s",
            failures.len() - refused,
            time.as_secs_f64()
        );
    }

    fn acknowledged(&self) -> usize {
        self.acknowledged.lock().expect("the list").len()
    }

    /// Waits until so many more creates were answered well.
    pub async fn goes_on(&self, more: usize) {
        let wanted = self.acknowledged() + more;
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.acknowledged() < wanted {
            assert!(Instant::now() < deadline, "creates do not go on: {} of {wanted}", self.acknowledged());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the load; nothing that was acknowledged is lost.
    pub async fn end(&self, tasks: Vec<tokio::task::JoinHandle<()>>, client: &Client, what: &str) {
        self.stop.store(true, Ordering::Relaxed);
        for task in tasks {
            task.await.expect("a worker");
        }
        let acknowledged = self.acknowledged.lock().expect("the list").clone();
        for id in &acknowledged {
            client.get(&format!("/Users/{id}")).await.expect(200);
        }
        println!("{what}: {} acknowledged and all there", acknowledged.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_takes_nothing_with_it() {
    let mut servers = servers(shared().schema(), 3);
    let load = Arc::<Load>::default();
    let clients = servers.iter().flat_map(|server| [server.client(), server.client()]).collect();
    let tasks = load.run(clients);
    for _ in 0..3 {
        load.goes_on(50).await;
        servers[2].kill();
        load.goes_on(50).await;
        let failures = load.failures.lock().expect("the list").clone();
        assert!(failures.iter().all(|failure| !failure.refused), "the others have not noticed");
        load.spent("a killed process, until another is there (two of six clients ask it)");
        servers[2] = servers[0].beside();
    }
    load.end(tasks, &servers[0].client(), "a killed process").await;
    sound(&servers[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_crashes_is_waited_for() {
    let mut cluster = Cluster::start(&[]);
    let servers = servers(cluster.schema(), 2);
    let load = Arc::<Load>::default();
    let tasks = load.run(servers.iter().flat_map(|server| [server.client(), server.client()]).collect());
    for _ in 0..2 {
        load.goes_on(50).await;
        cluster.crash();
        // The servers say so, and refuse at once.
        for server in &servers {
            becomes(&server.client(), &format!("{}/readyz", server.admin()), 503).await;
            let refused = server.client().get("/Users?count=1").await.expect_error(503, None);
            assert!(!refused.header("retry-after").is_empty());
        }
        cluster.launch();
        for server in &servers {
            becomes(&server.client(), &format!("{}/readyz", server.admin()), 200).await;
        }
        load.goes_on(50).await;
        load.spent("a database that crashes, and is started when each server has noticed");
    }
    load.end(tasks, &servers[0].client(), "a crashed database").await;
    sound(&servers[1]);
}

/// `pg_ctl restart -m immediate` under load, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_restarted_loses_nothing() {
    let cluster = Cluster::start(&[]);
    let servers = servers(cluster.schema(), 3);
    let load = Arc::<Load>::default();
    let tasks = load.run(servers.iter().flat_map(|server| [server.client(), server.client()]).collect());
    for _ in 0..4 {
        load.goes_on(50).await;
        tokio::task::block_in_place(|| cluster.restart());
        load.goes_on(50).await;
        load.spent("pg_ctl restart -m immediate");
    }
    load.end(tasks, &servers[0].client(), "a restarted database").await;
    sound(&servers[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_takes_over() {
    let mut primary = Cluster::start(&[]);
    primary.sql("CREATE SCHEMA scim");
    let standby = primary.standby();
    let servers = servers(primary.url_with(&standby, "scim"), 2);
    let load = Arc::<Load>::default();
    let tasks = load.run(servers.iter().flat_map(|server| [server.client(), server.client()]).collect());
    load.goes_on(50).await;
    tokio::task::block_in_place(|| {
        primary.crash();
        standby.promote();
    });
    load.goes_on(100).await;
    load.spent("a failover to a streaming standby, which is promoted at once");
    load.end(tasks, &servers[0].client(), "a failover").await;
    sound(&servers[0]);
}

/// The lines of an export that say what is stored: all but the first and the last, which say when.
fn lines(server: &TestServer, store: &[&str]) -> Vec<String> {
    let mut args = vec!["export", "--all"];
    args.extend(store);
    let output = server.run(&args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("JSON Lines");
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines[1..lines.len() - 1].to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_moves_to_a_database_and_back() {
    if on_postgres() {
        // This one begins in a directory, whatever the others are run on.
        return;
    }
    let mut server = TestServer::start();
    let client = server.client();
    let mut members = Vec::new();
    for number in 0..30 {
        members.push(client.user(&format!("user{number}")).await);
    }
    let group = client.group("staff", &members).await;
    client.delete(&format!("/Users/{}", members[3])).await.expect(204);
    let before = client.get(&format!("/Groups/{group}")).await.expect(200);
    assert!(server.stop().success());
    let moved = lines(&server, &[]);

    let file = server.scratch("moved.jsonl");
    let file = file.to_str().expect("a path");
    assert!(server.run(&["export", "--all", file]).status.success());
    let store = shared().schema();
    let there = ["--store", store.as_str()];
    for command in [&["migrate"][..], &["import", file], &["check"]] {
        let output = server.run(&[command, &there].concat());
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(lines(&server, &there), moved, "ids, versions, times, digests and sequences");

    // The same tokens, the same answers; and back.
    let second = TestServer::elsewhere(&server, Some(store.clone()));
    let after = second.client().get(&format!("/Groups/{group}")).await.expect(200);
    let without_host = |answer: &str, server: &TestServer| answer.replace(server.origin(), "");
    assert_eq!(without_host(&after.text, &second), without_host(&before.text, &server));
    drop(second);
    // The token has been used meanwhile, and its record says so.
    let moved = lines(&server, &there);
    let again = server.scratch("again.jsonl");
    let again = again.to_str().expect("a path");
    let back = server.scratch("back");
    assert!(server.run(&["backup", again, "--store", &store]).status.success());
    let restored = crate::server::program(server.data()).args(["restore", again, "--data"]).arg(&back).status();
    assert!(restored.expect("restore").success());
    let exported = crate::server::program(server.data()).args(["export", "--all", "--data"]).arg(&back).output();
    let text = String::from_utf8(exported.expect("export").stdout).expect("JSON Lines");
    let found: Vec<_> = text.lines().map(str::to_owned).collect();
    assert_eq!(found[1..found.len() - 1], moved);
}
