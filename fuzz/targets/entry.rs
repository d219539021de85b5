//! What a directory says: entries with their names, identities and members, and the values of controls.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sync_agent::{Dn, Flavour, Ldif, SyncInfo, SyncState, ber};

fuzz_target!(|input: &[u8]| {
    let _ = SyncState::parse(input);
    if let Some(tag) = ber::parse(input) {
        let _ = ber::number(tag.clone());
        let _ = SyncInfo::parse(tag);
    }
    let Some(text) = fuzz::text(input) else { return };
    for flavour in Flavour::all() {
        let _ = Ldif::parse(text, flavour);
    }
    if let Ok(name) = Dn::parse(text) {
        assert_eq!(name.as_str(), text);
        assert!(name.is_within(&name));
        // Who lies beneath a name lies beneath it however it is written.
        if let Ok(child) = Dn::parse(&format!("CN=Someone,{text}")) {
            assert!(text.trim().is_empty() || child.is_within(&name), "{text:?}");
        }
        let _ = name.domain();
    }
});
