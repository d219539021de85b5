//! NATS beside the server: killed as it is, and read at the end. Nothing where the program is built without it.

use std::collections::BTreeMap;

use super::held::Held;

#[cfg(feature = "nats")]
use crate::nats::broker::{Broker, Guard};

/// A broker, and what was read from it.
#[cfg(feature = "nats")]
pub struct Outside {
    broker: Broker,
    read: u64,
    held: BTreeMap<String, Held>,
}

#[cfg(feature = "nats")]
impl Outside {
    pub async fn start() -> Self {
        let broker = Broker::start(Guard::default());
        broker.stream().await;
        Self { broker, read: 0, held: BTreeMap::new() }
    }

    /// Arguments of `serve`.
    pub fn args(&self) -> Vec<String> {
        self.broker.args("nats")
    }

    /// SIGKILL, and a new start.
    pub fn kill(&mut self) {
        self.broker.kill();
        self.broker.launch();
    }

    /// What is in the stream, of each tenant.
    pub async fn held(&mut self) -> Option<&BTreeMap<String, Held>> {
        for (number, message) in self.broker.messages(self.read).await {
            self.read = number;
            let tenant = super::text(&message.body, "/data/tenant");
            self.held.entry(tenant).or_default().take(&message.body["data"]);
        }
        Some(&self.held)
    }
}

/// There is none.
#[cfg(not(feature = "nats"))]
pub struct Outside;

#[cfg(not(feature = "nats"))]
#[allow(clippy::unused_async, clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "as the other")]
impl Outside {
    pub async fn start() -> Self {
        Self
    }

    pub fn args(&self) -> Vec<String> {
        Vec::new()
    }

    pub fn kill(&mut self) {}

    pub async fn held(&mut self) -> Option<&BTreeMap<String, Held>> {
        None
    }
}
