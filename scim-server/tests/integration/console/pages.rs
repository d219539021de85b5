//! Every page: what it tells browsers, and what becomes of hostile values.

use std::sync::Arc;

use scim_protocol::schema::{Attribute, Mutability, Returned, SchemaRegistry, Type};
use serde_json::{Map, Value, json};

use super::{Visitor, paths::PAGES, safety, with_console};
use crate::server::{ENTERPRISE, Options, TestServer, USER};

/// Each provider has a page with the steps and the fields that customers see behind a setup link.
#[tokio::test]
async fn every_provider_has_its_steps_and_its_own_words() {
    let server = with_console();
    let visitor = Visitor::root(&server).await;
    let get = async |query: &str| visitor.get(&format!("/console/t/test{query}")).await.expect(200).text;
    let choice = get("").await;
    let providers = ["cyberark", "entra", "google", "jumpcloud", "okta", "onelogin", "pingfederate", "pingone"];
    for provider in providers {
        let query = format!("?provider={provider}");
        assert!(choice.contains(&format!("/console/t/test{query}\"")), "{provider}: {choice}");
        let page = get(&query).await;
        let shown = server.run_json(&["tenant", "connection", "test", "--provider", provider, "--json"]);
        for name in shown["fields"].as_object().expect("fields").keys() {
            assert!(page.contains(&format!("<dt>{name}</dt>")), "{provider}, {name}: {page}");
        }
        assert_eq!(page.matches("<ol class=\"steps\">").count(), 2, "{provider}: {page}");
        assert!(page.contains(&format!("--provider {provider}")), "{provider}: {page}");
    }
    let (client, token) = (get("?provider=entra").await, get("?provider=entra&method=token").await);
    assert!(client.contains("Client Identifier") && !client.contains("Secret Token"), "{client}");
    assert!(token.contains("Secret Token") && token.contains("?aadOptscim062020"), "{token}");
    let made = server.run_json(&["client", "create", "--tenant", "test", "--name", "entra", "--json"]);
    let id = made["client_id"].as_str().expect("an id");
    assert!(get("?provider=entra").await.contains(&format!("data-copy=\"{id}\"")), "the only client is named");
}

/// The addresses that a page loads or leads to.
fn addresses(page: &str) -> Vec<&str> {
    let of = |attribute: &'static str| page.split(attribute).skip(1).filter_map(|rest| rest.split('"').next());
    of(" src=\"").chain(of(" href=\"")).chain(of(" action=\"")).collect()
}

#[tokio::test]
async fn every_page_says_what_may_run_and_loads_nothing_from_elsewhere() {
    let server = with_console();
    let visitor = Visitor::root(&server).await;
    for path in PAGES.iter().chain(&["/console/sign-in", "/console/nothing"]) {
        let page = visitor.get(path).await;
        assert!(matches!(page.status, 200 | 404), "{path}: {}", page.text);
        let policy = page.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'self';") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        assert!(
            !page.text.contains("<style") && !page.text.contains(" style=") && !page.text.contains(" onclick"),
            "{path}"
        );
        for address in addresses(&page.text) {
            assert!(address.starts_with('/') && !address.starts_with("//") || address == "#main", "{path}: {address}");
        }
        for asset in addresses(&page.text).into_iter().filter(|address| address.contains("/assets/")) {
            let asset = visitor.get(asset).await.expect(200);
            assert!(asset.header("cache-control").contains("immutable"), "{:?}", asset.headers);
        }
    }
    assert!(visitor.get("/console").await.text.contains("<script src="), "the pages have scripts");
    visitor.get("/console/assets/0000000000000000/site.css").await.expect(404);
    visitor.http.send("DELETE", "/console", &[("cookie", &visitor.cookie)], None).await.expect(405);
}

/// A value that runs where it is not escaped, in elements, in attributes and in scripts.
pub const PAYLOAD: &str = "\"'><script>document.title='taken'</script><img src=x onerror=document.title='taken'>";

/// A user whose every text is hostile: each one that the schemas have.
pub fn hostile(number: usize) -> Value {
    let text = format!("{number}{PAYLOAD}");
    let registry = SchemaRegistry::core();
    let of = |urn| object(&registry.schema(urn).expect("a core schema").attributes, &text);
    let mut user = of(USER);
    user.insert(ENTERPRISE.to_owned(), of(ENTERPRISE).into());
    user.insert("schemas".to_owned(), json!([USER, ENTERPRISE]));
    user.insert("externalId".to_owned(), json!(text));
    Value::Object(user)
}

/// An object with every text that a client may send in it.
fn object(attributes: &[Arc<Attribute>], text: &str) -> Map<String, Value> {
    let is_open = |one: &&Arc<Attribute>| one.mutability != Mutability::ReadOnly && one.returned != Returned::Never;
    let member = |attribute: &Arc<Attribute>| {
        let value = match attribute.kind {
            Type::String | Type::Reference => json!(text),
            Type::Complex => object(&attribute.sub_attributes, text).into(),
            _ => return None,
        };
        Some((attribute.name.clone(), if attribute.multi_valued { json!([value]) } else { value }))
    };
    attributes.iter().filter(is_open).filter_map(member).collect()
}

#[test]
fn what_is_hostile_is_every_text_of_a_user() {
    let user = hostile(1);
    for at in ["/userName", "/name/familyName", "/addresses/0/country", "/photos/0/value", "/roles/0/display"] {
        assert!(user.pointer(at).and_then(Value::as_str).is_some_and(|text| text.ends_with(PAYLOAD)), "{at}: {user}");
    }
    assert!(user.to_string().matches("<script>").count() > 45, "{user}");
}

#[tokio::test]
async fn what_is_stored_is_shown_as_text() {
    let server = with_console();
    let client = server.client();
    let id = client.post("/Users", &hostile(1)).await.expect(201).id();
    let group = client.group(&format!("g{PAYLOAD}"), std::slice::from_ref(&id)).await;
    let gone = client.post("/Users", &hostile(2)).await.expect(201).id();
    client.delete(&format!("/Users/{gone}")).await.expect(204);
    let visitor = Visitor::root(&server).await;
    let of = |part: &str| format!("/console/t/test/{part}");
    let mut paths = vec![of(&format!("users/{id}")), of(&format!("groups/{group}"))];
    paths.push(of(&format!("users?q={}", super::encode(PAYLOAD))));
    paths.push(of(&format!("users?filter={}", super::encode(PAYLOAD))));
    paths.push(format!("/console/t/{}", super::encode(PAYLOAD)));
    paths.extend(PAGES.iter().map(|page| (*page).to_owned()));
    for path in paths {
        let page = visitor.get(&path).await;
        assert!(!page.text.contains("<script>document") && !page.text.contains("<img src=x"), "{path}: {}", page.text);
    }
    let shown = visitor.get(&of("users")).await.expect(200);
    assert!(shown.text.contains("&#60;script&#62;document"), "{}", shown.text);
}

/// The words of a command line, as a shell takes it apart: quotes keep what is between them. What the reader is to fill in
/// as a number is one.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut is_quoted) = (vec![String::new()], false);
    for character in line.chars() {
        match character {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            other => words.last_mut().expect("a word").push(other),
        }
    }
    words.iter().map(|word| if word == "NUMBER" { "1".to_owned() } else { word.clone() }).collect()
}

/// The texts that a page has between these.
fn between<'p>(page: &'p str, begin: &'p str, end: &'static str) -> impl Iterator<Item = String> + use<'p> {
    let text = move |rest: &str| rest.split(end).next().unwrap_or_default().to_owned();
    let plain = |text: String| {
        [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")]
            .iter()
            .fold(text, |text, (code, sign)| text.replace(code, sign))
    };
    page.split(begin).skip(1).map(text).map(plain)
}

/// That a page says commands, and that each can be copied: it is whole.
#[track_caller]
fn says_commands(path: &str, page: &str) -> Vec<String> {
    let commands: Vec<_> = between(page, "<p class=\"command copy\"><code>", "</code>").collect();
    assert!(!commands.is_empty(), "{path} says no command: {page}");
    for command in &commands {
        let is_known = ["scim-", "curl ", "printf '%s' '"].iter().any(|begin| command.starts_with(begin));
        assert!(is_known, "{path}: {command}");
    }
    for command in between(page, "<code>", "</code>") {
        let Some(at) = command.find("scim-server ") else { continue };
        let parsed = scim_server::internals::cli::definition().try_get_matches_from(words(&command[at..]));
        assert!(parsed.is_ok(), "{path}: {command}: {:?}", parsed.err().map(|error| error.to_string()));
    }
    let typed = between(page, "<textarea", "</textarea>").collect::<String>();
    assert_eq!(page.matches('`').count(), typed.matches('`').count(), "{path}: {page}");
    commands
}

/// What is only shown before it is done is shown by a command, too.
#[tokio::test]
async fn every_preview_says_its_command() {
    let args = vec!["--console".to_owned()];
    let server = TestServer::with(Options { args, ..Options::settings(json!({"brake": {"users": 2}})) });
    let client = server.client();
    let mut ids = Vec::new();
    for name in ["anna", "bert", "carl"] {
        ids.push(client.user(name).await);
    }
    client.group("Staff's", &ids).await;
    let off = json!([{"op": "replace", "path": "active", "value": false}]);
    for id in &ids {
        client.patch(&format!("/Users/{id}"), &off).await.expect(200);
    }
    let visitor = Visitor::root(&server).await;
    let group = "Staff's";
    // Names that look like flags stay names.
    client.group("--help", &ids).await;
    let all = format!("scim-server undo --tenant test --since 1 --until {} --dry-run", safety::newest(&server));
    for (path, fields, expect) in [
        (
            "rules/set-preview",
            vec![("name", "--dry"), ("role", "-x"), ("group", "--help")],
            "scim-server role set --tenant test --role=-x --group=--help --dry-run -- --dry",
        ),
        ("safety/brake-preview", vec![], "scim-server brake undo --tenant test --dry-run"),
        ("safety/undo-preview", vec![("since", "1")], all.as_str()),
        (
            "safety/undo-preview",
            vec![("since", "1"), ("until", "3"), ("actor", "admin")],
            "scim-server undo --tenant test --since 1 --until 3 --actor admin --dry-run",
        ),
        (
            "rules/set-preview",
            vec![("name", "staff"), ("role", "member"), ("group", group)],
            "scim-server role set staff --tenant test --role member --group 'Staff'\\''s' --dry-run",
        ),
        (
            "rules/mapping-preview",
            vec![("name", "mail"), ("rewrite", "lower-case"), ("resource_type", "User"), ("attribute", "userName")],
            " | scim-server mapping set --tenant test - --dry-run",
        ),
    ] {
        let page = visitor.post(&format!("/console/t/test/{path}"), &fields).await.expect(200).text;
        let commands = says_commands(path, &page);
        assert!(commands.iter().any(|command| command.ends_with(expect)), "{path}: {commands:?}");
    }
}

/// Whoever sees a page learns the command that shows or does the same, and can copy it: it is whole.
#[tokio::test]
async fn every_page_says_its_command() {
    let server = with_console();
    let client = server.client();
    let anna = client.user("anna").await;
    let staff = client.group("Staff", std::slice::from_ref(&anna)).await;
    let gone = client.user("gone").await;
    client.delete(&format!("/Users/{gone}")).await.expect(204);
    let refused = client.get(&format!("/Users/{gone}")).await.expect(404);
    server.run_json(&["tenant", "create", "empty", "--json"]);
    assert!(server.run(&["tenant", "disable", "empty"]).status.success());
    let visitor = Visitor::root(&server).await;
    let of = |part: String| format!("/console/t/test/{part}");
    let more =
        [format!("users/{anna}"), format!("groups/{staff}"), format!("requests/{}", refused.header("x-request-id"))];
    for path in PAGES.iter().map(|path| (*path).to_owned()).chain(more.map(of)) {
        says_commands(&path, &visitor.get(&path).await.expect(200).text);
    }
    let overview = visitor.get("/console").await.expect(200).text;
    assert!(overview.contains("<code>scim-server tenant enable empty</code> opens it"), "{overview}");
}

/// Nothing is wrong with a tenant that nobody has called yet, and whoever has just made it learns where it goes on.
#[tokio::test]
async fn a_tenant_that_waits_for_its_first_call_leads_to_how_it_is_connected() {
    let server = with_console();
    let visitor = Visitor::root(&server).await;
    let way = "<a href=\"/console/t/test\">test waits for its first call: connect a provider</a>";
    let overview = visitor.get("/console").await.expect(200).text;
    assert!(overview.contains(way) && !overview.contains("Nothing needs a person"), "{overview}");
    server.client().get("/Users").await.expect(200);
    let overview = visitor.get("/console").await.expect(200).text;
    assert!(!overview.contains("connect a provider") && overview.contains("Nothing needs a person now."), "{overview}");
}

/// Whoever hears a page tells its tables and searches apart, and each column has a name.
#[tokio::test]
async fn what_a_page_has_several_of_has_names_of_its_own() {
    let server = with_console();
    let client = server.client();
    let anna = client.user("anna").await;
    let staff = client.group("Staff", std::slice::from_ref(&anna)).await;
    client.delete(&format!("/Groups/{staff}")).await.expect(204);
    client.delete(&format!("/Users/{anna}")).await.expect(204);
    client.user("bert").await;
    let visitor = Visitor::root(&server).await;
    for (part, names) in [
        ("deleted", &["\"Users: Name, Deleted, By, Kept until\"", "\"Groups: Name, Deleted, By, Kept until\""][..]),
        (
            "users",
            &["\"search\" aria-label=\"userName that begins", "\"search\" aria-label=\"Show these columns\""][..],
        ),
        ("tokens", &["<th scope=\"col\" role=\"columnheader\"><span class=\"unseen\">Actions</span></th>"][..]),
    ] {
        let page = visitor.get(&format!("/console/t/test/{part}")).await.expect(200).text;
        for name in names {
            assert!(page.contains(name), "{name}: {page}");
        }
    }
}

/// What is refused is said by the name of its field, and buttons are named, not commands.
#[tokio::test]
async fn a_refused_token_names_the_field_or_the_button() {
    let server = with_console();
    let visitor = Visitor::root(&server).await;
    let made = server.run_json(&["token", "create", "--tenant", "test", "--name", "okta", "--json"]);
    assert_eq!(made["name"], "okta", "{made}");
    for (name, lifetime, why) in [
        ("app", "xyz", "“It lives”: &#34;xyz&#34; is not a duration"),
        ("app", "999999d", "“It lives”: a token lives from 1 second to ten years, not 999999d."),
        ("okta", "90d", "issue its successor with “Rotate” on the page “Tokens and clients”."),
    ] {
        let fields = [("name", name), ("scopes", "read"), ("lifetime", lifetime)];
        let page = visitor.post("/console/t/test/tokens/create", &fields).await.text;
        assert!(page.contains(why), "{why}: {page}");
    }
    let page = visitor.post("/console/tenants", &[("name", "test")]).await.expect(409).text;
    let why = "choose another name, or use “Make a token” on the page “Tokens and clients” for another token of it.";
    assert!(page.contains(why), "{page}");
}
