//! A broker of Kafka's protocol on a port of its own, that can be killed and started again, and what is in front of it
//! where only TLS is let in. The broker is Tansu, which keeps its messages in memory.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::Value;

use super::gate::Gate;
use crate::{scim2_tester, server::PATIENCE};

const TOPIC: &str = "scim.events";

/// A running broker, or one that was killed.
pub struct Broker {
    process: Option<Child>,
    port: u16,
    /// Where clients are sent to.
    advertised: u16,
    /// How a client reaches it, for librdkafka.
    settings: Vec<String>,
}

/// A message of the topic.
#[derive(Debug, Clone, Deserialize)]
pub struct Message {
    pub partition: u32,
    pub key: String,
    pub headers: BTreeMap<String, String>,
    pub body: Value,
}

impl Message {
    pub fn number(&self) -> u64 {
        self.body["sequence"].as_str().and_then(|text| text.parse().ok()).expect("a number")
    }
}

fn sources() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/kafka")
}

/// Runs the script, and gives what it prints.
fn script(arguments: &[&str]) -> Result<String, String> {
    let python = scim2_tester::python(&sources(), "kafka");
    let output = Command::new(python).arg(sources().join("kafka.py")).args(arguments).output().expect("Python");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

impl Broker {
    /// One that is not started yet.
    pub fn new() -> Self {
        let port = free_port();
        Self { process: None, port, advertised: port, settings: Vec::new() }
    }

    /// One that runs.
    pub fn start() -> Self {
        let mut broker = Self::new();
        broker.launch();
        broker
    }

    /// One that runs, and that is reached through a gate alone.
    pub fn behind(gate: &Gate) -> Self {
        let mut broker = Self::new();
        (broker.advertised, broker.settings) = (gate.port, gate.settings());
        gate.lead_to(broker.port);
        broker.launch();
        broker
    }

    pub fn launch(&mut self) {
        let program = script(&["program"]).expect("the broker");
        let [listens, advertised] = [("127.0.0.1", self.port), ("localhost", self.advertised)]
            .map(|(host, port)| format!("tcp://{host}:{port}"));
        let mut command = Command::new(Path::new(program.trim()));
        command.args(["broker", "--storage-engine", "memory://tansu/", "--listener-url", &listens]);
        command.args(["--advertised-listener-url", &advertised]).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(command.spawn().expect("the broker starts"));
    }

    /// SIGKILL. What it had is gone.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("a running broker");
        process.kill().expect("SIGKILL");
        process.wait().expect("the killed process");
    }

    /// Arguments of `serve`.
    pub fn args(&self) -> Vec<String> {
        vec!["--event-kafka".to_owned(), format!("kafka://localhost:{}", self.port)]
    }

    fn script(&self, command: &str) -> Result<String, String> {
        let address = format!("localhost:{}", self.advertised);
        let settings = self.settings.iter().map(String::as_str);
        script(&[&[command, address.as_str(), TOPIC], &*settings.collect::<Vec<_>>()].concat())
    }

    /// Makes the topic that takes the events.
    pub fn topic(&self) {
        let end = Instant::now() + PATIENCE;
        while let Err(error) = self.script("topic") {
            assert!(Instant::now() < end, "{error}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What is in the topic, partition by partition in their order.
    pub fn messages(&self) -> Vec<Message> {
        let read = self.script("read").unwrap_or_else(|error| panic!("{error}"));
        read.lines().map(|line| serde_json::from_str(line).expect("a message")).collect()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
    }
}
