//! The real program on a port of its own, and a small [`client`] for it.
//!
//! Nothing here is linked with the server: [`TestServer`] runs the binary that people run, reads the
//! line that people read, and stops it with the signals that people send.

mod client;
mod described;

use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

pub use self::{
    client::{Client, ENTERPRISE, GROUP, Response, USER, patch_body},
    described::check_message,
};
use crate::database;

/// How long a start or a stop may take before the test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// How a [`TestServer`] differs from the plainest one.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `--profile` of the tenant.
    pub profile: Option<String>,
    /// Settings of the tenant.
    pub settings: Option<Value>,
    /// Further arguments of `serve`.
    pub args: Vec<String>,
    /// Variables of the environment of `serve`.
    pub environment: Vec<(String, String)>,
    /// The limit of file descriptors of `serve`.
    pub descriptors: Option<u32>,
    /// The database that is the store; else the engine that the run is for.
    pub store: Option<String>,
}

/// Whether servers that do not say otherwise have their stores in PostgreSQL: the suite is run once
/// for each engine.
pub fn on_postgres() -> bool {
    std::env::var_os("TEST_STORE").is_some_and(|engine| engine == "postgres")
}

impl Options {
    /// A tenant with these settings.
    pub fn settings(settings: Value) -> Self {
        Self { settings: Some(settings), ..Self::default() }
    }

    /// A server with these arguments.
    pub fn args(args: &[&str]) -> Self {
        Self { args: args.iter().map(|arg| (*arg).to_owned()).collect(), ..Self::default() }
    }
}

/// A running server with one tenant, on a data directory that goes with it.
pub struct TestServer {
    process: Option<Child>,
    directory: Arc<TempDir>,
    options: Options,
    store: Option<String>,
    log: Arc<Mutex<String>>,
    origin: String,
    path: String,
    token: String,
}

impl TestServer {
    /// The plainest server: an `rfc` tenant, every setting at its default.
    pub fn start() -> Self {
        Self::with(Options::default())
    }

    /// A server as `options` say.
    pub fn with(options: Options) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = options.store.clone().or_else(|| on_postgres().then(|| database::shared().schema()));
        let mut init = vec!["init", "--tenant", "test", "--json"];
        if let Some(store) = &store {
            init.extend(["--store", store]);
            // What else is said of the database counts for its first use, too.
            init.extend(options.args.iter().map(String::as_str).skip_while(|arg| !arg.starts_with("--store-")).take(2));
        }
        if let Some(profile) = &options.profile {
            init.extend(["--profile", profile]);
        }
        let file = directory.path().join("test-settings.json").to_string_lossy().into_owned();
        if let Some(settings) = &options.settings {
            std::fs::write(&file, settings.to_string()).expect("the settings file");
            init.extend(["--settings", &file]);
        }
        let made = stdout_json(&run(directory.path(), &init));
        let text = |key: &str| made[key].as_str().unwrap_or_else(|| panic!("init printed no {key}: {made}")).to_owned();
        let mut server = Self {
            process: None,
            path: text("path"),
            token: text("token"),
            directory: Arc::new(directory),
            options,
            store,
            log: Arc::default(),
            origin: String::new(),
        };
        server.launch();
        server
    }

    /// Another process on the same database.
    pub fn beside(&self) -> Self {
        Self::elsewhere(self, Some(self.store.clone().expect("a store that can be shared")))
    }

    /// A process that has the tenant of another one, in a store that was moved.
    pub fn elsewhere(other: &Self, store: Option<String>) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self::on(directory.into(), &other.path, &other.token, store, other.options.clone())
    }

    /// A process on a store that was filled otherwise, for the tenant with that path and token.
    pub fn adopt(path: &str, token: &str, store: Option<String>) -> Self {
        Self::on(tempfile::tempdir().expect("a temporary directory").into(), path, token, store, Options::default())
    }

    /// A process that makes the tables of an empty database itself, and whose client nobody knows.
    pub fn adopt_migrating(store: String) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self::on(directory.into(), "/none/scim/v2", "none", Some(store), Options::args(&["--migrate"]))
    }

    /// The same on a data directory.
    pub fn adopt_directory(path: &str, token: &str, directory: TempDir) -> Self {
        Self::on(directory.into(), path, token, None, Options::default())
    }

    /// The same on a data directory, or with a database, that the test goes on with afterwards.
    pub fn at(directory: &Arc<TempDir>, path: &str, token: &str, store: Option<String>) -> Self {
        Self::on(Arc::clone(directory), path, token, store, Options::default())
    }

    fn on(directory: Arc<TempDir>, path: &str, token: &str, store: Option<String>, options: Options) -> Self {
        let mut server = Self {
            process: None,
            directory,
            options,
            store,
            log: Arc::default(),
            origin: String::new(),
            path: path.to_owned(),
            token: token.to_owned(),
        };
        server.launch();
        server
    }

    /// The URL of the listener for administrators.
    pub fn admin(&self) -> String {
        let address = std::fs::read_to_string(self.data().join("admin.addr")).expect("admin.addr");
        format!("http://{}", address.trim())
    }

    /// Starts the process on the store as it is: after [`Self::stop`] or [`Self::kill`].
    pub fn launch(&mut self) {
        assert!(self.process.is_none(), "the server runs already");
        let mut command = match self.options.descriptors {
            Some(descriptors) => limited(self.data(), descriptors),
            None => program(self.data()),
        };
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(self.data()).args(&self.options.args);
        command.envs(self.options.environment.iter().map(|(name, value)| (name, value)));
        if let Some(store) = &self.store {
            command.args(["--store", store]);
        }
        let mut process =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("serve starts");
        let (ready, wait) = mpsc::channel();
        let output = process.stdout.take().expect("a piped stdout");
        let errors = process.stderr.take().expect("a piped stderr");
        follow(output, Arc::clone(&self.log), Some(ready));
        follow(errors, Arc::clone(&self.log), None);
        self.process = Some(process);
        self.origin = wait
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|error| panic!("serve printed no ready line ({error}):\n{}", self.log()));
    }

    /// Stops it, and starts it with these arguments.
    pub fn relaunch(&mut self, args: &[&str]) {
        self.stop();
        self.options.args = Options::args(args).args;
        self.launch();
    }

    /// The id of the running process.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("a running server").id()
    }

    /// SIGTERM, and the exit status; panics when the server does not end in time.
    pub fn stop(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("a running server");
        signal(&process, "TERM");
        wait(&mut process).unwrap_or_else(|| {
            let _ = process.kill();
            panic!("SIGTERM did not end the server:\n{}", self.log())
        })
    }

    /// SIGKILL: the process ends in the middle of whatever it does.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("a running server");
        process.kill().expect("SIGKILL");
        process.wait().expect("the killed process");
    }

    /// Sends a signal by name: `HUP`, `TERM`.
    pub fn signal(&self, name: &str) {
        signal(self.process.as_ref().expect("a running server"), name);
    }

    /// Runs another subcommand on the same data directory.
    pub fn run(&self, args: &[&str]) -> Output {
        // While the server runs, the command goes through it.
        let store = self.store.iter().filter(|_| self.process.is_none()).flat_map(|store| ["--store", store]);
        let args: Vec<_> = args.iter().copied().chain(store).collect();
        run(self.data(), &args)
    }

    /// The database that is the store, if it is one.
    pub fn store(&self) -> Option<&str> {
        self.store.as_deref()
    }

    /// Runs another subcommand that prints JSON; panics when it fails.
    pub fn run_json(&self, args: &[&str]) -> Value {
        stdout_json(&self.run(args))
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        self.directory.path()
    }

    /// A path for a file of the test, beside the data.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("test-{name}"))
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The tenant's base URL.
    pub fn base(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }

    /// The tenant's id.
    pub fn tenant(&self) -> &str {
        self.path.split('/').nth(1).expect("the path of a tenant")
    }

    /// The tenant's first token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// A client with the tenant's token.
    pub fn client(&self) -> Client {
        Client::new(&self.base(), &self.token)
    }

    /// What the process has printed so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("the log").clone()
    }

    /// What the process has printed, with these words in it: they come through a pipe, and on a busy machine late.
    #[track_caller]
    pub fn wait_for_log(&self, words: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            if log.contains(words) {
                return log;
            }
            assert!(Instant::now() < end, "{words:?} is not in the log:\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        signal(&process, "TERM");
        if wait(&mut process).is_none() {
            let _ = process.kill();
            let _ = process.wait();
        }
        if thread::panicking() {
            eprintln!("--- the server said ---\n{}", self.log());
        }
    }
}

/// The program itself, with the environment that a test wants: none of the caller's settings. `TEST_SERVER` names
/// another build of it, such as an optimised one.
pub fn program(data: &Path) -> Command {
    let other = std::env::var_os("TEST_SERVER");
    let mut command = Command::new(other.unwrap_or_else(|| env!("CARGO_BIN_EXE_scim-server").into()));
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_setting(name)) {
        command.env_remove(name);
    }
    command.current_dir(data);
    command
}

/// The same with so many file descriptors.
fn limited(data: &Path, descriptors: u32) -> Command {
    let unlimited = program(data);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"")]).arg(unlimited.get_program());
    for (name, _) in unlimited.get_envs() {
        command.env_remove(name);
    }
    command.current_dir(data);
    command
}

fn is_setting(name: &OsString) -> bool {
    name.to_string_lossy().starts_with("SCIM_SERVER_")
}

/// Runs a subcommand to its end.
pub fn run(data: &Path, args: &[&str]) -> Output {
    program(data).args(args).arg("--data").arg(data).stdin(Stdio::null()).output().expect("the program starts")
}

fn stdout_json(output: &Output) -> Value {
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {printed}{}", output.status, String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("not JSON ({error}): {printed}"))
}

fn signal(process: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &process.id().to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "kill -{name} failed");
}

fn wait(process: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Ok(Some(status)) = process.try_wait() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}

/// Copies a stream into the log, and gives the URL of the ready line to whoever waits for it.
fn follow(stream: impl Read + Send + 'static, log: Arc<Mutex<String>>, mut ready: Option<mpsc::Sender<String>>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if line.contains("ready")
                && let Some(url) = line.split_whitespace().find(|word| word.starts_with("http"))
                && let Some(sender) = ready.take()
            {
                let _ = sender.send(url.trim_end_matches(['/', ',', '.']).to_owned());
            }
            let mut log = log.lock().expect("the log");
            log.push_str(&line);
            log.push('\n');
        }
    });
}
