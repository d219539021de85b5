//! A throwaway directory: started by the script that people can use too, gone with the value.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// Which directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Software {
    /// OpenLDAP.
    OpenLdap,
    /// A Samba Active Directory domain controller.
    Samba,
    /// 389 Directory Server.
    Ds389,
}

impl Software {
    /// The `flavour` of the configuration.
    pub const fn flavour(self) -> &'static str {
        match self {
            Self::OpenLdap => "openldap",
            Self::Samba => "active-directory",
            Self::Ds389 => "389ds",
        }
    }

    const fn script(self) -> &'static str {
        match self {
            Self::OpenLdap => "openldap.sh",
            Self::Samba => "samba-ad.sh",
            Self::Ds389 => "389ds.sh",
        }
    }
}

/// A running directory.
pub struct TestDirectory {
    software: Software,
    folder: TempDir,
    env: BTreeMap<String, String>,
}

impl TestDirectory {
    /// Starts an empty one.
    pub fn start(software: Software) -> Self {
        Self::start_with(software, &[])
    }

    /// Starts one with settings of its script.
    pub fn start_with(software: Software, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new(script(software.script()));
        command.arg("start").arg(folder.path().join("d"));
        if software == Software::Samba {
            // A domain is provisioned once for all tests, then copied.
            command.env("TEMPLATE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("samba-template"));
        }
        let printed = run(command.envs(settings.iter().copied()));
        let env = printed.lines().filter_map(|line| line.split_once('='));
        Self { software, env: env.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(), folder }
    }

    /// Fills it with the odd population, so many plain users and groups, and says what a sync should find.
    pub fn fill(&self, users: usize, groups: usize) -> Value {
        self.fill_with(&["--users", &users.to_string(), "--groups", &groups.to_string()])
    }

    /// The same, with options of `seed.py`.
    pub fn fill_with(&self, options: &[&str]) -> Value {
        run(self.seed("fill").args(options));
        let text = std::fs::read_to_string(self.path().join("seed.json")).expect("seed.json");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Makes one change by name, see `seed.py`.
    pub fn change(&self, arguments: &[&str]) {
        run(self.seed("change").args(arguments));
    }

    /// Change records, as the administrator.
    pub fn modify(&self, ldif: &str) {
        let file = self.folder.path().join("change.ldif");
        std::fs::write(&file, ldif).expect("a file");
        let mut command = Command::new("ldapmodify");
        command.args(["-x", "-H", self.get("LDAP_URL"), "-D", self.get("BIND_DN"), "-w", self.get("BIND_PASSWORD")]);
        run(command.arg("-f").arg(file));
    }

    /// Starts it again on its data, after it was killed.
    #[track_caller]
    pub fn start_again(&self) {
        run(Command::new(script(self.software.script())).arg("start").arg(self.path()));
    }

    /// Whether it answers.
    pub fn is_up(&self) -> bool {
        let mut command = Command::new(script(self.software.script()));
        command.arg("status").arg(self.path()).status().expect("the script starts").success()
    }

    /// A value that the script printed: `LDAPS_URL`, `SYNC_DN`.
    #[track_caller]
    pub fn get(&self, name: &str) -> &str {
        self.env.get(name).unwrap_or_else(|| panic!("the script printed no {name}"))
    }

    /// Which directory it is.
    pub const fn software(&self) -> Software {
        self.software
    }

    /// Its folder.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("d")
    }

    fn seed(&self, what: &str) -> Command {
        let mut command = Command::new("/usr/bin/python3");
        command.arg(script("seed.py")).arg(what).arg(self.path());
        command
    }
}

impl Drop for TestDirectory {
    fn drop(&mut self) {
        let script = script(self.software.script());
        let _ = Command::new(script).arg("destroy").arg(self.path()).stdout(Stdio::null()).status();
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/directories").join(name)
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("the script starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{errors}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

/// The proxy that adds Microsoft's limits and faults to a directory.
pub struct Proxy {
    process: std::process::Child,
    port: u16,
}

impl Proxy {
    /// Starts it with these options, see `ad-limits.py`.
    pub fn start(directory: &TestDirectory, options: &[&str]) -> Self {
        let mut process = Command::new("/usr/bin/python3")
            .arg(script("ad-limits.py"))
            .arg(directory.path())
            .args(options)
            .arg("--stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the proxy starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("a piped stdout");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).expect("a line");
        let port = line.trim().strip_prefix("ready ").and_then(|port| port.parse().ok());
        Self { process, port: port.unwrap_or_else(|| panic!("the proxy said {line:?}")) }
    }

    /// Its TLS port.
    pub fn url(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.port + 1)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
