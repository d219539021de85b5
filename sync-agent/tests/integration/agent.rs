//! The program under test, with a configuration for one directory and one server.

use std::{
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

use crate::{directory::TestDirectory, server::TestServer};

/// An agent with a state of its own.
pub struct TestAgent {
    folder: TempDir,
    env: Vec<(String, String)>,
}

/// What a run of the program gave.
#[derive(Debug)]
pub struct Ran {
    /// The exit code.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it reported.
    pub stderr: String,
}

impl TestAgent {
    /// Bound with the account that a careful administrator gives; `more` is further TOML.
    pub fn new(directory: &TestDirectory, server: &TestServer, more: &str) -> Self {
        Self::with_target(directory, server, server.base(), more)
    }

    /// The same, with the server reached at another place.
    pub fn with_target(directory: &TestDirectory, server: &TestServer, target: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
        write("password", directory.get("SYNC_PASSWORD"));
        let text = format!(
            r#"
[source]
urls = ["{url}"]
flavour = "{flavour}"
bind = {{ account = "{account}", password_file = "password" }}
tls = {{ ca_file = "{ca}" }}
users = {{ bases = ["{base}"] }}
groups = {{ bases = ["{groups}"] }}

[target]
url = "{target}"
token_file = "{token}"

{more}
"#,
            url = directory.get("LDAPS_URL"),
            flavour = directory.software().flavour(),
            account = directory.get("SYNC_DN"),
            ca = directory.get("LDAP_CA"),
            base = directory.get("BASE_DN"),
            groups = directory.get("GROUPS_DN"),
            token = server.token_file().display(),
        );
        write("sync-agent.toml", &text);
        Self { folder, env: Vec::new() }
    }

    /// An environment variable of every run from now on.
    pub fn with_env(&mut self, name: &str, value: &str) {
        self.env.push((name.to_owned(), value.to_owned()));
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sync-agent"));
        command.arg("--config").arg(self.file("sync-agent.toml")).args(arguments);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a subcommand to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Self::ran(self.command(arguments))
    }

    /// The same where no file may have more than `blocks` of 512 or 1024 bytes, by the shell: a write behind that fails as on
    /// a full disk.
    pub fn run_within(&self, blocks: u32, arguments: &[&str]) -> Ran {
        let program = self.command(arguments);
        let mut command = Command::new("sh");
        command.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""), "sh"]);
        command.arg(program.get_program()).args(program.get_args());
        Self::ran(command)
    }

    fn ran(mut command: Command) -> Ran {
        let output = command.output().expect("the program starts");
        let Output { status, stdout, stderr } = output;
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Ran { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }

    /// Starts a subcommand, and leaves it running.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts")
    }

    /// Changes a text of the configuration.
    #[track_caller]
    pub fn set(&self, old: &str, new: &str) {
        let text = std::fs::read_to_string(self.file("sync-agent.toml")).expect("the configuration");
        assert!(text.contains(old), "the configuration has no {old:?}");
        std::fs::write(self.file("sync-agent.toml"), text.replace(old, new)).expect("the configuration");
    }

    /// A file of the agent's folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Forgets everything, as when a disk is lost.
    pub fn lose_state(&self) {
        std::fs::remove_dir_all(self.state()).expect("the state");
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }
}
