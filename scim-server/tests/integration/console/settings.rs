//! The settings of a tenant in the console: the common ones as a form, and schemas that are looked at before they are
//! added.

use serde_json::{Value, json};

use super::{Visitor, hidden, signed_in, with_console};
use crate::server::USER;

const HERE: &str = "/console/t/test/settings";
const BADGE: &str = "urn:example:params:scim:schemas:extension:badge:2.0:User";

#[tokio::test]
async fn common_settings_are_a_form() {
    let server = with_console();
    let shown = || server.run_json(&["tenant", "show", "test", "--json"])["settings"].clone();
    let visitor = Visitor::root(&server).await;
    let fields =
        [("profile", "rfc"), ("rate_limit", "7"), ("max_tokens", ""), ("restore_window", "10d"), ("strict", "on")];
    visitor.set(HERE, "form", &fields).await.expect(303);
    let page = visitor.get(HERE).await.expect(200).text;
    assert!(page.contains("in force") && page.contains("name=\"rate_limit\" value=\"7\""), "{page}");
    let settings = shown();
    assert_eq!((&settings["rate_limit"], &settings["strict"]), (&json!(7), &json!(true)), "{settings}");
    assert_eq!(settings["restore_window"], "10d", "{settings}");
    for (field, value, why) in [
        ("rate_limit", "many", "write a whole number from 0"),
        ("restore_window", "soon", "“Deleted ones can be restored for”"),
        ("profile", "none", "“Profile”"),
    ] {
        let refused = visitor.set(HERE, "form", &[(field, value)]).await.expect(400).text;
        assert!(refused.contains("notice bad") && refused.contains(why), "{refused}");
        assert!(
            refused.contains(&format!("value=\"{value}\"")) || field == "profile",
            "what was typed is kept: {refused}"
        );
        assert_eq!(shown(), settings, "nothing was changed");
    }
    // Of two values nobody knows which is meant.
    let repeated = "{\"rate_limit\": 11, \"quotas\": {\"User\": 9, \"User\": 8}}";
    let refused = visitor.set(HERE, "set", &[("settings", repeated)]).await.expect(400).text;
    let why = "the name &#34;User&#34; stands in one object twice. Nothing was changed.";
    assert!(refused.contains(why) && shown() == settings, "{refused}");
    // What is left empty has its default again, and what is no part of the form stays.
    visitor.set(HERE, "set", &[("settings", "{\"quotas\": {\"User\": 9}}")]).await.expect(303);
    visitor.set(HERE, "form", &[("profile", "rfc")]).await.expect(303);
    let settings = shown();
    assert_eq!((&settings["rate_limit"], &settings["strict"]), (&Value::Null, &json!(false)), "{settings}");
    assert_eq!(settings["quotas"]["User"], 9, "{settings}");
}

/// Of two who have the page open, the second does not take back what the first has saved.
#[tokio::test]
async fn settings_are_saved_only_over_what_was_shown() {
    let server = with_console();
    let shown = || server.run_json(&["tenant", "show", "test", "--json"])["settings"].clone();
    let (first, second) = (Visitor::root(&server).await, Visitor::root(&server).await);
    let (form, editor) = (format!("{HERE}/form"), format!("{HERE}/set"));

    let seen = second.get(HERE).await.expect(200).text;
    first.set(HERE, "form", &[("profile", "rfc"), ("rate_limit", "7")]).await.expect(303);
    for was in [hidden(&seen, &form, "was"), String::new()] {
        let late = [("profile", "rfc"), ("max_tokens", "3"), ("was", was.as_str())];
        let refused = second.post(&form, &late).await.expect(409).text;
        for told in ["notice bad", "compare them, and save again", "name=\"max_tokens\" value=\"3\"", "In force: 7."] {
            assert!(refused.contains(told), "{told}: {refused}");
        }
        assert_eq!((&shown()["rate_limit"], &shown()["max_tokens"]), (&json!(7), &Value::Null));
    }
    // Whoever has compared them saves what they mean; what the form does not show may change meanwhile.
    let was = hidden(&second.get(HERE).await.expect(200).text, &form, "was");
    first.set(HERE, "set", &[("settings", "{\"quotas\": {\"User\": 9}}")]).await.expect(303);
    let both = [("profile", "rfc"), ("rate_limit", "7"), ("max_tokens", "3"), ("was", was.as_str())];
    second.post(&form, &both).await.expect(303);
    assert_eq!((&shown()["rate_limit"], &shown()["max_tokens"]), (&json!(7), &json!(3)));

    let typed = "{\"strict\": true, \"quotas\": {}}";
    let late = [("settings", typed), ("was", &hidden(&seen, &editor, "was"))];
    let refused = second.post(&editor, &late).await.expect(409).text;
    for told in ["compare them, and save again", "{&#34;strict&#34;: true, &#34;quotas&#34;: {}}", "In force are:"] {
        assert!(refused.contains(told), "{told}: {refused}");
    }
    assert_eq!((&shown()["strict"], &shown()["quotas"]["User"]), (&json!(false), &json!(9)));
    second.post(&editor, &[("settings", typed), ("was", &hidden(&refused, &editor, "was"))]).await.expect(303);
    assert_eq!(shown()["strict"], true);
}

fn badge(attributes: &Value) -> String {
    json!({"extends": "User", "schema": {"id": BADGE, "name": "Badge", "attributes": attributes}}).to_string()
}

#[tokio::test]
async fn a_schema_is_looked_at_added_replaced_and_removed() {
    let server = with_console();
    let visitor = Visitor::root(&server).await;
    let schemas = || server.run_json(&["schema", "list", "--tenant", "test", "--json"]);
    let look = format!("{HERE}/schema-add-preview");
    for (wrong, why) in [
        ("{".to_owned(), "This is not JSON"),
        ("{\"extends\": \"User\", \"extends\": \"Group\"}".to_owned(), "each name once"),
        (badge(&json!([{"name": "a b"}])), "a b"),
        (badge(&json!([{"name": "n", "type": "text"}])), "text"),
        (json!({"extends": "Nobody", "schema": {"id": BADGE, "name": "B", "attributes": []}}).to_string(), "Nobody"),
    ] {
        let page = visitor.post(&look, &[("definition", &wrong)]).await.expect(400).text;
        assert!(page.contains("notice bad") && page.contains(why) && page.contains("Nothing was changed"), "{page}");
        assert!(page.contains("<textarea name=\"definition\""), "it can be mended: {page}");
    }
    let first = badge(&json!([{"name": "number", "type": "integer"}]));
    let page = visitor.post(&look, &[("definition", &first)]).await.expect(200).text;
    assert!(page.contains("It can be added") && page.contains("<code>number</code>"), "{page}");
    assert_eq!(schemas(), json!([]), "it was only looked at");
    let page = visitor.done(&format!("{HERE}/schema-add"), &[("definition", &first)]).await.text;
    assert!(page.contains("The schema is in force.") && page.contains(BADGE), "{page}");
    let body = json!({"schemas": [USER, BADGE], "userName": "anna", BADGE: {"number": 7}});
    server.client().post("/Users", &body).await.expect(201);
    // However many there are, the page does not read them all.
    let page = visitor.get(HERE).await.expect(200).text;
    assert!(page.contains(BADGE) && page.contains(">User</td>") && !page.contains("Used by"), "{page}");

    let second = badge(&json!([{"name": "number", "type": "integer"}, {"name": "colour"}]));
    let page = visitor.post(&look, &[("definition", &second)]).await.expect(200).text;
    assert!(page.contains("Replace the schema") && page.contains("<code>colour</code>"), "{page}");
    visitor.done(&format!("{HERE}/schema-add"), &[("definition", &second)]).await;
    assert_eq!(schemas()[0]["definition"]["schema"]["attributes"][1]["name"], "colour");

    // What only the command line can do is said to be so.
    let refused = visitor.set(HERE, "set", &[("settings", "{\"schemas\": []}")]).await.text;
    assert!(refused.contains("use <code>--force</code> at the command line to drop it"), "{refused}");

    let asked = visitor.post(&format!("{HERE}/schema-ask"), &[("schema", BADGE)]).await.expect(200).text;
    assert!(asked.contains("Only with the switch below") && asked.contains("schema remove"), "{asked}");
    let remove = format!("{HERE}/schema-remove");
    for (typed, why) in [("badge", "what was typed is not the URN"), (BADGE, "use the switch “Also while it is used”")]
    {
        let refused = visitor.done(&remove, &[("schema", BADGE), ("typed", typed)]).await.text;
        assert!(refused.contains("notice bad") && refused.contains(why), "{refused}");
    }
    let gone = visitor.done(&remove, &[("schema", BADGE), ("typed", BADGE), ("force", "on")]).await.text;
    assert!(gone.contains("The schema is removed.") && schemas() == json!([]), "{gone}");

    let viewer = server.run_json(&["admin-token", "create", "--name", "v", "--role", "viewer", "--json"]);
    let viewer = Visitor::by_token(&server, viewer["token"].as_str().expect("a token")).await;
    let refused = viewer.done(&format!("{HERE}/schema-add"), &[("definition", &first)]).await.text;
    assert!(refused.contains("notice bad") && schemas() == json!([]), "{refused}");
    // What would be refused is not asked about.
    for (what, field, value) in [("schema-add-preview", "definition", &*first), ("schema-ask", "schema", BADGE)] {
        let refused = viewer.done(&format!("{HERE}/{what}"), &[(field, value)]).await.text;
        assert!(
            refused.contains("notice bad") && refused.contains("needs the role administrator"),
            "{what}: {refused}"
        );
    }
    assert!(!viewer.get(HERE).await.expect(200).text.contains("schema-add-preview"), "a viewer is offered nothing");
}

#[tokio::test]
async fn a_schema_is_written_in_a_browser() {
    let server = with_console();
    let mut browser = signed_in(&server);
    browser.open(&format!("{}{HERE}", server.admin()));
    browser.click("summary", "Add or replace a schema");
    browser.run("document.querySelector('[name=definition]').value = '{'; 1");
    browser.click("button", "Look at it");
    // Where the form is, however far down: why stands there, and what was typed.
    browser.sees("This is not JSON");
    browser.wait_for("document.activeElement.matches('[role=alert]') && document.activeElement.checkVisibility()");
    browser.wait_for("document.querySelector('[name=definition]').value === '{'");
    let good = badge(&json!([{"name": "number"}]));
    browser.run(&format!("document.querySelector('[name=definition]').value = {}; 1", json!(good)));
    browser.click("button", "Look at it");
    browser.sees("It can be added");
    browser.click("button", "Add the schema");
    browser.sees("The schema is in force.");
    assert_eq!(server.run_json(&["schema", "list", "--tenant", "test", "--json"])[0]["schema"], BADGE);
    assert_eq!(browser.faults(), Vec::<String>::new());
}
