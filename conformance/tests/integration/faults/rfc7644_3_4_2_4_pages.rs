//! Faults in pages.

use serde_json::{Value, json};

use super::Faults;
use crate::broken::fault::{On, on};

fn users() -> On {
    on("GET /Users")
}

pub fn faults() -> Faults {
    vec![
        ("page-count", users().ignores("count"), "no more than 2 resources with count=2"),
        ("page-total", users().says("/totalResults", json!(2)), "totalResults to be 4; it is 2"),
        ("page-items", users().says("/itemsPerPage", json!(200)), "itemsPerPage to be 2; it is 200"),
        ("page-start", users().says("/startIndex", json!(1)), "startIndex to be 3; it is 1"),
        ("page-count-zero", users().asks("count", "0", "100"), "no resources with count=0; there are 4"),
        ("page-count-negative", users().asks("count", "-1", "1"), "no resources with count=-1; there are 1"),
        ("page-start-zero", users().asks("startIndex", "0", "2"), "startIndex to be 1; it is 2"),
        ("page-start-negative", users().asks("startIndex", "-5", "5"), "startIndex to be 1; it is 5"),
        (
            "page-start-default",
            users().lacking("startIndex").takes(|asked| asked.query.push(("startIndex".to_owned(), "2".to_owned()))),
            "startIndex to be 1; it is 2",
        ),
        ("page-start-beyond", users().asks("startIndex", "1004", "1"), "no resources behind the last; there are 2"),
        ("page-start-counts-from-one", users().asks("startIndex", "2", "3"), "from startIndex=2 on to begin with"),
        ("page-all", users().ignores("startIndex"), "they have 1 of them"),
        (
            "page-most",
            users().having("count=201").gives(|_, answer| {
                if let Some(body) = &mut answer.body {
                    body["Resources"] = Value::from(vec![json!({}); 201]);
                }
            }),
            "no more than filter.maxResults, 200; there are 201",
        ),
        ("page-count-text", users().ignores("count"), "Expected status 400 to GET"),
    ]
}
