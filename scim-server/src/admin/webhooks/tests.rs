//! Messages that were given up, after the days that this takes: on a clock that is moved by hand.

use std::sync::atomic::Ordering;

use serde_json::Value;

use super::*;
use crate::{
    admin::{AdminRequest, Administrator, Line, line, start},
    webhook::tests::Stage,
};

/// The rows of `webhook dead-letters`.
async fn dead_letters(context: &AdminContext, webhook: ResourceId, send_again: bool) -> Vec<Value> {
    let request = WebhookRequest::DeadLetters { webhook: webhook.to_string(), send_again };
    let mut lines = start(context.clone(), AdminRequest::Webhook { request }, line::nothing());
    let mut rows = Vec::new();
    while let Some(line) = lines.recv().await {
        match line {
            Line::Row(row) => rows.push(serde_json::from_str(&row).unwrap()),
            Line::Error(fault) => panic!("{}", fault.message),
            Line::Done | Line::More(_) | Line::Progress(_) => {}
        }
    }
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_given_up_is_sent_again_when_that_is_asked_for() {
    let stage = Stage::start().await;
    let (by, operations) = (Administrator::root(), Arc::clone(&stage.deliverer.operations));
    let context = AdminContext {
        store: Arc::clone(&stage.store),
        access: Arc::clone(&stage.deliverer.access),
        clock: Arc::clone(&operations.clock),
        operations,
        base: String::new(),
        sender: Arc::clone(&stage.deliverer.sender),
        by,
        console: None,
        requests: None,
        sinks: None,
    };
    let list = |send_again| dead_letters(&context, stage.webhook.id, send_again);
    stage.user(1).await;
    while list(false).await[0].get("note").is_some() {
        let Some(pause) = stage.settle().await else { break };
        stage.clock.advance(pause);
    }
    let given_up = list(false).await;
    assert_eq!(
        (given_up.len(), &given_up[0]["tries"], &given_up[0]["error"]),
        (1, &json!(10), &json!("the status 500"))
    );
    assert_eq!((&given_up[0]["tenant"], &given_up[0]["sent_again"]), (&json!("t"), &json!(false)));
    // It is sent, and no longer a dead letter.
    stage.endpoint.status.store(204, Ordering::SeqCst);
    let before = stage.endpoint.asked();
    assert_eq!(list(true).await[0]["sent_again"], true);
    assert_eq!((stage.settle().await, stage.endpoint.asked()), (None, before + 1));
    assert!(list(false).await[0].get("note").is_some());
    let events = stage.store.events(stage.tenant.home(), 0, 100).await.unwrap();
    assert!(events.iter().any(|event| event.deed == Some(Deed::WebhookReplayed)));
}
