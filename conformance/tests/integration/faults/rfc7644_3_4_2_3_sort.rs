//! Faults in sorting.

use serde_json::Value;

use super::Faults;
use crate::broken::{
    Fault,
    fault::{On, on},
};

fn users() -> On {
    on("GET /Users")
}

/// Does not sort, or sorts as it likes.
fn backwards(on: On) -> Fault {
    on.gives(|_, answer| {
        if let Some(Value::Array(resources)) = answer.body.as_mut().and_then(|body| body.get_mut("Resources")) {
            resources.reverse();
        }
    })
}

pub fn faults() -> Faults {
    vec![
        ("sort-ascending", users().ignores("sortBy"), "ascending to give Bert Ada Cleo Dora; it gives Ada"),
        ("sort-descending", users().ignores("sortOrder"), "descending to give Dora Cleo Ada Bert"),
        ("sort-default", backwards(users()), "to give Bert Ada Cleo Dora; it gives Dora"),
        ("sort-name-case", users().having("NAME").refuses(400), "got 400"),
        ("sort-urn", users().having("core:2.0:User:name").ignores("sortBy"), "to give Bert Ada Cleo Dora"),
        ("sort-absent-last", users().asks("sortBy", "title", "userName"), "to give Bert Ada Dora Cleo"),
        ("sort-absent-first", users().asks("sortBy", "title", "userName"), "to give Cleo Dora Ada Bert"),
        ("sort-time", backwards(users()), "the youngest first"),
        ("sort-extension", backwards(users()), "to give Ada and Dora, Bert, Cleo"),
        ("sort-case-insensitive", users().asks("sortBy", "nickName", "meta.created"), "in the order [1, 0, 2]"),
        ("sort-primary", users().ignores("sortBy"), "in the order [1, 0]"),
        ("sort-first-value", backwards(users()), "in the order [0, 1]"),
        ("sort-pages", backwards(users()), "Expected two pages by name.familyName"),
    ]
}
