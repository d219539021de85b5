//! What the commands do that are about who has the events: consumers, webhooks, and receivers of security event tokens.

use crate::{
    admin::{AdminRequest, ConsumerRequest, SigningKeyRequest, StreamRequest, WebhookRequest},
    cli::{
        Failure,
        command::{
            ConsumerCommand, KeyAlgorithm, SigningKeyCommand, StreamCommand, WebhookCommand, WhichConsumer,
            WhichStream, WhichWebhook,
        },
        show::Show,
    },
    ssf::Algorithm,
};

impl ConsumerCommand {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (common, request, show) = match self {
            Self::Create { tenant, name, prefill, after, types, common } => {
                (common, ConsumerRequest::Create { tenant, name, types, prefill, after }, Show::Consumer)
            }
            Self::List { tenant, common } => (common, ConsumerRequest::List { tenant }, Show::Consumers),
            Self::Release(WhichConsumer { tenant, name: consumer, common }) => {
                (common, ConsumerRequest::Release { tenant, consumer }, Show::Consumer)
            }
            Self::Show(WhichConsumer { tenant, name: consumer, common }) => {
                (common, ConsumerRequest::Show { tenant, consumer }, Show::Consumer)
            }
            Self::Delete(WhichConsumer { tenant, name: consumer, common }) => {
                (common, ConsumerRequest::Delete { tenant, consumer }, Show::Deleted)
            }
        };
        common.run(AdminRequest::Consumer { request }, show).await
    }
}

impl WebhookCommand {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (common, request, show) = match self {
            Self::Create { tenant, url, types, rate, common, .. } => {
                (common, WebhookRequest::Create { tenant, url, types, rate }, Show::Webhook)
            }
            Self::List { tenant, common } => (common, WebhookRequest::List { tenant }, Show::Webhooks),
            Self::Show(WhichWebhook { id: webhook, common }) => {
                (common, WebhookRequest::Show { webhook }, Show::Webhook)
            }
            Self::Delete(WhichWebhook { id: webhook, common }) => {
                (common, WebhookRequest::Delete { webhook }, Show::Deleted)
            }
            Self::Enable(WhichWebhook { id: webhook, common }) => {
                (common, WebhookRequest::Enable { webhook }, Show::Webhook)
            }
            Self::Test(WhichWebhook { id: webhook, common }) => {
                (common, WebhookRequest::Test { webhook }, Show::Document)
            }
            Self::Update { which: WhichWebhook { id: webhook, common }, rate } => {
                (common, WebhookRequest::Update { webhook, rate }, Show::Webhook)
            }
            Self::Rotate { which: WhichWebhook { id: webhook, common }, overlap } => {
                let overlap_seconds = overlap.as_secs();
                (common, WebhookRequest::Rotate { webhook, overlap_seconds }, Show::Webhook)
            }
            Self::Replay { which: WhichWebhook { id: webhook, common }, tenant, from, to } => {
                (common, WebhookRequest::Replay { webhook, tenant, from, to }, Show::Document)
            }
            Self::DeadLetters { which: WhichWebhook { id: webhook, common }, send_again } => {
                (common, WebhookRequest::DeadLetters { webhook, send_again }, Show::DeadLetters)
            }
        };
        common.run(AdminRequest::Webhook { request }, show).await
    }
}

impl StreamCommand {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (common, request, show) = match self {
            Self::List { tenant, common } => (common, StreamRequest::List { tenant }, Show::Streams),
            Self::Show(WhichStream { tenant, id: stream, common }) => {
                (common, StreamRequest::Show { tenant, stream }, Show::Stream)
            }
            Self::Pause { which: WhichStream { tenant, id: stream, common }, reason } => {
                (common, StreamRequest::Pause { tenant, stream, reason }, Show::Stream)
            }
            Self::Enable(WhichStream { tenant, id: stream, common }) => {
                (common, StreamRequest::Enable { tenant, stream }, Show::Stream)
            }
            Self::Delete(WhichStream { tenant, id: stream, common }) => {
                (common, StreamRequest::Delete { tenant, stream }, Show::Deleted)
            }
        };
        common.run(AdminRequest::Stream { request }, show).await
    }
}

impl SigningKeyCommand {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (common, request) = match self {
            Self::List { common } => (common, SigningKeyRequest::List),
            Self::Remove { key_id, common } => (common, SigningKeyRequest::Remove { key_id }),
            Self::Rotate { algorithm, overlap, common } => {
                let algorithm = algorithm.map(|algorithm| match algorithm {
                    KeyAlgorithm::EdDsa => Algorithm::EdDsa,
                    KeyAlgorithm::Es256 => Algorithm::Es256,
                });
                (common, SigningKeyRequest::Rotate { algorithm, overlap_seconds: overlap.as_secs() })
            }
        };
        common.run(AdminRequest::SigningKey { request }, Show::SigningKeys).await
    }
}
