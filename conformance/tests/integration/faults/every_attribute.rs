//! Faults in single attributes, which only cases that look at every attribute can find.

use super::Faults;
use crate::broken::{
    Fault,
    fault::{On, on},
};

fn patch() -> On {
    on("PATCH /Users/*")
}

/// Does not see a member of the body.
fn drops(on: On, name: &'static str) -> Fault {
    on.takes(move |asked| {
        let mut body = asked.json();
        if let Some(members) = body.as_object_mut() {
            members.shift_remove(name);
        }
        asked.body = body.to_string();
    })
}

pub fn faults() -> Faults {
    vec![
        ("each-create", drops(on("POST /Users"), "phoneNumbers"), "Expected phoneNumbers to be"),
        (
            "each-injection",
            on("POST /Users").having("costCenter").reads("DROP TABLE", ""),
            "costCenter to be \"a'; DROP TABLE",
        ),
        ("each-put", drops(on("PUT /Users/*"), "locale"), "Expected locale to be \"de-DE\""),
        ("each-add", patch().having("roles").pretends(), "Expected roles to be"),
        ("each-add-without-path", patch().having("manager").pretends(), "manager to be"),
        (
            "each-append",
            patch().having("phoneNumbers").reads("\"op\":\"add\"", "\"op\":\"replace\""),
            "Expected phoneNumbers to be",
        ),
        (
            "each-replace",
            patch().having("entitlements").reads("\"op\":\"replace\"", "\"op\":\"add\""),
            "Expected entitlements to be",
        ),
        ("each-replace-part", patch().having("phoneNumbers[").pretends(), "Expected phoneNumbers to be"),
        ("each-remove", patch().having("costCenter").pretends(), "costCenter to be unassigned"),
        ("each-filter", on("GET /Users").having("costCenter sw").asks("filter", " sw ", " eq "), "costCenter sw"),
        (
            "each-sort",
            on("GET /Users").having("sortBy").having("employeeNumber").ignores("sortBy"),
            "employeeNumber descending to give",
        ),
        ("each-page", on("GET /Groups").ignores("count"), "no more than 1 Group with count=1"),
        ("each-version", on("GET /Groups/*").header("etag", "W/\"1\""), "another version of the Group"),
        ("each-attributes", on("GET /Users/*").having("attributes=title").omits("/title"), "Expected title to be"),
        (
            "each-excluded-attributes",
            on("GET /Users/*").having("excludedAttributes=title").ignores("excludedAttributes"),
            "Expected title to be left out",
        ),
    ]
}
