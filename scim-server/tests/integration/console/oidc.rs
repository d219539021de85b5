//! Signing in to the console at an identity provider: who gets in as whom, and what lets nobody in.

use serde_json::{Value, json};

use super::{
    Visitor, cookie,
    entry::slowed_down,
    hidden,
    provider::{Provider, parameter},
};
use crate::{
    chromium::Browser,
    oauth::issuer::now,
    server::{Response, TestServer},
};

const BASIC: &[&str] = &["client_secret_basic"];

/// What makes an ID token say something else.
type Change = fn(&mut Value);

/// Sends somebody away. Gives the address that they are led back to.
async fn leave(visitor: &mut Visitor, provider: &Provider, to: &str) -> String {
    let away = visitor.get(&format!("/console/oidc?to={}", super::encode(to))).await.expect(303);
    let address = away.header("location").to_owned();
    assert!(address.starts_with(&format!("{}/authorize?tenant=1&response_type=code&", provider.issuer)), "{address}");
    assert_eq!(
        (&*parameter(&address, "code_challenge_method"), &*parameter(&address, "client_id")),
        ("S256", "console")
    );
    assert!(away.header("set-cookie").ends_with("Path=/console/oidc; HttpOnly; SameSite=Lax; Max-Age=600"));
    visitor.cookie = cookie(&away);
    provider.came_with(&parameter(&address, "nonce"));
    format!("/console/oidc/back?code=c0de&state={}", parameter(&address, "state"))
}

/// Signs in as somebody of whom the provider says something.
async fn sign_in(server: &TestServer, provider: &Provider, change: impl FnOnce(&mut Value)) -> (Visitor, Response) {
    provider.say(change);
    let mut visitor = Visitor::stranger(server);
    let back = leave(&mut visitor, provider, "/console/t/test").await;
    let response = visitor.get(&back).await;
    // It was good once.
    let again = visitor.get(&back).await.expect(403);
    assert!(again.text.contains("Begin it again"), "{}", again.text);
    (visitor, response)
}

#[tokio::test]
async fn the_provider_says_who_it_is_and_what_they_may() {
    let provider = Provider::start(BASIC).await;
    let server = provider.server(&[]);
    assert!(Visitor::stranger(&server).get("/console/sign-in").await.expect(200).text.contains("/console/oidc?to="));
    let (mut visitor, response) = sign_in(&server, &provider, |_| {}).await;
    let response = response.expect(200);
    assert!(response.text.contains("url=/console/t/test\""), "{}", response.text);
    visitor.enter(&response).await;
    let page = visitor.get("/console").await.expect(200).text;
    assert!(page.contains("anna@example.com <small>operator</small>"), "{page}");
    let made = visitor.post("/console/t/test/tokens/create", &[("name", "x"), ("scopes", "read")]).await;
    made.expect(200);
    let refused = visitor.done("/console/t/test/settings/disable", &[]).await.text;
    assert!(refused.contains("notice bad") && refused.contains("role"), "{refused}");
    let events = server.run(&["events", "--tenant", "test", "--json"]);
    assert!(String::from_utf8_lossy(&events.stdout).contains("admin:anna@example.com"), "{events:?}");
    let told = Visitor::root(&server).await.get("/console/server").await.expect(200).text;
    assert!(told.contains("administrator.signed-in") && told.contains("admin:anna@example.com"), "{told}");
    visitor.post("/console/sign-out", &[]).await.expect(303);
    visitor.get("/console").await.expect(303);

    let exchange = provider.exchanges().first().cloned().expect("a request");
    let verifier = exchange.split("code_verifier=").nth(1).expect("a verifier").split('&').next().expect("its end");
    assert!(exchange.contains("code=c0de&") && verifier.len() >= 43, "{exchange}");
    // console:s3cret%2F%2B
    assert!(exchange.to_ascii_lowercase().contains("\r\nauthorization: basic "), "{exchange}");
    assert!(!exchange.contains("client_secret="), "{exchange}");
}

#[tokio::test]
async fn a_secret_is_shown_as_the_provider_takes_it() {
    let provider = Provider::start(&["client_secret_post"]).await;
    let server = provider.server(&[]);
    sign_in(&server, &provider, |_| {}).await.1.expect(200);
    let exchange = provider.exchanges().first().cloned().expect("a request");
    assert!(exchange.contains("client_id=console&client_secret=s3cret%2F%2B"), "{exchange}");
    assert!(!exchange.to_ascii_lowercase().contains("authorization:"), "{exchange}");
}

#[tokio::test]
async fn what_the_provider_does_not_say_to_this_sign_in_lets_nobody_in() {
    let provider = Provider::start(BASIC).await;
    let server = provider.server(&[]);
    let cases: [(&str, Change); 3] = [
        ("gives you no role", |claims| claims["roles"] = json!(["somebody"])),
        ("nonce:", |claims| claims["nonce"] = json!("other")),
        ("aud:", |claims| claims["aud"] = json!("app")),
    ];
    for (what, change) in cases {
        let (mut visitor, response) = sign_in(&server, &provider, change).await;
        let response = response.expect(403);
        assert!(response.text.contains(what), "{what}: {}", response.text);
        visitor.cookie = cookie(&response);
        assert_eq!(visitor.cookie, "scim_console_state=");
        visitor.get("/console").await.expect(303);
    }
}

#[tokio::test]
async fn another_audience_or_issuer_lets_nobody_in() {
    let provider = Provider::start(BASIC).await;
    let server = provider.server(&[]);
    let cases: [(&str, Change); 5] = [
        ("azp:", |claims| claims["aud"] = json!(["console", "app"])),
        ("azp:", |claims| claims["azp"] = json!("app")),
        ("iss:", |claims| claims["iss"] = json!("https://other.example")),
        // Both times are written as times.
        ("exp: expected a time after <time", |claims| claims["exp"] = json!(now() - 300)),
        ("came <time", |claims| claims["exp"] = json!(now() - 300)),
    ];
    for (what, change) in cases {
        let response = sign_in(&server, &provider, change).await.1.expect(403);
        assert!(response.text.contains(what), "{what}: {}", response.text);
    }
}

/// Whoever is refused comes to the page that they wanted to see by another attempt, or by a token.
#[tokio::test]
async fn a_refusal_keeps_where_somebody_wanted_to_go() {
    let provider = Provider::start(BASIC).await;
    let server = provider.server(&[]);
    let (mut visitor, no_role) = sign_in(&server, &provider, |claims| claims["roles"] = json!("nobody")).await;
    let back = leave(&mut visitor, &provider, "/console/t/test").await;
    let denied = visitor.get(&back.replace("code=c0de", "error=access_denied")).await;
    for refused in [no_role.expect(403), denied.expect(403)] {
        assert_eq!(hidden(&refused.text, "/console/sign-in", "to"), "/console/t/test");
        assert!(refused.text.contains("/console/oidc?to=%2Fconsole%2Ft%2Ftest\""), "{}", refused.text);
    }
}

/// Each way back belongs to the browser that was sent away, and leads to the console only.
#[tokio::test]
async fn a_way_back_of_somebody_else_is_refused() {
    let provider = Provider::start(BASIC).await;
    let server = provider.server(&[]);
    provider.say(|_| {});
    let (mut one, mut other) = (Visitor::stranger(&server), Visitor::stranger(&server));
    let back = leave(&mut one, &provider, "").await;
    // The browser of a victim that is led to it: without a cookie, and with that of another sign-in.
    other.get(&back).await.expect(403);
    leave(&mut other, &provider, "").await;
    let refused = other.get(&back).await.expect(403);
    assert!(refused.text.contains("begun in another browser"), "{}", refused.text);
    let empty = other.get("/console/oidc/back?code=c0de&state=").await.expect(403);
    assert!(empty.text.contains("begun in another browser"), "{}", empty.text);
    assert!(provider.exchanges().is_empty(), "the provider was not asked");

    let denied =
        leave(&mut one, &provider, "").await.replace("code=c0de", "error=access_denied&error_description=%3Cb%3E");
    let denied = one.get(&denied).await.expect(403);
    assert!(denied.text.contains("has not signed you in: access_denied") && !denied.text.contains("<b>"));

    for to in ["https://evil.example/", "//evil.example", "/console/\\evil"] {
        let back = leave(&mut one, &provider, to).await;
        let page = one.get(&back).await.expect(200);
        assert!(page.text.contains("url=/console\"") && !page.text.contains("evil"), "{to}: {}", page.text);
    }
}

/// A browser has the cookie of the last attempt. One that was begun before in another tab does not take it away.
#[tokio::test]
async fn of_two_attempts_the_newer_one_gets_in() {
    let provider = Provider::start(BASIC).await;
    let server = provider.server(&[]);
    provider.say(|_| {});
    let mut visitor = Visitor::stranger(&server);
    let first = leave(&mut visitor, &provider, "").await;
    let second = leave(&mut visitor, &provider, "/console/t/test").await;
    let refused = visitor.get(&first).await.expect(403);
    assert!(
        refused.text.contains("another one was begun in this browser since") && refused.text.contains("Begin it again"),
        "{}",
        refused.text
    );
    assert_eq!(refused.header("set-cookie"), "");
    let response = visitor.get(&second).await.expect(200);
    assert!(response.text.contains("url=/console/t/test\""), "{}", response.text);
}

/// What the provider does not vouch for is no e-mail address of theirs, however it looks, and nothing of it is left out.
#[tokio::test]
async fn nobody_takes_the_name_of_another_by_what_they_call_themselves() {
    let provider = Provider::start(BASIC).await;
    let server = provider.server(&[]);
    let cases: [(Change, &str); 6] = [
        (|claims| claims["email_verified"] = Value::Null, "email/anna@example.com"),
        (|claims| claims["email_verified"] = json!("FALSE"), "email/anna@example.com"),
        (|claims| claims["email"] = json!("an\nna@example.com"), "email/an\\u{a}na@example.com"),
        (|claims| claims["email"] = json!("anna@example.com "), "email/anna@example.com\\u{20}"),
        (|claims| (claims["email"], claims["sub"]) = (Value::Null, json!("anna@example.com")), "sub/anna@example.com"),
        (
            |claims| (claims["email"], claims["preferred_username"]) = (Value::Null, json!("anna@example.com")),
            "anna@example.com",
        ),
    ];
    let host = provider.issuer.trim_start_matches("https://");
    for (change, expect) in cases {
        let (mut visitor, response) = sign_in(&server, &provider, change).await;
        visitor.enter(&response.expect(200)).await;
        let page = visitor.get("/console").await.expect(200).text;
        assert!(page.contains(&format!("{host}/{expect} <small>operator</small>")), "{expect}: {page}");
        assert!(!page.contains(">anna@example.com <small>"), "{expect}: {page}");
    }
    let told = server.run(&["events", "--server", "--json"]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains(&format!("admin:{host}/email/anna@example.com")), "{told}");
    assert!(!told.contains("admin:anna@example.com"), "{told}");
}

/// An ID token is no assertion of a client, and its refusals do not speak of one.
#[tokio::test]
async fn a_token_that_says_that_it_is_for_something_else_lets_nobody_in() {
    let provider = Provider::start(BASIC).await;
    let server = provider.server(&[]);
    provider.call_tokens("client-authentication+jwt");
    let refused = sign_in(&server, &provider, |_| {}).await.1.expect(403);
    let why = "typ: expected JWT or none, came client-authentication+jwt.";
    assert!(refused.text.contains(why), "{}", refused.text);
    let refused = sign_in(&server, &provider, |claims| claims["long"] = "x".repeat(20_000).into()).await.1;
    let refused = refused.expect(403).text;
    assert!(refused.contains("ID token: expected at most") && !refused.contains("assertion"), "{refused}");
}

/// Behind a proxy each client has its own limit of failed attempts, and its own address on the page of sessions.
#[tokio::test]
async fn behind_a_trusted_proxy_who_guesses_keeps_nobody_else_out() {
    let provider = Provider::start(BASIC).await;
    let server = provider.server(&["--trusted-proxies", "127.0.0.1"]);
    let stranger = Visitor::stranger(&server);
    let from = [("x-forwarded-for", "6.6.6.6, 203.0.113.9")];
    slowed_down(async || stranger.post_raw("/console/sign-in", "token=guess", &from).await).await;
    provider.say(|claims| claims["roles"] = json!("administrator"));
    let mut visitor = Visitor::stranger(&server);
    let back = leave(&mut visitor, &provider, "").await;
    let headers = [("cookie", visitor.cookie.as_str()), ("x-forwarded-for", "192.0.2.1")];
    let response = visitor.http.send("GET", &back, &headers, None).await.expect(200);
    visitor.enter(&response).await;
    let page = visitor.get("/console/server").await.expect(200).text;
    assert!(page.contains("192.0.2.1"), "{page}");
}

/// A way back that leads nowhere is an attempt that has failed, as a wrong token is.
#[tokio::test]
async fn made_up_ways_back_are_slowed_down() {
    let provider = Provider::start(BASIC).await;
    let server = provider.server(&[]);
    let stranger = Visitor::stranger(&server);
    slowed_down(async || stranger.get("/console/oidc/back?code=c0de&state=guess").await).await;
    assert!(provider.exchanges().is_empty(), "the provider was not asked");
}

/// A cookie that somebody has put into a browser is no session afterwards, whoever signs in there.
#[tokio::test]
async fn a_sign_in_at_the_provider_begins_another_session() {
    let provider = Provider::start(BASIC).await;
    let server = provider.server(&["--console-url", "https://console.example.com"]);
    provider.say(|claims| claims["roles"] = json!("administrator"));
    let mut visitor = Visitor::stranger(&server);
    let away = visitor.get("/console/oidc").await.expect(303);
    let address = away.header("location");
    assert_eq!(parameter(address, "redirect_uri"), "https://console.example.com/console/oidc/back");
    assert!(away.header("set-cookie").ends_with("; Secure"), "{:?}", away.headers);
    provider.came_with(&parameter(address, "nonce"));
    let fixed = "scim_console=made-up";
    visitor.cookie = format!("{fixed}; {}", cookie(&away));
    let back = format!("/console/oidc/back?code=c0de&state={}", parameter(address, "state"));
    let response = visitor.get(&back).await.expect(200);
    assert_ne!(cookie(&response), fixed);
    let set = response.header("set-cookie");
    assert!(
        set.starts_with("scim_console=scim_") && set.contains("SameSite=Strict") && set.ends_with("; Secure"),
        "{set}"
    );
    fixed.clone_into(&mut visitor.cookie);
    visitor.get("/console").await.expect(303);
}

/// A session that the browser had when it went to the provider ends when it comes back, even though its cookie does not:
/// whoever comes from another site shows no such cookie.
#[tokio::test]
async fn a_sign_in_at_the_provider_ends_the_session_before() {
    let provider = Provider::start(BASIC).await;
    let server = provider.server(&[]);
    provider.say(|_| {});
    let before = Visitor::root(&server).await;
    let mut visitor = Visitor { cookie: before.cookie.clone(), ..Visitor::stranger(&server) };
    let back = leave(&mut visitor, &provider, "").await;
    before.get("/console").await.expect(200);
    let response = visitor.get(&back).await.expect(200);
    before.get("/console").await.expect(303);
    visitor.enter(&response).await;
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_told_of() {
    let arguments = ["--console", "--console-issuer", "https://localhost:1", "--console-client-id", "console"];
    let arguments = [arguments.as_slice(), &["--jwks-private", "true"]].concat();
    let server = TestServer::with(crate::server::Options::args(&arguments));
    let page = Visitor::stranger(&server).get("/console/oidc?to=%2Fconsole%2Fserver").await.expect(502);
    assert_eq!(hidden(&page.text, "/console/sign-in", "to"), "/console/server");
    assert!(page.text.contains("The log of the server says why"), "{}", page.text);
    server.wait_for_log("https://localhost:1/.well-known/openid-configuration: cannot connect");
    Visitor::root(&server).await.get("/console").await.expect(200);
}

/// In a browser, by keyboard: to the provider, and back to the page that was asked for.
// The provider answers while the browser is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_comes_back_to_where_it_wanted_to_go() {
    let provider = Provider::start(BASIC).await;
    let server = provider.server(&[]);
    provider.say(|_| {});
    let mut browser = Browser::start(&server.admin());
    browser.call("Security.setIgnoreCertificateErrors", &json!({"ignore": true}));
    browser.open(&format!("{}/console/t/test/users", server.admin()));
    browser.wait_for("document.title.startsWith('Sign in')");
    browser.tab_to("Sign in with your account");
    browser.press("Enter");
    browser.wait_for("document.title === 'Provider' && document.readyState === 'complete'");
    browser.tab_to("I am Anna");
    browser.press("Enter");
    browser.wait_for("document.title.startsWith('test') && document.readyState === 'complete'");
    assert_eq!(browser.run("location.pathname"), "/console/t/test/users");
    assert_eq!(browser.run("document.querySelector('.person').textContent"), "anna@example.com operator");
    // No page of ours has asked another host; the browser has gone to one.
    let elsewhere = format!("another host: {}/", provider.issuer);
    let faults: Vec<_> = browser.faults().into_iter().filter(|fault| !fault.starts_with(&elsewhere)).collect();
    assert_eq!(faults, Vec::<String>::new());
}
