//! Targets that can less than ours: the same arrives, by what they have.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    agent::TestAgent,
    directory::{Software, TestDirectory},
    full::{everything, same_groups, same_users, writes},
    proxy::{Fault, Proxy},
    server::TestServer,
};

#[test]
fn without_patch_filters_and_cursors() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let seed = directory.fill(30, 5);
    let server = TestServer::start();
    let proxy = Proxy::start(&server, Box::new(|_, _| Fault::CanDoLittle));
    let agent = TestAgent::with_target(&directory, &server, &proxy.base(), &everything(Software::OpenLdap));
    let ran = agent.run(&["apply"]);
    assert!(matches!(ran.code, Some(0 | 1)) && !ran.stderr.contains("TargetRefused"), "{ran:?}");
    same_users(Software::OpenLdap, &seed, &server);
    same_groups(&seed, &server);
    assert_eq!(writes(&agent), 0, "nothing has changed");
    agent.lose_state();
    assert_eq!(writes(&agent), 0, "everything is adopted");
    directory.change(&["mail", "u000003", "new@example.test"]);
    assert_eq!(writes(&agent), 1, "one user is put whole");
    let users = server.all("Users");
    let user = users.iter().find(|user| user["userName"] == "u000003").expect("the user");
    assert_eq!(user["emails"][0]["value"], "new@example.test");
    assert_eq!(user["name"]["familyName"], seed["users"]["u000003"]["familyName"]);
    same_groups(&seed, &server);
}

#[test]
fn identity_center_gets_what_it_takes() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let seed = directory.fill(120, 3);
    let server = TestServer::with_profile("identity-center");
    let agent = TestAgent::new(&directory, &server, &everything(Software::OpenLdap));
    agent.set("[target]", "[target]\nprofile = \"identity-center\"");
    let ran = agent.run(&["apply"]);
    assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
    assert!(!ran.stderr.contains("TargetUnavailable"), "{ran:?}");
    // One address of the population is none, which that target refuses.
    let mut refused = ran.stderr.lines().filter(|line| line.contains("TargetRefused"));
    assert!(refused.all(|line| line.contains("\"bad.mail\"") && line.contains("emails.value")), "{ran:?}");
    // Only users without one of the required names are reported.
    let named = |user: &serde_json::Value, name: &str| user[name].as_str().is_some_and(|value| !value.is_empty());
    let users = server.all("Users");
    let there: BTreeSet<_> = users.iter().filter_map(|user| user["externalId"].as_str()).collect();
    for (login, user) in seed["users"].as_object().expect("users") {
        let whole = named(user, "givenName") && named(user, "familyName");
        let id = user["id"].as_str().expect("an id");
        let told = ran.stderr.lines().any(|line| line.contains(id));
        assert!(there.contains(id) == whole || told, "{login}: {ran:?}");
    }
    assert_eq!(writes(&agent), 0, "nothing has changed");
    agent.lose_state();
    assert_eq!(writes(&agent), 0, "everything is adopted, members of groups included");
}

#[test]
fn members_go_in_requests_of_a_hundred() {
    let directory = TestDirectory::start(Software::OpenLdap);
    let seed = directory.fill_with(&["--users", "350", "--groups", "1", "--big", "350"]);
    let server = TestServer::start();
    let agent = TestAgent::new(&directory, &server, &everything(Software::OpenLdap));
    agent.set("[target]", "[target]\nmembers_per_request = 100");
    let requests = |group: &Value| group["effective"].as_array().map_or(0, |members| members.len().div_ceil(100));
    let [users, groups] = ["users", "groups"].map(|kind| seed[kind].as_object().expect("objects"));
    let joins: usize = groups.values().map(requests).sum();
    assert!(groups.values().any(|group| requests(group) == 4), "{joins}");
    assert_eq!(writes(&agent), users.len() + groups.len() + joins);
    same_groups(&seed, &server);
}

#[test]
fn a_target_over_tls_is_believed_by_its_own_authority_and_name_only() {
    let directory = TestDirectory::start(Software::OpenLdap);
    directory.fill(5, 1);
    let server = TestServer::with_tls(&directory, "127.0.0.1:0");
    assert!(server.base().starts_with("https://"), "{}", server.base());
    let agent = TestAgent::new(&directory, &server, &everything(Software::OpenLdap));
    let refused = |why: &str| {
        let ran = agent.run(&["apply"]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.stderr.contains(why), "{ran:?}");
    };
    agent.set("[target]", "[target]\npatience_seconds = 0");
    refused("UnknownIssuer");
    let ca = |file: &str| format!("[target]\nca_file = \"{}\"\n", directory.path().join("tls").join(file).display());
    agent.set("[target]\n", &ca("other-ca.pem"));
    refused("UnknownIssuer");
    agent.set("other-ca.pem", "ca.pem");
    let checked = agent.run(&["check"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(writes(&agent) > 0, "everybody arrives");
    assert_eq!(writes(&agent), 0, "nothing has changed");
    // The same certificate at an address that it is not for.
    let elsewhere = TestServer::with_tls(&directory, "127.0.0.2:0");
    agent.set(server.base(), elsewhere.base());
    refused("not valid for name");
}
