//! Kafka: each event is a message of a topic, and the messages of a tenant stand in one partition, in the order of its log.
//!
//! Lines are sent in portions, one after the other for each partition, and each is acknowledged by all replicas that are in
//! sync before the next one is sent. After an error the same lines come again. Kafka does not drop what it has already, so a
//! line may stand there twice, also behind later ones of its tenant: its number tells.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use rskafka::{
    BackoffConfig,
    chrono::DateTime,
    client::{
        Client, ClientBuilder,
        partition::{Compression, PartitionClient, UnknownTopicHandling},
    },
    record::Record,
};
use rustls::{ClientConfig, crypto::ring};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::time::timeout;

use super::{Form, Line, Sink, SinkError};
use crate::{config::Kafka, roots, store::TenantId};

/// How many messages are sent at a time.
const PORTION: usize = 256;
/// How many bytes of them: below what brokers take unless they are told otherwise (`message.max.bytes`, 1 MiB).
const BYTES: usize = 512 << 10;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is tried again is tried within this time by the client, and behind it by whoever brings the lines.
const RETRIES: BackoffConfig = BackoffConfig {
    init_backoff: Duration::from_millis(100),
    max_backoff: Duration::from_secs(1),
    base: 2.0,
    deadline: Some(Duration::from_secs(5)),
};

/// A topic of Kafka.
pub struct KafkaSink {
    brokers: Vec<String>,
    topic: String,
    tls: Option<Arc<ClientConfig>>,
    /// The partitions of the topic; found anew after an error.
    partitions: Option<Vec<PartitionClient>>,
}

/// Why there is no sink.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// The server's own certificate or its key cannot be read.
    #[error("event_kafka_cert and event_kafka_key: cannot read {}: {source}", path.display())]
    Identity {
        /// which file
        path: PathBuf,
        /// what is wrong with it
        source: rustls_pki_types::pem::Error,
    },
    /// The certificates cannot be used.
    #[error("event_kafka_ca: {0}")]
    Roots(#[from] roots::RootsError),
    /// TLS cannot be had.
    #[error("event_kafka: {0}")]
    Tls(#[from] rustls::Error),
}

impl KafkaSink {
    /// One that connects when there is something to send: that Kafka is away is no reason not to serve.
    pub fn open(settings: &Kafka) -> Result<Self, KafkaError> {
        let tls = if settings.tls { Some(Arc::new(tls(settings)?)) } else { None };
        let (brokers, topic) = (settings.brokers.clone(), settings.topic.clone());
        Ok(Self { brokers, topic, tls, partitions: None })
    }

    /// A connection to the leader of each partition of the topic.
    async fn connect(&self) -> Result<Vec<PartitionClient>, SinkError> {
        let mut builder = ClientBuilder::new(self.brokers.clone()).client_id("scim-server").backoff_config(RETRIES);
        if let Some(tls) = &self.tls {
            builder = builder.tls_config(Arc::clone(tls));
        }
        let client: Client = builder.build().await.map_err(|error| {
            SinkError::Kafka(format!("Kafka cannot be reached, or does not let this server in: {error}"))
        })?;
        let failed = |error| SinkError::Kafka(format!("the topic {} of Kafka does not answer: {error}", self.topic));
        let topics = client.list_topics().await.map_err(failed)?;
        let Some(topic) = topics.into_iter().find(|topic| topic.name == self.topic) else {
            return Err(SinkError::Kafka(format!(
                "Kafka has no topic {0}, or this server may not see it; make it: kafka-topics.sh --create --topic {0} --partitions 12",
                self.topic
            )));
        };
        let mut partitions = Vec::new();
        for number in topic.partitions {
            let partition = client.partition_client(&self.topic, number, UnknownTopicHandling::Error).await;
            partitions.push(partition.map_err(failed)?);
        }
        partitions.sort_by_key(PartitionClient::partition);
        Ok(partitions)
    }

    /// Sends lines, each portion behind the one before it.
    async fn send(partitions: &[PartitionClient], lines: &[Line]) -> Result<(), SinkError> {
        let mut of_partitions: BTreeMap<usize, Vec<&Line>> = BTreeMap::new();
        for line in lines {
            of_partitions.entry(partition(line.tenant, partitions.len())).or_default().push(line);
        }
        for (number, lines) in of_partitions {
            let Some(partition) = partitions.get(number) else { continue };
            for portion in portions(&lines) {
                let records = portion.iter().map(|line| record(line)).collect();
                let sent = timeout(PATIENCE, partition.produce(records, Compression::NoCompression)).await;
                let error = match sent {
                    Ok(Ok(_)) => continue,
                    Ok(Err(error)) => error.to_string(),
                    Err(late) => late.to_string(),
                };
                let first = portion.first().map_or(0, |line| line.sequence);
                return Err(SinkError::Kafka(format!(
                    "Kafka has not stored event {first} and those behind it: {error}"
                )));
            }
        }
        Ok(())
    }
}

fn tls(settings: &Kafka) -> Result<ClientConfig, KafkaError> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots::load(settings.ca.as_deref())?);
    let Some((cert, key)) = &settings.identity else { return Ok(config.with_no_client_auth()) };
    let unread = |path: &PathBuf| {
        let path = path.clone();
        move |source| KafkaError::Identity { path, source }
    };
    let certificates = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect).map_err(unread(cert))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(unread(key))?;
    Ok(config.with_client_auth_cert(certificates, key)?)
}

/// In which of so many partitions the events of a tenant are: always the same, as long as their number is.
fn partition(tenant: TenantId, partitions: usize) -> usize {
    let all = u128::try_from(partitions.max(1)).unwrap_or(1);
    usize::try_from(tenant.0.as_u128() % all).unwrap_or_default()
}

/// The lines in portions that a broker takes.
fn portions<'l>(lines: &'l [&'l Line]) -> impl Iterator<Item = &'l [&'l Line]> {
    let mut rest = lines;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = rest.iter().take(PORTION).take_while(|line| {
            bytes += line.json.len();
            bytes <= BYTES
        });
        let many = fits.count().max(1).min(rest.len());
        let (portion, behind) = rest.split_at(many);
        rest = behind;
        (!portion.is_empty()).then_some(portion)
    })
}

/// A line as a message (CloudEvents 1.0, Kafka protocol binding, structured content).
fn record(line: &Line) -> Record {
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    Record {
        key: Some(line.tenant.to_string().into_bytes()),
        value: Some(line.json.to_vec()),
        headers: [header("content-type", "application/cloudevents+json; charset=UTF-8"), header("id", &line.id)].into(),
        timestamp: DateTime::from_timestamp_millis(line.at).unwrap_or_default(),
    }
}

#[async_trait]
impl Sink for KafkaSink {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn form(&self) -> Form {
        Form::Message
    }

    async fn take(&mut self, lines: &[Line]) -> Result<(), SinkError> {
        let partitions = match self.partitions.take() {
            Some(partitions) => partitions,
            None => timeout(PATIENCE, self.connect())
                .await
                .map_err(|_| SinkError::Kafka("Kafka cannot be reached, or does not answer".to_owned()))??,
        };
        Self::send(&partitions, lines).await?;
        self.partitions = Some(partitions);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(sequence: u64, bytes: usize) -> Line {
        Line {
            tenant: TenantId(uuid::Uuid::from_u128(7)),
            sequence,
            id: sequence.to_string(),
            kind: String::new(),
            at: 0,
            json: vec![b'x'; bytes].into(),
        }
    }

    #[test]
    fn a_tenant_has_one_partition() {
        let tenant = |number| TenantId(uuid::Uuid::from_u128(number));
        assert_eq!([7, 8, 19].map(|number| partition(tenant(number), 12)), [7, 8, 7]);
        assert_eq!((partition(tenant(7), 1), partition(tenant(7), 0)), (0, 0));
    }

    #[test]
    fn portions_are_what_a_broker_takes() {
        let lines: Vec<_> = (0..600).map(|number| line(number, 10)).chain([line(600, BYTES * 2)]).collect();
        let lines: Vec<_> = lines.iter().collect();
        let sizes: Vec<_> = portions(&lines).map(<[_]>::len).collect();
        assert_eq!(sizes, [256, 256, 88, 1]);
        assert_eq!(portions(&[]).count(), 0);
    }
}
