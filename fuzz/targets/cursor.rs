//! Cursors: nothing that a client made up is taken for one of ours.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scim_protocol::Timestamp;
use scim_server::cursor::{Fingerprint, Sealer};

fuzz_target!(|input: &[u8]| {
    let Some(text) = fuzz::text(input) else { return };
    let sealer = Sealer::new(&[7; 32], 3600);
    let query = Fingerprint::of(["tenant", "/Users"]);
    assert!(sealer.open(text, query, None, Timestamp::from_millis(0)).is_err(), "{text} was taken for a cursor");
});
