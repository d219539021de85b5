//! Of which resources a receiver is told.

use serde_json::json;

use super::{Receiver, events, jtis};
use crate::server::TestServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_told_of_a_subject_that_was_removed() {
    let server = TestServer::start();
    let receiver = Receiver::of(&server).await;
    let client = server.client();
    let anna = client.user("anna").await;
    let path = format!("/Users/{anna}");
    let stream = receiver.stream(json!({})).await;
    let (add, remove) = (receiver.at("add_subject_endpoint"), receiver.at("remove_subject_endpoint"));
    let subject = json!({"format": "scim", "uri": path});
    let asked = json!({"stream_id": stream["stream_id"], "subject": subject});
    // Twice is as good as once.
    receiver.client.post(remove, &asked).await.expect(204);
    receiver.client.post(remove, &asked).await.expect(204);
    client.patch(&path, &json!([{"op": "add", "path": "title", "value": "unheard"}])).await.expect(200);
    client.user("bert").await;
    let told = receiver.poll(&stream, json!({})).await;
    let [removed, created] = &told[..] else { panic!("{told:#?}") };
    assert_eq!(events(removed), ["urn:ietf:params:scim:event:feed:remove"]);
    assert_eq!(removed["sub_id"], json!({"format": "scim", "uri": path, "id": anna}));
    assert_eq!(events(created), ["urn:ietf:params:scim:event:prov:create:full"]);
    assert_eq!(receiver.poll(&stream, json!({"ack": jtis(&told)})).await.len(), 0);

    receiver.client.post(add, &asked).await.expect(200);
    client.patch(&path, &json!([{"op": "add", "path": "title", "value": "heard"}])).await.expect(200);
    let told = receiver.poll(&stream, json!({})).await;
    let [added, patched] = &told[..] else { panic!("{told:#?}") };
    assert_eq!(events(added), ["urn:ietf:params:scim:event:feed:add"]);
    assert_eq!(patched["sub_id"]["id"], json!(anna));
    assert_eq!(receiver.poll(&stream, json!({"ack": jtis(&told)})).await.len(), 0);

    for (subject, status) in [
        (json!({"format": "scim", "uri": "/Users/nobody"}), 404),
        (json!({"format": "scim", "uri": "/Cats/1"}), 404),
        (json!({"format": "email", "email": "a@example.com"}), 400),
    ] {
        let refused =
            receiver.client.post(remove, &json!({"stream_id": stream["stream_id"], "subject": subject})).await;
        assert_eq!(refused.status, status, "{}", refused.text);
    }
}
