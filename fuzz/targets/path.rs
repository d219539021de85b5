//! Paths: one that binds is written in canonical notation, and that names the same attribute.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scim_protocol::{patch::Path, path::AttributePath};

fuzz_target!(|input: &[u8]| {
    let Some(text) = fuzz::text(input) else { return };
    for rt in fuzz::resource_types() {
        if let Ok(path) = Path::parse(text) {
            let _ = path.bind(rt);
        }
        let Ok(bound) = AttributePath::parse(text).and_then(|path| path.bind(rt)) else { continue };
        let written = bound.to_string();
        let again = AttributePath::parse(&written).and_then(|path| path.bind(rt));
        assert!(again.is_ok_and(|again| again == bound), "{text} is written as {written}");
    }
});
