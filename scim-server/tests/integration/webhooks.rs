//! Webhooks: each event arrives, signed, until it is taken.

mod edges;
mod example;
pub mod receiver;
mod replaced;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};

use crate::server::{Options, TestServer, USER};
use receiver::{Received, Receiver};

/// A server whose webhooks may reach this machine.
fn server() -> TestServer {
    TestServer::with(Options::args(&["--webhook-networks", "127.0.0.0/8"]))
}

fn run(server: &TestServer, args: &[&str]) -> Value {
    server.run_json(&[&["webhook"][..], args, &["--json"]].concat())
}

fn create(server: &TestServer, receiver: &Receiver, more: &[&str]) -> Value {
    run(server, &[&["create", "--tenant", "test", "--url", &receiver.url][..], more].concat())
}

/// Waits until this many messages have been taken.
pub async fn taken(receiver: &Receiver, number: usize) -> Vec<Received> {
    for _ in 0..600 {
        let taken = receiver.taken();
        if taken.len() >= number {
            return taken;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("only {} of {number} messages came", receiver.taken().len());
}

/// The interpreter of an environment in which libraries that others wrote are installed.
fn python() -> PathBuf {
    let requirements = "standardwebhooks==1.1.0\ncloudevents==2.2.0\nsvix==2.5.0\ncryptography==50.0.2\n";
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join("webhooks");
    let (stamp, python) = (environment.join("installed.txt"), environment.join("bin/python"));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == requirements) {
        return python;
    }
    let interpreter = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let mut commands = [Command::new(interpreter), Command::new(&python)];
    commands[0].args(["-m", "venv", "--clear"]).arg(&environment);
    commands[1].args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(requirements.lines());
    for command in &mut commands {
        let output = command.output().expect("this test needs Python 3 with venv");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    fs::write(stamp, requirements).expect("the stamp");
    python
}

/// The folder into which a library of npm is installed.
fn npm() -> PathBuf {
    let wanted = ["standardwebhooks@1.1.1", "@stablelib/base64@1.0.1", "fast-sha256@1.3.0"];
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("webhooks-npm");
    let stamp = folder.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted.concat()) {
        return folder;
    }
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("package.json"), "{}").expect("a package of its own");
    let mut command = Command::new("npm");
    command.current_dir(&folder).args(["install", "--silent", "--no-fund", "--no-audit"]).args(wanted);
    let output = command.output().expect("this test needs npm (apt-get install nodejs npm)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::write(stamp, wanted.concat()).expect("the stamp");
    folder
}

/// Has all messages judged by code that is not ours.
pub fn judged(messages: &[Received], secrets: &[&str], public_keys: &[&str]) {
    static INSTALLS: Mutex<()> = Mutex::new(());
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/webhooks");
    let (mut by_python, mut by_node) = {
        let _one = INSTALLS.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut by_node, folder) = (Command::new("node"), npm());
        by_node.arg(sources.join("verify.mjs")).arg(folder);
        (Command::new(python()), by_node)
    };
    let secrets = json!(secrets).to_string();
    verified(messages, by_python.arg(sources.join("verify.py")).args([&secrets, &json!(public_keys).to_string()]));
    verified(messages, by_node.arg(&secrets));
}

/// Gives all messages to a program, which says how many it has verified.
fn verified(messages: &[Received], command: &mut Command) {
    let lines: Vec<_> = messages
        .iter()
        .map(|one| json!({"headers": one.headers, "body": one.body, "at": one.at}).to_string())
        .collect();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program");
    let mut input = child.stdin.take().expect("its input");
    std::io::Write::write_all(&mut input, lines.join("\n").as_bytes()).expect("the messages");
    drop(input);
    let output = child.wait_with_output().expect("its end");
    assert!(output.status.success(), "a foreign library refuses a message");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), format!("{} messages", messages.len()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_arrives_and_foreign_libraries_verify_it() {
    let server = server();
    let receiver = Receiver::start().await;
    let made = create(&server, &receiver, &["--types", "user.*,group.*"]);
    let text = |value: &Value, name: &str| value[name].as_str().expect(name).to_owned();
    assert!(text(&made, "webhook_id").len() == 36 && text(&made, "secret").starts_with("whsec_"), "{made}");
    let client = server.client();
    let mut users = Vec::new();
    for number in 0..10 {
        users.push(client.user(&format!("u{number}")).await);
    }
    client.group("Staff", &users).await;
    let title = "x".repeat(30_000);
    let large = json!({"schemas": [USER], "userName": "large", "title": title});
    let large = client.post("/Users", &large).await.expect(201).id();
    let messages = taken(&receiver, 12).await;
    judged(&messages, &[&text(&made, "secret")], &[&text(&made, "public_key")]);
    // Messages about several users go out at the same time.
    let is_first = |one: &&Received| one.body.contains("\"userName\":\"u0\"");
    let sent = messages.iter().find(is_first).expect("the first user");
    let first: Value = serde_json::from_str(&sent.body).expect("JSON");
    assert_eq!((&first["type"], &first["specversion"]), (&json!("scim.user.created"), &json!("1.0")));
    assert_eq!(first["data"]["document"]["userName"], "u0");
    // What is large tells where it is.
    let cut =
        messages.iter().map(|one| &one.body).find(|body| body.contains("\"truncated\":true")).expect("the large one");
    assert!(cut.len() < 20_000 && cut.contains(&format!("User/{large}")) && !cut.contains("xxx"), "{cut}");

    // While keys are replaced, both sign.
    let rotated = run(&server, &["rotate", &text(&made, "webhook_id"), "--overlap", "1h"]);
    assert_ne!(rotated["secret"], made["secret"]);
    assert!(rotated["old_keys_until"].is_string(), "{rotated}");
    client.user("after").await;
    let messages = taken(&receiver, 13).await;
    for keys in [&made, &rotated] {
        judged(&messages[12..], &[&text(keys, "secret")], &[&text(keys, "public_key")]);
    }
    assert_eq!(run(&server, &["test", &text(&made, "webhook_id")])["taken"], true);
    let shown = run(&server, &["show", &text(&made, "webhook_id")]);
    assert!(shown.get("secret").is_none() && shown["deliveries"][0]["lag"] == 0, "{shown}");
    // Messages that were taken are sent again when that is asked for, with the same ids.
    let number = first["sequence"].as_str().expect("a number").to_owned();
    run(&server, &["replay", &text(&made, "webhook_id"), "--tenant", "test", "--from", &number, "--to", &number]);
    let again = taken(&receiver, 15).await.pop().expect("a message");
    assert_eq!((&again.headers["webhook-id"], &again.body), (&sent.headers["webhook-id"], &sent.body));
    // Events of another tenant are none of its business.
    server.run_json(&["init", "--tenant", "other", "--json"]);
    let id = text(&made, "webhook_id");
    let refused = server.run(&["webhook", "replay", &id, "--tenant", "other", "--from", "1"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && said.contains("does not get the events"), "{said}");
    assert_eq!(run(&server, &["delete", &text(&made, "webhook_id")])["deleted"], true);
    assert_eq!(run(&server, &["list"]), json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_taken_comes_again_and_holds_up_no_other() {
    let server = server();
    let (bad, good) = (Receiver::start().await, Receiver::start().await);
    create(&server, &bad, &["--types", "user.*"]);
    create(&server, &good, &["--types", "user.*"]);
    let client = server.client();
    let (anna, bert) = (client.user("anna").await, client.user("bert").await);
    taken(&bad, 2).await;
    // Messages about Anna are refused once. Those about Bert go on, and hers keep their order.
    bad.refuse(&anna, 500);
    for title in ["one", "two"] {
        for id in [&anna, &bert] {
            client
                .patch(&format!("/Users/{id}"), &json!([{"op": "add", "path": "title", "value": title}]))
                .await
                .expect(200);
        }
    }
    taken(&good, 6).await;
    taken(&bad, 4).await;
    assert!(bad.taken()[2..].iter().all(|one| one.body.contains(&bert)));
    bad.refuse("nobody", 500);
    let all = taken(&bad, 6).await;
    let titles = |id: &str| -> Vec<String> {
        let bodies = all.iter().map(|one| serde_json::from_str::<Value>(&one.body).expect("JSON"));
        let of = bodies.filter(|body| body["data"]["resource"]["id"] == id);
        of.map(|body| body["data"]["document"]["title"].as_str().unwrap_or("-").to_owned()).collect()
    };
    assert_eq!(titles(&anna), ["-", "one", "two"]);
    // Each time with the same id, and a timestamp of its own.
    let refused = bad.refused();
    assert!(!refused.is_empty());
    assert!(all.iter().any(|one| one.headers["webhook-id"] == refused[0].headers["webhook-id"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_gone_is_disabled() {
    let server = server();
    let receiver = Receiver::start().await;
    let made = create(&server, &receiver, &["--types", "user.*"]);
    let id = made["webhook_id"].as_str().expect("an id");
    receiver.refuse("", 410);
    server.client().user("anna").await;
    let is_disabled = || run(&server, &["show", id]).get("disabled").is_some();
    for _ in 0..200 {
        if is_disabled() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(run(&server, &["show", id])["disabled"], "gone");
    let told = server.run(&["events", "--tenant", "test", "--types", "webhook.disabled", "--json"]);
    assert_eq!(String::from_utf8_lossy(&told.stdout).lines().count(), 1);
    // Whoever looks how things stand sees it.
    let status = server.run_json(&["status", "--tenant", "test", "--json"]);
    let detail = status[0]["problems"][0]["detail"].as_str().expect("a problem").to_owned();
    assert_eq!(status[0]["problems"][0]["code"], "WebhookDisabled");
    assert!(detail.contains("410") && detail.contains(&format!("webhook enable {id}")), "{detail}");
    // Nothing was given up, and that is said.
    let none = server.run(&["webhook", "dead-letters", id, "--send-again"]);
    assert!(String::from_utf8_lossy(&none.stderr).contains("no message of this webhook was given up"), "{none:?}");
    let shown = server.run(&["webhook", "show", id]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("DEAD LETTERS") && !shown.contains('{'), "{shown}");
    // What was not taken is sent when it is enabled again.
    receiver.refuse("nobody", 410);
    run(&server, &["enable", id]);
    taken(&receiver, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_private_network_is_reached() {
    let mut server = server();
    let receiver = Receiver::start().await;
    let made = create(&server, &receiver, &[]);
    server.relaunch(&[]);
    let test = server.run(&["webhook", "test", made["webhook_id"].as_str().expect("an id")]);
    let said = String::from_utf8_lossy(&test.stderr).into_owned();
    assert!(said.contains("127.0.0.1 is no public address"), "{said}");
    server.client().user("anna").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(receiver.taken().is_empty());
    for wrong in ["ftp://example.com", "https://user@example.com/", "example.com"] {
        let refused = server.run(&["webhook", "create", "--tenant", "test", "--url", wrong]);
        assert!(String::from_utf8_lossy(&refused.stderr).contains("no URL"), "{refused:?}");
    }
    // What cannot be reached is told when the webhook is made.
    for (wrong, words) in [
        (receiver.url.as_str(), "127.0.0.1 is no public address; the setting webhook_networks"),
        ("https://localhost/hook", "127.0.0.1 is no public address"),
        ("https://[::1]/hook", "::1 is no public address"),
        ("https://[fec0::1]/hook", "fec0::1 is no public address"),
        ("https://app.example.com/hook#part", "leave out what stands behind #"),
        ("https://localhost./hook", "127.0.0.1 is no public address"),
        ("https://0x7f000001/hook", "write it as 192.0.2.1"),
        ("https://app.example.com:0/hook", "a number from 1 to 65535"),
        ("http://app.example.com/hook", "use https://"),
    ] {
        let refused = server.run(&["webhook", "create", "--tenant", "test", "--url", wrong]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(1) && said.contains(words), "{said}");
    }
    assert_eq!(run(&server, &["list"]).as_array().map(Vec::len), Some(1));
    // A command that opens the store itself is told what the server is told.
    assert!(server.stop().success());
    let allowed = ["--url", &receiver.url, "--webhook-networks", "127.0.0.0/8"];
    let allowed = server.run(&[&["webhook", "create", "--tenant", "test"][..], &allowed].concat());
    assert!(allowed.status.success(), "{allowed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rate_of_an_endpoint_is_set_and_kept() {
    let server = server();
    let receiver = Receiver::start().await;
    let made = create(&server, &receiver, &["--types", "user.*", "--rate", "20"]);
    let id = made["webhook_id"].as_str().expect("an id");
    assert_eq!((made["rate"].as_u64(), create(&server, &receiver, &[])["rate"].as_u64()), (Some(20), Some(10_000)));
    for number in 0..10 {
        server.client().user(&format!("u{number}")).await;
    }
    assert_eq!(run(&server, &["update", id, "--rate", "500"])["rate"], 500);
    assert_eq!(run(&server, &["show", id])["rate"], 500);
    // All of both endpoints, and what is told of the change to the one that wants everything.
    taken(&receiver, 20).await;
    for wrong in ["0", "100001"] {
        let refused = server.run(&["webhook", "update", id, "--rate", wrong]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(1) && said.contains("from 1 to 100000 messages a second"), "{said}");
    }
    let told = server.run(&["events", "--tenant", "test", "--types", "webhook.changed", "--json"]);
    assert_eq!(String::from_utf8_lossy(&told.stdout).lines().count(), 1);
}

/// Writers and SIGKILL: every event arrives, those about one resource in their order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn everything_arrives_whatever_is_killed() {
    let mut server = server();
    let receiver = Receiver::start().await;
    create(&server, &receiver, &["--types", "user.*"]);
    let mut expect: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for cycle in 0..5_u64 {
        let client = server.client();
        for number in 0..10 {
            let id = client.user(&format!("u-{cycle}-{number}")).await;
            let path = format!("/Users/{id}");
            let of = expect.entry(id).or_default();
            for title in ["one", "two"] {
                client.patch(&path, &json!([{"op": "add", "path": "title", "value": title}])).await.expect(200);
                of.insert(title.to_owned());
            }
        }
        tokio::time::sleep(Duration::from_millis(cycle * 13)).await;
        server.kill();
        server.launch();
    }
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for _ in 0..600 {
        told.clear();
        for one in receiver.taken() {
            let body: Value = serde_json::from_str(&one.body).expect("JSON");
            let id = body["data"]["resource"]["id"].as_str().expect("an id").to_owned();
            if let Some(title) = body["data"]["document"]["title"].as_str() {
                told.entry(id).or_default().insert(title.to_owned());
            }
        }
        if told == expect {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(told, expect);
    let mut ids = BTreeSet::new();
    for one in receiver.taken() {
        let body: Value = serde_json::from_str(&one.body).expect("JSON");
        let number: u64 = body["sequence"].as_str().expect("a number").parse().expect("a number");
        let id = body["data"]["resource"]["id"].as_str().expect("an id").to_owned();
        // Twice is allowed, with the same id; a number that was passed over is not.
        if ids.insert(one.headers["webhook-id"].clone()) {
            assert!(seen.insert(id, number).is_none_or(|before| before < number), "{number} came late");
        }
    }
}
