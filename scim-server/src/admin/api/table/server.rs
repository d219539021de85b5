//! The server itself: how it stands, who administrates it, what it signs with, and all that it has.

use super::{
    Kind::{Flag, Text},
    Route, delete, get, post,
};

pub(super) const ROUTES: &[Route] = &[
    get("/base", r#"{"command": "base"}"#, "Tells what the URLs begin with that clients are given."),
    post(
        "/sign-in-links",
        r#"{"command": "console"}"#,
        "Makes a link that signs its giver in to the console, once and within five minutes.",
    )
    .made(),
    get("/status", r#"{"command": "status"}"#, "Shows how provisioning stands, of all tenants.").list(),
    post("/check", r#"{"command": "check", "*": 0}"#, "Compares documents, indexes, memberships and counts; repairs.")
        .list(),
    get("/export", r#"{"command": "export", "*": 0}"#, "Gives out one tenant, or all of them, row by row.")
        .list()
        .asks(&[("tenant", Text)]),
    post("/import", r#"{"command": "import", "*": 0}"#, "Takes in what was given out: its lines are the body.")
        .asks(&[("replace", Flag), ("discard", Flag)])
        .reads(),
    get(
        "/admin-tokens",
        r#"{"command": "admin-token", "request": {"what": "list"}}"#,
        "Lists the tokens of administrators.",
    )
    .list(),
    post(
        "/admin-tokens",
        r#"{"command": "admin-token", "request": {"what": "create", "*": 0}}"#,
        "Issues a token of an administrator; its text is shown this once.",
    )
    .made(),
    post(
        "/admin-tokens/{token}/rotate",
        r#"{"command": "admin-token", "request": {"what": "rotate", "token": "{token}", "*": 0}}"#,
        "Issues a token that takes the place of another, with its name, role and tenant.",
    )
    .made(),
    delete(
        "/admin-tokens/{token}",
        r#"{"command": "admin-token", "request": {"what": "delete", "token": "{token}"}}"#,
        "Deletes a token of an administrator: it lets nobody in from now on.",
    ),
    get("/agents", r#"{"command": "agent", "request": {"what": "list", "*": 0}}"#, "Lists the agents that report.")
        .list()
        .asks(&[("tenant", Text)]),
    get(
        "/agents/{agent}",
        r#"{"command": "agent", "request": {"what": "show", "agent": "{agent}"}}"#,
        "Shows an agent with its last report.",
    ),
    post(
        "/agents/{agent}/approve",
        r#"{"command": "agent", "request": {"what": "approve", "agent": "{agent}", "*": 0}}"#,
        "Has an agent do what it holds back.",
    ),
    post(
        "/agents/{agent}/reject",
        r#"{"command": "agent", "request": {"what": "reject", "agent": "{agent}", "*": 0}}"#,
        "Has an agent leave undone what it holds back.",
    ),
    delete(
        "/agents/{agent}",
        r#"{"command": "agent", "request": {"what": "delete", "agent": "{agent}"}}"#,
        "Forgets an agent, until it reports again.",
    ),
    post(
        "/agent-report",
        r#"{"command": "agent", "request": {"what": "report", "*": 0}}"#,
        "Says how the agent stands whose token this is; answers with what was decided about what it holds back.",
    ),
    get(
        "/signing-keys",
        r#"{"command": "signing-key", "request": {"what": "list"}}"#,
        "Lists the keys that sign security event tokens.",
    )
    .list(),
    post(
        "/signing-keys",
        r#"{"command": "signing-key", "request": {"what": "rotate", "*": 0}}"#,
        "Makes a key that signs from now on; lists the keys.",
    )
    .list(),
    delete(
        "/signing-keys/{key_id}",
        r#"{"command": "signing-key", "request": {"what": "remove", "key_id": "{key_id}"}}"#,
        "Withdraws a key that signs no more; lists the keys.",
    )
    .list(),
];
