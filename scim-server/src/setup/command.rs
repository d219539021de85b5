//! Commands of administrators, given by a page.

use serde_json::Value;

use crate::admin::{self, AdminContext, AdminRequest, Line, line};

/// A command that was not done. The reason is for the operator's log: it may name what customers do not know.
#[derive(Debug)]
pub(super) struct NotDone;

/// Gives a command, and takes all that it prints.
pub(super) async fn rows(context: &AdminContext, request: AdminRequest) -> Result<Vec<Value>, NotDone> {
    let name = request.name();
    let mut lines = admin::start(context.clone(), request, line::nothing());
    let mut rows = Vec::new();
    while let Some(line) = lines.recv().await {
        match line {
            Line::Row(text) => rows.extend(serde_json::from_str::<Value>(&text)),
            Line::Done => return Ok(rows),
            Line::Error(reason) => {
                tracing::warn!(command = name, %reason, "a command of a setup page was not done");
                return Err(NotDone);
            }
            Line::More(_) | Line::Progress(_) => {}
        }
    }
    tracing::warn!(command = name, "a command of a setup page has ended too early");
    Err(NotDone)
}

/// The same for a command that prints one row.
pub(super) async fn row(context: &AdminContext, request: AdminRequest) -> Result<Value, NotDone> {
    rows(context, request).await?.into_iter().next().ok_or(NotDone)
}

/// A text of a row; empty where it has none.
pub(super) fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}
