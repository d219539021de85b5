//! A real PostgreSQL for the tests: started from the installed packages in a temporary folder, on a
//! Unix socket that nobody else knows, and gone with the process that has started it.
//!
//! The tests of the store's engine, in the library, and the benchmark use this file, too.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long a start may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// PostgreSQL's own port; on a socket in a folder of its own it is in nobody's way.
const PORT: u16 = 5432;

/// A running database server.
pub struct Cluster {
    directory: TempDir,
    port: u16,
    user: Option<(u32, u32)>,
    /// A shell that ends the server when its standard input closes, which happens in whatever way
    /// this process ends.
    guard: Option<Child>,
}

/// The server that the tests of this process share. Nothing in it outlives a crash.
pub fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| Cluster::start(&["fsync=off", "synchronous_commit=off", "full_page_writes=off"]))
}

impl Cluster {
    /// A server with these settings besides those that make it private.
    pub fn start(settings: &[&str]) -> Self {
        let mut cluster = Self::empty();
        let data = cluster.data();
        cluster.run("initdb", &["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]);
        cluster.configure(settings);
        cluster.launch();
        cluster
    }

    /// A server that also listens on two addresses of the loopback, with this certificate and its key
    /// (PEM); there it lets the user `scim` in, with a password and over TLS only.
    pub fn listening(certificate: &str, key: &str) -> Self {
        let mut cluster = Self::empty();
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        cluster.port = free.expect("a free port").port();
        let data = cluster.data();
        cluster.run("initdb", &["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]);
        let port = format!("port = {}", cluster.port);
        cluster.configure(&["listen_addresses = '127.0.0.1, 127.0.0.2'", &port, "ssl = on"]);
        for (name, content) in [
            ("server.crt", certificate),
            ("server.key", key),
            ("pg_hba.conf", "local all all trust\nhostssl all scim 127.0.0.0/8 scram-sha-256\n"),
        ] {
            let path = Path::new(&data).join(name);
            fs::write(&path, content).expect("a file of the server");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
            if let Some((uid, gid)) = cluster.user {
                std::os::unix::fs::chown(&path, Some(uid), Some(gid)).expect("the file's owner");
            }
        }
        cluster.launch();
        cluster
    }

    /// The port, which counts for a server that listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A folder for a server that is not there yet.
    fn empty() -> Self {
        let directory = tempfile::Builder::new().prefix("scim-pg-").tempdir().expect("a temporary directory");
        let user = other_user();
        if let Some((uid, gid)) = user {
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o711)).expect("permissions");
            std::os::unix::fs::chown(directory.path(), Some(uid), Some(gid)).expect("the folder's owner");
        }
        Self { directory, port: PORT, user, guard: None }
    }

    fn configure(&self, settings: &[&str]) {
        let mut text = format!(
            "listen_addresses = ''\nunix_socket_directories = '{}'\nmax_connections = 400\nshared_buffers = '64MB'\n",
            self.directory.path().display()
        );
        for setting in settings {
            text.push_str(setting);
            text.push('\n');
        }
        fs::write(Path::new(&self.data()).join("postgresql.auto.conf"), text).expect("the configuration");
    }

    /// Starts the server, and waits until it answers.
    pub fn launch(&mut self) {
        let log = self.directory.path().join("log");
        // A file has the process id of the server, which may have been restarted meanwhile.
        let script = r#""$1" -D "$2" >>"$3" 2>&1 & read -r _
            server=$(head -n 1 "$2/postmaster.pid") && kill -QUIT "$server"; wait
            while kill -0 "$server" 2>/dev/null; do sleep 0.01; done"#;
        let mut guard = self.command(Path::new("/bin/sh"));
        guard.args(["-c", script, "guard"]).arg(programs().join("postgres")).arg(self.data()).arg(&log);
        self.guard = Some(guard.stdin(Stdio::piped()).spawn().expect("the database starts"));
        let deadline = Instant::now() + PATIENCE;
        while !self.answers() {
            let said = || fs::read_to_string(&log).unwrap_or_default();
            assert!(Instant::now() < deadline, "the database does not answer:\n{}", said());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// A server that follows this one. From now on a commit here is answered when it is there, too.
    pub fn standby(&self) -> Self {
        let mut standby = Self::empty();
        let socket = self.directory.path().to_string_lossy().into_owned();
        let data = standby.data();
        standby
            .run("pg_basebackup", &["-h", &socket, "-U", "postgres", "-D", &data, "-R", "-X", "stream", "-c", "fast"]);
        let there = Path::new(&data).join("postgresql.auto.conf");
        let follows = fs::read_to_string(&there).expect("the copied configuration");
        let follows = follows.lines().filter(|line| line.starts_with("primary_conninfo")).collect::<String>();
        standby.configure(&[&follows]);
        standby.launch();
        self.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.sql("SELECT pg_reload_conf()");
        let deadline = Instant::now() + PATIENCE;
        while self.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") != "1" {
            assert!(Instant::now() < deadline, "the standby does not follow");
            thread::sleep(Duration::from_millis(20));
        }
        standby
    }

    /// Restarts the server without letting it finish anything: `pg_ctl restart -m immediate`.
    pub fn restart(&self) {
        let log = self.directory.path().join("log").to_string_lossy().into_owned();
        self.run("pg_ctl", &["restart", "-m", "immediate", "-w", "-s", "-D", &self.data(), "-l", &log]);
    }

    /// Makes a standby the one that is written to.
    pub fn promote(&self) {
        self.sql("ALTER SYSTEM RESET synchronous_standby_names");
        self.sql("SELECT pg_promote()");
    }

    /// The URL of a schema that is here or, after a failover, there.
    pub fn url_with(&self, other: &Self, schema: &str) -> String {
        let [here, there] = [self, other].map(|one| one.directory.path().to_string_lossy().replace('/', "%2F"));
        format!(
            "postgres://postgres@{here},{there}/postgres?target_session_attrs=read-write&options=-csearch_path%3D{schema}"
        )
    }

    fn answers(&self) -> bool {
        let socket = self.directory.path().to_string_lossy().into_owned();
        let mut ready = Command::new(programs().join("pg_isready"));
        ready.args(["-q", "-h", &socket, "-p", &self.port.to_string()]).status().is_ok_and(|status| status.success())
    }

    /// Ends the server as a loss of power would end it.
    pub fn crash(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            let _ = guard.wait();
        }
    }

    /// The URL of a new and empty schema.
    pub fn schema(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.sql(&format!("CREATE SCHEMA {name}"));
        self.url(&name)
    }

    /// The URL of a schema by its name.
    pub fn url(&self, schema: &str) -> String {
        let socket = self.directory.path().to_string_lossy().replace('/', "%2F");
        format!("postgres://postgres@{socket}/postgres?options=-csearch_path%3D{schema}")
    }

    /// Copies a schema with `pg_dump` and `pg_restore` into a new database; the URL that it has there.
    pub fn copy(&self, schema: &str) -> String {
        let socket = self.directory.path().to_string_lossy().into_owned();
        let (file, database) = (self.directory.path().join("dump"), format!("copy_{schema}"));
        let file = file.to_string_lossy().into_owned();
        self.run("pg_dump", &["-h", &socket, "-U", "postgres", "-n", schema, "-F", "custom", "-f", &file, "postgres"]);
        self.sql(&format!("CREATE DATABASE {database}"));
        self.run("pg_restore", &["-h", &socket, "-U", "postgres", "-d", &database, &file]);
        self.url(schema).replace("/postgres?", &format!("/{database}?"))
    }

    /// The id of its first process.
    pub fn postmaster(&self) -> u32 {
        let file = fs::read_to_string(Path::new(&self.data()).join("postmaster.pid")).expect("postmaster.pid");
        file.lines().next().and_then(|line| line.trim().parse().ok()).expect("the id of the process")
    }

    /// Runs a statement; gives what it prints.
    pub fn sql(&self, statement: &str) -> String {
        let socket = self.directory.path().to_string_lossy().into_owned();
        let mut psql = Command::new(programs().join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h", &socket]);
        let output = psql.args(["-p", &self.port.to_string(), "-c", statement]).output().expect("psql");
        assert!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// What the server has said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).expect("the log")
    }

    fn data(&self) -> String {
        self.directory.path().join("data").to_string_lossy().into_owned()
    }

    /// Has `pgbench` do the transaction of a script over and over in a schema, on so many connections with prepared
    /// statements: how many it did in a second.
    pub fn pgbench(&self, schema: &str, script: &str, connections: usize, seconds: f64) -> f64 {
        let socket = self.directory.path().to_string_lossy().into_owned();
        let file = self.directory.path().join("script.sql");
        fs::write(&file, script).expect("a script");
        let mut pgbench = Command::new(programs().join("pgbench"));
        pgbench.args(["-n", "-M", "prepared", "-h", &socket, "-U", "postgres", "-j", "1"]);
        pgbench.args(["-c", &connections.to_string(), "-T", &format!("{:.0}", seconds.max(1.0)), "-f"]).arg(&file);
        let output = pgbench.env("PGOPTIONS", format!("-csearch_path={schema}")).arg("postgres").output();
        let output = output.expect("pgbench");
        let said = String::from_utf8_lossy(&output.stdout);
        let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        rate.unwrap_or_else(|| panic!("{script}\n{said}\n{}", String::from_utf8_lossy(&output.stderr)))
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = self.command(&programs().join(program)).args(arguments).output().expect("a program of PostgreSQL");
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A program as the user that the server runs as: it refuses to be root.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.directory.path());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.crash();
    }
}

/// Whether there are programs to start a server from.
pub fn is_installed() -> bool {
    installed().is_some()
}

/// Where the newest installed version has its programs.
fn programs() -> PathBuf {
    installed().expect("PostgreSQL is not installed: apt-get install postgresql (make test does so)")
}

fn installed() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> =
        versions.map(|version| version.path().join("bin")).filter(|p| p.join("initdb").is_file()).collect();
    found.sort();
    found.pop()
}

/// The user `postgres`, which the packages make, when this process is root.
fn other_user() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8_lossy(&output.stdout).trim().parse::<u32>().ok()
    };
    if id(&["-u"]) != Some(0) {
        return None;
    }
    Some((id(&["-u", "postgres"]).expect("the user postgres"), id(&["-g", "postgres"]).expect("the group postgres")))
}
