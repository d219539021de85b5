//! A store of many tenants in several databases, small: real databases, real servers, mixed load, and tenants that
//! move meanwhile. Prints what it measures, from which [the guide](../../../docs/guide/scale-out.md) computes sizes,
//! and checks afterwards that everything is there.
//!
//! Of a few hundred users for some seconds, unless TENANTS, USERS, DATABASES, SERVERS and SECONDS say otherwise, as
//! `make scale-simulation` does.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "figures for people, and small ones"
)]

mod people;
mod processor;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use self::{
    people::{Account, Calls, Worker},
    processor::Processor,
};
use crate::{
    database::Cluster,
    server::{Client, Options, TestServer},
};

/// How many clients ask at once.
const WORKERS: usize = 8;

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

struct World {
    clusters: Vec<Cluster>,
    servers: Vec<TestServer>,
    accounts: Vec<Account>,
}

impl World {
    /// Databases with full durability, servers on all of them, and tenants of very different sizes.
    fn new(databases: usize, servers: usize, tenants: usize, users: usize) -> Self {
        let settings = ["shared_buffers = '256MB'", "max_wal_size = '4GB'"];
        let clusters: Vec<_> = (0..databases).map(|_| Cluster::start(&settings)).collect();
        let store = clusters.iter().map(Cluster::schema).collect::<Vec<_>>().join(" ");
        let first = TestServer::with(Options { store: Some(store), ..Options::default() });
        let others: Vec<_> = (1..servers).map(|_| first.beside()).collect();
        let servers: Vec<_> = std::iter::once(first).chain(others).collect();
        let weights: f64 = (1..=tenants).map(|place| 1.0 / (place as f64).sqrt()).sum();
        let accounts = (1..=tenants).map(|place| {
            let share = 1.0 / (place as f64).sqrt() / weights;
            account(&servers[0], &format!("tenant-{place}"), (users as f64 * share).ceil() as usize)
        });
        let accounts = accounts.collect();
        Self { clusters, servers, accounts }
    }

    /// Waits until every server lets every tenant in: the others hear of a token within a second.
    async fn is_known(&self) {
        for server in &self.servers {
            for account in &self.accounts {
                let client = Client::new(&account.base(server.origin()), &account.token);
                let deadline = Instant::now() + Duration::from_secs(60);
                while client.get("/Users?count=0").await.status == 401 {
                    assert!(Instant::now() < deadline, "{} is not known", account.name);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    fn workers(&self) -> Vec<Worker> {
        let origins: Vec<_> = self.servers.iter().map(|server| server.origin().to_owned()).collect();
        (0..WORKERS).map(|place| Worker::new(place, &origins[place % origins.len()], &self.accounts)).collect()
    }

    fn processor(&self) -> Processor {
        Processor::now(&self.servers.iter().map(TestServer::pid).collect::<Vec<_>>(), &self.clusters)
    }

    /// Moves one tenant after the other to the next database, until told to stop; how long each took.
    fn moves(&self, stop: &AtomicBool) -> Vec<(usize, Duration)> {
        let mut moved = Vec::new();
        // Neither the largest nor the smallest first.
        let mut place = self.accounts.len() / 2;
        while !stop.load(Ordering::Relaxed) {
            place = (place * 7 + 3) % self.accounts.len();
            let account = &self.accounts[place];
            let shown = self.servers[0].run_json(&["tenant", "show", &account.name, "--json"]);
            let here = usize::try_from(shown["database"].as_u64().expect("a number")).expect("a number");
            let to = (here % self.clusters.len() + 1).to_string();
            let begun = Instant::now();
            let now = self.servers[0].run_json(&["tenant", "move", &account.name, "--to", &to, "--json"]);
            assert_eq!(now["database"].to_string(), to);
            moved.push((account.users, begun.elapsed()));
        }
        moved
    }

    /// Bytes of each database, and of how many users it has them.
    fn sizes(&self) -> Vec<(u64, u64)> {
        let size = |cluster: &Cluster| {
            let schema = cluster.sql("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'test_%'");
            let users = cluster.sql(&format!("SELECT count(*) FROM {schema}.resource WHERE resource_type = 'User'"));
            let bytes = cluster.sql("SELECT pg_database_size(current_database())");
            (bytes.parse().expect("bytes"), users.parse().expect("users"))
        };
        self.clusters.iter().map(size).collect()
    }

    /// Bytes of an event, in the middle, of all databases.
    fn event_bytes(&self) -> Vec<String> {
        let size = |cluster: &Cluster| {
            let schema = cluster.sql("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'test_%'");
            cluster.sql(&format!("SELECT round(avg(octet_length(document))) FROM {schema}.event"))
        };
        self.clusters.iter().map(size).collect()
    }

    /// Every log has each number once, in the one database in which the tenant is open.
    fn check(&self) {
        let found = self.servers[0].run(&["check", "--json"]);
        assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stdout));
        let mut open: BTreeMap<String, usize> = BTreeMap::new();
        for cluster in &self.clusters {
            let schema = cluster.sql("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'test_%'");
            let rows = cluster.sql(&format!(
                "SELECT l.tenant, l.sequence = count(e.sequence), l.sequence = max(e.sequence) FROM {schema}.tenant_log AS l \
                 JOIN {schema}.event AS e ON e.tenant = l.tenant WHERE coalesce(l.closed, 0) < {} \
                 GROUP BY l.tenant, l.sequence",
                i64::MAX
            ));
            for row in rows.lines() {
                let (tenant, whole) = row.split_once('|').expect("a row");
                assert_eq!(whole, "t|t", "the log of tenant {tenant}");
                *open.entry(tenant.to_owned()).or_default() += 1;
            }
        }
        for account in &self.accounts {
            assert_eq!(open.get(&account.id), Some(&1), "{} is open in one database", account.name);
        }
    }
}

fn account(server: &TestServer, name: &str, users: usize) -> Account {
    let made = server.run_json(&["tenant", "create", name, "--json"]);
    let token = server.run_json(&["token", "create", "--tenant", name, "--json"]);
    let text = |row: &serde_json::Value, name: &str| row[name].as_str().expect("a text").to_owned();
    Account { id: text(&made, "tenant_id"), name: name.to_owned(), token: text(&token, "token"), users }
}

fn each(time: Duration, calls: usize) -> f64 {
    time.as_secs_f64() * 1000.0 / calls.max(1) as f64
}

fn tell(what: &str, calls: &Calls, took: Duration, processor: &Processor) {
    let (all, seconds) = (calls.all(), took.as_secs_f64());
    println!(
        "{what}: {all} calls in {seconds:.1} s, {:.0} a second, {} answered 503",
        all as f64 / seconds,
        calls.refused
    );
    for (kind, mut times) in calls.times.clone() {
        times.sort_unstable();
        let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1000.0;
        println!(
            "  {kind:<8} {:>8}  p50 {:>7.2} ms  p99 {:>7.2} ms  longest {:>8.2} ms",
            times.len(),
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }
    let (servers, databases) = (each(processor.servers, all), each(processor.databases, all));
    println!("  processor time for a call: {servers:.3} ms of a server, {databases:.3} ms of a database");
}

fn run(workers: &mut Vec<Worker>, stop: &Arc<AtomicBool>, loading: bool) -> tokio::task::JoinHandle<Vec<Worker>> {
    let (workers, stop) = (std::mem::take(workers), Arc::clone(stop));
    tokio::spawn(async move {
        let tasks: Vec<_> = workers
            .into_iter()
            .map(|mut worker| {
                let stop = Arc::clone(&stop);
                tokio::spawn(async move {
                    if loading {
                        worker.fill().await;
                    } else {
                        worker.work(&stop).await;
                    }
                    worker
                })
            })
            .collect();
        let mut done = Vec::new();
        for task in tasks {
            done.push(task.await.expect("a worker"));
        }
        done
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_of_several_databases_move_under_load() {
    let (databases, servers) = (number("DATABASES", 2), number("SERVERS", 2));
    let (tenants, users, seconds) = (number("TENANTS", 10), number("USERS", 400), number("SECONDS", 3));
    let world = World::new(databases, servers, tenants, users);
    println!("{tenants} tenants, {databases} databases, {servers} servers, {WORKERS} clients");
    world.is_known().await;
    let mut workers = world.workers();

    let never = Arc::<AtomicBool>::default();
    let (begun, before) = (Instant::now(), world.processor());
    workers = run(&mut workers, &never, true).await.expect("the load");
    let spent = world.processor().since(&before);
    tell("filling", &Calls::taken(&mut workers), begun.elapsed(), &spent);
    for (place, (bytes, users)) in world.sizes().into_iter().enumerate() {
        let each = bytes / users.max(1);
        println!("  database {}: {} MiB, {users} users, {each} bytes for each", place + 1, bytes >> 20);
    }

    for moving in [false, true] {
        let stop = Arc::<AtomicBool>::default();
        let (begun, before) = (Instant::now(), world.processor());
        let running = run(&mut workers, &stop, false);
        let moved = if moving {
            let timer = Arc::clone(&stop);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(seconds as u64)).await;
                timer.store(true, Ordering::Relaxed);
            });
            tokio::task::block_in_place(|| world.moves(&stop))
        } else {
            tokio::time::sleep(Duration::from_secs(seconds as u64)).await;
            stop.store(true, Ordering::Relaxed);
            Vec::new()
        };
        workers = running.await.expect("the work");
        let spent = world.processor().since(&before);
        let what = if moving { "mixed, while tenants move" } else { "mixed" };
        tell(what, &Calls::taken(&mut workers), begun.elapsed(), &spent);
        for (users, took) in moved {
            println!("  a tenant of {users} users moved in {:.1} s", took.as_secs_f64());
        }
    }
    for server in &world.servers {
        println!("memory of a server: {} MiB", processor::memory(Path::new("/proc"), server.pid()) >> 20);
    }
    println!("bytes of an event in each database: {}", world.event_bytes().join(", "));
    let found = verify(&world, &workers).await;
    world.check();
    println!(
        "{found} users are there as they were acknowledged, each tenant is open in one database, and `check` found nothing"
    );
}

/// Each user has what its last acknowledged write said, and there are no others.
async fn verify(world: &World, workers: &[Worker]) -> usize {
    let mut found = 0;
    for (place, account) in world.accounts.iter().enumerate() {
        let client = Client::new(&account.base(world.servers[place % world.servers.len()].origin()), &account.token);
        let expected: BTreeMap<_, _> = workers.iter().flat_map(|worker| worker.users_of(place)).collect();
        let mut there = 0;
        let mut path = "/Users?cursor&count=500&attributes=title".to_owned();
        loop {
            let page = client.get(&path).await.expect(200).json;
            for user in page["Resources"].as_array().expect("users") {
                let id = user["id"].as_str().expect("an id").to_owned();
                assert_eq!(
                    user["title"].as_str(),
                    expected.get(&id).map(|title| title.as_str()),
                    "{} {id}",
                    account.name
                );
                there += 1;
            }
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            path = format!("/Users?cursor={cursor}&count=500&attributes=title");
        }
        let expected = expected.len() as u64;
        assert_eq!(there, expected, "{}", account.name);
        let listed = client.get("/Users?count=0").await.expect(200).json["totalResults"].as_u64();
        assert_eq!(listed, Some(expected), "{}", account.name);
        found += usize::try_from(expected).expect("a number");
    }
    found
}
