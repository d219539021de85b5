//! Previews of very much, and what goes on when nobody waits for it any more.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Visitor, safety::newest, with_console};
use crate::server::{Client, PATIENCE, USER};

const TENANT: &str = "/console/t/test";

/// Makes so many users in one request, and gives their ids.
async fn users(client: &Client, number: usize) -> Vec<String> {
    let one = |n: usize| {
        let user = json!({"schemas": [USER], "userName": format!("User-{n}")});
        json!({"method": "POST", "path": "/Users", "bulkId": format!("b{n}"), "data": user})
    };
    let operations: Vec<_> = (0..number).map(one).collect();
    let schema = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
    let answer = client.post("/Bulk", &json!({"schemas": [schema], "Operations": operations})).await.expect(200).json;
    let id = |one: &Value| one["location"].as_str().and_then(|at| at.rsplit('/').next()).expect("an id").to_owned();
    answer["Operations"].as_array().expect("a list").iter().map(id).collect()
}

/// A preview that does not show all says so, with the command that does.
#[tokio::test]
async fn a_preview_says_what_it_does_not_show() {
    let server = with_console();
    let client = server.client();
    let since = newest(&server).to_string();
    let ids = users(&client, 250).await;
    client.group("Staff", &ids).await;
    let visitor = Visitor::root(&server).await;
    let rule = [("name", "staff"), ("role", "member"), ("group", "Staff")];
    let rewrite = [("name", "low"), ("rewrite", "lower-case"), ("resource_type", "User"), ("attribute", "userName")];
    for (form, fields, all, command) in [
        ("safety/undo-preview", &[("since", since.as_str())][..], 251, "scim-server undo --tenant test --since"),
        ("rules/set-preview", &rule[..], 250, "scim-server role set"),
        ("rules/mapping-preview", &rewrite[..], 250, "mapping set --tenant test"),
    ] {
        let page = visitor.post(&format!("{TENANT}/{form}"), fields).await.expect(200).text;
        let (table, below) = page.split_once("The first 200 of ").unwrap_or_else(|| panic!("{form}: {page}"));
        assert!(below.starts_with(&format!("{all} are shown. This command lists all:")), "{form}: {below}");
        assert!(below.contains(command), "{form}: {below}");
        // Above the list, and beside what does it, stands how many there are.
        let (_, section) = table.split_once("<section>").expect("a section");
        let (note, _) = section.split_once("<form").expect("what does it");
        assert!(note.contains(&format!("{all} ")), "{form}: {note}");
        assert_eq!(table.matches("<tr role=\"row\"><td").count(), 200, "{form}: {table}");
    }
    let few = newest(&server);
    client.user("one-more").await;
    let page = visitor.post(&format!("{TENANT}/safety/undo-preview"), &[("since", &few.to_string())]).await.expect(200);
    assert!(page.text.contains("one-more") && !page.text.contains("This command lists all"), "{}", page.text);
}

/// A preview of a rewrite looks at the first alone, and says so; where no rewrite is left, there is nothing to count.
#[tokio::test]
async fn a_preview_of_a_rewrite_says_of_whom_it_is() {
    let server = with_console();
    server.client().user("low").await;
    let visitor = Visitor::root(&server).await;
    let preview = format!("{TENANT}/rules/mapping-preview");
    let rewrite = [("name", "low"), ("rewrite", "lower-case"), ("resource_type", "User"), ("attribute", "userName")];
    let page = visitor.post(&preview, &rewrite).await.expect(200).text;
    for said in [
        "0 of 1 resource(s) would be changed",
        "That is of the first 1,000 users and groups: the command looks at all.",
        "Of the first 1,000 users and groups, nothing that is stored would change.",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let file = server.scratch("mapping.json");
    std::fs::write(&file, json!([{"name": "low", "rewrite": "lower-case", "attribute": "userName"}]).to_string())
        .expect("a file");
    let file = file.to_string_lossy();
    assert!(server.run(&["mapping", "set", "--tenant", "test", &file]).status.success());
    let page = visitor.post(&preview, &[("remove", "low")]).await.expect(200).text;
    assert!(page.contains("No rewrite is left") && !page.contains("0 of 0"), "{page}");
}

/// An undo of very many takes longer than a proxy or somebody waits: it is not left half done.
#[tokio::test]
async fn what_was_begun_is_done_when_the_browser_has_gone() {
    let server = with_console();
    let client = server.client();
    let since = newest(&server).to_string();
    users(&client, 1000).await;
    let until = newest(&server).to_string();
    let visitor = Visitor::root(&server).await;
    let left = async || {
        let listed = client.get("/Users?count=0").await.expect(200).json;
        listed["totalResults"].as_u64().expect("a number")
    };
    let asked = tokio::spawn(async move {
        let range = [("since", since.as_str()), ("until", until.as_str())];
        drop(visitor.post(&format!("{TENANT}/safety/undo"), &range).await);
    });
    let patience = Instant::now() + PATIENCE;
    while left().await == 1000 {
        assert!(Instant::now() < patience, "it does not begin");
    }
    asked.abort();
    while left().await > 0 {
        assert!(Instant::now() < patience, "it was left half done");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
