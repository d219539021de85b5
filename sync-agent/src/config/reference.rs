//! The reference page of the configuration, made of one table. A test holds the table against what the file's types
//! accept, so that no key is missing and none is left over.

use std::fmt::Write as _;

use serde::de::DeserializeOwned;

use super::{raw, report, safety};
use crate::source::flavour::Flavour;

/// Whether a key must be there.
const NEEDED: bool = true;
const OPTIONAL: bool = false;

/// A section of the file, or the words of one setting.
struct Section {
    title: &'static str,
    /// What its type accepts, as its own refusal lists it.
    accepted: fn() -> Vec<String>,
    rows: Rows,
}

enum Rows {
    /// Key, form, whether it is needed, what it is.
    Keys(&'static [(&'static str, &'static str, bool, &'static str)]),
    /// Word, what it means.
    Words(&'static [(&'static str, &'static str)]),
    /// The same, from the module that defines the words.
    Computed(fn() -> Vec<(&'static str, &'static str)>),
}

/// The keys of a section.
fn keys<T: DeserializeOwned>() -> Vec<String> {
    listed(toml::from_str::<T>("no_such_key = 1").err())
}

/// The words of a setting.
fn words<T: DeserializeOwned>() -> Vec<String> {
    listed(toml::Value::from("no such word").try_into::<T>().err())
}

/// What an error says that it expected: the names in backticks behind the one that it refuses.
fn listed(refused: Option<toml::de::Error>) -> Vec<String> {
    let refused = refused.map(|error| error.message().to_owned()).unwrap_or_default();
    refused.split('`').skip(3).step_by(2).map(str::to_owned).collect()
}

const SECTIONS: &[Section] = &[
    Section {
        title: "The whole file",
        accepted: keys::<raw::RawConfig>,
        rows: Rows::Keys(&[
            (
                "name",
                "text",
                OPTIONAL,
                "What this synchronisation is called in the error log: `default` unless it says otherwise.",
            ),
            (
                "source",
                "see `[source]`",
                NEEDED,
                "The directory; several, which make one population, as `[[source]]` for each.",
            ),
            ("target", "see `[target]`", NEEDED, "The SCIM server."),
            ("scope", "see `[scope]`", NEEDED, "Who is meant."),
            ("mapping", "see `[mapping]`", OPTIONAL, "What they become."),
            ("schedule", "see `[schedule]`", OPTIONAL, "When the daemon runs."),
            ("service", "see `[service]`", OPTIONAL, "Where the daemon is asked."),
            ("report", "see `[report]`", OPTIONAL, "The server that is told how it stands."),
            ("safety", "see `[safety]`", OPTIONAL, "Times of grace, and limits on losses."),
            ("state", "see `[state]`", OPTIONAL, "Where the agent remembers."),
            ("traces", "see `[traces]`", OPTIONAL, "Where spans are sent; nowhere without it."),
        ]),
    },
    Section {
        title: "[source], or each [[source]]",
        accepted: keys::<raw::RawSource>,
        rows: Rows::Keys(&[
            (
                "urls",
                "list of texts",
                NEEDED,
                "Servers, in order of preference: `ldaps://host[:port]`, `ldap://…`, `ldapi://%2Fpath`.",
            ),
            (
                "flavour",
                "see `source.flavour`",
                OPTIONAL,
                "The kind of directory; the server is asked where this is not said.",
            ),
            (
                "referrals",
                "`report`, `follow` or `refuse`",
                OPTIONAL,
                "What is done with references to other servers: `report` by default.",
            ),
            ("bind", "see `[source.bind]`", NEEDED, "How to bind."),
            ("tls", "see `[source.tls]`", OPTIONAL, "TLS."),
            ("bases", "list of texts", OPTIONAL, "Base DNs for users and groups alike."),
            ("users", "see `[source.users]` and `[source.groups]`", OPTIONAL, "What is special to users."),
            ("groups", "see `[source.users]` and `[source.groups]`", OPTIONAL, "What is special to groups."),
            ("canary", "text", OPTIONAL, "DN of an entry that must always be readable; the account itself by default."),
            (
                "ignored_containers",
                "list of texts",
                OPTIONAL,
                "Containers that were seen once and are seen no longer, and into which nobody can have been moved: they were deleted, or are none of the agent's business.",
            ),
            ("page_size", "number from 1", OPTIONAL, "Entries a page: 500 by default."),
            ("timeout_seconds", "number from 1", OPTIONAL, "Seconds that one operation may take: 60 by default."),
        ]),
    },
    Section {
        title: "source.flavour",
        accepted: words::<Flavour>,
        rows: Rows::Computed(|| Flavour::all().map(|flavour| (flavour.name(), flavour.description())).to_vec()),
    },
    Section {
        title: "[source.bind]: account with a password, or external = true, or gssapi = true",
        accepted: keys::<raw::RawBind>,
        rows: Rows::Keys(&[
            ("account", "text", OPTIONAL, "DN, UPN or `DOMAIN\\name`."),
            ("password_file", "path", OPTIONAL, "The file whose first line is the password."),
            ("password_env", "text", OPTIONAL, "The environment variable that holds it."),
            (
                "allow_plain_text",
                "true or false",
                OPTIONAL,
                "The explicit word for a password on an unprotected connection.",
            ),
            ("external", "true or false", OPTIONAL, "`true`: SASL EXTERNAL, by client certificate or socket."),
            (
                "gssapi",
                "true or false",
                OPTIONAL,
                "`true`: by Kerberos ticket. Only in a program that was built with the feature `gssapi`.",
            ),
            (
                "server",
                "text",
                OPTIONAL,
                "The server's name as the realm knows it (`dc1.corp.example.com`), where that is not the host of the URL; with `gssapi`.",
            ),
        ]),
    },
    Section {
        title: "[source.tls]",
        accepted: keys::<raw::RawTls>,
        rows: Rows::Keys(&[
            ("start_tls", "true or false", OPTIONAL, "StartTLS on `ldap://`."),
            ("ca_file", "path", OPTIONAL, "Authorities, PEM."),
            ("client_cert", "path", OPTIONAL, "Certificate of the agent, PEM."),
            ("client_key", "path", OPTIONAL, "Its key, PEM."),
        ]),
    },
    Section {
        title: "[source.users] and [source.groups]",
        accepted: keys::<raw::RawSearch>,
        rows: Rows::Keys(&[
            ("bases", "list of texts", OPTIONAL, "Base DNs in place of `source.bases`."),
            ("filter", "text", OPTIONAL, "Filter in place of the flavour's."),
        ]),
    },
    Section {
        title: "[target]",
        accepted: keys::<raw::RawTarget>,
        rows: Rows::Keys(&[
            ("url", "text", NEEDED, "Base URL, with the path before `/Users`."),
            ("token_file", "path", OPTIONAL, "The file whose first line is the bearer token."),
            ("token_env", "text", OPTIONAL, "The environment variable that holds it."),
            ("ca_file", "path", OPTIONAL, "Authorities, PEM."),
            ("profile", "see `target.profile`", OPTIONAL, "What kind of target: `standard` by default."),
            ("concurrency", "number from 1", OPTIONAL, "Requests at a time: 8 by default."),
            (
                "requests_per_second",
                "number from 1",
                OPTIONAL,
                "Requests a second: any number by default, 20 with the profile `identity-center`.",
            ),
            (
                "members_per_request",
                "number from 1",
                OPTIONAL,
                "Membership changes in one request: 1,000 by default, 100 with the profile `identity-center`.",
            ),
            (
                "patience_seconds",
                "number",
                OPTIONAL,
                "Seconds during which one request is tried again while the target is busy or away: 120 by default.",
            ),
            ("timeout_seconds", "number from 1", OPTIONAL, "Seconds that one request may take: 60 by default."),
        ]),
    },
    Section {
        title: "target.profile",
        accepted: words::<raw::RawTargetProfile>,
        rows: Rows::Words(&[("standard", "What the RFCs say."), ("identity-center", "AWS IAM Identity Center.")]),
    },
    Section {
        title: "[scope]: names, DNs, ids, or *",
        accepted: keys::<raw::RawScope>,
        rows: Rows::Keys(&[
            ("users", "list of texts", OPTIONAL, "Users."),
            ("groups", "list of texts", OPTIONAL, "Groups, with all who are within."),
            ("parent_group", "text", OPTIONAL, "A group whose members are the scope."),
            ("exclude", "list of texts", OPTIONAL, "Users and groups that are never in scope."),
            (
                "ignore_members",
                "list of texts",
                OPTIONAL,
                "DNs that are members of groups and mean nobody, such as the dummy that OpenLDAP needs in an empty `groupOfNames`: they are not told as a problem.",
            ),
            ("membership", "see `scope.membership`", OPTIONAL, "How nested groups appear: `flattened` by default."),
        ]),
    },
    Section {
        title: "scope.membership",
        accepted: words::<raw::RawNesting>,
        rows: Rows::Words(&[
            ("flattened", "Every user through all levels."),
            ("nested", "Groups as members of groups."),
        ]),
    },
    Section {
        title: "[mapping]",
        accepted: keys::<raw::RawMapping>,
        rows: Rows::Keys(&[
            (
                "enterprise",
                "true or false",
                OPTIONAL,
                "Whether the enterprise attributes are mapped too, `manager` among them.",
            ),
            (
                "ends",
                "list of words, see `mapping.ends`",
                OPTIONAL,
                "Attributes that make an account inactive at a time, besides `accountExpires`: `pwdEndTime`, with `pwdStartTime`, by default; `shadowExpire` may be added. Nothing with an empty list.",
            ),
            (
                "inactive",
                "text",
                OPTIONAL,
                "A filter (RFC 4515): whoever it matches is inactive, such as `(loginShell=*/nologin)`. Nobody without it.",
            ),
            ("user", "table of expressions", OPTIONAL, "Rules for users."),
            ("group", "table of expressions", OPTIONAL, "Rules for groups."),
        ]),
    },
    Section {
        title: "Each word of mapping.ends",
        accepted: words::<raw::RawEnd>,
        rows: Rows::Words(&[
            ("pwdEndTime", "Of OpenLDAP's password policy, `pwdStartTime` included."),
            ("shadowExpire", "Days since 1970 (RFC 2307)."),
        ]),
    },
    Section {
        title: "[schedule]",
        accepted: keys::<raw::RawSchedule>,
        rows: Rows::Keys(&[
            (
                "interval_seconds",
                "number from 1",
                OPTIONAL,
                "Seconds from the start of one cycle to that of the next: 3,600 by default.",
            ),
            (
                "jitter_seconds",
                "number",
                OPTIONAL,
                "Up to so many seconds are added to each pause, at random: 300 by default.",
            ),
            (
                "full_interval_seconds",
                "number from 1",
                OPTIONAL,
                "Seconds from one full reconciliation to the next: 86,400 by default.",
            ),
            (
                "follow_seconds",
                "number",
                OPTIONAL,
                "Where the directory says at once that something changed, a cycle begins so many seconds later: 10 by default. 0 leaves it to the interval.",
            ),
        ]),
    },
    Section {
        title: "[service]",
        accepted: keys::<raw::RawService>,
        rows: Rows::Keys(&[
            ("listen", "address:port", OPTIONAL, "Address and port of `/metrics` and `/healthz`; none without it."),
            ("socket", "path", OPTIONAL, "The control socket: `control.sock` in the folder of the state by default."),
            ("error_log", "path", OPTIONAL, "The error log: `sync-errors.jsonl` beside the configuration by default."),
        ]),
    },
    Section {
        title: "[report]",
        accepted: keys::<report::RawReport>,
        rows: Rows::Keys(&[
            (
                "url",
                "text",
                NEEDED,
                "Base URL of the administration listener of scim-server: `https://`, or `http://` of this machine, as at the end of a tunnel.",
            ),
            (
                "token_file",
                "path",
                OPTIONAL,
                "The file whose first line is an administrator's token of the role `agent`.",
            ),
            ("token_env", "text", OPTIONAL, "The environment variable that holds it."),
            ("ca_file", "path", OPTIONAL, "Authorities, PEM."),
            (
                "decisions",
                "true or false",
                OPTIONAL,
                "Whether an operator may approve and reject there what the limits hold back: `false` by default.",
            ),
            (
                "every_seconds",
                "number from 1",
                OPTIONAL,
                "Seconds from one report to the next, if nothing happens in between: 60 by default.",
            ),
        ]),
    },
    Section {
        title: "[state]",
        accepted: keys::<raw::RawState>,
        rows: Rows::Keys(&[(
            "directory",
            "path",
            OPTIONAL,
            "The folder in which the agent remembers: `state` beside the configuration by default.",
        )]),
    },
    Section {
        title: "[traces]",
        accepted: keys::<raw::RawTraces>,
        rows: Rows::Keys(&[
            (
                "endpoint",
                "text",
                NEEDED,
                "The collector of OpenTelemetry (OTLP over HTTP), such as `http://127.0.0.1:4318`; `/v1/traces` is added. Spans have no personal data.",
            ),
            (
                "headers_file",
                "path",
                OPTIONAL,
                "A file with headers of each request to it, one on each line, such as `authorization: Bearer abc`. Refused over `http://`, unless the collector is on this machine.",
            ),
            ("ca_file", "path", OPTIONAL, "Authorities to trust in place of the system's, PEM."),
            (
                "sample",
                "number from 0 to 1",
                OPTIONAL,
                "Which part of the cycles is recorded: 1, which is all, by default.",
            ),
        ]),
    },
    Section {
        title: "[safety]: times of grace, and limits on losses",
        accepted: keys::<safety::RawSafety>,
        rows: Rows::Keys(&[
            ("out_of_scope_days", "number", OPTIONAL, "Days from leaving the scope to `active: false`: 28 by default."),
            (
                "on_deletion",
                "see `safety.on_deletion`",
                OPTIONAL,
                "What becomes of what is deleted in the directory: `delete` by default.",
            ),
            (
                "delete_after_days",
                "number",
                OPTIONAL,
                "With `deactivate-first`: days until it is deleted, 30 by default.",
            ),
            ("users_removed", "see One limit", OPTIONAL, "Users deleted within a day."),
            ("users_deactivated", "see One limit", OPTIONAL, "Users made inactive within a day."),
            ("groups_removed", "see One limit", OPTIONAL, "Groups deleted within a day."),
            ("members_removed", "see One limit", OPTIONAL, "Members removed from one group within a day."),
        ]),
    },
    Section {
        title: "safety.on_deletion",
        accepted: words::<safety::RawOnDeletion>,
        rows: Rows::Words(&[
            ("delete", "Deleted at the target in the same run."),
            ("deactivate-first", "Deactivated, and deleted after a time of grace."),
        ]),
    },
    Section {
        title: "One limit: { number = 500, percent = 10, always = 5 }",
        accepted: keys::<safety::RawLimit>,
        rows: Rows::Keys(&[
            ("number", "number", OPTIONAL, "At most so many: 500 by default."),
            (
                "percent",
                "number from 0 to 100",
                OPTIONAL,
                "At most this share of what was last written, in percent: 10 by default.",
            ),
            (
                "always",
                "number",
                OPTIONAL,
                "So many pass whatever their share is, as long as the number allows it: 5 by default.",
            ),
        ]),
    },
];

/// The page as Markdown.
fn page() -> String {
    let mut text = String::from(
        "# The configuration of sync-agent\n\n\
         <!-- Made of the table in sync-agent/src/config/reference.rs; a test compares it. -->\n\n\
         One TOML file. A key that is not here is refused, with its line and the nearest key that is. Paths\n\
         are relative to the folder of the file. Passwords and tokens are never in it: it names the file or\n\
         the environment variable that holds them.\n",
    );
    for Section { title, rows, .. } in SECTIONS {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "\n## {title}\n\n");
        match rows {
            Rows::Keys(keys) => {
                text.push_str("| key | form | needed | what it is |\n| --- | --- | --- | --- |\n");
                for (key, form, needed, what) in *keys {
                    let needed = if *needed { "yes" } else { "" };
                    let _ = writeln!(text, "| `{key}` | {form} | {needed} | {what} |");
                }
            }
            Rows::Words(words) => push_words(&mut text, words),
            Rows::Computed(words) => push_words(&mut text, &words()),
        }
    }
    text
}

fn push_words(text: &mut String, words: &[(&str, &str)]) {
    text.push_str("| value | what it means |\n| --- | --- |\n");
    for (word, what) in words {
        let _ = writeln!(text, "| `{word}` | {what} |");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_up_to_date() {
        crate::reference::check("sync-configuration.md", &page());
    }

    #[test]
    fn the_table_has_what_the_file_accepts() {
        for Section { title, accepted, rows } in SECTIONS {
            let mut told: Vec<&str> = match rows {
                Rows::Keys(keys) => keys.iter().map(|(key, ..)| *key).collect(),
                Rows::Words(words) => words.iter().map(|(word, _)| *word).collect(),
                Rows::Computed(words) => words().into_iter().map(|(word, _)| word).collect(),
            };
            let mut accepted = accepted();
            told.sort_unstable();
            accepted.sort_unstable();
            assert_eq!(told, accepted, "{title}");
        }
    }
}
