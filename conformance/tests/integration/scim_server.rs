//! The program, as people run it, against this project's own server, as people run that.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use conformance::{Report, Verdict};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::broken::schemas;

/// A running scim-server with one tenant; it ends with the test.
pub struct ScimServer {
    process: Child,
    directory: TempDir,
    pub url: String,
}

impl Drop for ScimServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The server's program stands beside this test's; it is built when it is not there yet.
fn server_program() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_scim-conformance")).with_file_name("scim-server");
    if !program.exists() {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let built = Command::new(cargo).args(["build", "--quiet", "-p", "scim-server"]).status();
        assert!(built.expect("cargo").success(), "scim-server does not build");
    }
    program
}

impl ScimServer {
    pub fn start(profile: &str) -> Self {
        Self::start_with(profile, &[])
    }

    /// Starts one with more arguments of `serve`.
    pub fn start_with(profile: &str, more: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let run = |args: &[&str]| {
            let mut command = Command::new(server_program());
            command.args(args).arg("--data").arg(directory.path());
            command
        };
        let made = run(&["init", "--tenant", "test", "--json", "--profile", profile]).output().expect("init runs");
        let made: Value = serde_json::from_slice(&made.stdout).expect("what init made");
        let text = |name: &str| made[name].as_str().expect("a text").to_owned();
        std::fs::write(directory.path().join("token"), text("token")).expect("the token file");
        let other = run(&["tenant", "create", "other", "--json"]).output().expect("tenant create runs");
        assert!(other.status.success(), "{}", String::from_utf8_lossy(&other.stderr));
        for (file, args) in [("second", ["other", "read,write"]), ("read-only", ["test", "read"])] {
            let made = run(&["token", "create", "--json", "--tenant", args[0], "--scope", args[1]]).output();
            let made: Value = serde_json::from_slice(&made.expect("token create runs").stdout).expect("a token");
            std::fs::write(directory.path().join(file), made["token"].as_str().expect("its text")).expect("its file");
        }
        let settings = directory.path().join("settings.json");
        let definitions = json!({"schemas": [schemas::kit(), schemas::device()]});
        std::fs::write(&settings, definitions.to_string()).expect("the settings file");
        let file = settings.to_str().expect("a path in UTF-8");
        let set = run(&["tenant", "set", "test", "--settings", file]).output();
        let set = set.expect("tenant set runs");
        assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
        let mut process = run(&[&["serve", "--listen", "127.0.0.1:0"], more].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("serve runs");
        let mut ready = String::new();
        BufReader::new(process.stdout.take().expect("its output")).read_line(&mut ready).expect("a line");
        let origin = ready.split_whitespace().find(|word| word.starts_with("http")).expect("the address").to_owned();
        Self { url: format!("{origin}{}", text("path")), process, directory }
    }

    /// Runs a command of the server on its store, and gives what it prints as JSON.
    #[track_caller]
    pub fn administer(&self, args: &[&str]) -> Value {
        let output = Command::new(server_program()).args(args).arg("--data").arg(self.directory.path()).output();
        let output = output.expect("scim-server runs");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// The token, in a file.
    pub fn token_file(&self) -> PathBuf {
        self.directory.path().join("token")
    }

    /// The arguments for the token of another tenant, and for the one that only reads.
    pub fn other_tokens(&self) -> [String; 4] {
        let file = |name: &str| self.directory.path().join(name).to_string_lossy().into_owned();
        ["--second-token-file".to_owned(), file("second"), "--read-only-token-file".to_owned(), file("read-only")]
    }

    /// A command of the program against this server, to be started.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scim-conformance"));
        command.args(&args[..1]).args(["--url", &self.url, "--token-file"]).arg(self.token_file()).args(&args[1..]);
        command
    }

    pub fn conformance(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("scim-conformance runs")
    }

    /// What a run with these arguments finds.
    #[track_caller]
    pub fn report(&self, args: &[&str]) -> Report {
        let output = self.conformance(&[&["run", "--report", "json"], args].concat());
        let read = serde_json::from_slice(&output.stdout);
        read.unwrap_or_else(|_| panic!("no report but {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// Where our server departs from the letter, and why. Nothing else may, and what is no longer so must
/// go from here.
pub const DEPARTURES: [(&str, &str); 1] = [(
    "modify-replace-no-match-eq",
    "It makes the value that the filter does not find, because Entra ID counts on that (profile `entra`): \
     it replaces `emails[type eq \"work\"].value` of users who have no such address, and expects it to be made.",
)];

#[test]
fn our_server_conforms_and_nothing_stays_on_it() {
    let server = ScimServer::start("rfc");
    let tokens = server.other_tokens();
    let tokens = tokens.iter().map(String::as_str);
    let output = server.conformance(&["run", "--report", "json"].into_iter().chain(tokens).collect::<Vec<_>>());
    let report: Report = serde_json::from_slice(&output.stdout).expect("a report");
    let departs = |id: &str| DEPARTURES.iter().any(|(known, _)| *known == id);
    let wrong: Vec<_> = report
        .findings
        .iter()
        .filter(|one| (one.verdict != Verdict::Pass) != departs(&one.id))
        .map(|one| format!("{} {}: {}", one.verdict.word(), one.id, one.reason.as_deref().unwrap_or_default()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let failed = report.findings.iter().any(|one| one.verdict == Verdict::Fail);
    assert_eq!(output.status.code(), Some(i32::from(failed)));
    let cleaned = server.conformance(&["clean"]);
    assert_eq!(String::from_utf8_lossy(&cleaned.stdout), "0 removed, 0 left.\n");
}

#[test]
fn the_token_is_in_no_report() {
    let server = ScimServer::start("rfc");
    let token = std::fs::read_to_string(server.directory.path().join("token")).expect("the token");
    for report in ["json", "html", "junit", "text"] {
        let output = server.conformance(&["run", "--report", report, "--tag", "auth"]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!text.is_empty() && !text.contains(&token), "the {report} report holds the token");
    }
}
