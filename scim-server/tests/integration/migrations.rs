//! The database's schema: made by one of many, and never used by a program that does not know it.

use std::process::{Child, Output, Stdio};

use crate::{
    database::shared,
    server::{TestServer, program, run},
};

fn schema_of(url: &str) -> &str {
    url.rsplit("%3D").next().expect("the schema")
}

#[track_caller]
fn refused(output: &Output, words: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(words), "{said}");
}

#[test]
fn of_many_that_migrate_at_once_one_does() {
    for _ in 0..3 {
        let url = shared().schema();
        let here = tempfile::tempdir().expect("a temporary directory");
        let start = |_| -> Child {
            let mut command = program(here.path());
            command.args(["migrate", "--store", &url]).stdin(Stdio::null()).stdout(Stdio::piped());
            command.stderr(Stdio::piped()).spawn().expect("the program")
        };
        let started: Vec<_> = (0..6).map(start).collect();
        let ended = started.into_iter().map(|child| child.wait_with_output().expect("the program"));
        let said: Vec<_> = ended
            .map(|output| {
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                String::from_utf8_lossy(&output.stdout).into_owned()
            })
            .collect();
        assert_eq!(said.iter().filter(|said| said.starts_with("Applied: ")).count(), 1, "{said:?}");
        let steps = format!("SELECT count(*) = count(DISTINCT number) FROM {}.schema_migration", schema_of(&url));
        assert_eq!(shared().sql(&steps), "t");
    }
}

#[test]
fn a_schema_that_is_not_the_programs_own_is_refused() {
    let url = shared().schema();
    let here = tempfile::tempdir().expect("a temporary directory");
    let at = |arguments: &[&str]| run(here.path(), &[arguments, &["--store", &url]].concat());
    let serve = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    for command in [&serve[..], &["check"], &["tenant", "list"], &["export", "--all"]] {
        refused(&at(command), "run `scim-server migrate`, or serve with --migrate");
    }
    assert!(at(&["migrate"]).status.success());
    assert!(String::from_utf8_lossy(&at(&["migrate"]).stdout).contains("is as this version needs it"));
    assert!(at(&["check"]).status.success());
    let newer = format!("INSERT INTO {}.schema_migration VALUES (999, 'of tomorrow', 0)", schema_of(&url));
    shared().sql(&newer);
    for command in [&serve[..], &[&serve[..], &["--migrate"]].concat(), &["check"], &["migrate"], &["tenant", "list"]] {
        refused(&at(command), "use a newer version of it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_migrates_when_it_is_told() {
    let mut server = TestServer::adopt_migrating(shared().schema());
    let made = server.run_json(&["tenant", "create", "acme", "--json"]);
    assert_eq!(made["tenant"], "acme");
    server.client().get("/Users").await.expect(401);
    assert!(server.stop().success());
}
