//! Rules in the console: whose roles one would change is seen before it is set.

use serde_json::{Value, json};

use super::{Visitor, signed_in, with_console};

const HERE: &str = "/console/t/test/rules";

#[tokio::test]
async fn a_rule_is_looked_at_and_set() {
    let server = with_console();
    let client = server.client();
    let anna = client.user("anna").await;
    client.user("bert").await;
    client.group("Staff", std::slice::from_ref(&anna)).await;
    let rules = || server.run_json(&["role", "list", "--tenant", "test", "--json"]);
    let has_rule = || rules().as_array().is_some_and(|rules| rules.iter().any(|rule| rule["rule"] == "staff"));

    let mut browser = signed_in(&server);
    browser.open(&format!("{}{HERE}", server.admin()));
    browser.sees("No rules.");
    for (field, text) in [("name", "staff"), ("role", "member"), ("group", "Staff")] {
        browser.fill(field, text);
    }
    browser.click("button", "Look whose roles would change");
    let preview = browser.sees("Whose roles would change");
    assert!(preview.contains("1 of 2 user(s) would have other roles; nothing was changed."), "{preview}");
    assert!(preview.contains("anna") && preview.contains("member") && !preview.contains("bert"), "{preview}");
    assert!(!has_rule(), "it was only looked at");
    browser.click("button", "Set the rule");
    let page = browser.sees("The rule is set.");
    assert!(page.contains("staff") && page.contains("member"), "{page}");
    assert!(has_rule(), "{}", rules());
    browser.open(&format!("{}/console/t/test/users/{anna}", server.admin()));
    browser.sees("member");
    assert_eq!(browser.faults(), Vec::<String>::new());

    let visitor = Visitor::root(&server).await;
    let refused = visitor.done(&format!("{HERE}/set-preview"), &[("role", "member"), ("group", "Staff")]).await.text;
    assert!(refused.contains("Give the rule a name."), "{refused}");
    let fields = [("name", "ghosts"), ("role", "member"), ("group", "Ghosts")];
    let refused = visitor.done(&format!("{HERE}/set"), &fields).await.text;
    assert!(refused.contains("notice bad") && refused.contains("Ghosts"), "{refused}");
    let viewer = server.run_json(&["admin-token", "create", "--name", "v", "--role", "viewer", "--json"]);
    let viewer = Visitor::by_token(&server, viewer["token"].as_str().expect("a token")).await;
    let fields = [("name", "all"), ("role", "admin"), ("group", "Staff")];
    let refused = viewer.done(&format!("{HERE}/set"), &fields).await.text;
    assert!(refused.contains("notice bad") && rules().as_array().map(Vec::len) == Some(1), "{refused}");
}

/// A rewrite is made and taken away, each time after a look at what that would do.
#[tokio::test]
async fn a_rewrite_is_looked_at_and_set() {
    let server = with_console();
    let client = server.client();
    let jane = client.user("jane").await;
    let mail = json!([{"op": "add", "path": "emails", "value": [{"value": "Jane@Example.com", "primary": true}]}]);
    client.patch(&format!("/Users/{jane}"), &mail).await.expect(200);
    let stored = || server.run_json(&["mapping", "list", "--tenant", "test", "--json"]);
    let mut browser = signed_in(&server);
    browser.open(&format!("{}{HERE}", server.admin()));
    browser.click("summary", "Another rewrite");
    browser.run("document.querySelector('[name=rewrite]').value = 'lower-case'; 1");
    // Its fields are above those of a new rule.
    for (field, text) in [("name", "mail"), ("attribute", "emails.value")] {
        browser.fill(field, text);
    }
    browser.click("button", "Look what would change");
    let page = browser.sees("What would change");
    assert!(page.contains("Jane@Example.com") && page.contains("jane@example.com"), "{page}");
    assert_eq!(stored(), json!([]), "it was only looked at");
    browser.click("button", "Change it");
    browser.sees("The rewrites are set.");
    assert_eq!(stored()[0]["name"], "mail");
    browser.click("main button", "Remove");
    browser.sees("What would change");
    browser.click("button", "Change it");
    browser.sees("What the provider sends is kept as it is:");
    assert_eq!(stored(), json!([]));
    assert_eq!(browser.faults(), Vec::<String>::new());

    let visitor = Visitor::root(&server).await;
    let fields = [("name", "x"), ("rewrite", "lower-case"), ("resource_type", "User"), ("attribute", "emails.value")];
    let preview = visitor.post(&format!("{HERE}/mapping-preview"), &fields).await.expect(200).text;
    assert!(preview.contains(&format!("<a href=\"/console/t/test/users/{jane}\">jane</a>")), "{preview}");
    // Two would get the same name, and the second would not.
    let title = json!([{"op": "add", "path": "title", "value": "old"}]);
    for id in [jane, client.user("june").await] {
        client.patch(&format!("/Users/{id}"), &title).await.expect(200);
    }
    let copy =
        [("name", "x"), ("rewrite", "copy"), ("resource_type", "User"), ("attribute", "title"), ("to", "userName")];
    let preview = visitor.post(&format!("{HERE}/mapping-preview"), &copy).await.expect(200).text;
    assert!(preview.contains("and 1 of these writes would be refused"), "{preview}");
    assert_eq!(preview.matches("Another User gets the same userName by its next write.").count(), 1, "{preview}");
    let fields = [("name", "x"), ("rewrite", "lower-case"), ("attribute", "nothing")];
    let refused = visitor.done(&format!("{HERE}/mapping-preview"), &fields).await.text;
    assert!(refused.contains("notice bad") && refused.contains("nothing"), "{refused}");
    let late = [("was", "[]x"), ("rewrites", "[]")];
    let refused = visitor.done(&format!("{HERE}/mapping-set"), &late).await.text;
    assert!(refused.contains("were changed meanwhile") && stored() == Value::from(Vec::<Value>::new()), "{refused}");
}
