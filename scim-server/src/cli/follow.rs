//! `events --follow`: goes on with what happens, also when the server was gone for a while.

use std::{io::Write as _, time::Duration};

use serde_json::Value;

use super::{
    Failure,
    command::EventsArguments,
    session::{Running, Session},
    show::{Printer, Show},
};
use crate::admin::{AdminRequest, EventsRequest, Line, line};

/// Between two looks whether the server is back.
const PAUSE: Duration = Duration::from_millis(500);

/// Shows events until it is interrupted, or the server refuses to go on.
pub(super) async fn run(events: EventsArguments) -> Result<(), Failure> {
    let EventsArguments { tenant, mut since, types, common, .. } = events;
    let given = &common.settings.0;
    let mut session = Some(Session::shared_with_others(given).await?.ok_or_else(|| {
        Failure::said("no server runs on this store, so nothing happens in it; leave --follow out, or start the server")
    })?);
    let mut printer = Printer::new(Show::Events, common.json);
    let mut was_followed = false;
    loop {
        if let Some(session) = session.take() {
            let (tenant, since_now, types) = (tenant.clone(), since.clone(), types.clone());
            let request = AdminRequest::Events(EventsRequest { tenant, since: since_now, types, follow: true });
            // A server that is about to end may take the connection and not the command.
            match session.start(request, line::nothing()).await {
                Ok(mut running) => {
                    show(&mut running, &mut printer, &mut since).await?;
                    running.close().await?;
                }
                Err(failure) if !was_followed => return Err(failure),
                Err(_) => {}
            }
            was_followed = true;
            let _ = writeln!(std::io::stderr(), "note: the server is gone; waiting for it");
        }
        tokio::time::sleep(PAUSE).await;
        session = Session::shared_with_others(given).await.unwrap_or_default();
    }
}

/// Shows what comes until the server ends. `since` becomes the number of the last event shown.
async fn show(running: &mut Running, printer: &mut Printer, since: &mut Option<String>) -> Result<(), Failure> {
    loop {
        match running.line().await {
            Some(Line::Row(row)) => {
                printer.row(&row)?;
                let event: Option<Value> = serde_json::from_str(&row).ok();
                let number = event.as_ref().and_then(|event| event.get("sequence")).and_then(Value::as_u64);
                *since = number.map(|number| number.to_string()).or_else(|| since.take());
            }
            Some(Line::Error(fault)) => return Err(Failure::said(fault.message)),
            Some(Line::More(_) | Line::Progress(_)) => {}
            Some(Line::Done) | None => return Ok(()),
        }
    }
}
