//! The run: fill the store, measure each operation in turns with the yardstick, check what is there
//! at the end, and open the store again.

use serde_json::Value;
use uuid::Uuid;

use super::{
    Options, aims,
    client::{self, Answer, Check, Connection, Request, Run, Until},
    people::{Tenant, group, id_of, person, retitle},
    process::{self, Fleet, Serving},
    report::{self, Figure, Row, Table},
    stage::{Engine, Stage},
};

/// Connections at once.
pub const CONNECTIONS: usize = 32;
/// Users that join and leave a group in one round.
const JOINING: usize = 4_000;
/// Members in one request while a group is filled.
const FILLING: usize = 1_000;

pub struct Bench<'a> {
    pub options: &'a Options,
    engine: &'a Engine,
    /// What a durable write takes, in seconds.
    flush: f64,
    pub server: Fleet,
    bare: Fleet,
    rows: Vec<Row>,
    figures: Vec<Figure>,
}

/// Measures everything on each engine and prints it, and at the end the engines side by side.
pub async fn run(options: Options) {
    let machine = process::machine();
    let mut tables = Vec::new();
    for engine in &options.engines {
        if !options.json {
            println!("\n{}: {machine}", engine.name());
        }
        tables.push(measure_engine(&options, engine).await);
    }
    if options.json {
        println!("{:#}", report::json(&machine, &tables));
    } else if tables.len() > 1 {
        println!("\n{}", report::side_by_side(&tables));
    }
}

async fn measure_engine(options: &Options, engine: &Engine) -> Table {
    let stage = Stage::new(engine.clone());
    let names: Vec<_> = options.sizes.iter().map(|size| format!("users-{size}")).collect();
    let endpoints = stage.tenants(&names).await;
    let tenants: Vec<_> = endpoints.into_iter().zip(&options.sizes).map(|(e, size)| Tenant::new(e, *size)).collect();
    let (server, bare) = (stage.serve(), Fleet::of(vec![Serving::bare()]));
    let flush = process::flush_time(stage.directory.path());
    let mut bench = Bench { options, engine, flush, server, bare, rows: Vec::new(), figures: Vec::new() };
    bench.figure("durable write of 8 KiB, p50", flush * 1e6, "µs");
    bench.say(&report::heading());

    for tenant in &tenants {
        bench.fill(tenant).await;
        stage.settle();
        bench.pgbench(tenant, &stage);
        bench.reads(tenant).await;
    }
    let largest = tenants.last().expect("a tenant");
    bench.figure("memory with these users", bench.server.memory("VmRSS") as f64 / f64::from(1 << 20), "MiB");
    bench.writes(largest).await;
    for size in &options.groups {
        bench.members(largest, *size).await;
    }
    bench.mixed(largest).await;
    bench.grown(largest, &stage).await;
    bench.figure("memory after writes", bench.server.memory("VmRSS") as f64 / f64::from(1 << 20), "MiB");
    bench.figure("memory at its highest", bench.server.memory("VmHWM") as f64 / f64::from(1 << 20), "MiB");
    bench.figure("store on disk", stage.size() as f64 / f64::from(1 << 20), "MiB");
    bench.events(largest, &stage).await;
    bench.undo(largest, &stage).await;
    bench.roles(largest, &stage).await;
    bench.console(largest, &stage).await;
    bench.bare.stop();
    for (name, seconds) in reopen(&mut bench.server, &stage, largest).await {
        bench.figure(name, seconds, "s");
    }
    Table { engine: engine.name(), rows: bench.rows, figures: bench.figures }
}

impl Bench<'_> {
    fn say(&self, line: &str) {
        if !self.options.json {
            println!("{line}");
        }
    }

    pub fn figure(&mut self, name: &str, value: f64, unit: &'static str) {
        let mut figure = Figure { name: name.to_owned(), value, unit, aim: None };
        let users = self.options.sizes.last().copied().unwrap_or_default();
        figure.aim = aims::of_figure(self.engine, &figure, users);
        self.say(&figure.line());
        self.figures.push(figure);
    }

    pub fn row(&mut self, mut row: Row) {
        row.aim = aims::of_row(self.engine, &row, &self.rows, self.flush);
        self.say(&row.line());
        self.rows.push(row);
    }

    pub fn wants(&self, operation: &str) -> bool {
        self.options.only.as_ref().is_none_or(|text| operation.contains(text.as_str()))
    }

    /// Measures one operation in turns with the yardstick, whose answer is the server's first one.
    /// Says how many requests were made.
    async fn compare(
        &mut self,
        operation: &str,
        size: usize,
        until: Until,
        request: &Request<'_>,
        check: &Check<'_>,
    ) -> usize {
        if !self.wants(operation) {
            return 0;
        }
        self.learn(request, check).await;
        let mut number = 1;
        let (mut server, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..self.options.rounds {
            let run = measure(&self.server, number, until, request, check).await;
            number += run.latencies.len();
            server.push(run);
            bare.push(measure(&self.bare, 0, until, request, &|_, _| Ok(())).await);
        }
        self.row(Row::new(operation, size, &server, &bare));
        number
    }

    /// Gives the yardstick the server's answer to the request with the number 0.
    async fn learn(&self, request: &Request<'_>, check: &Check<'_>) {
        let mut bytes = Vec::new();
        request(0, &mut bytes);
        let mut connection = Connection::open(self.server.first()).await.expect("a connection");
        let answer = connection.exchange(&bytes).await.expect("an answer");
        check(0, &answer).expect("a right answer");
        let length = answer.head.len() + answer.body.len();
        let mut put = format!("PUT /answer HTTP/1.1\r\nHost: bare\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        put.extend_from_slice(answer.head);
        put.extend_from_slice(answer.body);
        let mut connection = Connection::open(self.bare.first()).await.expect("a connection");
        connection.exchange(&put).await.expect("an answer");
    }

    async fn once(&self, bytes: &[u8]) -> Value {
        let mut connection = Connection::open(self.server.first()).await.expect("a connection");
        let answer = connection.exchange(bytes).await.expect("an answer");
        assert!(answer.status < 300, "{} {}", answer.status, String::from_utf8_lossy(answer.body));
        answer.json()
    }

    async fn fill(&mut self, tenant: &Tenant) {
        let request = |user: usize, out: &mut Vec<u8>| tenant.create(user, out);
        let check = |user: usize, answer: &Answer<'_>| tenant.made(user, answer);
        let until = Until::Requests(tenant.size);
        let run = measure(&self.server, 0, until, &request, &check).await;
        self.row(Row::new("POST user, filling the store", tenant.size, &[run], &[]));
    }

    async fn reads(&mut self, tenant: &Tenant) {
        let (size, until) = (tenant.size, Until::Seconds(self.options.seconds));
        let get = |n: usize, out: &mut Vec<u8>| tenant.get(&format!("/Users/{}", tenant.id(tenant.pick(n))), out);
        let is = |n: usize, answer: &Answer<'_>| same(tenant.id(tenant.pick(n)), answer);
        self.compare("GET by id", size, until, &get, &is).await;
        if self.options.sizes.last() == Some(&size) {
            self.oauth(tenant).await;
        }

        let of = |n: usize| tenant.pick(n);
        let id = |n: usize| tenant.id(of(n));
        let queries: [(&str, &dyn Fn(usize) -> String); 5] = [
            ("userName eq", &|n| format!("userName eq \"User{}@example.com\"", of(n))),
            ("externalId eq", &|n| format!("externalId eq \"ext-{:08}\"", of(n))),
            ("emails.value eq", &|n| format!("emails.value eq \"user{}@example.com\"", of(n))),
            ("displayName eq", &|n| format!("displayName eq \"Given{0} Family{0}\"", of(n))),
            ("id eq", &|n| format!("id eq \"{}\"", id(n))),
        ];
        let last = self.options.sizes.last() == Some(&size);
        for (name, filter) in queries {
            if last || name == "userName eq" {
                let request = |n: usize, out: &mut Vec<u8>| tenant.find("/Users", &filter(n), "", out);
                self.compare(name, size, until, &request, &is).await;
            }
        }
        if last {
            self.lookups(tenant).await;
        }
        self.lists(tenant).await;
    }

    /// Tokens, and a read by one: it costs what it costs by a static one.
    async fn oauth(&mut self, tenant: &Tenant) {
        let (size, until) = (tenant.size, Until::Seconds(self.options.seconds));
        let Some(oauth) = tenant.endpoint.oauth.clone() else { return };
        let issued = |_: usize, answer: &Answer<'_>| match answer.status {
            200 => Ok(()),
            status => Err(format!("/token gave {status}: {}", String::from_utf8_lossy(answer.body))),
        };
        let by_secret = |_: usize, out: &mut Vec<u8>| oauth.by_secret(out);
        self.compare("token by a secret", size, until, &by_secret, &issued).await;
        let by_assertion = |n: usize, out: &mut Vec<u8>| oauth.by_assertion(n, out);
        self.compare("token by an ES256 assertion", size, until, &by_assertion, &issued).await;

        let mut bytes = Vec::new();
        oauth.by_secret(&mut bytes);
        let token = self.once(&bytes).await["access_token"].as_str().unwrap_or_default().to_owned();
        let other = Tenant { endpoint: tenant.endpoint.reached_by(&token), size, ids: tenant.ids.clone() };
        let get = |n: usize, out: &mut Vec<u8>| other.get(&format!("/Users/{}", other.id(other.pick(n))), out);
        let is = |n: usize, answer: &Answer<'_>| same(other.id(other.pick(n)), answer);
        self.compare("GET by id, OAuth token", size, until, &get, &is).await;
    }

    /// Look-ups by membership and by time, which find several.
    async fn lookups(&mut self, tenant: &Tenant) {
        let (size, until) = (tenant.size, Until::Seconds(self.options.seconds));
        let few = self.group(tenant, "few", 10).await;
        let by_group =
            |_: usize, out: &mut Vec<u8>| tenant.find("/Users", &format!("groups.value eq \"{few}\""), "", out);
        self.compare("groups.value eq, 10 found", size, until, &by_group, &|n, answer| page(n, answer, 10)).await;
        let by_member = |n: usize, out: &mut Vec<u8>| {
            tenant.find("/Groups", &format!("members.value eq \"{}\"", tenant.id(n % 10)), "", out);
        };
        self.compare("members.value eq", size, until, &by_member, &|_, answer| same(few, answer)).await;

        let mut bytes = Vec::new();
        tenant.get(&format!("/Users/{}", tenant.id(size - 100)), &mut bytes);
        let at = self.once(&bytes).await["meta"]["lastModified"].as_str().unwrap_or_default().to_owned();
        let since = |_: usize, out: &mut Vec<u8>| {
            tenant.find("/Users", &format!("meta.lastModified gt \"{at}\""), "&count=10", out);
        };
        self.compare("meta.lastModified gt, a page of 10", size, until, &since, &|n, answer| page(n, answer, 10)).await;
    }

    /// Pages of 100, the first and the last.
    async fn lists(&mut self, tenant: &Tenant) {
        let (size, until) = (tenant.size, Until::Seconds(self.options.seconds));
        let first = |_: usize, out: &mut Vec<u8>| tenant.get("/Users?count=100", out);
        self.compare("list of 100, first page", size, until, &first, &|n, answer| page(n, answer, 100)).await;
        let sorted = |_: usize, out: &mut Vec<u8>| tenant.get("/Users?count=100&sortBy=userName", out);
        let name = "list of 100 by userName, first page";
        self.compare(name, size, until, &sorted, &|n, answer| page(n, answer, 100)).await;
        if !self.wants("list") && !self.wants("walk") {
            return;
        }
        let cursor = self.walks(tenant).await;
        let pages = [
            ("list of 100, last page by cursor", format!("cursor={cursor}")),
            ("list of 100, last page by startIndex", format!("startIndex={}", size - 99)),
            ("list of 100 by userName, last page by startIndex", format!("sortBy=userName&startIndex={}", size - 99)),
        ];
        for (name, query) in pages {
            let path = format!("/Users?count=100&{query}");
            let request = |_: usize, out: &mut Vec<u8>| tenant.get(&path, out);
            self.compare(name, size, until, &request, &|n, answer| page(n, answer, 100)).await;
        }
    }

    async fn writes(&mut self, tenant: &Tenant) {
        let (size, until) = (tenant.size, Until::Seconds(self.options.seconds));
        let post = |n: usize, out: &mut Vec<u8>| tenant.create(size + n, out);
        self.compare("POST user", size, until, &post, &|n, answer| tenant.made(size + n, answer)).await;

        let path = |n: usize| format!("/Users/{}", tenant.id(tenant.pick(n)));
        let is = |n: usize, answer: &Answer<'_>| same(tenant.id(tenant.pick(n)), answer);
        let patch = |n: usize, out: &mut Vec<u8>| tenant.send("PATCH", &path(n), &retitle(n), out);
        self.compare("PATCH user", size, until, &patch, &is).await;
        let put = |n: usize, out: &mut Vec<u8>| {
            let body = person(tenant.pick(n)).replace("Engineer\"", &format!("Manager {n}\""));
            tenant.send("PUT", &path(n), &body, out);
        };
        self.compare("PUT user", size, until, &put, &is).await;
    }

    /// Members that come and go, one in a request, in a group of that size.
    async fn members(&mut self, tenant: &Tenant, size: usize) {
        if !self.wants("member") {
            return;
        }
        let there = size.min(tenant.size);
        let group = self.group(tenant, &format!("of-{size}"), there).await;
        // Those who join are users that are in no group yet.
        let spare = self.spare(tenant, there).await;
        let joining = spare.len() / self.options.rounds;
        let done = |_: usize, answer: &Answer<'_>| match answer.status {
            200 | 204 => Ok(()),
            status => Err(format!("PATCH gave {status}: {}", String::from_utf8_lossy(answer.body))),
        };
        let until = Until::Requests(joining);
        let one = |n: usize| &spare[n % spare.len()..][..1];
        let join = |n: usize, out: &mut Vec<u8>| tenant.change_members("add", group, one(n), out);
        if self.compare("add a member", there, until, &join, &done).await > 0 {
            self.holds(tenant, group, there + spare.len()).await;
        }
        let leave = |n: usize, out: &mut Vec<u8>| tenant.change_members("remove", group, one(n), out);
        if self.compare("remove a member", there, until, &leave, &done).await > 0 {
            self.holds(tenant, group, there).await;
        }
        // One after the other: what a change takes when nothing else happens.
        let run = client::run(&self.server.addresses, 1, 0, Until::Requests(500), &join, &done).await;
        self.row(Row::new("add a member, one connection", there, &[run.expect("additions")], &[]));
    }

    /// Users beyond the first `from`, some thousands of them; made if there are too few.
    async fn spare(&self, tenant: &Tenant, from: usize) -> Vec<usize> {
        let known = tenant.ids.borrow().len();
        let wanted = (JOINING * self.options.rounds).min(from.max(JOINING));
        let missing = (from + wanted).saturating_sub(known);
        let request = |user: usize, out: &mut Vec<u8>| tenant.create(user, out);
        let check = |user: usize, answer: &Answer<'_>| tenant.made(user, answer);
        measure(&self.server, known, Until::Requests(missing), &request, &check).await;
        (from..from + wanted).filter(|user| !tenant.id(*user).is_nil()).collect()
    }

    /// A group with the first users in it.
    pub async fn group(&self, tenant: &Tenant, name: &str, members: usize) -> Uuid {
        let mut bytes = Vec::new();
        tenant.send("POST", "/Groups", &group(name), &mut bytes);
        let mut connection = Connection::open(self.server.first()).await.expect("a connection");
        let id = id_of(&connection.exchange(&bytes).await.expect("an answer")).expect("a group");
        let users: Vec<usize> = (0..members).collect();
        for some in users.chunks(FILLING) {
            bytes.clear();
            tenant.change_members("add", id, some, &mut bytes);
            let status = connection.exchange(&bytes).await.expect("an answer").status;
            assert!(status == 200 || status == 204, "a group is filled: {status}");
        }
        id
    }

    /// Reads the whole group: it must have so many members, each once.
    async fn holds(&self, tenant: &Tenant, group: Uuid, members: usize) {
        let mut bytes = Vec::new();
        tenant.get(&format!("/Groups/{group}"), &mut bytes);
        let found = self.once(&bytes).await;
        let found = found["members"].as_array().map_or(&[][..], Vec::as_slice);
        let distinct: std::collections::HashSet<_> = found.iter().map(|member| member["value"].as_str()).collect();
        assert_eq!((found.len(), distinct.len()), (members, members), "members of the group");
    }
}

/// Stops the server and starts it again, after a clean end and after a crash. Seconds.
async fn reopen(server: &mut Fleet, stage: &Stage, tenant: &Tenant) -> [(&'static str, f64); 3] {
    let mut bytes = Vec::new();
    tenant.get(&format!("/Users/{}", tenant.id(tenant.size - 1)), &mut bytes);
    let asked = std::time::Instant::now();
    server.stop();
    let stopping = asked.elapsed().as_secs_f64();
    let (mut again, clean) = stage.opening(&bytes).await;
    again.kill();
    let (mut again, crashed) = stage.opening(&bytes).await;
    again.kill();
    [
        ("clean stop", stopping),
        ("start to first answer, after a clean stop", clean),
        ("start to first answer, after kill -9", crashed),
    ]
}

pub async fn measure(serving: &Fleet, from: usize, until: Until, request: &Request<'_>, check: &Check<'_>) -> Run {
    let before = serving.processor();
    let run = client::run(&serving.addresses, CONNECTIONS, from, until, request, check).await.expect("right answers");
    Run { processor: serving.processor() - before, ..run }
}

/// Whether the answer shows this resource (as the first one, when it is a list).
pub fn same(id: Uuid, answer: &Answer<'_>) -> Result<(), String> {
    if answer.status == 200 && id_of(answer) == Some(id) {
        return Ok(());
    }
    Err(format!("{id} was expected, not {} {}", answer.status, String::from_utf8_lossy(answer.body)))
}

/// Whether the answer is a list of so many users. Counted now and then only: the client shares the
/// processors.
fn page(number: usize, answer: &Answer<'_>, expect: usize) -> Result<(), String> {
    if answer.status == 200 && answer.body.len() > expect * 500 && !number.is_multiple_of(64) {
        return Ok(());
    }
    let list = answer.json();
    let users = list["Resources"].as_array().map_or(0, Vec::len);
    if answer.status == 200 && users == expect {
        return Ok(());
    }
    Err(format!("a page of {expect} was expected, not {} with {users}", answer.status))
}
