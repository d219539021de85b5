//! Names that deceive, and names without end: seen for what they are, and in the room of a name.

use percent_encoding::percent_decode_str;
use serde_json::json;

use super::{Visitor, encode, with_console};
use crate::server::{Options, TestServer, USER};

/// Signs that turn the direction of writing, or that nobody sees; as they are and as they are written out.
const SIGNS: &[(char, &str)] =
    &[('\u{202e}', "\\u{202e}"), ('\u{200b}', "\\u{200b}"), ('\u{ad}', "\\u{ad}"), ('\u{a0}', "\\u{a0}")];

/// A tenant with a user and a group that have such names, with another user in the group who was deleted.
async fn deceptive(server: &TestServer) -> [String; 3] {
    let client = server.client();
    let body = json!({
        "schemas": [USER], "userName": "user\u{202e}nimda", "displayName": "An\u{ad}na\u{200b}",
        "name": {"familyName": "x\u{200b}y"}, "title": "bo\u{202e}\u{a0}ss",
    });
    let user = client.post("/Users", &body).await.expect(201).id();
    let title = json!([{"op": "replace", "path": "title", "value": "c\u{200b}eo"}]);
    client.patch(&format!("/Users/{user}"), &title).await.expect(200);
    let group = client.group("Sta\u{200b}ff", std::slice::from_ref(&user)).await;
    let gone = client.user("gone\u{202e}").await;
    client.delete(&format!("/Users/{gone}")).await.expect(204);
    [user, group, gone]
}

#[tokio::test]
async fn signs_that_nobody_sees_are_written_out() {
    let server = with_console();
    let [user, group, gone] = deceptive(&server).await;
    let visitor = Visitor::root(&server).await;
    for (part, told) in [
        ("users".to_owned(), "user\\u{202e}nimda</a>"),
        ("users?columns=title".to_owned(), "c\\u{200b}eo"),
        ("groups".to_owned(), "Sta\\u{200b}ff</a>"),
        (format!("users/{user}"), "<bdi>user\\u{202e}nimda</bdi>"),
        (format!("users/{user}"), "An\\u{ad}na\\u{200b}"),
        (format!("users/{user}"), "title: bo\\u{202e}\\u{a0}ss → c\\u{200b}eo"),
        (format!("users/{user}"), "Sta\\u{200b}ff</a>"),
        (format!("users/{gone}"), "<bdi>gone\\u{202e}</bdi>"),
        (format!("groups/{group}"), "An\\u{ad}na\\u{200b}</a>"),
        ("deleted".to_owned(), "gone\\u{202e}"),
        ("history".to_owned(), "user\\u{202e}nimda"),
        ("requests".to_owned(), "user\\u{202e}nimda"),
    ] {
        let page = visitor.get(&format!("/console/t/test/{part}")).await.expect(200).text;
        assert!(page.contains(told), "{part}: {told}: {page}");
        for (sign, written) in SIGNS {
            assert!(!page.contains(*sign), "{part} has {written} as it is");
        }
    }
    // JSON is the same document as before.
    let page = visitor.get(&format!("/console/t/test/users/{user}")).await.expect(200).text;
    let (_, json) = page.split_once("<pre tabindex=\"0\"><code>").expect("JSON");
    let (json, _) = json.split_once("</code>").expect("its end");
    let shown: serde_json::Value = serde_json::from_str(&json.replace("&#34;", "\"")).expect("a document");
    assert_eq!(shown["userName"], "user\u{202e}nimda");
    // What is sent back is what was there.
    let page = visitor.get(&format!("/console/t/test/users?q={}", encode("user\u{202e}"))).await.expect(200).text;
    assert!(page.contains("value=\"user&#8238;\"") && page.contains("user\\u{202e}nimda</a>"), "{page}");
    // Who deletes types what can be typed.
    let page = visitor.get(&format!("/console/t/test/users/{user}")).await.expect(200).text;
    assert!(page.contains(&format!("Type {user} to delete it")), "{page}");
    let path = format!("/console/t/test/users/{user}/delete");
    let refused = visitor.done(&path, &[("typed", "user\\u{202e}nimda"), ("force", "on")]).await.text;
    assert!(refused.contains("what was typed is not the id"), "{refused}");
    let done = visitor.done(&path, &[("typed", &user), ("force", "on")]).await.text;
    assert!(done.contains("The user user\\u{202e}nimda is deleted."), "{done}");
}

/// A page of long names has the length of a page of names. The whole value is where it is the only one.
#[tokio::test]
async fn a_name_without_end_has_the_room_of_a_name() {
    let server = with_console();
    let client = server.client();
    let long = |letter: &str| letter.repeat(10_000);
    let body = json!({"schemas": [USER], "userName": long("q"), "displayName": long("w"), "title": long("v")});
    let user = client.post("/Users", &body).await.expect(201).id();
    let title = json!([{"op": "replace", "path": "title", "value": long("V")}]);
    client.patch(&format!("/Users/{user}"), &title).await.expect(200);
    let group = client.group(&long("z"), std::slice::from_ref(&user)).await;
    let rule = ["role", "set", "all", "--tenant", "test", "--role", "member", "--group", &group, "--json"];
    server.run_json(&rule);
    let visitor = Visitor::root(&server).await;
    let of = async |part: &str| visitor.get(&format!("/console/t/test/{part}")).await.expect(200).text;
    for part in ["users", "users?columns=title,displayName", "groups", "history", "requests", "rules", "safety"] {
        let page = of(part).await;
        for letter in ["q", "w", "v", "V", "z"] {
            assert!(!page.contains(&letter.repeat(300)), "{part} has a whole name of {letter}");
        }
    }
    assert!(of("users").await.contains(&format!("{}…</a>", "q".repeat(199))), "its beginning");
    let page = of(&format!("users/{user}")).await;
    assert_eq!(page.matches(&long("q")).count(), 1, "in the JSON alone");
    assert!(page.contains(&format!("<span class=\"whole\" tabindex=\"0\">{}</span>", long("w"))), "{}", page.len());
    assert!(page.contains(&format!("{}…</a>", "z".repeat(199))) && page.matches(&long("z")).count() == 1);
    let page = of(&format!("groups/{group}")).await;
    assert!(page.contains(&format!("{}…</a>", "w".repeat(199))) && !page.contains(&"w".repeat(300)), "a member");
    client.delete(&format!("/Users/{user}")).await.expect(204);
    for part in ["deleted".to_owned(), format!("users/{user}")] {
        let page = of(&part).await;
        assert!(page.contains(&"q".repeat(199)) && !page.contains(&"q".repeat(300)), "{part}");
    }
}

/// Members are called by what is known of them: the display name, else the user name.
#[tokio::test]
async fn members_are_called_by_their_names() {
    let server = with_console();
    let client = server.client();
    let shown = json!({"schemas": [USER], "userName": "bert", "displayName": "Bert Berg"});
    let ids = [client.user("anna").await, client.post("/Users", &shown).await.expect(201).id()];
    let inner = client.group("Inner", &[]).await;
    let group = client.group("Staff", &[ids.as_slice(), std::slice::from_ref(&inner)].concat()).await;
    let visitor = Visitor::root(&server).await;
    let page = visitor.get(&format!("/console/t/test/groups/{group}")).await.expect(200).text;
    for (part, id, name) in [("users", &ids[0], "anna"), ("users", &ids[1], "Bert Berg"), ("groups", &inner, "Inner")] {
        let link = format!("<a href=\"/console/t/test/{part}/{id}\">{name}</a>");
        assert!(page.contains(&link), "{link}: {page}");
    }
    let page = visitor.get(&format!("/console/t/test/users/{}", ids[0])).await.expect(200).text;
    assert!(page.contains(&format!("<a href=\"/console/t/test/groups/{group}\">Staff</a>")), "{page}");
}

/// The links of a page.
fn links(page: &str) -> Vec<String> {
    let links = page.split(" href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let links = links.filter(|link| link.starts_with("/console/t/"));
    links.map(|link| percent_decode_str(&link.replace("&#38;", "&")).decode_utf8_lossy().into_owned()).collect()
}

/// The history leads to who is there, and to what is kept of who was deleted; and nowhere when nothing is left.
#[tokio::test]
async fn the_history_leads_to_what_there_is() {
    let server = with_console();
    let client = server.client();
    let [here, kept, gone] = [client.user("here").await, client.user("kept").await, client.user("gone").await];
    let team = client.group("Team", std::slice::from_ref(&kept)).await;
    let (since, mut calls) = (super::safety::newest(&server).to_string(), Vec::new());
    for path in [format!("/Users/{kept}"), format!("/Users/{gone}"), format!("/Groups/{team}")] {
        calls.push(client.delete(&path).await.expect(204).header("x-request-id").to_owned());
    }
    server.run_json(&["user", "purge", "--tenant", "test", &gone, "--json"]);
    let visitor = Visitor::root(&server).await;
    let history = visitor.get("/console/t/test/history").await.expect(200).text;
    let links = links(&history);
    let path = |part: &str, id: &str| format!("/console/t/test/{part}/{id}");
    for (part, id, is_link) in
        [("users", &here, true), ("users", &kept, true), ("groups", &team, true), ("users", &gone, false)]
    {
        assert_eq!(links.contains(&path(part, id)), is_link, "{part}/{id}: {history}");
    }
    for link in links {
        visitor.get(&link).await.expect(200);
    }
    visitor.get(&path("users", &gone)).await.expect(404);
    // So do the page of a call, and what would be put back.
    let undo = visitor.post("/console/t/test/safety/undo-preview", &[("since", &since)]).await.expect(200).text;
    assert!(undo.contains(&gone) && undo.contains("not there, and not kept"), "{undo}");
    let mut pages = vec![undo];
    for call in calls {
        pages.push(visitor.get(&format!("/console/t/test/requests/{call}")).await.expect(200).text);
    }
    for page in pages {
        for link in self::links(&page) {
            visitor.get(&link).await.expect(200);
        }
    }
    // What is kept is shown with who deleted it, what it was, and the way back.
    let page = visitor.get(&path("users", &kept)).await.expect(200).text;
    for told in [
        "<bdi>kept</bdi>",
        "deleted user of test",
        "Kept until",
        "user.deleted",
        ">Restore</button>",
        &format!("user restore --tenant test {kept}"),
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    let list = visitor.get("/console/t/test/deleted").await.expect(200).text;
    assert!(list.contains(&format!("<a href=\"{}\">kept</a>", path("users", &kept))), "{list}");
    let viewer = server.run_json(&["admin-token", "create", "--name", "v", "--role", "viewer", "--json"]);
    let viewer = Visitor::by_token(&server, viewer["token"].as_str().expect("a token")).await;
    let page = viewer.get(&path("groups", &team)).await.expect(200).text;
    assert!(page.contains("Team") && !page.contains(">Restore</button>"), "{page}");
    let page = visitor.done("/console/t/test/deleted", &[("kind", "users"), ("id", &kept)]).await.text;
    assert!(page.contains("The user is restored.") && !page.contains("deleted user of test"), "{page}");
}

/// A token is called by its name where it took somebody away.
#[tokio::test]
async fn whoever_took_away_is_named() {
    let args = vec!["--console".to_owned()];
    let server = TestServer::with(Options { args, ..Options::settings(json!({"brake": {"users": 1}})) });
    let made = server.run_json(&["token", "create", "--tenant", "test", "--name", "directory-sync", "--json"]);
    let client = server.client().with_token(made["token"].as_str().expect("a token"));
    for name in ["anna", "bert", "carl"] {
        let id = client.user(name).await;
        client.delete(&format!("/Users/{id}")).await.expect(204);
    }
    let brake = server.run_json(&["brake", "show", "--tenant", "test", "--json"]);
    let id = brake["actors"][0].as_str().expect("an actor");
    let visitor = Visitor::root(&server).await;
    for part in ["safety", "deleted"] {
        let page = visitor.get(&format!("/console/t/test/{part}")).await.expect(200).text;
        assert!(page.contains("directory-sync") && !page.contains(id), "{part}: {page}");
    }
}
