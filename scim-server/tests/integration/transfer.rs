//! Moving whole stores: exports that are one state whoever writes meanwhile, and imports that are
//! killed in the middle and end all the same in the store that the file describes.

mod copied;
mod replace;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use scim_protocol::Timestamp;
use scim_server::internals::{
    admin::archive::{self, Sum},
    event::{Action, Event},
    store::{Body, Header, Item, Record, ResourceId, ResourceKey, TenantId},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{
    database::{Cluster, shared},
    server::{GROUP, TestServer, USER, program, run},
};

/// How many users the larger tenant has.
const USERS: u64 = 3500;
/// A fixed moment, in milliseconds.
const THEN: i64 = 1_790_000_000_000;

/// An export of two tenants, as it stands in a file.
struct Archive {
    directory: TempDir,
    lines: Vec<String>,
    /// The path and the token of the larger tenant.
    path: String,
    token: String,
}

impl Archive {
    /// Two tenants with their tokens as `init` makes them, and people beside them.
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let init = |tenant: &str| -> Value {
            let output = run(directory.path(), &["init", "--tenant", tenant, "--json"]);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            serde_json::from_slice(&output.stdout).expect("JSON")
        };
        let mut made = [init("first"), init("second")];
        made.sort_by_key(|tenant| tenant["tenant_id"].as_str().map(str::to_owned));
        let exported = run(directory.path(), &["export", "--all"]);
        let exported = String::from_utf8(exported.stdout).expect("JSON Lines");
        let mut lines: Vec<_> = exported.lines().map(str::to_owned).collect();
        lines.pop();
        let ids = made.each_ref().map(|tenant| Uuid::try_parse(&word(tenant, "tenant_id")).expect("an id"));
        for (id, users) in ids.into_iter().zip([USERS, 40]) {
            // The system's part of each tenant's log is there already.
            lines.retain(|line| !line.starts_with("{\"event\"") || !line.contains(&format!("\"tenant\":\"{id}\"")));
            lines.extend(people(TenantId(id), users).iter().map(|item| archive::write(item).expect("a line")));
        }
        let mut sum = Sum::default();
        for line in &lines {
            sum.add(line);
        }
        lines.push(archive::write_end(&sum).expect("the last line"));
        Self { path: word(&made[0], "path"), token: word(&made[0], "token"), directory, lines }
    }

    fn text(&self) -> String {
        self.lines.join("\n") + "\n"
    }

    fn file(&self) -> PathBuf {
        let path = self.directory.path().join("archive.jsonl");
        std::fs::write(&path, self.text()).expect("the file");
        path
    }

    /// Gives a command the first lines on its standard input, and kills it when it has taken them.
    ///
    /// What is not taken waits in a pipe and two buffers, which hold less than 1000 of these lines:
    /// so a portion of 1000 is in the store for each 1000 lines that were given beyond the first.
    fn begin(&self, mut command: Command, lines: usize) {
        let mut child = started(command.stdin(Stdio::piped()));
        let mut input = child.stdin.take().expect("its input");
        for line in &self.lines[..lines] {
            let taken = writeln!(input, "{line}").is_ok();
            assert!(taken, "the import did not take its input: {}", complaint(&mut child));
        }
        child.kill().expect("SIGKILL");
        child.wait().expect("the killed process");
    }
}

/// Users, groups with members, and a log, in the order of an export.
fn people(tenant: TenantId, users: u64) -> Vec<Item> {
    let id =
        |kind: u128, number: u64| ResourceId(Uuid::from_u128(tenant.0.as_u128() ^ (kind << 64) ^ u128::from(number)));
    let key = |kind: &str, id| ResourceKey { tenant, resource_type: kind.into(), id };
    let resource = |key: ResourceKey, number: u64, display: String, document: Value| {
        let at = Timestamp::from_millis(THEN + number.cast_signed());
        let header = Header { version: number % 5 + 1, created: at, last_modified: at, members: 0 };
        let visible = document.to_string().into();
        Item::Resource(
            key,
            Record { header, body: Body { display: display.into(), visible, hidden: "".into() } },
            vec![],
        )
    };
    let mut groups: Vec<_> = (1..=3).map(|number| id(2, number)).collect();
    groups.sort();
    let mut members: Vec<_> = (1..=users).map(|number| id(1, number)).collect();
    members.sort();
    let mut items = Vec::new();
    for (number, group) in (1_u64..).zip(&groups) {
        let name = format!("Group {number}");
        let document = json!({"schemas": [GROUP], "id": group.to_string(), "displayName": name});
        items.push(resource(key("Group", *group), number, name, document));
    }
    for (number, user) in (1_u64..).zip(&members) {
        let name = format!("user{number}");
        let document = json!({
            "schemas": [USER], "id": user.to_string(), "userName": name, "title": "a word ".repeat(20),
            "emails": [{"value": format!("{name}@example.com"), "primary": true}],
        });
        items.push(resource(key("User", *user), number, name, document));
    }
    for (group, every) in groups.iter().zip([2, 3, 500]) {
        let those: Vec<_> = members.iter().step_by(every).map(|user| key("User", *user).into()).collect();
        items.extend(those.chunks(1000).map(|some| Item::Members(key("Group", *group), some.to_vec())));
    }
    for (sequence, user) in (1_u64..).zip(&members) {
        let event = Event::administration(Action::Create, "User", *user, &["userName"]);
        items.push(Item::Event(tenant, Event { sequence, at: THEN + sequence.cast_signed(), ..event }));
    }
    items
}

fn with(directory: &Path, arguments: &[&str], store: &[&str]) -> Command {
    let mut command = program(directory);
    command.args(arguments).args(store).arg("--data").arg(directory);
    command
}

fn started(command: &mut Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts")
}

/// What a process that has ended said before it did.
fn complaint(child: &mut Child) -> String {
    let mut said = String::new();
    child.stderr.take().expect("its complaints").read_to_string(&mut said).expect("UTF-8");
    said
}

fn word(object: &Value, key: &str) -> String {
    object[key].as_str().unwrap_or_else(|| panic!("no {key} in {object}")).to_owned()
}

#[track_caller]
fn succeeds(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().expect("the program");
    assert!(status.success(), "{command:?}: {}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("UTF-8")
}

#[track_caller]
fn fails(mut command: Command, words: &[&str]) {
    let Output { status, stderr, .. } = command.stdin(Stdio::null()).output().expect("the program");
    let said = String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), Some(1), "{command:?}: {said}");
    assert!(words.iter().all(|word| said.contains(word)), "{command:?}: {said}");
}

/// Compares without printing ten thousand lines.
#[track_caller]
fn same(found: &str, expect: &str) {
    let differs = found.lines().zip(expect.lines()).position(|(found, expect)| found != expect);
    if let Some(line) = differs {
        let of = |text: &str| text.lines().nth(line).unwrap_or_default().to_owned();
        panic!("line {} differs:\n{}\n{}", line + 1, of(found), of(expect));
    }
    assert_eq!(found.lines().count(), expect.lines().count());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_into_a_database_that_is_killed_goes_on() {
    let archive = Archive::new();
    let file = archive.file();
    let file = file.to_str().unwrap();
    let url = shared().schema();
    let store = ["--store", url.as_str()];
    let here = tempfile::tempdir().unwrap();
    succeeds(with(here.path(), &["migrate"], &store));
    // A run that is killed before its first portion leaves nothing to go on with.
    archive.begin(with(here.path(), &["import", "-"], &store), 200);
    for lines in [2500, 4200, 6400] {
        archive.begin(with(here.path(), &["import", "-"], &store), lines);
    }

    // A half of a tenant is nobody's business: not its provider's, and not that of a backup.
    let mut server = TestServer::adopt(&archive.path, &archive.token, Some(url.clone()));
    let answer = server.client().get("/Users?count=1").await.expect_error(503, None);
    assert!(!answer.header("retry-after").is_empty());
    assert!(server.stop().success());
    let backup = here.path().join("backup.jsonl");
    fails(
        with(here.path(), &["backup", backup.to_str().unwrap()], &store),
        &["not complete", "import the same file again"],
    );
    assert!(!backup.exists());
    // Another file, and one that was changed, cannot go on in its place.
    let other = Archive::new();
    let unlike = ["an import of another file was interrupted", "import the same file again", "--discard"];
    fails(with(here.path(), &["import", other.file().to_str().unwrap()], &store), &unlike);
    let changed = here.path().join("changed.jsonl");
    std::fs::write(&changed, archive.text().replacen("user17\"", "user17x\"", 1)).unwrap();
    fails(with(here.path(), &["import", changed.to_str().unwrap()], &store), &unlike);
    // One that is cut off is taken as far as it goes, and says how to go on.
    let cut = here.path().join("cut.jsonl");
    std::fs::write(&cut, archive.lines[..6900].join("\n")).unwrap();
    fails(with(here.path(), &["import", cut.to_str().unwrap()], &store), &["cut off", "import the same file again"]);

    let said: Value = serde_json::from_str(&succeeds(with(here.path(), &["import", file, "--json"], &store))).unwrap();
    assert!(said["resumed_after"].as_u64().is_some_and(|items| items >= 5500), "{said}");
    assert_eq!((&said["tenants"], &said["items"]), (&json!(2), &json!(archive.lines.len() - 1)), "{said}");
    assert_eq!(said["resources"], json!(USERS + 40 + 6));
    succeeds(with(here.path(), &["check"], &store));
    let moved = succeeds(with(here.path(), &["export", "--all"], &store));
    // The server above has made the key of its cursors; all else is what the file says.
    let kept: Vec<_> = moved.lines().filter(|line| !line.contains("\"type\":\"Secret\"")).collect();
    let without_end = |lines: &[&str]| lines[..lines.len() - 1].join("\n");
    same(&without_end(&kept), &archive.lines[..archive.lines.len() - 1].join("\n"));
    fails(with(here.path(), &["import", file], &store), &["exists already; use --replace"]);
    let server = TestServer::adopt(&archive.path, &archive.token, Some(url.clone()));
    assert_eq!(server.client().get("/Users?count=1").await.expect(200).json["totalResults"], USERS);
    drop(server);

    // And back, with a restore that is killed while it writes its directory.
    let moved = succeeds(with(here.path(), &["export", "--all"], &store));
    let backup = backup.to_str().unwrap();
    succeeds(with(here.path(), &["backup", backup], &store));
    let back = tempfile::tempdir().unwrap();
    for written in [600_000, 2_000_000] {
        kill_when_written(with(back.path(), &["restore", backup], &[]), &back.path().join("store.partial"), written);
        assert!(!back.path().join("store").exists());
    }
    succeeds(with(back.path(), &["restore", backup], &[]));
    succeeds(with(back.path(), &["check"], &[]));
    same(&succeeds(with(back.path(), &["export", "--all"], &[])), &moved);
}

/// Kills a command when a directory has grown to so many bytes.
fn kill_when_written(mut command: Command, directory: &Path, bytes: u64) {
    fn size(path: &Path) -> u64 {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries
            .map(|entry| match entry.metadata() {
                Ok(meta) if meta.is_dir() => size(&entry.path()),
                Ok(meta) => std::os::unix::fs::MetadataExt::blocks(&meta) * 512,
                Err(_) => 0,
            })
            .sum()
    }
    let mut child = started(command.stdin(Stdio::null()));
    let patience = Instant::now() + Duration::from_secs(120);
    while size(directory) < bytes {
        if child.try_wait().expect("the process").is_some() || Instant::now() > patience {
            let _ = child.kill();
            panic!("{command:?} ended before it could be killed: {}", complaint(&mut child));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().expect("SIGKILL");
    child.wait().expect("the killed process");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_into_a_directory_that_is_killed_goes_on() {
    let archive = Archive::new();
    let here = tempfile::tempdir().unwrap();
    succeeds(with(here.path(), &["init", "--tenant", "other"], &[]));
    for lines in [2100, 3600] {
        archive.begin(with(here.path(), &["import", "-"], &[]), lines);
    }
    // The same through a server, which is killed instead of the command.
    let mut server = TestServer::adopt_directory(&archive.path, &archive.token, here);
    server.client().get("/Users?count=1").await.expect_error(503, None);
    let mut child = started(with(server.data(), &["import", "-"], &[]).stdin(Stdio::piped()));
    let mut input = child.stdin.take().unwrap();
    for line in &archive.lines[..5200] {
        writeln!(input, "{line}").expect("the import takes its input");
    }
    server.kill();
    drop(input);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(1));
    let file = archive.file();
    let file = file.to_str().unwrap();
    server.launch();
    let said = server.run_json(&["import", file, "--json"]);
    assert!(said["resumed_after"].as_u64().is_some_and(|items| items >= 3000), "{said}");
    assert_eq!(said["resources"], json!(USERS + 40 + 6));
    assert_eq!(server.client().get("/Users?count=1").await.expect(200).json["totalResults"], USERS);
    assert!(server.stop().success());
    succeeds(with(server.data(), &["check"], &[]));
    // The other tenant's log goes on; what came is as the file says.
    let found = succeeds(with(server.data(), &["export", "--all"], &[]));
    let tenant = archive.path.split('/').nth(1).unwrap();
    let of = |text: &str| {
        text.lines()
            .filter(|line| line.get(..80).is_some_and(|begin| begin.contains(tenant)))
            .collect::<Vec<_>>()
            .join("\n")
    };
    same(&of(&found), &of(&archive.text()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_whose_database_goes_away_goes_on() {
    let archive = Archive::new();
    let mut cluster = Cluster::start(&[]);
    let url = cluster.schema();
    let store = ["--store", url.as_str()];
    let here = tempfile::tempdir().unwrap();
    succeeds(with(here.path(), &["migrate"], &store));
    let mut child = started(with(here.path(), &["import", "-"], &store).stdin(Stdio::piped()));
    let mut input = child.stdin.take().unwrap();
    for line in &archive.lines[..4000] {
        writeln!(input, "{line}").expect("the import takes its input");
    }
    cluster.crash();
    for line in &archive.lines[4000..] {
        if writeln!(input, "{line}").is_err() {
            break;
        }
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("import the same file again"), "{said}");
    cluster.launch();
    let file = archive.file();
    let file = file.to_str().unwrap();
    let said = succeeds(with(here.path(), &["import", file], &store));
    assert!(said.contains("were there from an interrupted import"), "{said}");
    succeeds(with(here.path(), &["check"], &store));
    same(&succeeds(with(here.path(), &["export", "--all"], &store)), &archive.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_was_cut_off_can_be_given_up() {
    let archive = Archive::new();
    let url = shared().schema();
    let store = ["--store", url.as_str()];
    let here = tempfile::tempdir().unwrap();
    succeeds(with(here.path(), &["init", "--tenant", "stays"], &store));
    archive.begin(with(here.path(), &["import", "-"], &store), 3500);
    let other = Archive::new();
    succeeds(with(here.path(), &["import", "--discard", other.file().to_str().unwrap()], &store));
    succeeds(with(here.path(), &["check"], &store));
    let tenants: Value =
        serde_json::from_str(&succeeds(with(here.path(), &["tenant", "list", "--json"], &store))).unwrap();
    let ids: Vec<_> = tenants.as_array().unwrap().iter().map(|tenant| tenant["path"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3, "{tenants}");
    assert!(ids.contains(&other.path.as_str()) && !ids.contains(&archive.path.as_str()), "{tenants}");
    // Replaced by itself, and cut off in that: the same command goes on.
    other.begin(with(here.path(), &["import", "--replace", "-"], &store), 4000);
    let file = other.file();
    let again = with(here.path(), &["import", "--replace", file.to_str().unwrap(), "--json"], &store);
    let said: Value = serde_json::from_str(&succeeds(again)).unwrap();
    assert!(said["resumed_after"].as_u64().is_some_and(|items| items >= 2000), "{said}");
    succeeds(with(here.path(), &["check"], &store));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_stood_still_does_not_load_over_what_has_changed_since() {
    let archive = Archive::new();
    let url = shared().schema();
    let store = ["--store", url.as_str()];
    let here = tempfile::tempdir().unwrap();
    succeeds(with(here.path(), &["migrate"], &store));
    let mut first = started(with(here.path(), &["import", "-"], &store).stdin(Stdio::piped()));
    let mut input = first.stdin.take().unwrap();
    for line in &archive.lines[..3500] {
        writeln!(input, "{line}").expect("the import takes its input");
    }
    // Another comes, goes on from there, and comes to the end; and life goes on.
    let file = archive.file();
    succeeds(with(here.path(), &["import", file.to_str().unwrap()], &store));
    let server = TestServer::adopt(&archive.path, &archive.token, Some(url.clone()));
    let client = server.client();
    let users = client.get("/Users?startIndex=2501&count=900&attributes=id").await.expect(200).ids();
    for id in users.iter().step_by(90) {
        client.delete(&format!("/Users/{id}")).await.expect(204);
    }
    let left = client.get("/Users?count=0").await.expect(200).json["totalResults"].clone();
    // The first has some hundred lines in hand, and gets the others.
    for line in &archive.lines[3500..] {
        if writeln!(input, "{line}").is_err() {
            break;
        }
    }
    drop(input);
    let output = first.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("has taken over from this one"), "{said}");
    assert_eq!(client.get("/Users?count=0").await.expect(200).json["totalResults"], left);
    succeeds(with(here.path(), &["check"], &store));
}

/// What is exported is one state of all tenants, however many write while it is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_one_state_whoever_writes_meanwhile() {
    let archive = Archive::new();
    let url = shared().schema();
    let store = ["--store", url.as_str()];
    let here = tempfile::tempdir().unwrap();
    succeeds(with(here.path(), &["migrate"], &store));
    succeeds(with(here.path(), &["import", archive.file().to_str().unwrap()], &store));
    let server = TestServer::adopt(&archive.path, &archive.token, Some(url.clone()));
    let client = server.client();
    // The token is not used before: the server writes down by itself when it was.
    let before = succeeds(with(here.path(), &["export", "--all"], &store));

    // It has begun when its first line is there, and cannot end while nobody reads the others.
    let mut child = with(here.path(), &["export", "--all"], &store);
    let mut child = child.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut found = String::new();
    output.read_line(&mut found).unwrap();
    let group = client.group("new", &[]).await;
    for number in 0..40 {
        let id = client.user(&format!("new{number}")).await;
        let member = json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
        client.patch(&format!("/Groups/{group}?attributes=id"), &member).await.expect(200);
    }
    succeeds(with(here.path(), &["tenant", "create", "late"], &store));
    output.read_to_string(&mut found).unwrap();
    assert!(child.wait().unwrap().success());
    same(&found, &before);
    // The next one has all of it.
    let after = succeeds(with(here.path(), &["export", "--all"], &store));
    assert!(after.contains("\"userName\":\"new39\"") && after.contains("\"late\""));
}

/// What the guide says of `pg_dump`: it is one state, and a store when it is restored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_of_the_database_is_a_backup() {
    let url = shared().schema();
    let schema = url.rsplit("%3D").next().unwrap().to_owned();
    let here = tempfile::tempdir().unwrap();
    let made = succeeds(with(here.path(), &["init", "--tenant", "test", "--json"], &["--store", &url]));
    let made: Value = serde_json::from_str(&made).unwrap();
    let text = |key: &str| made[key].as_str().unwrap();
    let server = TestServer::adopt(text("path"), text("token"), Some(url.clone()));
    let client = server.client();
    let group = client.group("staff", &[]).await;
    let stop = std::sync::atomic::AtomicBool::new(false);
    let write = async {
        let mut written = 0;
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            let id = client.user(&format!("user{written}")).await;
            let member = json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
            client.patch(&format!("/Groups/{group}?attributes=id"), &member).await.expect(200);
            written += 1;
        }
        written
    };
    let dump = async {
        while client.get("/Users?count=0").await.expect(200).json["totalResults"].as_u64() < Some(20) {}
        let copy = tokio::task::spawn_blocking(move || shared().copy(&schema)).await.unwrap();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        copy
    };
    let (written, copy) = tokio::join!(write, dump);
    succeeds(with(here.path(), &["check"], &["--store", &copy]));
    let server = TestServer::adopt(text("path"), text("token"), Some(copy));
    let found = server.client().get("/Users?count=0").await.expect(200).json["totalResults"].as_u64().unwrap();
    assert!((20..=written).contains(&found), "{found} of {written}");
    let members = server.client().members(&group).await.len() as u64;
    assert!(members == found || members + 1 == found, "{members} of {found}");
    server.client().user("another").await;
}
