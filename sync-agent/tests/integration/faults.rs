//! A target that misbehaves, and a directory or an agent that is killed: what arrives is the same, once.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    agent::TestAgent,
    directory::{self, Software, TestDirectory},
    full::{everything, same_groups, same_users, writes},
    proxy::{Fault, Proxy},
    server::TestServer,
};

/// Each object is there once.
#[track_caller]
fn check_whole(seed: &serde_json::Value, server: &TestServer) {
    for endpoint in ["Users", "Groups"] {
        let all = server.all(endpoint);
        let external: BTreeSet<_> = all.iter().map(|resource| resource["externalId"].to_string()).collect();
        assert_eq!(all.len(), external.len(), "{endpoint} that are there twice");
    }
    same_users(Software::OpenLdap, seed, server);
    same_groups(seed, server);
}

#[test]
fn a_target_that_throttles_and_drops_gets_everything_once() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let seed = directory.fill(30, 5);
    let server = TestServer::start();
    let proxy = Proxy::start(
        &server,
        Box::new(|number, _| match number {
            // A pause in the middle, to the second.
            40 => Fault::Status(429, Some(1)),
            _ if number % 5 == 0 => Fault::Status(429, Some(0)),
            _ if number % 7 == 0 => Fault::Status(503, None),
            _ if number % 11 == 0 => Fault::DropAfter,
            _ if number % 13 == 0 => Fault::DropBefore,
            _ => Fault::None,
        }),
    );
    let agent = TestAgent::with_target(&directory, &server, &proxy.base(), &everything(Software::OpenLdap));
    let ran = agent.run(&["apply"]);
    assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
    for code in ["TargetUnavailable", "TargetRefused", "ConflictError"] {
        assert!(!ran.stderr.contains(code), "{ran:?}");
    }
    check_whole(&seed, &server);
    agent.run(&["apply"]);
    assert_eq!(writes(&agent), 0, "a creation whose answer was lost is compared once, then left alone");
}

#[test]
fn a_target_that_is_away_ends_the_run_and_the_next_goes_on() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let seed = directory.fill(30, 5);
    let server = TestServer::start();
    let more = everything(Software::OpenLdap);
    let proxy = Proxy::start(
        &server,
        Box::new(|_, write| match write {
            Some(20..) => Fault::Status(503, None),
            _ => Fault::None,
        }),
    );
    let agent = TestAgent::with_target(&directory, &server, &proxy.base(), &more);
    agent.set("[target]", "[target]\npatience_seconds = 0");
    let ran = agent.run(&["apply"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("nothing more was sent"), "{ran:?}");
    assert!(proxy.writes() < 40, "a target that is away is left in peace: {} writes", proxy.writes());
    agent.set(&proxy.base(), server.base());
    agent.run(&["apply"]);
    check_whole(&seed, &server);
}

#[test]
fn openldap_that_is_killed_in_the_middle_of_a_reading_loses_nobody() {
    killed(Software::OpenLdap);
}

#[test]
fn active_directory_that_is_killed_in_the_middle_of_a_reading_loses_nobody() {
    killed(Software::Samba);
}

#[track_caller]
fn killed(software: Software) {
    let directory = TestDirectory::start(software);
    let seed = directory.fill(30, 5);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, &everything(software));
    agent.run(&["apply"]);
    let held = || (server.all("Users"), server.all("Groups"));
    let before = held();
    directory.change(&["disable", "u000001"]);

    let proxy = directory::Proxy::start(&directory, &["--crash-after", "30"]);
    agent.set("[source]", "[source]\npage_size = 20");
    agent.set(directory.get("LDAPS_URL"), &proxy.url());
    let ran = agent.run(&["apply", "--full"]);
    assert!(!directory.is_up());
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("what had been read is not used"), "{ran:?}");
    assert_eq!(held(), before, "nothing was written");
    let away = agent.run(&["apply"]);
    assert_eq!(away.code, Some(2), "{away:?}");
    assert_eq!(held(), before);

    directory.start_again();
    agent.set(&proxy.url(), directory.get("LDAPS_URL"));
    agent.run(&["apply"]);
    let user = seed["users"]["u000001"]["id"].as_str().expect("an id");
    let disabled = server.all("Users").into_iter().find(|found| found["externalId"] == *user);
    assert_eq!(disabled.map(|found| found["active"].clone()), Some(false.into()));
    assert_eq!((server.all("Users").len(), server.all("Groups").len()), (before.0.len(), before.1.len()));
    same_groups(&seed, &server);
    let full = agent.run(&["apply", "--full"]);
    assert!(full.stdout.starts_with("0 writes"), "{full:?}");
}

#[test]
fn an_agent_that_is_killed_between_any_two_writes_converges() {
    let directory = TestDirectory::start(Software::OpenLdap);
    // The third, the eighth, the next to come.
    let kills = Kills::new(&directory).until_done(|kills| 1 + (kills * 5 + 2) % 9);
    assert!(kills > 10, "only {kills} kills");
}

/// One write a run, whose answer never comes: there is a kill after each of them.
#[test]
fn an_agent_that_is_killed_after_every_single_write_converges() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let kills = Kills::new(&directory);
    kills.agent.set("[target]", "[target]\nconcurrency = 1");
    let planned = kills.agent.run(&["plan", "--verbose"]);
    let writes = planned.stdout.matches("\n+ create ").count() + planned.stdout.matches("\n> join ").count();
    assert_eq!(kills.until_done(|_| 1), writes, "{planned:?}");
}

/// However soon after its start it is killed, what a run has done stays done: a group that is known is
/// not looked at again, and who has joined must not join for ever.
#[test]
fn an_agent_that_is_soon_killed_remembers_who_joined() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let mut kills = Kills::new(&directory);
    let planned = kills.agent.run(&["plan", "--verbose"]);
    let creations = planned.stdout.matches("+ create ").count();
    assert!(creations > 20, "{planned:?}");
    // Everybody is made, and after a second that is surely remembered.
    kills.delay = Duration::from_secs(1);
    assert!(kills.at(creations + 1));
    kills.delay = Duration::ZERO;
    kills.until_done(|_| 3);
}

/// One agent that is killed again and again.
struct Kills {
    agent: TestAgent,
    server: TestServer,
    seed: serde_json::Value,
    base: String,
    /// How long after the write that hangs it is killed.
    delay: Duration,
}

impl Kills {
    fn new(directory: &TestDirectory) -> Self {
        let seed = directory.fill(20, 5);
        let server = TestServer::start();
        let agent = TestAgent::new(directory, &server, &everything(Software::OpenLdap));
        let base = server.base().to_owned();
        Self { agent, server, seed, base, delay: Duration::ZERO }
    }

    /// Runs until the write of that number, which the server does and nobody is told of, and kills the
    /// agent there. False when the run ends before it.
    fn at(&mut self, number: usize) -> bool {
        let hang = move |_, write| if write == Some(number) { Fault::Hang } else { Fault::None };
        let proxy = Proxy::start(&self.server, Box::new(hang));
        self.agent.set(&self.base, &proxy.base());
        self.base = proxy.base();
        let mut process = self.agent.spawn(&["apply"]);
        let mut killed = false;
        while process.try_wait().expect("the process").is_none() {
            if proxy.hangs_within(Duration::from_millis(20)) {
                std::thread::sleep(self.delay);
                process.kill().expect("SIGKILL");
                killed = true;
            }
        }
        process.wait().expect("the process");
        killed
    }

    /// Kills each run at the write of the number that `at` gives, until one ends before it. Everything is
    /// there then. Returns how often.
    #[track_caller]
    fn until_done(mut self, at: impl Fn(usize) -> usize) -> usize {
        let mut kills = 0;
        while self.at(at(kills)) {
            kills += 1;
            assert!(kills < 200, "it does not come to an end");
        }
        check_whole(&self.seed, &self.server);
        self.agent.set(&self.base, self.server.base());
        self.agent.run(&["apply"]);
        assert_eq!(writes(&self.agent), 0, "nothing is left to do");
        kills
    }
}
