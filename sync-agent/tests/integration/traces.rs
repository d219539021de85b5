//! One trace over both programs: a cycle of the agent, and what the server did for it.

#[path = "../../../scim-server/tests/integration/traces/collector.rs"]
#[allow(dead_code, reason = "the server's tests use the rest")]
mod collector;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    agent::TestAgent,
    directory::{Software, TestDirectory},
    full::{everything, same_users},
    server::TestServer,
};
use collector::{Collector, Told};

#[test]
fn a_cycle_is_one_trace_from_the_directory_to_the_servers_store() {
    let (directory, collector) = (TestDirectory::start(Software::OpenLdap), Collector::start());
    let seed = directory.fill(5, 1);
    // The server begins no trace of its own.
    let server = TestServer::traced(&collector.url);
    let traces = format!("[traces]\nendpoint = \"{}\"\n", collector.url);
    let agent = TestAgent::new(&directory, &server, &format!("{}{traces}", everything(Software::OpenLdap)));
    let ran = agent.run(&["apply"]);
    // Some members of the groups are nobody.
    assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
    same_users(Software::OpenLdap, &seed, &server);
    let all = collector.wait_until("the server's spans", |spans| {
        let of =
            |service: &str, name: &str| spans.iter().filter(|one| one.service == service && one.name == name).count();
        let sent = of("sync-agent", "POST /Users");
        // A span is told when it ends, and so before the one that it is in.
        let is_whole = |one: &Told| one.parent.is_empty() || spans.iter().any(|other| other.id == one.parent);
        sent >= 5 && of("scim-server", "POST /{tenant_id}/scim/v2/Users") == sent && spans.iter().all(is_whole)
    });

    let root = all.iter().find(|span| span.name == "sync.cycle").expect("the cycle");
    assert_eq!((root.parent.as_str(), root.service.as_str()), ("", "sync-agent"));
    assert!(all.iter().all(|span| span.trace == root.trace), "{all:#?}");
    let by_id: BTreeMap<&str, &Told> = all.iter().map(|span| (span.id.as_str(), span)).collect();
    let parents = |name: &str| -> BTreeSet<&str> {
        let found: Vec<_> = all.iter().filter(|span| span.name == name).collect();
        assert!(!found.is_empty(), "no {name}: {all:#?}");
        found.iter().map(|span| by_id[span.parent.as_str()].name.as_str()).collect()
    };
    assert_eq!(parents("ldap.search"), ["sync.cycle"].into());
    assert_eq!(parents("POST /Users"), ["sync.cycle"].into());
    assert_eq!(parents("POST /{tenant_id}/scim/v2/Users"), ["POST /Users"].into());
    assert!(parents("store.commit").contains("POST /{tenant_id}/scim/v2/Users"));

    let bodies: Vec<_> = collector.requests().into_iter().map(|(_, body)| body).collect();
    for (login, person) in seed["users"].as_object().expect("the users") {
        for value in [login.as_str(), person["id"].as_str().expect("an id")] {
            let told = bodies.iter().any(|body| String::from_utf8_lossy(body).contains(value));
            assert!(!told, "a span names {value}");
        }
    }
    assert!(
        !bodies.iter().any(|body| String::from_utf8_lossy(body).contains("dc=")),
        "a span has a name of the directory"
    );
}

/// Variables that others' programs go by do not switch it on.
#[test]
fn without_the_setting_nobody_is_told() {
    let (directory, collector) = (TestDirectory::start(Software::OpenLdap), Collector::start());
    directory.fill(1, 1);
    let server = TestServer::start();
    let mut agent = TestAgent::new(&directory, &server, &everything(Software::OpenLdap));
    for name in ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] {
        agent.with_env(name, &collector.url);
    }
    let ran = agent.run(&["apply"]);
    // Some members of the groups are nobody.
    assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
    assert_eq!(collector.connections(), 0);
}
