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
    /// Its default value; empty for none.
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

    /// Whether it may have several values: its flag several times, or an array in the file; in one text, white space is
    /// between them.
    pub fn is_list(&self) -> bool {
        self.key == "store"
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
const OAUTH: &str = "OAuth";
const LIMITS: &str = "Limits";
const QUERIES: &str = "Queries and bulk";
const LOGS: &str = "Logs";

/// Every setting, in the order in which they are shown.
pub const SETTINGS: &[Setting] = &[
    fixed(
        STORE,
        "data",
        "DIR",
        "./data",
        "The data directory, which contains the store. Only one process at a time can open it.",
    ),
    fixed(
        STORE,
        "store",
        "URL",
        "",
        "The URL of a PostgreSQL database to use as the store: postgres://user@host:5432/database. Several servers can share it. Connections to another machine use TLS and check its certificate, unless the URL ends in ?sslmode=disable. Do not put a password on the command line: use store_password_file, or the environment variable. Given several times (in the file as an array, in the variable with spaces between them), tenants are spread over these databases, and the first has the directory of tenants; further ones may be added behind.",
    ),
    fixed(STORE, "store_password_file", "FILE", "", "A file with the password of the database user."),
    fixed(
        STORE,
        "store_ca",
        "FILE",
        "",
        "CA certificates (PEM) that the database's certificate must be issued by. Without it, those of the system.",
    ),
    fixed(STORE, "store_connections", "N", "16", "The most connections to each database."),
    fixed(STORE, "store_timeout", "DURATION", "30s", "The longest that the database may work on one statement."),
    fixed(
        STORE,
        "migrate",
        SWITCH,
        "false",
        "Migrate the database's schema to this program's version at the start. Otherwise the server does not start on an older schema.",
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
        "After how much written data (keys and values) the server reopens the embedded store when no write came for two seconds. After four times as much it does not wait for such a pause. Requests wait meanwhile. This keeps the next start short. 0 switches it off.",
    ),
    fixed(
        STORE,
        "event_file",
        "FILE",
        "",
        "A file to which the events of all tenants are written, one JSON line for each. It has personal data. Of several processes on a database the one that has the lease writes to its file.",
    ),
    fixed(
        STORE,
        "event_file_size",
        "SIZE",
        "100MiB",
        "The size at which the server rotates the file of event_file: it renames it to FILE.1, FILE.1 to FILE.2 and so on, and starts a new file. 0 lets it grow.",
    ),
    fixed(STORE, "event_file_keep", "N", "10", "How many rotated files of event_file are kept."),
    fixed(
        STORE,
        "event_nats",
        "URL,…",
        "",
        "Send the events of all tenants to a stream of NATS JetStream on these servers of one cluster, such as nats://10.0.0.7:4222; with tls:// in place of nats:// encrypted. Needs a program that was built with --features nats. The messages have personal data.",
    ),
    fixed(
        STORE,
        "event_nats_subject",
        "SUBJECT",
        "scim.events",
        "What the subjects of these messages begin with; behind it come the tenant's id and the type of the event.",
    ),
    fixed(
        STORE,
        "event_nats_credentials",
        "FILE",
        "",
        "A file with what lets the server in at NATS: one line, either a token or user:password.",
    ),
    fixed(
        STORE,
        "event_nats_ca",
        "FILE",
        "",
        "CA certificates (PEM) that the certificates of NATS must be issued by. Without it, those of the system.",
    ),
    fixed(
        STORE,
        "event_kafka",
        "URL,…",
        "",
        "Send the events of all tenants to a topic of Kafka, by these brokers of one cluster, such as kafka://10.0.0.7:9092; with tls:// in place of kafka:// encrypted. Needs a program that was built with --features kafka. The messages have personal data.",
    ),
    fixed(
        STORE,
        "event_kafka_topic",
        "TOPIC",
        "scim.events",
        "The topic. It must be there; the messages of a tenant are in one of its partitions.",
    ),
    fixed(
        STORE,
        "event_kafka_cert",
        "FILE",
        "",
        "The certificate by which Kafka knows the server, and those that it was issued by (PEM). With tls:// alone.",
    ),
    fixed(STORE, "event_kafka_key", "FILE", "", "The key of that certificate (PEM)."),
    fixed(
        STORE,
        "event_kafka_ca",
        "FILE",
        "",
        "CA certificates (PEM) that the certificates of Kafka must be issued by. Without it, those of the system.",
    ),
    fixed(STORE, "event_retention", "DURATION", "90d", "How long events are kept; 0 keeps them for ever."),
    fixed(
        STORE,
        "first_tenant",
        "NAME",
        "",
        "If the store has no tenant, create one of this name, and print its endpoint, its token (only this once) and a command to try it.",
    ),
    fixed(NETWORK, "listen", "ADDR:PORT", "127.0.0.1:8080", "The address for SCIM clients. Port 0 takes a free port."),
    fixed(
        NETWORK,
        "tls_cert",
        "FILE",
        "",
        "The certificate chain (PEM), the server's own certificate first. With tls_key, the server speaks HTTPS only. SIGHUP reads both files again.",
    ),
    fixed(NETWORK, "tls_key", "FILE", "", "The private key of the certificate (PEM)."),
    fixed(
        NETWORK,
        "admin_listen",
        "ADDR:PORT",
        "127.0.0.1:0",
        "The address for administration, health and metrics. It must not be public. The server writes the address in use to admin.addr in the data directory.",
    ),
    fixed(
        NETWORK,
        "console",
        SWITCH,
        "false",
        "Serve the console, the pages for administrators, at /console of the administration listener. People sign in by an administrator's token, by a link that `scim-server console` prints, or at the provider of console_issuer.",
    ),
    fixed(
        NETWORK,
        "console_url",
        "URL",
        "",
        "What people reach the administration listener by, when that is not its address: https://console.example.com, at a proxy. Links to the console begin with it, and so does the address that a provider leads back to. With https, browsers show their session by TLS only.",
    ),
    fixed(
        NETWORK,
        "console_issuer",
        "URL",
        "",
        "The OpenID Connect provider at which administrators sign in to the console: its https URL, as it names itself. What it says of itself is read from /.well-known/openid-configuration below that. Hosts of its endpoints other than that of the URL must be in jwks_hosts; jwks_private and jwks_ca hold here, too.",
    ),
    fixed(
        NETWORK,
        "console_client_id",
        "ID",
        "",
        "The client that the console is at that provider. Its redirect URI there is console_url with /console/oidc/back behind it.",
    ),
    fixed(
        NETWORK,
        "console_client_secret_file",
        "FILE",
        "",
        "A file with the secret of that client. Without it, the console is a public client, which PKCE protects.",
    ),
    fixed(
        NETWORK,
        "console_scope",
        "SCOPE",
        "openid email profile",
        "What the provider is asked for, with spaces between. Some give the role only for a scope of its own.",
    ),
    fixed(
        NETWORK,
        "console_claim",
        "CLAIM",
        "roles",
        "The claim of the ID token that has the role: viewer, operator or administrator, as a text or in a list. Of several the highest counts, and nobody gets in without one. A claim inside others is written as a JSON Pointer: /realm_access/roles.",
    ),
    live(
        NETWORK,
        "public_url",
        "URL",
        "",
        "The base of the URLs in responses (meta.location), such as https://scim.example.com. Without it, the Host header of the request.",
    ),
    live(
        NETWORK,
        "trust_forwarded",
        SWITCH,
        "false",
        "Use X-Forwarded-Proto, X-Forwarded-Host and the last address of X-Forwarded-For of every connection. Safe only if all connections come from one proxy that sets these headers itself; otherwise list the proxies in trusted_proxies.",
    ),
    live(
        NETWORK,
        "trusted_proxies",
        "CIDR,…",
        "",
        "Use these headers only from proxies at these addresses and networks, such as 10.0.0.0/8,2001:db8::5. A chain of such proxies works too. Overrides trust_forwarded.",
    ),
    fixed(
        NETWORK,
        "webhook_networks",
        "CIDR,…",
        "",
        "Let webhooks reach endpoints in these networks, such as 10.20.0.0/16, also by plain HTTP. Else messages go to public addresses only, by HTTPS.",
    ),
    fixed(
        NETWORK,
        "operator_name",
        "TEXT",
        "",
        "What pages for customers (setup links) have at the top, unless the tenant's operator says otherwise.",
    ),
    fixed(
        NETWORK,
        "operator_colour",
        "COLOUR",
        "",
        "The colour of links and buttons on these pages, such as #1d58b0. It is made darker or lighter where it could not be read.",
    ),
    fixed(NETWORK, "operator_logo", "FILE", "", "A picture before the name: PNG, JPEG or WebP of at most 32 KiB."),
    fixed(
        OAUTH,
        "access_token_lifetime",
        "DURATION",
        "1h",
        "How long an access token of an OAuth client lives, at most 6h. It never outlives the secret or the assertion that got it.",
    ),
    fixed(
        OAUTH,
        "jwks_hosts",
        "HOST,…",
        "",
        "The hosts that the keys of trusted issuers may be fetched from, such as login.microsoftonline.com,idp.example:8443; the port is 443 unless it is said. Without any, keys are not fetched: they are pasted with --jwks-file.",
    ),
    fixed(
        OAUTH,
        "jwks_private",
        SWITCH,
        "false",
        "Let these hosts have private addresses, such as 10.0.0.5 or 127.0.0.1. Only for an issuer of your own network.",
    ),
    fixed(
        OAUTH,
        "jwks_ca",
        "FILE",
        "",
        "CA certificates (PEM) that the certificates of these hosts must be issued by. Without it, those of the system.",
    ),
    live(
        LIMITS,
        "rate_limit",
        "N",
        "0",
        "Requests a second for each token, for tenants of the rfc profile without a rate_limit of their own; 0 is no limit. Does not apply to the identity-center profile, whose default is 20.",
    ),
    fixed(
        LIMITS,
        "address_rate_limit",
        "N",
        "60",
        "Failed authentications a minute from one address, and as many discovery requests without a token; further ones get 429. 0 is no limit.",
    ),
    fixed(LIMITS, "max_connections", "N", "4096", "The most connections at a time; further ones wait."),
    fixed(
        LIMITS,
        "address_connections",
        "N",
        "512",
        "The most connections from one address (IPv6: one /64) that have not yet sent a valid token; further ones are closed. At most half of max_connections; 0 is no limit. Connections from trusted proxies do not count.",
    ),
    live(LIMITS, "max_body", "SIZE", "1MiB", "The largest body of a request that is not a bulk request."),
    live(
        LIMITS,
        "request_memory",
        "SIZE",
        "256MiB",
        "Memory for request bodies and pages of responses, all together; one tenant can take half of it. Beyond it requests get 503 with Retry-After.",
    ),
    fixed(
        LIMITS,
        "header_timeout",
        "DURATION",
        "10s",
        "The longest that a client may take to send the head of a request.",
    ),
    live(
        LIMITS,
        "body_timeout",
        "DURATION",
        "30s",
        "The longest that a client may take to send the body of a request.",
    ),
    live(
        LIMITS,
        "request_timeout",
        "DURATION",
        "60s",
        "The longest that the server works on one request. Then a query (a list or a search) gets 400 tooMany; a write gets 503, and nothing of it is committed; in a bulk request the remaining operations get 503.",
    ),
    fixed(
        LIMITS,
        "drain_timeout",
        "DURATION",
        "30s",
        "How long the server waits after SIGTERM for requests in flight.",
    ),
    fixed(
        LIMITS,
        "max_values",
        "N",
        "1000",
        "The most values of one attribute of a resource, such as emails; more get 400. Does not apply to the members of a group.",
    ),
    fixed(
        LIMITS,
        "max_index_entries",
        "N",
        "5000",
        "The most indexed values of one resource; more get 413. Each indexed value is a key in the store.",
    ),
    fixed(
        LIMITS,
        "max_member_changes",
        "N",
        "50000",
        "The most members of a group that one request may change; more get 413. Each change writes two keys in one commit.",
    ),
    fixed(QUERIES, "page_size", "N", "100", "Resources on a page of a list when the request has no count."),
    fixed(QUERIES, "max_page_size", "N", "1000", "The most resources on a page; a larger count is reduced to it."),
    fixed(
        QUERIES,
        "max_page_bytes",
        "SIZE",
        "4MiB",
        "The size at which a page ends, even if it has fewer resources than count. itemsPerPage tells how many it has; nextCursor continues after them.",
    ),
    fixed(QUERIES, "cursor_ttl", "DURATION", "1h", "How long a cursor is valid (RFC 9865 cursorTimeout)."),
    fixed(
        QUERIES,
        "candidates",
        "N",
        "100000",
        "The most resources that a filter without an index, or a sort, may read; a query that needs more gets 400 tooMany.",
    ),
    fixed(QUERIES, "bulk_max_operations", "N", "1000", "The most operations in a bulk request; 0 turns bulk off."),
    live(QUERIES, "bulk_max_body", "SIZE", "10MiB", "The largest body of a bulk request."),
    fixed(
        QUERIES,
        "patch_body_members",
        "N",
        "100",
        "A PATCH of a group with more members than this gets 204 without a body.",
    ),
    fixed(
        LOGS,
        "audit_log",
        "FILE",
        "",
        "The file of the audit log, one JSON line for each call; - is standard output. After you move the file, SIGHUP opens a new one.",
    ),
    fixed(
        LOGS,
        "audit_log_size",
        "SIZE",
        "0",
        "The size at which the server rotates the file of audit_log: it renames it to FILE.1, FILE.1 to FILE.2 and so on, and starts a new file. 0 leaves rotation to other tools.",
    ),
    live(
        LOGS,
        "audit_region",
        "REGION",
        "us-east-1",
        "The value of awsRegion in audit records of tenants under the identity-center profile.",
    ),
    fixed(
        LOGS,
        "audit_log_keep",
        "N",
        "10",
        "How many rotated files of audit_log are kept when audit_log_size is set.",
    ),
    fixed(
        LOGS,
        "request_log_retention",
        "DURATION",
        "30d",
        "How long the log of requests keeps a call, which `scim-server requests` searches. It is in the data directory, for this process; 0 keeps none.",
    ),
    fixed(
        LOGS,
        "request_log_size",
        "SIZE",
        "1GiB",
        "The most that the log of requests takes on the disk, at least 16MiB. Beyond it the oldest calls go, even within request_log_retention.",
    ),
    live(
        LOGS,
        "log",
        "FILTER",
        "info",
        "The level of the log on standard error, or directives such as info,scim_server=debug.",
    ),
    fixed(LOGS, "log_format", "human|json", "human", "The format of the log."),
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
