//! Signals of the operating system.
//!
//! The handlers are installed before the server says that it is ready: without them, SIGTERM and SIGHUP kill the
//! process at once.

#[cfg(unix)]
mod system {
    use std::io;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// SIGTERM and SIGINT.
    pub struct Termination(Signal, Signal);

    /// SIGHUP.
    pub struct Hangup(Signal);

    impl Termination {
        pub fn listen() -> io::Result<Self> {
            Ok(Self(signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
        }

        /// Resolves each time when the process is told to end.
        pub async fn told(&mut self) {
            tokio::select! {
                _ = self.0.recv() => {}
                _ = self.1.recv() => {}
            }
        }
    }

    impl Hangup {
        pub fn listen() -> io::Result<Self> {
            Ok(Self(signal(SignalKind::hangup())?))
        }

        /// Resolves each time when the process is told to read its files again.
        pub async fn told(&mut self) {
            if self.0.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Has a write fail that exceeds a limit of the size of files, as on a full disk: SIGXFSZ would end the process
    /// without a word.
    pub fn outlive_file_limit() -> io::Result<()> {
        signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;

    /// Control-C.
    pub struct Termination;

    /// There is no such signal here.
    pub struct Hangup;

    impl Termination {
        pub fn listen() -> io::Result<Self> {
            Ok(Self)
        }

        /// Resolves each time when the process is told to end.
        pub async fn told(&mut self) {
            let _ = tokio::signal::ctrl_c().await;
        }
    }

    impl Hangup {
        pub fn listen() -> io::Result<Self> {
            Ok(Self)
        }

        /// Never resolves.
        pub async fn told(&mut self) {
            std::future::pending::<()>().await;
        }
    }

    /// There is no such signal here.
    pub fn outlive_file_limit() -> io::Result<()> {
        Ok(())
    }
}

pub(super) use system::{Hangup, Termination, outlive_file_limit};
