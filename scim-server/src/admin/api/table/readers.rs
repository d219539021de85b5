//! Who has the events of a tenant: administrators, consumers, webhooks, receivers of security event tokens.

use super::{
    Kind::{self, Flag, Number, Text},
    Route, delete, get, patch, post,
};

/// Which calls are listed.
const CALLS: &[(&str, Kind)] = &[
    ("since", Text),
    ("until", Text),
    ("status", Text),
    ("operation", Text),
    ("text", Text),
    ("token", Text),
    ("resource", Text),
    ("request", Text),
    ("limit", Number),
    ("before", Text),
    ("after", Text),
    ("follow", Flag),
    ("names", Flag),
    ("within_ms", Number),
];

pub(super) const ROUTES: &[Route] = &[
    get(
        "/tenants/{tenant}/events",
        r#"{"command": "events", "tenant": "{tenant}", "*": 0}"#,
        "Lists what was changed in a tenant; with `follow` it goes on until nobody reads any more.",
    )
    .list()
    .asks(&[("since", Text), ("types", Text), ("follow", Flag)]),
    get(
        "/events",
        r#"{"command": "events", "*": 0}"#,
        "Lists what was done to the server itself; with `follow` it goes on until nobody reads any more.",
    )
    .list()
    .asks(&[("since", Text), ("types", Text), ("follow", Flag)]),
    get(
        "/requests",
        r#"{"command": "requests", "request": {"list": {"*": 0}}}"#,
        "Lists the calls of all tenants, the newest first.",
    )
    .list()
    .asks(CALLS),
    get(
        "/request-counts",
        r#"{"command": "requests", "request": {"count": {"days": "?days"}}}"#,
        "Counts the calls of all tenants by hours; with `days` by days.",
    )
    .list()
    .asks(&[("days", Flag)]),
    get(
        "/tenants/{tenant}/request-counts",
        r#"{"command": "requests", "tenant": "{tenant}", "request": {"count": {"days": "?days"}}}"#,
        "Counts the calls to a tenant by hours; with `days` by days.",
    )
    .list()
    .asks(&[("days", Flag)]),
    get(
        "/requests/{request}",
        r#"{"command": "requests", "request": {"show": {"id": "{request}", "names": "?names"}}}"#,
        "Shows one call: what it meant, why it failed, and what to do.",
    )
    .asks(&[("names", Flag)]),
    post(
        "/requests/{request}/values",
        r#"{"command": "requests", "request": {"values": {"id": "{request}"}}}"#,
        "Shows the values of one call where they are kept; that somebody looks is an event.",
    ),
    get(
        "/tenants/{tenant}/requests",
        r#"{"command": "requests", "tenant": "{tenant}", "request": {"list": {"*": 0}}}"#,
        "Lists the calls to a tenant, the newest first.",
    )
    .list()
    .asks(CALLS),
    get(
        "/tenants/{tenant}/requests/{request}",
        r#"{"command": "requests", "tenant": "{tenant}", "request": {"show": {"id": "{request}", "names": "?names"}}}"#,
        "Shows one call to a tenant: what it meant, why it failed, and what to do.",
    )
    .asks(&[("names", Flag)]),
    post(
        "/tenants/{tenant}/requests/{request}/values",
        r#"{"command": "requests", "tenant": "{tenant}", "request": {"values": {"id": "{request}"}}}"#,
        "Shows the values of one call to a tenant where they are kept; that somebody looks is an event.",
    ),
    get(
        "/tenants/{tenant}/consumers",
        r#"{"command": "consumer", "request": {"what": "list", "tenant": "{tenant}"}}"#,
        "Lists the consumers of a tenant's events.",
    )
    .list(),
    post(
        "/tenants/{tenant}/consumers",
        r#"{"command": "consumer", "request": {"what": "create", "tenant": "{tenant}", "*": 0}}"#,
        "Makes a consumer of a tenant's events.",
    )
    .made(),
    get(
        "/tenants/{tenant}/consumers/{consumer}",
        r#"{"command": "consumer", "request": {"what": "show", "tenant": "{tenant}", "consumer": "{consumer}"}}"#,
        "Shows a consumer, and how far it is.",
    ),
    delete(
        "/tenants/{tenant}/consumers/{consumer}",
        r#"{"command": "consumer", "request": {"what": "delete", "tenant": "{tenant}", "consumer": "{consumer}"}}"#,
        "Removes a consumer.",
    ),
    post(
        "/tenants/{tenant}/consumers/{consumer}/release",
        r#"{"command": "consumer", "request": {"what": "release", "tenant": "{tenant}", "consumer": "{consumer}"}}"#,
        "Takes the batch from the worker that has it.",
    ),
    get(
        "/tenants/{tenant}/streams",
        r#"{"command": "stream", "request": {"what": "list", "tenant": "{tenant}"}}"#,
        "Lists the streams of security event tokens.",
    )
    .list(),
    get(
        "/tenants/{tenant}/streams/{stream}",
        r#"{"command": "stream", "request": {"what": "show", "tenant": "{tenant}", "stream": "{stream}"}}"#,
        "Shows a stream.",
    ),
    delete(
        "/tenants/{tenant}/streams/{stream}",
        r#"{"command": "stream", "request": {"what": "delete", "tenant": "{tenant}", "stream": "{stream}"}}"#,
        "Removes a stream.",
    ),
    post(
        "/tenants/{tenant}/streams/{stream}/pause",
        r#"{"command": "stream", "request": {"what": "pause", "tenant": "{tenant}", "stream": "{stream}", "*": 0}}"#,
        "Gives the receiver nothing until the stream is enabled again.",
    ),
    post(
        "/tenants/{tenant}/streams/{stream}/enable",
        r#"{"command": "stream", "request": {"what": "enable", "tenant": "{tenant}", "stream": "{stream}"}}"#,
        "Has tokens given again, and tried at once.",
    ),
    get(
        "/webhooks",
        r#"{"command": "webhook", "request": {"what": "list", "*": 0}}"#,
        "Lists the webhooks; with `tenant` those that get its events.",
    )
    .list()
    .asks(&[("tenant", Text)]),
    post(
        "/webhooks",
        r#"{"command": "webhook", "request": {"what": "create", "*": 0}}"#,
        "Makes a webhook of one tenant, or of all; its secret is shown this once.",
    )
    .made(),
    get(
        "/webhooks/{webhook}",
        r#"{"command": "webhook", "request": {"what": "show", "webhook": "{webhook}"}}"#,
        "Shows a webhook, and how far it is with each tenant.",
    ),
    patch(
        "/webhooks/{webhook}",
        r#"{"command": "webhook", "request": {"what": "update", "webhook": "{webhook}", "*": 0}}"#,
        "Changes how many messages a second a webhook gets at most.",
    ),
    delete(
        "/webhooks/{webhook}",
        r#"{"command": "webhook", "request": {"what": "delete", "webhook": "{webhook}"}}"#,
        "Removes a webhook.",
    ),
    post(
        "/webhooks/{webhook}/enable",
        r#"{"command": "webhook", "request": {"what": "enable", "webhook": "{webhook}"}}"#,
        "Lets a webhook that was disabled have messages again.",
    ),
    post(
        "/webhooks/{webhook}/test",
        r#"{"command": "webhook", "request": {"what": "test", "webhook": "{webhook}"}}"#,
        "Sends a message that says nothing.",
    ),
    post(
        "/webhooks/{webhook}/rotate",
        r#"{"command": "webhook", "request": {"what": "rotate", "webhook": "{webhook}", "*": 0}}"#,
        "Gives a webhook new keys; its secret is shown this once.",
    ),
    post(
        "/webhooks/{webhook}/replay",
        r#"{"command": "webhook", "request": {"what": "replay", "webhook": "{webhook}", "*": 0}}"#,
        "Has messages of a tenant sent again.",
    ),
    get(
        "/webhooks/{webhook}/dead-letters",
        r#"{"command": "webhook", "request": {"what": "dead-letters", "webhook": "{webhook}", "send_again": false}}"#,
        "Lists what was given up of a webhook's messages.",
    )
    .list(),
    post(
        "/webhooks/{webhook}/dead-letters/send",
        r#"{"command": "webhook", "request": {"what": "dead-letters", "webhook": "{webhook}", "send_again": true}}"#,
        "Has those sent again, and lists them.",
    )
    .list(),
];
