//! What administrators do stands in the log of the tenant beside the changes.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    admin_api::Api,
    server::{Options, PATIENCE, TestServer, program},
};

fn events(server: &TestServer, types: &str) -> Vec<Value> {
    let output = server.run(&["events", "--tenant", "test", "--types", types, "--json"]);
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    lines.lines().map(|line| serde_json::from_str(line).expect("an event on each line")).collect()
}

#[tokio::test]
async fn each_command_of_an_administrator_is_one_event() {
    let server = TestServer::start();
    let settings = server.scratch("settings.json");
    std::fs::write(&settings, json!({"rate_limit": 100}).to_string()).expect("a file");
    let schema = server.scratch("schema.json");
    let definition = json!({"schema": {"id": "urn:example:Badge", "name": "Badge", "attributes": [
        {"name": "number", "type": "string"}]}, "extends": "User"});
    std::fs::write(&schema, definition.to_string()).expect("a file");
    let tenant = ["--tenant", "test"];
    let run = |args: &[&str]| server.run_json(&[args, &["--json"]].concat());
    let token = run(&[&["token", "create", "--name", "crm", "--scope", "events"][..], &tenant].concat());
    let rotated = run(&[&["token", "rotate", "crm"][..], &tenant].concat());
    run(&[&["token", "delete", token["token_id"].as_str().unwrap()][..], &tenant].concat());
    run(&["tenant", "set", "test", "--settings", &settings.to_string_lossy()]);
    run(&[&["schema", "add", &schema.to_string_lossy()][..], &tenant].concat());
    run(&[&["schema", "remove", "Badge"][..], &tenant].concat());
    run(&["tenant", "disable", "test"]);
    run(&["tenant", "enable", "test"]);
    let made = run(&[&["user", "create", "--user-name", "by.hand", "--force"][..], &tenant].concat());

    let all = events(&server, "*");
    let told: Vec<_> = all.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expect = [
        "tenant.created",
        "token.created",
        "token.rotated",
        "token.deleted",
        "tenant.changed",
        "schema.added",
        "schema.removed",
        "tenant.disabled",
        "tenant.enabled",
        "scim.user.created",
    ];
    assert_eq!(told, expect);
    assert!(all.iter().all(|event| event["actor"] == "admin" && event["actor_type"] == "administrator"));
    assert_eq!(all[1]["resource"], json!({"type": "Token", "id": token["token_id"]}));
    assert_eq!(all[2]["resource"]["id"], rotated["token_id"]);
    assert_eq!(all[4]["attributes"], json!(["rate_limit"]));
    assert_eq!(all[9]["resource"]["id"], made["id"]);
    assert_eq!(events(&server, "token.*").len(), 3);
    // No token's text is in it.
    assert!(!json!(all).to_string().contains("scim_"));
}

/// What is done to the server and to no tenant is in its own log: one event for each command, by whoever gave it.
#[tokio::test]
async fn what_is_done_to_the_server_itself_is_in_its_own_log() {
    let mut server = TestServer::start();
    let run = |args: &[&str]| server.run_json(&[args, &["--json"]].concat());
    let id = |value: &Value, name: &str| value[name].as_str().unwrap_or_else(|| panic!("{value}")).to_owned();
    let file = |name: &str| server.scratch(name).to_string_lossy().into_owned();
    let (one, all) = (file("one.jsonl"), file("all.jsonl"));
    let first = run(&["admin-token", "create", "--name", "app", "--role", "viewer"]);
    let second = run(&["admin-token", "rotate", "app"]);
    run(&["admin-token", "delete", &id(&first, "token_id")]);
    let keys = run(&["signing-key", "rotate"]);
    run(&["signing-key", "remove", &id(&keys[1], "key_id")]);
    let more = run(&["tenant", "create", "more"]);
    run(&["tenant", "delete", "more", "--force", "--yes"]);
    assert!(server.run(&["export", "--tenant", "test", &one]).status.success());
    assert!(server.run(&["backup", &all]).status.success());
    assert!(server.run(&["check", "--repair"]).status.success());
    assert!(server.run(&["check"]).status.success());
    run(&["import", "--replace", &one]);

    let told = |more: &[&str]| -> Vec<Value> {
        let output = server.run(&[&["events", "--server", "--json"], more].concat());
        assert!(output.status.success(), "{output:?}");
        let lines = String::from_utf8(output.stdout).expect("UTF-8");
        let events = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("an event on each line"));
        // The others are changes of the system's own records, and named by their kind.
        events.filter(|event| event["type"].as_str().expect("a type").starts_with(char::is_lowercase)).collect()
    };
    let events = told(&[]);
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().expect("a type")).collect();
    let expect = [
        "admin-token.created",
        "admin-token.rotated",
        "admin-token.deleted",
        "signing-key.rotated",
        "signing-key.removed",
        "tenant.deleted",
        "store.exported",
        "store.exported",
        "store.repaired",
        "store.imported",
    ];
    assert_eq!(types, expect);
    assert!(events.iter().all(|event| event["actor"] == "admin" && event["actor_type"] == "administrator"));
    let about = |at: usize| (events[at]["resource"]["type"].clone(), events[at]["resource"]["id"].clone());
    assert_eq!(about(1), (json!("AdminToken"), second["token_id"].clone()));
    assert_eq!(about(5), (json!("Tenant"), more["tenant_id"].clone()));
    assert_eq!(about(6), (json!("Tenant"), json!(server.tenant())));
    assert_eq!(about(7).0, "Store");
    // What was done to a store is in no copy of it.
    let copy = std::fs::read_to_string(&all).expect("the backup");
    assert!(copy.contains("tenant.deleted") && !copy.contains("store.exported"));
    assert_eq!(told(&["--types", "admin-token.*,store.repaired"]).len(), 4);
    let since = events[4]["sequence"].to_string();
    assert_eq!(told(&["--since", &since]).len(), 5);
    let refused = server.run(&["events", "--server", "--since", "100000"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("there is no event number 100000 yet"), "{refused:?}");
    // An administrator is named; the log is read without a server, too.
    let app = run(&["admin-token", "create", "--name", "ops", "--role", "administrator"]);
    let url = format!("{}/admin/v1/signing-keys", server.admin());
    let (ops, json) = (server.client().with_token(&id(&app, "token")), [("content-type", "application/json")]);
    ops.request("POST", &url, &json, Some(&json!({}))).await.expect(200);
    server.stop();
    let last = server.run(&["events", "--server", "--types", "signing-key.*", "--json"]).stdout;
    let last = String::from_utf8(last).expect("UTF-8");
    let last: Value = serde_json::from_str(last.lines().last().expect("an event")).expect("JSON");
    assert_eq!((&last["type"], &last["actor"]), (&json!("signing-key.rotated"), &json!("admin:ops")));
}

/// Whoever has given a command is named in both logs.
#[tokio::test]
async fn both_logs_name_who_gave_a_command() {
    let server = TestServer::start();
    let made = server.run_json(&["admin-token", "create", "--name", "ops", "--role", "administrator", "--json"]);
    let api = Api::with(&server, made["token"].as_str().expect("a token"));
    let events = async |path: &str| -> Vec<Value> {
        api.get(path).await.expect(200).json["items"].as_array().expect("a list").clone()
    };
    let (before, of_server) = (events("/tenants/test/events").await.len(), events("/events").await.len());
    let ask = async |method: &str, path: &str, body: Value| {
        let answer = api.ask(method, path, Some(body)).await;
        assert!(answer.status < 300, "{method} {path}: {}", answer.text);
        answer.json
    };
    let schema = json!({"schema": {"id": "urn:example:Badge", "name": "Badge", "attributes": [
        {"name": "number", "type": "string"}]}, "extends": "User"});
    ask("POST", "/tenants/test/tokens", json!({"name": "a"})).await;
    ask("POST", "/tenants/test/tokens/a/rotate", json!({})).await;
    let client = ask("POST", "/tenants/test/clients", json!({"name": "c"})).await;
    ask("POST", "/tenants/test/clients/c/rotate", json!({})).await;
    ask("DELETE", "/tenants/test/clients/c", json!({})).await;
    ask("PATCH", "/tenants/test", json!({"settings": {"strict": true}})).await;
    ask("POST", "/tenants/test/schemas", json!({"definition": schema})).await;
    ask("POST", "/tenants/test/consumers", json!({"name": "k"})).await;
    let link = ask("POST", "/tenants/test/setup-links", json!({"name": "l"})).await;
    let webhook = ask("POST", "/webhooks", json!({"tenant": "test", "url": "https://example.com/"})).await;
    let path = format!("/webhooks/{}", webhook["webhook_id"].as_str().expect("an id"));
    ask("DELETE", &path, json!({})).await;
    let told = events("/tenants/test/events").await.split_off(before);
    let types: Vec<_> = told.iter().map(|event| event["type"].as_str().expect("a type")).collect();
    let expect = [
        "token.created",
        "token.rotated",
        "client.created",
        "client.rotated",
        "client.deleted",
        "tenant.changed",
        "schema.added",
        "consumer.created",
        "setup-link.created",
        "webhook.created",
        "webhook.deleted",
    ];
    assert_eq!(types, expect);
    assert_eq!(
        (&told[2]["resource"]["id"], &told[8]["resource"]["id"]),
        (&client["client_id"], &link["setup_link_id"])
    );
    let records = events("/events").await.split_off(of_server);
    assert!(records.iter().any(|event| event["type"].as_str().expect("a type").starts_with("Token.")), "{records:?}");
    for event in told.iter().chain(&records) {
        let by = (event["actor"].as_str(), event["actor_type"].as_str());
        assert_eq!(by, (Some("admin:ops"), Some("administrator")), "{event}");
    }
}

/// A command and its event are one: when a process is killed, both are there or neither is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_is_told_whatever_is_killed() {
    let mut server = TestServer::start();
    let tenants = ["t0", "t1", "t2", "t3"];
    for tenant in tenants {
        server.run_json(&["tenant", "create", tenant, "--json"]);
    }
    for round in 0..12 {
        let (api, dead, commands) = (Api::root(&server), AtomicBool::new(false), AtomicU32::new(0));
        let work = join_all(tenants.map(|tenant| issue_and_delete(&api, tenant, &dead, &commands)));
        let killer = async {
            let end = Instant::now() + PATIENCE;
            while commands.load(Ordering::Relaxed) < 8 && Instant::now() < end {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            // Another moment in each round.
            tokio::time::sleep(Duration::from_millis(round * 7 % 30)).await;
            server.kill();
            dead.store(true, Ordering::Relaxed);
        };
        tokio::join!(work, killer);
        server.launch();
        let api = Api::root(&server);
        for tenant in tenants {
            let path = format!("/tenants/{tenant}/events?types=token.created,token.deleted");
            let mut told = BTreeSet::new();
            for event in api.get(&path).await.expect(200).json["items"].as_array().expect("a list") {
                let id = event["resource"]["id"].as_str().expect("an id").to_owned();
                let is_news = if event["type"] == "token.created" { told.insert(id) } else { told.remove(&id) };
                assert!(is_news, "round {round}, {tenant}: {event} is told twice");
            }
            let tokens = api.get(&format!("/tenants/{tenant}/tokens")).await.expect(200).json;
            let tokens = tokens["items"].as_array().expect("a list").iter();
            let live: BTreeSet<_> = tokens.map(|token| token["token_id"].as_str().expect("an id").to_owned()).collect();
            assert_eq!(told, live, "round {round}, {tenant}");
            for id in live {
                api.delete(&format!("/tenants/{tenant}/tokens/{id}")).await.expect(200);
            }
        }
    }
    server.stop();
    assert!(server.run(&["check"]).status.success());
}

/// Issues tokens and deletes them, until no answer comes any more.
async fn issue_and_delete(api: &Api, tenant: &str, dead: &AtomicBool, commands: &AtomicU32) {
    while !dead.load(Ordering::Relaxed) {
        let path = format!("/tenants/{tenant}/tokens");
        let Some(made) = api.try_ask("POST", &path, Some("{}".to_owned())).await else { return };
        let made = made.expect(201).json;
        let path = format!("{path}/{}", made["token_id"].as_str().expect("an id"));
        let Some(gone) = api.try_ask("DELETE", &path, None).await else { return };
        gone.expect(200);
        commands.fetch_add(2, Ordering::Relaxed);
    }
}

/// Who only reads events provisions nobody.
#[tokio::test]
async fn a_token_for_events_is_no_provider() {
    let server = TestServer::start();
    let first = server.run_json(&["token", "list", "--tenant", "test", "--json"])[0]["token_id"].clone();
    server.run_json(&["token", "delete", "--tenant", "test", first.as_str().unwrap(), "--json"]);
    let text = server.run(&["token", "create", "--tenant", "test", "--scope", "events"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("/events/v1") && text.contains("application") && !text.contains("/scim/v2"), "{text}");
    server.run_json(&["user", "create", "--tenant", "test", "--user-name", "by.hand", "--json"]);
}

#[tokio::test]
async fn a_token_that_asks_too_often_is_told_of_once() {
    let server = TestServer::with(Options::settings(json!({"rate_limit": 2})));
    let mut refused = 0;
    while refused < 5 {
        refused += u32::from(server.client().get("/Users?count=0").await.status == 429);
    }
    let told = loop {
        let told = events(&server, "token.limited");
        if !told.is_empty() {
            break told;
        }
    };
    assert_eq!((told.len(), &told[0]["actor"]), (1, &json!("server")));
    assert_eq!(told[0]["resource"]["type"], "Token");
}

#[tokio::test]
async fn a_reminder_of_a_token_is_an_event() {
    let mut server = TestServer::start();
    let short = ["token", "create", "--tenant", "test", "--name", "short", "--lifetime", "20d", "--json"];
    let made = server.run_json(&short);
    // A server looks when it starts.
    server.stop();
    server.launch();
    let told = loop {
        let told = events(&server, "token.expiring");
        if !told.is_empty() {
            break told;
        }
    };
    assert_eq!((told.len(), &told[0]["actor_type"]), (1, &json!("server")));
    let id = made["token_id"].as_str().expect("an id");
    server.wait_for_log(&format!("another with `scim-server token rotate {id} --tenant test`"));
}

#[tokio::test]
async fn who_follows_goes_on_when_the_server_is_back() {
    let mut server = TestServer::start();
    let mut command: Command = program(server.data());
    let mut follower = command
        .args(["events", "--tenant", "test", "--types", "user.*", "--follow", "--json", "--data"])
        .arg(server.data())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the follower");
    let mut lines = BufReader::new(follower.stdout.take().expect("its output")).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().expect("a line").expect("UTF-8")).expect("JSON") };
    let mut last = 0;
    for round in 0..3 {
        let id = server.client().user(&format!("u{round}")).await;
        let event = next();
        assert_eq!(event["resource"]["id"], id.as_str());
        assert_eq!(
            event["sequence"].as_u64().unwrap(),
            if last == 0 { event["sequence"].as_u64().unwrap() } else { last + 1 }
        );
        last = event["sequence"].as_u64().unwrap();
        match round {
            0 => drop(server.stop()),
            _ => server.kill(),
        }
        server.launch();
    }
    follower.kill().expect("the end of the follower");
    follower.wait().expect("its status");
}
