//! What is beside SCIM: OAuth, events, security event tokens, access.

use super::{Operation, Part, events, oauth, operation, signals};

const STREAM: &[&str] = &["stream_id"];

pub const OAUTH: &[Operation] = &[
    oauth(
        "POST",
        "/{tenant_id}/oauth2/token",
        "issueToken",
        "Issues an access token to an OAuth client (RFC 6749 §4.4).",
    )
    .takes("TokenRequest")
    .gives(&[(200, "AccessToken")]),
    oauth("POST", "/{tenant_id}/oauth2/revoke", "revokeToken", "Ends an access token (RFC 7009).")
        .takes("TokenQuestion")
        .gives(&[(200, "")]),
    oauth("POST", "/{tenant_id}/oauth2/introspect", "introspectToken", "Tells what a token is good for (RFC 7662).")
        .takes("TokenQuestion")
        .gives(&[(200, "Introspection")]),
    oauth(
        "GET",
        "/.well-known/oauth-authorization-server/{tenant_id}/oauth2",
        "getAuthorizationServer",
        "Describes the tenant's authorization server (RFC 8414).",
    )
    .gives(&[(200, "AuthorizationServer")]),
];

pub const EVENTS: &[Operation] = &[
    events("GET", "/{tenant_id}/events/v1", "readEvents", "Reads the feed of events.")
        .asks(&["after", "limit", "types", "log", "wait"])
        .gives(&[(200, "EventPage")]),
    events("GET", "/{tenant_id}/events/v1/consumers", "listConsumers", "Lists the consumers of the feed.")
        .gives(&[(200, "ConsumerList")]),
    events(
        "POST",
        "/{tenant_id}/events/v1/consumers",
        "createConsumer",
        "Makes a consumer, whose place the server keeps.",
    )
    .takes("NewConsumer")
    .gives(&[(201, "Consumer")]),
    events("GET", "/{tenant_id}/events/v1/consumers/{name}", "getConsumer", "Shows a consumer, by name or id.")
        .gives(&[(200, "Consumer")]),
    events("DELETE", "/{tenant_id}/events/v1/consumers/{name}", "deleteConsumer", "Removes a consumer.")
        .gives(&[(204, "")]),
    events(
        "POST",
        "/{tenant_id}/events/v1/consumers/{name}/receive",
        "receiveEvents",
        "Gives the next batch, with a lease of it.",
    )
    .takes("Receive")
    .gives(&[(200, "Batch")]),
    events("POST", "/{tenant_id}/events/v1/consumers/{name}/ack", "acknowledgeEvents", "Notes that a batch is done.")
        .takes("Acknowledgement")
        .gives(&[(200, "Consumer")]),
];

pub const SECURITY_EVENTS: &[Operation] = &[
    signals(
        "GET",
        "/.well-known/ssf-configuration/{tenant_id}",
        "getTransmitter",
        "Describes the transmitter of security event tokens (SSF 1.0 §7).",
    )
    .scoped(None)
    .gives(&[(200, "Transmitter")]),
    signals(
        "GET",
        "/{tenant_id}/ssf/v1/jwks",
        "getTransmitterKeys",
        "Gives the keys that verify the tokens (RFC 7517).",
    )
    .scoped(None)
    .gives(&[(200, "KeySet")]),
    signals("GET", "/{tenant_id}/ssf/v1/streams", "getStreams", "Lists the streams, or shows one (SSF 1.0 §8.1.1.2).")
        .asks(STREAM)
        .gives(&[(200, "StreamOrStreams")]),
    signals("POST", "/{tenant_id}/ssf/v1/streams", "createStream", "Makes a stream (SSF 1.0 §8.1.1.1).")
        .takes("StreamRequest")
        .gives(&[(201, "Stream")]),
    signals(
        "PUT",
        "/{tenant_id}/ssf/v1/streams",
        "replaceStream",
        "Replaces what a receiver says of a stream (SSF 1.0 §8.1.1.4).",
    )
    .takes("StreamRequest")
    .gives(&[(200, "Stream")]),
    signals(
        "PATCH",
        "/{tenant_id}/ssf/v1/streams",
        "modifyStream",
        "Changes what a receiver says of a stream (SSF 1.0 §8.1.1.3).",
    )
    .takes("StreamRequest")
    .gives(&[(200, "Stream")]),
    signals(
        "DELETE",
        "/{tenant_id}/ssf/v1/streams",
        "deleteStream",
        "Removes the stream that `stream_id` names (SSF 1.0 §8.1.1.5).",
    )
    .asks(STREAM)
    .gives(&[(204, "")]),
    signals(
        "GET",
        "/{tenant_id}/ssf/v1/status",
        "getStreamStatus",
        "Tells whether the stream that `stream_id` names sends (SSF 1.0 §8.1.2.1).",
    )
    .asks(STREAM)
    .gives(&[(200, "StreamStatus")]),
    signals(
        "POST",
        "/{tenant_id}/ssf/v1/status",
        "updateStreamStatus",
        "Pauses, ends or enables a stream (SSF 1.0 §8.1.2.2).",
    )
    .takes("StreamStatusRequest")
    .gives(&[(200, "StreamStatus")]),
    signals(
        "GET",
        "/{tenant_id}/ssf/v1/completions/{txn}",
        "getCompletion",
        "Tells what has come of a request that was accepted (RFC 9967 §2.5.1.1).",
    )
    .scoped(Some("events or write"))
    .gives(&[(200, "Completion"), (202, "")]),
    signals(
        "POST",
        "/{tenant_id}/ssf/v1/subjects/add",
        "addSubject",
        "Tells a stream of a resource again (SSF 1.0 §8.1.3.2).",
    )
    .takes("SubjectRequest")
    .gives(&[(200, "")]),
    signals(
        "POST",
        "/{tenant_id}/ssf/v1/subjects/remove",
        "removeSubject",
        "Tells a stream of a resource no more (SSF 1.0 §8.1.3.3).",
    )
    .takes("SubjectRequest")
    .gives(&[(204, "")]),
    signals(
        "POST",
        "/{tenant_id}/ssf/v1/verify",
        "verifyStream",
        "Has a token sent that says that the stream works (SSF 1.0 §8.1.4).",
    )
    .takes("VerificationRequest")
    .gives(&[(204, "")]),
    signals(
        "POST",
        "/{tenant_id}/ssf/v1/poll/{stream_id}",
        "pollTokens",
        "Acknowledges tokens, and gives further ones (RFC 8936).",
    )
    .takes("PollRequest")
    .gives(&[(200, "PolledTokens")]),
];

pub const OTHERS: &[Operation] = &[
    operation(
        Part::Access,
        "GET",
        "/{tenant_id}/access/v1/users",
        "listAccess",
        "Lists what applications are told of users.",
    )
    .asks(&["afterUser", "limitOfUsers"])
    .gives(&[(200, "UserAccessPage")]),
    operation(
        Part::Access,
        "GET",
        "/{tenant_id}/access/v1/users/{id}",
        "getAccess",
        "Tells the roles and attributes of a user.",
    )
    .gives(&[(200, "UserAccess")]),
    operation(Part::Server, "GET", "/openapi.json", "getDescription", "Gives this description.")
        .gives(&[(200, "Description")]),
];
