//! The program `scim-server` on a port of its own: found beside the test, built when it is missing.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use http_body_util::{BodyExt, Empty, Full};
use hyper::{Request, body::Bytes};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;
use tempfile::TempDir;

use crate::directory::TestDirectory;

/// A running server with one tenant.
pub struct TestServer {
    process: Child,
    folder: TempDir,
    base: String,
    token: String,
}

impl TestServer {
    /// An `rfc` tenant, every setting at its default.
    pub fn start() -> Self {
        Self::with_profile("rfc")
    }

    /// A tenant of another profile.
    pub fn with_profile(profile: &str) -> Self {
        Self::launch(profile, "127.0.0.1:0", &[])
    }

    /// One that sends spans there.
    pub fn traced(collector: &str) -> Self {
        Self::launch("rfc", "127.0.0.1:0", &["--otlp-endpoint", collector, "--otlp-sample", "0"])
    }

    /// With the certificate of a directory's script, at an address that it may or may not be for.
    pub fn with_tls(directory: &TestDirectory, address: &str) -> Self {
        let file = |name: &str| directory.path().join("tls").join(name).display().to_string();
        Self::launch("rfc", address, &["--tls-cert", &file("server.pem"), "--tls-key", &file("server.key")])
    }

    fn launch(profile: &str, address: &str, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let output = Command::new(program())
            .args(["init", "--tenant", "test", "--profile", profile, "--json", "--data"])
            .arg(folder.path())
            .output()
            .expect("init runs");
        let made: Value = serde_json::from_slice(&output.stdout).expect("init prints JSON");
        let mut process = Command::new(program())
            .args(["serve", "--listen", address, "--admin-listen", "127.0.0.1:0", "--data"])
            .arg(folder.path())
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("serve starts");
        let mut lines = BufReader::new(process.stdout.take().expect("a piped stdout")).lines().map_while(Result::ok);
        let ready = lines.by_ref().find(|line| line.contains("ready")).expect("a ready line");
        std::thread::spawn(move || lines.for_each(drop));
        let origin = ready.split_whitespace().find(|word| word.starts_with("http")).expect("a URL");
        let text = |key: &str| made[key].as_str().unwrap_or_else(|| panic!("init printed no {key}")).to_owned();
        let base = format!("{}{}", origin.trim_end_matches(['/', ',', '.']), text("path"));
        Self { process, folder, base, token: text("token") }
    }

    /// The tenant's base URL.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A file with the tenant's token.
    pub fn token_file(&self) -> PathBuf {
        let file = self.folder.path().join("test-token");
        std::fs::write(&file, &self.token).expect("the token file");
        file
    }

    /// The URL of its administration listener.
    pub fn admin(&self) -> String {
        let address = std::fs::read_to_string(self.folder.path().join("admin.addr")).expect("admin.addr");
        format!("http://{}", address.trim())
    }

    /// What a command prints about the server's own data directory.
    #[track_caller]
    pub fn command(&self, words: &[&str]) -> Value {
        let output = self.ran(words);
        assert!(output.status.success() || words[1] == "show", "{words:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Why a command is refused.
    #[track_caller]
    pub fn fails(&self, words: &[&str]) -> String {
        let output = self.ran(words);
        assert!(!output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stderr).expect("text")
    }

    fn ran(&self, words: &[&str]) -> std::process::Output {
        let mut command = Command::new(program());
        command.args(words).args(["--json", "--data"]).arg(self.folder.path());
        command.output().expect("the program starts")
    }

    /// A write by somebody else.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, body: &Value) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let status = runtime.block_on(async {
            let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
            let request = Request::builder()
                .method(method)
                .uri(format!("{}{path}", self.base))
                .header("authorization", format!("Bearer {}", self.token))
                .header("content-type", "application/scim+json");
            let body = if body.is_null() { String::new() } else { body.to_string() };
            let request = request.body(Full::from(body)).expect("a request");
            client.request(request).await.expect("an answer").status()
        });
        assert!(status.is_success(), "{method} {path}: {status}");
    }

    /// Every resource of an endpoint.
    pub fn all(&self, endpoint: &str) -> Vec<Value> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
            let mut all = Vec::new();
            loop {
                let url = format!("{}/{endpoint}?count=100&startIndex={}", self.base, all.len() + 1);
                let bearer = format!("Bearer {}", self.token);
                let request = Request::get(url).header("authorization", bearer).body(Empty::new()).expect("a request");
                let body = client.request(request).await.expect("an answer").into_body().collect().await;
                let mut page: Value = serde_json::from_slice(&body.expect("a body").to_bytes()).expect("JSON");
                match page["Resources"].take() {
                    Value::Array(resources) if !resources.is_empty() => all.extend(resources),
                    _ => return all,
                }
            }
        })
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The server beside the agent in `target`, built by cargo the first time: when it is up to date,
/// cargo says so in no time.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = Path::new(env!("CARGO_BIN_EXE_sync-agent")).with_file_name("scim-server");
        if !program.exists() {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let status = Command::new(cargo).args(["build", "-p", "scim-server", "--bin", "scim-server"]).status();
            assert!(status.is_ok_and(|status| status.success()), "scim-server could not be built");
        }
        program
    })
}
