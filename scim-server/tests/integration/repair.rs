//! `check` and `check --repair` on a database whose rows were damaged by hand.

use std::process::Output;

use serde_json::{Value, json};

use crate::{
    database::shared,
    server::{Options, TestServer, USER},
};

/// A database with five users and a group of three, and no server on it.
struct Damaged {
    server: TestServer,
    schema: String,
}

impl Damaged {
    async fn new() -> Self {
        let url = shared().schema();
        let schema = url.rsplit("%3D").next().expect("the schema").to_owned();
        let mut server = TestServer::with(Options { store: Some(url), ..Options::default() });
        let client = server.client();
        let mut users = Vec::new();
        for number in 0..5 {
            let name = format!("user{number}");
            let user = json!({"schemas": [USER], "userName": name, "displayName": name});
            users.push(client.post("/Users", &user).await.expect(201).id());
        }
        client.group("staff", &users[..3]).await;
        assert!(server.stop().success());
        Self { server, schema }
    }

    fn sql(&self, statement: &str) -> String {
        shared().sql(&format!("SET search_path = {}; {statement}", self.schema))
    }

    fn check(&self, arguments: &[&str]) -> (Output, Vec<(String, bool)>) {
        let output = self.server.run(&[&["check", "--json"], arguments].concat());
        let found: Vec<Value> = serde_json::from_slice(&output.stdout).expect("findings");
        let mut kinds: Vec<_> = found
            .iter()
            .map(|found| (found["kind"].as_str().expect("a kind").to_owned(), found["repaired"] == true))
            .collect();
        kinds.sort();
        kinds.dedup();
        (output, kinds)
    }

    /// Damages, finds exactly these kinds of faults, repairs those, and finds no more.
    #[track_caller]
    fn finds(&self, damage: &str, expect: &[&str], repairs: &[&str]) {
        let before = self.sql(STATE);
        self.sql(damage);
        assert_ne!(self.sql(STATE), before, "{damage} changed nothing");
        let (output, found) = self.check(&[]);
        let unrepaired: Vec<_> = expect.iter().map(|kind| ((*kind).to_owned(), false)).collect();
        assert_eq!((output.status.code(), found), (Some(1), unrepaired), "{damage}");
        let (output, found) = self.check(&["--repair"]);
        let repaired: Vec<_> = repairs.iter().map(|kind| ((*kind).to_owned(), true)).collect();
        assert_eq!((output.status.code(), found), (Some(0), repaired), "{damage}");
        let (output, found) = self.check(&[]);
        assert_eq!((output.status.code(), found), (Some(0), vec![]), "{damage}");
    }

    /// The same, and everything is as it was.
    #[track_caller]
    fn restores(&self, damage: &str, expect: &[&str]) {
        let before = self.sql(STATE);
        // What a fault makes look wrong is right when the fault is repaired.
        let repairs: Vec<_> =
            expect.iter().copied().filter(|kind| expect.len() == 1 || *kind != "members-wrong").collect();
        self.finds(damage, expect, &repairs);
        assert_eq!(self.sql(STATE), before, "{damage}");
    }
}

/// Everything but documents and the log, as one text. The server's own log goes on: each repair is an event there.
const STATE: &str = "
    SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
        SELECT 'entry ' || index_entry::text AS line FROM index_entry
        UNION ALL SELECT 'edge ' || member::text FROM member
        UNION ALL SELECT 'count ' || resource_count::text FROM resource_count WHERE resources <> 0
        UNION ALL SELECT 'head ' || id || ' ' || version || ' ' || members FROM resource
        UNION ALL SELECT 'log ' || tenant || ' ' || sequence FROM tenant_log
        WHERE tenant <> '00000000-0000-0000-0000-000000000000') AS lines";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_damaged_by_hand_is_found_and_put_right() {
    let store = Damaged::new().await;
    assert_eq!(store.check(&[]).1, []);
    // Index entries.
    store.restores(
        "DELETE FROM index_entry WHERE attribute = 'userName' AND id = (SELECT id FROM resource WHERE display = 'user1')",
        &["index-missing"],
    );
    store.restores(
        "UPDATE index_entry SET is_unique = false WHERE attribute = 'userName' AND id = (SELECT id FROM resource WHERE display = 'user2')",
        &["unique-missing"],
    );
    store.restores(
        "INSERT INTO index_entry SELECT tenant, resource_type, 'userName', 'nobody', id, true FROM resource WHERE display = 'user3'",
        &["index-stale"],
    );
    store.restores(
        "INSERT INTO index_entry SELECT tenant, 'User', 'userName', 'gone', gen_random_uuid(), true FROM resource WHERE display = 'user3'",
        &["index-stray"],
    );
    store.restores(
        "UPDATE index_entry SET value = 'moved' WHERE attribute = 'userName' AND id = (SELECT id FROM resource WHERE display = 'user4')",
        &["index-missing", "index-stale"],
    );
    // Edges, whose other end or group is not there.
    store.restores(
        "INSERT INTO member SELECT tenant, id, gen_random_uuid(), 'Group', 'User' FROM resource WHERE resource_type = 'Group'",
        &["edge-dangling", "members-wrong"],
    );
    store.restores(
        "INSERT INTO member SELECT tenant, gen_random_uuid(), id, 'Group', 'User' FROM resource WHERE display = 'user0'",
        &["edge-dangling"],
    );
    // Counts and numbers.
    store.restores("UPDATE resource SET members = 77 WHERE resource_type = 'Group'", &["members-wrong"]);
    store.restores("UPDATE resource_count SET resources = 9 WHERE resource_type = 'User'", &["count-wrong"]);
    store.restores("DELETE FROM resource_count WHERE resource_type = 'Group'", &["count-wrong"]);
    store.restores(
        "UPDATE tenant_log SET sequence = 2 WHERE tenant IN (SELECT tenant FROM resource WHERE resource_type = 'User')",
        &["sequence-wrong"],
    );
    // A membership that is lost cannot be known: what is there is the truth, and the count follows.
    store.finds(
        "DELETE FROM member WHERE member_id = (SELECT id FROM resource WHERE display = 'user0')",
        &["members-wrong"],
        &["members-wrong"],
    );
    // A whole resource: what led to it goes.
    store.finds(
        "DELETE FROM resource WHERE display = 'user1'",
        &["count-wrong", "edge-dangling", "index-stray"],
        &["count-wrong", "edge-dangling", "index-stray", "members-wrong"],
    );
    // Several at once.
    store.finds(
        "UPDATE resource_count SET resources = 0 WHERE resource_type = 'User';
         DELETE FROM index_entry WHERE attribute = 'userName'",
        &["count-wrong", "index-missing"],
        &["count-wrong", "index-missing"],
    );

    // The server goes on with what was repaired.
    let Damaged { mut server, .. } = store;
    server.launch();
    let client = server.client();
    for number in [0, 2, 3, 4] {
        let found = client.get(&format!("/Users?filter=userName%20eq%20%22user{number}%22")).await.expect(200);
        assert_eq!(found.ids().len(), 1, "{}", found.text);
    }
    client.user("user1").await;
    assert_eq!(client.get("/Users?count=0").await.expect(200).json["totalResults"], 5);
}

/// Without the database's own unique index, two may have one name: that is told, and not decided.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_two_have_is_left_to_people() {
    let store = Damaged::new().await;
    store.sql("DROP INDEX index_entry_unique");
    // The entry is doubled; the documents disagree.
    store.restores(
        "INSERT INTO index_entry SELECT e.tenant, e.resource_type, e.attribute, e.value, r.id, true
         FROM index_entry AS e, resource AS r WHERE e.attribute = 'userName' AND r.display = 'user4'
         AND e.id = (SELECT id FROM resource WHERE display = 'user0')",
        &["index-stale"],
    );
    // The document is doubled, too.
    store.sql(
        "UPDATE resource SET visible = replace(encode(visible, 'escape'), 'user4', 'user0')::bytea WHERE display = 'user4'",
    );
    store.sql("DELETE FROM index_entry WHERE attribute = 'userName' AND id = (SELECT id FROM resource WHERE display = 'user4')");
    let (output, found) = store.check(&["--repair"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(found.contains(&("unique-twice".to_owned(), false)), "{found:?}");
    let (_, found) = store.check(&["--repair"]);
    assert!(found.iter().all(|(kind, _)| kind == "unique-twice"), "{found:?}");
    store.sql("CREATE UNIQUE INDEX index_entry_unique ON index_entry (tenant, resource_type, attribute, value) WHERE is_unique");
}
