//! Which columns each list has, and which lines a row of its own.

use super::Show;

/// A heading, and where in the row it is.
pub(super) type Columns = &'static [(&'static str, &'static str)];

impl Show {
    pub(super) fn columns(self) -> Columns {
        match self {
            Self::Brake => BRAKE,
            Self::AdminTokenIssued => ADMIN_TOKEN,
            Self::AdminTokens => ADMIN_TOKENS,
            Self::Agent => AGENT,
            Self::Agents => AGENTS,
            Self::Client | Self::ClientIssued => CLIENT,
            Self::Clients => CLIENTS,
            Self::Connection => CONNECTION,
            Self::Consumer => CONSUMER,
            Self::Consumers => CONSUMERS,
            Self::DeadLetters => DEAD_LETTERS,
            Self::Doctor => DOCTOR,
            Self::Groups => GROUPS,
            Self::Issued => ISSUED,
            Self::Kept => KEPT,
            Self::Keys => KEYS,
            Self::Mapping => MAPPING,
            Self::MappingChange => MAPPING_CHANGE,
            Self::Purged => PURGED,
            Self::Refusals => REFUSALS,
            Self::Request => REQUEST,
            Self::RequestCounts => REQUEST_COUNTS,
            Self::Restored => RESTORED,
            Self::Roles => ROLES,
            Self::RolesChange => ROLES_CHANGE,
            Self::Schema => SCHEMA,
            Self::Schemas => SCHEMAS,
            Self::SetupLinkCreated => SETUP_LINK,
            Self::SetupLinks => SETUP_LINKS,
            Self::Settings => SETTINGS,
            Self::SigningKeys => SIGNING_KEYS,
            Self::StaleGroups => STALE_GROUPS,
            Self::StaleUsers => STALE_USERS,
            Self::Status => STATUS,
            Self::Stream => STREAM,
            Self::Streams => STREAMS,
            Self::Table { .. } => TABLE,
            Self::Tenant => TENANT,
            Self::Tenants => TENANTS,
            Self::Tokens => TOKENS,
            Self::Users => USERS,
            Self::Webhook => WEBHOOK,
            Self::Webhooks => WEBHOOKS,
            Self::Deleted
            | Self::Document
            | Self::Endpoint
            | Self::Fields
            | Self::Events
            | Self::Findings { .. }
            | Self::Imported
            | Self::Link
            | Self::Requests
            | Self::RequestsFollowed
            | Self::Source
            | Self::Undo { .. } => &[],
        }
    }
}

/// Leaves out the last column of a table, below its heading, if nobody has anything there.
pub(super) fn without_unused(table: &mut [Vec<String>]) {
    if table.iter().skip(1).all(|row| row.last().is_some_and(|cell| cell == "-")) {
        for row in table {
            row.pop();
        }
    }
}

const AGENT: Columns = &[
    ("Agent", "/agent"),
    ("Tenant id", "/tenant_id"),
    ("State", "/state"),
    ("Detail", "/detail"),
    ("Heard", "/heard"),
    ("Version", "/version"),
    ("Last cycle", "/last_cycle"),
    ("Next run", "/next_run"),
    ("Changes held back", "/held"),
    ("Plan", "/report/held/plan"),
    ("Takes decisions", "/takes_decisions"),
    ("Decided", "/decision/decision"),
    ("By", "/decision/by"),
    ("Taken by the agent", "/decision/taken"),
    ("Decided too late", "/late/decision"),
    ("Decided too late by", "/late/by"),
    ("Decided too late at", "/late/at"),
];

const AGENTS: Columns = &[
    ("AGENT", "/agent"),
    ("STATE", "/state"),
    ("LAST CYCLE", "/last_cycle"),
    ("NEXT RUN", "/next_run"),
    ("HELD BACK", "/held"),
    ("TROUBLED", "/troubled"),
    ("HEARD", "/heard"),
];

const BRAKE: Columns = &[
    ("Tenant", "/tenant"),
    ("State", "/state"),
    ("Mode", "/mode"),
    ("Users", "/users"),
    ("Percent", "/percent"),
    ("Window", "/window"),
    ("Users deactivated, or deleted while active", "/deactivated"),
    ("Users deleted, also those who are in the line above", "/deleted"),
    ("Members taken out of groups", "/left"),
    ("Tripped", "/tripped"),
    ("Reason", "/reason"),
    ("By", "/actor_names"),
    ("Counted since event", "/since"),
    ("Events held", "/held_events"),
    ("Approved until", "/approved_until"),
    ("Afterwards", "/afterwards"),
];

const CLIENT: Columns = &[
    ("Client", "/name"),
    ("Client id", "/client_id"),
    ("Client secret", "/client_secret"),
    ("Token endpoint", "/token_endpoint"),
    ("SCIM endpoint", "/endpoint"),
    ("Tenant", "/tenant"),
    ("Scope", "/scope"),
    ("Disabled", "/disabled"),
    ("Secret id", "/secret_id"),
    ("Expires", "/expires"),
    ("Old secret", "/previous/secret_id"),
    ("It expires", "/previous/expires"),
];

const CLIENTS: Columns = &[
    ("CLIENT", "/name"),
    ("CLIENT ID", "/client_id"),
    ("SCOPE", "/scope"),
    ("DISABLED", "/disabled"),
    ("CREATED", "/created"),
    ("SECRET EXPIRES", "/secrets/0/expires"),
    ("LAST USED", "/last_used"),
];

const CONNECTION: Columns = &[
    ("SCIM URL", "/scim_url"),
    ("Token endpoint", "/token_endpoint"),
    ("Client id", "/client_id"),
    ("Scope", "/scope"),
];

const GROUPS: Columns = &[("ID", "/id"), ("DISPLAY NAME", "/displayName"), ("EXTERNAL ID", "/externalId")];

const ISSUED: Columns = &[
    ("Tenant", "/tenant"),
    ("Tenant id", "/tenant_id"),
    ("Path", "/path"),
    ("Endpoint", "/endpoint"),
    ("Token id", "/token_id"),
    ("Name", "/name"),
    ("Token", "/token"),
    ("Scopes", "/scopes"),
    ("Expires", "/expires"),
    ("Old token", "/previous/token_id"),
    ("It expires", "/previous/expires"),
];

const KEYS: Columns = &[("KEY", "/key"), ("VALUE", "/value")];

const MAPPING: Columns = &[
    ("NAME", "/name"),
    ("REWRITE", "/rewrite"),
    ("TYPE", "/resource_type"),
    ("ATTRIBUTE", "/attribute"),
    ("TO", "/to"),
    ("VALUE", "/value"),
    ("WRITER", "/writer"),
];

const MAPPING_CHANGE: Columns = &[
    ("TYPE", "/type"),
    ("ID", "/id"),
    ("REWRITES", "/mapping"),
    ("WOULD BE REFUSED", "/refused"),
    ("CHANGES", "/changes"),
];

const KEPT: Columns = &[
    ("ID", "/id"),
    ("USER NAME", "/userName"),
    ("DISPLAY NAME", "/displayName"),
    ("EXTERNAL ID", "/externalId"),
    ("DELETED", "/deleted"),
    ("BY", "/actor_name"),
    ("REQUEST", "/request"),
    ("KEPT UNTIL", "/until"),
];

const TABLE: Columns = &[
    ("LINE", "/line"),
    ("USER NAME", "/userName"),
    ("ACTION", "/action"),
    ("CHANGES", "/changes"),
    ("REASON", "/reason"),
];

const DOCTOR: Columns = &[("CHECK", "/check"), ("STATE", "/state"), ("DETAIL", "/detail")];

const STALE_GROUPS: Columns =
    &[("ID", "/id"), ("DISPLAY NAME", "/displayName"), ("SOURCE", "/source_name"), ("LAST SENT", "/last_sent")];

const STALE_USERS: Columns = &[
    ("ID", "/id"),
    ("USER NAME", "/userName"),
    ("ACTIVE", "/active"),
    ("SOURCE", "/source_name"),
    ("LAST SENT", "/last_sent"),
];

const REQUEST: Columns = &[
    ("Time", "/time"),
    ("Meaning", "/meaning"),
    ("Status", "/status"),
    ("scimType", "/scim_type"),
    ("Method", "/method"),
    ("Path", "/path"),
    ("Operation", "/operation"),
    ("Tenant", "/tenant_name"),
    ("Tenant's id", "/tenant"),
    ("Token", "/token_name"),
    ("Token's id", "/token"),
    ("About", "/resource"),
    ("Milliseconds", "/took_ms"),
    ("Address", "/address"),
    ("User agent", "/user_agent"),
    ("Request", "/id"),
    ("Times", "/count"),
];

const REQUEST_COUNTS: Columns =
    &[("FROM", "/from"), ("CALLS", "/calls"), ("REFUSED", "/refused"), ("FAILED", "/failed")];

const REFUSALS: Columns = &[("TIME", "/time"), ("TIMES", "/count"), ("WHY", "/why")];

const PURGED: Columns = &[("ID", "/id"), ("PURGED", "/purged"), ("REASON", "/reason")];

const RESTORED: Columns = &[("ID", "/id"), ("RESTORED", "/restored"), ("REASON", "/reason")];

const ROLES: Columns = &[
    ("POSITION", "/position"),
    ("RULE", "/rule"),
    ("ROLE", "/role"),
    ("GROUP", "/displayName"),
    ("GROUP ID", "/group"),
    ("EXTERNAL ID", "/externalId"),
    ("STATE", "/state"),
    ("SINCE", "/since"),
];

const ROLES_CHANGE: Columns = &[("ID", "/id"), ("USER NAME", "/userName"), ("BEFORE", "/before"), ("AFTER", "/after")];

const SCHEMA: Columns = &[
    ("Schema", "/schema"),
    ("Name", "/name"),
    ("Tenant", "/tenant"),
    ("Resource type", "/resource_type"),
    ("Extension", "/extension"),
    ("Used by", "/used_by"),
];

const SCHEMAS: Columns = &[
    ("SCHEMA", "/schema"),
    ("NAME", "/name"),
    ("RESOURCE TYPE", "/resource_type"),
    ("EXTENSION", "/extension"),
    ("USED BY", "/used_by"),
];

const SETUP_LINK: Columns =
    &[("Link", "/url"), ("Expires", "/expires"), ("Name", "/name"), ("Tenant", "/tenant"), ("Allows", "/allows")];

const SETUP_LINKS: Columns = &[
    ("TENANT", "/tenant"),
    ("NAME", "/name"),
    ("STATE", "/state"),
    ("ALLOWS", "/allows"),
    ("MADE", "/made"),
    ("CREATED", "/created"),
    ("OPENED", "/opened"),
    ("EXPIRES", "/expires"),
];
const SETTINGS: Columns = &[("SETTING", "/setting"), ("VALUE", "/value"), ("FROM", "/from")];

const SIGNING_KEYS: Columns = &[
    ("KEY ID", "/key_id"),
    ("ALGORITHM", "/algorithm"),
    ("CREATED", "/created"),
    ("SIGNS", "/signs"),
    ("ENDS", "/ends"),
];

const TENANT: Columns = &[
    ("Tenant", "/tenant"),
    ("Tenant id", "/tenant_id"),
    ("Path", "/path"),
    ("Endpoint", "/endpoint"),
    ("Profile", "/profile"),
    ("Source of truth", "/source"),
    ("Writer", "/writer"),
    ("Disabled", "/disabled"),
    ("Database", "/database"),
    ("Moving to", "/moving_to"),
    ("Created", "/created"),
    ("Users", "/users"),
    ("Groups", "/groups"),
    ("Live tokens", "/tokens"),
    ("Settings", "/settings"),
];

const TENANTS: Columns = &[
    ("TENANT", "/tenant"),
    ("ID", "/tenant_id"),
    ("PROFILE", "/profile"),
    ("DISABLED", "/disabled"),
    ("USERS", "/users"),
    ("GROUPS", "/groups"),
    ("TOKENS", "/tokens"),
    ("DATABASE", "/database"),
];

const ADMIN_TOKEN: Columns = &[
    ("Name", "/name"),
    ("Role", "/role"),
    ("Tenant id", "/tenant_id"),
    ("Token id", "/token_id"),
    ("Token", "/token"),
    ("Expires", "/expires"),
    ("Replaces", "/previous/token_id"),
    ("… until", "/previous/expires"),
];

const ADMIN_TOKENS: Columns = &[
    ("NAME", "/name"),
    ("ROLE", "/role"),
    ("TENANT ID", "/tenant_id"),
    ("STATUS", "/status"),
    ("DAYS LEFT", "/days_left"),
    ("EXPIRES", "/expires"),
    ("LAST USED", "/last_used"),
    ("ID", "/token_id"),
];

const TOKENS: Columns = &[
    ("TENANT", "/tenant"),
    ("TOKEN ID", "/token_id"),
    ("NAME", "/name"),
    ("STATUS", "/status"),
    ("SCOPES", "/scopes"),
    ("CREATED", "/created"),
    ("EXPIRES", "/expires"),
    ("LAST USED", "/last_used"),
];

const USERS: Columns =
    &[("ID", "/id"), ("USER NAME", "/userName"), ("DISPLAY NAME", "/displayName"), ("ACTIVE", "/active")];

const STATUS: Columns = &[
    ("TENANT", "/tenant"),
    ("STATE", "/state"),
    ("LAST CALL", "/last_call"),
    ("LAST WRITE", "/last_write"),
    ("USERS", "/users"),
    ("GROUPS", "/groups"),
];

const CONSUMER: Columns = &[
    ("Consumer", "/name"),
    ("Consumer id", "/consumer_id"),
    ("Tenant", "/tenant"),
    ("Types", "/types"),
    ("Position", "/position"),
    ("Lag", "/lag"),
    ("State", "/state"),
    ("Leased until", "/leased_until"),
    ("Created", "/created"),
];

const CONSUMERS: Columns = &[
    ("NAME", "/name"),
    ("CONSUMER ID", "/consumer_id"),
    ("POSITION", "/position"),
    ("LAG", "/lag"),
    ("STATE", "/state"),
];

const STREAM: Columns = &[
    ("Stream id", "/stream_id"),
    ("Tenant", "/tenant"),
    ("Description", "/description"),
    ("Status", "/status"),
    ("Reason", "/reason"),
    ("Delivery", "/delivery"),
    ("URL", "/url"),
    ("Events", "/events"),
    ("Position", "/position"),
    ("Lag", "/lag"),
    ("Refused", "/refused"),
    ("Subjects left out", "/removed_subjects"),
    ("Failing since", "/failing_since"),
    ("Last error", "/last_error"),
];

const STREAMS: Columns = &[
    ("STREAM ID", "/stream_id"),
    ("DESCRIPTION", "/description"),
    ("STATUS", "/status"),
    ("DELIVERY", "/delivery"),
    ("LAG", "/lag"),
    ("REFUSED", "/refused"),
    ("FAILING SINCE", "/failing_since"),
];

const DEAD_LETTERS: Columns = &[
    ("TENANT", "/tenant"),
    ("SEQUENCE", "/sequence"),
    ("TRIES", "/tries"),
    ("GIVEN UP", "/time"),
    ("SENT AGAIN", "/sent_again"),
    ("ERROR", "/error"),
];

/// How far a webhook is with a tenant.
pub(super) const DELIVERIES: Columns = &[
    ("TENANT", "/tenant"),
    ("POSITION", "/position"),
    ("LAG", "/lag"),
    ("PENDING", "/pending"),
    ("DEAD LETTERS", "/dead_letters"),
    ("FAILING SINCE", "/failing_since"),
    ("LAST ERROR", "/last_error"),
];

const WEBHOOK: Columns = &[
    ("Webhook id", "/webhook_id"),
    ("URL", "/url"),
    ("Tenant id", "/tenant_id"),
    ("Types", "/types"),
    ("Rate", "/rate"),
    ("Secret", "/secret"),
    ("Public key", "/public_key"),
    ("Disabled", "/disabled"),
    ("Old keys until", "/old_keys_until"),
];

const WEBHOOKS: Columns = &[
    ("WEBHOOK ID", "/webhook_id"),
    ("TENANT ID", "/tenant_id"),
    ("URL", "/url"),
    ("TYPES", "/types"),
    ("DISABLED", "/disabled"),
];
