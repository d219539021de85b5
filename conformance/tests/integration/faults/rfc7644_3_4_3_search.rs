//! Faults in searches.

use serde_json::json;

use super::Faults;
use crate::broken::fault::{On, on};

fn search() -> On {
    on("POST /Users/.search")
}

pub fn faults() -> Faults {
    vec![
        ("search-offered", search().refuses(404), "Expected status 200 to POST"),
        ("search-list", search().says("/schemas", json!([])), "ListResponse among schemas"),
        ("search-filter", search().reads(" eq ", " ne "), "Expected the search to find Ada; it finds Bert"),
        ("search-attributes", search().reads("\"attributes\"", "\"x\""), "name to be unassigned"),
        ("search-excluded-attributes", search().reads("excludedAttributes", "x"), "name to be unassigned"),
        ("search-sort", search().reads("descending", "ascending"), "to give Dora Cleo Bert Ada; it gives Ada"),
        ("search-count", search().reads("\"count\"", "\"x\""), "no more than 2 resources with count 2"),
        ("search-start", search().reads("startIndex", "x"), "1 resource of 4 from startIndex 4 on; there are 4"),
        ("search-makes-nothing", search().status(201), "to make nothing; got 201"),
        ("search-invalid-filter", search().reads("regex", "co"), "Expected status 400 to POST"),
        ("search-root", on("POST /.search").reads(" or ", " and "), "to find the user and the group; it finds 0"),
    ]
}
