//! The daemon: cycle by cycle, until it is told to stop.
//!
//! One task runs cycles, one after the other: when one is due, and when [`notifier`] says that something
//! changed. Beside it are [`control`], a local socket on which the program's own commands ask, [`listen`], HTTP for health and
//! metrics, and [`report`], which tells a server how it stands. They never touch the
//! directory or the target: they read the state, change the pause, or hand the first task a [`Job`].
//!
//! SIGTERM and SIGINT end it in good order: requests that are under way are finished and remembered, and
//! no new one is sent. SIGHUP reads the configuration again, and so do the commands that change it; one that cannot
//! be read changes nothing.

pub mod control;
pub mod listen;
pub mod metrics;
pub mod notifier;
pub mod report;
pub mod schedule;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use scim_protocol::Timestamp;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{Notify, mpsc, oneshot, watch},
};
use traces::Traces;

use crate::{
    clock::Clock,
    config::{Config, ConfigError},
    cycle::{
        self, Progress, RunOptions,
        dry_run::{DryRun, Planned, dry_run},
        recorded::{self, RecordedCycle},
    },
    explain,
    mode::Mode,
    plan::deprovisioning,
    state::{Pause, State, StateError},
    status::Live,
    tracer,
};

use metrics::Metrics;
use notifier::Notifier;

/// Where what came of a job goes, or in words why nothing did.
pub type Reply<T = String> = oneshot::Sender<Result<T, String>>;

/// What somebody asks the daemon to do between two cycles.
pub enum Job {
    /// A cycle now.
    Run(Mode, Reply),
    /// One object now.
    One(String, Reply),
    /// Why somebody is at the target or is not, in words or as JSON. Writes nothing.
    Explain(String, bool, Reply),
    /// What a run would do. Writes nothing.
    Plan(DryRun, Reply<Planned>),
}

/// What the tasks share.
pub struct Shared {
    pub state: State,
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Metrics,
    /// Something has happened that a server is told.
    pub news: Notify,
    live: Mutex<Live>,
    path: PathBuf,
    config: watch::Sender<Arc<Config>>,
    jobs: mpsc::Sender<Job>,
}

impl Shared {
    /// What is going on.
    pub fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The configuration as it is now.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.borrow())
    }

    /// Reads the configuration again. Says what came of it, or why the old one goes on.
    pub fn reload(&self) -> Result<String, ConfigError> {
        let config = Config::read(&self.path).inspect_err(|error| {
            tracing::error!(%error, "the configuration was not read again; the old one goes on");
        })?;
        let before = self.config();
        let mut told = "the daemon has read the configuration again".to_owned();
        let at_start =
            |config: &Config| (config.state.clone(), config.socket.clone(), config.listen, config.traces.clone());
        if at_start(&config) != at_start(&before) {
            told.push_str("; [state], [service] and [traces] are read at the start only: restart it to change them");
        }
        self.config.send_replace(Arc::new(config));
        tracing::info!("{told}");
        Ok(told)
    }

    /// Hands the cycles' task a job, and waits for what came of it. `None` when the daemon is stopping.
    pub async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Option<Result<T, String>> {
        let (answer, answered) = oneshot::channel();
        self.jobs.send(job(answer)).await.ok()?;
        answered.await.ok()
    }
}

/// Signals, asked for before anything begins: until then SIGTERM would end the process at once.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

enum Told {
    Stop,
    Reload,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn told(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.hangup.recv() => Told::Reload,
        }
    }
}

/// Runs until it is told to stop.
pub async fn run(path: &Path, clock: Arc<dyn Clock>) -> anyhow::Result<()> {
    let config = Arc::new(Config::read(path)?);
    let state = open(&config.state).await?;
    let signals = Signals::listen().context("cannot listen for signals")?;
    let (jobs, asked) = mpsc::channel(16);
    let shared = Arc::new(Shared {
        metrics: Metrics::new(state.cycles()?.first()),
        state,
        clock,
        news: Notify::new(),
        live: Mutex::default(),
        path: path.to_owned(),
        config: watch::Sender::new(Arc::clone(&config)),
        jobs,
    });
    let traces = config.traces.as_ref().map(|settings| tracer::start(settings, shared.metrics.spans.clone()));
    let traces = traces.transpose()?;
    let (stop, stopped) = watch::channel(false);
    let control = control::serve(&config.socket, Arc::clone(&shared), stopped.clone())?;
    let listener = match config.listen {
        Some(address) => Some(listen::serve(address, Arc::clone(&shared), stopped.clone()).await?),
        None => None,
    };
    let report = report::serve(Arc::clone(&shared), stopped.clone());
    tracing::info!(socket = %config.socket.display(), "ready");
    let changed = shared.config.subscribe();
    let notifier = Notifier::default();
    let mut daemon = Daemon { shared, signals, asked, changed, stop, notifier, traces, outlasted: None };
    let result = daemon.cycles().await;
    daemon.stop.send_replace(true);
    if let Some(traces) = &daemon.traces {
        traces.stop().await;
    }
    control.await?;
    report.await?;
    if let Some(listener) = listener {
        listener.await?;
    }
    // Gone before the state's lock is, so that nobody asks a daemon that is no more.
    let _ = std::fs::remove_file(&config.socket);
    tracing::info!("stopped");
    result
}

/// Opens the state. A command that shows something may have it open for a moment.
async fn open(path: &Path) -> Result<State, StateError> {
    let mut tries = 0;
    loop {
        match State::open(path) {
            Err(StateError::InUse { .. }) if tries < 50 => tries += 1,
            opened => return opened,
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

struct Daemon {
    shared: Arc<Shared>,
    signals: Signals,
    asked: mpsc::Receiver<Job>,
    changed: watch::Receiver<Arc<Config>>,
    stop: watch::Sender<bool>,
    notifier: Notifier,
    /// Where cycles are told.
    traces: Option<Traces>,
    /// When a pause that outlasts the time of grace is next acted upon.
    outlasted: Option<Timestamp>,
}

impl Daemon {
    async fn cycles(&mut self) -> anyhow::Result<()> {
        while !*self.stop.borrow() {
            let (config, now) = (self.shared.config(), self.shared.clock.now());
            let next = schedule::next(config.schedule, self.shared.state.cycles()?.first(), now, rand::random());
            self.shared.live().next_run = Some(next);
            self.shared.metrics.next_run(next);
            if let Some(pause) = self.shared.state.pause()? {
                self.paused(&config, &pause).await?;
                continue;
            }
            self.shared.news.notify_one();
            let watermark = self.shared.state.watermark()?;
            tokio::select! {
                told = self.signals.told() => self.obey(&told),
                Some(job) = self.asked.recv() => self.job(job).await?,
                // What is waited for may be another time now.
                Ok(()) = self.changed.changed() => {}
                () = tokio::time::sleep(schedule::until(next, now)) => {
                    // Somebody may have paused it meanwhile.
                    if self.shared.state.pause()?.is_none() {
                        self.due().await?;
                    }
                }
                () = self.notifier.changed(&config, watermark.as_ref()) => {
                    if self.shared.state.pause()?.is_none() {
                        self.cycle(Mode::Incremental, true).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// A moment of a pause. Whoever asks is answered; and a pause that is longer than the time of grace
    /// is acted upon, as it was announced.
    async fn paused(&mut self, config: &Config, pause: &Pause) -> anyhow::Result<()> {
        let now = self.shared.clock.now();
        if now >= deprovisioning::end_of_pause(pause.since, &config.safety)
            && self.outlasted.is_none_or(|next| now >= next)
        {
            self.outlasted = Some(schedule::plus(now, config.schedule.interval));
            let options = RunOptions {
                mode: Mode::Incremental,
                patient: true,
                exactly: None,
                stop: self.stop.subscribe(),
                traces: None,
                progress: &|_| {},
            };
            match recorded::deactivate_after_pause(
                config,
                &self.shared.state,
                self.shared.clock.as_ref(),
                pause,
                &options,
            )
            .await
            {
                Ok(0) => {}
                Ok(writes) => {
                    tracing::warn!(writes, "the pause is longer than the time of grace; users were deactivated");
                }
                Err(error) => {
                    tracing::error!(%error, "the pause is longer than the time of grace, and users cannot be deactivated");
                }
            }
        }
        // Asked again soon, without a record: nothing was done.
        tokio::select! {
            told = self.signals.told() => self.obey(&told),
            Some(job) = self.asked.recv() => self.job(job).await?,
            () = tokio::time::sleep(schedule::WHILE_PAUSED) => {}
        }
        Ok(())
    }

    fn obey(&self, told: &Told) {
        match told {
            Told::Stop => {
                tracing::info!("stopping: a signal was received");
                self.stop.send_replace(true);
            }
            // What came of it is in the log.
            Told::Reload => drop(self.shared.reload()),
        }
    }

    /// The cycle that is due.
    async fn due(&mut self) -> Result<(), StateError> {
        let shared = &self.shared;
        let full = schedule::is_full_due(shared.config().schedule, shared.state.last_full()?, shared.clock.now());
        self.cycle(if full { Mode::Full } else { Mode::Incremental }, true).await?;
        Ok(())
    }

    /// A cycle, during which signals are obeyed. A patient one leaves alone what failed and is not due yet.
    async fn cycle(&mut self, mode: Mode, patient: bool) -> Result<RecordedCycle, StateError> {
        let (config, shared) = (self.shared.config(), Arc::clone(&self.shared));
        let progress = |progress| {
            let mut live = shared.live();
            match progress {
                Progress::Planned(number) => live.progress = (0, number),
                Progress::Done => live.progress.0 += 1,
            }
        };
        let traces = self.traces.as_ref();
        let options =
            RunOptions { mode, patient, exactly: None, stop: self.stop.subscribe(), traces, progress: &progress };
        shared.live().running_since = Some(shared.clock.now());
        let cycle = recorded::run_cycle(&config, &shared.state, shared.clock.as_ref(), &options);
        tokio::pin!(cycle);
        let completed = loop {
            tokio::select! {
                completed = &mut cycle => break completed,
                told = self.signals.told() => self.obey(&told),
            }
        };
        *shared.live() = Live::default();
        let completed = completed?;
        let record = &completed.record;
        shared.metrics.cycle(record, &completed.problems, &shared.state.quarantine()?);
        if let Some(failure) = &record.failure {
            tracing::error!(full = record.full, writes = record.writes, "the cycle ended early: {failure}");
        } else {
            tracing::info!(
                full = record.full,
                writes = record.writes,
                problems = record.problems,
                held_back = record.held_back,
                millis = record.millis,
                "the cycle ended"
            );
        }
        Ok(completed)
    }

    async fn job(&mut self, job: Job) -> Result<(), StateError> {
        // The client may have disconnected; the work is done all the same.
        match job {
            Job::Run(mode, answer) => {
                // An administrator who asks for a run has repaired something, and wants a retry.
                let record = self.cycle(mode, false).await?.record;
                let told = record.to_string();
                let _ = answer.send(if record.failure.is_none() { Ok(told) } else { Err(told) });
            }
            Job::One(name, answer) => {
                let (config, shared) = (self.shared.config(), Arc::clone(&self.shared));
                let one = cycle::one(&config, &shared.state, shared.clock.as_ref(), &name, self.stop.subscribe());
                let _ = answer.send(one.await.map_err(|error| error.to_string()));
            }
            Job::Explain(name, json, answer) => {
                let (config, shared) = (self.shared.config(), Arc::clone(&self.shared));
                let found = explain::look(&config, &shared.state, shared.clock.as_ref(), &name).await;
                let told = found.and_then(|found| explain::told(&found, json));
                let _ = answer.send(told.map_err(|error| error.to_string()));
            }
            Job::Plan(wanted, answer) => {
                let (config, shared) = (self.shared.config(), Arc::clone(&self.shared));
                let planned = dry_run(&config, &shared.state, shared.clock.as_ref(), wanted).await;
                let _ = answer.send(planned.map_err(|error| error.to_string()));
            }
        }
        Ok(())
    }
}
