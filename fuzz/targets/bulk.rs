//! Bulk requests: each operation is read or refused by itself, and a reference that was resolved is
//! none any more.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scim_protocol::message::BulkRequest;

fuzz_target!(|input: &[u8]| {
    let Some(body) = fuzz::json(input) else { return };
    let Ok(bulk) = BulkRequest::parse(body) else { return };
    for mut operation in bulk.operations.into_iter().flatten() {
        operation.resolve(&|_| Some("2819c223-7f76-453a-919d-413861904646".to_owned()));
        assert_eq!(operation.references(), Vec::<String>::new());
    }
});
