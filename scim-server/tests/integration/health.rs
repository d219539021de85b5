//! How provisioning stands, in `status` and in the metrics.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::{Client, Options, PATIENCE, TestServer, USER};

fn status(server: &TestServer) -> Value {
    let rows: Value =
        serde_json::from_slice(&server.run(&["status", "--tenant", "test", "--json"]).stdout).expect("JSON");
    rows[0].clone()
}

/// The metrics, as soon as they have lines that begin like these: they are measured now and then.
async fn metrics(server: &TestServer, lines: &[String]) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let text =
            server.client().send("GET", &format!("{}/metrics", server.admin()), &[], None).await.expect(200).text;
        let missing = lines.iter().find(|wanted| !text.lines().any(|line| line.starts_with(wanted.as_str())));
        let Some(missing) = missing else { return text };
        assert!(Instant::now() < end, "no {missing} in {text}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn the_metrics_show_how_a_tenant_stands() {
    let settings = json!({"quotas": {"User": 4}, "silence_after": "24h"});
    let server = TestServer::with(Options::settings(settings));
    let client = server.client();
    let made =
        server.run_json(&["token", "create", "--tenant", "test", "--name", "reader", "--scope", "read", "--json"]);
    let reader = client.with_token(made["token"].as_str().expect("a token"));
    client.user("anna").await;
    client.get("/Users/019a0b70-11ab-7000-8000-9f2b6c3d4e5f").await.expect(404);
    let user = json!({"schemas": [USER], "userName": "bert"});
    reader.post("/Users", &user).await.expect(403);
    client.with_token("scim_wrong").get("/Users").await.expect(401);
    let token = made["token_id"].as_str().expect("an id");
    let of = |name: &str, rest: &str| format!("scim_{name}{{tenant=\"test\"{rest}");
    let refused = |kind: &str| of("tenant_refused_total", &format!(",kind=\"{kind}\"}} 1"));
    let lines = [
        "scim_tenants 1".to_owned(),
        of("tenant_last_call_timestamp_seconds", "} "),
        of("tenant_last_write_timestamp_seconds", "} "),
        of("tenant_silent", "} 0"),
        of("tenant_quota_used_ratio", ",type=\"User\"} 0.25"),
        refused("forbidden"),
        refused("not_found"),
        refused("unauthenticated"),
        of("token_expiry_timestamp_seconds", &format!(",token=\"{token}\",name=\"reader\"}} ")),
    ];
    metrics(&server, &lines).await;
}

#[tokio::test]
async fn of_many_tenants_the_metrics_show_those_that_want_attention() {
    let server = TestServer::with(Options::args(&["--metrics-tenants", "1"]));
    let made = server.run_json(&["tenant", "create", "other", "--json"]);
    let client = server.client();
    client.user("anna").await;
    let text = metrics(
        &server,
        &["scim_tenants 2".to_owned(), "scim_tenant_last_call_timestamp_seconds{tenant=\"test\"".to_owned()],
    )
    .await;
    assert!(!text.contains("tenant=\"other\""), "{text}");
    // A tenant at whose door somebody stands without a valid token.
    let id = made["tenant_id"].as_str().expect("an id");
    let users = format!("{}/{id}/scim/v2/Users", server.origin());
    client.with_token("scim_wrong").get(&users).await.expect(401);
    let wanted = "scim_tenant_refused_total{tenant=\"other\",kind=\"unauthenticated\"} 1".to_owned();
    let text = metrics(&server, &[wanted]).await;
    assert!(!text.contains("scim_tenant_last_call_timestamp_seconds{tenant=\"test\""), "{text}");
}

/// A tenant that the judge has made is nobody's customer: what is shown or counted of all tenants leaves it out.
#[tokio::test]
async fn a_tenant_of_the_judge_is_neither_shown_nor_counted() {
    let server = TestServer::start();
    let judged = format!("scim-conformance-{}", "0123456789abcdef".repeat(2));
    let made = server.run_json(&["tenant", "create", &judged, "--json"]);
    let token = server.run_json(&["token", "create", "--tenant", &judged, "--name", "run", "--json"]);
    let base = format!("{}/{}/scim/v2", server.origin(), made["tenant_id"].as_str().expect("an id"));
    let judge = Client::new(&base, token["token"].as_str().expect("a token"));
    judge.user("anna").await;
    judge.with_token("scim_wrong").get("/Users").await.expect(401);
    server.client().user("bert").await;
    let wanted = ["scim_tenants 1".to_owned(), "scim_tenant_last_call_timestamp_seconds{tenant=\"test\"".to_owned()];
    let text = metrics(&server, &wanted).await;
    assert!(!text.contains(&judged), "{text}");
    let shown = |words: &[&str]| {
        let outcome = server.run(&[&["status", "--json"], words].concat());
        String::from_utf8_lossy(&outcome.stdout).into_owned()
    };
    let all = shown(&[]);
    assert!(all.contains("\"test\"") && !all.contains(&judged), "{all}");
    assert!(shown(&["--tenant", &judged]).contains(&judged), "whoever names it sees it");
    let hours = server.run_json(&["requests", "count", "--json"]);
    let calls: u64 = hours.as_array().expect("hours").iter().filter_map(|hour| hour["calls"].as_u64()).sum();
    assert_eq!(calls, 1, "{hours}");
}

/// A tenant that nobody was ever let in to does not fail: it waits for whoever has its setup link.
#[tokio::test]
async fn a_tenant_waits_for_whoever_has_its_setup_link() {
    let server = TestServer::start();
    server.run_json(&["tenant", "create", "acme", "--json"]);
    // The exit code is 0, or this panics.
    let status = || server.run_json(&["status", "--tenant", "acme", "--json"])[0].clone();
    let none = status();
    assert_eq!((&none["state"], &none["problems"][0]["code"]), (&json!("warning"), &json!("NotConnected")), "{none}");
    server.run_json(&["setup-link", "create", "--tenant", "acme", "--name", "acme-it", "--json"]);
    let waits = status();
    let detail = waits["problems"][0]["detail"].as_str().expect("a sentence");
    assert!(waits["state"] == "new" && detail.contains("the setup link acme-it connects one until 20"), "{waits}");
    // Once it had a token and has none any more, it fails.
    server.run_json(&["token", "create", "--tenant", "acme", "--lifetime", "1s", "--json"]);
    let end = Instant::now() + PATIENCE;
    while server.run(&["status", "--tenant", "acme"]).status.success() {
        assert!(Instant::now() < end, "the tenant does not fail");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn status_counts_what_was_refused_and_what_is_left() {
    let settings = json!({"quotas": {"User": 1}, "rate_limit": 0});
    let server = TestServer::with(Options::settings(settings));
    let client = server.client();
    client.post("/Users", &json!({"schemas": [USER]})).await.expect(400);
    let new = status(&server);
    assert_eq!((&new["last_call"], new["last_attempt"].is_string()), (&json!(null), true), "{new}");

    let user = |name: &str| json!({"schemas": [USER], "userName": name});
    client.post("/Users", &user("anna")).await.expect(201);
    let served = status(&server);
    assert!(served["last_call"].is_string() && served["last_write"].is_string(), "{served}");
    client.post("/Users", &user("bert")).await.expect(403);
    client.get("/Users/019a0b70-11ab-7000-8000-9f2b6c3d4e5f").await.expect(404);
    let after = status(&server);
    // Whoever is not there was looked for well; what is refused is not served.
    assert!(after["last_call"].as_str() >= served["last_call"].as_str(), "{after}");
    assert_eq!(after["last_write"], served["last_write"]);
    assert_eq!(after["refused"], json!({"forbidden": 1, "invalid": 1, "not_found": 1}), "{after}");
    assert_eq!(after["rate_limited"], 0);
    assert_eq!(after["quotas"]["User"], json!({"used": 1, "limit": 1}));
    assert_eq!(after["quotas"]["Group"], json!({"used": 0, "limit": null}));
    let tokens = after["tokens"].as_array().expect("a list");
    assert_eq!(
        (tokens.len(), &tokens[0]["kind"], &tokens[0]["days_left"]),
        (1, &json!("token"), &json!(365)),
        "{after}"
    );
    for _ in 0..10 {
        client.post("/Users", &user("bert")).await.expect(403);
    }
    let told = server.run(&["status", "--tenant", "test"]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("11 forbidden") && told.contains("requests list --tenant test"), "{told}");
}

#[tokio::test]
async fn calls_over_the_rate_are_counted() {
    let server = TestServer::with(Options::settings(json!({"rate_limit": 1})));
    let client = server.client();
    let end = Instant::now() + PATIENCE;
    while client.get("/Users").await.status != 429 {
        assert!(Instant::now() < end, "nothing is refused");
    }
    let told = status(&server);
    assert_eq!((&told["rate_limited"], &told["refused"]["rate_limited"]), (&json!(1), &json!(1)), "{told}");
}

/// What a provider wrote long ago is known, whatever has happened since.
#[tokio::test]
async fn the_last_write_is_known_behind_a_thousand_events() {
    let mut server = TestServer::start();
    server.client().user("anna").await;
    let before = status(&server);
    let rows: Vec<_> = (0..1001).map(|number| format!("user{number}")).collect();
    let table = server.scratch("users.csv");
    std::fs::write(&table, format!("userName\n{}\n", rows.join("\n"))).expect("the table");
    let args = ["user", "import", &table.to_string_lossy(), "--tenant", "test", "--apply", "--force", "--json"];
    assert!(server.run(&args).status.success());
    server.stop();
    server.launch();
    let after = status(&server);
    assert_eq!((&after["last_write"], &after["last_call"]), (&before["last_write"], &before["last_call"]), "{after}");
    assert!(after["last_write"].is_string());
}

/// What a provider wrote is in the log, whatever the server had noted when it was killed.
#[tokio::test]
async fn what_was_written_before_a_kill_is_known_behind_it() {
    let mut server = TestServer::with(Options::settings(json!({"silence_after": "10s"})));
    server.client().user("anna").await;
    server.kill();
    // The log is read where no server runs, too.
    let stopped = status(&server);
    server.launch();
    let of = |name: &str| format!("scim_tenant_{name}_timestamp_seconds{{tenant=\"test\"}} ");
    metrics(&server, &[of("last_call"), of("last_write")]).await;
    for known in [stopped, status(&server)] {
        assert_ne!(known["state"], "new", "{known}");
        let at = known["last_write"].as_str().expect("a time");
        assert!(known["last_call"].as_str() >= Some(at) && known["last_attempt"].as_str() >= Some(at), "{known}");
    }
    // So it is noticed that nobody calls any more.
    let end = Instant::now() + PATIENCE;
    while !status(&server)["problems"].to_string().contains("Silent") {
        assert!(Instant::now() < end, "{}", status(&server));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The first call in a while is stored at once, also if it changes nothing.
#[tokio::test]
async fn the_first_call_is_stored_soon() {
    let mut server = TestServer::start();
    let end = Instant::now() + PATIENCE;
    for round in 0.. {
        server.client().get("/Users").await.expect(200);
        // A busy machine takes its time; all that is not stored at once is stored a minute after the start.
        tokio::time::sleep(Duration::from_millis(50 * round).min(Duration::from_secs(5))).await;
        server.kill();
        server.launch();
        let known = status(&server);
        if known["last_call"].is_string() {
            assert_eq!((&known["state"], known["last_attempt"].is_string()), (&json!("ok"), true), "{known}");
            let tokens = server.run_json(&["token", "list", "--tenant", "test", "--json"]);
            if tokens[0]["last_used"].is_string() {
                return;
            }
        }
        assert!(Instant::now() < end, "{known}");
    }
}

/// A tenant in which somebody is has begun, though no provider has called.
#[tokio::test]
async fn a_tenant_with_users_is_not_new() {
    let server = TestServer::start();
    assert_eq!(status(&server)["state"], "new");
    server.run_json(&["user", "create", "--tenant", "test", "--user-name", "anna", "--force", "--json"]);
    let known = status(&server);
    assert_eq!((&known["state"], &known["last_attempt"]), (&json!("ok"), &json!(null)), "{known}");
}
