//! Tenants, and what lets providers in: tokens and OAuth clients.

use super::{
    Kind::{Flag, Text},
    Route, delete, get, patch, post,
};

pub(super) const ROUTES: &[Route] = &[
    get("/tenants", r#"{"command": "tenant-list"}"#, "Lists the tenants by name.").list(),
    post("/tenants", r#"{"command": "tenant-create", "*": 0}"#, "Makes a tenant; with `token_seconds`, with a first token.")
        .made(),
    get("/tenants/{tenant}", r#"{"command": "tenant-show", "tenant": "{tenant}"}"#, "Shows a tenant and its settings."),
    patch(
        "/tenants/{tenant}",
        r#"{"command": "tenant-set", "tenant": "{tenant}", "*": 0}"#,
        "Changes those settings of a tenant that `settings` names.",
    ),
    delete(
        "/tenants/{tenant}",
        r#"{"command": "tenant-delete", "tenant": "{tenant}", "*": 0}"#,
        "Removes a tenant with everything in it; with `dry_run` it only tells whether that would be refused.",
    )
    .asks(&[("force", Flag), ("dry_run", Flag)]),
    post(
        "/tenants/{tenant}/disable",
        r#"{"command": "tenant-disable", "tenant": "{tenant}", "disabled": true}"#,
        "Disables a tenant: its requests get 403.",
    ),
    post(
        "/tenants/{tenant}/enable",
        r#"{"command": "tenant-disable", "tenant": "{tenant}", "disabled": false}"#,
        "Enables a disabled tenant.",
    ),
    post(
        "/tenants/{tenant}/move",
        r#"{"command": "tenant-move", "tenant": "{tenant}", "*": 0}"#,
        "Moves a tenant to another database while it is served.",
    ),
    post(
        "/tenants/{tenant}/source",
        r#"{"command": "hand", "request": {"source": {"tenant": "{tenant}", "*": 0}}}"#,
        "Chooses who may change users and groups; without `confirm` it only tells what would be kept and lost.",
    ),
    get(
        "/tenants/{tenant}/status",
        r#"{"command": "status", "tenant": "{tenant}"}"#,
        "Shows how provisioning stands, what is wrong, and what to do about it.",
    ),
    get(
        "/tenants/{tenant}/connection",
        r#"{"command": "tenant-connection", "tenant": "{tenant}", "*": 0}"#,
        "Shows how an identity provider reaches a tenant, in the provider's words if it is named.",
    )
    .asks(&[("client", Text), ("provider", Text)]),
    get("/tenants/{tenant}/schemas", r#"{"command": "schema-list", "tenant": "{tenant}"}"#, "Lists the schemas that were added.")
        .list(),
    post(
        "/tenants/{tenant}/schemas",
        r#"{"command": "schema-add", "tenant": "{tenant}", "*": 0}"#,
        "Adds a schema to those of a tenant.",
    )
    .made(),
    delete(
        "/tenants/{tenant}/schemas/{schema}",
        r#"{"command": "schema-remove", "tenant": "{tenant}", "schema": "{schema}", "*": 0}"#,
        "Removes a schema that was added, by its URN or name.",
    )
    .asks(&[("force", Flag)]),
    get("/setup-links", r#"{"command": "setup-link", "request": {"what": "list"}}"#, "Lists the setup links of all tenants.")
        .list(),
    get(
        "/tenants/{tenant}/setup-links",
        r#"{"command": "setup-link", "request": {"what": "list", "tenant": "{tenant}"}}"#,
        "Lists the setup links of a tenant.",
    )
    .list(),
    post(
        "/tenants/{tenant}/setup-links",
        r#"{"command": "setup-link", "request": {"what": "create", "tenant": "{tenant}", "*": 0}}"#,
        "Makes a link with which a customer sets up a provider; it is shown this once.",
    )
    .made(),
    delete(
        "/tenants/{tenant}/setup-links/{link}",
        r#"{"command": "setup-link", "request": {"what": "delete", "tenant": "{tenant}", "link": "{link}"}}"#,
        "Removes a setup link; its page opens nothing from then on.",
    ),
    get("/tokens", r#"{"command": "token-list"}"#, "Lists the tokens of all tenants.").list(),
    get("/tenants/{tenant}/tokens", r#"{"command": "token-list", "tenant": "{tenant}"}"#, "Lists the tokens of a tenant.").list(),
    post(
        "/tenants/{tenant}/tokens",
        r#"{"command": "token-create", "tenant": "{tenant}", "*": 0}"#,
        "Issues a token; its text is shown this once.",
    )
    .made(),
    post(
        "/tenants/{tenant}/tokens/{token}/rotate",
        r#"{"command": "token-rotate", "tenant": "{tenant}", "token": "{token}", "*": 0}"#,
        "Issues a token that takes the place of another, with its name and scopes.",
    )
    .made(),
    post(
        "/tenants/{tenant}/tokens/rotate",
        r#"{"command": "token-rotate", "tenant": "{tenant}", "*": 0}"#,
        "Issues a token that takes the place of the only one that lives.",
    )
    .made(),
    delete(
        "/tenants/{tenant}/tokens/{token}",
        r#"{"command": "token-delete", "tenant": "{tenant}", "id": "{token}"}"#,
        "Revokes a token: it lets nobody in from now on.",
    ),
    get(
        "/tenants/{tenant}/clients",
        r#"{"command": "client", "tenant": "{tenant}", "request": {"action": "list"}}"#,
        "Lists the OAuth clients of a tenant.",
    )
    .list(),
    post(
        "/tenants/{tenant}/clients",
        r#"{"command": "client", "tenant": "{tenant}", "request": {"action": "create", "*": 0}}"#,
        "Makes an OAuth client; with `seconds`, with a secret that is shown this once.",
    )
    .made(),
    get(
        "/tenants/{tenant}/clients/{client}",
        r#"{"command": "client", "tenant": "{tenant}", "request": {"action": "show", "client": "{client}"}}"#,
        "Shows an OAuth client.",
    ),
    delete(
        "/tenants/{tenant}/clients/{client}",
        r#"{"command": "client", "tenant": "{tenant}", "request": {"action": "delete", "client": "{client}"}}"#,
        "Removes an OAuth client.",
    ),
    post(
        "/tenants/{tenant}/clients/{client}/disable",
        r#"{"command": "client", "tenant": "{tenant}", "request": {"action": "disable", "client": "{client}", "disabled": true}}"#,
        "Disables an OAuth client.",
    ),
    post(
        "/tenants/{tenant}/clients/{client}/enable",
        r#"{"command": "client", "tenant": "{tenant}", "request": {"action": "disable", "client": "{client}", "disabled": false}}"#,
        "Enables a disabled OAuth client.",
    ),
    post(
        "/tenants/{tenant}/clients/{client}/rotate",
        r#"{"command": "client", "tenant": "{tenant}", "request": {"action": "rotate", "client": "{client}", "*": 0}}"#,
        "Gives an OAuth client another secret, which is shown this once.",
    )
    .made(),
    delete(
        "/tenants/{tenant}/clients/{client}/secrets/{secret}",
        r#"{"command": "client", "tenant": "{tenant}", "request": {"action": "secret-delete", "client": "{client}", "secret": "{secret}"}}"#,
        "Removes a secret of an OAuth client, by its id.",
    ),
    get(
        "/tenants/{tenant}/clients/{client}/refusals",
        r#"{"command": "client", "tenant": "{tenant}", "request": {"action": "trace", "client": "{client}"}}"#,
        "Tells why an OAuth client was refused lately.",
    )
    .list(),
    post(
        "/tenants/{tenant}/clients/{client}/trusts",
        r#"{"command": "client", "tenant": "{tenant}", "request": {"action": "trust-add", "client": "{client}", "*": 0}}"#,
        "Lets an OAuth client show the assertions of somebody.",
    )
    .made(),
    delete(
        "/tenants/{tenant}/clients/{client}/trusts/{trust}",
        r#"{"command": "client", "tenant": "{tenant}", "request": {"action": "trust-remove", "client": "{client}", "trust": "{trust}"}}"#,
        "Takes that back, by the trust's id.",
    ),
];
