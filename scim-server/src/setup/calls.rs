//! The calls of the tenant, for links that allow it: what its provider asked for, and why it was refused.
//!
//! They come from the log of requests, which hides names and values, and has none of these pages. What a page shows is
//! less: neither addresses nor tokens, and in the place of what was found out about a token a sentence without its id.

use hyper::StatusCode;
use scim_protocol::Error;
use serde_json::Value;

use super::{
    command::{rows, text, time},
    visitor::Visitor,
};
use crate::{
    admin::{AdminRequest, RequestsQuery, RequestsRequest},
    request_log::Place,
    web::{Cell, Page, Parameters, Piece, Section, Table, Tone, WebResponse, form, response},
};

const TITLE: &str = "Calls of your provider";
/// Calls on a page.
const SHOWN: usize = 50;
/// How long they are searched for, in milliseconds.
const WITHIN: u64 = 2000;
/// The word for calls that were refused alone, in a query.
const FAILED: &str = "failed";

impl Visitor {
    /// The newest calls. The page leads to older ones, and to those that failed.
    pub(super) async fn calls(&self, query: &str) -> Result<WebResponse, Error> {
        if self.context.requests.is_none() {
            let why =
                format!("This server keeps no log of calls. Ask {} why a call has failed.", self.view.whom_to_ask());
            return Ok(self.calls_page(Section::new(TITLE).with(Piece::Notice(Tone::Plain, why))));
        }
        let asked = Parameters::parse(query);
        let failed = asked.get("only") == Some(FAILED);
        let before = asked.get("before").filter(|place| Place::parse(place).is_some());
        let query = RequestsQuery {
            status: failed.then(|| "4xx,5xx".to_owned()),
            limit: Some(SHOWN),
            before: before.map(str::to_owned),
            within_ms: Some(WITHIN),
            ..RequestsQuery::default()
        };
        let request = AdminRequest::Requests { tenant: Some(self.which()), request: RequestsRequest::List(query) };
        let Ok(rows) = rows(&self.context, request).await else { return Ok(self.failed()) };
        let mut table = Table::new(&["Time", "Call", "Status", "What it did, or why not"], none(failed));
        for call in rows.iter().filter(|row| row.get("end").is_none()) {
            table.push(cells(call));
        }
        let path = format!("{}/calls?{}", self.view.base(), if failed { "only=failed&" } else { "" });
        let next = rows.iter().find_map(|row| row.pointer("/end/next")).and_then(Value::as_str);
        table.more = next.map(|place| (format!("{path}before={}", form::encode(place)), "Older calls".to_owned()));
        let note = if self.context.operations.store.is_shared() {
            "Newest first, of the server that shows this page; there may be others. Names and other values of persons are left out."
        } else {
            "Newest first. Names and other values of persons are left out."
        };
        Ok(self.calls_page(Section::new(TITLE).note(note).with(self.choice(failed)).with(table)))
    }

    fn calls_page(&self, section: Section) -> WebResponse {
        let page: Page = self.page("Calls", "/calls").with(section);
        response::page(StatusCode::OK, &page)
    }

    /// Leads from all calls to those that failed, and back; and to the newest ones.
    fn choice(&self, failed: bool) -> Piece {
        let all = format!("{}/calls", self.view.base());
        let only = format!("{all}?only={FAILED}");
        let here = if failed { only.clone() } else { all.clone() };
        let other = if failed { (all, "All calls") } else { (only, "Only those that failed") };
        Piece::Links(vec![(other.0, other.1.to_owned()), (here, "Look again".to_owned())])
    }
}

fn none(failed: bool) -> &'static str {
    if failed {
        "No call of these days has failed."
    } else {
        "No call was noted yet. It comes when you test the connection in your provider."
    }
}

fn cells(call: &Value) -> Vec<Cell> {
    let status = call.get("status").and_then(Value::as_u64).unwrap_or_default();
    let tone = if status < 400 { Tone::Good } else { Tone::Bad };
    let count = call.get("count").and_then(Value::as_u64).filter(|count| *count > 1);
    let times = count.map(|count| format!(" ({count} times)")).unwrap_or_default();
    vec![
        Cell::time(time(call, "time"), ""),
        Cell::Code(format!("{} {}", text(call, "method"), text(call, "path"))),
        Cell::Badge(tone, status.to_string()),
        format!("{}{times}", told(call, status)).into(),
    ]
}

/// What a call did, or why it did not.
fn told(call: &Value, status: u64) -> &str {
    let reason = match text(call, "refusal") {
        "" => text(call, "reason"),
        "expired" => "The token has ended. Make its successor, and enter it in your provider.",
        "revoked" => "The token was deleted. Enter the newer one in your provider.",
        "ended" => "The OAuth client, or its secret, was deleted or disabled.",
        "missing" => "The call has no token: none is entered in your provider, or a proxy removes it.",
        "prefix" => "What came is not a token of this server.",
        "short" | "long" | "characters" | "checksum" => "The token is not whole. Copy it again.",
        "secret" => "The client secret is not the right one, or has ended.",
        _ => "It was not let in. Compare the token or client in your provider with what was made here.",
    };
    if status < 400 || reason.is_empty() { text(call, "meaning") } else { reason }
}
