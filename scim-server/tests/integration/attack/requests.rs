//! Requests with a good token that are far more work than others.

use std::{future::Future, io, time::Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::wire::Target;
use crate::server::{Client, USER};

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// The same blow from so many sides until that moment. What is refused counts, too; what fails at once is
/// tried again at once.
async fn again<F: Future<Output = io::Result<u16>>>(sides: u64, end: Instant, blow: impl Fn(u64, u64) -> F) -> u64 {
    let side = async |side: u64| {
        let mut struck = 0;
        while Instant::now() < end {
            // What is on its way at the end is given up, and was a blow all the same.
            match tokio::time::timeout_at(end.into(), blow(side, struck)).await {
                Ok(Ok(500)) => panic!("the server failed"),
                Ok(Ok(_)) | Err(_) => struck += 1,
                Ok(Err(_)) => tokio::task::yield_now().await,
            }
        }
        struck
    };
    join_all((0..sides).map(side)).await.into_iter().sum()
}

/// A list in JSON. Written by hand: what attacks must not be slower than what is attacked.
fn list(many: u64, element: impl Fn(u64) -> String) -> String {
    let elements: Vec<_> = (0..many).map(element).collect();
    format!("[{}]", elements.join(","))
}

fn bulk(operations: &str) -> String {
    format!(r#"{{"schemas":["{BULK}"],"Operations":{operations}}}"#)
}

/// One operation with 110,000 distinct references, and many operations with the same.
pub async fn references(target: Target, end: Instant) -> u64 {
    let group = |name: u64, many: u64| {
        let members = list(many, |number| format!(r#"{{"value":"bulkId:{number}"}}"#));
        format!(
            r#"{{"method":"POST","path":"/Groups","bulkId":"g{name}","data":{{"displayName":"g{name}","members":{members}}}}}"#
        )
    };
    let one = bulk(&list(1, |_| group(0, 110_000)));
    let many = bulk(&list(500, |name| group(name, 300)));
    again(16, end, |side, _| target.ask("POST", "/Bulk", if side % 2 == 0 { one.as_bytes() } else { many.as_bytes() }))
        .await
}

/// Users that get as many new addresses as they may have, and now and then four times as many.
pub async fn emails(target: Target, end: Instant) -> u64 {
    let client = target.client();
    let mut ids = Vec::new();
    for side in 0..4 {
        ids.push(client.user(&format!("side{side}")).await);
    }
    again(4, end, async |side, round| {
        let many = if round % 8 == 7 { 4000 } else { 1000 };
        let emails = list(many, |number| format!(r#"{{"value":"{side}.{round}.{number}@example.com"}}"#));
        let numbers = list(1000, |number| format!(r#"{{"value":"+1 {side} {round} {number}"}}"#));
        let user =
            format!(r#"{{"schemas":["{USER}"],"userName":"side{side}","emails":{emails},"phoneNumbers":{numbers}}}"#);
        let id = &ids[usize::try_from(side).expect("a few")];
        target.ask("PUT", &format!("/Users/{id}"), user.as_bytes()).await
    })
    .await
}

/// As many operations as 10 MiB hold, none of which is one.
pub async fn zeros(target: Target, end: Instant) -> u64 {
    let body = bulk(&format!("[{}0]", "0,".repeat(5 * 1024 * 1024 - 100)));
    again(4, end, |_, _| target.ask("POST", "/Bulk", body.as_bytes())).await
}

/// PATCH operations of a small body that look at as many values together as they may.
pub async fn comparisons(target: Target, end: Instant) -> u64 {
    let emails: Vec<_> = (0..1000).map(|number| json!({"value": format!("{number}@example.com")})).collect();
    let user = json!({"schemas": [USER], "userName": "compared", "emails": emails});
    let path = format!("/Users/{}", target.client().post("/Users", &user).await.expect(201).id());
    let operations = list(240, |number| {
        format!(
            r#"{{"op":"replace","path":"emails[value ew \"{number}@example.org\" or primary eq true].type","value":"work"}}"#
        )
    });
    let refused = operations.replacen("replace", "add", 1);
    let patch =
        [operations, refused].map(|operations| format!(r#"{{"schemas":["{PATCH}"],"Operations":{operations}}}"#));
    again(8, end, |_, round| {
        let body = &patch[usize::from(round % 2 == 1)];
        target.ask("PATCH", &path, body.as_bytes())
    })
    .await
}

/// Queries that look at everything.
pub async fn scans(target: Target, end: Instant) -> u64 {
    let paths = [
        "/Users?filter=title%20co%20%22nothing%22",
        "/Users?sortBy=title&count=1",
        "/Users?filter=not%20(title%20ew%20%22x%22)&sortBy=nickName&count=1",
        "/?filter=title%20co%20%22y%22",
    ];
    again(8, end, |side, round| {
        let path = paths[usize::try_from((side + round) % 4).expect("a few")];
        target.ask("GET", path, b"")
    })
    .await
}

/// A thousand users of some kilobytes, whose titles no index has.
pub async fn many_users(client: &Client) {
    fill(client, 1000, 6 * 1024).await;
}

/// Users that fill pages.
pub async fn large_users(client: &Client) {
    fill(client, 40, 200 * 1024).await;
}

async fn fill(client: &Client, many: usize, size: usize) {
    let operation = |number: usize| {
        let title = format!("{number}{}", "x".repeat(size));
        json!({"method": "POST", "path": "/Users", "bulkId": number.to_string(),
            "data": {"schemas": [USER], "userName": format!("user{number}"), "title": title}})
    };
    // In portions that end within the server's time for a request, on a busy machine too.
    let numbers: Vec<_> = (0..many).collect();
    for portion in numbers.chunks(50) {
        let operations: Value = portion.iter().map(|number| operation(*number)).collect();
        let bulk = json!({"schemas": [BULK], "Operations": operations});
        let done = client.post("/Bulk", &bulk).await.expect(200).json;
        let made = done["Operations"].as_array().into_iter().flatten().filter(|one| one["status"] == "201").count();
        assert_eq!(made, portion.len(), "{done}");
    }
}
