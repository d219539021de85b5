//! Faults in text.

use super::Faults;
use crate::broken::fault::{On, on};

fn post() -> On {
    on("POST /Users")
}

fn users() -> On {
    on("GET /Users")
}

pub fn faults() -> Faults {
    let finds_nobody = || users().asks("filter", "nickName", "title");
    vec![
        ("text-right-to-left", post().reads("مريم", "????"), "nickName to be \"مريم"),
        ("text-supplementary", post().reads("𝒜", "\u{fffd}"), "nickName to be \"𝒜da"),
        ("text-escaped", post().reads("\\ud83d\\ude42", "??"), "nickName to be \"é 🙂\""),
        ("text-quotes", post().reads("<c>", "&lt;c&gt;"), "nickName to be \"a \\\"b"),
        ("text-patch", on("PATCH /Users/*").reads("曹操", "??"), "nickName to be \"Žofie 曹操\""),
        ("text-group", on("POST /Groups").reads("ü", "u"), "displayName to be"),
        ("text-filter", finds_nobody(), "to find the user; it finds 0"),
        ("text-filter-contains", users().asks("filter", "ü", "Ã¼"), "to find the user; it finds 0"),
        ("text-filter-supplementary", finds_nobody(), "to find the user; it finds 0"),
        ("text-filter-escape", users().having("\\ud83d").refuses(400), "got 400"),
        ("text-filter-case", users().asks("filter", "å", "a"), "to find the user; it finds 0"),
        ("text-filter-plus", users().asks("filter", "+", " "), "to find the user; it finds 0"),
        ("text-user-name-case", post().swallows(), "is the same; got 201"),
        ("text-user-name-composed", post().swallows(), "is the same; got 201"),
        ("text-user-name-width", post().swallows(), "is the same; got 201"),
        ("text-user-name-filter", users().asks("filter", "\u{301}", ""), "to find the user; it finds 0"),
    ]
}
