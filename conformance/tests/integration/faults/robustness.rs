//! Faults in what is too deep, too long, or at once.

use serde_json::json;

use super::Faults;
use crate::broken::fault::on;

pub fn faults() -> Faults {
    let users = || on("GET /Users");
    let post = || on("POST /Users");
    let broke = "to be answered or refused; got 500";
    vec![
        ("robust-deep-filter", users().having("((((").status(500), broke),
        ("robust-long-filter", users().having(" or userName").status(500), broke),
        ("robust-filter-nul", users().having("\u{0}").status(500), broke),
        ("robust-filter-injection", users().having("'1'='1'").ignores("filter"), "to find nobody; it finds 4"),
        ("robust-query-not-utf8", users().having("sortBy=").status(500), broke),
        ("robust-deep-body", post().having("[[[[").status(500), broke),
        ("robust-body-not-utf8", post().having("\u{fffd}").status(500), broke),
        ("robust-large-body", post().having("xxxxxxxx").status(500), broke),
        ("robust-duplicate-keys", post().status(500), broke),
        ("robust-nul", post().having("\\u0000").status(500), "to be refused with a 4xx status; got 500"),
        ("robust-injection", post().reads("DROP TABLE", ""), "Expected nickName to be"),
        (
            "robust-odd-id",
            on("GET /Users/*").gives(|asked, answer| {
                if asked.path.contains('\u{0}') {
                    answer.status = 500;
                }
            }),
            broke,
        ),
        (
            "robust-error-internals",
            users().having("eq eq").gives(|_, answer| {
                if let Some(body) = &mut answer.body {
                    body["detail"] = json!("Traceback (most recent call last): File \"filter.py\"");
                }
            }),
            "no insides in the error",
        ),
        ("robust-members-at-once", on("PATCH /Groups/*").pretends(), "8 are lost"),
    ]
}
