//! The local socket on which the program's own commands ask the daemon.
//!
//! One JSON object a line in each direction, one request a connection. The socket belongs to the
//! agent's own account and to nobody else: whoever may open it may pause the synchronisation.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream as BlockingStream},
    path::Path,
    sync::Arc,
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader as AsyncReader},
    net::{UnixListener, UnixStream},
    sync::watch,
    task::JoinHandle,
};

use super::{Job, Shared};
use crate::{
    cycle::dry_run::{DryRun, Planned},
    document::Digest,
    mode::Mode,
    plan::held_back::Decision,
    state::{
        Pause,
        held::{self, Pending},
    },
    status::{self, Status},
};

/// The longest request.
const LONGEST: u64 = 64 << 10;

/// What is said to whoever asks while the daemon ends.
const STOPPING: &str = "the daemon is stopping";

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "request")]
pub enum Request {
    /// How it stands.
    Status,
    /// No more cycles.
    Pause {
        /// Why.
        reason: String,
    },
    /// Cycles again.
    Resume,
    /// A cycle now.
    RunNow {
        /// Whether to compare everything.
        full: bool,
    },
    /// One object now.
    SyncOne {
        /// Its login, name, DN or id.
        name: String,
    },
    /// What a limit holds back, all of it.
    Held,
    /// What was held back may be done, or not.
    Decide {
        decision: Decision,
        /// What the person has seen; anything else is not decided.
        seen: Digest,
    },
    /// What a run would do.
    Plan { wanted: DryRun },
    /// The configuration has changed.
    Reload,
    /// Why somebody is at the target, or is not.
    Explain {
        /// A login, name, DN or id.
        name: String,
        json: bool,
    },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    /// How it stands.
    Status(Box<Status>),
    /// It was done; in words.
    Done(String),
    /// It was not done; in words.
    Refused(String),
    /// What is held back, if anything.
    Held(Option<Box<Pending>>),
    /// What a run would do.
    Planned(Box<Planned>),
}

/// Asks the daemon behind a socket. `None` where there is none.
pub fn ask(socket: &Path, request: &Request) -> anyhow::Result<Option<Response>> {
    let mut stream = match BlockingStream::connect(socket) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        stream => stream.with_context(|| format!("cannot ask the daemon at {}", socket.display()))?,
    };
    stream.write_all(format!("{}\n", serde_json::to_string(request)?).as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    serde_json::from_str(&line).map(Some).context("the daemon went away before it answered")
}

/// Listens until it is told to stop.
pub fn serve(path: &Path, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) -> anyhow::Result<JoinHandle<()>> {
    // The state's lock is ours, so a socket that is there is one that a killed daemon left.
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path).with_context(|| {
        format!(
            "cannot make the control socket {} (its path may have about 100 characters); set service.socket",
            path.display()
        )
    })?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match accepted {
                Ok((stream, _)) => {
                    let shared = Arc::clone(&shared);
                    tokio::spawn(async move {
                        if let Err(error) = answer(stream, &shared).await {
                            tracing::debug!(%error, "a control connection ended");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a control connection");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }))
}

async fn answer(stream: UnixStream, shared: &Shared) -> anyhow::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    AsyncReader::new(read.take(LONGEST)).read_line(&mut line).await?;
    let response = match serde_json::from_str(&line) {
        Ok(request) => respond(request, shared).await.unwrap_or_else(|error| Response::Refused(error.to_string())),
        Err(error) => Response::Refused(format!("this is no request: {error}")),
    };
    write.write_all(format!("{}\n", serde_json::to_string(&response)?).as_bytes()).await?;
    Ok(())
}

async fn respond(request: Request, shared: &Shared) -> anyhow::Result<Response> {
    let answered = |answer: Option<Result<String, String>>| match answer {
        Some(Ok(text)) => Response::Done(text),
        Some(Err(text)) => Response::Refused(text),
        None => Response::Refused(STOPPING.to_owned()),
    };
    Ok(match request {
        Request::Status => {
            let live = shared.live().clone();
            Response::Status(Box::new(Status::read(&shared.config(), &shared.state, shared.clock.now(), Some(&live))?))
        }
        Request::Pause { reason } => {
            let now = shared.clock.now();
            shared.state.set_pause(Some(&Pause { since: now, reason }))?;
            shared.state.flush().await?;
            shared.metrics.paused(true);
            shared.news.notify_one();
            Response::Done(status::PAUSED.to_owned())
        }
        Request::Resume => {
            shared.state.set_pause(None)?;
            shared.state.flush().await?;
            shared.metrics.paused(false);
            shared.news.notify_one();
            Response::Done(status::RESUMED.to_owned())
        }
        Request::RunNow { .. } | Request::SyncOne { .. } if shared.state.pause()?.is_some() => {
            Response::Refused(status::IS_PAUSED.to_owned())
        }
        Request::RunNow { full } => {
            let mode = if full { Mode::Full } else { Mode::Incremental };
            answered(shared.ask(|answer| Job::Run(mode, answer)).await)
        }
        Request::Held => Response::Held(shared.state.pending()?.map(Box::new)),
        Request::Decide { decision, seen } => {
            let Some(decided) = shared.state.decide(decision, &seen)? else {
                return Ok(Response::Refused(held::CHANGED.to_owned()));
            };
            shared.state.flush().await?;
            shared.news.notify_one();
            if decision == Decision::Rejected {
                shared.metrics.rejected();
            }
            Response::Done(decided.outcome().to_owned())
        }
        Request::Plan { wanted } => match shared.ask(|answer| Job::Plan(wanted, answer)).await {
            Some(Ok(planned)) => Response::Planned(Box::new(planned)),
            Some(Err(text)) => Response::Refused(text),
            None => Response::Refused(STOPPING.to_owned()),
        },
        Request::Reload => match shared.reload() {
            Ok(told) => Response::Done(told),
            Err(error) => Response::Refused(error.to_string()),
        },
        Request::Explain { name, json } => answered(shared.ask(|answer| Job::Explain(name, json, answer)).await),
        Request::SyncOne { name } => answered(shared.ask(|answer| Job::One(name, answer)).await),
    })
}
