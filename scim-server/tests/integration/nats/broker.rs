//! A nats-server with JetStream, on a port and in a directory of its own, that can be killed and started again.

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use async_nats::{
    ConnectOptions,
    jetstream::{self, stream},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::server::PATIENCE;

/// How a broker is reached.
#[derive(Default)]
pub struct Guard {
    /// A token, or a user and a password with a colon between them.
    pub secret: &'static str,
    /// The certificate and its key, as PEM.
    pub tls: Option<(String, String)>,
}

/// A running nats-server, or one that was killed.
pub struct Broker {
    process: Option<Child>,
    place: TempDir,
    port: u16,
    guard: Guard,
}

/// A message of a stream.
#[derive(Debug, Clone)]
pub struct Message {
    pub subject: String,
    pub id: String,
    pub content_type: String,
    pub body: Value,
}

impl Broker {
    /// One that is not started yet.
    pub fn new(guard: Guard) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let place = tempfile::tempdir().expect("a directory");
        let file = |name: &str| place.path().join(name).display().to_string();
        let mut settings =
            vec![format!("listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: \"{}\" }}\n", file("store"))];
        settings.extend(authorization(guard.secret));
        if let Some((certificate, key)) = &guard.tls {
            fs::write(file("cert.pem"), certificate).expect("the certificate");
            fs::write(file("key.pem"), key).expect("the key");
            settings.push(format!(
                "tls {{ cert_file: \"{}\", key_file: \"{}\" }}\n",
                file("cert.pem"),
                file("key.pem")
            ));
        }
        fs::write(file("nats.conf"), settings.concat()).expect("the settings");
        fs::write(file("secret"), guard.secret).expect("the secret");
        Self { process: None, place, port, guard }
    }

    /// One that runs.
    pub fn start(guard: Guard) -> Self {
        let mut broker = Self::new(guard);
        broker.launch();
        broker
    }

    pub fn launch(&mut self) {
        let program =
            if fs::exists("/usr/sbin/nats-server").unwrap_or(false) { "/usr/sbin/nats-server" } else { "nats-server" };
        let mut command = Command::new(program);
        command.arg("-c").arg(self.place.path().join("nats.conf")).stdout(Stdio::null()).stderr(Stdio::null());
        let started = command.spawn();
        self.process = Some(
            started
                .unwrap_or_else(|error| panic!("{program}: {error}; this test needs it: apt-get install nats-server")),
        );
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("a running broker");
        process.kill().expect("SIGKILL");
        process.wait().expect("the killed process");
    }

    /// Arguments of `serve`, with a scheme.
    pub fn args(&self, scheme: &str) -> Vec<String> {
        let secret = self.place.path().join("secret").display().to_string();
        let mut args = vec!["--event-nats".to_owned(), format!("{scheme}://localhost:{}", self.port)];
        if !self.guard.secret.is_empty() {
            args.extend(["--event-nats-credentials".to_owned(), secret]);
        }
        if self.guard.tls.is_some() {
            args.extend(["--event-nats-ca".to_owned(), self.place.path().join("cert.pem").display().to_string()]);
        }
        args
    }

    /// JetStream, as soon as it answers.
    pub async fn jetstream(&self) -> jetstream::Context {
        let end = Instant::now() + PATIENCE;
        loop {
            let mut options = match self.guard.secret {
                "" => ConnectOptions::new(),
                secret if secret.contains(':') => ConnectOptions::with_user_and_password("test".into(), "test".into()),
                token => ConnectOptions::with_token(token.to_owned()),
            };
            if self.guard.tls.is_some() {
                options = options.require_tls(true).add_root_certificates(self.place.path().join("cert.pem"));
            }
            if let Ok(client) = options.connect(format!("nats://localhost:{}", self.port)).await
                && client.request("$JS.API.INFO", "".into()).await.is_ok()
            {
                return jetstream::new(client);
            }
            assert!(Instant::now() < end, "nats-server does not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Makes the stream that takes the events.
    pub async fn stream(&self) {
        let config = stream::Config {
            name: "SCIM".to_owned(),
            subjects: vec!["scim.events.>".to_owned()],
            storage: stream::StorageType::File,
            ..stream::Config::default()
        };
        self.jetstream().await.create_stream(config).await.expect("a stream");
    }

    /// What is in the stream behind a number, in its order, by its numbers.
    pub async fn messages(&self, behind: u64) -> BTreeMap<u64, Message> {
        let stream = self.jetstream().await.get_stream("SCIM").await.expect("the stream");
        let last = stream.cached_info().state.last_sequence;
        let mut messages = BTreeMap::new();
        for sequence in behind + 1..=last {
            let message = stream.get_raw_message(sequence).await.expect("a message");
            let header = |name: &str| message.headers.get(name).expect("a header").to_string();
            let message = Message {
                subject: message.subject.to_string(),
                id: header("Nats-Msg-Id"),
                content_type: header("Content-Type"),
                body: serde_json::from_slice(&message.payload).expect("JSON"),
            };
            messages.insert(sequence, message);
        }
        messages
    }
}

/// Who may do what. A user has no more rights than the guide says; the test has all.
fn authorization(secret: &str) -> Option<String> {
    let Some((user, password)) = secret.split_once(':') else {
        return (!secret.is_empty()).then(|| format!("authorization {{ token: \"{secret}\" }}\n"));
    };
    let rights =
        r#"{ publish: ["scim.events.>", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.INFO.SCIM"], subscribe: "_INBOX.>" }"#;
    let user = format!("{{ user: \"{user}\", password: \"{password}\", permissions: {rights} }}");
    Some(format!("authorization {{ users: [{{ user: test, password: test }}, {user}] }}\n"))
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
    }
}
