//! Settings without a server: `config show` and `config check`; and what packages and containers ask of the program.

use std::collections::BTreeMap;

use scim_server::internals::config::SETTINGS;

use super::*;
use crate::server::{Options, TestServer};

/// What `config show` says of each setting: its value, and where it is from.
fn shown(world: &World, arguments: &[&str]) -> BTreeMap<String, (Value, String)> {
    let rows = world.json(&[&["config", "show"], arguments].concat());
    let row = |row: &Value| {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        (text("setting"), (row["value"].clone(), text("from")))
    };
    rows.as_array().unwrap().iter().map(row).collect()
}

#[test]
fn each_setting_is_shown_with_where_it_is_from() {
    let world = World::new();
    let file = world.file(
        "scim.toml",
        "page_size = 20\nstore = [\"postgres://scim:s3cret@db/one\", \"postgres://db/two?password=s3cret\"]\n",
    );
    let arguments = ["--config", file.as_str(), "--max-page-size", "500"];
    let settings = shown(&world, &arguments);
    assert_eq!(settings.len(), SETTINGS.len());
    let check = |key: &str, value: Value, from: &str| {
        let (found, origin) = &settings[key];
        assert_eq!(*found, value, "{key}");
        assert!(origin.ends_with(from), "{key}: {origin}");
    };
    check("page_size", "20".into(), "scim.toml, line 1: page_size");
    check("max_page_size", "500".into(), "--max-page-size");
    check("data", world.path("data").display().to_string().into(), "environment variable SCIM_SERVER_DATA");
    check("listen", "127.0.0.1:8080".into(), "default of listen");
    check("public_url", Value::Null, "default of public_url");
    check("store", "postgres://scim:***@db/one postgres://db/two?password=***".into(), "line 2: store");

    let changed = shown(&world, &[&arguments[..], &["--changed"]].concat());
    assert_eq!(changed.keys().collect::<Vec<_>>(), ["data", "max_page_size", "page_size", "store"]);
    let table = world.run(&[&["config", "show"], &arguments[..]].concat());
    assert!(stdout(&table).contains("page_size") && !stdout(&table).contains("s3cret"), "{}", stdout(&table));
}

#[test]
fn a_check_reads_what_the_settings_name() {
    let world = World::new();
    assert!(stdout(&world.run(&["config", "check"])).contains("The settings are valid."));
    assert_eq!(world.json(&["config", "check"])["valid"], true);
    let misspelt = world.file("misspelt.toml", "page_sise = 10\n");
    world.check(&["config", "check", "--config", &misspelt], 2, "did you mean \"page_size\"?");
    world.check(&["config", "check", "--page-size", "none"], 2, "--page-size: \"none\" is not a whole number");

    // All that is wrong with files is said at once.
    let empty = world.file("empty.pem", "");
    let missing = world.path("missing").display().to_string();
    let files = ["--tls-cert", &missing, "--tls-key", &missing, "--jwks-ca", &empty, "--store-password-file", &missing];
    for words in ["tls_cert and tls_key: ", "jwks_ca: cannot read the certificates", "store_password_file: cannot read"]
    {
        world.check(&[&["config", "check"], &files[..]].concat(), 1, words);
    }

    let (there, nowhere) = (world.path("audit.jsonl"), world.path("nowhere/audit.jsonl"));
    world.json(&["config", "check", "--audit-log", there.to_str().unwrap()]);
    assert!(!there.exists());
    for key in ["audit-log", "event-file"] {
        let said = format!("{}: cannot write {}", key.replace('-', "_"), nowhere.display());
        world.check(&["config", "check", &format!("--{key}"), nowhere.to_str().unwrap()], 1, &said);
        let directory = world.directory.path().to_str().unwrap();
        world.check(&["config", "check", &format!("--{key}"), directory], 1, "is a directory: name a file");
    }
}

#[test]
fn a_misspelt_variable_is_warned_of() {
    let world = World::new();
    for command in ["check", "show"] {
        let output = world.command(&["config", command]).env("SCIM_SERVER_LISEN", "x").output().unwrap();
        let said = stderr(&output);
        assert!(output.status.success() && said.contains("did you mean SCIM_SERVER_LISTEN?"), "{said}");
    }
}

#[test]
fn health_is_that_of_the_running_server() {
    let mut server = TestServer::start();
    assert_eq!(server.run_json(&["health", "--json"])["ready"], true);
    server.stop();
    let output = server.run(&["health"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no server runs on"), "{}", stderr(&output));
}

/// What `make install` and the packages ask of the program.
#[test]
fn the_program_writes_its_manual_and_completions() {
    let world = World::new();
    let directory = world.path("man").display().to_string();
    assert_eq!(world.run(&["manual", &directory]).status.code(), Some(0));
    let page = |name: &str| std::fs::read_to_string(world.path("man").join(name)).unwrap_or_default();
    assert!(page("scim-server.1").contains("SCIM 2.0 service provider"));
    assert!(page("scim-server-token-rotate.1").contains("overlap"));
    for (shell, words) in
        [("bash", "_scim__server()"), ("zsh", "#compdef scim-server"), ("fish", "complete -c scim-server")]
    {
        let completions = world.run(&["completions", shell]);
        assert!(stdout(&completions).contains(words), "{shell}");
    }
}

/// What could not be read was said to have been.
#[test]
fn a_signal_reads_what_it_can_and_says_what_not() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "page_size = 50\n").unwrap();
    let server = TestServer::with(Options::args(&["--config", &file.path().to_string_lossy()]));
    std::fs::write(file.path(), "page_sise = 20\n").unwrap();
    server.signal("HUP");
    let log = server.wait_for_log("SIGHUP: not everything could be read");
    assert!(log.contains("the configuration stays as it was"), "{log}");
    assert!(!log.contains("read the files again"), "{log}");
}
