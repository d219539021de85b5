//! `--follow`: goes on with what happens, also when the server was gone for a while.

use std::{io::Write as _, time::Duration};

use serde_json::Value;

use super::{
    Failure,
    command::{Common, EventsArguments},
    session::{Running, Session},
    show::{Printer, Show},
};
use crate::admin::{AdminRequest, EventsRequest, Line, line};

/// Between two looks whether the server is back.
const PAUSE: Duration = Duration::from_millis(500);

/// What is followed.
pub(super) trait Followed {
    /// How a row is shown.
    const SHOW: Show;
    /// Where a row says its place.
    const PLACE: &'static str;

    /// Where the command runs; `None` when no server does.
    async fn session(&self, common: &Common) -> Result<Option<Session>, Failure>;

    /// What is asked for: from that place on, or from the begin.
    fn request(&self, place: Option<&str>) -> AdminRequest;
}

impl Followed for EventsRequest {
    const SHOW: Show = Show::Events;
    const PLACE: &'static str = "/sequence";

    async fn session(&self, common: &Common) -> Result<Option<Session>, Failure> {
        Session::shared_with_others(&common.settings.0).await
    }

    fn request(&self, place: Option<&str>) -> AdminRequest {
        let since = place.map(str::to_owned).or_else(|| self.since.clone());
        AdminRequest::Events(Self { since, ..self.clone() })
    }
}

/// Shows events until it is interrupted, or the server refuses to go on.
pub(super) async fn events(events: EventsArguments) -> Result<(), Failure> {
    let EventsArguments { tenant, since, types, settings, json, .. } = events;
    run(Common { settings, json }, EventsRequest { tenant, since, types, follow: true }).await
}

/// Shows what comes until it is interrupted, or the server refuses to go on.
pub(super) async fn run<F: Followed>(common: Common, followed: F) -> Result<(), Failure> {
    let mut session = Some(followed.session(&common).await?.ok_or_else(|| {
        Failure::said("no server runs on this store, so nothing happens in it; leave --follow out, or start the server")
    })?);
    let mut printer = Printer::new(F::SHOW, common.json);
    let (mut place, mut was_followed) = (None, false);
    loop {
        if let Some(session) = session.take() {
            // A server that is about to end may take the connection and not the command.
            match session.start(followed.request(place.as_deref()), line::nothing()).await {
                Ok(mut running) => {
                    show::<F>(&mut running, &mut printer, &mut place).await?;
                    running.close().await?;
                }
                Err(failure) if !was_followed => return Err(failure),
                Err(_) => {}
            }
            was_followed = true;
            let _ = writeln!(std::io::stderr(), "note: the server is gone; waiting for it");
        }
        tokio::time::sleep(PAUSE).await;
        session = followed.session(&common).await.unwrap_or_default();
    }
}

/// Shows what comes until the server ends. `place` becomes that of the last row shown.
async fn show<F: Followed>(
    running: &mut Running,
    printer: &mut Printer,
    place: &mut Option<String>,
) -> Result<(), Failure> {
    loop {
        match running.line().await {
            Some(Line::Row(row)) => {
                printer.row(&row)?;
                let row: Option<Value> = serde_json::from_str(&row).ok();
                let at = row.as_ref().and_then(|row| row.pointer(F::PLACE));
                let at = at.map(|at| at.as_str().map_or_else(|| at.to_string(), str::to_owned));
                *place = at.or_else(|| place.take());
            }
            Some(Line::Error(fault)) => return Err(Failure::said(fault.message)),
            Some(Line::More(_) | Line::Progress(_)) => {}
            Some(Line::Done) | None => return Ok(()),
        }
    }
}
