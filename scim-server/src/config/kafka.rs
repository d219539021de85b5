//! The settings `event_kafka…`, together.

use std::path::PathBuf;

use super::{ConfigError, Layers, pair::pair, path};

/// Where events are sent to: a topic of Kafka.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kafka {
    /// Some brokers of one cluster, `host:9092`. None: events are not sent.
    pub brokers: Vec<String>,
    /// Whether they are reached with TLS.
    pub tls: bool,
    /// The topic that takes the messages.
    pub topic: String,
    /// The certificate by which the brokers know this server, and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Certificates that those of the brokers are checked against.
    pub ca: Option<PathBuf>,
}

impl Kafka {
    /// What the layers say of it.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let (tls, brokers) = layers.optional("event_kafka", brokers)?.unwrap_or_default();
        Ok(Self {
            brokers,
            tls,
            topic: layers.required("event_kafka_topic", topic)?,
            identity: pair(layers, "event_kafka_cert", "event_kafka_key")?,
            ca: layers.optional("event_kafka_ca", path)?,
        })
    }

    /// Its settings, and whether each is another one.
    pub fn changed(&self, other: &Self) -> [(&'static str, bool); 5] {
        let cert = |kafka: &Self| kafka.identity.as_ref().map(|(cert, _)| cert.clone());
        let key = |kafka: &Self| kafka.identity.as_ref().map(|(_, key)| key.clone());
        [
            ("event_kafka", self.brokers != other.brokers || self.tls != other.tls),
            ("event_kafka_topic", self.topic != other.topic),
            ("event_kafka_cert", cert(self) != cert(other)),
            ("event_kafka_key", key(self) != key(other)),
            ("event_kafka_ca", self.ca != other.ca),
        ]
    }
}

/// Whether they are reached with TLS, and brokers, separated by commas. The text itself is not in the message: there
/// may be a password in it.
fn brokers(text: &str) -> Result<(bool, Vec<String>), String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    let one = |text: &str| {
        let (scheme, host) = text.trim().split_once("://")?;
        let tls = match scheme {
            "kafka" => false,
            "tls" => true,
            _ => return None,
        };
        let (name, port) = host.rsplit_once(':')?;
        let is_host = !name.is_empty() && host.chars().all(legal) && port.parse::<u16>().is_ok();
        is_host.then(|| (tls, host.to_owned()))
    };
    let all: Option<Vec<_>> = text.split(',').map(one).collect();
    let wrong = "a broker of Kafka is written as kafka://host:9092 or, with TLS, tls://host:9093, with commas between several, all of them with TLS or none, and without a user or a password";
    let all = all.ok_or_else(|| wrong.to_owned())?;
    let tls = all.iter().all(|(tls, _)| *tls);
    if !tls && all.iter().any(|(tls, _)| *tls) {
        return Err(wrong.to_owned());
    }
    Ok((tls, all.into_iter().map(|(_, host)| host).collect()))
}

/// The name of a topic, as Kafka allows it.
fn topic(text: &str) -> Result<String, String> {
    const MOST: usize = 249;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if (1..=MOST).contains(&text.len()) && text.chars().all(legal) && text != "." && text != ".." {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is not a topic of Kafka: up to {MOST} letters, digits, points, - and _, such as scim.events"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_have_a_scheme_a_port_and_no_secret() {
        let hosts = |hosts: &[&str]| hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>();
        assert_eq!(brokers("kafka://a:9092, kafka://[::1]:9092").unwrap(), (false, hosts(&["a:9092", "[::1]:9092"])));
        assert_eq!(brokers("tls://a:9093").unwrap(), (true, hosts(&["a:9093"])));
        for text in ["a:9092", "kafka://a", "kafka://:9092", "kafka://u:p@a:9092", "http://a:1", "kafka://a:9092,", ""]
        {
            assert!(brokers(text).unwrap_err().contains("kafka://host:9092"), "{text}");
        }
        assert!(brokers("kafka://a:9092,tls://b:9093").unwrap_err().contains("all of them"));
    }

    #[test]
    fn a_topic_is_one_of_kafka() {
        assert_eq!(topic("scim.events").unwrap(), "scim.events");
        for text in ["", ".", "..", "a b", "a/b", &"a".repeat(250)] {
            assert!(topic(text).is_err(), "{text}");
        }
    }
}
