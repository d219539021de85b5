//! Commands of administrators, given by a page.

use serde_json::Value;

use crate::admin::{self, AdminContext, AdminRequest, Fault, Line, line};

/// A command that was not done. The reason is for the operator's log: it may name what customers do not know.
#[derive(Debug)]
pub(super) struct NotDone;

/// Gives a command, and takes all that it prints.
pub(super) async fn rows(context: &AdminContext, request: AdminRequest) -> Result<Vec<Value>, NotDone> {
    reasoned(context, request).await.map_err(|_| NotDone)
}

/// The same, with the reason. It may be shown only where it is about what the visitor has entered.
pub(super) async fn reasoned(context: &AdminContext, request: AdminRequest) -> Result<Vec<Value>, Fault> {
    let name = request.name();
    let mut lines = admin::start(context.clone(), request, line::nothing());
    let mut rows = Vec::new();
    while let Some(line) = lines.recv().await {
        match line {
            Line::Row(text) => rows.extend(serde_json::from_str::<Value>(&text)),
            Line::Done => return Ok(rows),
            Line::Error(fault) => {
                tracing::warn!(command = name, reason = %fault, "a command of a setup page was not done");
                return Err(fault);
            }
            Line::More(_) | Line::Progress(_) => {}
        }
    }
    tracing::warn!(command = name, "a command of a setup page has ended too early");
    Err(Fault::new(500, "The command has ended too early."))
}

/// The same as [`rows`] for a command that prints one row.
pub(super) async fn row(context: &AdminContext, request: AdminRequest) -> Result<Value, NotDone> {
    rows(context, request).await?.into_iter().next().ok_or(NotDone)
}

/// A text of a row; empty where it has none.
pub(super) fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// An instant of a row, for [`Cell::time`](crate::web::Cell::time).
pub(super) fn time<'a>(row: &'a Value, name: &str) -> Option<&'a str> {
    row.get(name).and_then(Value::as_str)
}
