//! The store goes away while somebody is signed in.

use super::Visitor;
use crate::{
    database::Cluster,
    server::{Options, TestServer},
};

const TOKENS: &str = "/console/t/test/tokens";

/// Pages and forms say so, and whoever is signed in stays so.
#[tokio::test]
async fn a_store_that_is_away_signs_nobody_out() {
    let mut cluster = Cluster::start(&[]);
    let server = TestServer::with(Options { store: Some(cluster.schema()), ..Options::args(&["--console"]) });
    let made = server.run_json(&["admin-token", "create", "--name", "ops", "--role", "administrator", "--json"]);
    let named = Visitor::by_token(&server, made["token"].as_str().expect("a token")).await;
    let visitors = [named, Visitor::root(&server).await];
    cluster.crash();
    for visitor in &visitors {
        let page = visitor.get(TOKENS).await.expect(503);
        assert!(page.text.contains("store is not available"), "{}", page.text);
        let refused = visitor
            .post(&format!("{TOKENS}/create"), &[("name", "app"), ("scopes", "write"), ("lifetime", "90d")])
            .await
            .expect(503);
        assert!(refused.text.contains("Go back in your browser"), "{}", refused.text);
    }
    cluster.launch();
    for visitor in &visitors {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while visitor.get(TOKENS).await.status != 200 {
            assert!(std::time::Instant::now() < deadline, "the database is back");
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }
}
