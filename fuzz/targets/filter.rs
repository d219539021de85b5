//! Filters: one that parses is written as a filter that parses to the same, and one that binds can
//! be matched against any document.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scim_protocol::filter::Filter;

fuzz_target!(|input: &[u8]| {
    let Some(text) = fuzz::text(input) else { return };
    let Ok(filter) = Filter::parse(text) else { return };
    let written = filter.to_string();
    // Writing may add parentheses, which may reach the limits of length and depth.
    if let Ok(again) = Filter::parse(&written) {
        assert_eq!(again, filter, "{written}");
    }
    for (rt, resource) in fuzz::RESOURCES.iter() {
        if let Ok(bound) = filter.bind(rt) {
            bound.matches(resource.document());
            assert!(filter.bind_lenient(rt).is_ok(), "{written}");
        }
    }
});
