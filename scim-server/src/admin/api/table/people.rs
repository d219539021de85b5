//! Users and groups by hand, what was deleted or changed, and the rules that a tenant has for them.

use super::{
    Kind::{Flag, Number, Text},
    Route, delete, get, patch, post, put,
};

pub(super) const ROUTES: &[Route] = &[
    get(
        "/tenants/{tenant}/resources/{resource_type}",
        r#"{"command": "list", "tenant": "{tenant}", "resource_type": "{resource_type}", "*": 0}"#,
        "Lists users or groups; `filter` is as RFC 7644 §3.4.2.2 writes it.",
    )
    .list()
    .asks(&[("filter", Text), ("limit", Number)]),
    post(
        "/tenants/{tenant}/resources/{resource_type}",
        r#"{"command": "create", "tenant": "{tenant}", "resource_type": "{resource_type}", "*": 0}"#,
        "Makes a user or group by hand.",
    )
    .made(),
    get(
        "/tenants/{tenant}/resources/{resource_type}/{name}",
        r#"{"command": "show", "tenant": "{tenant}", "resource_type": "{resource_type}", "name": "{name}"}"#,
        "Shows a user or group, by its id, `userName` or `displayName`.",
    ),
    patch(
        "/tenants/{tenant}/resources/{resource_type}/{name}",
        r#"{"command": "hand", "request": {"update": {"tenant": "{tenant}", "resource_type": "{resource_type}", "name": "{name}", "*": 0}}}"#,
        "Changes a user or group by hand: operations of a PATCH, members that come and go.",
    ),
    delete(
        "/tenants/{tenant}/resources/{resource_type}/{name}",
        r#"{"command": "delete", "tenant": "{tenant}", "resource_type": "{resource_type}", "name": "{name}", "*": 0}"#,
        "Removes a user or group by hand; with `dry_run` it only tells whether that would be refused.",
    )
    .asks(&[("force", Flag), ("dry_run", Flag)]),
    get(
        "/tenants/{tenant}/disabled-users",
        r#"{"command": "hand", "request": {"list-disabled": {"tenant": "{tenant}"}}}"#,
        "Lists the users whom an administrator has disabled.",
    )
    .list(),
    post(
        "/tenants/{tenant}/users/{name}/disable",
        r#"{"command": "hand", "request": {"disable": {"tenant": "{tenant}", "name": "{name}", "disabled": true}}}"#,
        "Makes a user inactive, whatever the provider says.",
    ),
    post(
        "/tenants/{tenant}/users/{name}/enable",
        r#"{"command": "hand", "request": {"disable": {"tenant": "{tenant}", "name": "{name}", "disabled": false}}}"#,
        "Ends that.",
    ),
    get(
        "/tenants/{tenant}/users/{name}/access",
        r#"{"command": "rules", "tenant": "{tenant}", "request": {"access": {"show": {"user": "{name}"}}}}"#,
        "Shows what an application is told of a user.",
    ),
    post(
        "/tenants/{tenant}/user-table",
        r#"{"command": "hand", "request": {"import": {"tenant": "{tenant}", "*": 0}}}"#,
        "Makes and changes users by a table; without `apply` it only tells what would come of each row.",
    )
    .list(),
    get(
        "/tenants/{tenant}/stale/{resource_type}",
        r#"{"command": "hand", "request": {"list-stale": {"tenant": "{tenant}", "resource_type": "{resource_type}", "*": 0}}}"#,
        "Lists users or groups that no provider has sent for a while.",
    )
    .list()
    .asks(&[("seconds", Number)]),
    get(
        "/tenants/{tenant}/deleted/{resource_type}",
        r#"{"command": "deleted", "tenant": "{tenant}", "resource_type": "{resource_type}", "request": {"list": {"*": 0}}}"#,
        "Lists the deleted users or groups that are kept, also those that wait to be purged (`until` is over).",
    )
    .list()
    .asks(&[("request", Text)]),
    post(
        "/tenants/{tenant}/deleted/{resource_type}/restore",
        r#"{"command": "deleted", "tenant": "{tenant}", "resource_type": "{resource_type}", "request": {"restore-all": {"*": 0}}}"#,
        "Restores all that one request deleted.",
    )
    .list(),
    post(
        "/tenants/{tenant}/deleted/{resource_type}/{id}/restore",
        r#"{"command": "deleted", "tenant": "{tenant}", "resource_type": "{resource_type}", "request": {"restore": {"id": "{id}"}}}"#,
        "Restores a deleted user or group under its id.",
    ),
    post(
        "/tenants/{tenant}/deleted/{resource_type}/purge",
        r#"{"command": "deleted", "tenant": "{tenant}", "resource_type": "{resource_type}", "request": {"purge-all": {"*": 0}}}"#,
        "Removes for good what is kept of all that one request deleted; with `dry_run` it only tells of whom that is.",
    )
    .list(),
    delete(
        "/tenants/{tenant}/deleted/{resource_type}/{id}",
        r#"{"command": "deleted", "tenant": "{tenant}", "resource_type": "{resource_type}", "request": {"purge": {"id": "{id}", "*": 0}}}"#,
        "Removes for good what is kept of a deleted user or group; with `dry_run` it only tells whether that would be refused.",
    )
    .asks(&[("dry_run", Flag)]),
    post(
        "/tenants/{tenant}/undo",
        r#"{"command": "undo", "tenant": "{tenant}", "*": 0}"#,
        "Puts back what a range of events changed; with `dry_run` it only tells.",
    )
    .list(),
    get("/tenants/{tenant}/brake", r#"{"command": "brake", "tenant": "{tenant}", "request": "show"}"#, "Shows how the brake stands."),
    post(
        "/tenants/{tenant}/brake/approve",
        r#"{"command": "brake", "tenant": "{tenant}", "request": "approve"}"#,
        "Lets mass deprovisioning go on: events go out.",
    ),
    post(
        "/tenants/{tenant}/brake/undo",
        r#"{"command": "brake", "tenant": "{tenant}", "request": {"undo": {"*": 0}}}"#,
        "Puts back what tripped the brake; with `dry_run` it only tells.",
    )
    .list(),
    get(
        "/tenants/{tenant}/access-attributes",
        r#"{"command": "rules", "tenant": "{tenant}", "request": {"access": "list"}}"#,
        "Lists the keys for the policies of an application.",
    )
    .list(),
    put(
        "/tenants/{tenant}/access-attributes/{key}",
        r#"{"command": "rules", "tenant": "{tenant}", "request": {"access": {"set": {"key": "{key}", "*": 0}}}}"#,
        "Makes a key, or gives it another value; lists the keys.",
    )
    .list(),
    delete(
        "/tenants/{tenant}/access-attributes/{key}",
        r#"{"command": "rules", "tenant": "{tenant}", "request": {"access": {"remove": {"key": "{key}"}}}}"#,
        "Removes a key; lists the keys.",
    )
    .list(),
    delete(
        "/tenants/{tenant}/access-attributes",
        r#"{"command": "rules", "tenant": "{tenant}", "request": {"access": "disable"}}"#,
        "Removes all keys.",
    )
    .list(),
    get(
        "/tenants/{tenant}/roles",
        r#"{"command": "rules", "tenant": "{tenant}", "request": {"role": {"request": "list", "dry_run": false}}}"#,
        "Lists the rules that give roles, in their order.",
    )
    .list(),
    put(
        "/tenants/{tenant}/roles/{name}",
        r#"{"command": "rules", "tenant": "{tenant}", "request": {"role": {"request": {"set": {"name": "{name}", "*": 0}}, "dry_run": "?dry_run"}}}"#,
        "Makes a rule, or changes what is given of it; lists the rules, or with `dry_run` whose roles would change.",
    )
    .list()
    .asks(&[("dry_run", Flag)]),
    delete(
        "/tenants/{tenant}/roles/{name}",
        r#"{"command": "rules", "tenant": "{tenant}", "request": {"role": {"request": {"remove": {"name": "{name}"}}, "dry_run": "?dry_run"}}}"#,
        "Removes a rule; lists the rules, or with `dry_run` whose roles would change.",
    )
    .list()
    .asks(&[("dry_run", Flag)]),
    put(
        "/tenants/{tenant}/default-role",
        r#"{"command": "rules", "tenant": "{tenant}", "request": {"role": {"request": {"default": {"*": 0}}, "dry_run": "?dry_run"}}}"#,
        "Sets the role of those whom no rule gives one, or none; lists the rules, or with `dry_run` whose roles would change.",
    )
    .list()
    .asks(&[("dry_run", Flag)]),
    get(
        "/tenants/{tenant}/mapping",
        r#"{"command": "rules", "tenant": "{tenant}", "request": {"mapping": "list"}}"#,
        "Lists the rewrites of what a provider sends.",
    )
    .list(),
    put(
        "/tenants/{tenant}/mapping",
        r#"{"command": "rules", "tenant": "{tenant}", "request": {"mapping": {"set": {"*": 0}}}}"#,
        "Replaces all rewrites; with `dry_run` it only tells what they would do.",
    )
    .list(),
    post(
        "/tenants/{tenant}/mapping/try",
        r#"{"command": "rules", "tenant": "{tenant}", "request": {"mapping": {"show": {"*": 0}}}}"#,
        "Rewrites a body as that of a POST would be.",
    ),
];
