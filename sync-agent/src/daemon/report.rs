//! Tells a server how it stands (`[report]`), and does what an operator has decided there about what is held back.
//!
//! A report goes out when something has happened, and every minute without that. Its answer may have a decision; it is
//! taken only if the configuration says so, and only about exactly what is held back now, as at the command line. A
//! server that is away changes nothing here: the next report says more.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use tokio::{sync::watch, task::JoinHandle};

use super::Shared;
use crate::{
    config::{Config, report::Reporting},
    document::Digest,
    plan::held_back::Decision,
    state::StateError,
    status::{Status, report::Report},
    target::{TargetError, http::Http},
};

/// Where reports go, behind `/admin/v1`.
const PATH: &str = "/agent-report";

/// What is answered.
#[derive(Debug, Deserialize)]
struct Answer {
    decision: Option<Decided>,
}

/// What somebody has decided at the server.
#[derive(Debug, Deserialize)]
struct Decided {
    plan: String,
    decision: Word,
    /// Who it was, as the server's events name them.
    by: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Approve,
    Reject,
}

/// Why a report did not arrive, or its answer was not acted upon.
#[derive(Debug, thiserror::Error)]
enum ReportError {
    /// The answer is not one to a report.
    #[error("what answers at report.url is no administration listener of scim-server ({0})")]
    Strange(String),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Server(TargetError),
}

impl From<TargetError> for ReportError {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Strange { reason, .. } => Self::Strange(reason),
            other => Self::Server(other),
        }
    }
}

/// Reports until it is told to stop.
pub fn serve(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let reports = async {
            loop {
                reports(&shared).await;
            }
        };
        tokio::select! {
            () = reports => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    })
}

/// Reports until the configuration is another.
async fn reports(shared: &Shared) {
    let mut changed = shared.config.subscribe();
    let config = Arc::clone(&changed.borrow_and_update());
    let reports = async {
        match &config.report {
            Some(settings) => of_one(shared, &config, settings).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = reports => {}
        _ = changed.changed() => {}
    }
}

async fn of_one(shared: &Shared, config: &Config, settings: &Reporting) {
    let http = match Http::new(&settings.server) {
        Ok(http) => http.sending("application/json"),
        Err(error) => {
            tracing::error!(%error, "nothing is reported: [report] cannot be used");
            return std::future::pending().await;
        }
    };
    let mut fails = false;
    let mut taken = None;
    loop {
        let told = report(shared, config, settings, &http, &mut taken).await;
        match &told {
            Ok(_) if fails => tracing::info!("reports arrive again"),
            Err(error) if !fails => tracing::warn!(%error, "the report did not arrive; it is tried again"),
            _ => {}
        }
        fails = told.is_err();
        if told.is_ok_and(|is_decided| is_decided) {
            // The server is told at once that it was taken.
            continue;
        }
        tokio::select! {
            () = shared.news.notified() => {}
            () = tokio::time::sleep(settings.every) => {}
        }
    }
}

/// Reports once. Whether something was decided by the answer. `taken` is the plan of a decision that was taken and that the
/// server does not know of yet: what is done before it does has not come too late.
async fn report(
    shared: &Shared,
    config: &Config,
    settings: &Reporting,
    http: &Http,
    taken: &mut Option<String>,
) -> Result<bool, ReportError> {
    let live = shared.live().clone();
    let status = Status::read(config, &shared.state, shared.clock.now(), Some(&live))?;
    let held = shared.state.pending()?;
    let mut report = Report::new(&status, held.as_ref(), config.schedule.interval.as_secs(), settings.decisions);
    report.taken = taken.as_deref();
    let answer = http.send_once("POST", PATH, Some(&json!({ "report": report }))).await?;
    let answer: Answer =
        serde_json::from_value(answer.body).map_err(|error| ReportError::Strange(error.to_string()))?;
    *taken = None;
    let Some(decided) = answer.decision.filter(|_| settings.decisions) else { return Ok(false) };
    let plan = decided.plan.clone();
    let is_taken = take(shared, decided).await?;
    if is_taken {
        *taken = Some(plan);
    }
    Ok(is_taken)
}

/// Does what was decided, if it is about what is held back now.
async fn take(shared: &Shared, Decided { plan, decision, by }: Decided) -> Result<bool, ReportError> {
    let decision = match decision {
        Word::Approve => Decision::Approved,
        Word::Reject => Decision::Rejected,
    };
    if shared.state.pending()?.is_some_and(|pending| pending.decision != Decision::Open) {
        return Ok(false);
    }
    let taken = shared.state.decide(decision, &Digest(plan))?.is_some();
    if taken {
        shared.state.flush().await?;
        if decision == Decision::Rejected {
            shared.metrics.rejected();
        }
        tracing::info!(by, ?decision, "an operator has decided at the server about what is held back");
    }
    Ok(taken)
}
