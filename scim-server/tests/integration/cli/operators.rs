//! What operators stumbled over: messages that name the true cause, and commands that ask before they
//! overwrite.

use std::{fs::Permissions, os::unix::fs::PermissionsExt as _, time::Duration};

use serde_json::{Value, json};

use super::*;
use crate::server::{Options, TestServer, program};

/// The program run by somebody who may not look into the data directory.
fn stranger(world: &World, arguments: &[&str]) -> Output {
    let id = stdout(&Command::new("id").arg("-u").output().unwrap());
    let mode = |mode| std::fs::set_permissions(world.directory.path(), Permissions::from_mode(mode)).unwrap();
    if id.trim() != "0" {
        // Closed to its owner, too.
        mode(0);
        let output = world.run(arguments);
        mode(0o700);
        return output;
    }
    // The program may lie where only root comes; a copy does not.
    let place = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir_in("/tmp").unwrap();
    let program = place.path().join("scim-server");
    // Copied by another process: this one may start a child for another test meanwhile, which would hold the copy open for
    // writing, and a program that somebody writes cannot be started.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_scim-server")).arg(&program).status().unwrap();
    assert!(copied.success());
    mode(0o700);
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program).args(arguments);
    command.env("SCIM_SERVER_DATA", world.path("data")).current_dir("/").stdin(Stdio::null()).output().unwrap()
}

#[test]
fn not_to_be_allowed_to_look_is_not_to_find_nothing() {
    let (world, _) = World::with_tenant("acme");
    for arguments in [&["tenant", "list"][..], &["backup", "/tmp/x"], &["check"], &["restore", "/etc/hostname"]] {
        let output = stranger(&world, arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("Permission denied") && !said.contains("there is no store"), "{arguments:?}: {said}");
        assert!(said.contains("run the command as the user that owns"), "{arguments:?}: {said}");
    }
    let other = World::new();
    let path = other.file("data", "no directory");
    other.check(&["tenant", "list"], 1, "cannot look for the store in");
    std::fs::remove_file(path).unwrap();
    other.check(&["tenant", "list"], 1, "there is no store in");
    other.check(&["tenant", "list"], 1, "name the directory of yours with --data");
}

/// A command of root that opens the store itself would leave files that its owner cannot read: the server
/// would not start again.
#[test]
fn root_does_not_write_in_the_store_of_another_user() {
    let (world, _) = World::with_tenant("acme");
    let store = world.path("data/store");
    // Only root can give a directory away, and only root is refused.
    if std::os::unix::fs::chown(&store, Some(65534), None).is_err() {
        return;
    }
    for arguments in [&["tenant", "list"][..], &["backup", "-"], &["check"], &["serve", "--listen", "127.0.0.1:0"]] {
        world.check(arguments, 1, "it belongs to another user");
        world.check(arguments, 1, "sudo -u '#65534'");
    }
    std::os::unix::fs::chown(&store, Some(0), None).unwrap();
    world.check(&["tenant", "list"], 0, "");
}

/// Each of these was asked for too little or in the wrong way; the message says what to add.
#[test]
fn what_is_missing_from_a_command_is_named() {
    let (world, _) = World::with_tenant("acme");
    world.check(&["export"], 2, "<--tenant <TENANT>|--all>");
    world.check(&["tenant", "set", "acme"], 2, "<--profile <PROFILE>|--settings <FILE>>");
    world.check(&["restore", "-"], 2, "standard input can be read once: name a file");
    world.check(&["tenant", "set", "acme", "--settings", "-"], 1, "standard input is not a JSON object");
    let settings = world.file("titel.json", "{\"indexes\": {\"User\": [\"titel\"]}}");
    world.check(&["tenant", "set", "acme", "--settings", &settings], 1, "cannot be used: There is no attribute");
}

#[test]
fn an_address_that_cannot_be_listened_on_is_told_by_its_cause() {
    let (world, _) = World::with_tenant("acme");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    world.check(&["serve", "--listen", &address], 1, "stop what uses it, or choose another address with --listen");
    let admin = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", &address];
    world.check(&admin, 1, "stop what uses it, or choose another address with --admin-listen");
    world.check(&["serve", "--listen", "192.0.2.1:8080"], 1, "this machine has no such address");
    let refused = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let said = scim_server::internals::server::not_listening("0.0.0.0:443".parse().unwrap(), &refused, "--listen");
    assert!(said.contains("CAP_NET_BIND_SERVICE") && !said.contains("stop what uses it"), "{said}");
}

#[test]
fn a_second_server_is_told_of_the_first() {
    let (world, _) = World::with_tenant("acme");
    let server = Server::start(&world, &[]);
    let where_it_is = format!("whose administration is on {}", server.admin);
    world.check(&["serve", "--listen", "127.0.0.1:0"], 1, &where_it_is);
}

#[test]
fn the_endpoint_is_whole_and_can_be_read_again() {
    let world = World::new();
    let url = ["--public-url", "https://scim.example.com/base"];
    let init = stdout(&world.run(&[&["init", "--tenant", "acme"][..], &url].concat()));
    let line = init.lines().find(|line| line.starts_with("Endpoint")).unwrap();
    let endpoint = line.split_whitespace().nth(1).unwrap();
    assert!(endpoint.starts_with("https://scim.example.com/base/") && endpoint.ends_with("/scim/v2"), "{endpoint}");
    let again = ["tenant", "endpoint", "acme"];
    assert_eq!(stdout(&world.run(&[&again[..], &url].concat())).trim(), endpoint);
    // Checks a configuration, and the defaults.
    let config = world.file("scim.toml", "listen = \"[::]:8443\"\ntls_cert = \"c\"\ntls_key = \"k\"\n");
    let said = stdout(&world.run(&[&again[..], &["--config", &config]].concat()));
    assert!(said.starts_with("https://127.0.0.1:8443/"), "{said}");
    assert!(stdout(&world.run(&again)).starts_with("http://127.0.0.1:8080/"));
    // Checks the server that runs.
    let server = Server::start(&world, &[]);
    assert_eq!(world.json(&["tenant", "show", "acme"])["endpoint"], endpoint.replace(url[1], &server.url));
    drop(server);
    let _server = Server::start_as(&world, &url, "https://scim.example.com/base");
    assert_eq!(stdout(&world.run(&again)).trim(), endpoint);
}

/// A definition of an extension with one attribute.
fn definition(urn: &str) -> Value {
    json!({"extends": "User", "schema": {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": urn, "name": "Payroll",
        "attributes": [{"name": "costs", "type": "string"}],
    }})
}

#[test]
fn schemas_are_added_listed_and_removed_and_none_goes_unsaid() {
    let (world, _) = World::with_tenant("acme");
    let (urn, other) = ("urn:example:payroll:1.0:User", "urn:example:other:1.0:User");
    let file = world.file("payroll.json", &definition(urn).to_string());
    let added = world.json(&["schema", "add", "--tenant", "acme", &file]);
    assert_eq!(
        (&added["schema"], &added["resource_type"], &added["used_by"]),
        (&urn.into(), &"User".into(), &0.into())
    );
    world.check(&["schema", "add", "--tenant", "acme", &file], 1, "use --replace");
    world.json(&["schema", "add", "--tenant", "acme", "--replace", &file]);
    let schemas = json!(["urn:ietf:params:scim:schemas:core:2.0:User", urn]);
    let user = json!({"userName": "bjensen", "schemas": schemas, urn: {"costs": "4130"}});
    let user = world.file("user.json", &user.to_string());
    world.json(&["user", "create", "--tenant", "acme", "--file", &user, "--force"]);
    assert_eq!(world.json(&["schema", "list", "--tenant", "acme"])[0]["used_by"], 1);
    assert!(stdout(&world.run(&["schema", "list", "--tenant", "acme"])).starts_with("SCHEMA "));

    let settings = world.file("settings.json", &json!({"schemas": [definition(other)]}).to_string());
    let set = ["tenant", "set", "acme", "--settings", &settings];
    let dropped = format!("the schema {urn}, which 1 resource(s) of the type User use");
    world.check(&set, 1, &dropped);
    world.check(&["schema", "remove", "--tenant", "acme", "Payroll"], 1, &dropped);
    world.check(
        &["schema", "remove", "--tenant", "acme", "nothing"],
        1,
        "`scim-server schema list --tenant acme` shows its schemas",
    );
    world.json(&[&set[..], &["--force"]].concat());
    assert_eq!(world.json(&["schema", "list", "--tenant", "acme"])[0]["schema"], other);
    assert_eq!(world.json(&["schema", "remove", "--tenant", "acme", &other.to_uppercase()])["deleted"], true);
    assert_eq!(world.json(&["schema", "list", "--tenant", "acme"]), json!([]));

    // Through a server that runs, too.
    let _server = Server::start(&world, &[]);
    world.json(&["schema", "add", "--tenant", "acme", &file]);
    world.json(&["schema", "remove", "--tenant", "acme", "--force", urn]);
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    let (world, _) = World::with_tenant("acme");
    let check = |settings: Value, words: &[&str]| {
        let file = world.file("settings.json", &settings.to_string());
        for word in words {
            world.check(&["tenant", "set", "acme", "--settings", &file], 1, word);
        }
    };
    check(json!({"strikt": true}), &["no tenant setting \"strikt\""]);
    check(json!({"strict": "yes"}), &["\"strict\"", "Write it like this: {\"strict\": true}"]);
    check(json!({"quotas": {"User": -1}}), &["\"quotas\"", "{\"User\": 500}"]);
    check(json!({"protected": []}), &["a list is not what belongs there", "members_of"]);
    check(json!({"indexes": {"User": ["shoeSize"]}}), &["shoeSize"]);
    check(json!({"indexes": {"Car": ["title"]}}), &["Car"]);
    let mut schema = definition("urn:example:payroll:1.0:User");
    schema["schema"]["attributes"][0]["typ"] = "string".into();
    check(json!({"schemas": [schema]}), &["typ"]);
}

#[test]
fn what_is_deleted_or_overwritten_is_meant() {
    let (world, _) = World::with_tenant("acme");
    world.check(&["tenant", "delete", "acme", "--force"], 2, "add --yes");
    let file = world.path("backup.jsonl").display().to_string();
    let said = stdout(&world.run(&["backup", &file]));
    assert!(said.starts_with("Wrote ") && said.contains(&file), "{said}");
    let first = read(&file);
    world.json(&["user", "create", "--tenant", "acme", "--user-name", "bjensen", "--force"]);
    world.check(&["backup", &file], 1, "is there already; name another file, or use --overwrite");
    world.check(&["export", "--all", &file], 1, "--overwrite");
    world.check(&["backup", "/dev/null"], 1, "is there and no file");
    assert_eq!(read(&file), first);
    let wrote = world.json(&["backup", &file, "--overwrite"]);
    assert_eq!(wrote["items"].as_u64(), Some(read(&file).lines().count() as u64 - 1));
    assert_eq!(wrote["bytes"].as_u64(), Some(read(&file).len() as u64));
    world.json(&["tenant", "delete", "acme", "--force", "--yes"]);
}

/// What a killed backup has left is no obstacle, and nobody else may read what takes its place.
#[test]
fn a_backup_replaces_what_another_has_left_and_not_what_another_writes() {
    let (world, _) = World::with_tenant("acme");
    let backup = world.path("backup.jsonl").display().to_string();
    let left = world.file("backup.jsonl.partial", "cut o");
    std::fs::set_permissions(&left, Permissions::from_mode(0o644)).unwrap();
    let writing = std::fs::File::open(&left).unwrap();
    writing.lock().unwrap();
    world.check(&["backup", &backup], 1, "another process is writing to");
    assert_eq!(read(&left), "cut o");
    drop(writing);
    world.json(&["backup", &backup]);
    assert!(!Path::new(&left).exists());
    assert_eq!(std::fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    World::new().json(&["restore", &backup]);
}

#[test]
fn with_json_an_error_is_json_too() {
    let world = World::new();
    let check = |arguments: &[&str], code: i32, words: &str| {
        let output = world.run(arguments);
        let said: Value = serde_json::from_str(&stderr(&output)).unwrap();
        assert_eq!((output.status.code(), &said["exit_code"]), (Some(code), &code.into()), "{said}");
        assert!(said["error"].as_str().unwrap().contains(words), "{said}");
        assert_eq!(stdout(&output), "");
    };
    check(&["tenant", "list", "--json"], 1, "there is no store");
    check(&["tenant", "--json"], 2, "unexpected argument");
    check(&["migrate", "--json"], 2, "migrate needs a database");
    check(&["backup", "x", "--json"], 1, "there is no store");
    check(&["serve", "--listen", "8080", "--json"], 2, "is not an address");
    check(&["init", "--json"], 2, "--tenant <NAME>");
}

#[test]
fn names_do_wherever_ids_do_and_a_list_says_what_it_leaves_out() {
    let (world, _) = World::with_tenant("acme");
    let odd = "0190a5c6-0000-7000-8000-000000000000";
    for name in ["bjensen", "mandy", odd] {
        world.json(&["user", "create", "--tenant", "acme", "--user-name", name, "--force"]);
    }
    let group = |name: &str, members: &[&str]| {
        let mut create = vec!["group", "create", "--tenant", "acme", "--force", "--display-name", name];
        create.extend(members.iter().flat_map(|name| ["--member", *name]));
        world.json(&create)
    };
    let bjensen = world.json(&["user", "show", "--tenant", "acme", "bjensen"]);
    assert_eq!(group("guides", &["BJensen"])["members"][0]["value"], bjensen["id"]);
    assert_eq!(group("all", &["guides", "mandy"])["members"].as_array().unwrap().len(), 2);
    let create = ["group", "create", "--tenant", "acme", "--force", "--display-name", "x", "--member", "nobody"];
    world.check(&create, 1, "no user with the userName \"nobody\" and no group");
    assert_eq!(world.json(&["user", "show", "--tenant", "acme", odd])["userName"], odd);

    let list = ["user", "list", "--tenant", "acme", "--limit", "1"];
    assert!(stdout(&world.run(&list)).ends_with("… and 2 more. A larger --limit shows them.\n"));
    let filter = ["--filter", "userName sw \"b\""];
    assert!(!stdout(&world.run(&[&list[..], &filter].concat())).contains("more"));
    let _server = Server::start(&world, &[]);
    assert!(stdout(&world.run(&list)).contains("… and 2 more."));
    assert_eq!(world.json(&list).as_array().unwrap().len(), 1);
}

#[test]
fn help_is_a_command_and_switches_take_their_value() {
    let world = World::new();
    assert!(stdout(&world.run(&["help"])).contains("Usage: scim-server"));
    assert!(stdout(&world.run(&["help", "tenant", "set"])).contains("Usage: scim-server tenant set"));
    assert!(stdout(&world.run(&["tenant", "help", "set"])).contains("Usage: scim-server tenant set"));
    for switch in [&["--trust-forwarded"][..], &["--trust-forwarded", "true"], &["--trust-forwarded=false"]] {
        let server = Server::start(&world, switch);
        assert_eq!(server.terminate(), Some(0), "{switch:?}");
    }
    for value in ["true", "\"true\""] {
        let config = world.file("scim.toml", &format!("trust_forwarded = {value}\n"));
        assert_eq!(Server::start(&world, &["--config", &config]).terminate(), Some(0), "{value}");
    }
    world.check(&["serve", "--trust-forwarded", "perhaps"], 2, "neither true nor false");
}

#[test]
fn plain_http_on_an_address_that_others_reach_is_warned_of() {
    let world = World::new();
    let warned = |listen: &str| {
        let mut command = world.command(&["serve", "--listen", listen, "--json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let ready: Value = serde_json::from_str(&ready).unwrap();
        assert!(ready["ready"].as_str().unwrap().starts_with("http://"), "{ready}");
        assert!(ready["administration"].is_string(), "{ready}");
        assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
        stderr(&child.wait_with_output().unwrap()).contains("plain HTTP on an address that other machines can reach")
    };
    assert!(warned("0.0.0.0:0"));
    assert!(!warned("127.0.0.1:0"));
}

#[tokio::test]
async fn doctor_looks_at_the_machine_and_the_way_to_the_server() {
    let server = TestServer::start();
    let doctor = |url: &str| {
        let outcome = server.run(&["doctor", "--json", "--public-url", url]);
        let checks: Value = serde_json::from_slice(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"));
        let state = |name: &str| {
            let check = checks.as_array().expect("a list").iter().find(|check| check["check"] == name);
            check.unwrap_or_else(|| panic!("{checks}"))["state"].as_str().expect("a word").to_owned()
        };
        (outcome.status.code(), ["permissions", "public URL", "probe", "clock"].map(state))
    };
    // Nobody else reaches a server by a loopback address, which is a warning.
    assert_eq!(doctor(server.origin()), (Some(0), ["ok", "warning", "ok", "ok"].map(str::to_owned)));
    // Without settings it asks the running server where it listens.
    let plain = server.run(&["doctor", "--json"]);
    let checks: Value = serde_json::from_slice(&plain.stdout).unwrap_or_else(|_| panic!("{plain:?}"));
    let probed = checks.as_array().expect("a list").iter().find(|check| check["check"] == "probe").expect("a probe");
    assert!(probed["state"] == "ok" && probed["detail"].to_string().contains(server.origin()), "{checks}");
    let (code, [_, url, probe, _]) = doctor("http://127.0.0.1:1");
    assert_eq!((code, url.as_str(), probe.as_str()), (Some(1), "warning", "failing"));
    // What is not there is said once.
    let nowhere = server.scratch("nowhere");
    let doctor_of = |data: &std::path::Path| {
        let mut program = program(server.data());
        program.args(["doctor", "--json", "--public-url", server.origin(), "--data"]).arg(data);
        program.output().expect("the program starts")
    };
    let missing = doctor_of(&nowhere);
    let checks: Value = serde_json::from_slice(&missing.stdout).unwrap_or_else(|_| panic!("{missing:?}"));
    let failing = checks.as_array().expect("a list").iter().filter(|check| check["state"] == "failing");
    let failing: Vec<_> = failing.map(|check| check["check"].as_str().unwrap_or_default()).collect();
    assert_eq!((missing.status.code(), failing), (Some(1), vec!["data"]), "{checks}");
    // The listener of administrators is another program.
    let (code, [_, _, probe, _]) = doctor(&server.admin());
    assert_eq!((code, probe.as_str()), (Some(1), "failing"));
    // Whose address is slowed down has reached the server.
    let stranger = server.client().with_token("scim_nobody");
    let mut seen = Vec::new();
    // The address may ask once more each second, and a program may need longer than that to start.
    while seen.len() < 20 && !seen.contains(&"warning".to_owned()) {
        while stranger.get("/Users").await.status != 429 {}
        let (code, [_, _, probe, _]) = doctor(server.origin());
        assert_eq!(code, Some(0));
        seen.push(probe);
    }
    assert_eq!(seen.last().map(String::as_str), Some("warning"), "{seen:?}");
}

#[test]
fn doctor_looks_at_the_disk_and_at_the_certificate() {
    let (world, _) = World::with_tenant("acme");
    let (cert, key) = (world.file("cert.pem", ""), world.file("key.pem", ""));
    let certify = |days: u64, has_ended: bool| {
        let pair = rcgen::KeyPair::generate().unwrap();
        let mut wanted = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let days = Duration::from_secs(days * 86_400 + 3600);
        wanted.not_after =
            rcgen::date_time_ymd(1970, 1, 1) + if has_ended { now.saturating_sub(days) } else { now + days };
        std::fs::write(&cert, wanted.self_signed(&pair).unwrap().pem()).unwrap();
        std::fs::write(&key, pair.serialize_pem()).unwrap();
    };
    let looked = |name: &str| {
        let outcome = world.run(&["doctor", "--json", "--tls-cert", &cert, "--tls-key", &key]);
        let checks: Value = serde_json::from_slice(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"));
        let check = checks.as_array().unwrap().iter().find(|check| check["check"] == name).unwrap();
        (check["state"].as_str().unwrap().to_owned(), check["detail"].as_str().unwrap().to_owned())
    };
    for (days, has_ended, state, words) in [
        (400, false, "ok", "is good for 400 days"),
        (10, false, "warning", "ends in 10 day(s): renew it"),
        (1, true, "failing", "renew it, and send SIGHUP"),
    ] {
        certify(days, has_ended);
        let (found, detail) = looked("certificate");
        assert!(found == state && detail.contains(words), "{found} {detail}");
    }
    // As the guide has it: the server reads the key through its group.
    for (mode, state, words) in
        [(0o640, "ok", ""), (0o660, "warning", "chmod g-w,o= "), (0o644, "warning", "chmod g-w,o= ")]
    {
        std::fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        let (found, detail) = looked("permissions");
        assert!(found == state && detail.contains(words), "{mode:o}: {found} {detail}");
    }
    std::fs::write(&cert, "no certificate").unwrap();
    assert_eq!(looked("certificate").0, "failing");
    assert!(looked("disk").1.contains(" MiB are free for "));
}

/// The first of these is how a container shares a volume: the server is in its group.
#[test]
fn doctor_leaves_the_group_its_data() {
    let (world, _) = World::with_tenant("acme");
    for (mode, state, words) in [(0o770, "ok", ""), (0o705, "warning", "run `chmod o= ")] {
        std::fs::set_permissions(world.path("data"), Permissions::from_mode(mode)).unwrap();
        let checks: Value = serde_json::from_slice(&world.run(&["doctor", "--json"]).stdout).unwrap();
        let check = &checks.as_array().unwrap()[0];
        assert!(check["state"] == state && check["detail"].to_string().contains(words), "{mode:o}: {check}");
    }
}

/// Whether it could be written, and whether the server that runs could.
#[tokio::test]
async fn doctor_looks_at_the_audit_log() {
    let looked = |server: &TestServer, log: &str| {
        let checks: Value =
            serde_json::from_slice(&server.run(&["doctor", "--json", "--audit-log", log]).stdout).unwrap();
        let check = checks.as_array().unwrap().iter().find(|check| check["check"] == "audit log").unwrap();
        (check["state"].as_str().unwrap().to_owned(), check["detail"].as_str().unwrap().to_owned())
    };
    let sound = TestServer::start();
    let file = sound.scratch("audit.jsonl").display().to_string();
    assert!(looked(&sound, &file).1.contains(" MiB are free for "));
    assert!(!Path::new(&file).exists(), "whoever looks makes no file");
    let (state, detail) = looked(&sound, "/nowhere/audit.jsonl");
    assert!(state == "failing" && detail.contains("/nowhere/audit.jsonl"), "{detail}");
    let full = TestServer::with(Options::args(&["--audit-log", "/dev/full", "--drain-timeout", "1s"]));
    full.client().get("/Users").await.expect(200);
    full.wait_for_log("cannot write the audit log");
    let (state, detail) = looked(&full, "/dev/full");
    assert!(state == "failing" && detail.contains("the running server cannot write /dev/full"), "{detail}");
}

/// The signal that a limit of the size of files sends ended the program without a word.
#[test]
fn a_limit_of_the_size_of_files_is_told_and_leaves_nothing_half() {
    let limited = |world: &World, arguments: &[&str]| {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -f 0 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_scim-server")]).args(arguments);
        let output = command.env("SCIM_SERVER_DATA", world.path("data")).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        stderr(&output)
    };
    let empty = World::new();
    let said = limited(&empty, &["serve", "--listen", "127.0.0.1:0"]);
    assert!(said.contains("the size of files is limited"), "{said}");
    // An empty token would let everybody in.
    assert!(!empty.path("data/admin.token").exists());
    let (world, _) = World::with_tenant("acme");
    let _server = Server::start(&world, &[]);
    let file = world.path("backup.jsonl").display().to_string();
    let said = limited(&world, &["backup", &file]);
    assert!(said.contains(&format!("cannot write {file}")), "{said}");
    assert!(!world.path("backup.jsonl.partial").exists());
}

#[test]
fn no_empty_store_takes_the_place_of_one_that_is_half_restored() {
    let (world, _) = World::with_tenant("acme");
    let backup = world.path("backup.jsonl").display().to_string();
    world.json(&["backup", &backup]);
    let other = World::new();
    std::fs::create_dir_all(other.path("data/store.partial")).unwrap();
    let again = format!("`scim-server restore FILE --data {}` with the same file", other.path("data").display());
    for arguments in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["init", "--tenant", "other"],
        &["tenant", "list"],
        &["import", &backup],
        &["check"],
    ] {
        other.check(arguments, 1, &again);
    }
    other.json(&["restore", &backup]);
    other.check(&["tenant", "show", "acme"], 0, "");
}

#[test]
fn what_was_typed_does_not_steer_the_terminal() {
    let (world, _) = World::with_tenant("acme");
    for arguments in [
        &["access", "set", "--tenant", "acme", "\u{1b}[31mkey", "x"][..],
        &["access", "set", "--tenant", "acme", "Key", "${path:\u{1b}[31m}"],
        &["user", "show", "--tenant", "acme", "\u{1b}[31manna"],
        &["role", "remove", "--tenant", "\u{1b}[31m", "x"],
        &["tenant", "show", "acme", "--\u{1b}[31m"],
        &["tenant", "source", "acme", "--to", "\u{1b}[31m"],
    ] {
        let output = world.run(arguments);
        assert!(!output.status.success(), "{output:?}");
        assert!(!stderr(&output).contains('\u{1b}') && !stdout(&output).contains('\u{1b}'), "{output:?}");
    }
}
