//! NATS JetStream: each event is a message in a stream, and the messages of a tenant stand there in the order of its log.
//!
//! Messages are sent without waiting for each other, so each of them says how many the stream has before it. When one is lost
//! on the way, those behind it are refused and come again, rather than stand in front of it. A process that has lost its
//! lease without knowing is refused the same way. Each message has its id (`Nats-Msg-Id`): JetStream drops what it has already,
//! as far back as the stream's window of duplicates goes.

use std::{fs, sync::Arc, time::Duration};

use async_nats::{
    Client, ConnectOptions,
    connection::State,
    jetstream::{self, Context, context::PublishAckFuture, message::PublishMessage},
};
use async_trait::async_trait;
use rustls::{ClientConfig, crypto::ring};

use super::{Form, Line, Sink, SinkError};
use crate::{config::Nats, roots};

/// How many messages are sent before their acknowledgements are waited for.
const WINDOW: usize = 256;
/// How long an acknowledgement may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A stream of JetStream.
pub struct NatsSink {
    client: Client,
    jetstream: Context,
    /// What subjects begin with.
    subject: String,
    /// The stream, and the number of its last message; found anew after an error.
    end: Option<(String, u64)>,
}

/// Why there is no sink.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// The file of credentials cannot be read.
    #[error("event_nats_credentials: cannot read {}: {source}", path.display())]
    Credentials {
        /// which file
        path: std::path::PathBuf,
        /// what the operating system says
        source: std::io::Error,
    },
    /// The certificates cannot be used.
    #[error("event_nats_ca: {0}")]
    Roots(#[from] roots::RootsError),
    /// TLS cannot be had.
    #[error("event_nats: {0}")]
    Tls(#[from] rustls::Error),
    /// A URL cannot be used.
    #[error("event_nats: {0}")]
    Url(std::io::Error),
    /// The client does not start.
    #[error("event_nats: {0}")]
    Connect(#[from] async_nats::ConnectError),
}

impl NatsSink {
    /// One that connects by and by: that NATS is away is no reason not to serve.
    pub async fn open(settings: &Nats) -> Result<Self, NatsError> {
        let provider = Arc::new(ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots::load(settings.ca.as_deref())?)
            .with_no_client_auth();
        let mut options = ConnectOptions::new()
            .name("scim-server")
            .tls_client_config(tls)
            .retry_on_initial_connect()
            .reconnect_delay_callback(|tries| Duration::from_millis(100 * u64::try_from(tries.min(20)).unwrap_or(20)));
        if let Some(path) = &settings.credentials {
            let secret =
                fs::read_to_string(path).map_err(|source| NatsError::Credentials { path: path.clone(), source })?;
            options = match secret.trim().split_once(':') {
                Some((user, password)) => options.user_and_password(user.to_owned(), password.to_owned()),
                None => options.token(secret.trim().to_owned()),
            };
        }
        let servers: Result<Vec<async_nats::ServerAddr>, _> = settings.servers.iter().map(|url| url.parse()).collect();
        let client = options.connect(servers.map_err(NatsError::Url)?).await?;
        let jetstream = jetstream::context::ContextBuilder::new().timeout(PATIENCE).build(client.clone());
        Ok(Self { client, jetstream, subject: settings.subject.clone(), end: None })
    }

    /// The stream that takes the messages, and the number of its last one.
    async fn end(&self) -> Result<(String, u64), SinkError> {
        if self.client.connection_state() != State::Connected {
            return Err(SinkError::Nats("NATS cannot be reached, or does not let this server in".to_owned()));
        }
        let subjects = format!("{}.>", self.subject);
        let name = self.jetstream.stream_by_subject(&subjects).await.map_err(|error| {
            SinkError::Nats(format!(
                "no stream of JetStream takes the subjects {subjects} ({error}); make one: nats stream add SCIM --subjects '{subjects}' --storage file"
            ))
        })?;
        let stream = self.jetstream.get_stream(&name).await;
        let stream = stream.map_err(|error| SinkError::Nats(format!("the stream {name} does not answer: {error}")))?;
        Ok((name, stream.cached_info().state.last_sequence))
    }

    /// Sends lines, and gives how many of the first of them are stored: one at least.
    async fn send(&mut self, lines: &[Line]) -> Result<usize, SinkError> {
        let (stream, mut last) = match self.end.take() {
            Some(end) => end,
            None => self.end().await?,
        };
        let mut sent = Vec::with_capacity(lines.len());
        for (line, before) in lines.iter().zip(last..) {
            sent.push(self.publish(line, &stream, before).await);
            if sent.last().is_some_and(Result::is_err) {
                break;
            }
        }
        let mut stored = 0;
        for (acknowledgement, line) in sent.into_iter().zip(lines) {
            let taken = match acknowledgement {
                Ok(acknowledgement) => acknowledgement.await,
                Err(error) => Err(error),
            };
            match taken {
                Ok(taken) if taken.duplicate => {}
                Ok(taken) => last = taken.sequence,
                Err(_) if stored > 0 => return Ok(stored),
                Err(error) => return Err(refused(line, &error)),
            }
            stored += 1;
        }
        self.end = Some((stream, last));
        Ok(stored)
    }

    /// Sends a line, to be stored behind so many others.
    async fn publish(
        &self,
        line: &Line,
        stream: &str,
        before: u64,
    ) -> Result<PublishAckFuture, jetstream::context::PublishError> {
        let message = PublishMessage::build()
            .payload(line.json.clone())
            .message_id(&line.id)
            .header("Content-Type", "application/cloudevents+json")
            .expected_stream(stream)
            .expected_last_sequence(before);
        self.jetstream.send_publish(format!("{}.{}.{}", self.subject, line.tenant, line.kind), message).await
    }
}

fn refused(line: &Line, error: &jetstream::context::PublishError) -> SinkError {
    SinkError::Nats(format!("JetStream has not stored event {} of tenant {}: {error}", line.sequence, line.tenant))
}

#[async_trait]
impl Sink for NatsSink {
    fn name(&self) -> &'static str {
        "nats"
    }

    fn form(&self) -> Form {
        Form::Message
    }

    async fn take(&mut self, lines: &[Line]) -> Result<(), SinkError> {
        for lines in lines.chunks(WINDOW) {
            let mut rest = lines;
            while !rest.is_empty() {
                rest = &rest[self.send(rest).await?..];
            }
        }
        Ok(())
    }
}
