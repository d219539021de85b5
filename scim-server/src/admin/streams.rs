//! The commands about streams of security event tokens. Receivers make them; an administrator looks, pauses and removes.

use std::sync::Arc;

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{AdminContext, AdminError, Output};
use crate::{
    event::Deed,
    ssf::Transmitter,
    stream::{Notice, Status, Stream, Streams, Tells},
    tenant::Tenant,
};

/// A stream as it is shown. What lets the server in at the receiver is not.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Stream"))]
pub(super) struct StreamView<'a> {
    stream_id: String,
    tenant: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    status: Standing,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// `poll` or `push`
    delivery: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    /// The events that are sent; none if the receiver has asked only for what there is not.
    events: Vec<&'static str>,
    /// The number up to which everything was acknowledged.
    position: u64,
    /// How many events are still to come; none for one that gives nothing any more.
    lag: Option<u64>,
    /// Tokens that the receiver said it cannot use.
    refused: u64,
    /// Resources of which nothing is sent.
    removed_subjects: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<&'a str>,
}

/// Whether a stream gives something.
#[derive(PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum Standing {
    Enabled,
    Paused,
    Disabled,
    /// Its log was replaced by an import, and each poll is refused: the receiver makes another stream. One that is pushed
    /// goes on by itself.
    Replaced,
}

impl<'a> StreamView<'a> {
    /// `place` is up to where everything is acknowledged now, and `newest` where the log stands.
    fn new(stream: &'a Stream, tenant: &'a Tenant, place: u64, newest: u64) -> Self {
        let push = stream.push.as_ref();
        let status = match stream.status {
            _ if push.is_none() && stream.log != tenant.home => Standing::Replaced,
            Status::Enabled => Standing::Enabled,
            Status::Paused => Standing::Paused,
            Status::Disabled => Standing::Disabled,
        };
        let since = push.and_then(|push| push.failing_since);
        Self {
            stream_id: stream.id.to_string(),
            tenant: &tenant.name,
            description: stream.description.as_deref(),
            lag: (status != Standing::Replaced).then(|| newest.saturating_sub(place)),
            status,
            reason: stream.reason.as_deref(),
            delivery: if push.is_some() { "push" } else { "poll" },
            url: push.map(|push| push.url.as_str()),
            events: stream.delivered(tenant.settings.tells_values()),
            position: place,
            refused: stream.refused,
            removed_subjects: stream.removed.len(),
            failing_since: since.map(|at| Timestamp::from_millis(at).to_string()),
            last_error: push.and_then(|push| push.last_error.as_deref()),
        }
    }
}

/// What is asked about streams.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "what", rename_all = "kebab-case", deny_unknown_fields)]
pub enum StreamRequest {
    /// Removes one.
    Delete {
        /// Of whose events.
        tenant: String,
        /// Its id.
        stream: String,
    },
    /// Has tokens given again, and tried at once.
    Enable {
        /// Of whose events.
        tenant: String,
        /// Its id.
        stream: String,
    },
    /// Lists those of a tenant.
    List {
        /// Whose events.
        tenant: String,
    },
    /// Gives nothing until it is enabled again.
    Pause {
        /// Of whose events.
        tenant: String,
        /// Its id.
        stream: String,
        /// What the receiver is told.
        reason: Option<String>,
    },
    Show {
        /// Of whose events.
        tenant: String,
        /// Its id.
        stream: String,
    },
}

impl StreamRequest {
    /// What it is called, for the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Delete { .. } => "stream-delete",
            Self::Enable { .. } => "stream-enable",
            Self::List { .. } => "stream-list",
            Self::Pause { .. } => "stream-pause",
            Self::Show { .. } => "stream-show",
        }
    }

    /// The tenant whose events they tell.
    pub(super) fn tenant(&self) -> &str {
        match self {
            Self::Delete { tenant, .. }
            | Self::Enable { tenant, .. }
            | Self::List { tenant }
            | Self::Pause { tenant, .. }
            | Self::Show { tenant, .. } => tenant,
        }
    }
}

/// Does what is asked.
pub(super) async fn execute(context: &AdminContext, request: StreamRequest, output: &Output) -> Result<(), AdminError> {
    let streams = context.streams();
    match request {
        StreamRequest::Delete { tenant, stream } => {
            let tenant = context.built(&tenant).await?;
            let gone = streams.known(tenant.id, &stream).await?;
            let author = context.author().telling(Deed::StreamDeleted).in_log(tenant.home);
            streams.by(author).delete(&gone).await?;
            output.row(&json!({"stream_id": gone.id.to_string(), "tenant": tenant.name, "deleted": true})).await
        }
        StreamRequest::Enable { tenant, stream } => {
            let reason = "An administrator has enabled the stream.".to_owned();
            context.set_stream(&tenant, &stream, (Status::Enabled, reason), output).await
        }
        StreamRequest::List { tenant } => {
            let tenant = context.built(&tenant).await?;
            for stream in streams.list(tenant.id).await? {
                context.show_stream(&stream, &tenant, output).await?;
            }
            Ok(())
        }
        StreamRequest::Pause { tenant, stream, reason } => {
            let reason = reason.unwrap_or_else(|| "An administrator has paused the stream.".to_owned());
            context.set_stream(&tenant, &stream, (Status::Paused, reason), output).await
        }
        StreamRequest::Show { tenant, stream } => {
            let tenant = context.built(&tenant).await?;
            let stream = streams.known(tenant.id, &stream).await?;
            context.show_stream(&stream, &tenant, output).await
        }
    }
}

impl AdminContext {
    /// The streams of the store.
    pub(super) fn streams(&self) -> Streams {
        Streams::new(Arc::clone(&self.store)).by(self.author())
    }

    /// Shows a stream as it stands now: its position is written down now and then.
    async fn show_stream(&self, stream: &Stream, tenant: &Tenant, output: &Output) -> Result<(), AdminError> {
        let issuer = stream.push.as_ref().map_or("", |push| push.issuer.as_str());
        let transmitter = Transmitter { operations: &self.operations, tenant, issuer };
        let place = if stream.log == tenant.home { transmitter.place(stream).await? } else { stream.place };
        let newest = self.store.log(tenant.home).await?.newest;
        output.row(&StreamView::new(stream, tenant, place, newest)).await
    }

    /// Sets the status of a stream, and has its receiver told (SSF 1.0 §8.1.5): of a pause when it is over.
    async fn set_stream(
        &self,
        tenant: &str,
        id: &str,
        (status, reason): (Status, String),
        output: &Output,
    ) -> Result<(), AdminError> {
        let tenant = self.built(tenant).await?;
        let newest = self.store.log(tenant.home).await?.newest;
        let at = self.clock.now().as_millis();
        let change = |stream: &mut Stream| {
            if stream.status != status {
                stream.set_status(status, newest);
                let tells = Tells::Updated(status, reason.clone());
                stream.notices.push(Notice { id: Uuid::new_v4(), at, tells });
                stream.reason = Some(reason.clone());
            }
            stream.try_again();
            Ok(())
        };
        let deed = if status == Status::Enabled { Deed::StreamEnabled } else { Deed::StreamPaused };
        let streams = self.streams().by(self.author().telling(deed).in_log(tenant.home));
        let stream = streams.change(tenant.id, id, change).await?;
        self.store.changes().notify_waiters();
        self.show_stream(&stream, &tenant, output).await
    }
}
