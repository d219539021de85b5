//! What a line says of a call.

use scim_protocol::ErrorKind;
use serde_json::{Value, json};

use super::*;

fn written(record: &AuditRecord<'_>) -> Value {
    let mut line = Vec::new();
    record.write(&mut line);
    serde_json::from_slice(&line).unwrap()
}

fn record<'a>() -> AuditRecord<'a> {
    AuditRecord {
        at: Timestamp::from_millis(1_700_000_000_123),
        event: EventName::Resource(Verb::Get, "User"),
        tenant: Some("2819c223-7f76-453a-919d-413861904646"),
        token: Some("902c246b-6245-4190-8e05-00816be7344a"),
        source_address: Some(IpAddr::from([192, 0, 2, 1])),
        user_agent: Some("provider/1.0"),
        host: Some("scim.example.com"),
        id: Some("c75ad752-64ae-4823-840d-ffa80929976c"),
        query: None,
        body: Document::None,
        response: Document::None,
        error: None,
        mapping: &[],
        headers: &[],
        explanation: None,
        request: Uuid::from_u128(1),
        event_id: Uuid::from_u128(2),
        form: Form::Own,
        words: Vocabulary::core(),
    }
}

#[test]
fn a_read_has_every_field_and_no_body() {
    let line = written(&record());
    let expect = json!({
        "eventVersion": "1.1",
        "userIdentity": {
            "type": "BearerToken",
            "accountId": "2819c223-7f76-453a-919d-413861904646",
            "accessKeyId": "902c246b-6245-4190-8e05-00816be7344a",
        },
        "eventTime": "2023-11-14T22:13:20.123Z",
        "eventSource": "scim-server",
        "eventName": "GetUser",
        "sourceIPAddress": "192.0.2.1",
        "userAgent": "provider/1.0",
        "requestParameters": {
            "tenantId": "2819c223-7f76-453a-919d-413861904646",
            "id": "c75ad752-64ae-4823-840d-ffa80929976c",
        },
        "responseElements": null,
        "requestID": "00000000-0000-0000-0000-000000000001",
        "eventID": "00000000-0000-0000-0000-000000000002",
        "readOnly": true,
        "eventType": "ApiCall",
        "managementEvent": true,
        "recipientAccountId": "2819c223-7f76-453a-919d-413861904646",
        "eventCategory": "Management",
        "tlsDetails": {"clientProvidedHostHeader": "scim.example.com"},
    });
    assert_eq!(line, expect);
}

#[test]
fn a_refused_write_names_its_error_and_hides_its_body() {
    let error = Error::new(ErrorKind::Uniqueness, "userName \"bjensen\" is taken.");
    let body = json!({"userName": "bjensen"}).to_string();
    let line = written(&AuditRecord {
        event: EventName::Resource(Verb::Create, "User"),
        token: None,
        id: None,
        body: Document::Bytes(body.as_bytes()),
        response: Document::Bytes(b"{\"detail\":\"userName \\\"bjensen\\\" is taken.\"}"),
        error: Some(&error),
        ..record()
    });
    assert_eq!(line["userIdentity"]["type"], "Anonymous");
    assert_eq!(line["errorCode"], "ConflictException");
    assert_eq!(line["requestParameters"]["httpBody"]["userName"], HIDDEN);
    assert_eq!(line["readOnly"], false);
    assert!(!line.to_string().contains("bjensen"), "{line}");
}

#[test]
fn the_rewrites_of_a_body_are_named() {
    let names = ["mail".to_owned(), "the \"kind\"".to_owned()];
    let line = written(&AuditRecord { mapping: &names, ..record() });
    assert_eq!(line["additionalEventData"], json!({"mapping": names}));
    let line = written(&AuditRecord { mapping: &names[..1], explanation: Some("Nobody."), ..record() });
    assert_eq!(line["additionalEventData"], json!({"explanation": "Nobody.", "mapping": ["mail"]}));
}

/// Each name stands once in a line, in whatever form.
#[test]
fn what_is_counted_is_beside_what_is_explained() {
    let at = Timestamp::from_millis(1_700_000_000_000);
    let repeated = Repeated { count: 7, first: at, last: at };
    for explanation in [None, Some("Nobody.")] {
        let mut line = Vec::new();
        let form = Form::IdentityCenter { region: "eu-west-1" };
        AuditRecord { explanation, form, ..record() }.write(&mut line);
        repeated.add_to(&mut line, form);
        let text = String::from_utf8(line).unwrap();
        assert_eq!(text.matches("additionalEventData").count(), 1, "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        let additional = &line["additionalEventData"];
        assert_eq!(
            (additional["count"].as_u64(), additional["explanation"].as_str()),
            (Some(7), explanation),
            "{text}"
        );
    }
}

#[test]
fn headers_stand_between_the_explanation_and_the_rewrites() {
    let (names, headers) = (["mail".to_owned()], [("Content-Type", "text/plain"), ("If-Match", "*")]);
    let line = written(&AuditRecord { headers: &headers, ..record() });
    assert_eq!(line["additionalEventData"], json!({"headers": {"Content-Type": "text/plain", "If-Match": "*"}}));
    let whole = AuditRecord { headers: &headers[1..], mapping: &names, explanation: Some("Nobody."), ..record() };
    let expect = json!({"explanation": "Nobody.", "headers": {"If-Match": "*"}, "mapping": ["mail"]});
    assert_eq!(written(&whole)["additionalEventData"], expect);
}

#[test]
fn a_body_that_is_not_json_is_hidden_whole() {
    let line = written(&AuditRecord { body: Document::Bytes(b"bjensen"), ..record() });
    assert_eq!(line["requestParameters"]["httpBody"], HIDDEN);
}

#[test]
fn a_name_in_the_place_of_an_id_is_hidden() {
    let line = written(&AuditRecord { tenant: Some("bjensen"), id: Some("bjensen"), ..record() });
    assert_eq!(line["requestParameters"], json!({"tenantId": HIDDEN, "id": HIDDEN}));
    assert!(!line.to_string().contains("bjensen"), "{line}");
}

#[test]
fn calls_have_the_names_that_alarms_look_for() {
    for (event, name, read_only) in [
        (EventName::Resource(Verb::Create, "User"), "CreateUser", false),
        (EventName::Resource(Verb::List, "Group"), "ListGroups", true),
        (EventName::Resource(Verb::Put, "User"), "PutUser", false),
        (EventName::Resource(Verb::Patch, "Device"), "PatchDevice", false),
        (EventName::Resource(Verb::Delete, "Group"), "DeleteGroup", false),
        (EventName::SearchResources, "SearchResources", true),
        (EventName::BulkRequest, "BulkRequest", false),
        (EventName::ListSchemas, "ListSchemas", true),
    ] {
        assert_eq!((event.to_string().as_str(), event.is_read_only()), (name, read_only));
    }
}

#[test]
fn errors_have_the_classes_that_alarms_look_for() {
    for (status, class) in [
        (400, "ValidationException"),
        (401, "UnauthorizedException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (409, "ConflictException"),
        (413, "ValidationException"),
        (429, "ThrottlingException"),
        (500, "InternalServerException"),
        (501, "InternalServerException"),
    ] {
        assert_eq!(error_code(status), class, "{status}");
    }
}
