//! The one table of settings: flags, environment variables, keys of the configuration file, the
//! help text and the reference page are all made of it.

/// One setting of `serve`.
#[derive(Debug)]
pub struct Setting {
    /// Its key in the configuration file: `admin_listen`.
    pub key: &'static str,
    /// Under which heading it is listed.
    pub group: &'static str,
    /// What its value looks like.
    pub value: &'static str,
    /// Its value unless something else is said; empty for none.
    pub default: &'static str,
    /// Whether SIGHUP applies a change to a running server.
    pub live: bool,
    /// What it does, in one or two sentences.
    pub help: &'static str,
}

impl Setting {
    /// Its flag, without the dashes in front: `admin-listen`.
    pub fn flag(&self) -> String {
        self.key.replace('_', "-")
    }

    /// Its environment variable: `SCIM_SERVER_ADMIN_LISTEN`.
    pub fn variable(&self) -> String {
        format!("SCIM_SERVER_{}", self.key.to_uppercase())
    }

    /// Whether it is switched on by its flag alone.
    pub fn is_switch(&self) -> bool {
        self.value == SWITCH
    }

    /// Whether a number without a unit is a value of it: a count, or bytes, or seconds.
    pub fn is_number(&self) -> bool {
        matches!(self.value, "N" | "SIZE" | "DURATION")
    }
}

/// The value of a setting that is on or off.
pub const SWITCH: &str = "true|false";

/// The setting with that key.
pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// A row of the table: key, form of the value, default, help.
const fn fixed(
    group: &'static str,
    key: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting { key, group, value, default, live: false, help }
}

/// The same for a setting that SIGHUP changes.
const fn live(
    group: &'static str,
    key: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting { key, group, value, default, live: true, help }
}

const STORE: &str = "Store";
const NETWORK: &str = "Network";
const LIMITS: &str = "Limits";
const QUERIES: &str = "Queries and bulk";
const LOGS: &str = "Logs";

/// Every setting, in the order in which they are shown.
pub const SETTINGS: &[Setting] = &[
    fixed(STORE, "data", "DIR", "./data", "The directory of the store. One process at a time has it open."),
    fixed(
        STORE,
        "store",
        "URL",
        "",
        "A PostgreSQL database that is the store instead: postgres://user@host:5432/database. Many processes may serve it. A connection to another machine is encrypted and its certificate checked, unless the URL ends in ?sslmode=disable. Keep a password out of the command line: use store_password_file, or the variable.",
    ),
    fixed(STORE, "store_password_file", "FILE", "", "A file with the password of the database's user."),
    fixed(
        STORE,
        "store_ca",
        "FILE",
        "",
        "Certificates in PEM form that the database's certificate is checked against; those of the system without it.",
    ),
    fixed(STORE, "store_connections", "N", "16", "Connections to the database at most."),
    fixed(STORE, "store_timeout", "DURATION", "30s", "How long the database may work on one statement."),
    fixed(
        STORE,
        "migrate",
        SWITCH,
        "false",
        "Bring the database's schema to this program's version before serving. Without it a server refuses to start on an older schema.",
    ),
    fixed(
        STORE,
        "cache",
        "SIZE",
        "",
        "How much memory the store in a directory may use for its cache. Without it a quarter of the machine's memory, or of what the process's control group (its container, its unit) allows: at least 64 MiB, at most 1 GiB. The log tells at the start.",
    ),
    fixed(
        STORE,
        "renew_after",
        "SIZE",
        "48MiB",
        "How much is written to the embedded store (keys and values) before it is reopened in the next quiet moment, which keeps the next start short; after four times as much it happens in any case. Requests wait meanwhile. 0 is never.",
    ),
    fixed(STORE, "event_retention", "DURATION", "90d", "How long the log of changes is kept; 0 keeps it for ever."),
    fixed(
        STORE,
        "first_tenant",
        "NAME",
        "",
        "When the store has no tenant yet, make one of this name, and print its endpoint, its token (this once) and a command to try it.",
    ),
    fixed(NETWORK, "listen", "ADDR:PORT", "127.0.0.1:8080", "Where SCIM clients connect. Port 0 takes a free one."),
    fixed(
        NETWORK,
        "tls_cert",
        "FILE",
        "",
        "Certificate chain in PEM form, leaf first. With tls_key it makes the server answer HTTPS only. SIGHUP reads both files again.",
    ),
    fixed(NETWORK, "tls_key", "FILE", "", "Private key of the certificate, in PEM form."),
    fixed(
        NETWORK,
        "admin_listen",
        "ADDR:PORT",
        "127.0.0.1:0",
        "Where administration, health and metrics are served. Keep it off the public address. The address in use is written to admin.addr in the data directory.",
    ),
    live(
        NETWORK,
        "public_url",
        "URL",
        "",
        "The base of the URLs that are given to clients (meta.location), such as https://scim.example.com. Without it they are made from the request's Host.",
    ),
    live(
        NETWORK,
        "trust_forwarded",
        SWITCH,
        "false",
        "Believe X-Forwarded-Proto, X-Forwarded-Host and the last address of X-Forwarded-For, whoever connects. Only where nobody but one proxy that sets them itself can connect; else name the proxies in trusted_proxies.",
    ),
    live(
        NETWORK,
        "trusted_proxies",
        "CIDR,…",
        "",
        "Believe these headers from proxies at these addresses and networks, such as 10.0.0.0/8,2001:db8::5, also one behind the other. From anybody else they are not read, whatever trust_forwarded says.",
    ),
    live(
        LIMITS,
        "rate_limit",
        "N",
        "0",
        "Requests a second for each token of the tenants under the rfc profile that have no rate_limit of their own; 0 is no limit. A tenant under identity-center has its own, or 20, whatever stands here.",
    ),
    fixed(
        LIMITS,
        "address_rate_limit",
        "N",
        "60",
        "Failed authentications a minute from one address before it is refused for a while, and as many requests for discovery without a token; 0 is no limit.",
    ),
    fixed(LIMITS, "max_connections", "N", "4096", "Connections at a time; more wait to be accepted."),
    fixed(
        LIMITS,
        "address_connections",
        "N",
        "512",
        "Of these, connections from one address (IPv6: one /64) over which no good token has come yet; more are closed. Never more than half of max_connections; 0 is no limit. Those of trusted proxies do not count.",
    ),
    live(LIMITS, "max_body", "SIZE", "1MiB", "The largest body of a request that is not a bulk request."),
    fixed(
        LIMITS,
        "request_memory",
        "SIZE",
        "256MiB",
        "How much memory the bodies of requests and the pages of answers may take together, half of it for one tenant; beyond it requests are refused with 503 and Retry-After.",
    ),
    fixed(LIMITS, "header_timeout", "DURATION", "10s", "How long a client may take to send the head of a request."),
    live(LIMITS, "body_timeout", "DURATION", "30s", "How long a client may take to send the body of a request."),
    live(
        LIMITS,
        "request_timeout",
        "DURATION",
        "60s",
        "How long the server works on one request: a query (a list or a search) is then refused with tooMany, a write with 503 before anything of it is committed, and of a bulk request the operations that are left.",
    ),
    fixed(LIMITS, "drain_timeout", "DURATION", "30s", "How long SIGTERM waits for requests in flight."),
    fixed(
        LIMITS,
        "max_values",
        "N",
        "1000",
        "The most values of one attribute of a resource, such as emails; more are refused with 400. Members of a group do not count.",
    ),
    fixed(
        LIMITS,
        "max_index_entries",
        "N",
        "5000",
        "The most indexed values of one resource; more are refused with 413. Each is a key that a change of the resource may write.",
    ),
    fixed(
        LIMITS,
        "max_member_changes",
        "N",
        "50000",
        "The most members of a group that one request may change; more are refused with 413. Each is two keys of one commit.",
    ),
    fixed(QUERIES, "page_size", "N", "100", "Resources on a page of a list when the client does not say."),
    fixed(QUERIES, "max_page_size", "N", "1000", "The most resources on a page; a larger count is lowered to it."),
    fixed(
        QUERIES,
        "max_page_bytes",
        "SIZE",
        "4MiB",
        "After how many bytes of resources a page ends, also when it has fewer than count; itemsPerPage tells how many, nextCursor goes on.",
    ),
    fixed(QUERIES, "cursor_ttl", "DURATION", "1h", "How long a cursor can be used (RFC 9865 cursorTimeout)."),
    fixed(
        QUERIES,
        "candidates",
        "N",
        "100000",
        "How many resources a filter without an index, or a sort, may look at before it is refused with tooMany.",
    ),
    fixed(QUERIES, "bulk_max_operations", "N", "1000", "The most operations in a bulk request; 0 turns bulk off."),
    live(QUERIES, "bulk_max_body", "SIZE", "10MiB", "The largest body of a bulk request."),
    fixed(
        QUERIES,
        "patch_body_members",
        "N",
        "100",
        "A PATCH of a group with more members than this is answered with 204 and no body.",
    ),
    fixed(
        LOGS,
        "audit_log",
        "FILE",
        "",
        "Where one JSON line is written for each call; - is standard output. SIGHUP opens the file again after it was moved away.",
    ),
    fixed(
        LOGS,
        "audit_log_size",
        "SIZE",
        "0",
        "The size at which the file of audit_log is moved to one with .1 behind its name, that one to .2 and so on, and a new one is begun; 0 leaves that to others.",
    ),
    live(
        LOGS,
        "audit_region",
        "REGION",
        "us-east-1",
        "What awsRegion says in the audit records of tenants under the identity-center profile.",
    ),
    fixed(LOGS, "audit_log_keep", "N", "10", "How many moved files of audit_log stay when audit_log_size is set."),
    live(
        LOGS,
        "log",
        "FILTER",
        "info",
        "What is logged to standard error: a level, or directives such as info,scim_server=debug.",
    ),
    fixed(LOGS, "log_format", "human|json", "human", "How it is logged."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique_and_each_says_what_it_is_for() {
        let mut keys: Vec<_> = SETTINGS.iter().map(|setting| setting.key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), SETTINGS.len());
        for setting in SETTINGS {
            assert!(setting.help.ends_with('.'), "{}", setting.key);
        }
    }
}
