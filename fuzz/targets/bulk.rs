//! Bulk requests, from their bytes: what is counted while it is read is no more than it may be, and is
//! what it would be uncounted; each operation is read or refused by itself; a reference that was resolved
//! is none any more.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scim_protocol::message::{BulkRequest, Most, Names, read_json};

const MOST: Most = Most { values: 400, operations: Some(20), names: Names::WithoutCase };

fuzz_target!(|input: &[u8]| {
    let Ok(body) = read_json(input, MOST) else { return };
    // serde_json itself has a key of its own that it reads otherwise (RawValue); we have none.
    if !String::from_utf8_lossy(input).contains("$serde_json") {
        assert_eq!(Some(&body), fuzz::json(input).as_ref());
    }
    let Ok(bulk) = BulkRequest::parse(body) else { return };
    assert!(bulk.operations.len() <= 20);
    for mut operation in bulk.operations.into_iter().flatten() {
        let references = operation.references();
        let mut once = references.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), references.len(), "{references:?}");
        operation.resolve(&|_| Some("2819c223-7f76-453a-919d-413861904646".to_owned()));
        assert_eq!(operation.references(), Vec::<String>::new());
    }
});
