//! Forms that are refused: their page is shown again, with why beside the form, and with what was typed in it.

use super::{Visitor, hidden, with_console};
use crate::server::TestServer;

/// A form: what it is sent to, what is typed, the status, why, and what the form has then.
type Case<'c> = (String, Vec<(&'c str, &'c str)>, u16, &'c str, Vec<&'c str>);

/// The form of a page that is sent there.
#[track_caller]
fn form_of<'p>(page: &'p str, action: &str) -> &'p str {
    let (_, form) = page.split_once(&format!("action=\"{action}\"")).unwrap_or_else(|| panic!("no {action}: {page}"));
    form.split("</form>").next().unwrap_or_default()
}

/// The forms that have one step.
fn at_once<'c>(tenant: &str, user: &str) -> Vec<Case<'c>> {
    let of = |part: &str| format!("{tenant}/{part}");
    vec![
        (
            "/console/tenants".to_owned(),
            vec![("name", "test")],
            409,
            "test",
            vec!["name=\"name\" value=\"test\"", "name=\"token\"> Make its first token"],
        ),
        (
            of("tokens/create"),
            vec![("name", "app"), ("scopes", "events"), ("lifetime", "soon")],
            400,
            "not a duration",
            vec!["name=\"name\" value=\"app\"", "value=\"events\" selected", "name=\"lifetime\" value=\"soon\""],
        ),
        (
            of("clients/create"),
            vec![("name", "entra"), ("lifetime", "later")],
            400,
            "not a duration",
            vec!["name=\"name\" value=\"entra\"", "name=\"lifetime\" value=\"later\""],
        ),
        (
            of("deliveries/create"),
            vec![("url", "ftp://example.com"), ("types", "user.created")],
            400,
            "no URL",
            vec!["name=\"url\" value=\"ftp://example.com\"", "name=\"types\" value=\"user.created\""],
        ),
        (
            of("settings/form"),
            vec![("profile", "ipsie-al1"), ("rate_limit", "many"), ("max_tokens", "3"), ("strict", "on")],
            400,
            "write a whole number from 0",
            vec![
                "value=\"ipsie-al1\" selected",
                "name=\"rate_limit\" value=\"many\"",
                "name=\"max_tokens\" value=\"3\"",
                "name=\"strict\" checked",
                "In force: the default.",
            ],
        ),
        (
            of("settings/set"),
            vec![("settings", "{\"strict\": ")],
            400,
            "This is not JSON",
            vec![">\n{&#34;strict&#34;:<"],
        ),
        (
            of("settings/delete"),
            vec![("typed", "toast"), ("force", "on")],
            400,
            "Nothing was deleted",
            vec!["name=\"typed\" value=\"toast\"", "name=\"force\" checked"],
        ),
        (
            format!("{user}/delete"),
            vec![("typed", "anne"), ("force", "on")],
            400,
            "Nothing was deleted",
            vec!["name=\"typed\" value=\"anne\"", "name=\"force\" checked"],
        ),
    ]
}

/// Those that show first what they would do; and the second step of them, which is refused as well.
fn in_two_steps<'c>(tenant: &str) -> Vec<Case<'c>> {
    let of = |part: &str| format!("{tenant}/{part}");
    let rule = || vec![("name", "ghosts"), ("role", "admin"), ("group", "Ghosts")];
    let typed =
        || vec!["name=\"name\" value=\"ghosts\"", "name=\"role\" value=\"admin\"", "name=\"group\" value=\"Ghosts\""];
    let of_event = || vec![("since", "7"), ("until", "soon"), ("actor", "okta")];
    let event = || vec!["name=\"since\" value=\"7\"", "name=\"until\" value=\"soon\"", "name=\"actor\" value=\"okta\""];
    vec![
        (of("rules/set-preview"), rule(), 404, "Ghosts", typed()),
        (of("rules/set"), rule(), 404, "Ghosts", typed()),
        (
            of("rules/mapping-preview"),
            vec![("name", "x"), ("rewrite", "lower-case"), ("resource_type", "Group"), ("attribute", "nothing")],
            400,
            "nothing",
            vec!["name=\"name\" value=\"x\"", "value=\"lower-case\" selected", "value=\"Group\" selected"],
        ),
        (of("safety/undo-preview"), of_event(), 400, "is not the number of an event", event()),
        (of("safety/undo"), of_event(), 400, "is not the number of an event", event()),
        (of("settings/schema-add-preview"), vec![("definition", "{")], 400, "This is not JSON", vec![">\n{<"]),
        (of("settings/schema-add"), vec![("definition", "{")], 400, "This is not JSON", vec![">\n{<"]),
    ]
}

/// What a command says of settings and rewrites is said by the names of the fields; which one is empty, too.
#[tokio::test]
async fn a_refusal_names_the_fields_of_the_form() {
    let server = with_console();
    let visitor = Visitor::root(&server).await;
    let settings = "/console/t/test/settings";
    for (field, value, why) in [
        ("restore_window", "soon", "The tenant&#39;s setting “Deleted ones can be restored for” cannot be used"),
        ("silence_after", "soon", "The tenant&#39;s setting “Silent after” cannot be used"),
        ("max_tokens", "1000", "“Live tokens at most”: a tenant has 1 to 100 live tokens"),
        ("rate_limit", "1.5", "Requests a second: &#34;1.5&#34; cannot be used; write a whole number from 0"),
    ] {
        let page = visitor.set(settings, "form", &[("profile", "rfc"), (field, value)]).await.expect(400).text;
        assert!(form_of(&page, &format!("{settings}/form")).contains(why), "{why}: {page}");
    }
    let look = "/console/t/test/rules/mapping-preview";
    let rewrite = |name: &'static str, attribute: &'static str| {
        [("name", name), ("rewrite", "copy"), ("resource_type", "User"), ("attribute", attribute), ("to", "")]
    };
    for (name, attribute, why) in [
        ("", "", "“Name” is empty: fill it in."),
        ("x", "", "“Attribute” is empty: fill it in."),
        ("x", "title", "copy and rename need “To”, default needs “Value”, and the others neither."),
    ] {
        let page = visitor.post(look, &rewrite(name, attribute)).await.expect(400).text;
        assert!(form_of(&page, look).contains(why), "{why}: {page}");
    }
}

/// The path of the form of a page that is refused: the first of two steps.
fn shown<'a>(page: &str, action: &'a str) -> std::borrow::Cow<'a, str> {
    let is_there = page.contains(&format!("action=\"{action}\""));
    if is_there { action.into() } else { format!("{action}-preview").into() }
}

#[tokio::test]
async fn what_was_typed_is_kept_and_why_it_was_refused_stands_beside_it() {
    let server = with_console();
    let anna = server.client().user("anna").await;
    let visitor = Visitor::root(&server).await;
    let (tenant, user) = ("/console/t/test", format!("/console/t/test/users/{anna}"));
    let was = hidden(&visitor.get("/console/t/test/settings").await.text, "/console/t/test/settings/form", "was");
    for (path, mut fields, status, why, kept) in at_once(tenant, &user).into_iter().chain(in_two_steps(tenant)) {
        fields.push(("was", &was));
        let page = visitor.post(&path, &fields).await.expect(status).text;
        let form = form_of(&page, &shown(&page, &path));
        let (_, alert) = form.split_once("role=\"alert\"").unwrap_or_else(|| panic!("{path}: {page}"));
        let alert = alert.split("</p>").next().unwrap_or_default();
        assert!(alert.contains(why) && page.matches("role=\"alert\"").count() == 1, "{path}: {page}");
        for part in kept {
            assert!(form.contains(part), "{path}: {part}: {form}");
        }
        // It stands once, and not a second time at the next page.
        let next = visitor.get("/console").await.expect(200).text;
        assert!(!next.contains("notice bad"), "{path}: {next}");
    }
    assert_eq!(server.run_json(&["tenant", "show", "test", "--json"])["settings"]["strict"], false);
}

/// What is said in the notices of a page, without what is code. There has to be one.
#[track_caller]
fn said(page: &str) -> String {
    assert!(page.contains("class=\"notice "), "no notice: {page}");
    let notices = page.split("class=\"notice ").skip(1).filter_map(|rest| rest.split("</p>").next());
    let spoken = |notice: &str| {
        let parts = notice.split("<code>").map(|part| part.split_once("</code>").map_or(part, |(_, behind)| behind));
        parts.collect::<Vec<_>>().join("…")
    };
    notices.map(spoken).collect::<Vec<_>>().join("\n")
}

/// Whoever fills in a form knows its fields, and no flags of the command line.
#[tokio::test]
async fn why_a_form_is_refused_is_said_in_the_words_of_the_form() {
    let server = with_console();
    let anna = server.client().user("anna").await;
    server.client().user("bert").await;
    let visitor = Visitor::root(&server).await;
    let tenant = "/console/t/test";
    let user = format!("{tenant}/users/{anna}");
    for (path, fields, words) in [
        (
            format!("{tenant}/safety/undo-preview"),
            &[("since", "2"), ("until", "1")][..],
            "“Up to event” 1 is before “After event” 2: name a larger number with “Up to event”",
        ),
        (
            format!("{tenant}/safety/undo"),
            &[("since", "1"), ("until", "2"), ("actor", "nobody")][..],
            "“Only what this one did” &#34;nobody&#34; is no token",
        ),
        (format!("{tenant}/safety/undo-preview"), &[("since", "999999")][..], "a smaller number with “After event”"),
        (
            format!("{tenant}/rules/set-preview"),
            &[("name", "x"), ("role", "admin")][..],
            "“Group” or <code>--external-id</code> at the command line",
        ),
        (format!("{user}/delete"), &[("typed", "anna")][..], "the switch “Also while a provider has a live token”"),
    ] {
        let page = visitor.post(&path, fields).await.text;
        assert!(page.contains("role=\"alert\"") && page.contains(words), "{words}: {page}");
        assert!(!said(&page).contains("--"), "{path}: {}", said(&page));
    }
    for (query, words) in [("status=abc", "“Status” is a status"), ("until=soon", "“Until” is a time")] {
        let page = visitor.get(&format!("{tenant}/requests?{query}")).await.expect(200).text;
        assert!(page.contains(words) && !said(&page).contains("--"), "{words}: {page}");
    }
    // Also before anything is sent.
    for page in [user, format!("{tenant}/settings")] {
        let page = visitor.get(&page).await.expect(200).text;
        assert!(said(&page).contains("Only with the switch below.") && !said(&page).contains("--"), "{page}");
    }
}

/// What has no form to stand in is said at the top, with the status of the refusal. A page that is refused itself says
/// nothing more than why.
#[tokio::test]
async fn a_refused_button_is_told_at_the_top() {
    let server = with_console();
    let visitor = Visitor::root(&server).await;
    let unknown = "019a0b70-11ab-7000-8000-9f2b6c3d4e5f";
    let page = visitor.post("/console/t/test/tokens/delete", &[("id", unknown)]).await;
    assert!(page.status >= 400 && page.text.contains("A new token"), "{}", page.text);
    assert_eq!(page.text.matches("notice bad").count(), 1, "{}", page.text);
    // Nor does a button take what somebody else typed for its own.
    let page = visitor.post("/console/t/test/rules/mapping-set", &[("was", "x"), ("rewrites", "[]")]).await.expect(409);
    assert!(page.text.contains("were changed meanwhile") && !page.text.contains("role=\"alert\""), "{}", page.text);
    let page = visitor.post("/console/t/nobody/settings/form", &[("rate_limit", "7")]).await.expect(404);
    assert!(page.text.contains("This cannot be shown") && page.text.contains("nobody"), "{}", page.text);
    viewers_are_refused(&server).await;
}

async fn viewers_are_refused(server: &TestServer) {
    let viewer = server.run_json(&["admin-token", "create", "--name", "v", "--role", "viewer", "--json"]);
    let viewer = Visitor::by_token(server, viewer["token"].as_str().expect("a token")).await;
    let page =
        viewer.post("/console/t/test/tokens/create", &[("name", "mine"), ("scopes", "read")]).await.expect(403).text;
    assert!(page.contains("needs the role operator") && !page.contains("mine"), "{page}");
}
