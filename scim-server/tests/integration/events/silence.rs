//! A tenant that falls silent, and calls that return.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::{Options, PATIENCE, TestServer, on_postgres};

/// The types of what was told of silence, in their order, once there are so many.
async fn told(server: &TestServer, number: usize) -> Vec<String> {
    let end = Instant::now() + PATIENCE;
    loop {
        let events = server.run(&["events", "--tenant", "test", "--types", "provisioning.*", "--json"]);
        let lines = String::from_utf8(events.stdout).expect("UTF-8");
        let events = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let types: Vec<_> = events.map(|event| event["type"].as_str().expect("a type").to_owned()).collect();
        if types.len() >= number {
            return types;
        }
        assert!(Instant::now() < end, "{types:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_is_told_once_and_so_is_its_end() {
    let mut server = TestServer::with(Options::settings(json!({"silence_after": "10s"})));
    // Of several processes one tells it.
    let other = on_postgres().then(|| server.beside());
    assert_eq!(told(&server, 0).await, Vec::<String>::new(), "nobody has called yet");
    server.client().user("anna").await;
    assert_eq!(told(&server, 1).await, ["provisioning.silent"]);
    let status = server.run(&["status", "--tenant", "test", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    assert_eq!(status[0]["problems"][0]["code"], "Silent", "{status}");
    // Neither the next look nor another start tells it again.
    server.stop();
    server.launch();
    server.client().get("/Users").await.expect(200);
    let types = told(&server, 3).await;
    assert_eq!(types[..3], ["provisioning.silent", "provisioning.resumed", "provisioning.silent"]);
    drop(other);
}
