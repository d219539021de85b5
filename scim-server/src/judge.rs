//! Judges this server: runs `scim-conformance` against a tenant that is made for it, and keeps the report.
//!
//! One run at a time, at most twenty minutes long. Its tenant has a name that nobody else gives, and a token that lives
//! an hour; it is deleted at the end. What a crash has left is deleted by [`Judge::tidy`]. All of it is done by the
//! commands of administrators, as if whoever began the run had typed them.

mod program;
mod report;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper::StatusCode;
use scim_protocol::Timestamp;
use serde_json::Value;
use tokio::sync::watch;

pub use self::{program::beside_ours, report::Verdict};
pub use crate::tenant::judged::is_of_a_run;
use crate::{
    admin::{self, AdminContext, AdminRequest, Fault, Line, line},
    profile::Profile,
    tenant::{self, Settings},
};

/// How long a run may last.
const LONGEST: Duration = Duration::from_secs(20 * 60);
/// How long its token lives, in seconds.
const TOKEN: u64 = 60 * 60;
/// From one look at what was left behind to the next.
const TIDY: Duration = Duration::from_secs(30 * 60);

/// By what a server can be judged that has tenants with static tokens: words of `scim-conformance run --profile`.
pub const PROFILES: &[&str] = &[
    "rfc",
    "okta",
    "entra",
    "google",
    "onelogin",
    "jumpcloud",
    "ping",
    "cyberark",
    "identity-center",
    "fastfed",
    "entra-gallery",
    "okta-spec",
    "okta-crud",
    "interop",
];

/// What it does, and what it has found last.
pub struct Judge {
    /// The program; `None` if it is not there.
    program: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: Option<Run>,
    last: Option<Arc<Done>>,
}

/// A run that is under way.
#[derive(Debug, Clone)]
pub struct Run {
    pub profile: String,
    pub since: Timestamp,
    /// Who began it, as events name them.
    pub by: String,
    tenant: String,
    stop: Arc<AtomicBool>,
}

/// A run that has ended.
#[derive(Debug)]
pub struct Done {
    pub run: Run,
    pub ended: Timestamp,
    /// What was found, or why there is nothing.
    pub found: Result<Verdict, String>,
}

impl Judge {
    /// With that program.
    pub fn new(program: Option<PathBuf>) -> Self {
        Self { program, state: Mutex::default() }
    }

    /// The program, if it is there.
    pub fn program(&self) -> Option<&PathBuf> {
        self.program.as_ref().filter(|program| program.is_file())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run that is under way.
    pub fn running(&self) -> Option<Run> {
        self.state().running.clone()
    }

    /// The run that has ended last.
    pub fn last(&self) -> Option<Arc<Done>> {
        self.state().last.clone()
    }

    /// Ends the run that is under way.
    pub fn stop(&self) {
        if let Some(run) = &self.state().running {
            run.stop.store(true, Ordering::Relaxed);
        }
    }

    /// Begins a run by that profile, for whoever the context's commands are from.
    pub fn start(self: &Arc<Self>, context: AdminContext, profile: &str) -> Result<(), Fault> {
        let refused = |status: StatusCode, why: String| Err(Fault::new(status.as_u16(), why));
        let Some(program) = self.program().cloned() else {
            let why = "scim-conformance is not installed beside the server";
            return refused(StatusCode::BAD_REQUEST, why.to_owned());
        };
        if !PROFILES.contains(&profile) {
            let why = format!("there is no profile {profile:?}; choose one of the list");
            return refused(StatusCode::BAD_REQUEST, why);
        }
        let run = Run {
            profile: profile.to_owned(),
            since: context.clock.now(),
            by: context.by.actor().to_string(),
            tenant: tenant::judged::name(rand::random()),
            stop: Arc::default(),
        };
        {
            let mut state = self.state();
            if state.running.is_some() {
                let why = "a run is under way already; wait for its end, or stop it";
                return refused(StatusCode::CONFLICT, why.to_owned());
            }
            state.running = Some(run.clone());
        }
        let judge = Arc::clone(self);
        tokio::spawn(async move {
            let found = judged(&context, program, &run).await;
            let done = Done { ended: context.clock.now(), found, run };
            let mut state = judge.state();
            state.running = None;
            state.last = Some(Arc::new(done));
        });
        Ok(())
    }

    /// Until the server stops, deletes tenants of runs that a crash has ended; then ends the run that is under way.
    pub async fn tidy(&self, context: AdminContext, mut stopped: watch::Receiver<bool>) {
        let tidying = async {
            loop {
                if let Err(fault) = self.delete_left(&context).await {
                    tracing::warn!(error = %fault, "a tenant that scim-conformance was run against is left; its deletion is tried again");
                }
                tokio::time::sleep(TIDY).await;
            }
        };
        tokio::select! {
            () = tidying => {}
            _ = stopped.wait_for(|stopped| *stopped) => self.stop(),
        }
    }

    async fn delete_left(&self, context: &AdminContext) -> Result<(), Fault> {
        let now = context.clock.now().as_millis();
        let current = self.running().map(|run| run.tenant);
        for row in rows(context, AdminRequest::TenantList).await? {
            let name = row["tenant"].as_str().unwrap_or_default();
            let created = row["created"].as_str().and_then(Timestamp::parse);
            let age = created.map_or(i64::MAX, |created| now.saturating_sub(created.as_millis()));
            // Another process on this store may be at it.
            let is_over = !context.store.is_shared() || age > i64::try_from(TIDY.as_millis()).unwrap_or(i64::MAX);
            if is_of_a_run(name) && Some(name) != current.as_deref() && is_over {
                delete(context, name).await?;
            }
        }
        Ok(())
    }
}

/// Makes the tenant, has it judged, and deletes it whatever came of that.
async fn judged(context: &AdminContext, program: PathBuf, run: &Run) -> Result<Verdict, String> {
    let profile = if run.profile == "identity-center" { Profile::IdentityCenter } else { Profile::Rfc };
    let settings = Box::new(Settings { profile, ..Settings::default() });
    let request =
        AdminRequest::TenantCreate { name: run.tenant.clone(), settings, token_seconds: Some(TOKEN), database: None };
    let made = rows(context, request).await.map_err(|fault| fault.message)?;
    let text = |name: &str| made.first().and_then(|row| row[name].as_str()).unwrap_or_default().to_owned();
    let (endpoint, token, profile) = (text("endpoint"), text("token"), run.profile.clone());
    let stop = Arc::clone(&run.stop);
    let work = tokio::task::spawn_blocking(move || {
        let judging = program::Judging { program: &program, stop: &stop, longest: LONGEST };
        judging.report(&endpoint, &token, &profile)
    });
    let found = work.await.unwrap_or_else(|_| Err("the run was cut off".to_owned()));
    if let Err(fault) = delete(context, &run.tenant).await {
        tracing::warn!(error = %fault, tenant = run.tenant, "the tenant that scim-conformance was run against is left; its deletion is tried again");
    }
    found
}

async fn delete(context: &AdminContext, tenant: &str) -> Result<(), Fault> {
    rows(context, AdminRequest::TenantDelete { tenant: tenant.to_owned(), force: true, dry_run: false }).await.map(drop)
}

/// The rows of a command.
async fn rows(context: &AdminContext, request: AdminRequest) -> Result<Vec<Value>, Fault> {
    let mut lines = admin::start(context.clone(), request, line::nothing());
    let mut rows = Vec::new();
    while let Some(line) = lines.recv().await {
        match line {
            Line::Row(text) => rows.push(serde_json::from_str(&text).unwrap_or_default()),
            Line::Error(fault) => return Err(fault),
            Line::Done => break,
            Line::More(_) | Line::Progress(_) => {}
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_judge_knows_these_profiles() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/conformance-command-line.md");
        let page = std::fs::read_to_string(path).unwrap();
        let row = page.lines().find(|line| line.starts_with("| `--profile <NAME>` |")).unwrap();
        for profile in PROFILES {
            assert!(row.contains(&format!("`{profile}`")), "{profile}");
        }
    }
}
