//! The real program: its commands on a store of their own, its exit codes, and what it prints.

#![allow(clippy::unwrap_used, reason = "a test says that something is wrong by panicking")]

mod identity_center;
mod names;
mod operators;
mod settings;
mod stopping;
mod typed;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A data directory, and the program on it.
struct World {
    directory: TempDir,
}

impl World {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    /// One with a tenant, and what `init` said.
    fn with_tenant(name: &str) -> (Self, Value) {
        let world = Self::new();
        let said = world.json(&["init", "--tenant", name]);
        (world, said)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(&self, name: &str, content: &str) -> String {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name).display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scim-server"));
        command.args(arguments).env("SCIM_SERVER_DATA", self.path("data")).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must succeed, with `--json`.
    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
    }

    /// Runs a command that must end with that code, and whose complaint must contain these words.
    #[track_caller]
    fn check(&self, arguments: &[&str], code: i32, words: &str) {
        let output = self.run(arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// A server on the data directory. Killed when it is dropped.
struct Server {
    child: Child,
    url: String,
    admin: String,
    more: BufReader<std::process::ChildStdout>,
}

impl Server {
    fn start(world: &World, arguments: &[&str]) -> Self {
        Self::start_as(world, arguments, "http://")
    }

    /// One that says of itself that it has a URL that begins so.
    fn start_as(world: &World, arguments: &[&str], url: &str) -> Self {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut child = world.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut more = BufReader::new(child.stdout.take().unwrap());
        let mut ready = String::new();
        more.read_line(&mut ready).unwrap();
        let words: Vec<_> = ready.split_whitespace().collect();
        assert!(ready.starts_with(&format!("scim-server is ready on {url}")), "{ready:?}");
        let admin = words.last().unwrap().trim_end_matches(')').to_owned();
        Self { child, url: words[4].to_owned(), admin, more }
    }

    /// The status and body of a GET.
    fn get(address: &str, path: &str, token: Option<&str>) -> (u16, String) {
        let mut stream = TcpStream::connect(address).unwrap();
        let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n{authorization}Connection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split_whitespace().nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    fn users(&self, path: &str, token: &str) -> u16 {
        Self::get(self.url.trim_start_matches("http://"), &format!("{path}/Users"), Some(token)).0
    }

    fn terminate(mut self) -> Option<i32> {
        let told = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(told.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn init_prints_what_an_identity_provider_needs_and_refuses_a_second_time() {
    let (world, said) = World::with_tenant("acme");
    assert_eq!(keys(&said), ["tenant_id", "tenant", "path", "endpoint", "token_id", "token", "expires"]);
    assert_eq!(said["path"], format!("/{}/scim/v2", said["tenant_id"].as_str().unwrap()));
    assert!(said["token"].as_str().unwrap().starts_with("scim_"));
    world.check(&["init", "--tenant", "acme"], 1, "already a tenant \"acme\"");
    world.check(&["init", "--tenant", "ACME"], 1, "already a tenant");
    assert_eq!(world.json(&["init", "--tenant", "other", "--profile", "identity-center"])["tenant"], "other");
    let tenants = world.json(&["tenant", "list"]);
    let names: Vec<_> = tenants.as_array().unwrap().iter().map(|tenant| &tenant["tenant"]).collect();
    assert_eq!(names, ["acme", "other"]);
    assert_eq!(tenants[1]["profile"], "identity-center");
}

#[test]
fn wrong_usage_is_2_and_failure_is_1_and_each_says_what_to_do() {
    let world = World::new();
    world.check(&[], 2, "Usage");
    world.check(&["tenant"], 2, "Usage");
    world.check(&["schemma"], 2, "tip: a similar subcommand exists: 'schema'");
    world.check(&["init"], 2, "--tenant <NAME>");
    world.check(&["init", "--tenant", "a", "--profile", "aws"], 2, "possible values: rfc, identity-center");
    world.check(&["init", "--tenant", "a", "--lifetime", "1y"], 2, "such as 30s, 15m, 12h or 7d");
    world.check(&["tenant", "list"], 1, "make one with `scim-server init");
    world.check(&["init", "--tenant", "no spaces"], 1, "cannot be a tenant's name");
    world.check(&["serve", "--listen", "8080"], 2, "--listen: \"8080\" is not an address and a port");

    let wrong = world.file("wrong.toml", "data = \"x\"\npage_sise = 3\n");
    world.check(
        &["serve", "--config", &wrong],
        2,
        "line 2: there is no setting \"page_sise\"; did you mean \"page_size\"?",
    );
    world.check(&["serve", "--config", "/nowhere.toml"], 2, "cannot read the configuration file");
    let settings = world.file("settings.json", "{\"strikt\": true}");
    world.check(&["init", "--tenant", "a", "--settings", &settings], 2, "no tenant setting \"strikt\"");
}

#[test]
fn help_is_there_for_each_command() {
    let world = World::new();
    let commands: &[&[&str]] = &[
        &[],
        &["init"],
        &["serve"],
        &["tenant", "create"],
        &["tenant", "list"],
        &["tenant", "show"],
        &["tenant", "set"],
        &["tenant", "endpoint"],
        &["schema", "add"],
        &["schema", "list"],
        &["schema", "remove"],
        &["tenant", "disable"],
        &["tenant", "enable"],
        &["tenant", "delete"],
        &["token", "create"],
        &["token", "list"],
        &["token", "rotate"],
        &["token", "delete"],
        &["user", "list"],
        &["user", "show"],
        &["user", "create"],
        &["user", "delete"],
        &["group", "list"],
        &["group", "show"],
        &["group", "create"],
        &["group", "delete"],
        &["check"],
        &["export"],
        &["import"],
        &["backup"],
        &["restore"],
    ];
    for command in commands {
        let output = world.run(&[command, &["--help"][..]].concat());
        assert_eq!(output.status.code(), Some(0), "{command:?}");
        assert!(stdout(&output).contains("Usage: scim-server"), "{command:?}");
    }
    assert!(stdout(&world.run(&["serve", "--help"])).contains("[env: SCIM_SERVER_PAGE_SIZE]"));
}

#[test]
fn tenants_are_made_changed_and_removed() {
    let (world, first) = World::with_tenant("acme");
    let made = world.json(&["tenant", "create", "--tenant", "beta"]);
    assert_eq!((&made["tenant"], &made["tokens"]), (&"beta".into(), &0.into()));
    assert_eq!(world.json(&["tenant", "show", "BETA"])["tenant_id"], made["tenant_id"]);
    assert_eq!(world.json(&["tenant", "disable", "beta"])["disabled"], true);
    assert_eq!(world.json(&["tenant", "enable", "--tenant", "beta"])["disabled"], false);

    let settings = world.file("settings.json", "{\"strict\": true, \"indexes\": {\"User\": [\"title\"]}}");
    let set = world.json(&["tenant", "set", "beta", "--settings", &settings]);
    assert_eq!((&set["settings"]["strict"], &set["profile"]), (&true.into(), &"rfc".into()));

    world.check(&["tenant", "show", "gamma"], 1, "`scim-server tenant list` shows all tenants");
    world.check(&["tenant", "delete", "acme"], 1, "has live tokens");
    let id = first["token_id"].as_str().unwrap();
    assert_eq!(world.json(&["token", "delete", "--tenant", "acme", id])["deleted"], true);
    assert_eq!(world.json(&["tenant", "delete", "acme"])["deleted"], true);
    assert_eq!(world.json(&["tenant", "delete", "beta", "--force", "--yes"])["resources"], 0);
    assert_eq!(world.json(&["tenant", "list"]), Value::Array(vec![]));
    assert_eq!(world.json(&["check"]), Value::Array(vec![]));
}

#[test]
fn tokens_have_names_and_one_stands_in_no_other_ones_way() {
    let (world, first) = World::with_tenant("acme");
    let create = ["token", "create", "--tenant", "acme", "--scope", "read", "--name"];
    let reader = world.json(&[&create[..], &["Intranet"]].concat());
    assert_eq!((&reader["name"], &reader["scopes"]), (&"Intranet".into(), &serde_json::json!(["read"])));
    world.check(&[&create[..], &["intranet"]].concat(), 1, "has a live token \"intranet\" already");
    world.check(&[&create[..], &["no spaces"]].concat(), 1, "cannot be a token's name");
    world.check(&["token", "rotate", "--tenant", "acme"], 1, "`scim-server token rotate TOKEN --tenant acme`");
    world.check(
        &["token", "rotate", "--tenant", "acme", "nobody"],
        1,
        "no token \"nobody\"; `scim-server token list --tenant acme`",
    );
    let rotated = world.json(&["token", "rotate", "--tenant", "acme", first["token_id"].as_str().unwrap()]);
    assert_eq!(rotated["previous"]["token_id"], first["token_id"]);
    let rotated = world.json(&["token", "rotate", "--tenant", "acme", "INTRANET"]);
    assert_eq!((&rotated["name"], &rotated["scopes"]), (&"Intranet".into(), &serde_json::json!(["read"])));
    world.check(&["token", "rotate", "--tenant", "acme", "Intranet"], 1, "there may be no third");
    world.check(&["token", "delete", "--tenant", "acme", "Intranet"], 1, reader["token_id"].as_str().unwrap());
    world.json(&["token", "delete", "--tenant", "acme", reader["token_id"].as_str().unwrap()]);
    world.json(&["token", "delete", "--tenant", "acme", "Intranet"]);
    let list = stdout(&world.run(&["token", "list"]));
    assert!(list.starts_with("TENANT  TOKEN ID") && list.contains("NAME"), "{list}");

    let settings = world.file("two.json", "{\"max_tokens\": 2}");
    world.json(&["tenant", "set", "acme", "--settings", &settings]);
    world.check(&["token", "create", "--tenant", "acme"], 1, "two live tokens, which is the most");
    let none = world.file("none.json", "{\"max_tokens\": 0}");
    world.check(&["tenant", "set", "acme", "--settings", &none], 1, "\"max_tokens\": a tenant has 1 to 100");
    let many = world.file("many.json", "{\"max_tokens\": 500}");
    world.check(&["tenant", "set", "acme", "--settings", &many], 1, "\"max_tokens\": a tenant has 1 to 100");
}

#[test]
fn people_are_provisioned_by_hand_only_where_no_identity_provider_is() {
    let (world, first) = World::with_tenant("acme");
    world.check(
        &["user", "create", "--tenant", "acme", "--user-name", "bjensen"],
        1,
        "is provisioned automatically: it has 1 live token(s)",
    );
    let arguments = ["user", "create", "--tenant", "acme", "--user-name", "bjensen", "--email", "b@example.com"];
    let user = world.json(&[&arguments[..], &["--force"]].concat());
    assert_eq!(user["emails"][0]["value"], "b@example.com");
    world.json(&["token", "delete", "--tenant", "acme", first["token_id"].as_str().unwrap()]);

    world.check(&arguments, 1, "userName");
    let id = user["id"].as_str().unwrap();
    let group = world.json(&["group", "create", "--tenant", "acme", "--display-name", "Tour Guides", "--member", id]);
    assert_eq!(group["members"][0]["value"], id);
    let file = world.file("user.json", "{\"userName\": \"mandy\", \"title\": \"Pilot\"}");
    world.json(&["user", "create", "--tenant", "acme", "--file", &file]);
    let count = |arguments: &[&str]| world.json(arguments).as_array().unwrap().len();
    assert_eq!(count(&["user", "list", "--tenant", "acme"]), 2);
    assert_eq!(count(&["user", "list", "--tenant", "acme", "--limit", "1"]), 1);
    assert_eq!(count(&["user", "list", "--tenant", "acme", "--filter", "title eq \"Pilot\""]), 1);
    assert_eq!(world.json(&["user", "show", "--tenant", "acme", "BJensen"])["groups"][0]["display"], "Tour Guides");
    assert_eq!(world.json(&["group", "show", "--tenant", "acme", "Tour Guides"])["id"], group["id"]);
    world.json(&["user", "delete", "--tenant", "acme", "bjensen"]);
    world.check(&["user", "show", "--tenant", "acme", id], 1, "There is no User with the id");
    world.check(&["user", "show", "--tenant", "acme", "bjensen"], 1, "There is no User with the id or userName");
    world.check(
        &["group", "show", "--tenant", "acme", "a \"b\""],
        1,
        r#"with the id or displayName "a \"b\"". `scim-server group list --tenant acme`"#,
    );
    assert!(stdout(&world.run(&["user", "list", "--tenant", "acme"])).starts_with("ID "));
}

/// A tenant with two users and a group that holds one of them.
fn populated() -> World {
    let (world, _) = World::with_tenant("acme");
    let mut member = String::new();
    for name in ["bjensen", "mandy"] {
        let user =
            world.json(&["user", "create", "--tenant", "acme", "--user-name", name, "--display-name", name, "--force"]);
        user["id"].as_str().unwrap().clone_into(&mut member);
    }
    world.json(&["group", "create", "--tenant", "acme", "--display-name", "g", "--member", &member, "--force"]);
    world
}

#[test]
fn a_backup_restores_everything_and_a_damaged_one_is_refused() {
    let world = populated();
    let backup = world.path("backup.jsonl").display().to_string();
    assert_eq!(world.run(&["backup", &backup]).status.code(), Some(0));
    let copy = World::new();
    let restored = copy.json(&["restore", &backup]);
    assert_eq!((&restored["tenants"], &restored["resources"]), (&1.into(), &3.into()));
    assert_eq!(copy.json(&["check"]), Value::Array(vec![]));
    assert_eq!(copy.json(&["group", "show", "--tenant", "acme", "g"])["members"][0]["display"], "mandy");
    let again = copy.path("again.jsonl").display().to_string();
    copy.run(&["backup", &again]);
    assert_eq!(read(&backup), read(&again));
    copy.check(&["restore", &backup], 1, "there is a store in");

    let text = read(&backup);
    let cut = world.file("cut.jsonl", &text[..text.len() - 20]);
    World::new().check(&["restore", &cut], 1, "damaged");
    let half = world.file("half.jsonl", text.split_once("{\"event\"").unwrap().0);
    World::new().check(&["restore", &half], 1, "cut off");
    let changed = world.file("changed.jsonl", &text.replace("bjensen", "bjensem"));
    World::new().check(&["restore", &changed], 1, "damaged");
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_tenant_moves_to_another_store_and_replaces_itself_only_when_told() {
    let world = populated();
    let export = world.run(&["export", "--tenant", "acme"]);
    let file = world.file("acme.jsonl", &stdout(&export));
    let (other, _) = World::with_tenant("other");
    assert_eq!(other.json(&["import", &file])["resources"], 3);
    other.check(&["import", &file], 1, "use --replace");
    other.json(&["user", "create", "--tenant", "acme", "--user-name", "later", "--force"]);
    assert_eq!(other.json(&["import", "--replace", &file])["resources"], 3);
    other.check(&["user", "show", "--tenant", "acme", "later"], 1, "There is no User");
    assert_eq!(other.json(&["user", "show", "--tenant", "acme", "mandy"])["groups"][0]["display"], "g");
    assert_eq!(other.json(&["check"]), Value::Array(vec![]));
    world.check(&["export"], 2, "--tenant");
    other.check(&["import", &other.file("x.jsonl", "{}")], 1, "line 1 is not a line of an export");
}

#[test]
fn commands_go_through_a_running_server_and_take_effect_at_once() {
    let (world, first) = World::with_tenant("acme");
    let (path, token) = (first["path"].as_str().unwrap(), first["token"].as_str().unwrap());
    let server = Server::start(&world, &[]);
    assert_eq!(server.users(path, token), 200);
    let second = world.json(&["token", "rotate", "--tenant", "acme"]);
    let second = second["token"].as_str().unwrap();
    assert_eq!(server.users(path, second), 200);
    world.json(&["token", "delete", "--tenant", "acme", first["token_id"].as_str().unwrap()]);
    assert_eq!(server.users(path, token), 401);
    world.json(&["tenant", "disable", "acme"]);
    assert_eq!(server.users(path, second), 403);
    world.json(&["tenant", "enable", "acme"]);
    world.json(&["user", "create", "--tenant", "acme", "--user-name", "bjensen", "--force"]);

    let backup = world.path("backup.jsonl").display().to_string();
    assert_eq!(world.run(&["backup", &backup]).status.code(), Some(0));
    let other = World::new();
    other.json(&["init", "--tenant", "other"]);
    let importing = Server::start(&other, &[]);
    assert_eq!(other.json(&["import", &backup])["resources"], 1);
    assert_eq!(importing.users(path, second), 200);
    other.check(&["import", &backup], 1, "use --replace");
    other.check(&["restore", &backup], 1, "there is a store in");
    assert_eq!(importing.terminate(), Some(0));

    assert_eq!(world.json(&["token", "list"])[0]["last_used"].as_str().map(str::len), Some(24));
    assert_eq!(server.terminate(), Some(0));
    assert!(!world.path("data/admin.addr").exists());
    assert_eq!(world.json(&["token", "list"])[0]["last_used"].as_str().map(str::len), Some(24));
}

#[test]
fn the_listener_for_administrators_tells_health_to_all_and_obeys_its_token_only() {
    let (world, _) = World::with_tenant("acme");
    let server = Server::start(&world, &[]);
    assert_eq!(read(world.path("data/admin.addr")).trim(), server.admin);
    assert_eq!(Server::get(&server.admin, "/healthz", None), (200, "ok\n".to_owned()));
    assert_eq!(Server::get(&server.admin, "/readyz", None), (200, "ready\n".to_owned()));
    assert!(Server::get(&server.admin, "/metrics", None).1.ends_with("# EOF\n"));
    assert_eq!(Server::get(&server.admin, "/admin/v1/tenants", None).0, 401);
    assert_eq!(Server::get(&server.admin, "/", None).0, 404);

    let (other, _) = World::with_tenant("other");
    std::fs::copy(other.path("data/admin.token"), world.path("data/admin.token")).unwrap();
    world.check(&["tenant", "list"], 1, "token is missing or not valid");
}

#[test]
fn an_empty_store_gets_its_first_tenant_when_it_is_served() {
    let world = World::new();
    let mut server = Server::start(&world, &["--first-tenant", "default"]);
    let mut text = String::new();
    while !text.contains("curl") {
        assert_ne!(server.more.read_line(&mut text).unwrap(), 0);
    }
    let word = |begin: &str| text.split_whitespace().skip_while(|word| *word != begin).nth(1).unwrap().to_owned();
    let path = word("Endpoint").replace(&server.url, "");
    assert_eq!(server.users(&path, &word("Token")), 200);
    assert_eq!(server.terminate(), Some(0));

    let mut again = Server::start(&world, &["--first-tenant", "default"]);
    let killed = Command::new("kill").arg(again.child.id().to_string()).status().unwrap();
    assert!(killed.success());
    let mut rest = String::new();
    again.more.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "the token is shown once");
}

#[test]
fn a_second_server_on_the_same_store_does_not_start() {
    let (world, _) = World::with_tenant("acme");
    let _server = Server::start(&world, &[]);
    world.check(&["serve", "--listen", "127.0.0.1:0"], 1, "another process has the store");
}

#[test]
fn a_loss_is_accepted_by_name() {
    let world = World::new();
    world.json(&["init", "--tenant", "acme"]);
    std::fs::remove_file(world.path("data").join("store/journal")).unwrap();
    world.check(&["check"], 1, "restore the backup");
    world.check(&["serve", "--listen", "127.0.0.1:0"], 1, "restore the backup");
    world.check(&["check", "--accept-loss", "1"], 1, "restore the backup");
    let said = stderr(&world.run(&["check"]));
    let number = said.split("--accept-loss ").nth(1).and_then(|rest| rest.split('`').next()).expect("its number");
    assert_eq!(world.json(&["check", "--accept-loss", number]), Value::Array(vec![]));
    assert_eq!(world.json(&["check"]), Value::Array(vec![]));
    assert_eq!(world.json(&["tenant", "list"]).as_array().unwrap().len(), 1);
}
