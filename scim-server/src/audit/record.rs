//! What one line of the audit log says, and how it is written.

use std::{fmt, net::IpAddr};

use scim_protocol::{Error, Timestamp};
use uuid::Uuid;

use super::{
    line::Line,
    redact::{self, HIDDEN, Message},
};

/// One call. Everything is borrowed from the request that it tells of.
#[derive(Debug, Clone)]
pub struct AuditRecord<'a> {
    /// When the call came in.
    pub at: Timestamp,
    /// What was called.
    pub event: EventName<'a>,
    /// The tenant of the URL, also where the token is not good for it.
    pub tenant: Option<&'a str>,
    /// The id of the token; `None` when nobody was authenticated.
    pub token: Option<&'a str>,
    /// Where the call came from.
    pub source_address: IpAddr,
    /// The `User-Agent` header.
    pub user_agent: Option<&'a str>,
    /// The host that the client asked for.
    pub host: Option<&'a str>,
    /// The resource in the URL.
    pub id: Option<&'a str>,
    /// The query of the URL, as it came.
    pub query: Option<&'a str>,
    /// The body of the request.
    pub body: Document<'a>,
    /// The body of the response; for writes.
    pub response: Document<'a>,
    /// Why the call failed.
    pub error: Option<&'a Error>,
    /// The id of the request, which the client was told.
    pub request: Uuid,
    /// An id of this line.
    pub event_id: Uuid,
}

/// A body that is to be redacted.
#[derive(Debug, Clone, Copy, Default)]
pub enum Document<'a> {
    /// There is none.
    #[default]
    None,
    /// What is not JSON is hidden whole.
    Bytes(&'a [u8]),
}

/// What was called: `CreateUser`, `ListGroups`, `PatchDevice`, `BulkRequest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventName<'a> {
    /// An operation on resources of one type, by the type's name.
    Resource(Verb, &'a str),
    /// A query over all resource types, or POST of `.search`.
    SearchResources,
    /// RFC 7644 §3.7.
    BulkRequest,
    /// GET of ServiceProviderConfig.
    ServiceProviderConfig,
    /// GET of all resource types.
    ListResourceTypes,
    /// GET of one of them.
    GetResourceType,
    /// GET of all schemas.
    ListSchemas,
    /// GET of one of them.
    GetSchema,
    /// No endpoint that exists.
    Unknown,
}

/// What was done with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// POST
    Create,
    /// GET by id
    Get,
    /// GET of the endpoint
    List,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

impl EventName<'_> {
    /// Whether the call cannot have changed anything.
    pub const fn is_read_only(self) -> bool {
        !matches!(self, Self::Resource(Verb::Create | Verb::Put | Verb::Patch | Verb::Delete, _) | Self::BulkRequest)
    }
}

impl EventName<'_> {
    /// Only the name of a resource type may hold what JSON escapes.
    fn write(self, line: &mut Line<'_>) {
        match self {
            Self::Resource(_, name) if !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) => line.escaped(&self),
            _ => line.plain(self),
        }
    }
}

impl fmt::Display for EventName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, resource_type) = match *self {
            Self::Resource(verb, resource_type) => (verb, resource_type),
            Self::SearchResources => return f.write_str("SearchResources"),
            Self::BulkRequest => return f.write_str("BulkRequest"),
            Self::ServiceProviderConfig => return f.write_str("ServiceProviderConfig"),
            Self::ListResourceTypes => return f.write_str("ListResourceTypes"),
            Self::GetResourceType => return f.write_str("GetResourceType"),
            Self::ListSchemas => return f.write_str("ListSchemas"),
            Self::GetSchema => return f.write_str("GetSchema"),
            Self::Unknown => return f.write_str("UnknownRequest"),
        };
        let (verb, plural) = match verb {
            Verb::Create => ("Create", ""),
            Verb::Get => ("Get", ""),
            Verb::List => ("List", "s"),
            Verb::Put => ("Put", ""),
            Verb::Patch => ("Patch", ""),
            Verb::Delete => ("Delete", ""),
        };
        write!(f, "{verb}{resource_type}{plural}")
    }
}

/// The class of an error, as CloudTrail names it.
fn error_code(status: u16) -> &'static str {
    match status {
        401 => "UnauthorizedException",
        403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        405 => "MethodNotAllowedException",
        409 => "ConflictException",
        412 => "PreconditionFailedException",
        429 => "ThrottlingException",
        503 => "ServiceUnavailableException",
        500.. => "InternalServerException",
        _ => "ValidationException",
    }
}

impl AuditRecord<'_> {
    /// Writes the record, without the line's end. `eventVersion` grows when a field goes or changes
    /// its meaning.
    pub fn write(&self, buffer: &mut Vec<u8>) {
        let line = &mut Line::new(buffer);
        let tenant = self.tenant.map(known_id);
        line.raw(r#"{"eventVersion":"1.0","userIdentity":"#);
        self.identity(line, tenant);
        line.raw(r#","eventTime":"#);
        line.plain(self.at);
        line.raw(r#","eventSource":"scim-server","eventName":"#);
        self.event.write(line);
        line.raw(r#","sourceIPAddress":"#);
        line.plain(self.source_address);
        if let Some(user_agent) = self.user_agent {
            line.raw(r#","userAgent":"#);
            line.string(shortened(user_agent));
        }
        if let Some(error) = self.error {
            line.raw(r#","errorCode":"#);
            line.verbatim(error_code(error.kind().status()));
            line.raw(r#","errorMessage":"#);
            line.escaped(&Message(error.detail()));
        }
        line.raw(r#","requestParameters":"#);
        self.parameters(line, tenant);
        line.raw(r#","responseElements":"#);
        match self.response {
            Document::None => line.raw("null"),
            Document::Bytes(bytes) => redact::document(line, bytes),
        }
        line.raw(r#","requestID":"#);
        line.id(self.request);
        line.raw(r#","eventID":"#);
        line.id(self.event_id);
        line.raw(r#","readOnly":"#);
        line.raw(if self.event.is_read_only() { "true" } else { "false" });
        line.raw(r#","eventType":"ApiCall","managementEvent":true,"recipientAccountId":"#);
        match tenant {
            Some(tenant) => line.verbatim(tenant),
            None => line.raw("null"),
        }
        line.raw(r#","eventCategory":"Management","tlsDetails":{"#);
        if let Some(host) = self.host {
            line.raw(r#""clientProvidedHostHeader":"#);
            line.string(shortened(host));
        }
        line.raw("}}");
    }

    fn identity(&self, line: &mut Line<'_>, tenant: Option<&str>) {
        line.raw(if self.token.is_some() { r#"{"type":"BearerToken""# } else { r#"{"type":"Anonymous""# });
        if let Some(tenant) = tenant {
            line.raw(r#","accountId":"#);
            line.verbatim(tenant);
        }
        if let Some(token) = self.token {
            line.raw(r#","accessKeyId":"#);
            line.string(token);
        }
        line.raw("}");
    }

    fn parameters(&self, line: &mut Line<'_>, tenant: Option<&str>) {
        let mut comma = "";
        line.raw("{");
        if let Document::Bytes(body) = self.body {
            line.raw(r#""httpBody":"#);
            redact::document(line, body);
            comma = ",";
        }
        for (key, id) in [(r#""tenantId":"#, tenant), (r#""id":"#, self.id.map(known_id))] {
            if let Some(id) = id {
                line.raw(comma);
                line.raw(key);
                line.verbatim(id);
                comma = ",";
            }
        }
        if let Some(query) = self.query.filter(|query| !query.is_empty()) {
            line.raw(comma);
            line.raw(r#""query":"#);
            redact::query(line, query);
        }
        line.raw("}");
    }
}

/// An id from a URL. Ours are UUIDs; anything else in its place may be a name.
fn known_id(text: &str) -> &str {
    if Uuid::try_parse(text).is_ok() { text } else { HIDDEN }
}

/// A header may be as long as all headers together; a line needs not.
fn shortened(text: &str) -> &str {
    let end = (0..=256.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
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
            source_address: IpAddr::from([192, 0, 2, 1]),
            user_agent: Some("provider/1.0"),
            host: Some("scim.example.com"),
            id: Some("c75ad752-64ae-4823-840d-ffa80929976c"),
            query: None,
            body: Document::None,
            response: Document::None,
            error: None,
            request: Uuid::from_u128(1),
            event_id: Uuid::from_u128(2),
        }
    }

    #[test]
    fn a_read_has_every_field_and_no_body() {
        let line = written(&record());
        let expect = json!({
            "eventVersion": "1.0",
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

    #[test]
    fn long_headers_are_cut_between_characters() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"é".repeat(200)).len(), 256);
        assert_eq!(shortened(&format!("x{}", "é".repeat(200))).len(), 255);
    }
}
