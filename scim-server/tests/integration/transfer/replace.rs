//! Putting one tenant in the place of another: the old one is there until the new one is whole.

#![allow(clippy::unwrap_used, reason = "a test says that something is wrong by panicking")]

use std::sync::Arc;

use scim_server::internals::{
    clock::{Clock, SystemClock},
    directory::Directory,
    store::{
        Store,
        postgres::{Options as Database, PostgresStore},
        sled::SledStore,
    },
};

use super::*;
use crate::server::Client;

/// A store with both tenants of the archive, changed since: it has a user whom the file has not, and a
/// token more.
struct Changed {
    archive: Archive,
    here: Arc<TempDir>,
    url: Option<String>,
    late: String,
}

impl Changed {
    fn new(url: Option<String>) -> Self {
        let archive = Archive::new();
        let here = Arc::new(tempfile::tempdir().unwrap());
        let mut changed = Self { archive, here, url, late: String::new() };
        if changed.url.is_some() {
            succeeds(changed.command(&["migrate"]));
        } else {
            succeeds(changed.command(&["init", "--tenant", "other"]));
        }
        let file = changed.archive.file();
        succeeds(changed.command(&["import", file.to_str().unwrap()]));
        let tenant = changed.archive.path.split('/').nth(1).unwrap().to_owned();
        succeeds(changed.command(&["user", "create", "--tenant", &tenant, "--user-name", "late", "--force"]));
        let made = succeeds(changed.command(&["token", "create", "--tenant", &tenant, "--json"]));
        changed.late = word(&serde_json::from_str(&made).unwrap(), "token");
        changed
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let store: Vec<_> = self.url.iter().flat_map(|url| ["--store", url.as_str()]).collect();
        with(self.here.path(), arguments, &store)
    }

    fn server(&self) -> TestServer {
        TestServer::at(&self.here, &self.archive.path, &self.archive.token, self.url.clone())
    }

    /// Asserts that everything is as it was before the attempt to replace it, and that it is served.
    async fn is_as_it_was(&self, server: &TestServer) {
        let client = server.client();
        assert_eq!(client.get("/Users?count=1").await.expect(200).json["totalResults"], USERS + 1);
        let late = client.get("/Users?filter=userName%20eq%20%22late%22").await.expect(200);
        assert_eq!(late.json["totalResults"], 1);
        Client::new(&server.base(), &self.late).get("/Users?count=1").await.expect(200);
    }
}

async fn an_old_tenant_stays_until_the_new_one_is_whole(url: Option<String>) {
    let changed = Changed::new(url);
    let file = changed.archive.file();
    let file = file.to_str().unwrap();
    let half = changed.here.path().join("half.jsonl");
    std::fs::write(&half, changed.archive.lines[..5000].join("\n")).unwrap();
    let altered = changed.here.path().join("altered.jsonl");
    std::fs::write(&altered, changed.archive.text().replacen("user17\"", "user17x\"", 1)).unwrap();
    // A file that is not whole is refused before anything happens.
    for (wrong, words) in [(&half, "cut off"), (&altered, "damaged")] {
        for how in ["--replace", "--discard"] {
            fails(changed.command(&["import", how, wrong.to_str().unwrap()]), &[words]);
        }
    }
    let mut server = changed.server();
    changed.is_as_it_was(&server).await;
    assert!(server.stop().success());

    // Killed in the middle of it, again and again: the old one is there, and `check` finds nothing.
    for lines in [2500, 5200] {
        changed.archive.begin(changed.command(&["import", "--replace", "-"]), lines);
        succeeds(changed.command(&["check"]));
        let mut server = changed.server();
        changed.is_as_it_was(&server).await;
        let listed = server.run_json(&["tenant", "list", "--json"]);
        let names: Vec<_> = listed.as_array().unwrap().iter().map(|tenant| &tenant["tenant"]).collect();
        assert!(names.iter().filter(|name| **name == "first").count() == 1, "{listed}");
        assert!(server.stop().success());
    }
    // Given up, with what the file has brought; and begun again, and ended.
    changed.archive.begin(changed.command(&["import", "--replace", "--discard", "-"]), 4100);
    let said = succeeds(changed.command(&["import", "--replace", "--discard", file, "--json"]));
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["tenants"], &said["resumed_after"]), (&json!(2), &Value::Null), "{said}");
    succeeds(changed.command(&["check"]));
    let server = changed.server();
    let client = server.client();
    assert_eq!(client.get("/Users?count=1").await.expect(200).json["totalResults"], USERS);
    assert_eq!(client.get("/Users?filter=userName%20eq%20%22late%22").await.expect(200).json["totalResults"], 0);
    assert_eq!(client.get("/Users?filter=userName%20eq%20%22user17%22").await.expect(200).json["totalResults"], 1);
    Client::new(&server.base(), &changed.late).get("/Users?count=1").await.expect(401);
    // What is written goes where it is read, in and out of groups; and a running server does the same.
    let id = client.user("newest").await;
    let group = client.group("newest", std::slice::from_ref(&id)).await;
    assert_eq!(client.get(&format!("/Users/{id}")).await.expect(200).json["groups"][0]["value"], group);
    server.run_json(&["import", "--replace", file, "--json"]);
    client.get(&format!("/Users/{id}")).await.expect(404);
    assert_eq!(client.get("/Users?count=1").await.expect(200).json["totalResults"], USERS);
    drop(server);
    succeeds(changed.command(&["check"]));
    // What comes out is what came in, under the same ids; but for the records of the system, which went on.
    let of = |text: &str| {
        let tenant = changed.archive.path.split('/').nth(1).unwrap();
        let begins = |line: &&str| line.get(..80).is_some_and(|begin| begin.contains(tenant));
        // The log of a tenant that was replaced has a mark behind what the file brought.
        text.lines().filter(begins).filter(|line| !line.contains("\"tenant.replaced\"")).collect::<Vec<_>>().join("\n")
    };
    let all = succeeds(changed.command(&["export", "--all"]));
    same(&of(&all), &of(&changed.archive.text()));
    let one = succeeds(changed.command(&["export", "--tenant", "first"]));
    let other = succeeds(changed.command(&["export", "--tenant", "second"]));
    same(&(of(&one) + &of(&other)), &of(&changed.archive.text()));
    // And goes as a whole.
    for name in ["first", "second"] {
        succeeds(changed.command(&["tenant", "delete", name, "--force", "--yes"]));
    }
    succeeds(changed.command(&["check"]));
    let rest = succeeds(changed.command(&["export", "--all"]));
    assert!(!rest.contains("userName"), "users are left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_tenant_stays_until_the_new_one_is_whole_in_a_directory() {
    an_old_tenant_stays_until_the_new_one_is_whole(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_tenant_stays_until_the_new_one_is_whole_in_a_database() {
    an_old_tenant_stays_until_the_new_one_is_whole(Some(shared().schema())).await;
}

/// Giving up is a removal, too: whoever is killed in the middle of it has lost a part of what the mark says
/// is there.
async fn an_import_that_was_half_given_up_begins_anew(url: Option<String>) {
    let archive = Archive::new();
    let here = tempfile::tempdir().unwrap();
    let store: Vec<_> = url.iter().flat_map(|url| ["--store", url.as_str()]).collect();
    succeeds(with(here.path(), &["init", "--tenant", "other"], &store));
    archive.begin(with(here.path(), &["import", "-"], &store), 4200);

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let opened: Arc<dyn Store> = match &url {
        Some(url) => Arc::new(PostgresStore::open(&Database::new(url.as_str()), Arc::clone(&clock)).await.unwrap()),
        None => Arc::new(SledStore::open(&here.path().join("store"), Arc::clone(&clock)).unwrap()),
    };
    let directory = Directory::new(Arc::clone(&opened), clock);
    let tenant = directory.find(archive.path.split('/').nth(1).unwrap()).await.unwrap();
    let tenant = directory.close(tenant, true).await.unwrap();
    assert!(opened.erase(tenant.home()).await.unwrap() > 0);
    opened.close().await.unwrap();
    drop((directory, opened));

    let file = archive.file();
    let said = succeeds(with(here.path(), &["import", file.to_str().unwrap(), "--json"], &store));
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["resumed_after"], &said["resources"]), (&Value::Null, &json!(USERS + 40 + 6)), "{said}");
    succeeds(with(here.path(), &["check"], &store));
    let exported = succeeds(with(here.path(), &["export", "--tenant", &tenant.id.to_string()], &store));
    assert_eq!(exported.matches("\"userName\"").count() as u64, 2 * USERS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_was_half_given_up_begins_anew_in_a_directory() {
    an_import_that_was_half_given_up_begins_anew(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_was_half_given_up_begins_anew_in_a_database() {
    an_import_that_was_half_given_up_begins_anew(Some(shared().schema())).await;
}

/// Killed at each moment in turn, until it comes to its end: settings are the old ones or the new ones,
/// nobody is missing, and what an index was to be filled with is in it or found without it.
async fn settings_that_are_killed_are_the_old_or_the_new(url: Option<String>) {
    let changed = Changed::new(url);
    let tenant = changed.archive.path.split('/').nth(1).unwrap();
    let schema = json!({"extends": "User", "schema": {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": "urn:example:payroll:1.0:User",
        "name": "Payroll", "attributes": [{"name": "costs", "type": "string"}],
    }});
    let settings = json!({"schemas": [schema], "indexes": {"User": ["title", "nickName"]}});
    let file = changed.here.path().join("settings.json");
    std::fs::write(&file, settings.to_string()).unwrap();
    let set = ["tenant", "set", tenant, "--settings", file.to_str().unwrap()];
    let mut delay = Duration::ZERO;
    loop {
        let mut child = started(changed.command(&set).stdin(Stdio::null()));
        std::thread::sleep(delay);
        let ended = child.try_wait().unwrap().is_some();
        let _ = child.kill();
        let status = child.wait().unwrap();
        let shown = succeeds(changed.command(&["tenant", "show", tenant, "--json"]));
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown["users"], USERS + 1);
        let found = &shown["settings"];
        if ended {
            assert!(status.success(), "{}", complaint(&mut child));
            assert_eq!((&found["schemas"], &found["indexes"]), (&settings["schemas"], &settings["indexes"]));
            break;
        }
        let whole = found["schemas"] == settings["schemas"] && found["indexes"] == settings["indexes"];
        assert!(whole || found["schemas"] == json!([]) && found["indexes"] == json!({}), "{found}");
        delay = delay * 2 + Duration::from_millis(40);
    }
    succeeds(changed.command(&["check"]));
    let mut server = changed.server();
    changed.is_as_it_was(&server).await;
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_are_killed_are_the_old_or_the_new_in_a_directory() {
    settings_that_are_killed_are_the_old_or_the_new(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_are_killed_are_the_old_or_the_new_in_a_database() {
    settings_that_are_killed_are_the_old_or_the_new(Some(shared().schema())).await;
}
