//! Dates with times in answers (RFC 7643 §2.3.5), and that the time of the last change moves on.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    context::{Context, Resource, as_error},
    ensure,
    verdict::{Outcome, Stop, place, text},
};

/// Demands a dateTime at a JSON pointer, and gives the instant.
pub(super) fn time_at(document: &Value, pointer: &str) -> Result<Timestamp, Stop> {
    is_time(text(document, pointer)?, &place(pointer))
}

/// Demands that a text is a dateTime, and gives the instant. One without an offset is valid too, and
/// is read as UTC.
pub(super) fn is_time(text: &str, name: &str) -> Result<Timestamp, Stop> {
    let has_time = text.as_bytes().get(10) == Some(&b'T');
    let instant = text.parse().ok().or_else(|| format!("{text}Z").parse().ok()).filter(|_| has_time);
    instant.ok_or_else(|| Stop::Unmet(format!("Expected {name} to be a dateTime; it is \"{text}\".")))
}

/// How long is waited for a clock to go on, before each further change. Some count in whole seconds.
const WAITS: [Duration; 3] = [Duration::from_millis(2), Duration::from_millis(20), Duration::from_millis(1100)];

/// Demands that a change of the resource moves `meta.lastModified` on. `change` gives the operations of the n-th
/// change, each of which changes something.
pub(super) async fn later_than(scim: &Context, resource: &Resource, change: impl Fn(usize) -> Value) -> Outcome {
    let before = scim.read(resource).await?;
    if before["meta"]["lastModified"].is_null() {
        return Err(Stop::Skip("The resource has no meta.lastModified.".to_owned()));
    }
    let before = time_at(&before, "/meta/lastModified").map_err(as_error)?;
    let mut after = before;
    for (n, wait) in WAITS.into_iter().enumerate() {
        let read = scim.modified(resource, change(n)).await.map_err(as_error)?;
        after = time_at(&read, "/meta/lastModified")?;
        if after != before {
            break;
        }
        tokio::time::sleep(wait).await;
    }
    if after == before {
        // The last wait was longer than a second: a clock that stands still is none.
        let read = scim.modified(resource, change(WAITS.len())).await.map_err(as_error)?;
        after = time_at(&read, "/meta/lastModified")?;
    }
    ensure!(after > before, "Expected meta.lastModified to be later than {before} after the change; it is {after}.");
    Ok(())
}
