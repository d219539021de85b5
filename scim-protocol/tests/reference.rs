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
         Every refusal has a body of this form (RFC 7644 §3.12), in which `status` is a string, `scimType` is\n\
         there only where the RFCs define one, and `detail` is a sentence for people that names the attribute and\n\
         says what to change:\n\n\
         ```json\n\
         {\"schemas\": [\"urn:ietf:params:scim:api:messages:2.0:Error\"], \"status\": \"409\", \"scimType\": \"uniqueness\",\n \
         \"detail\": \"Another User has this userName. Use a different value, or change the resource that has it.\"}\n\
         ```\n\n\
         Each response, also a good one, carries an `X-Request-Id`. The same id stands in the audit log\n\
         (`requestID`) and in every line of the server's log about the request. Programs should look at status and\n\
         `scimType`; the words of `detail` may change.\n\n\
         A tenant under the `identity-center` profile answers with that system's error texts in `detail`; statuses\n\
         are the same.\n",
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
         What identity providers send that is not quite what RFC 7644 says, and what it is taken for. Each\n\
         habit is one named rewrite, made before anything else looks at the request: of the PATCH message as a\n\
         whole, of each operation in it, of each value (in PATCH, POST and PUT). They are on in every tenant that\n\
         is not [strict](#what-a-strict-tenant-refuses), since one provider may send both forms in one day, and\n\
         none of them turns a valid standard request into another.\n\
         What no provider is known to send is not guessed at, and is refused by validation.\n\n\
         Some courtesies are not rewrites, but the way in which the server reads requests; they are listed\n\
         [at the end](#what-else-is-taken).\n",
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
    page.push_str("\n## What else is taken\n\n");
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
    let last = "the RFCs allow them, say nothing of them, or print them themselves";
    writeln!(page, "\nThese are taken there, too, since {last}: {}.", taken.join(", ")).unwrap();
    check("dialects.md", &page);
}

/// The list of what a strict tenant refuses.
const STRICT: &str = "\n## What a strict tenant refuses\n\n\
    A tenant with the setting `strict` reads requests by the letter: each of these habits contradicts the\n\
    text of RFC 7643 or RFC 7644, and is refused there, or means what it says (`\"\"` is a value).\n\n";

/// JSON in one line where that is short, else indented.
fn json(text: &str) -> String {
    let value: Value = serde_json::from_str(text).unwrap();
    if text.len() <= 110 { text.to_owned() } else { serde_json::to_string_pretty(&value).unwrap() }
}
