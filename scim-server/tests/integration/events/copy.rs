//! The consumers of the guide: the short one as it stands there, and the one that keeps a copy in SQLite, whatever is
//! killed.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use super::{Feed, values::without_meta};
use crate::server::{Client, TestServer, USER};

fn python() -> Command {
    Command::new(std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into()))
}

fn sample(feed: &Feed, database: &Path, more: &[&str]) -> Child {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/examples/copy_to_sqlite.py");
    let token = feed.client.authorization().replace("Bearer ", "");
    let mut command = python();
    command.arg(script).arg(&feed.url).arg(database).args(more).env("TOKEN", token);
    command.stderr(Stdio::inherit()).spawn().expect("this test needs Python 3 (apt-get install python3)")
}

/// What is in the copy: each resource with its version, its document and its members.
fn copied(database: &Path) -> Value {
    let script = "import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
members = lambda id: sorted(row[0] for row in db.execute('SELECT member_id FROM member WHERE group_id = ?', [id]))
rows = db.execute('SELECT id, version, document FROM resource ORDER BY id')
print(json.dumps([[id, version, json.loads(document), members(id)] for id, version, document in rows]))";
    let output = python().args(["-c", script]).arg(database).output().expect("Python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The same of what the server serves.
async fn served(client: &Client) -> Value {
    let mut all = Vec::new();
    for endpoint in ["/Users", "/Groups"] {
        let list = client.get(&format!("{endpoint}?count=1000")).await.expect(200).json;
        for resource in list["Resources"].as_array().expect("resources") {
            let listed = resource["members"].as_array().into_iter().flatten();
            let mut members: Vec<_> = listed.map(|member| member["value"].as_str().expect("an id")).collect();
            members.sort_unstable();
            all.push(json!([resource["id"], resource["meta"]["version"], without_meta(resource.clone()), members]));
        }
    }
    all.sort_by_key(|one| one[0].to_string());
    json!(all)
}

/// A token that may read the feed.
fn token_of_events(server: &TestServer) -> String {
    let made = server.run_json(&["token", "create", "--tenant", "test", "--scope", "events", "--json"]);
    made["token"].as_str().expect("a token").to_owned()
}

/// The feed of a server, which has another address after each start.
fn feed_of(server: &TestServer, token: &str) -> Feed {
    let url = format!("{}/{}/events/v1", server.origin(), server.tenant());
    Feed { client: server.client().with_token(token), url, start: 0 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sample_consumer_has_a_copy_whatever_is_killed() {
    let mut server = TestServer::start();
    let token = token_of_events(&server);
    let feed = |server: &TestServer| feed_of(server, &token);
    let database = server.scratch("copy.db");
    let mut users = Vec::new();
    for number in 0..30 {
        users.push(server.client().user(&format!("first-{number}")).await);
    }
    server.client().group("Staff", &users).await;
    for cycle in 0..4_u64 {
        let mut worker = sample(&feed(&server), &database, &[]);
        let client = server.client();
        for (number, first) in users.iter().take(20).enumerate() {
            let person = json!({"schemas": [USER], "userName": format!("u-{cycle}-{number}"), "title": "T"});
            let id = client.post("/Users", &person).await.expect(201).id();
            let group = client.group(&format!("g-{cycle}-{number}"), &[id.clone(), first.clone()]).await;
            if number % 3 == 0 {
                client.delete(&format!("/Users/{id}")).await.expect(204);
            }
            if number % 7 == 0 {
                client.delete(&format!("/Groups/{group}")).await.expect(204);
            }
        }
        tokio::time::sleep(Duration::from_millis(150 + cycle * 70)).await;
        worker.kill().expect("the end of the worker");
        worker.wait().expect("its status");
        server.kill();
        server.launch();
    }
    // The batch of the last worker is nobody's when its lease is over, or its lease is in the copy.
    let last = loop {
        let status = sample(&feed(&server), &database, &["--once"]).wait().expect("its status");
        assert!(status.success(), "{status}");
        let shown =
            feed(&server).client.get(&format!("{}/consumers/copy-to-sqlite", feed(&server).url)).await.expect(200).json;
        if shown["lag"] == 0 && shown.get("leased_until").is_none() {
            break copied(&database);
        }
    };
    assert_eq!(last, served(&server.client()).await);
    assert!(last.as_array().expect("a copy").len() > 150, "{}", last.as_array().expect("a copy").len());
}

/// The short consumer, as it stands in the guide, with a URL and a token of its own.
fn short(feed: &Feed) -> String {
    let guide = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/events.md");
    let guide = std::fs::read_to_string(guide).expect("the guide");
    let mut blocks = guide.split("```python\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let program = blocks.find(|block| block.contains("/consumers/crm/receive")).expect("the consumer");
    let (url, token) = ("\"https://scim.example.com/TENANT_ID/events/v1\"", "\"TOKEN\"");
    assert!(program.contains(url) && program.contains(token) && program.lines().count() < 20);
    let own = feed.client.authorization().replace("Bearer ", "");
    program.replace(url, &json!(feed.url).to_string()).replace(token, &json!(own).to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_short_consumer_of_the_guide_is_complete() {
    let mut server = TestServer::start();
    let token = token_of_events(&server);
    let feed = |server: &TestServer| feed_of(server, &token);
    let before = server.client().user("before").await;
    server.run_json(&["consumer", "create", "--tenant", "test", "crm", "--prefill", "--json"]);
    let run = |server: &TestServer| {
        let mut command = python();
        command.args(["-u", "-c", &short(&feed(server))]).stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().expect("this test needs Python 3 (apt-get install python3)")
    };
    let mut worker = run(&server);
    let mut lines = BufReader::new(worker.stdout.take().expect("its output")).lines();
    let mut next = || lines.next().expect("a line").expect("UTF-8");
    assert_eq!(next(), format!("None scim.user.present {before}"));
    assert!(next().contains("consumer.created"));
    let anna = server.client().user("anna").await;
    assert!(next().ends_with(&format!(" scim.user.created {anna}")));
    worker.kill().expect("the end of the worker");
    worker.wait().expect("its status");
    // Another goes on where that one ended, as soon as nobody has the batch.
    server.stop();
    server.launch();
    server.run(&["consumer", "release", "--tenant", "test", "crm"]);
    let bert = server.client().user("bert").await;
    let mut worker = run(&server);
    let lines = BufReader::new(worker.stdout.take().expect("its output")).lines();
    let mut told = lines.map(|line| line.expect("UTF-8"));
    assert!(told.any(|line| line.ends_with(&format!(" scim.user.created {bert}"))));
    worker.kill().expect("the end of the worker");
    worker.wait().expect("its status");
}
