//! Users and groups: found, changed, deleted and restored in the console, and what each page says of it.

use serde_json::json;

use super::{Visitor, encode, hidden, signed_in, with_console};
use crate::server::{ENTERPRISE, Options, TestServer, USER};

#[tokio::test]
async fn users_are_found_as_one_types() {
    let server = with_console();
    let client = server.client();
    for name in ["anna", "Annika", "bert"] {
        client.user(name).await;
    }
    let visitor = Visitor::root(&server).await;
    let found = async |query: &str| visitor.get(&format!("/console/t/test/users{query}")).await.expect(200).text;
    let shows = |page: &str, names: [bool; 3]| {
        assert_eq!(["anna", "Annika", "bert"].map(|name| page.contains(&format!(">{name}</a>"))), names, "{page}");
    };
    shows(&found("").await, [true, true, true]);
    shows(&found("?q=ANN").await, [true, true, false]);
    shows(&found("?q=b").await, [false, false, true]);
    let nobody = found("?q=zoe").await;
    assert!(nobody.contains("Nobody is found"), "{nobody}");
    shows(&found(&format!("?filter={}", encode("userName eq \"bert\""))).await, [false, false, true]);
    let wrong = found("?filter=userName%20is%20bert").await;
    assert!(wrong.contains("notice bad") && wrong.contains("userName is bert"), "{wrong}");
}

#[tokio::test]
async fn columns_are_chosen_and_stay() {
    let server = with_console();
    let client = server.client();
    let body = json!({
        "schemas": [USER, ENTERPRISE], "userName": "anna", "title": "Engineer", "name": {"familyName": "Ahl"},
        "emails": [{"value": "anna@example.com"}], ENTERPRISE: {"department": "R&D"},
    });
    client.post("/Users", &body).await.expect(201);
    for number in 0..101 {
        client.user(&format!("user-{number:03}")).await;
    }
    let visitor = Visitor::root(&server).await;
    let usual = visitor.get("/console/t/test/users").await.expect(200).text;
    assert!(usual.contains(">External id</th>") && !usual.contains("Engineer"), "{usual}");
    // As a browser sends boxes that are ticked, and as a link has them.
    let department = format!("{ENTERPRISE}:department");
    let ticked = format!("?columns=title&columns={}&columns=name.familyName", encode(&department));
    let listed = format!("?columns={}", encode(&format!("TITLE,{department},name.familyName,nothing")));
    for query in [ticked, listed] {
        let page = visitor.get(&format!("/console/t/test/users{query}")).await.expect(200).text;
        for told in [">title</th>", "department</th>", ">Engineer</td>", ">R&#38;D</td>", "Ahl"] {
            assert!(page.contains(told), "{told}: {page}");
        }
        assert!(!page.contains("anna@example.com</td>") && !page.contains("External id</th>"), "{page}");
        let next = page.split("class=\"more\"><a href=\"").nth(1).and_then(|rest| rest.split('"').next());
        let next = next.expect("a next page").replace("&#38;", "&");
        let second = visitor.get(&next).await.expect(200).text;
        assert!(second.contains(">title</th>"), "{second}");
    }
    // What is searched keeps the columns, and the choice keeps what is searched.
    let page = visitor.get("/console/t/test/users?q=an&columns=title").await.expect(200).text;
    assert!(page.contains("name=\"columns\" value=\"title\"") && page.contains("name=\"q\" value=\"an\""), "{page}");
    let groups = visitor.get("/console/t/test/groups?columns=meta.created").await.expect(200).text;
    assert!(groups.contains("value=\"meta.created\" checked"), "{groups}");

    let mut browser = signed_in(&server);
    browser.open(&format!("{}/console/t/test/users", server.admin()));
    browser.click("summary", "Columns");
    browser.run("document.querySelector('[type=checkbox][value=title]').click()");
    browser.click("button", "Show these columns");
    browser.wait_for(
        "document.readyState === 'complete' && document.querySelector('thead').textContent.includes('title')",
    );
    browser.press("/");
    browser.wait_for("document.activeElement.name === 'q'");
    browser.write("ann");
    browser.wait_for("document.querySelectorAll('#results tbody tr').length === 1");
    assert_eq!(browser.run("document.querySelector('#results tbody').textContent.includes('Engineer')"), true);
    assert_eq!(browser.run("location.search.includes('columns=title')"), true, "a link to it shows the same");
    assert_eq!(browser.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn many_users_are_shown_page_by_page() {
    let server = with_console();
    let client = server.client();
    for number in 0..103 {
        client.user(&format!("user-{number:03}")).await;
    }
    let visitor = Visitor::root(&server).await;
    for (query, count) in [("", "103 users"), ("?q=user", "The first 100 users")] {
        let first = visitor.get(&format!("/console/t/test/users{query}")).await.expect(200).text;
        assert!(first.contains(count), "{first}");
        assert_eq!(first.matches("/console/t/test/users/").count(), 100, "{first}");
        let next = first.split("class=\"more\"><a href=\"").nth(1).and_then(|rest| rest.split('"').next());
        let next = next.expect("a next page").replace("&#38;", "&").replace("&amp;", "&");
        let second = visitor.get(&next).await.expect(200).text;
        assert_eq!(second.matches("/console/t/test/users/").count(), 3, "{second}");
    }
}

#[tokio::test]
async fn a_user_is_disabled_deleted_and_restored() {
    let server = with_console();
    let client = server.client();
    let of = |manager: &str| json!({"schemas": [USER, ENTERPRISE], "userName": "anna", "title": "Engineer", ENTERPRISE: {"manager": {"value": manager}}});
    let boss = client.user("boss").await;
    let anna = client.post("/Users", &of(&boss)).await.expect(201).id();
    let staff = client.group("Staff", std::slice::from_ref(&anna)).await;
    let title = json!([{"op": "replace", "path": "title", "value": "Lead"}]);
    client.patch(&format!("/Users/{anna}"), &title).await.expect(200);
    let visitor = Visitor::root(&server).await;
    let path = format!("/console/t/test/users/{anna}");
    let page = visitor.get(&path).await.expect(200).text;
    assert!(page.contains("title: Engineer → Lead") && page.contains(">Staff</a>"), "{page}");
    assert!(
        page.contains(&format!("joined: <a href=\"{path}\"")) && page.contains("scim-server user show --tenant test"),
        "{page}"
    );
    assert!(!page.contains(&format!(">{staff}</a>")), "the group has its name wherever something was changed: {page}");
    // Whoever is named by an id is called by the name, as long as there is one.
    assert!(page.contains(&format!("<a href=\"/console/t/test/users/{boss}\">boss</a>")), "{page}");
    client.delete(&format!("/Users/{boss}")).await.expect(204);
    server.run_json(&["user", "purge", "--tenant", "test", &boss, "--json"]);
    let page = visitor.get(&path).await.expect(200).text;
    assert!(!page.contains(&format!("/users/{boss}\"")) && page.contains("not there, and not kept"), "{page}");
    let group = visitor.get(&format!("/console/t/test/groups/{staff}")).await.expect(200).text;
    assert!(group.contains("1 direct member<") && group.contains(&path), "{group}");

    let page = visitor.done(&format!("{path}/disable"), &[]).await.text;
    assert!(page.contains("The user is disabled.") && page.contains(">inactive<"), "{page}");
    assert_eq!(client.get(&format!("/Users/{anna}")).await.json["active"], false);
    let page = visitor.done(&format!("{path}/enable"), &[]).await.text;
    assert!(page.contains(">active<"), "{page}");
    // Whom only the provider has made inactive can be disabled, too.
    let active = |active: bool| json!([{"op": "replace", "path": "active", "value": active}]);
    client.patch(&format!("/Users/{anna}"), &active(false)).await.expect(200);
    let page = visitor.get(&path).await.expect(200).text;
    assert!(page.contains(&format!("{path}/disable")) && !page.contains(&format!("{path}/enable")), "{page}");
    client.patch(&format!("/Users/{anna}"), &active(true)).await.expect(200);

    // What is typed must be the name, and a provider is there that may send the user again.
    let page = visitor.done(&format!("{path}/delete"), &[("typed", "bert"), ("force", "on")]).await.text;
    assert!(page.contains("Nothing was deleted"), "{page}");
    let page = visitor.done(&format!("{path}/delete"), &[("typed", "anna")]).await.text;
    assert!(page.contains("provisioned automatically"), "{page}");
    let page = visitor.done(&format!("{path}/delete"), &[("typed", "anna"), ("force", "on")]).await.text;
    assert!(page.contains("is deleted") && !page.contains(&path), "{page}");
    client.get(&format!("/Users/{anna}")).await.expect(404);
    let page = visitor.get("/console/t/test/deleted").await.expect(200).text;
    assert!(page.contains("anna") && page.contains("Kept until"), "{page}");
    let page = visitor.done("/console/t/test/deleted", &[("kind", "users"), ("id", &anna)]).await.text;
    assert!(page.contains("The user is restored."), "{page}");
    client.get(&format!("/Users/{anna}")).await.expect(200);
}

#[tokio::test]
async fn whoever_was_deleted_comes_back_by_a_button() {
    let server = with_console();
    let client = server.client();
    let (anna, staff) = (client.user("anna").await, client.group("Staff", &[]).await);
    for path in [format!("/Users/{anna}"), format!("/Groups/{staff}")] {
        client.delete(&path).await.expect(204);
    }
    let mut browser = signed_in(&server);
    for (name, path, done) in [
        ("anna", format!("/Users/{anna}"), "The user is restored."),
        ("Staff", format!("/Groups/{staff}"), "The group is restored."),
    ] {
        browser.open(&format!("{}/console/t/test/deleted", server.admin()));
        browser.sees(name);
        client.get(&path).await.expect(404);
        // The users are first; what is restored is no longer there.
        browser.click("main button", "Restore");
        let page = browser.sees(done);
        assert!(page.contains(name), "{page}");
        client.get(&path).await.expect(200);
    }
    browser.open(&format!("{}/console/t/test/deleted", server.admin()));
    browser.sees("No deleted users.");
    assert_eq!(browser.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn tokens_are_made_rotated_and_deleted() {
    let server = with_console();
    let visitor = Visitor::root(&server).await;
    let base = "/console/t/test/tokens";
    let create = format!("{base}/create");
    let fields = [("name", "app"), ("scopes", "read,write"), ("lifetime", "20d")];
    let made = visitor.post(&create, &fields).await.expect(200).text;
    let token = made.split("data-copy=\"scim_").nth(1).and_then(|rest| rest.split('"').next()).expect("the token");
    let token = format!("scim_{token}");
    server.client().with_token(&token).get("/Users").await.expect(200);
    let page = visitor.get(base).await.expect(200).text;
    assert!(!page.contains(&token) && page.contains("badge warn\">20 days"), "{page}");
    let overview = visitor.get("/console").await.expect(200).text;
    assert!(!overview.contains("The token app ends"), "{overview}");
    let rotated = visitor.post(&format!("{base}/rotate"), &[("id", "app")]).await.expect(200).text;
    assert!(rotated.contains("The one before is good until"), "{rotated}");
    let overview = visitor.get("/console").await.expect(200).text;
    assert!(overview.contains("The token app ends in 7 days: the next one, "), "{overview}");
    // Two of that name are there: what would be refused is not asked about.
    let asked = visitor.done(&format!("{base}/ask"), &[("id", "app")]).await.text;
    assert!(asked.contains("notice bad") && !asked.contains("Delete the token"), "{asked}");
    let wrong =
        visitor.done(&format!("{base}/create"), &[("name", "x"), ("scopes", "read"), ("lifetime", "soon")]).await;
    assert!(wrong.text.contains("not a duration"), "{}", wrong.text);
    let client = visitor.post("/console/t/test/clients/create", &[("name", "entra")]).await.expect(200).text;
    assert!(client.contains("Client secret") && client.contains("scimcs_"), "{client}");
    let tokens = server.run_json(&["token", "list", "--tenant", "test", "--json"]);
    let id = tokens.as_array().and_then(|tokens| tokens.iter().find(|one| one["name"] == "app")).expect("the token");
    let asked = visitor.post(&format!("{base}/ask"), &[("id", id["token_id"].as_str().expect("an id"))]).await;
    assert!(asked.expect(200).text.contains("Delete the token “app”?"), "by its id");
    let id = id["token_id"].as_str().expect("an id");
    let page = visitor.done(&format!("{base}/delete"), &[("id", id)]).await.text;
    assert!(page.contains("lets nobody in"), "{page}");
}

#[tokio::test]
async fn a_tripped_brake_is_looked_at_and_put_back() {
    let settings = json!({"brake": {"users": 2}});
    let args = vec!["--console".to_owned()];
    let server = TestServer::with(Options { args, ..Options::settings(settings) });
    let client = server.client();
    let mut ids = Vec::new();
    for name in ["anna", "bert", "carl", "dora"] {
        ids.push(client.user(name).await);
    }
    let off = json!([{"op": "replace", "path": "active", "value": false}]);
    for id in &ids {
        client.patch(&format!("/Users/{id}"), &off).await.expect(200);
    }
    let visitor = Visitor::root(&server).await;
    let overview = visitor.get("/console").await.expect(200).text;
    assert!(overview.contains("brake on mass deprovisioning has tripped"), "{overview}");
    let page = visitor.get("/console/t/test/safety").await.expect(200).text;
    assert!(page.contains("badge bad\">tripped"), "{page}");
    let preview = visitor.post("/console/t/test/safety/brake-preview", &[]).await.expect(200).text;
    assert!(preview.contains("would be put back"), "{preview}");
    assert_eq!(client.get(&format!("/Users/{}", ids[0])).await.json["active"], false, "nothing is changed yet");
    let undo = "/console/t/test/safety/brake-undo";
    let page = visitor.done(undo, &[("was", &hidden(&preview, undo, "was"))]).await.text;
    assert!(page.contains("Put back: 4 users and groups."), "{page}");
    for id in &ids {
        assert_ne!(client.get(&format!("/Users/{id}")).await.json["active"], false);
    }
}

#[tokio::test]
async fn a_tenant_is_made_set_and_deleted() {
    let server = with_console();
    let visitor = Visitor::root(&server).await;
    let made = visitor.post("/console/tenants", &[("name", "acme"), ("token", "on")]).await.expect(200).text;
    assert!(made.contains("/scim/v2") && made.contains("data-copy=\"scim_"), "{made}");
    let page = visitor.get("/console/t/acme").await.expect(200).text;
    assert!(page.contains("Waiting for the first call") && page.contains("hx-trigger=\"every 3s\""), "{page}");
    let page = visitor.get("/console/t/test/settings").await.expect(200).text;
    assert!(page.contains("settings/set"), "{page}");
    let here = "/console/t/acme/settings";
    visitor.set(here, "set", &[("settings", "{\"rate_limit\": 7}")]).await.expect(303);
    let page = visitor.get(here).await.expect(200).text;
    assert!(page.contains("in force"), "{page}");
    assert_eq!(server.run_json(&["tenant", "show", "acme", "--json"])["settings"]["rate_limit"], 7);
    let typed = "{\"rate_limit\": \"many\"}";
    let page = visitor.set(here, "set", &[("settings", typed)]).await.expect(400).text;
    assert!(page.contains("notice bad") && page.contains("many"), "what was typed is there: {page}");
    let page = visitor.done("/console/t/acme/settings/disable", &[]).await.text;
    assert!(page.contains("disabled: it answers 403"), "{page}");
    let page = visitor.done("/console/t/acme/settings/delete", &[("typed", "acme"), ("force", "on")]).await.text;
    assert!(page.contains("The tenant acme is deleted."), "{page}");
}
