//! The content of one line of the audit log, and how it is written.

use std::{fmt, net::IpAddr};

use scim_protocol::{Error, Timestamp};
use uuid::Uuid;

use super::{
    line::LineWriter,
    redact::{self, Author, HIDDEN, Message},
    vocabulary::Vocabulary,
};

/// One call. Everything is borrowed from its request.
#[derive(Debug, Clone)]
pub struct AuditRecord<'a> {
    /// When the call came in.
    pub at: Timestamp,
    /// What was called.
    pub event: EventName<'a>,
    /// The tenant of the URL, even if the token is not valid for it.
    pub tenant: Option<&'a str>,
    /// The id of the token; `None` when nobody was authenticated.
    pub token: Option<&'a str>,
    /// Where the call came from; `None` when it stands for calls of many addresses.
    pub source_address: Option<IpAddr>,
    /// The `User-Agent` header, as it may be shown ([`redact::software`]).
    pub user_agent: Option<&'a str>,
    /// The host that the client asked for, as it may be shown ([`redact::host`]).
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
    /// What the error says in addition to the text for the client.
    pub explanation: Option<&'a str>,
    /// The names of the tenant's rewrites that changed the body before it was used.
    pub mapping: &'a [String],
    /// The headers that decide what is done, as they may be shown.
    pub headers: &'a [(&'static str, &'a str)],
    /// The id of the request, which the client was told.
    pub request: Uuid,
    /// An id of this line.
    pub event_id: Uuid,
    /// Whose fields the line has.
    pub form: Form<'a>,
    /// The words that are known to be impersonal.
    pub words: &'a Vocabulary,
}

/// The fields of a line, by the tenant's profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form<'a> {
    /// Our own. `eventVersion` increases when a field is removed or changes its meaning.
    Own,
    /// Those of CloudTrail for the SCIM endpoint of AWS IAM Identity Center, so that queries and alarms
    /// that exist for it find the same.
    IdentityCenter {
        /// What `awsRegion` says.
        region: &'a str,
    },
}

impl Form<'_> {
    const fn version(self) -> &'static str {
        match self {
            Self::Own => "1.1",
            Self::IdentityCenter { .. } => "1.10",
        }
    }

    const fn source(self) -> &'static str {
        match self {
            Self::Own => "scim-server",
            Self::IdentityCenter { .. } => "identitystore-scim.amazonaws.com",
        }
    }

    const fn event_type(self) -> &'static str {
        match self {
            Self::Own => "ApiCall",
            Self::IdentityCenter { .. } => "AwsApiCall",
        }
    }

    const fn identity(self, authenticated: bool) -> &'static str {
        match (self, authenticated) {
            (Self::Own, true) => "BearerToken",
            (Self::Own, false) => "Anonymous",
            (Self::IdentityCenter { .. }, true) => "WebIdentityUser",
            (Self::IdentityCenter { .. }, false) => "Unknown",
        }
    }
}

/// The number of calls without a valid token, written in the line of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeated {
    /// How often, the first included.
    pub count: u64,
    /// When the first came.
    pub first: Timestamp,
    /// When the last came.
    pub last: Timestamp,
}

impl Repeated {
    /// Adds it to a line that [`AuditRecord::write`] wrote: as fields of its own, or where CloudTrail
    /// has what is no part of a request.
    pub fn add_to(&self, line: &mut Vec<u8>, form: Form<'_>) {
        let Some(b'}') = line.pop() else { return };
        // Inside of a text quotes are escaped. It is the last member of a line that has it.
        let has_it = line.windows(ADDITIONAL.len()).any(|part| part == ADDITIONAL.as_bytes());
        let (before, after) = match form {
            Form::Own => (",", "}"),
            Form::IdentityCenter { .. } if has_it && line.pop() == Some(b'}') => (",", "}}"),
            Form::IdentityCenter { .. } => (ADDITIONAL, "}}"),
        };
        let line = &mut LineWriter::new(line);
        line.raw(before);
        line.raw(r#""count":"#);
        line.display(self.count);
        line.raw(r#","firstEventTime":"#);
        line.plain(self.first);
        line.raw(r#","lastEventTime":"#);
        line.plain(self.last);
        line.raw(after);
    }
}

/// How what is no part of a request begins in a line.
const ADDITIONAL: &str = r#","additionalEventData":{"#;

/// A body that is to be redacted.
#[derive(Debug, Clone, Copy, Default)]
pub enum Document<'a> {
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
    /// About what applications may know of users, by the name of the call.
    Access(&'static str),
    /// About events, by the name of the call: `ReadEvents`, `CreateConsumer`.
    Feed(&'static str),
    /// A page of the setup of a provider, by the name of the call.
    Setup(&'static str),
    /// POST of an OAuth client that wants an access token.
    IssueToken,
    /// POST of one that gives its token back.
    RevokeToken,
    /// POST of one that asks what a token is good for.
    IntrospectToken,
    /// GET of the metadata of the authorization server.
    GetAuthorizationServer,
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
    Put,
    Patch,
    Delete,
}

impl EventName<'_> {
    /// Whether the call cannot have changed anything.
    pub fn is_read_only(self) -> bool {
        !matches!(
            self,
            Self::Resource(Verb::Create | Verb::Put | Verb::Patch | Verb::Delete, _)
                | Self::BulkRequest
                | Self::Feed(
                    "CreateConsumer"
                        | "DeleteConsumer"
                        | "CreateStream"
                        | "DeleteStream"
                        | "AddStreamSubject"
                        | "RemoveStreamSubject"
                        | "UpdateStream"
                        | "UpdateStreamStatus"
                )
                | Self::IssueToken
                | Self::RevokeToken
                | Self::Setup("OpenSetupLink" | "SetupToken" | "SetupRotation" | "SetupMapping")
        )
    }
}

impl EventName<'_> {
    /// Only the name of a resource type may hold what JSON escapes.
    fn write(self, line: &mut LineWriter<'_>) {
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
            Self::Access(name) | Self::Feed(name) | Self::Setup(name) => return f.write_str(name),
            Self::IssueToken => return f.write_str("IssueToken"),
            Self::RevokeToken => return f.write_str("RevokeToken"),
            Self::IntrospectToken => return f.write_str("IntrospectToken"),
            Self::GetAuthorizationServer => return f.write_str("GetAuthorizationServer"),
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
    /// Writes the record, without the line's end.
    pub fn write(&self, buffer: &mut Vec<u8>) {
        let line = &mut LineWriter::new(buffer);
        let tenant = self.tenant.map(known_id);
        line.raw(r#"{"eventVersion":"#);
        line.verbatim(self.form.version());
        line.raw(r#","userIdentity":"#);
        self.identity(line, tenant);
        line.raw(r#","eventTime":"#);
        line.plain(self.at);
        line.raw(r#","eventSource":"#);
        line.verbatim(self.form.source());
        line.raw(r#","eventName":"#);
        self.event.write(line);
        if let Form::IdentityCenter { region } = self.form {
            line.raw(r#","awsRegion":"#);
            line.string(region);
        }
        line.raw(r#","sourceIPAddress":"#);
        match self.source_address {
            Some(address) => line.plain(address),
            None => line.verbatim("various"),
        }
        if let Some(user_agent) = self.user_agent {
            line.raw(r#","userAgent":"#);
            line.string(user_agent);
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
            Document::Bytes(bytes) => redact::document(line, bytes, Author::Server, self.words),
        }
        line.raw(r#","requestID":"#);
        line.id(self.request);
        line.raw(r#","eventID":"#);
        line.id(self.event_id);
        line.raw(r#","readOnly":"#);
        line.raw(if self.event.is_read_only() { "true" } else { "false" });
        line.raw(r#","eventType":"#);
        line.verbatim(self.form.event_type());
        line.raw(r#","managementEvent":true,"recipientAccountId":"#);
        match tenant {
            Some(tenant) => line.verbatim(tenant),
            None => line.raw("null"),
        }
        line.raw(r#","eventCategory":"Management","tlsDetails":{"#);
        if let Some(host) = self.host {
            line.raw(r#""clientProvidedHostHeader":"#);
            line.string(host);
        }
        line.raw("}");
        self.additional(line);
        line.raw("}");
    }

    fn additional(&self, line: &mut LineWriter<'_>) {
        if self.explanation.is_none() && self.headers.is_empty() && self.mapping.is_empty() {
            return;
        }
        let mut comma = "";
        line.raw(ADDITIONAL);
        if let Some(explanation) = self.explanation {
            line.raw(r#""explanation":"#);
            line.escaped(&Message(explanation));
            comma = ",";
        }
        for (place, (name, value)) in self.headers.iter().enumerate() {
            line.raw(if place == 0 { comma } else { "," });
            line.raw(if place == 0 { r#""headers":{"# } else { "" });
            line.verbatim(name);
            line.raw(":");
            line.string(value);
        }
        if !self.headers.is_empty() {
            line.raw("}");
            comma = ",";
        }
        for (place, name) in self.mapping.iter().enumerate() {
            line.raw(if place == 0 { comma } else { "," });
            line.raw(if place == 0 { r#""mapping":["# } else { "" });
            line.string(name);
        }
        if !self.mapping.is_empty() {
            line.raw("]");
        }
        line.raw("}");
    }

    fn identity(&self, line: &mut LineWriter<'_>, tenant: Option<&str>) {
        line.raw(r#"{"type":"#);
        line.verbatim(self.form.identity(self.token.is_some()));
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

    fn parameters(&self, line: &mut LineWriter<'_>, tenant: Option<&str>) {
        let mut comma = "";
        line.raw("{");
        if let Document::Bytes(body) = self.body {
            line.raw(r#""httpBody":"#);
            redact::document(line, body, Author::Client, self.words);
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
            redact::query(line, query, self.words);
        }
        line.raw("}");
    }
}

/// An id from a URL. Ours are UUIDs; anything else in its place may be a name.
fn known_id(text: &str) -> &str {
    if redact::is_id(text) { text } else { HIDDEN }
}

#[cfg(test)]
mod tests;
