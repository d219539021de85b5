//! A tenant with very many users, as an import brings them.

use std::fs;

use scim_protocol::Timestamp;
use scim_server::internals::{
    admin::archive::{self, Sum},
    store::{Body, Header, Item, Record, ResourceId, ResourceKey, TenantId},
};
use serde_json::json;
use uuid::Uuid;

use crate::server::{TestServer, USER};

/// How many users it has: fewer than the console is made for, so that a run of all tests stays short. `CONSOLE_USERS`
/// says otherwise, and `make test-console` says 100,000.
const USUAL: u64 = 20_000;

/// Fixed moments, in milliseconds.
const THEN: i64 = 1_790_000_000_000;

/// Makes the tenant `many`, and gives how many users it has.
pub fn import(server: &TestServer) -> u64 {
    let users = std::env::var("CONSOLE_USERS").map_or(USUAL, |text| text.parse().expect("CONSOLE_USERS is a number"));
    let made = server.run_json(&["init", "--tenant", "many", "--json"]);
    let tenant = made["tenant_id"].as_str().and_then(|id| Uuid::try_parse(id).ok()).map(TenantId).expect("an id");
    let exported = String::from_utf8(server.run(&["export", "--tenant", "many"]).stdout).expect("JSON Lines");
    let mut lines: Vec<String> = exported.lines().map(str::to_owned).collect();
    lines.pop();
    // Resources stand before the log.
    let log = lines.iter().position(|line| line.starts_with("{\"event\"")).unwrap_or(lines.len());
    lines
        .splice(log..log, (1..=users).map(|number| archive::write(&user(tenant, number)).expect("a line")))
        .for_each(drop);
    let mut sum = Sum::default();
    for line in &lines {
        sum.add(line);
    }
    lines.push(archive::write_end(&sum).expect("the last line"));
    let file = server.scratch("many.jsonl");
    fs::write(&file, lines.join("\n") + "\n").expect("the file");
    let done = server.run_json(&["import", "--replace", &file.to_string_lossy(), "--json"]);
    assert!(done["resources"].as_u64() >= Some(users), "{done}");
    users
}

fn user(tenant: TenantId, number: u64) -> Item {
    let id = ResourceId(Uuid::from_u128((1 << 100) + u128::from(number)));
    let key = ResourceKey { tenant, resource_type: "User".into(), id };
    let at = Timestamp::from_millis(THEN + number.cast_signed());
    let header = Header { version: 1, created: at, last_modified: at, members: 0 };
    let name = format!("user-{number:06}@example.com");
    let document = json!({
        "schemas": [USER], "id": id.to_string(), "userName": name, "active": true,
        "name": {"givenName": format!("Given {number}"), "familyName": format!("Family {number}")},
        "emails": [{"value": name, "primary": true}],
    });
    let body = Body { display: name.into(), visible: document.to_string().into(), hidden: "".into() };
    Item::Resource(key, Record { header, body }, vec![])
}
