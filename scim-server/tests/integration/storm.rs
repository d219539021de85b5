//! What comes in goes out, whoever is killed: mixed writes over several tenants, a server that is killed again and
//! again, workers that vanish with a batch, endpoints that refuse, hang, hang up, or say that they are gone, receivers of
//! security event tokens, and a NATS that is killed as the server is.
//! Afterwards every reader has every number exactly as it was committed, those of one resource in their order, and
//! libraries that others wrote verify what was signed.
//!
//! `KILLS` and `WRITES` say how much (20 and 600 unless they are set; `make event-test`).

mod endpoint;
mod held;
mod kept;
mod outside;
mod readers;
mod road;
mod writers;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use self::{endpoint::Endpoint, held::Held, kept::Kept, outside::Outside, road::Road, writers::Written};
use crate::server::{Options, TestServer};

/// How long readers may take to catch up after the last kill: a process that was killed holds the leases of webhooks
/// for 30 seconds.
const PATIENCE: Duration = Duration::from_secs(600);

/// A tenant, and who reads its events.
struct Tenant {
    name: String,
    road: Road,
    /// What the consumer of two workers has, and the reader of the feed.
    consumer: Arc<Held>,
    feed: Arc<Held>,
    /// What the receiver has that polls a stream, and which stream that is.
    polled: Arc<Held>,
    tokens: Kept<String>,
    stream: String,
    /// The newest number when all readers were there.
    begin: u64,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_reader_has_every_number_whatever_is_killed() {
    let (kills, writes) = (number("KILLS", 20), number("WRITES", 600));
    let file = ["--event-file", "test-events.jsonl", "--event-file-size", "256KiB", "--event-file-keep", "10000"];
    let mut outside = Outside::start().await;
    let mut options = Options::args(&[&["--webhook-networks", "127.0.0.0/8"][..], &file].concat());
    options.args.extend(outside.args());
    let mut server = TestServer::with(options);
    let origin = road::Origin::of(&server);
    let endpoints = [Endpoint::start(true).await, Endpoint::start(true).await, Endpoint::start(false).await];
    let receiver = Endpoint::start(true).await;
    let mut webhooks = Vec::new();
    for (at, endpoint) in endpoints.iter().enumerate() {
        let whose = if at == 0 { &["--tenant", "test"][..] } else { &["--all-tenants"] };
        webhooks.push(server.run_json(&[&["webhook", "create", "--url", &endpoint.url, "--json"], whose].concat()));
    }
    let mut tenants = Vec::new();
    for name in ["test", "second", "third"] {
        tenants.push(tenant(&server, &origin, name, &receiver).await);
    }
    let written = Arc::new(Written::default());
    let mut tasks = Vec::new();
    for tenant in &tenants {
        for writer in 0..2 {
            tasks.push(tokio::spawn(writers::run(tenant.road.clone(), writer, Arc::clone(&written))));
            tasks.push(tokio::spawn(readers::work(tenant.road.clone(), Arc::clone(&tenant.consumer))));
        }
        tasks.push(tokio::spawn(readers::follow(tenant.road.clone(), Arc::clone(&tenant.feed))));
        let (road, stream) = (tenant.road.clone(), tenant.stream.clone());
        tasks.push(tokio::spawn(readers::poll(road, stream, Arc::clone(&tenant.polled), tenant.tokens.clone())));
    }

    for kill in 1..=kills {
        let (end, due) = (Instant::now() + PATIENCE, writes * kill / kills);
        while written.number.load(Ordering::Acquire) < due {
            assert!(Instant::now() < end, "nothing is written any more:\n{}", server.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..300))).await;
        server.kill();
        if kill % 3 == 0 {
            outside.kill();
        }
        server.launch();
        origin.moved(&server);
        enable(&server, &webhooks);
    }
    written.ends.store(true, Ordering::Release);
    let end = Instant::now() + PATIENCE;
    loop {
        // What was disabled is enabled again, which is an event: so this is looked at anew each time.
        enable(&server, &webhooks);
        let elsewhere = outside.held().await;
        let readers = Readers { endpoints: &endpoints, receiver: &receiver, elsewhere };
        match readers.all_is_told(&tenants, &server.scratch("events.jsonl"), &written).await {
            Ok(events) => {
                let written = written.number.load(Ordering::Acquire);
                println!("{kills} kills, {written} writes, {events} events, and every reader has every one");
                break;
            }
            Err(missing) => assert!(Instant::now() < end, "{missing}\n{}", server.log()),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    for task in tasks {
        task.abort();
    }
    kept::messages(&endpoints, &webhooks);
    kept::tokens(&server, &origin, &tenants, &receiver).await;
}

/// A tenant with a consumer, a reader of the feed, and two receivers of security event tokens.
async fn tenant(server: &TestServer, origin: &road::Origin, name: &str, receiver: &Endpoint) -> Tenant {
    let (id, writes) = if name == "test" {
        (server.tenant().to_owned(), server.token().to_owned())
    } else {
        let made = server.run_json(&["init", "--tenant", name, "--json"]);
        let text = |key: &str| made[key].as_str().expect(key).to_owned();
        (text("path").split('/').nth(1).expect("a path").to_owned(), text("token"))
    };
    let made = server.run_json(&["token", "create", "--tenant", name, "--scope", "events", "--json"]);
    let reads = made["token"].as_str().expect("a token").to_owned();
    server.run_json(&["consumer", "create", "--tenant", name, "crm", "--json"]);
    let road = Road::new(origin, &id, &writes, &reads);
    let delivery = json!({"method": "urn:ietf:rfc:8935", "endpoint_url": receiver.url});
    let mut streams = Vec::new();
    for body in [json!({}), json!({"delivery": delivery})] {
        let made = road.signals("/streams", &body).await.expect("a stream").expect(201).json;
        streams.push(made["stream_id"].as_str().expect("an id").to_owned());
    }
    let stream = streams.swap_remove(0);
    let begin = road.log(0, 0).await.expect("the feed")["newest"].as_u64().expect("a number");
    let (consumer, feed, polled, tokens) = Default::default();
    Tenant { name: name.to_owned(), road, consumer, feed, polled, tokens, stream, begin }
}

/// Enables the webhooks that were disabled, because their endpoint has answered 410.
fn enable(server: &TestServer, webhooks: &[Value]) {
    for webhook in webhooks {
        let webhook = webhook["webhook_id"].as_str().expect("an id");
        if server.run_json(&["webhook", "show", webhook, "--json"]).get("disabled").is_some() {
            server.run_json(&["webhook", "enable", webhook, "--json"]);
        }
    }
}

/// Who reads the events of all tenants.
struct Readers<'a> {
    endpoints: &'a [Endpoint],
    receiver: &'a Endpoint,
    /// What NATS has, of each tenant.
    elsewhere: Option<&'a BTreeMap<String, Held>>,
}

impl Readers<'_> {
    /// How many events there are, if every reader has each of them as it was committed; else what is missing. Panics when
    /// a reader has something that nobody committed.
    async fn all_is_told(&self, tenants: &[Tenant], file: &Path, written: &Written) -> Result<usize, String> {
        let mut events = 0;
        let in_file = readers::file(file);
        let mut acknowledged = written.acknowledged();
        for (at, tenant) in tenants.iter().enumerate() {
            let log = tenant.road.whole_log(tenant.begin).await.ok_or("the server does not answer")?;
            events += log.len();
            for event in log.values() {
                acknowledged.remove(&held::subject(event));
            }
            let committed: BTreeMap<u64, u64> =
                log.iter().map(|(number, event)| (*number, held::fingerprint(event))).collect();
            let tokens: BTreeMap<u64, u64> = log
                .iter()
                .filter_map(|(number, event)| Some((*number, held::fingerprint(&held::as_token(event)?))))
                .collect();
            let of = |what: &str, held: &Held, committed: &BTreeMap<u64, u64>| {
                held.compare(committed, tenant.begin).map_err(|why| format!("{what} of {}: {why}", tenant.name))
            };
            let id = tenant.road.tenant();
            of("the consumer", &tenant.consumer, &committed)?;
            of("the feed", &tenant.feed, &committed)?;
            of("the file", &in_file.get(id).cloned().unwrap_or_default(), &committed)?;
            if let Some(elsewhere) = self.elsewhere {
                of("NATS", &elsewhere.get(id).cloned().unwrap_or_default(), &committed)?;
            }
            for (which, endpoint) in self.endpoints.iter().enumerate().filter(|(which, _)| *which > 0 || at == 0) {
                of(&format!("webhook {which}"), &endpoint.of(id), &committed)?;
            }
            of("the polled tokens", &tenant.polled, &tokens)?;
            of("the pushed tokens", &self.receiver.of(id), &tokens)?;
        }
        assert!(acknowledged.is_empty(), "acknowledged, and not in the log: {acknowledged:?}");
        Ok(events)
    }
}

/// A text in an event.
fn text(event: &Value, pointer: &str) -> String {
    event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
