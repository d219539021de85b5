//! The database's schema: made by one of many, and never used by a program that does not know it.

use std::{
    process::{Child, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    database::shared,
    server::{Options, TestServer, program, run},
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

/// How many clients write while the schema is migrated, and how many users each of them makes afterwards.
const WRITERS: usize = 4;
const WRITES: usize = 10;

/// What a version of tomorrow does, as the steps in `migrations` do: a column more in each table, and a further table.
fn migrate_as_tomorrow(schema: &str) {
    let tables = format!("SELECT tablename FROM pg_tables WHERE schemaname = '{schema}' ORDER BY tablename");
    for table in shared().sql(&tables).lines().filter(|table| !table.starts_with("schema_")) {
        shared().sql(&format!("ALTER TABLE {schema}.{table} ADD COLUMN tomorrow bigint NOT NULL DEFAULT 0"));
    }
    shared().sql(&format!("CREATE TABLE {schema}.of_tomorrow (tenant uuid NOT NULL PRIMARY KEY)"));
    shared().sql(&format!("INSERT INTO {schema}.schema_migration VALUES (999, 'of tomorrow', 0)"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_version_before_serves_while_the_schema_is_migrated() {
    let url = shared().schema();
    let mut server = TestServer::with(Options { store: Some(url.clone()), ..Options::default() });
    let is_migrated = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (client, is_migrated) = (server.client(), Arc::clone(&is_migrated));
            tokio::spawn(async move {
                let (mut made, mut afterwards) = (0, 0);
                while afterwards < WRITES {
                    afterwards += usize::from(is_migrated.load(Ordering::Acquire));
                    let id = client.user(&format!("user-{writer}-{made}@example.com")).await;
                    client.get(&format!("/Users/{id}")).await.expect(200);
                    made += 1;
                }
                made
            })
        })
        .collect();
    tokio::task::spawn_blocking(move || migrate_as_tomorrow(schema_of(&url))).await.expect("a migration");
    is_migrated.store(true, Ordering::Release);
    let mut made = 0;
    for writer in writers {
        made += writer.await.expect("a writer that was never refused");
    }
    let listed = server.client().get("/Users?count=0").await.expect(200).json;
    assert_eq!(listed["totalResults"], made);
    assert!(server.run(&["check"]).status.success());
    assert!(server.stop().success());
}
