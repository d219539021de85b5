//! The keys that sign, the end of sessions, and what is announced.

use serde_json::json;

use super::{Receiver, events, jtis};
use crate::server::{Options, TestServer};

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_replaced_and_both_are_shown() {
    let server = TestServer::start();
    let mut receiver = Receiver::of(&server).await;
    let stream = receiver.stream(json!({})).await;
    server.client().user("anna").await;
    let before = receiver.poll(&stream, json!({})).await;
    assert_eq!(receiver.keys["keys"].as_array().map(Vec::len), Some(1));
    let old = receiver.keys["keys"][0].clone();

    let rotated = server.run_json(&["signing-key", "rotate", "--algorithm", "ES256", "--json"]);
    assert_eq!((&rotated[0]["algorithm"], &rotated[0]["signs"]), (&json!("ES256"), &json!(true)));
    assert_eq!((&rotated[1]["key_id"], &rotated[1]["signs"]), (&old["kid"], &json!(false)));
    assert!(rotated[1]["ends"].is_string());
    receiver.discover(&server).await;
    let keys = receiver.keys["keys"].as_array().expect("keys").clone();
    assert_eq!((keys.len(), &keys[0]["alg"], &keys[1]), (2, &json!("ES256"), &old));
    // The same token, signed by the new key.
    receiver.keys = json!({"keys": [keys[0]]});
    assert_eq!(jtis(&receiver.poll(&stream, json!({})).await), jtis(&before));

    // Without an overlap none of those before is shown any more, and the new one signs as the last one did.
    server.run_json(&["signing-key", "rotate", "--overlap", "0s", "--json"]);
    let listed = server.run_json(&["signing-key", "list", "--json"]);
    assert_eq!((listed.as_array().map(Vec::len), &listed[0]["algorithm"]), (Some(1), &json!("ES256")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_sessions_is_told_to_who_asks_for_it() {
    let server = TestServer::start();
    let receiver = Receiver::of(&server).await;
    let deactivate = "urn:ietf:params:scim:event:prov:deactivate";
    let stream = receiver.stream(json!({"events_requested": [SESSION_REVOKED, deactivate]})).await;
    let client = server.client();
    let (anna, bert) = (client.user("anna").await, client.user("bert").await);
    let path = format!("/Users/{anna}");
    client.patch(&path, &json!([{"op": "replace", "path": "active", "value": false}])).await.expect(200);
    client.delete(&format!("/Users/{bert}")).await.expect(204);
    let told = receiver.poll(&stream, json!({})).await;
    let [deactivated, revoked, deleted] = &told[..] else { panic!("{told:#?}") };
    // A token of CAEP has one event, and says whose sessions they are.
    assert_eq!((events(deactivated), events(revoked)), (vec![deactivate], vec![SESSION_REVOKED]));
    assert_eq!(revoked["sub_id"], json!({"format": "complex", "user": deactivated["sub_id"]}));
    assert_eq!(revoked["txn"], deactivated["txn"]);
    assert_eq!(revoked["events"][SESSION_REVOKED]["event_timestamp"], revoked["iat"]);
    assert_eq!(deleted["sub_id"]["user"]["id"], json!(bert));
    // Each is acknowledged for itself.
    let rest = receiver.poll(&stream, json!({"ack": [deactivated["jti"], deleted["jti"]], "maxEvents": 1})).await;
    assert_eq!(jtis(&rest), [revoked["jti"].clone()]);
    assert_eq!(receiver.poll(&stream, json!({"ack": [revoked["jti"]]})).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_announced_as_they_are() {
    for (event_values, number) in [(true, 13), (false, 10)] {
        let settings = json!({"event_values": event_values, "announce_security_events": true});
        let server = TestServer::with(Options::settings(settings));
        let config = server.client().get("/ServiceProviderConfig").await.expect(200).json;
        let announced = config["securityEvents"]["eventUris"].clone();
        assert_eq!(announced.as_array().map(Vec::len), Some(number), "{announced}");
        let stream = Receiver::of(&server).await.stream(json!({})).await;
        assert_eq!(stream["events_supported"], announced);
        // The end of sessions is told only to who asks for it.
        let delivered = stream["events_delivered"].as_array().expect("events");
        assert!(delivered.len() == number - 1 && !delivered.contains(&json!(SESSION_REVOKED)));
    }
}
