//! Tokens and clients in the console: a token is replaced while it is used, and a refusal is explained.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;

use super::{Visitor, signed_in, with_console};
use crate::{
    oauth::{
        GRANT, OAuth,
        assertions::{TYPE, trust},
        issuer::{Issuer, claims},
    },
    server::{Client, Options, TestServer},
};

const HERE: &str = "/console/t/test/tokens";

/// Somebody who calls without a pause, and what they were answered.
struct Caller {
    statuses: Arc<Mutex<Vec<u16>>>,
    ends: Arc<AtomicBool>,
    calls: tokio::task::JoinHandle<()>,
}

impl Caller {
    fn with(client: Client) -> Self {
        let (statuses, ends) = (Arc::<Mutex<Vec<u16>>>::default(), Arc::<AtomicBool>::default());
        let (noted, ended) = (Arc::clone(&statuses), Arc::clone(&ends));
        let calls = tokio::spawn(async move {
            while !ended.load(Ordering::Relaxed) {
                let answer = client.get("/Users?count=1").await;
                noted.lock().expect("the statuses").push(answer.status);
            }
        });
        Self { statuses, ends, calls }
    }

    fn count(&self) -> usize {
        self.statuses.lock().expect("the statuses").len()
    }

    /// Waits until so many more calls were answered.
    async fn goes_on(&self, more: usize) {
        let enough = self.count() + more;
        while self.count() < enough {
            assert!(!self.calls.is_finished(), "a call was not answered");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn end(self) -> Vec<u16> {
        self.ends.store(true, Ordering::Relaxed);
        self.calls.await.expect("no call fails");
        Arc::try_unwrap(self.statuses).expect("the last").into_inner().expect("the statuses")
    }
}

/// While a page replaces a token, whoever shows the old one, and then the new one, is let in each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_refused_while_a_token_is_replaced() {
    let args = vec!["--console".to_owned()];
    let server = TestServer::with(Options { args, ..Options::settings(json!({"rate_limit": 0})) });
    let mut browser = signed_in(&server);
    browser.open(&format!("{}{HERE}", server.admin()));
    browser.sees("Rotate makes the next token");
    let old = Caller::with(server.client());
    old.goes_on(20).await;
    browser.click("main button", "Rotate");
    browser.sees("The one before is good until");
    let token = browser.run("[...document.querySelectorAll('[data-copy^=scim_]')].map(one => one.dataset.copy)[0]");
    let new = Caller::with(server.client().with_token(token.as_str().expect("the new token")));
    old.goes_on(50).await;
    new.goes_on(50).await;
    browser.click("main a", "I have taken it");
    browser.sees("Rotate makes the next token");
    old.goes_on(20).await;
    for statuses in [old.end().await, new.end().await] {
        assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    }
    assert_eq!(browser.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn the_page_says_why_a_client_was_refused() {
    let server = with_console();
    let client = OAuth::create(&server, "entra", &["--no-secret"]);
    let issuer = Issuer::new();
    trust(&server, ["test", "entra"], &issuer, "api://scim");
    let mut wrong = claims();
    wrong["aud"] = json!("api://scim/host");
    let assertion = issuer.sign(&wrong);
    client.post("/token", None, &[GRANT, TYPE, ("client_assertion", &assertion)]).await.expect(401);
    let visitor = Visitor::root(&server).await;
    let page = visitor.get(HERE).await.expect(200).text;
    for told in ["Refusals of entra (1)", "audience: expected api://scim, came api://scim/host", "of 1 issuer"] {
        assert!(page.contains(told), "{told}: {page}");
    }
    for (what, done) in [("disable", "gets no more access tokens"), ("enable", "The client is enabled")] {
        let said = visitor.done(&format!("/console/t/test/clients/{what}"), &[("id", &client.id)]).await.text;
        assert!(said.contains(done), "{said}");
    }
}
