//! The audit log: wherever a name stands in a request, it is in no line, and a line is always JSON.
//!
//! A `#` of the input becomes a name. The input is the body of a request, the query and the id of its URL,
//! and its `Host`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scim_protocol::Timestamp;
use scim_server::internals::audit::{AuditRecord, Document, EventName, Form, Verb, Vocabulary, host};
use uuid::Uuid;

const NAME: &str = "zq7canary";

fuzz_target!(|input: &[u8]| {
    let Some(text) = fuzz::text(input) else { return };
    // Letters of the input beside it must not make another word of it.
    if text.to_ascii_lowercase().contains(NAME) {
        return;
    }
    let text = text.replace('#', NAME);
    // A body stands two levels deep in its line, and the reader below takes no more than 127.
    let shallow = text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() < 100;
    for form in [Form::Own, Form::IdentityCenter { region: "eu-west-1" }] {
        for response in [Document::None, Document::Bytes(b"{\"id\":1}")] {
            let record = AuditRecord {
                at: Timestamp::from_millis(1_700_000_000_123),
                event: EventName::Resource(Verb::Patch, "User"),
                tenant: Some(&text),
                token: None,
                source_address: None,
                user_agent: None,
                host: Some(host(&text, Some("https://scim.example.com"))),
                id: Some(&text),
                query: Some(&text),
                body: Document::Bytes(text.as_bytes()),
                response,
                error: None,
                mapping: &[],
                explanation: None,
                request: Uuid::from_u128(1),
                event_id: Uuid::from_u128(2),
                form,
                words: Vocabulary::core(),
            };
            let mut line = Vec::new();
            record.write(&mut line);
            let line = String::from_utf8_lossy(&line);
            assert!(!shallow || fuzz::json(line.as_bytes()).is_some(), "{line}");
            assert!(!line.to_ascii_lowercase().contains(NAME), "{line}");
        }
    }
});
