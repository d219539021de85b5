//! A thread that gives way to those who serve requests.

use std::io;

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
    task::{JoinError, JoinHandle},
};

/// How nice the thread is, of 0 to 19: a tenth of the weight of a thread that serves requests.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// A runtime on one thread with a low priority. When the processors are busy, work that is done there waits, and
/// requests do not; otherwise it is done at once. It ends when this is dropped.
pub struct LowPriority {
    handle: Handle,
    _stop: oneshot::Sender<()>,
}

/// Work that ends when nobody waits for it any more.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl LowPriority {
    /// Starts the thread.
    pub fn start(name: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, (stop, stopped)) = (runtime.handle().clone(), oneshot::channel::<()>());
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            be_nice();
            let _ = runtime.block_on(stopped);
        })?;
        Ok(Self { handle, _stop: stop })
    }

    /// Does some work there. Fails when it panics or the thread ends.
    pub async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T, JoinError> {
        let mut working = AbortOnDrop(self.handle.spawn(work));
        (&mut working.0).await
    }
}

/// Linux gives each thread a priority of its own. Elsewhere it would be that of the whole process.
fn be_nice() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "the thread that sends messages has the priority of the others");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_and_what_nobody_waits_for_is_ended() {
        let thread = LowPriority::start("test").unwrap();
        assert_eq!(thread.run(async { 7 }).await.unwrap(), 7);
        #[cfg(target_os = "linux")]
        assert_eq!(thread.run(async { rustix::process::getpriority_process(None).unwrap() }).await.unwrap(), NICE);
        let (alive, ended) = oneshot::channel::<()>();
        let endless = thread.run(async move {
            let _alive = alive;
            std::future::pending::<()>().await;
        });
        assert!(futures_util::FutureExt::now_or_never(endless).is_none());
        assert!(ended.await.is_err());
    }
}
