//! The pages of the reference that are made of this library's tables. A test compares each page with
//! the code; with `UPDATE_DOCS=1` in the environment it writes the page instead.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test says that something is wrong by panicking")]

use std::{env, fmt::Write as _, fs, path::PathBuf};

use scim_protocol::{
    ErrorKind,
    dialect::{Strict, courtesies, rewrites},
};
use serde_json::Value;

/// Compares a page with what it should be, or writes it.
#[track_caller]
#[allow(clippy::disallowed_methods, reason = "a switch of this test, not a setting of the library")]
fn check(file: &str, expect: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/reference").join(file);
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, expect).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expect, "docs/reference/{file} is out of date: run the tests with UPDATE_DOCS=1");
}

#[test]
fn errors() {
    let mut page = String::from(
        "# Errors\n\n\
         <!-- Made from scim_protocol::ErrorKind; a test compares it. -->\n\n\
         Every error has a body of this form (RFC 7644 §3.12). `status` is a string, `scimType` exists only if the\n\
         RFCs define one, and `detail` is a sentence for people that names the attribute and says what to change:\n\n\
         ```json\n\
         {\"schemas\": [\"urn:ietf:params:scim:api:messages:2.0:Error\"], \"status\": \"409\", \"scimType\": \"uniqueness\",\n \
         \"detail\": \"Another User has this userName. Use a different value, or change the resource that has it.\"}\n\
         ```\n\n\
         Every response has an `X-Request-Id`. The audit log (`requestID`) and every line of the server's log about\n\
         the request have the same id. Programs should use status and `scimType`; the text of `detail` may change.\n\n\
         For a tenant under the `identity-center` profile, `detail` has the error texts of AWS IAM Identity Center;\n\
         statuses are the same.\n",
    );
    for kind in ErrorKind::ALL {
        let name = kind.scim_type().map_or_else(|| phrase(kind.status()).to_owned(), |name| format!("`{name}`"));
        let explanation = kind.explanation();
        let (when, remedy) = (explanation.when, explanation.remedy);
        write!(page, "\n## {} {name}\n\n{when}\n\n*What to do.* {remedy}\n", kind.status()).unwrap();
    }
    check("errors.md", &page);
}

/// The reason phrase of a status that has no `scimType` (RFC 9110 §15, RFC 6585 §4).
#[track_caller]
fn phrase(status: u16) -> &'static str {
    match status {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        410 => "Gone",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        other => panic!("{other} has no phrase here"),
    }
}

#[test]
fn dialects() {
    let mut page = String::from(
        "# Dialects\n\n\
         <!-- Made from scim_protocol::dialect::rewrites(); a test compares it. -->\n\n\
         Identity providers send requests that deviate from RFC 7644. Each known deviation has a named rewrite into a\n\
         standard request. The server applies the rewrites before it does anything else: to the PATCH message as a\n\
         whole, to each operation in it, and to each value (in PATCH, POST and PUT). They are on in every tenant that\n\
         is not [strict](#what-a-strict-tenant-refuses), because one provider may send both forms on the same day. No\n\
         rewrite turns a valid standard request into another one. There is no rewrite for an error that no provider is\n\
         known to send; validation refuses it.\n\n\
         Some deviations need no rewrite, because the server reads requests in that way; they are listed\n\
         [at the end](#accepted-without-a-rewrite).\n",
    );
    for rewrite in rewrites() {
        let (sent, standard) = (json(rewrite.sent), json(rewrite.standard));
        let senders = rewrite.sent_by.join("; ");
        write!(
            page,
            "\n## {}\n\nSent by: {senders}.\n\n```json\n{sent}\n```\n\nbecomes\n\n```json\n{standard}\n```\n\n{}\n",
            rewrite.name, rewrite.because
        )
        .unwrap();
    }
    page.push_str("\n## Accepted without a rewrite\n\n");
    for courtesy in courtesies() {
        writeln!(page, "- **{}**: {} {}", courtesy.name, courtesy.taken, courtesy.because).unwrap();
    }
    page.push_str(STRICT);
    let named = || {
        let rewrites = rewrites().map(|rewrite| (rewrite.name, rewrite.in_strict, true));
        rewrites.chain(courtesies().iter().map(|courtesy| (courtesy.name, courtesy.in_strict, false)))
    };
    for (name, _, is_rewrite) in named().filter(|(_, in_strict, _)| *in_strict == Strict::Refused) {
        let name = if is_rewrite { format!("[`{name}`](#{name})") } else { format!("`{name}`") };
        writeln!(page, "- {name}").unwrap();
    }
    let taken = named().filter(|(_, in_strict, _)| *in_strict == Strict::Taken);
    let taken: Vec<_> = taken.map(|(name, ..)| format!("`{name}`")).collect();
    let last = "the RFCs allow them, do not mention them, or use them";
    writeln!(page, "\nA strict tenant also accepts these, because {last}: {}.", taken.join(", ")).unwrap();
    check("dialects.md", &page);
}

/// The list of what a strict tenant refuses.
const STRICT: &str = "\n## What a strict tenant refuses\n\n\
    Each of these deviations contradicts the text of RFC 7643 or RFC 7644. A tenant with the setting `strict` refuses\n\
    it, or gives it its literal meaning (`\"\"` is a value).\n\n";

/// JSON in one line where that is short, else indented.
fn json(text: &str) -> String {
    let value: Value = serde_json::from_str(text).unwrap();
    if text.len() <= 110 { text.to_owned() } else { serde_json::to_string_pretty(&value).unwrap() }
}
