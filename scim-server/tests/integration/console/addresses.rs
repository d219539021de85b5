//! The addresses that forms are sent to. The page of a refused form has that address: whoever loads it anew, or opens it in
//! another tab, comes to the page that has the form.

use std::collections::BTreeSet;

use super::{
    Visitor,
    paths::PAGES,
    sync::{Agent, holding},
    with_console,
};

/// Forms that stand on a page only when something has happened, or behind a first step: where they are sent, and their page.
const OTHERS: &[(&str, &[&str])] = &[
    ("/console/judge", &["start", "stop"]),
    ("/console/server", &["sessions"]),
    ("/console/t/test/tokens", &["create", "rotate", "ask", "delete"]),
    ("/console/t/test/deliveries", &["create", "rotate", "replay", "test", "enable", "ask", "delete", "send-again"]),
    ("/console/t/test/deliveries", &["release", "pause", "resume"]),
    ("/console/t/test/requests", &["keep", "forget"]),
    ("/console/t/test/rules", &["set-preview", "set", "mapping-preview", "mapping-set"]),
    ("/console/t/test/safety", &["approve", "brake-preview", "brake-undo", "undo-preview", "undo"]),
    ("/console/t/test/settings", &["set", "form", "enable", "disable", "delete"]),
    ("/console/t/test/settings", &["schema-add-preview", "schema-add", "schema-ask", "schema-remove"]),
];

/// Where the forms of a page are sent.
fn forms(page: &str) -> BTreeSet<String> {
    let actions = page.split("<form method=\"post\" action=\"").skip(1);
    actions.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_address_of_a_form_leads_to_its_page() {
    let server = with_console();
    Agent::new(&server, "ad", &[]).report(&holding("anna")).await;
    let client = server.client();
    let (user, gone) = (client.user("anna").await, client.user("gone").await);
    client.delete(&format!("/Users/{gone}")).await.expect(204);
    let group = client.group("Staff", &[]).await;
    let visitor = Visitor::root(&server).await;
    let mut pages: BTreeSet<_> =
        PAGES.iter().map(|page| page.split('?').next().unwrap_or_default().to_owned()).collect();
    pages.extend([format!("/console/t/test/users/{user}"), format!("/console/t/test/groups/{group}")]);
    pages.insert("/console/sync/ad".to_owned());

    let leads = async |form: &str, page: &str| {
        let answer = visitor.get(form).await;
        if form == page {
            answer.expect(200);
            return;
        }
        assert_eq!(answer.expect(303).header("location"), page, "{form}");
    };
    let mut seen = BTreeSet::new();
    for page in &pages {
        for form in forms(&visitor.get(page).await.expect(200).text) {
            let is_everywhere = form == "/console/sign-out";
            leads(&form, if is_everywhere { "/console" } else { page.as_str() }).await;
            seen.insert(form);
        }
    }
    for form in ["/console/tenants", "/console/sync/ad/approve", "/console/t/test/deleted", "/console/sign-out"] {
        assert!(seen.contains(form), "{form}: {seen:?}");
    }
    assert!(seen.contains(&format!("/console/t/test/users/{user}/delete")), "{seen:?}");
    for (page, forms) in OTHERS {
        for form in *forms {
            leads(&format!("{page}/{form}"), page).await;
        }
    }
    leads("/console/t/test/clients/rotate", "/console/t/test/tokens").await;
    leads("/console/t/test/requests/x/values", "/console/t/test/requests/x").await;
    // Looking has begun nothing, and what is no form is nowhere.
    assert_eq!(server.run_json(&["tenant", "list", "--json"]).as_array().map(Vec::len), Some(1));
    for nowhere in ["/console/nothing", "/console/t/test/nothing", "/console/t/test/nothing/set"] {
        visitor.get(nowhere).await.expect(404);
    }
}
