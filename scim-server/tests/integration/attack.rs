//! Somebody tries to stop the server, to fill it and to slow it down, and beside each attack a client of
//! another tenant works as on any day: all its answers are right.
//!
//! `ATTACK_SECONDS` is how long it takes altogether, without the preparations (`make attack-test`: ten
//! minutes), and `ATTACK_ONLY` a part of the name of the attacks that are made. Everything is on loopback, where 127.0.0.0/8 gives attackers addresses of their own. How long
//! the good client waited is printed and not judged: that depends on the machine, and what attacks is on
//! the same one. What the server takes of memory is judged.

mod connections;
mod good;
mod requests;
mod wire;

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use futures_util::future::LocalBoxFuture;
use tempfile::TempDir;

use self::{good::Good, wire::Target};
use crate::server::{Client, Options, TestServer};

/// How long all attacks together take where nobody says so: each is made once, and a debug build of the
/// server answers.
const SECONDS: u64 = 40;

/// What the server may take of memory at any moment of any attack, in MiB: twice the cache of the store
/// (64 MiB), the budget of bodies and pages (`request_memory`, 256 MiB), and 128 MiB for what is counted nowhere:
/// connections and their buffers, what a read gives before it is counted, and what the allocator keeps. With
/// PostgreSQL there is no cache, and it is the same.
const BUDGET: u64 = 2 * 64 + 256 + 128;

/// What the audit log may say of strangers in one attack, in bytes, however many calls they make.
const STRANGERS_LINES: usize = 1 << 20;

/// One way to take the server from others.
struct Attack {
    name: &'static str,
    /// What the attacker's tenant holds before.
    prepare: for<'a> fn(&'a Client) -> LocalBoxFuture<'a, ()>,
    /// Goes on until that moment, and gives how many blows were struck.
    strike: fn(Target, Instant) -> LocalBoxFuture<'static, u64>,
}

const ATTACKS: [Attack; 12] = [
    Attack {
        name: "bulk with 110,000 references",
        prepare: |_| Box::pin(async {}),
        strike: |target, end| Box::pin(requests::references(target, end)),
    },
    Attack {
        name: "PUT of thousands of new e-mails",
        prepare: |_| Box::pin(async {}),
        strike: |target, end| Box::pin(requests::emails(target, end)),
    },
    Attack {
        name: "bulk of 10 MiB of \"0,\"",
        prepare: |_| Box::pin(async {}),
        strike: |target, end| Box::pin(requests::zeros(target, end)),
    },
    Attack {
        name: "PATCH of 240,000 comparisons",
        prepare: |_| Box::pin(async {}),
        strike: |target, end| Box::pin(requests::comparisons(target, end)),
    },
    Attack {
        name: "filters and sorts without index",
        prepare: |client| Box::pin(requests::many_users(client)),
        strike: |target, end| Box::pin(requests::scans(target, end)),
    },
    Attack {
        name: "bulk bodies that stall",
        prepare: |_| Box::pin(async {}),
        strike: |target, end| Box::pin(connections::stalled(target, end)),
    },
    Attack {
        name: "large pages, read slowly",
        prepare: |client| Box::pin(requests::large_users(client)),
        strike: |target, end| Box::pin(connections::slow_readers(target, end)),
    },
    Attack {
        name: "large pages, unread HTTP/2 streams",
        prepare: |client| Box::pin(requests::large_users(client)),
        strike: |target, end| Box::pin(connections::unread_streams(target, end)),
    },
    Attack {
        name: "strangers' idle connections",
        prepare: |_| Box::pin(async {}),
        strike: |target, end| Box::pin(connections::idle(target, end)),
    },
    Attack {
        name: "404 without a token",
        prepare: |_| Box::pin(async {}),
        strike: |target, end| Box::pin(connections::flood(target, end, None)),
    },
    Attack {
        name: "wrong tokens",
        prepare: |_| Box::pin(async {}),
        strike: |target, end| Box::pin(connections::flood(target, end, Some("scim_wrong"))),
    },
    Attack {
        name: "HTTP/2 with nothing but PING",
        prepare: |_| Box::pin(async {}),
        strike: |target, end| Box::pin(connections::pings(target, end)),
    },
];

/// What came of one attack.
struct Outcome {
    name: &'static str,
    blows: u64,
    good: Good,
    /// The most memory that the server had, in MiB.
    peak: u64,
}

#[tokio::test]
async fn a_good_client_is_served_beside_each_attack() {
    let seconds = std::env::var("ATTACK_SECONDS").map_or(SECONDS, |text| text.parse().expect("a number of seconds"));
    let each = Duration::from_secs(seconds) / u32::try_from(ATTACKS.len()).expect("a few");
    let only = std::env::var("ATTACK_ONLY").unwrap_or_default();
    let (median, tail) = ("p50", "p99 (of which kind)");
    println!(
        "{:35}{:>9}{:>10}{:>10}{median:>10}{tail:>22}{:>18}",
        "attack", "blows", "requests", "failures", "peak of memory"
    );
    let mut outcomes = Vec::new();
    for attack in ATTACKS.iter().filter(|attack| attack.name.contains(&only)) {
        let outcome = endure(attack, each).await;
        let Outcome { name, blows, good, peak } = &outcome;
        let ((median, _), (tail, kind)) = (good.percentile(50), good.percentile(99));
        println!(
            "{name:35}{blows:>9}{:>10}{:>10}{:>7} ms{:>9} ms ({kind:>8}){peak:>5} of {} MiB",
            good.requests(),
            good.failures.len(),
            median.as_millis(),
            tail.as_millis(),
            BUDGET
        );
        outcomes.push(outcome);
    }
    for Outcome { name, blows, good, peak } in &outcomes {
        assert!(*blows > 0, "{name}: that was no attack");
        assert!(good.requests() > 0, "{name}: the good client did nothing");
        assert!(good.failures.is_empty(), "{name}: {:#?}", good.failures);
        assert!(*peak < BUDGET, "{name}: the server took {peak} MiB of {BUDGET} MiB");
    }
}

/// One attack on a server of its own.
async fn endure(attack: &Attack, time: Duration) -> Outcome {
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().join("audit").to_string_lossy().into_owned();
    let mut server = TestServer::with(Options::args(&["--audit-log", &log, "--log", "warn", "--cache", "64MiB"]));
    let other = server.run_json(&["tenant", "create", "other", "--json"]);
    let base = format!("{}/{}/scim/v2", server.origin(), other["tenant_id"].as_str().expect("an id"));
    let issued = server.run_json(&["token", "create", "--tenant", "other", "--json"]);
    let token = issued["token"].as_str().expect("a token").to_owned();
    (attack.prepare)(&server.client()).await;

    let end = Instant::now() + time;
    let (strike, target) = (attack.strike, Target::of(&server));
    // A thread of its own: what attacks does not hold up who works.
    let attacker = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(strike(target, end))
    });
    let mut good = Good::new(base, token, server.admin());
    while Instant::now() < end {
        good.work().await;
    }
    let blows = attacker.join().expect("the attacker");
    let peak = peak(server.pid());
    assert!(server.stop().success(), "{}: {}", attack.name, server.log());
    let log = server.log();
    assert!(!log.contains("panicked"), "{}: {log}", attack.name);
    let check = server.run(&["check"]);
    assert!(check.status.success(), "{}: {}", attack.name, String::from_utf8_lossy(&check.stdout));
    let strangers = strangers_lines(&directory);
    assert!(strangers < STRANGERS_LINES, "{}: strangers wrote {strangers} bytes of the audit log", attack.name);
    Outcome { name: attack.name, blows, good, peak }
}

/// The most memory that the process had so far, in MiB.
fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("Linux says what a process takes");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak of resident memory");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
}

/// How many bytes the audit log has of calls without a good token.
fn strangers_lines(directory: &TempDir) -> usize {
    let log = fs::read_to_string(directory.path().join("audit")).expect("the audit log");
    log.lines().filter(|line| line.contains("\"Anonymous\"")).map(str::len).sum()
}
