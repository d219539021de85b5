//! What the README says of a public address, line by line as a first-timer types it, in a prefix instead
//! of a machine's root: the files, their owners and rights, and what the unit has systemd do.

use std::{
    fs::{self, Permissions},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Arc,
};

use rustls::{ClientConfig, ClientConnection, RootCertStore, crypto::ring};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tempfile::TempDir;

/// The name that the README has its reader put in.
const NAME: &str = "scim.your-company.com";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository").to_owned()
}

/// A machine below a directory. Killed and removed when it is dropped.
struct Machine {
    root: TempDir,
    /// The user that stands for `scim-server` here: one without rights, or the one who runs the test.
    user: Option<&'static str>,
    server: Option<Child>,
    port: String,
}

impl Machine {
    fn new() -> Self {
        let root = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir_in("/tmp");
        let id = Command::new("id").arg("-u").output().expect("id");
        let user = (id.stdout == b"0\n").then_some("65534");
        Self { root: root.expect("a directory"), user, server: None, port: String::new() }
    }

    fn prefix(&self) -> String {
        self.root.path().display().to_string()
    }

    fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(self.prefix() + path)
    }

    /// A text with the paths of this machine.
    fn inside(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for begin in [" ", "\"", "'"] {
            for top in ["etc", "usr/local", "var"] {
                text = text.replace(&format!("{begin}/{top}/"), &format!("{begin}{}/{top}/", self.prefix()));
            }
        }
        text
    }

    fn group(&self) -> String {
        let own = || String::from_utf8(Command::new("id").arg("-g").output().expect("id").stdout).expect("a number");
        self.user.map_or_else(|| own().trim().to_owned(), str::to_owned)
    }

    fn shell(&self, line: &str) {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(repository()).env("DESTDIR", self.prefix()).env("GROUP", self.group());
        succeeds(&mut command);
    }

    /// A command as the user `scim-server`.
    fn as_user(&self, words: &[String]) -> Command {
        let mut command = match self.user {
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.arg(format!("--reuid={user}")).arg(format!("--regid={user}")).arg("--clear-groups");
                command.arg(&words[0]);
                command
            }
            None => Command::new(&words[0]),
        };
        command.args(&words[1..]).current_dir("/").env_clear().stdin(Stdio::null());
        command
    }

    /// What certbot leaves: files that only root can read.
    fn certbot(&self) {
        let live = self.path(&format!("/etc/letsencrypt/live/{NAME}"));
        fs::create_dir_all(&live).expect("the directory");
        let pair = rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("a certificate");
        for (file, text) in [("fullchain.pem", pair.cert.pem()), ("privkey.pem", pair.signing_key.serialize_pem())] {
            fs::write(live.join(file), text).expect("a file of certbot's");
            fs::set_permissions(live.join(file), Permissions::from_mode(0o600)).expect("its rights");
        }
    }

    /// What systemd does with the unit: its directories, its user, its program.
    fn systemctl_enable(&mut self) {
        let unit = fs::read_to_string(self.path("/etc/systemd/system/scim-server.service")).expect("the unit");
        let value =
            |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).map(str::to_owned);
        assert_eq!(value("User").as_deref(), Some("scim-server"));
        assert_eq!(value("AmbientCapabilities").as_deref(), Some("CAP_NET_BIND_SERVICE"));
        for (key, below) in [("StateDirectory", "/var/lib"), ("LogsDirectory", "/var/log")] {
            let directory = self.path(&format!("{below}/{}", value(key).expect(key)));
            fs::create_dir_all(&directory).expect("the directory");
            let mode = u32::from_str_radix(&value(&format!("{key}Mode")).expect(key), 8).expect("a mode");
            fs::set_permissions(&directory, Permissions::from_mode(mode)).expect("its rights");
            if let Some(user) = self.user {
                succeeds(Command::new("chown").arg(format!("{user}:{user}")).arg(&directory));
            }
        }
        // The paths of this machine, and ports that are free.
        let config = self.path("/etc/scim-server/scim-server.toml");
        let text = fs::read_to_string(&config).expect("the configuration");
        let text = self.inside(&text).replace("0.0.0.0:443", "127.0.0.1:0").replace("127.0.0.1:9443", "127.0.0.1:0");
        fs::write(&config, text).expect("the configuration");

        let start = self.inside(&format!(" {}", value("ExecStart").expect("ExecStart")));
        let words: Vec<_> = start.split_whitespace().map(str::to_owned).collect();
        let mut child = self.as_user(&words).stdout(Stdio::piped()).spawn().expect("the server starts");
        let mut ready = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut ready).expect("a line");
        self.server = Some(child);
        assert!(ready.starts_with(&format!("scim-server is ready on https://{NAME} ")), "{ready:?}");
        let address = ready.split_once("listening on ").expect("an address").1.split(',').next().expect("an address");
        address.rsplit(':').next().expect("a port").clone_into(&mut self.port);
    }

    /// The answer to a GET over TLS, under the name that the certificate has.
    fn get(&self, path: &str, token: &str) -> String {
        let chain = fs::read(self.path("/etc/scim-server/fullchain.pem")).expect("the certificate");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&chain).expect("PEM")).expect("a root");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(NAME).expect("a name");
        let mut tls = ClientConnection::new(Arc::new(config), name).expect("a client");
        let mut tcp = TcpStream::connect(format!("127.0.0.1:{}", self.port)).expect("a connection");
        let mut stream = rustls::Stream::new(&mut tls, &mut tcp);
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {NAME}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    /// Does what a line of the README asks for; gives what it has printed, for the last one.
    fn line(&mut self, line: &str) -> Option<String> {
        match line.split_whitespace().next().unwrap_or_default() {
            "make" if line == "make build" => {}
            "make" => self.shell(&format!("{line} PROGRAM={}", env!("CARGO_BIN_EXE_scim-server"))),
            "sed" => self.shell(&self.inside(line)),
            "apt-get" => assert_eq!(line, "apt-get install -y certbot"),
            "certbot" => {
                assert_eq!(line, format!("certbot certonly --standalone -d {NAME}"));
                self.certbot();
            }
            "systemctl" => {
                assert_eq!(line, "systemctl enable --now scim-server");
                self.systemctl_enable();
            }
            "runuser" => {
                let command = self.inside(line.strip_prefix("runuser -u scim-server -- ").expect("the user"));
                let mut words: Vec<_> = command.split_whitespace().map(str::to_owned).collect();
                words[0] = self.prefix() + "/usr/local/bin/scim-server";
                return Some(succeeds(&mut self.as_user(&words)));
            }
            first if first.starts_with("RENEWED_LINEAGE=") => self.shell(&self.inside(line)),
            _ => panic!("the test does not know what this line does: {line}"),
        }
        None
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

#[track_caller]
fn succeeds(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("a program");
    assert!(status.success(), "{command:?}: {}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("UTF-8")
}

/// The lines of the README's block, from `make build` on.
fn lines() -> Vec<String> {
    let readme = fs::read_to_string(repository().join("README.md")).expect("the README");
    let section = readme.split_once("## On a public address").expect("the section").1;
    let block = section.split_once("```sh\n").expect("a block").1.split_once("\n```").expect("its end").0;
    block.replace("\\\n", " ").lines().map(str::to_owned).collect()
}

#[test]
fn the_readme_leads_to_a_public_address() {
    let mut machine = Machine::new();
    let mut said = None;
    for line in lines() {
        said = machine.line(&line).or(said);
    }
    let said = said.expect("what init has printed");
    let word = |begin: &str| {
        let line = said.lines().find(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("no {begin} in {said}"));
        line.split_whitespace().last().expect("a value").to_owned()
    };
    let (endpoint, token) = (word("Endpoint "), word("Token   "));
    let path = endpoint.strip_prefix(&format!("https://{NAME}")).unwrap_or_else(|| panic!("{endpoint}"));
    let users = machine.get(&format!("{path}/Users"), &token);
    assert!(users.starts_with("HTTP/1.1 200 ") && users.contains("\"totalResults\":0"), "{users}");

    // The rights to read each file.
    let mode = |path: &str| fs::metadata(machine.path(path)).expect(path).permissions().mode() & 0o777;
    assert_eq!(mode("/etc/scim-server"), 0o750);
    for file in ["scim-server.toml", "privkey.pem", "fullchain.pem"] {
        assert_eq!(mode(&format!("/etc/scim-server/{file}")), 0o640, "{file}");
    }
    assert_eq!((mode("/var/lib/scim-server"), mode("/var/lib/scim-server/admin.token")), (0o700, 0o600));
    assert!(machine.path("/var/log/scim-server/audit.jsonl").exists());

    // An upgrade leaves the configuration, and a renewal of somebody else's certificate the certificate.
    let config = || fs::read_to_string(machine.path("/etc/scim-server/scim-server.toml")).expect("the configuration");
    let before = config();
    machine.shell(&format!("make install PROGRAM={}", env!("CARGO_BIN_EXE_scim-server")));
    assert_eq!(config(), before);
    machine.shell(&format!(
        "RENEWED_LINEAGE=/nowhere {}/etc/letsencrypt/renewal-hooks/deploy/scim-server",
        machine.prefix()
    ));
}

#[test]
fn the_guide_shows_the_files_that_are_installed() {
    let guide = fs::read_to_string(repository().join("docs/guide/operations.md")).expect("the guide");
    let read = |file: &str| fs::read_to_string(repository().join("scim-server/dist").join(file)).expect(file);
    assert!(guide.contains(&read("scim-server.service")), "docs/guide/operations.md shows another unit");
    let at = |path: &str| fs::read_to_string(repository().join(path)).expect(path);
    let rotation = at("packaging/scim-server/logrotate");
    assert!(at("docs/guide/audit.md").contains(&rotation), "docs/guide/audit.md shows another file for logrotate");
    // The file has every setting; the guide shows those that are set.
    let file = read("scim-server.toml");
    let set: Vec<_> = file.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    assert!(guide.contains(&set.join("\n")), "docs/guide/operations.md shows another scim-server.toml");
}

/// The units, with the program that each starts.
const UNITS: [&str; 2] = ["scim-server", "sync-agent"];

/// How exposed a unit may be by systemd's own measure, in tenths: 100 is without any protection.
const EXPOSURE: &str = "--threshold=20";

/// systemd's own opinion of the units, where systemd is.
#[test]
fn systemd_takes_the_units_and_finds_them_protected() {
    let Ok(version) = Command::new("systemd-analyze").arg("--version").output() else {
        assert!(std::env::var_os("CI").is_none(), "systemd-analyze is missing: apt-get install systemd");
        eprintln!("the units were NOT verified: there is no systemd-analyze here");
        return;
    };
    assert!(version.status.success());
    let machine = Machine::new();
    for name in UNITS {
        let unit = fs::read_to_string(repository().join(format!("{name}/dist/{name}.service"))).expect("the unit");
        // By default systemd gives a unit up after five starts in ten seconds, also one that only waits for room on its disk.
        assert!(unit.contains("\nStartLimitIntervalSec=0\n") && unit.contains("\nRestartSec="), "{name} is given up");
        // The program must be there to be verified.
        let unit = unit.replace(&format!("/usr/local/bin/{name}"), env!("CARGO_BIN_EXE_scim-server"));
        let file = machine.path(&format!("/{name}.service"));
        fs::write(&file, unit).expect("the unit");
        let output = Command::new("systemd-analyze").arg("verify").arg(&file).output().expect("systemd-analyze");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let ours: Vec<_> = said.lines().filter(|line| line.contains(&format!("{name}.service"))).collect();
        assert!(ours.is_empty(), "{ours:?}");
        succeeds(
            Command::new("systemd-analyze").args(["security", "--offline=true", "--no-pager", EXPOSURE]).arg(&file),
        );
    }
}
