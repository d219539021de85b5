//! The endpoint of the guide: what a newcomer starts beside the server.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Command, Stdio},
};

use super::{run, server};
use crate::server::Client;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_endpoint_of_the_guide_prints_what_is_genuine() {
    let server = server();
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/examples/receive_webhooks.py");
    let mut endpoint = Command::new(std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into()))
        .arg(script)
        .arg("0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test needs Python 3 (apt-get install python3)");
    let mut lines = BufReader::new(endpoint.stdout.take().expect("its output")).lines();
    let mut line = || lines.next().expect("a line").expect("text");
    let url = line().replace("listening on ", "");
    let made = run(&server, &["create", "--tenant", "test", "--url", &url]);
    let mut input = endpoint.stdin.take().expect("its input");
    writeln!(input, "{}", made["secret"].as_str().expect("a secret")).expect("the secret is taken");
    assert!(line().ends_with("waiting for messages"));
    // Whoever has not the secret is refused, and nothing is printed.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_secs().to_string();
    let headers = [("webhook-id", "msg_1"), ("webhook-timestamp", now.as_str()), ("webhook-signature", "v1,AAAA")];
    let forged = r#"{"type": "scim.user.deleted"}"#.to_owned();
    assert_eq!(Client::new(&url, "").send("POST", &url, &headers, Some(forged)).await.status, 401);
    let anna = server.client().user("anna").await;
    // Messages about several resources may pass each other.
    let mut printed = [line(), line()];
    printed.sort();
    assert_eq!(printed[0], format!("scim.user.created User/{anna}"));
    assert!(printed[1].starts_with("webhook.created Webhook/"), "{printed:?}");
    endpoint.kill().expect("the end of the endpoint");
    endpoint.wait().expect("its status");
}
