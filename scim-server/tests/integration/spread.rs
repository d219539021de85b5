//! One store in several databases: where tenants are, and how they move while they are served.

use std::{
    process::{Output, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    database::{Cluster, shared},
    scale_out::{Load, servers, sound},
    server::{Client, Options, TestServer, USER, program, run},
};

/// Two empty databases, as `--store` takes them in one text.
fn two() -> (String, [String; 2]) {
    let urls = [shared().schema(), shared().schema()];
    (urls.join(" "), urls)
}

fn schema(url: &str) -> &str {
    url.rsplit("%3D").next().expect("the schema")
}

/// How many users a database has of a tenant, in whatever state.
fn users_in(url: &str, tenant: &str) -> String {
    let schema = schema(url);
    shared()
        .sql(&format!("SELECT count(*) FROM {schema}.resource WHERE tenant = '{tenant}' AND resource_type = 'User'"))
}

#[track_caller]
fn good(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn refused(output: &Output, words: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(words), "{said}");
}

fn client_of(server: &TestServer, tenant: &str) -> (String, Client) {
    let made = server.run_json(&["token", "create", "--tenant", tenant, "--json"]);
    let text = |name: &str| made[name].as_str().expect("a text").to_owned();
    (text("tenant_id"), Client::new(&format!("{}{}", server.origin(), text("path")), &text("token")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_of_two_databases_are_apart() {
    let (store, urls) = two();
    let server = TestServer::with(Options { store: Some(store.clone()), ..Options::default() });
    let made = server.run_json(&["tenant", "create", "other", "--json"]);
    assert_eq!(made["database"], 2, "where the fewest tenants are");
    assert_eq!(server.run_json(&["tenant", "show", "test", "--json"])["database"], 1);
    let third = server.run_json(&["tenant", "create", "third", "--database", "2", "--json"]);
    assert_eq!(third["database"], 2);
    refused(&server.run(&["tenant", "create", "fourth", "--database", "3"]), "there is no database 3");
    refused(&server.run(&["tenant", "create", "fourth", "--database", "0"]), "numbered from 1");
    assert!(good(&server.run(&["tenant", "list"])).contains("DATABASE"));

    // The same name in both, and nobody sees the other.
    let (one, (other, two)) = (server.client(), client_of(&server, "other"));
    let anna = one.user("anna").await;
    let namesake = two.user("anna").await;
    two.get(&format!("/Users/{anna}")).await.expect(404);
    one.get(&format!("/Users/{namesake}")).await.expect(404);
    one.with_token(&two.authorization()["Bearer ".len()..]).get("/Users").await.expect(401);
    let places = [server.tenant(), &other].map(|tenant| urls.clone().map(|url| users_in(&url, tenant)));
    assert_eq!(places, [["1", "0"], ["0", "1"]].map(|row| row.map(str::to_owned)));
    assert_eq!(two.find("/Users", "userName eq \"anna\"").await.expect(200).ids(), [namesake]);
    sound(&server);

    // Whoever opens it otherwise is told.
    let data = server.scratch("beside");
    std::fs::create_dir(&data).expect("a directory");
    let list = |store: &str| run(&data, &["tenant", "list", "--store", store]);
    assert!(good(&list(&store)).contains("other"));
    refused(&list(&urls[0]), "it is database 1 of a store in 2");
    refused(&list(&urls[1]), "it is database 2 of a store");
    refused(&list(&format!("{} {}", urls[1], urls[0])), "it is database 2 of the store: give --store in that order");
    refused(&list(&format!("{0} {0}", urls[0])), "named twice");
    let own = shared().schema();
    good(&run(&data, &["init", "--tenant", "alone", "--store", &own]));
    refused(&list(&format!("{store} {own}")), "database 3: it has a store of its own");
    good(&run(&data, &["tenant", "list", "--store", &urls[0], "--store", &urls[1]]));

    // A backup has all of them; in another store they are spread anew.
    let file = server.scratch("all.jsonl");
    let file = file.to_str().expect("a path");
    good(&server.run(&["backup", file]));
    let (elsewhere, _) = self::two();
    good(&run(&data, &["migrate", "--store", &elsewhere]));
    good(&run(&data, &["import", file, "--store", &elsewhere]));
    let listed: Value =
        serde_json::from_str(&good(&run(&data, &["tenant", "list", "--json", "--store", &elsewhere]))).expect("JSON");
    let mut places: Vec<_> =
        listed.as_array().expect("a list").iter().map(|tenant| tenant["database"].as_u64()).collect();
    places.sort_unstable();
    assert_eq!(places, [Some(1), Some(1), Some(2)]);
    good(&run(&data, &["check", "--store", &elsewhere]));
    let moved = TestServer::adopt(&format!("/{other}/scim/v2"), &two.authorization()[7..], Some(elsewhere));
    assert_eq!(moved.client().find("/Users", "userName eq \"anna\"").await.expect(200).ids().len(), 1);

    // And a tenant that goes leaves nothing.
    good(&server.run(&["tenant", "delete", "other", "--force", "--yes"]));
    assert_eq!(users_in(&urls[1], &other), "0");
    two.get("/Users").await.expect(401);
}

/// Logs that faults of earlier versions have opened where the tenant is not kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_in_the_wrong_database_is_found_and_closed() {
    let (store, urls) = two();
    let server = TestServer::with(Options { store: Some(store), ..Options::default() });
    server.run_json(&["tenant", "create", "other", "--database", "2", "--json"]);
    let (other, client) = client_of(&server, "other");
    let anna = client.user("anna").await;
    sound(&server);
    let nobody = "00000000-0000-4000-8000-000000000001";
    let first = schema(&urls[0]);
    for tenant in [other.as_str(), nobody] {
        shared().sql(&format!(
            "INSERT INTO {first}.tenant_log (tenant, sequence, at) VALUES ('{tenant}', 1, 0); \
             INSERT INTO {first}.event SELECT '{tenant}', 1, document FROM {first}.event LIMIT 1"
        ));
    }
    refused(&server.run(&["tenant", "move", "other", "--to", "1"]), "");
    let found = |args: &[&str]| -> Vec<(String, Value)> {
        let rows = rows(&server, &[&["check", "--json"], args].concat());
        rows.iter().map(|one| (one["kind"].to_string(), one["repaired"].clone())).collect()
    };
    let stray = |repaired: bool| vec![("\"log-stray\"".to_owned(), Value::from(repaired)); 2];
    assert_eq!(found(&[]), stray(false));
    assert_eq!(found(&["--repair"]), stray(true));
    assert_eq!(found(&[]), []);
    // What is where it belongs was left alone, and the tenant can move.
    client.get(&format!("/Users/{anna}")).await.expect(200);
    good(&server.run(&["tenant", "move", "other", "--to", "1"]));
    assert_eq!(users_in(&urls[0], &other), "1");
    sound(&server);
}

/// The rows of a command, also of one that fails.
fn rows(server: &TestServer, args: &[&str]) -> Vec<Value> {
    let output = server.run(args);
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    rows.as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_starts_without_one_of_its_databases() {
    let mut second = Cluster::start(&[]);
    let (first, store) = (shared().schema(), second.schema());
    let store = format!("{first} {store}");
    let mut server = TestServer::with(Options { store: Some(store.clone()), ..Options::default() });
    good(&server.run(&["tenant", "create", "other", "--database", "2"]));
    let (_, other) = client_of(&server, "other");
    let anna = other.user("anna").await;
    server.kill();
    second.crash();
    server.launch();
    server.wait_for_log("database 2 cannot be reached");

    // Those of the first database are served, and commands work for them.
    server.client().user("bert").await;
    let made = server.run_json(&["token", "create", "--tenant", "test", "--name", "another", "--json"]);
    let another = server.client().with_token(made["token"].as_str().expect("a token"));
    another.get("/Users").await.expect(200);
    let tenants = rows(&server, &["tenant", "list", "--json"]);
    let users: Vec<_> = tenants.iter().map(|tenant| (&tenant["tenant"], &tenant["users"])).collect();
    assert_eq!(users, [(&json!("other"), &Value::Null), (&json!("test"), &json!(1))]);
    assert_eq!(server.run_json(&["tenant", "create", "third", "--json"])["database"], 1, "the other is away");
    // Which one is away is said.
    let status = rows(&server, &["status", "--json"]);
    let problems = |name: &str| {
        let row = status.iter().find(|row| row["tenant"] == name).expect("the tenant");
        row["problems"].as_array().expect("problems").iter().map(|one| one["code"].clone()).collect::<Vec<_>>()
    };
    assert_eq!((problems("other"), problems("test")), (vec![json!("DatabaseAway")], vec![]));
    refused(&server.run(&["user", "list", "--tenant", "other"]), "database 2 cannot be reached");
    refused(&server.run(&["check"]), "database 2 cannot be reached");
    // Commands that open the databases themselves do the same.
    let data = server.scratch("beside");
    std::fs::create_dir(&data).expect("a directory");
    let on = |args: &[&str]| run(&data, &[args, &["--store", &store]].concat());
    good(&on(&["user", "list", "--tenant", "test"]));
    refused(&on(&["user", "list", "--tenant", "other"]), "database 2 cannot be reached");
    let doctor = on(&["doctor", "--public-url", server.origin()]);
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("database 2: "), "{doctor:?}");
    let migrate = on(&["migrate"]);
    assert!(String::from_utf8_lossy(&migrate.stdout).contains("Database 1: The schema is"), "{migrate:?}");
    refused(&migrate, "database 2: ");
    let again = Client::new(&format!("{}{}", server.origin(), path_of(&tenants, "other")), &other.authorization()[7..]);
    again.get("/Users").await.expect(503);

    // What is new must be there, and so must be the first.
    let nobody = "postgres://nobody@127.0.0.1:1/nothing";
    refused(&run(&data, &["tenant", "list", "--store", &format!("{store} {nobody}")]), "when it is added");
    refused(&run(&data, &["tenant", "list", "--store", &format!("{nobody} {first}")]), "database 1: ");

    second.launch();
    let deadline = Instant::now() + Duration::from_secs(60);
    while again.get("/Users").await.status != 200 {
        assert!(Instant::now() < deadline, "the second database is not used again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(again.find("/Users", "userName eq \"anna\"").await.expect(200).ids(), [anna]);
    again.user("carla").await;
    sound(&server);
}

fn path_of(tenants: &[Value], name: &str) -> String {
    let tenant = tenants.iter().find(|tenant| tenant["tenant"] == name).expect("the tenant");
    tenant["path"].as_str().expect("a path").to_owned()
}

/// A tenant's log is where the tenant is, also if the file has nothing else of it; and what replaces a tenant moves on by
/// the record that is there, however young that is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_imported_tenant_is_known_by_the_record_that_is_here() {
    let (store, urls) = two();
    let server = TestServer::with(Options { store: Some(store), ..Options::default() });
    let other = server.run_json(&["tenant", "create", "other", "--database", "2", "--json"]);
    let id = other["tenant_id"].as_str().expect("an id");
    let files = ["young", "old"].map(|name| server.scratch(name).to_string_lossy().into_owned());
    good(&server.run(&["export", "--tenant", "other", &files[0]]));
    for times in 0..6 {
        let what = if times % 2 == 0 { "disable" } else { "enable" };
        good(&server.run(&["tenant", what, "other"]));
    }
    good(&server.run(&["export", "--tenant", "other", &files[1]]));
    good(&server.run(&["tenant", "delete", "other", "--force", "--yes"]));

    good(&server.run(&["import", &files[0]]));
    // Nothing is written again where a deleted tenant was: it is kept under another id, known to nobody by a place of before.
    let logs = |of: &str| {
        urls.each_ref().map(|url| shared().sql(&format!("SELECT count(*) > 0 FROM {}.event WHERE {of}", schema(url))))
    };
    assert_eq!(logs(&format!("tenant = '{id}'")), ["f", "f"]);
    let system = "00000000-0000-0000-0000-000000000000";
    assert_eq!(logs(&format!("tenant NOT IN ('{system}', '{}')", server.tenant())), ["f", "t"]);
    good(&server.run(&["import", "--replace", &files[1]]));
    let moved = server.run_json(&["tenant", "move", "other", "--to", "1", "--json"]);
    assert_eq!(moved["database"], 1);
    let (_, client) = client_of(&server, "other");
    client.user("anna").await;
    sound(&server);
}

/// Everything that a database has of a tenant, as text: what a move must not change.
fn content(url: &str, tenant: &str) -> Vec<String> {
    let schema = schema(url);
    let tables = [
        ("resource", "resource_type, id, version, created, last_modified, members, display, visible, hidden"),
        ("index_entry", "resource_type, attribute, value, id, is_unique"),
        ("member", "group_id, member_id, group_type, member_type, joined"),
        ("event", "sequence, document"),
        ("resource_count", "resource_type, resources"),
        ("tenant_log", "sequence, at"),
    ];
    let rows = tables.map(|(table, columns)| {
        shared().sql(&format!("SELECT {columns} FROM {schema}.{table} WHERE tenant = '{tenant}' ORDER BY {columns}"))
    });
    rows.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_keeps_everything_as_it_is() {
    let (store, urls) = two();
    let servers = servers(store, 2);
    let client = servers[0].client();
    let mut members = Vec::new();
    for number in 0..30 {
        members.push(client.user(&format!("user{number}")).await);
    }
    let group = client.group("staff", &members).await;
    client.delete(&format!("/Users/{}", members[3])).await.expect(204);
    let left = client.group("left", &members[4..9]).await;
    client.delete(&format!("/Groups/{left}")).await.expect(204);
    // A consumer that has read a part of the log, and a cursor in the midst of a list.
    let consumers = format!("{}/{}/events/v1/consumers", servers[0].origin(), servers[0].tenant());
    let made = servers[0].run_json(&["token", "create", "--tenant", "test", "--scope", "events", "--json"]);
    let reader = client.with_token(made["token"].as_str().expect("a token"));
    reader.post(&consumers, &json!({"name": "crm", "after": 0})).await.expect(201);
    let receive = format!("{consumers}/crm/receive");
    let first = reader.post(&receive, &json!({"limit": 7})).await.expect(200).json;
    let page = client.get("/Users?cursor&count=7").await.expect(200);
    let cursor = page.json["nextCursor"].as_str().expect("a cursor").to_owned();
    let tenant = servers[0].tenant();
    let before = content(&urls[0], tenant);
    let answer = client.get(&format!("/Groups/{group}")).await.expect(200);
    let moved = servers[0].run_json(&["tenant", "move", "test", "--to", "2", "--json"]);
    assert_eq!(moved["database"], 2);
    assert_eq!(content(&urls[1], tenant), before);
    let second = reader.post(&receive, &json!({"limit": 100, "ack": first["lease"]})).await.expect(200).json;
    let numbers = [&first, &second].map(|page| page["events"].as_array().expect("events").clone()).concat();
    let numbers: Vec<_> = numbers.iter().filter_map(|event| event["sequence"].as_u64()).collect();
    assert!(numbers.len() > 30 && numbers.windows(2).all(|two| two[1] == two[0] + 1), "{numbers:?}");
    let rest = client.get(&format!("/Users?cursor={cursor}&count=7")).await.expect(200);
    assert!(rest.ids().len() == 7 && page.ids().iter().all(|id| !rest.ids().contains(id)));
    // Each server serves it from there, and it can be written to.
    for server in &servers {
        let client = server.client();
        let now = client.get(&format!("/Groups/{group}")).await.expect(200);
        for what in ["version", "created", "lastModified"] {
            assert_eq!(now.json["meta"][what], answer.json["meta"][what]);
        }
        client.user(&format!("after{}", server.pid())).await;
    }
    assert_eq!(users_in(&urls[0], tenant), "29", "the copy in the old place is as it was");
    sound(&servers[1]);
    // And back, over what was left there.
    let after = content(&urls[1], tenant);
    assert_eq!(servers[0].run_json(&["tenant", "move", "test", "--to", "1", "--json"])["database"], 1);
    assert_eq!(content(&urls[0], tenant), after);
    sound(&servers[1]);
    let again = servers[0].run_json(&["tenant", "move", "test", "--to", "1", "--json"]);
    assert_eq!(again["database"], 1, "it is there already");
    // The tenant's log does not tell of it, and that of the server does.
    let told = servers[0].run(&["events", "--server", "--types", "tenant.moved", "--json"]);
    assert_eq!(String::from_utf8_lossy(&told.stdout).matches(&format!("\"id\":\"{tenant}\"")).count(), 2);
    refused(&servers[0].run(&["tenant", "move", "test", "--to", "3"]), "there is no database 3");
}

/// Changes of every kind, in the order of one client, whose answers say what must be there.
async fn change(client: Client, stop: Arc<std::sync::atomic::AtomicBool>) -> Vec<(String, Option<String>)> {
    let mut expected = Vec::new();
    let bearer = client.authorization();
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/scim+json")];
    let send = async |method: &str, path: String, body: Value| loop {
        let sent = client.try_send(method, &path, &headers, Some(body.to_string())).await;
        match sent {
            Ok(answer) if answer.status != 503 => break answer,
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let mut round = 0;
    let group = send("POST", "/Groups".into(), json!({"schemas": [crate::server::GROUP], "displayName": "g"})).await;
    let group = group.expect(201).id();
    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
        round += 1;
        let name = format!("changed-{round}");
        let made = send("POST", "/Users".into(), json!({"schemas": [USER], "userName": name})).await.expect(201).id();
        let path = format!("/Users/{made}");
        let join = crate::server::patch_body(&json!([{"op": "add", "path": "members", "value": [{"value": made}]}]));
        let joined = send("PATCH", format!("/Groups/{group}"), join).await;
        assert!(matches!(joined.status, 200 | 204), "{}", joined.text);
        match round % 3 {
            0 => {
                let gone = send("DELETE", path.clone(), json!({})).await;
                assert!(matches!(gone.status, 204 | 404), "{}", gone.text);
                expected.push((made, None));
            }
            1 => {
                // The name goes to somebody else at once.
                let other = json!({"schemas": [USER], "userName": format!("{name}-renamed")});
                send("PUT", path, other).await.expect(200);
                let again = send("POST", "/Users".into(), json!({"schemas": [USER], "userName": name})).await;
                assert!(matches!(again.status, 201 | 409), "{}", again.text);
                expected.push((made, Some(format!("{name}-renamed"))));
            }
            _ => expected.push((made, Some(name))),
        }
    }
    expected
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_moves_while_it_is_written_to() {
    let (store, urls) = two();
    let servers = servers(store, 2);
    let client = servers[0].client();
    for number in 0..200 {
        client.user(&format!("before{number}")).await;
    }
    let load = Arc::<Load>::default();
    let tasks = load.run(servers.iter().map(TestServer::client).collect());
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let changes = tokio::spawn(change(servers[1].client(), Arc::clone(&stop)));
    for to in ["2", "1", "2"] {
        load.goes_on(50).await;
        let moved =
            tokio::task::block_in_place(|| servers[0].run_json(&["tenant", "move", "test", "--to", to, "--json"]));
        assert_eq!(moved["database"].to_string(), to);
        load.goes_on(50).await;
        load.spent("a move to another database");
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let expected = changes.await.expect("the changes");
    load.end(tasks, &servers[1].client(), "moves").await;
    for (id, name) in expected {
        let found = client.get(&format!("/Users/{id}")).await;
        match name {
            None => drop(found.expect(404)),
            Some(name) => assert_eq!(found.expect(200).json["userName"], name),
        }
    }
    sound(&servers[0]);
    whole_log(&urls[1], servers[0].tenant());
}

/// Events have every number from the first to the last, and the tenant is open here only.
fn whole_log(url: &str, tenant: &str) {
    let schema = schema(url);
    let found = shared()
        .sql(&format!("SELECT count(*) = max(sequence), min(sequence) FROM {schema}.event WHERE tenant = '{tenant}'"));
    assert_eq!(found, "t|1");
}

/// Whoever moves a tenant is killed at any moment: the tenant goes on where it was, or is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_is_killed_is_given_up() {
    let (store, urls) = two();
    let servers = servers(store.clone(), 2);
    let client = servers[0].client();
    for number in 0..100 {
        client.user(&format!("before{number}")).await;
    }
    let data = servers[0].scratch("mover");
    std::fs::create_dir(&data).expect("a directory");
    let load = Arc::<Load>::default();
    let tasks = load.run(servers.iter().map(TestServer::client).collect());
    let place = || servers[0].run_json(&["tenant", "show", "test", "--json"])["database"].as_u64().expect("a number");
    for pause in [150, 400, 700, 1000] {
        let to = if place() == 1 { "2" } else { "1" };
        let mut mover = program(&data);
        mover.args(["tenant", "move", "test", "--to", to, "--store", &store]);
        let mut mover = mover.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command");
        tokio::time::sleep(Duration::from_millis(pause)).await;
        mover.kill().expect("SIGKILL");
        mover.wait().expect("the killed command");
        load.goes_on(50).await;
        load.spent("a killed move");
        // It is tried until nobody has the move any more.
        let deadline = Instant::now() + Duration::from_secs(120);
        let to = if place() == 1 { "2" } else { "1" };
        loop {
            let moved = run(&data, &["tenant", "move", "test", "--to", to, "--store", &store]);
            if moved.status.success() {
                break;
            }
            refused(&moved, "moved");
            assert!(Instant::now() < deadline, "the move is not given up");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        load.goes_on(20).await;
    }
    load.end(tasks, &servers[1].client(), "killed moves").await;
    let here = usize::try_from(place()).expect("a number") - 1;
    sound(&servers[0]);
    whole_log(&urls[here], servers[0].tenant());
    let closed = |url: &str| {
        let schema = schema(url);
        let sql = format!(
            "SELECT closed = 9223372036854775807 FROM {schema}.tenant_log WHERE tenant = '{}'",
            servers[0].tenant()
        );
        shared().sql(&sql)
    };
    assert_eq!(closed(&urls[1 - here]), "t");
    assert_ne!(closed(&urls[here]), "t");
}
