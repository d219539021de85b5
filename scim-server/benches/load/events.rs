//! What goes out: what readers of events cost those who write, and how fast events reach them.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use hyper::StatusCode;

use super::{
    client::{Answer, Connection, Until},
    people::{Tenant, retitle},
    receiver::Receiver,
    report::{Row, thousands},
    scenario::{Bench, measure, same},
    stage::{Endpoint, Stage},
};

/// Webhooks that are attached while users are changed.
const WEBHOOKS: usize = 3;
/// Changes, one after the other, whose way to the receiver is timed.
const TIMED: usize = 200;
/// How long a server that was just started is left alone before its memory is looked at.
const REST: Duration = Duration::from_secs(3);
/// Events in one answer of the feed.
const PAGE: usize = 1_000;

impl Bench<'_> {
    /// All of it, on the users of one tenant.
    pub async fn events(&mut self, tenant: &Tenant, stage: &Stage) {
        if !self.wants("events") {
            return;
        }
        let feed = Feed::of(tenant, stage);
        let receiver = Receiver::start();
        let hooks = |count: usize| (0..count).map(|_| hook(&feed.tenant, stage, &receiver)).collect::<Vec<_>>();

        let (mut alone, mut read) = (Vec::new(), Vec::new());
        for _ in 0..self.options.rounds {
            alone.push(self.changes(tenant, Until::Seconds(self.options.seconds)).await);
            let (hooks, before) = (hooks(WEBHOOKS), receiver.messages());
            let done = Cell::new(false);
            let work = async {
                let run = self.changes(tenant, Until::Seconds(self.options.seconds)).await;
                done.set(true);
                run
            };
            let (run, ()) = tokio::join!(work, feed.follow(self.server.first(), &done));
            receiver.has(before + (WEBHOOKS * run.latencies.len()) as u64).await;
            read.push(run);
            for hook in &hooks {
                stage.command(&["webhook", "delete", hook, "--json"]);
            }
        }
        self.row(Row::new("PATCH user, nobody reads events", tenant.size, &alone, &[]));
        self.row(Row::new("PATCH user, 3 webhooks and the feed", tenant.size, &read, &[]));

        let hook = hooks(1).remove(0);
        self.way(tenant, &receiver).await;
        self.backlog(tenant, stage, &feed, &receiver, &hook).await;
        let (events, seconds) = feed.whole(self.server.first()).await;
        self.figure("events read from the feed", events / seconds, "/s");
    }

    async fn changes(&self, tenant: &Tenant, until: Until) -> super::client::Run {
        let patch = |n: usize, out: &mut Vec<u8>| {
            tenant.send("PATCH", &format!("/Users/{}", tenant.id(tenant.pick(n))), &fresh(n), out);
        };
        let check = |n: usize, answer: &Answer<'_>| same(tenant.id(tenant.pick(n)), answer);
        measure(&self.server, 0, until, &patch, &check).await
    }

    /// From the answer to a change, when it is durable, to its receipt.
    async fn way(&mut self, tenant: &Tenant, receiver: &Receiver) {
        let mut connection = Connection::open(self.server.first()).await.expect("a connection");
        let mut times = Vec::with_capacity(TIMED);
        for n in 0..TIMED {
            let (mut bytes, before) = (Vec::new(), receiver.messages());
            tenant.send("PATCH", &format!("/Users/{}", tenant.id(tenant.pick(n))), &fresh(n), &mut bytes);
            assert_eq!(connection.exchange(&bytes).await.expect("an answer").status, 200, "a change");
            let answered = Instant::now();
            times.push(receiver.has(before + 1).await.saturating_duration_since(answered).as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        self.figure("events, from commit to receipt, p50", times[TIMED / 2], "ms");
        self.figure("events, from commit to receipt, p99", times[TIMED * 99 / 100], "ms");
    }

    /// Events that were made while the endpoint of a webhook was down, and a consumer did not ask: the memory that they
    /// cost, and how fast they are sent. What the writes themselves leave in the caches of the store is not theirs: so
    /// a server that was just started is looked at, with the backlog and when it is gone.
    async fn backlog(&mut self, tenant: &Tenant, stage: &Stage, feed: &Feed, receiver: &Receiver, hook: &str) {
        let (many, had) = (self.options.backlog as u64, receiver.messages());
        stage.command(&["consumer", "create", "--tenant", &feed.tenant, "behind", "--json"]);
        receiver.refuse(StatusCode::SERVICE_UNAVAILABLE);
        self.changes(tenant, Until::Requests(self.options.backlog)).await;
        let with = self.afresh(stage).await;
        receiver.take();
        stage.command(&["webhook", "enable", hook, "--json"]);
        receiver.has(had + 1).await;
        let (started, first) = (Instant::now(), receiver.messages());
        let last = receiver.has(had + many).await;
        let seconds = last.saturating_duration_since(started).as_secs_f64();
        self.figure("events sent to one webhook", (had + many - first) as f64 / seconds, "/s");
        let highest = mebibytes(self.server.memory("VmHWM"));
        stage.command(&["consumer", "delete", "--tenant", &feed.tenant, "behind", "--json"]);
        let without = self.afresh(stage).await;
        let behind = thousands(self.options.backlog as f64);
        self.figure(&format!("memory, more with a backlog of {behind} events"), with - without, "MiB");
        self.figure(&format!("memory at its highest while {behind} events are sent"), highest, "MiB");
    }

    /// The memory of the processes when they were just started, in MiB.
    async fn afresh(&mut self, stage: &Stage) -> f64 {
        self.server.stop();
        self.server = stage.serve();
        tokio::time::sleep(REST).await;
        mebibytes(self.server.memory("VmRSS"))
    }
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// A PATCH that no earlier run has made: what changes nothing has no event.
fn fresh(number: usize) -> String {
    thread_local!(static RUN: Cell<usize> = const { Cell::new(1_000_000) });
    RUN.set(RUN.get() + 1);
    retitle(RUN.get() + number)
}

/// Makes a webhook; says its id.
fn hook(tenant: &str, stage: &Stage, receiver: &Receiver) -> String {
    let made = stage.command(&["webhook", "create", "--tenant", tenant, "--url", &receiver.url, "--json"]);
    made["webhook_id"].as_str().expect("an id").to_owned()
}

/// The feed of a tenant, with a token that may read it.
pub struct Feed {
    /// The tenant's id.
    pub tenant: String,
    reader: Tenant,
}

impl Feed {
    pub fn of(tenant: &Tenant, stage: &Stage) -> Self {
        let id = tenant.endpoint.path.trim_start_matches('/').split('/').next().expect("an id").to_owned();
        let made = stage.command(&["token", "create", "--tenant", &id, "--scope", "events", "--json"]);
        let token = made["token"].as_str().expect("a token").to_owned();
        let endpoint = Endpoint { path: format!("/{id}/events/v1"), token, oauth: None };
        Self { tenant: id, reader: Tenant::new(endpoint, 1) }
    }

    /// The number of the newest event.
    pub async fn newest(&self, server: std::net::SocketAddr) -> u64 {
        let mut connection = Connection::open(server).await.expect("a connection");
        number(&self.page(&mut connection, "?limit=0").await, "newest")
    }

    /// Reads on from the newest event until it is told that it is enough.
    async fn follow(&self, server: std::net::SocketAddr, done: &Cell<bool>) {
        let mut connection = Connection::open(server).await.expect("a connection");
        let mut after = number(&self.page(&mut connection, "?limit=0").await, "newest");
        while !done.get() {
            after = number(&self.page(&mut connection, &format!("?after={after}&limit={PAGE}&wait=1")).await, "next");
        }
    }

    /// Reads all that is kept; says how many events, and in how many seconds.
    async fn whole(&self, server: std::net::SocketAddr) -> (f64, f64) {
        let mut connection = Connection::open(server).await.expect("a connection");
        let newest = number(&self.page(&mut connection, "?limit=0").await, "newest");
        let (started, mut after) = (Instant::now(), 0);
        while after < newest {
            after = number(&self.page(&mut connection, &format!("?after={after}&limit={PAGE}")).await, "next");
        }
        (newest as f64, started.elapsed().max(Duration::from_micros(1)).as_secs_f64())
    }

    async fn page(&self, connection: &mut Connection, query: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.reader.get(query, &mut bytes);
        let answer = connection.exchange(&bytes).await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(answer.body));
        answer.body.to_vec()
    }
}

/// A number of the answer itself. It is found from the end: parsing a thousand events would take the processor from
/// the server.
fn number(page: &[u8], name: &str) -> u64 {
    let text = String::from_utf8_lossy(page);
    let found = text.rsplit_once(&format!("\"{name}\":")).map(|(_, rest)| rest);
    let digits = found.and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("the feed's answer has no {name}"))
}
