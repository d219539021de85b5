//! How fast it is: the real programs and a real OpenLDAP, and a table. Not a timed test.
//!
//! `make bench-sync` runs it at the size that the design aims at, 100,000 users and 1,000 groups of 1,000
//! members; `make bench-sync USERS=1000 GROUPS=50 MEMBERS=200` sees in a minute whether it works.
//!
//! The peak is the most memory that the agent had at any moment (`VmHWM`). `full` runs compare everything
//! on both sides; the others ask what has changed.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that cannot be made says so by panicking"
)]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, BufWriter, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use clap::Parser;
use serde_json::Value;

/// Measures sync-agent against OpenLDAP and scim-server.
#[derive(Debug, Parser)]
struct Sizes {
    /// Users in the directory.
    #[arg(long, default_value_t = 1000)]
    users: usize,
    /// Groups in the directory.
    #[arg(long, default_value_t = 50)]
    groups: usize,
    /// Members of each group.
    #[arg(long, default_value_t = 200)]
    members: usize,
    /// Only fills the directory, and says how long it took.
    #[arg(long)]
    fill: bool,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What is started, and ended with the value.
struct Stage {
    folder: tempfile::TempDir,
    env: BTreeMap<String, String>,
    server: Child,
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = Command::new(script("openldap.sh")).arg("destroy").arg(self.ldap()).stdout(Stdio::null()).status();
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/directories").join(name)
}

fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

impl Stage {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let printed = output(Command::new(script("openldap.sh")).arg("start").arg(folder.path().join("ldap")));
        let env: BTreeMap<_, _> = printed
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect();
        let server = Path::new(env!("CARGO_BIN_EXE_sync-agent")).with_file_name("scim-server");
        let data = folder.path().join("data");
        let made = output(Command::new(&server).args(["init", "--tenant", "bench", "--json", "--data"]).arg(&data));
        let made: Value = serde_json::from_str(&made).expect("JSON");
        let mut process = Command::new(&server)
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data"])
            .arg(&data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let mut lines = BufReader::new(process.stdout.take().expect("stdout")).lines().map_while(Result::ok);
        let ready = lines.find(|line| line.contains("ready")).expect("a ready line");
        let origin = ready.split_whitespace().find(|word| word.starts_with("http")).expect("a URL");
        let base = format!("{}{}", origin.trim_end_matches(['/', ',', '.']), made["path"].as_str().expect("a path"));
        let stage = Self { folder, env, server: process };
        stage.write("token", made["token"].as_str().expect("a token"));
        stage.write("password", &stage.env["SYNC_PASSWORD"]);
        stage.write("sync-agent.toml", &stage.configuration(&base));
        stage
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).expect("a file");
    }

    fn ldap(&self) -> PathBuf {
        self.folder.path().join("ldap")
    }

    fn configuration(&self, base: &str) -> String {
        let env = &self.env;
        format!(
            "[source]\nurls = [\"{}\"]\nflavour = \"openldap\"\n\
             bind = {{ account = \"{}\", password_file = \"password\" }}\ntls = {{ ca_file = \"{}\" }}\n\
             users = {{ bases = [\"{}\"] }}\ngroups = {{ bases = [\"{}\"] }}\n\
             [target]\nurl = \"{base}\"\ntoken_file = \"token\"\nconcurrency = 16\n\
             [scope]\nusers = [\"*\"]\ngroups = [\"*\"]\n",
            env["LDAPS_URL"], env["SYNC_DN"], env["LDAP_CA"], env["BASE_DN"], env["GROUPS_DN"]
        )
    }

    fn user(&self, n: usize) -> String {
        format!("uid=b{n:06},{}", self.env["USERS_DN"])
    }

    fn group(&self, n: usize) -> String {
        format!("cn=bench-{n},{}", self.env["GROUPS_DN"])
    }

    /// Writes all of it as LDIF and has it loaded offline: over LDAP a million memberships take half an
    /// hour. Offline no overlay is at work, so `memberOf` is written here.
    fn fill(&self, sizes: &Sizes) {
        let members = sizes.members.min(sizes.users);
        let member = |group: usize, n: usize| (group * sizes.users / sizes.groups + n) % sizes.users;
        let mut groups_of = vec![Vec::new(); sizes.users];
        for (group, n) in (0..sizes.groups).flat_map(|group| (0..members).map(move |n| (group, n))) {
            groups_of[member(group, n)].push(group);
        }
        let file = self.folder.path().join("fill.ldif");
        let mut ldif = BufWriter::new(fs::File::create(&file).expect("a file"));
        for (n, groups) in groups_of.iter().enumerate() {
            let mut entry = format!(
                "dn: {}\nobjectClass: inetOrgPerson\nuid: b{n:06}\ncn: User {n}\nsn: Name {n}\ngivenName: User\n\
                 displayName: User {n}\nmail: b{n:06}@example.test\n",
                self.user(n)
            );
            for group in groups {
                writeln!(entry, "memberOf: {}", self.group(*group)).expect("text");
            }
            writeln!(ldif, "{entry}").expect("a line");
        }
        for group in 0..sizes.groups {
            let mut entry = format!("dn: {}\nobjectClass: groupOfNames\ncn: bench-{group}\n", self.group(group));
            for n in 0..members {
                writeln!(entry, "member: {}", self.user(member(group, n))).expect("text");
            }
            writeln!(ldif, "{entry}").expect("a line");
        }
        ldif.flush().expect("a file");
        output(Command::new(script("openldap.sh")).arg("load").arg(self.ldap()).arg(&file));
        fs::remove_file(file).expect("the file is there");
        // The script that changes entries reads what its own filling leaves; this one leaves nothing.
        fs::write(self.ldap().join("seed.json"), "{\"users\": {}, \"groups\": {}}").expect("a file");
    }

    fn change(&self, ldif: &str) {
        self.write("change.ldif", ldif);
        let file = self.folder.path().join("change.ldif");
        output(Command::new("python3").arg(script("seed.py")).arg("change").arg(self.ldap()).arg("ldif").arg(file));
    }

    /// Runs the agent once, and prints its line of the table.
    fn measure(&self, what: &str, arguments: &[&str]) {
        let out = fs::File::create(self.folder.path().join("out.json")).expect("a file");
        let start = Instant::now();
        let mut agent = Command::new(env!("CARGO_BIN_EXE_sync-agent"))
            .arg("--config")
            .arg(self.folder.path().join("sync-agent.toml"))
            .args(["apply", "--json"])
            .args(arguments)
            .stdout(out)
            // Its bar, where there is a terminal.
            .stderr(if std::io::stderr().is_terminal() { Stdio::inherit() } else { Stdio::null() })
            .spawn()
            .expect("the agent starts");
        let mut peak = 0;
        while agent.try_wait().expect("the agent").is_none() {
            peak = peak.max(resident(agent.id()));
            std::thread::sleep(Duration::from_millis(5));
        }
        let seconds = start.elapsed().as_secs_f64();
        let printed = fs::read_to_string(self.folder.path().join("out.json")).expect("its output");
        let done: Value = serde_json::from_str(&printed).expect("JSON");
        let (writes, problems) = (done["cycle"]["writes"].to_string(), done["cycle"]["problems"].to_string());
        println!("| {what:<34} | {seconds:>8.2} s | {writes:>8} | {problems:>8} | {:>6} MiB |", peak / 1024);
    }
}

/// The most memory that a process has had so far, in KiB.
fn resident(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn main() {
    let sizes = Sizes::parse();
    let stage = Stage::start();
    let start = Instant::now();
    stage.fill(&sizes);
    let memberships = sizes.groups * sizes.members.min(sizes.users);
    println!(
        "{} users, {} groups, {memberships} memberships; the directory was filled in {:.1} s\n",
        sizes.users,
        sizes.groups,
        start.elapsed().as_secs_f64()
    );
    if sizes.fill {
        return;
    }
    println!("| {:<34} | {:>10} | {:>8} | {:>8} | {:>10} |", "run", "time", "writes", "problems", "peak");
    println!("| {:-<34} | {:->10} | {:->8} | {:->8} | {:->10} |", "", ":", ":", ":", ":");
    stage.measure("first full run", &["--full"]);
    stage.measure("nothing changed, full", &["--full"]);
    stage.measure("nothing changed, incremental", &[]);
    let changes = 100.min(sizes.users);
    let ldif = (0..changes).fold(String::new(), |mut ldif, n| {
        let _ = write!(
            ldif,
            "dn: {}\nchangetype: modify\nreplace: mail\nmail: new{n:06}@example.test\n-\n\n",
            stage.user(n)
        );
        ldif
    });
    stage.change(&ldif);
    stage.measure(&format!("{changes} changes"), &[]);
    fs::remove_dir_all(stage.folder.path().join("state")).expect("the state");
    stage.measure("state lost: everything adopted", &[]);
}
