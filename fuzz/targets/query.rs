//! Queries: the same parameters in a URL and in the body of a search mean the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scim_protocol::message::Query;
use serde_json::{Map, Value};

fuzz_target!(|input: &[u8]| {
    if let Some(body) = fuzz::json(input) {
        let _ = Query::from_search_request(body);
        return;
    }
    let Some(text) = fuzz::text(input) else { return };
    let pairs: Vec<(&str, &str)> = text.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let Ok(query) = Query::from_pairs(pairs.iter().copied()) else { return };
    let mut body = Map::new();
    body.insert("schemas".into(), Value::from(vec![scim_protocol::message::SEARCH_REQUEST_SCHEMA]));
    for (name, value) in pairs {
        let known = ["filter", "sortBy", "sortOrder"].into_iter().find(|known| known.eq_ignore_ascii_case(name));
        if let Some(name) = known {
            body.insert(name.into(), value.into());
        }
    }
    let Ok(search) = Query::from_search_request(body.into()) else { panic!("{text} is refused as a body") };
    assert_eq!((search.filter, search.sort_by, search.descending), (query.filter, query.sort_by, query.descending));
});
