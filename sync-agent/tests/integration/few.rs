//! Values of a few people change: what a cycle that looks at them alone leaves is what a full comparison would make.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use serde_json::{Value, json};

use crate::{
    agent::{Ran, TestAgent},
    directory::{Software, TestDirectory},
    full::{everything, writes},
    proxy::{Fault, Proxy},
    server::TestServer,
};

/// What the agent says when it has looked at a few people alone.
const ALONE: &str = "only values of some people had changed";

struct Stage {
    directory: TestDirectory,
    server: TestServer,
    agent: TestAgent,
    seed: Value,
}

impl Stage {
    /// Twelve people and three groups, and nothing to do.
    fn start(software: Software) -> Self {
        let directory = TestDirectory::start(software);
        let seed = directory.fill(12, 3);
        let server = TestServer::start();
        let more = everything(software) + "[mapping]\nenterprise = true\n";
        let agent = TestAgent::new(&directory, &server, &more);
        agent.run(&["apply"]);
        let stage = Self { directory, server, agent, seed };
        stage.settles("the first run");
        stage
    }

    fn dn(&self, user: &str) -> &str {
        self.seed["users"][user]["dn"].as_str().expect("the name of an entry")
    }

    fn user(&self, name: &str) -> Value {
        let all = self.server.all("Users");
        let found = all.into_iter().find(|user| {
            let login = user["userName"].as_str().expect("a name");
            login.split('@').next() == Some(name)
        });
        found.unwrap_or_else(|| panic!("no user {name}"))
    }

    fn path(&self, user: &str) -> String {
        format!("/Users/{}", self.user(user)["id"].as_str().expect("an id"))
    }

    fn set(&self, user: &str, attribute: &str, value: Option<&str>) {
        let value = value.map_or_else(String::new, |value| format!("{attribute}: {value}\n"));
        self.directory
            .modify(&format!("dn: {}\nchangetype: modify\nreplace: {attribute}\n{value}-\n\n", self.dn(user)));
    }

    /// One cycle that looks at a few people alone, or that does not; then both sides agree.
    #[track_caller]
    fn cycle(&self, what: &str, alone: bool) -> Ran {
        let ran = self.agent.run(&["apply"]);
        assert!(matches!(ran.code, Some(0 | 1)), "{what}: {ran:?}");
        assert_eq!(ran.stderr.contains(ALONE), alone, "{what}: {ran:?}");
        let planned = self.agent.run(&["plan", "--full"]);
        assert!(planned.stdout.starts_with("Nothing to write."), "after {what}: {planned:?}");
        ran
    }

    /// The next cycle has nothing to do; after it a change may be looked at alone again.
    #[track_caller]
    fn settles(&self, what: &str) {
        assert_eq!(writes(&self.agent), 0, "after {what}");
    }
}

#[track_caller]
fn check(ran: &Ran, number: usize) {
    let expect = if number == 1 { "1 write,".to_owned() } else { format!("{number} writes,") };
    assert!(ran.stdout.starts_with(expect.trim_end_matches(',')), "{ran:?}");
}

fn values_change(software: Software) {
    let stage = Stage::start(software);
    stage.set("u000001", "givenName", Some("Gardener"));
    check(&stage.cycle("a value", true), 1);
    assert_eq!(stage.user("u000001")["name"]["givenName"], "Gardener");
    // It settles by itself: another change directly behind is looked at alone, too.
    for n in 2..6 {
        stage.set(&format!("u00000{n}"), "givenName", Some("Baker"));
    }
    check(&stage.cycle("four values", true), 4);
    // What is not mapped is remembered, and nothing is sent.
    stage.set("u000001", "carLicense", Some("B 1"));
    check(&stage.agent.run(&["apply"]), 0);
    // That a value is gone has to be proved; so has what decides about others.
    stage.set("u000001", "givenName", None);
    check(&stage.cycle("a value less", false), 1);
    assert_eq!(stage.user("u000001")["name"]["givenName"], Value::Null);
    stage.settles("a value less");
    stage.directory.change(&["disable", "u000002"]);
    check(&stage.cycle("an account that ends", false), 1);
    assert_eq!(stage.user("u000002")["active"], false);
    stage.settles("an account that ends");
    stage.set("u000003", "manager", Some(stage.dn("u000004")));
    stage.cycle("a manager", false);
    stage.settles("a manager");
    // The manager stays whoever has one while other values change, and whoever is one.
    for user in ["u000003", "u000004"] {
        stage.set(user, "givenName", Some("Painter"));
    }
    check(&stage.cycle("values of a manager and of whose manager it is", true), 2);
    stage.directory.change(&["login", "u000005", "fifth"]);
    stage.cycle("a login", false);
}

#[test]
fn values_of_people_in_openldap() {
    values_change(Software::OpenLdap);
}

#[test]
fn values_of_people_in_active_directory() {
    values_change(Software::Samba);
}

#[test]
fn what_others_did_at_the_target_is_not_passed_over() {
    let stage = Stage::start(Software::OpenLdap);
    // Another value of the same person: what a look at the person alone shows is repaired with it.
    let other = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "name.familyName", "value": "Other"}]});
    stage.server.send("PATCH", &stage.path("u000001"), &other);
    stage.set("u000001", "givenName", Some("Gardener"));
    check(&stage.cycle("a value beside one of somebody else", true), 1);
    // The person is gone there: that is for a cycle that knows all.
    stage.server.send("DELETE", &stage.path("u000001"), &Value::Null);
    stage.set("u000001", "givenName", Some("Baker"));
    stage.cycle("a person who is gone", false);
    assert_eq!(stage.user("u000001")["name"]["givenName"], "Baker");
    stage.settles("a person who is gone");
    // Made inactive in the directory and active by hand: sending that again is a loss, which has a limit.
    stage.directory.change(&["disable", "u000002"]);
    stage.cycle("an account that ends", false);
    stage.settles("an account that ends");
    let active = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "active", "value": true}]});
    stage.server.send("PATCH", &stage.path("u000002"), &active);
    stage.set("u000002", "givenName", Some("Gardener"));
    stage.cycle("a person who was activated", false);
    assert_eq!(stage.user("u000002")["active"], false);
}

/// What cannot be written is left to the cycle that knows all, which reads the same changes again.
#[test]
fn a_write_that_fails_loses_no_change() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let seed = directory.fill(12, 3);
    let server = TestServer::start();
    let (refuse, refuses) = (Arc::new(AtomicBool::new(false)), Fault::Status(400, None));
    let refusing = Arc::clone(&refuse);
    let fault = move |_, write: Option<usize>| match write {
        Some(_) if refusing.load(SeqCst) => refuses,
        _ => Fault::None,
    };
    let proxy = Proxy::start(&server, Box::new(fault));
    let agent = TestAgent::with_target(&directory, &server, &proxy.base(), &everything(Software::OpenLdap));
    agent.run(&["apply"]);
    let stage = Stage { directory, server, agent, seed };
    stage.settles("the first run");
    refuse.store(true, SeqCst);
    stage.set("u000001", "givenName", Some("Gardener"));
    let failed = stage.agent.run(&["apply"]);
    assert!(failed.stderr.contains(ALONE) && failed.stdout.starts_with("0 writes"), "{failed:?}");
    assert!(failed.stderr.contains("TargetRefused"), "{failed:?}");
    refuse.store(false, SeqCst);
    stage.set("u000002", "givenName", Some("Baker"));
    // What failed waits; another change of the same person is tried at once.
    stage.set("u000001", "givenName", Some("Painter"));
    check(&stage.cycle("two values after a failure", false), 2);
    let name = |user: &str| stage.user(user)["name"]["givenName"].clone();
    assert_eq!((name("u000001"), name("u000002")), (json!("Painter"), json!("Baker")));
}
