//! The one table of bounds, of which `docs/guide/limits.md` is made.
//!
//! A new bound is a row in the section where a reader looks for it. A bound with a setting names its key, and
//! has its default from the table of settings; one without names the constant that the code itself uses. So the
//! page cannot say what is not so.

use std::fmt::Write as _;

use scim_protocol::{filter, patch, projection};

use crate::{
    administrator, agent, audit, config, consumer, cursor, http,
    http::request,
    index, naming,
    operation::{feed, members, pace, password},
    request_log, setup_link, store, tenant, webhook,
};

/// Some bounds under a heading.
struct Section {
    title: &'static str,
    rows: Vec<Row>,
    /// What there is to say of them together, as paragraphs.
    after: &'static str,
}

/// One bound.
struct Row {
    /// What is bounded.
    what: &'static str,
    /// Its value unless the setting changes it.
    default: String,
    /// What changes it, as Markdown; empty for a constant.
    setting: String,
    /// What happens there.
    then: &'static str,
}

/// A bound that is a setting of the server, with its key.
fn setting(what: &'static str, key: &'static str, then: &'static str) -> Row {
    Row { what, default: default_of(key), setting: format!("`{key}`"), then }
}

/// A number that is a constant of the program.
fn number(what: &'static str, most: impl TryInto<u64>, then: &'static str) -> Row {
    Row { what, default: grouped(&most.try_into().unwrap_or(u64::MAX).to_string()), setting: String::new(), then }
}

/// A size, in bytes, that is a constant of the program.
fn size(what: &'static str, most: impl TryInto<u64>, then: &'static str) -> Row {
    Row { what, default: bytes(most.try_into().unwrap_or(u64::MAX)), setting: String::new(), then }
}

/// A bound that is neither: what it is, and what changes it, in words.
fn words(what: &'static str, default: &'static str, setting: &'static str, then: &'static str) -> Row {
    Row { what, default: default.to_owned(), setting: setting.to_owned(), then }
}

fn sections() -> Vec<Section> {
    vec![
        Section { title: "One request", rows: request(), after: "" },
        Section { title: "Queries", rows: queries(), after: "" },
        Section { title: "Connections", rows: connections(), after: "" },
        Section { title: "Rates", rows: rates(), after: RATES },
        Section { title: "Stored", rows: stored(), after: "" },
        Section { title: "Work", rows: work(), after: "" },
    ]
}

fn request() -> Vec<Row> {
    vec![
        words("head of a request", "16 KiB, 100 headers", "", "431; 414 where the URL alone is longer (HTTP/2: 431)"),
        setting("body, uncompressed (a `Content-Encoding` is 415)", "max_body", "413"),
        setting("body of a bulk request", "bulk_max_body", "413; `maxPayloadSize` in ServiceProviderConfig tells it"),
        setting("operations in a bulk request", "bulk_max_operations", "413; `maxOperations`"),
        number("operations in a PATCH", patch::MAX_OPERATIONS, "413"),
        number(
            "list elements that the operations of a PATCH look at together, each once for each term of a filter",
            patch::MAX_ELEMENTS_VISITED,
            "400 `tooMany`",
        ),
        number(
            "members that the filters of a PATCH look at together, each once for each term of a filter",
            members::MEMBER_VISITS,
            "400 `tooMany`",
        ),
        setting(
            "values of one attribute of a resource, such as `emails`; members of a group do not count",
            "max_values",
            "400 `invalidValue`; a resource that already has more may keep them",
        ),
        setting("indexed values of one resource", "max_index_entries", "413"),
        setting("changes of members in one request; each writes two keys in one commit", "max_member_changes", "413"),
        Row {
            default: format!(
                "{}, and one for each {} bytes of it",
                grouped(&request::VALUES.to_string()),
                request::BYTES_OF_A_VALUE
            ),
            ..words("JSON values in a body", "", "", "413")
        },
        words("depth of JSON", "127", "", "400 `invalidSyntax`"),
        size("length of a filter", filter::MAX_LENGTH, "400 `invalidFilter`"),
        number("names in `attributes` or `excludedAttributes`", projection::MAX_NAMES, "400 `invalidValue`"),
        number("depth of a filter (parentheses, brackets, `not`)", filter::MAX_DEPTH, "400 `invalidFilter`"),
        size("length of a cursor", cursor::MAX_LENGTH, "400 `invalidCursor`"),
    ]
}

fn queries() -> Vec<Row> {
    vec![
        setting("resources on a page, when `count` is not given", "page_size", ""),
        setting(
            "resources on a page",
            "max_page_size",
            "a larger `count` is reduced; `maxResults` in ServiceProviderConfig tells it",
        ),
        setting(
            "bytes of resources on a page; the resource that exceeds them is the last",
            "max_page_bytes",
            "the page has fewer resources than `count`, and `itemsPerPage` tells how many. Continue with `nextCursor`, or with `startIndex` plus `itemsPerPage`",
        ),
        setting(
            "resources that a query without an index, or a sort, reads; members of a group count too if the filter needs them",
            "candidates",
            "400 `tooMany`; a query by cursor gets a short page and a cursor to continue instead",
        ),
        words(
            "index entries that are counted for `totalResults`",
            "ten times `candidates`",
            "`candidates`",
            "400 `tooMany`",
        ),
        setting("life of a cursor", "cursor_ttl", "400 `expiredCursor`"),
        setting("members of a group in the answer to PATCH", "patch_body_members", "204 without a body"),
    ]
}

fn connections() -> Vec<Row> {
    vec![
        setting(
            "connections at a time",
            "max_connections",
            "one that has asked nothing yet is closed; where there is none, 4,096 more wait in the system's queue (fewer where `net.core.somaxconn` is lower)",
        ),
        words(
            "file descriptors",
            "the hard limit of the process, to which it raises the soft one",
            "`LimitNOFILE` of the unit",
            "the server lowers `max_connections` so that 192 remain for the store, the logs and administrators, and logs it",
        ),
        setting(
            "connections from one address (IPv6: each /64) without a valid token, never more than half of `max_connections`",
            "address_connections",
            "the one that has asked nothing for longest is closed, or the new one if each has asked something; `scim_connections_refused_total`",
        ),
        words("connections for administrators at a time", "64", "", "further ones wait"),
        words("body of a request to the management API, unless it is lines", "16 MiB", "", "413"),
        words("requests at a time on an HTTP/2 connection", "100", "", "the client waits"),
        words("TLS handshake", "10 s", "", "closed"),
        setting("head of a request, and the first request", "header_timeout", "closed, after up to twice that time"),
        setting("body of a request", "body_timeout", "400 `invalidSyntax`"),
        words(
            "time without a request on a connection (HTTP/2: without a request in flight; PING does not count)",
            "75 s",
            "",
            "closed",
        ),
        words(
            "data that a client still sends after the response",
            "64 MiB, 30 s, 2 s without a byte",
            "",
            "the connection, or the HTTP/2 stream, is reset",
        ),
        setting("requests in flight when the server stops", "drain_timeout", "cut off"),
    ]
}

fn rates() -> Vec<Row> {
    let of_tenant = "`rate_limit` of the [tenant](tenants-and-profiles.md#settings)";
    vec![
        words(
            "requests a second for each token, under `rfc`",
            "none",
            "`rate_limit` of the [tenant](tenants-and-profiles.md#settings), else of the server",
            "429",
        ),
        Row {
            setting: of_tenant.to_owned(),
            ..number("requests a second of a tenant, under `identity-center`", http::IDENTITY_CENTER_RATE, "429")
        },
        setting(
            "failed authentications a minute for each address (IPv6: each /64)",
            "address_rate_limit",
            "429 for what shows nothing valid; whoever shows a valid token or secret goes on",
        ),
        setting(
            "requests for discovery without a token, a minute for each address",
            "address_rate_limit",
            "429 for these; requests with a token go on",
        ),
    ]
}

/// What applies to all rates.
const RATES: &str = "The requests of one second may arrive in one burst. The `rate_limit` of the server does not apply to a tenant under\n\
    `identity-center`: its tokens share one rate, as in AWS IAM Identity Center. A 429 has `Retry-After` in whole\n\
    seconds, at least 1; Okta and Entra ID obey it. Failed authentications slow down only what comes from the same address\n\
    without anything valid: providers send for many tenants from one address, so a valid token, client secret, setup link or\n\
    administrator's token is let in whatever others behind its address do. To look at a client assertion costs more, a\n\
    signature and perhaps a call of the issuer: those of an address over the limit get 429 unseen, good ones too. The access\n\
    tokens that a client has already are let in.\n";

fn stored() -> Vec<Row> {
    vec![
        Row {
            setting: "`max_tokens` of a [tenant](tenants-and-profiles.md#settings)".to_owned(),
            ..number("live tokens of a tenant, under `rfc`", tenant::TOKENS, "refused")
        },
        number("live tokens of a tenant, under `identity-center`", tenant::IDENTITY_CENTER_TOKENS, "refused"),
        number("tokens of administrators", administrator::ledger::MOST, "refused"),
        number("agents that report", agent::MOST, "refused"),
        size("bytes of a report of an agent", agent::MOST_BYTES, "refused"),
        words("answers to requests with an `Idempotency-Key`", "24 h", "", "then the same request is done anew"),
        number("requests of a tenant that wait for events", feed::WAITING, "answered at once"),
        number("consumers of a tenant's events", consumer::MOST, "refused"),
        number(
            "messages of a tenant that wait for one webhook",
            webhook::MOST_PENDING,
            "nothing further is read for it",
        ),
        number("bytes of a webhook's message", webhook::MOST_BYTES, "sent without the document, with its URL"),
        number("setup links of a tenant", setup_link::MOST, "refused; those that have ended make room"),
        words("life of a setup link, and of its page", "90 days", "", "refused"),
        size("bytes of the operator's logo, of a tenant or of the server", tenant::Picture::MOST, "refused"),
        number("access attributes of a tenant", tenant::attributes::MOST_KEYS, "refused"),
        number(
            "characters of an access attribute's key, and of its value",
            tenant::attributes::MOST_CHARACTERS,
            "refused",
        ),
        number("rules that give roles, of a tenant", tenant::roles::MOST_RULES, "refused"),
        number("rewrites of what a provider sends, of a tenant", tenant::mapping::MOST_REWRITES, "refused"),
        number(
            "characters of the name of a tenant, token, client, consumer or setup link",
            naming::LONGEST_WORD,
            "refused",
        ),
        number(
            "characters of the name of a rule, role, rewrite, writer, operator or attribute of an own schema",
            naming::LONGEST_TEXT,
            "refused; what was called otherwise before keeps its name",
        ),
        words(
            "users, groups",
            "none (`rfc`), 100,000 each (`identity-center`)",
            "`quotas` of a [tenant](tenants-and-profiles.md#settings)",
            "403",
        ),
        words("members of a group", "none", "", ""),
        words("tenants", "none", "", "the server holds all of them in memory, some kilobytes each"),
        setting("age of events", "event_retention", "deleted"),
        setting(
            "tenants of which the metrics show how they stand",
            "metrics_tenants",
            "those that want attention come first",
        ),
        setting("age of calls in the log of requests", "request_log_retention", "deleted"),
        setting("log of requests on the disk", "request_log_size", "the oldest calls are deleted"),
        Row {
            default: format!("{} bytes are ordered exactly", index::EXACT_BYTES),
            ..words(
                "indexed text",
                "",
                "",
                "`eq` is exact at any length; sorting and `sw` compare only this many bytes",
            )
        },
    ]
}

fn work() -> Vec<Row> {
    let mut rows = vec![
        setting(
            "memory for request bodies and pages of responses, all together (a parsed body counts twelve times its size)",
            "request_memory",
            "503 with `Retry-After: 1`",
        ),
        words(
            "of that for one tenant",
            "half; three quarters with bodies under 64 KiB",
            "",
            "503 with `Retry-After: 1`",
        ),
        words("of that reserved for bodies under 64 KiB", "a quarter", "", ""),
        setting(
            "time for the work on a request, after its body has arrived",
            "request_timeout",
            "a query gets 400 `tooMany`; a write gets 503 and changes nothing; the remaining operations of a bulk request get 503",
        ),
        number(
            "steps after which a query lets others work, and checks its time limit and whether its client is still connected",
            pace::SLICE,
            "one step is a document of one kilobyte",
        ),
        number("scans of one tenant at a time, if they need more steps than that", pace::SCANS, "others wait"),
        words("scans at a time", "as many as processors, at least 2", "", "they take turns, step by step"),
        words(
            "bodies and operations over 64 KiB that are parsed and validated at a time, and PATCHes that may make more than 16,384 comparisons",
            "half as many as processors; of one tenant a quarter, at least 1",
            "",
            "others wait",
        ),
        number("passwords that are hashed at a time", password::AT_ONCE, "others wait"),
        words(
            "commits that wait for the writer",
            "4,096; on PostgreSQL 1,024 of one tenant",
            "",
            "further writes wait for a place",
        ),
        size(
            "resources, or names of members, that one read of the store returns",
            store::PAGE_BYTES,
            "the next read continues",
        ),
        setting(
            "connections to a PostgreSQL database",
            "store_connections",
            "reads wait in line for up to 3 s, then get 503 with `Retry-After: 1`",
        ),
        words(
            "of these for reads",
            "three quarters; of one tenant three quarters of that",
            "",
            "others wait in line; the rest is reserved for writes",
        ),
        words("of these for exports and checks", "a quarter", "", "others wait"),
    ];
    rows.extend(logs());
    rows.push(number(
        "times in a row that another writer changes the resource before an operation can commit",
        store::ATTEMPTS,
        "503 with `Retry-After: 1`",
    ));
    rows
}

fn logs() -> Vec<Row> {
    vec![
        size("audit log that waits for the disk", audit::MAX_QUEUED, "requests wait"),
        size("log of requests that waits for the disk", request_log::QUEUED, "further calls are counted, and not kept"),
        size("audit record of one document", audit::MAX_DOCUMENT, "the record leaves the whole document out"),
        number(
            "kinds of calls without a valid token that the audit log distinguishes in one minute",
            http::refusals::MAX_KINDS,
            "further kinds are counted by their status only",
        ),
        number(
            "of these, kinds that the log of requests shows",
            http::refusals::SHOWN,
            "calls of further kinds are counted there only",
        ),
    ]
}

/// The page as Markdown.
pub fn page() -> String {
    let mut text = String::from(
        "# Limits\n\n\
         <!-- Made by `scim-server reference limits`; a test compares it. -->\n\n\
         Everything that a client decides has a limit. A limit with a setting is one of the [settings of\n\
         `serve`](../reference/configuration.md); one without is a constant of the program.\n",
    );
    for Section { title, rows, after } in sections() {
        let _ = write!(
            text,
            "\n## {title}\n\n| limit | default | setting | when it is over |\n| --- | --- | --- | --- |\n"
        );
        for Row { what, default, setting, then } in rows {
            for cell in [what, &*default, &*setting, then] {
                let gap = if cell.is_empty() { "" } else { " " };
                let _ = write!(text, "| {cell}{gap}");
            }
            text.push_str("|\n");
        }
        if !after.is_empty() {
            let _ = write!(text, "\n{after}");
        }
    }
    text
}

/// The default of a setting, as the page writes it: `4,096`, `10 MiB`, `60 s`.
fn default_of(key: &str) -> String {
    let default = config::setting::find(key).map_or("", |setting| setting.default);
    let unit = default.find(|c: char| !c.is_ascii_digit()).unwrap_or(default.len());
    let (digits, unit) = default.split_at(unit);
    match (digits, unit) {
        ("0", "") => "none".to_owned(),
        (digits, "") => grouped(digits),
        (digits, "d") => format!("{} days", grouped(digits)),
        (digits, unit) => format!("{} {unit}", grouped(digits)),
    }
}

/// A whole number with a comma between thousands.
fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of bytes in the largest unit that leaves none over.
fn bytes(number: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units.into_iter().find(|(size, _)| number >= *size && number.is_multiple_of(*size));
    unit.map_or_else(
        || format!("{} bytes", grouped(&number.to_string())),
        |(size, unit)| format!("{} {unit}", number / size),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_whole_and_each_setting_is_one() {
        for row in sections().into_iter().flat_map(|section| section.rows) {
            assert!(!row.what.is_empty() && !row.default.is_empty(), "{} {}", row.what, row.default);
            for text in [row.what, &*row.default, &*row.setting, row.then] {
                assert!(!text.contains(['|', '\n']), "{text}");
            }
        }
    }

    #[test]
    fn figures_are_written_for_people() {
        assert_eq!(["7", "4096", "1000000"].map(grouped), ["7", "4,096", "1,000,000"]);
        assert_eq!([160, 8192, 10 << 20, 1025].map(bytes), ["160 bytes", "8 KiB", "10 MiB", "1,025 bytes"]);
        let keys = ["max_connections", "bulk_max_body", "request_timeout", "event_retention", "rate_limit"];
        assert_eq!(keys.map(default_of), ["4,096", "10 MiB", "60 s", "90 days", "none"]);
    }
}
