//! What is really sent to the database: plain SQL that other engines of the same protocol have, too.

use std::collections::BTreeSet;

use serde_json::json;

use crate::{
    database::Cluster,
    server::{Options, TestServer},
};

/// What PostgreSQL has and CockroachDB or YugabyteDB have not, or not alike.
const FOREIGN: &[&str] = &[
    "advisory",
    "trigger",
    "extension",
    "listen ",
    "notify",
    "create function",
    "procedure",
    "plpgsql",
    "do $",
    "xmin",
    "ctid",
    "lock table",
    "serial",
    "tablespace",
    "copy ",
    "cursor",
    "create type",
    "create rule",
    "inherits",
    "exclude using",
    "regclass",
    "pg_catalog",
    "pg_class",
    "deferrable",
    "savepoint",
    "merge into",
    "skip locked",
];

/// How statements may begin.
const VERBS: &[&str] = &[
    "ALTER",
    "ANALYZE",
    "BEGIN",
    "COMMIT",
    "CREATE",
    "DELETE",
    "INSERT",
    "ROLLBACK",
    "SELECT",
    "SET",
    "START TRANSACTION",
    "UPDATE",
];

/// The statements that a program of ours has sent, each once, from a log in which each record begins
/// with the name of who sent it.
fn statements(log: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Option<String> = None;
    for line in log.lines() {
        // The rest of a statement of several lines is indented.
        if let (Some(statement), true) = (&mut open, line.starts_with('\t')) {
            statement.push('\n');
            statement.push_str(line);
            continue;
        }
        found.extend(open.take());
        let Some(record) = line.strip_prefix("scim-server LOG:  ") else { continue };
        let statement = record.strip_prefix("statement: ").or_else(|| {
            record.strip_prefix("execute ").and_then(|rest| rest.split_once(": ")).map(|(_, statement)| statement)
        });
        open = statement.map(str::to_owned);
    }
    found.extend(open);
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_that_only_one_engine_has() {
    let cluster = Cluster::start(&["log_statement = 'all'", "log_line_prefix = '%a '"]);
    let url = cluster.schema();
    let server = TestServer::with(Options { store: Some(url.clone()), ..Options::default() });
    send_requests(&server).await;
    run_commands(&server, &url, &cluster.schema());
    drop(server);

    let sent = statements(&cluster.log());
    for statement in &sent {
        let lines = statement.lines().filter(|line| !line.trim_start().starts_with("--"));
        let statement = lines.collect::<Vec<_>>().join("\n");
        let plain = statement.to_lowercase();
        let foreign: Vec<_> = FOREIGN.iter().filter(|word| plain.contains(*word)).collect();
        assert!(foreign.is_empty(), "{foreign:?} in {statement}");
        assert!(VERBS.iter().any(|verb| statement.trim_start().starts_with(verb)), "{statement}");
    }
    only_tables_and_indexes(&cluster);
    // The run has sent most of the statements that exist.
    println!("{} different statements", sent.len());
    assert!(sent.len() > 50, "{sent:#?}");
}

/// Requests of every kind, some of them to a second server on the same store.
async fn send_requests(server: &TestServer) {
    let other = server.beside();
    let client = server.client();
    let mut users = Vec::new();
    for number in 0..12 {
        users.push(client.user(&format!("user{number}")).await);
    }
    let group = client.group("staff", &users[..6]).await;
    let nested = client.group("all", std::slice::from_ref(&group)).await;
    client
        .patch(
            &format!("/Groups/{group}"),
            &json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", users[0])}]),
        )
        .await;
    client.patch(&format!("/Users/{}", users[1]), &json!([{"op": "replace", "path": "title", "value": "clerk"}])).await;
    client.delete(&format!("/Users/{}", users[2])).await.expect(204);
    client.delete(&format!("/Groups/{nested}")).await.expect(204);
    let page = client.get("/Users?cursor&count=3").await.expect(200);
    let cursor = page.json["nextCursor"].as_str().expect("a cursor");
    other.client().get(&format!("/Users?cursor={cursor}&count=3")).await.expect(200);
    for query in [
        "startIndex=4&count=3",
        "filter=userName%20eq%20%22user3%22",
        "filter=userName%20sw%20%22user%22",
        "filter=title%20pr",
        "filter=meta.lastModified%20gt%20%222020-01-01T00:00:00Z%22",
        "sortBy=userName&sortOrder=descending",
        "sortBy=meta.lastModified&sortOrder=descending",
        "filter=meta.lastModified%20gt%20%222020-01-01T00:00:00Z%22&sortBy=meta.lastModified&sortOrder=descending&count=2",
    ] {
        client.get(&format!("/Users?{query}")).await.expect(200);
    }
    client.get(&format!("/Groups?filter=members.value%20eq%20%22{}%22", users[3])).await.expect(200);
    client.get(&format!("/Groups/{group}?excludedAttributes=members")).await.expect(200);
}

/// Every command that reads or writes a store: on this one, and on an empty one that imports its export.
fn run_commands(server: &TestServer, store: &str, empty: &str) {
    let file = server.scratch("all.jsonl");
    let file = file.to_str().expect("a path");
    let there = ["--store", store];
    for command in [
        &["migrate"][..],
        &["tenant", "create", "second"],
        &["token", "rotate", "--tenant", "test"],
        &["check"],
        &["check", "--repair"],
        &["export", "--all", file],
    ] {
        let output = server.run(&[command, &there].concat());
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    for command in [&["migrate"][..], &["import", file], &["tenant", "delete", "test", "--force", "--yes"]] {
        let output = server.run(&[command, &["--store", empty]].concat());
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The schemas of the tests contain nothing but tables and indexes.
fn only_tables_and_indexes(cluster: &Cluster) {
    let made = "SELECT string_agg(DISTINCT relkind::text, '' ORDER BY relkind::text) FROM pg_class AS c \
        JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname LIKE 'test%'";
    assert_eq!(cluster.sql(made), "ir");
    for (what, table, name) in
        [("functions", "pg_proc", "pronamespace"), ("constraints that are triggers", "pg_trigger", "tgrelid")]
    {
        let of = if name == "tgrelid" {
            "SELECT oid FROM pg_class WHERE relnamespace IN"
        } else {
            "SELECT oid FROM pg_namespace WHERE oid IN"
        };
        let count = format!(
            "SELECT count(*) FROM {table} WHERE {name} IN ({of} (SELECT oid FROM pg_namespace WHERE nspname LIKE 'test%'))"
        );
        assert_eq!(cluster.sql(&count), "0", "{what}");
    }
}
