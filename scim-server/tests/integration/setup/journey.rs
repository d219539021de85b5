//! The way of a newcomer: a link, the values, a token, the calls of a provider, and what is told of it.

use std::{fs, path::Path};

use conformance::{Profile, Settings, Verdict, connect, hold};
use serde_json::{Value, json};

use super::{Browser, fresh, hidden, link, path, shown_token, tokens};
use crate::{
    oauth::OAuth,
    server::{Options, PATIENCE, Response, TestServer},
};

/// What Entra sends of itself to whoever has that token.
pub async fn entra_calls(server: &TestServer, token: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/profiles/entra.json");
    let dialogues = Profile::parse(&fs::read_to_string(file).expect("the dialogues")).expect("a profile");
    let settings = Settings { token: Some(token.to_owned()), timeout: PATIENCE, ..Settings::default() };
    let target = connect(&server.base(), &settings, "dialogue").await.unwrap_or_else(|error| panic!("{error}"));
    let findings = hold(&target, &dialogues).await;
    let wrong: Vec<_> = findings.iter().filter(|one| one.verdict != Verdict::Pass).map(|one| &one.id).collect();
    assert!(wrong.is_empty() && !findings.is_empty(), "{wrong:?}");
}

#[tokio::test]
async fn a_newcomer_connects_entra_and_sees_it_call() {
    let server = fresh(Options::args(&["--audit-log", "audit.jsonl"]));
    let made = link(&server, &["--name", "acme-it", "--allow", "tokens"]);
    assert!(made["url"].as_str().expect("a URL").starts_with(&format!("{}/setup/scimsl_", server.origin())));
    assert!(made["expires"].as_str().is_some_and(|at| at.ends_with('Z')), "{made}");

    let mut browser = Browser::new(&server);
    // A program that looks at the links in messages.
    browser.get(&path(&made["url"])).await.expect(200);
    let landing = browser.get(&path(&made["url"])).await.expect(200);
    assert!(landing.text.contains("Begin") && !landing.text.contains(server.tenant()), "{}", landing.text);
    let opened = browser.open(&made).await.expect(303);
    let cookie = opened.header("set-cookie");
    for word in ["scim-setup=", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="] {
        assert!(cookie.contains(word), "{cookie}");
    }
    let home = browser.get("/setup").await.expect(200);
    assert!(home.text.contains("Waiting for the first call") && home.text.contains("/setup/to/entra"));
    let way = browser.get("/setup/to/entra?method=token").await.expect(200);
    assert!(way.text.contains(&format!("{}?aadOptscim062020", server.base())), "{}", way.text);
    assert!(way.text.contains("Secret Token") && way.text.contains("Waiting for the first call"));

    let page = browser.make("entra", "token").await.expect(200);
    let token = shown_token(&page);
    assert!(!browser.get("/setup").await.text.contains(&token), "it is shown once");
    entra_calls(&server, &token).await;
    let home = browser.get("/setup").await.expect(200);
    assert!(home.text.contains("Seen:") && !home.text.contains("Waiting for"), "{}", home.text);

    let events = server.run(&["events", "--tenant", "test", "--json"]);
    let events: Vec<Value> = String::from_utf8_lossy(&events.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("an event"))
        .collect();
    let actor = |kind: &str| {
        let event = events.iter().rfind(|event| event["type"] == kind).unwrap_or_else(|| panic!("no {kind}"));
        (event["actor"].as_str().unwrap_or_default(), event["actor_type"].as_str().unwrap_or_default())
    };
    assert_eq!(actor("setup-link.created"), ("admin", "administrator"));
    assert_eq!(actor("setup-link.opened"), ("setup-link:acme-it", "setup-link"));
    assert_eq!(actor("token.created"), ("setup-link:acme-it", "setup-link"));

    let listed = server.run_json(&["setup-link", "list", "--json"]);
    assert_eq!((&listed[0]["state"], &listed[0]["made"]), (&json!("opened"), &json!(1)), "{listed}");
    let code = made["url"].as_str().and_then(|url| url.rsplit('/').next()).expect("a code");
    assert!(!listed.to_string().contains(code));
    let log = fs::read_to_string(server.data().join("audit.jsonl")).expect("the audit log");
    for call in ["OpenSetupLink", "SetupToken", "GetSetupPage"] {
        let line = log.lines().find(|line| line.contains(&format!("\"eventName\":\"{call}\""))).expect(call);
        assert!(line.contains("\"accessKeyId\":\"setup-link:acme-it\"") && line.contains(server.tenant()), "{line}");
    }
    assert!(!log.contains(code) && !log.contains(&token) && !server.log().contains(code), "secrets are in a log");
}

#[tokio::test]
async fn an_oauth_client_is_made_where_the_provider_takes_one() {
    let server = TestServer::start();
    let browser = Browser::opened(&server, &link(&server, &["--allow", "tokens"])).await;
    let page = browser.make("pingone", "client").await.expect(200);
    let clients = server.run_json(&["client", "list", "--tenant", "test", "--json"]);
    assert_eq!(clients[0]["name"], "pingone");
    let id = clients[0]["client_id"].as_str().expect("an id");
    let secret = page.text.split("scimcs_").nth(1).expect("a secret").chars().take(49).collect::<String>();
    for word in [id, "OAuth Client ID", "/oauth2/token"] {
        assert!(page.text.contains(word), "{word}: {}", page.text);
    }
    let client = OAuth::of(&server, &json!({"client_id": id, "client_secret": format!("scimcs_{secret}")}));
    client.scim().await.get("/Users").await.expect(200);
    // Okta knows tokens only, whatever is asked for.
    let page = browser.make("okta", "client").await.expect(200);
    server.client().with_token(&shown_token(&page)).get("/Users").await.expect(200);
}

#[tokio::test]
async fn a_token_is_replaced_with_an_overlap_where_that_is_allowed() {
    let server = TestServer::start();
    let browser = Browser::opened(&server, &link(&server, &["--allow", "tokens,mapping"])).await;
    let old = shown_token(&browser.make("okta", "token").await);
    let home = browser.get("/setup").await.expect(200);
    let all = tokens(&server);
    let id =
        all.iter().find(|token| token["name"] == "okta").and_then(|token| token["token_id"].as_str()).expect("one");
    let (csrf, version) = (hidden(&home, "csrf"), hidden(&home, "version"));
    let pairs = [("csrf", &*csrf), ("version", &version), ("token", id), ("overlap", "3600")];
    let page = browser.post("/setup/rotate", &pairs).await.expect(200);
    let new = shown_token(&page);
    for token in [&old, &new] {
        server.client().with_token(token).get("/Users").await.expect(200);
    }
    let ends = tokens(&server).iter().find(|token| token["token_id"] == id).map(|token| token["expires"].clone());
    assert!(page.text.contains(ends.as_ref().and_then(Value::as_str).expect("an end")), "{}", page.text);
    // Sent again, it replaces nothing.
    browser.post("/setup/rotate", &pairs).await.expect(409);
    assert_eq!(tokens(&server).len(), all.len() + 1);
    assert!(browser.get("/setup/mapping").await.expect(200).text.contains("Nothing is rewritten"));
}

/// Whoever has chosen 90 days does not get a year with the next one.
#[tokio::test]
async fn a_successor_lives_as_long_as_the_one_before() {
    let server = fresh(Options::default());
    server.run_json(&["token", "create", "--tenant", "test", "--name", "okta", "--lifetime", "90d", "--json"]);
    OAuth::create(&server, "entra", &["--lifetime", "90d"]);
    let browser = Browser::opened(&server, &link(&server, &["--allow", "tokens"])).await;
    let token = tokens(&server)[0]["token_id"].as_str().expect("an id").to_owned();
    let client = || server.run_json(&["client", "show", "--tenant", "test", "entra", "--json"]);
    let id = client()["client_id"].as_str().expect("an id").to_owned();
    for (field, which) in [("token", token.as_str()), ("client", id.as_str())] {
        let home = browser.get("/setup").await.expect(200);
        let (csrf, version) = (hidden(&home, "csrf"), hidden(&home, "version"));
        let pairs = [("csrf", &*csrf), ("version", &version), (field, which), ("overlap", "3600")];
        browser.post("/setup/rotate", &pairs).await.expect(200);
    }
    let secrets = client()["secrets"].as_array().expect("secrets").clone();
    for all in [tokens(&server), secrets] {
        let mut days: Vec<_> = all.iter().map(|one| one["days_left"].as_i64().expect("a number")).collect();
        days.sort_unstable();
        assert_eq!(days, [1, 90]);
    }
}

/// A form with a time that no page offers says what may be chosen, and makes nothing: with an overlap of nothing the
/// provider would be refused before anybody has pasted the new token.
#[tokio::test]
async fn a_time_that_is_not_offered_is_refused_with_those_that_are() {
    let server = fresh(Options::default());
    let browser = Browser::opened(&server, &link(&server, &["--allow", "tokens"])).await;
    let way = browser.get("/setup/to/okta").await.expect(200);
    for method in ["token", "client"] {
        let mut form = Browser::make_form(&way, "okta", method);
        for days in ["", "0", "-1", "1", "366", "365d", "99999999999999999999"] {
            days.clone_into(&mut form[4].1);
            let pairs = form.each_ref().map(|(name, value)| (*name, &**value));
            let refused = browser.post("/setup/make", &pairs).await.expect(400);
            assert!(refused.text.contains("can be a year, 180 days or 90 days"), "{days}: {}", refused.text);
        }
    }
    let old = shown_token(&browser.make("okta", "token").await);
    let home = browser.get("/setup").await.expect(200);
    let id = tokens(&server)[0]["token_id"].as_str().expect("an id").to_owned();
    let (csrf, version) = (hidden(&home, "csrf"), hidden(&home, "version"));
    for overlap in ["", "0", "-1", "1", "604801", "1h", "99999999999999999999"] {
        let pairs = [("csrf", &*csrf), ("version", &version), ("token", &id), ("overlap", overlap)];
        let refused = browser.post("/setup/rotate", &pairs).await.expect(400);
        assert!(refused.text.contains("can be a day, an hour or a week"), "{overlap}: {}", refused.text);
    }
    assert_eq!(tokens(&server).len(), 1, "nothing was made");
    server.client().with_token(&old).get("/Users").await.expect(200);
    // The form is as good as before.
    let pairs = [("csrf", &*csrf), ("version", &version), ("token", &id), ("overlap", "3600")];
    browser.post("/setup/rotate", &pairs).await.expect(200);
}

#[tokio::test]
async fn a_clients_secret_is_replaced_with_an_overlap() {
    let server = TestServer::start();
    let browser = Browser::opened(&server, &link(&server, &["--allow", "tokens"])).await;
    let secret = |page: &Response| {
        let rest = page.text.split("data-copy=\"scimcs_").nth(1)?;
        rest.split('"').next().map(|rest| format!("scimcs_{rest}"))
    };
    let first = secret(&browser.make("entra", "client").await.expect(200)).expect("a secret");
    let events = OAuth::create(&server, "reader", &["--scope", "scim.events"]);
    let id = server.run_json(&["client", "show", "--tenant", "test", "entra", "--json"])["client_id"].clone();
    let id = id.as_str().expect("an id");
    let home = browser.get("/setup").await.expect(200);
    assert!(home.text.contains("Make another secret") && !home.text.contains("reader"), "{}", home.text);
    let (csrf, version) = (hidden(&home, "csrf"), hidden(&home, "version"));
    let form = |client: &str, version: &str| {
        [
            ("csrf", csrf.clone()),
            ("version", version.to_owned()),
            ("client", client.to_owned()),
            ("overlap", "3600".to_owned()),
        ]
    };
    let rotate = async |client: &str, version: &str| {
        let form = form(client, version);
        browser.post("/setup/rotate", &form.each_ref().map(|(name, value)| (*name, value.as_str()))).await
    };
    // A client of an application is none of theirs.
    rotate(&events.id, &version).await.expect(409);
    let page = rotate(id, &version).await.expect(200);
    let second = secret(&page).expect("a secret");
    assert!(page.text.contains("A new client secret") && page.text.contains(id), "{}", page.text);
    for secret in [&first, &second] {
        let client = OAuth::of(&server, &json!({"client_id": id, "client_secret": secret}));
        client.scim().await.get("/Users").await.expect(200);
    }
    // Sent again, it replaces nothing; and there is a third only when one of the two has ended.
    rotate(id, &version).await.expect(409);
    let home = browser.get("/setup").await.expect(200);
    assert!(!home.text.contains(&second), "it is shown once");
    assert!(!home.text.contains("Make another secret"), "{}", home.text);
    let way = browser.get("/setup/to/entra").await.expect(200);
    let full = rotate(id, &hidden(&way, "version")).await.expect(409);
    assert!(full.text.contains("two already"), "{}", full.text);
    let shown = server.run_json(&["client", "show", "--tenant", "test", id, "--json"]);
    assert_eq!(shown["secrets"].as_array().map(Vec::len), Some(2), "{shown}");
}

/// Where forms are sent nothing is to be seen: whoever loads that anew comes to the page of the form.
#[tokio::test]
async fn the_address_of_a_form_leads_to_its_page() {
    let server = fresh(Options::default());
    let browser = Browser::opened(&server, &link(&server, &["--allow", "tokens,mapping"])).await;
    for (form, page) in [
        ("/setup/make", "/setup"),
        ("/setup/test", "/setup"),
        ("/setup/rotate", "/setup"),
        ("/setup/mapping/preview", "/setup/mapping"),
        ("/setup/mapping/set", "/setup/mapping"),
    ] {
        assert_eq!(browser.get(form).await.expect(303).header("location"), page, "{form}");
        browser.get(page).await.expect(200);
        Browser::new(&server).get(form).await.expect(404);
    }
}

#[tokio::test]
async fn what_a_link_does_not_allow_is_not_there() {
    let server = fresh(Options::default());
    let browser = Browser::opened(&server, &link(&server, &[])).await;
    browser.get("/setup/mapping").await.expect(404);
    browser.get("/setup/calls").await.expect(404);
    let token = shown_token(&browser.make("okta", "token").await);
    let home = browser.get("/setup").await.expect(200);
    assert!(!home.text.contains("/setup/rotate") && !home.text.contains("/setup/mapping"), "{}", home.text);
    // Whoever has not taken it down makes another, as long as no provider calls.
    let way = browser.get("/setup/to/okta").await.expect(200);
    let another = shown_token(&browser.make("okta", "token").await);
    server.client().with_token(&another).get("/Users").await.expect(200);
    let form = Browser::make_form(&way, "okta", "token");
    let refused =
        browser.post("/setup/make", &form.each_ref().map(|(name, value)| (*name, &**value))).await.expect(409);
    assert!(refused.text.contains("A provider calls already"), "{}", refused.text);
    let id = tokens(&server)[0]["token_id"].as_str().expect("an id").to_owned();
    let pairs = [("csrf", &*hidden(&way, "csrf")), ("version", "3"), ("token", &id), ("overlap", "3600")];
    browser.post("/setup/rotate", &pairs).await.expect(404);
    server.client().with_token(&token).get("/Users").await.expect(200);
    assert_eq!(tokens(&server).len(), 2);
}

#[tokio::test]
async fn the_most_tokens_of_a_tenant_hold_here_too() {
    let profile = Some("identity-center".to_owned());
    let server = TestServer::with(Options { profile, ..Options::default() });
    let browser = Browser::opened(&server, &link(&server, &["--allow", "tokens"])).await;
    shown_token(&browser.make("okta", "token").await);
    let way = browser.get("/setup/to/okta").await.expect(200);
    assert!(way.text.contains("There are 2 tokens, which is the most"), "{}", way.text);
    assert_eq!(tokens(&server).len(), 2);
    // The only one that may write is who the tenant says.
    let settings = json!({"source": {"kind": "scim", "writer": "hr-sync"}});
    let server = fresh(Options::settings(settings));
    let browser = Browser::opened(&server, &link(&server, &[])).await;
    let token = shown_token(&browser.make("okta", "token").await);
    assert_eq!(tokens(&server)[0]["name"], "hr-sync");
    server.client().with_token(&token).user("anna").await;
}

/// What each provider is told has the address of the tenant, and nothing that is not known.
#[tokio::test]
async fn every_provider_has_a_page() {
    let server = TestServer::start();
    let browser = Browser::opened(&server, &link(&server, &["--allow", "tokens"])).await;
    for provider in ["cyberark", "entra", "google", "jumpcloud", "okta", "onelogin", "pingfederate", "pingone"] {
        let page = browser.get(&format!("/setup/to/{provider}")).await.expect(200);
        assert!(page.text.contains(&server.base()) && page.text.contains("class=\"steps\""), "{provider}");
        assert!(!page.text.contains("client create") && !page.text.contains("token rotate"), "{provider}");
    }
    browser.get("/setup/to/nobody").await.expect(404);
}
