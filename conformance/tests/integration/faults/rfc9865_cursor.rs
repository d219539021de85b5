//! Faults in pages by cursor.

use serde_json::json;

use super::Faults;
use crate::broken::fault::{On, on};

fn users() -> On {
    on("GET /Users")
}

fn config() -> On {
    on("GET /ServiceProviderConfig")
}

pub fn faults() -> Faults {
    vec![
        ("cursor-config", config().says("/pagination/index", json!("yes")), "pagination.index to be true or false"),
        (
            "cursor-config-sizes",
            config().says("/pagination/maxPageSize", json!(0)),
            "pagination.maxPageSize to be a positive integer",
        ),
        (
            "cursor-config-default",
            config().says("/pagination/defaultPaginationMethod", json!("offset")),
            "to be cursor or index; it is \"offset\"",
        ),
        ("cursor-next", users().omits("/nextCursor"), "nextCursor to be a string; it is absent"),
        (
            "cursor-last",
            users().gives(|asked, answer| {
                if asked.parameter("cursor") == Some("") {
                    return;
                }
                if let Some(body) = answer.body.as_mut().and_then(|body| body.as_object_mut()) {
                    body.shift_remove("nextCursor");
                }
            }),
            "they have 2 of them, 2 in all",
        ),
        ("cursor-whole", users().says("/nextCursor", json!("x")), "Expected no nextCursor"),
        ("cursor-count", users().ignores("count"), "no more than 2 resources with count=2"),
        ("cursor-count-zero", users().asks("count", "0", "1"), "no resources with count=0"),
        ("cursor-count-negative", users().asks("count", "-3", "3"), "no resources with count=-3"),
        ("cursor-characters", users().says("/nextCursor", json!("MTIz==")), "it is MTIz=="),
        ("cursor-previous", users().says("/previousCursor", json!("")), "no previousCursor on the first page"),
        ("cursor-total", users().says("/totalResults", json!(1)), "totalResults to be 4; it is 1"),
        ("cursor-invalid", users().asks("cursor", "no-cursor-of-this-server", ""), "Expected status 400 to GET"),
        (
            "cursor-other-count",
            users().gives(|_, answer| {
                if answer.status == 400 {
                    answer.status = 200;
                }
            }),
            "Expected status 400 to GET",
        ),
        ("cursor-sorted", users().ignores("sortBy"), "in the order of sortBy"),
        ("cursor-search", on("POST /Users/.search").omits("/nextCursor"), "nextCursor to be a string"),
        ("cursor-default-method", users().omits("/startIndex"), "startIndex to be 1; it is absent"),
    ]
}
