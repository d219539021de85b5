//! `make bench`: what the server does in a second, beside a bare hyper server that answers the same
//! bytes in the same run.
//!
//! The figures of two runs, let alone of two machines, cannot be compared; the ratios can. So server
//! and yardstick are two processes, take turns in short rounds, and meet the same
//! client on the same processors. Every answer is checked: one wrong status, one page with too few
//! resources or one member that is missing at the end fails the run.
//!
//! All of it is done on each engine: a data directory (`sled`), and a PostgreSQL of the run's own with
//! one process and with three (`postgres`, `postgres*3`) where its programs are installed. `--store`
//! names others: `--store sled+postgres*2`. With several processes the connections are spread over
//! them.
//!
//! `--full` (or `BENCH=full`) fills the store with 1,000,000 users, `--seconds` and `--rounds` say
//! how long each operation is measured, `--only TEXT` picks operations by name, `--json` prints JSON.
//! `--mixed SECONDS` is how long reads and writes are mixed, `--patches` how many changes the growth of the
//! store is measured after, and `--backlog` how many events wait for a webhook. Beside a figure stands what is aimed at, and whether it is met.
#![allow(
    missing_docs,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::similar_names,
    reason = "a program that measures, and stops at the first thing that is not as it should be"
)]

mod aims;
mod bare;
mod client;
mod console;
#[path = "../../tests/integration/database.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod database;
mod events;
mod mixed;
mod oauth;
#[path = "../../tests/integration/console/paths.rs"]
mod pages;
mod people;
mod pgbench;
mod process;
mod receiver;
mod report;
mod roles;
mod scenario;
mod stage;
mod undo;
mod walk;

use stage::Engine;

/// What is measured, and for how long.
pub struct Options {
    pub engines: Vec<Engine>,
    pub sizes: Vec<usize>,
    pub groups: Vec<usize>,
    pub seconds: f64,
    pub rounds: usize,
    /// How long reads and writes are mixed.
    pub mixed: f64,
    /// How many changes the growth on disk is measured after.
    pub patches: usize,
    /// How many events wait for a webhook.
    pub backlog: usize,
    pub only: Option<String>,
    pub json: bool,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let given = |name: &str| arguments.iter().any(|argument| argument == name);
    if given("--bare") {
        return bare::serve();
    }
    let full = given("--full") || std::env::var("BENCH").is_ok_and(|value| value == "full");
    let (sizes, groups, seconds, rounds) = if full {
        (vec![1_000, 100_000, 1_000_000], vec![10, 10_000, 100_000], 3.0, 3)
    } else {
        (vec![1_000, 20_000, 100_000], vec![10, 100_000], 1.0, 2)
    };
    let number = |text: String| text.replace(',', "").parse::<usize>().expect("a number");
    let engines = match value("--store") {
        Some(list) => list.split('+').map(|one| Engine::parse(one).expect("sled, postgres or postgres*3")).collect(),
        None if database::is_installed() => vec![Engine::Sled, Engine::Postgres(1), Engine::Postgres(3)],
        None => {
            eprintln!("PostgreSQL is not installed and not measured: apt-get install postgresql");
            vec![Engine::Sled]
        }
    };
    let sizes = value("--users").map_or(sizes, |list| list.split('+').map(|size| number(size.to_owned())).collect());
    let largest = sizes.last().copied().expect("how many users");
    let options = Options {
        engines,
        sizes,
        mixed: value("--mixed").map_or(if full { 600.0 } else { 10.0 }, |text| text.parse().expect("seconds")),
        backlog: value("--backlog").map_or(if full { 1_000_000 } else { 20_000 }, number),
        patches: value("--patches").map_or(largest, number),
        groups: value("--members").map_or(groups, |list| list.split('+').map(|size| number(size.to_owned())).collect()),
        seconds: value("--seconds").map_or(seconds, |text| text.parse().expect("seconds")),
        rounds: value("--rounds").map_or(rounds, number),
        only: value("--only"),
        json: given("--json"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(scenario::run(options));
}
