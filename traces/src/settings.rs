//! The settings of traces, as people write them.

use std::net::IpAddr;

use hyper::Uri;

/// All of the traces, in millionths.
const ALL: f64 = 1_000_000.0;

/// Which part of the traces is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sample {
    millionths: u32,
}

impl Sample {
    /// A part of all, from 0 to 1.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to a million")]
    pub fn of(part: f64) -> Option<Self> {
        (0.0..=1.0).contains(&part).then(|| Self { millionths: (part * ALL).round() as u32 })
    }

    /// The same as it is written: `0.1`.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.parse().ok().and_then(Self::of).ok_or_else(|| format!("{text:?} {NO_PART}"))
    }

    /// From 0 to 1.
    pub fn ratio(self) -> f64 {
        f64::from(self.millionths) / ALL
    }
}

/// Why a number is no [`Sample`], and what to write.
pub const NO_PART: &str = "is no part of all traces; write a number from 0 to 1, such as 0.1";

/// The URL of a collector. The text itself is not in the message: there may be a password in it.
pub fn endpoint(text: &str) -> Result<String, String> {
    let is_good = text.parse::<Uri>().is_ok_and(|url| {
        let place = url.authority().map(|authority| (authority.host().is_empty(), authority.as_str().contains('@')));
        url.query().is_none() && place == Some((false, false))
    });
    let is_http = text.starts_with("https://") || text.starts_with("http://");
    if is_good && is_http && !text.contains('#') {
        return Ok(text.to_owned());
    }
    Err("the URL of a collector is written as http://127.0.0.1:4318 or https://collector.example.com; a key goes in the file of headers".to_owned())
}

/// Whether what is sent there leaves this machine without TLS.
pub fn is_readable_on_the_way(endpoint: &str) -> bool {
    let Ok(url) = endpoint.parse::<Uri>() else { return true };
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    url.scheme_str() != Some("https") && !is_here
}

/// Why a file of headers is refused where [`is_readable_on_the_way`].
pub const READABLE: &str =
    "has secrets, which http:// would carry to another machine for everybody to read; use https:// for the collector";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_a_url_without_a_secret() {
        for url in ["http://127.0.0.1:4318", "https://otlp.example.com/otlp/", "http://[::1]:4318"] {
            assert_eq!(endpoint(url).unwrap(), url);
        }
        for text in ["127.0.0.1:4318", "grpc://a:4317", "http://", "http://u:p@a", "https://a/?k=s", "http://a b", ""] {
            let error = endpoint(text).unwrap_err();
            assert!(error.contains("http://127.0.0.1:4318") && !error.contains("u:p"), "{text}");
        }
    }

    #[test]
    fn headers_go_by_tls_or_stay_here() {
        for (url, expect) in [
            ("https://otlp.example.com", false),
            ("http://localhost:4318", false),
            ("http://127.0.0.1:4318", false),
            ("http://[::1]:4318", false),
            ("http://10.0.0.7:4318", true),
            ("http://collector:4318", true),
        ] {
            assert_eq!(is_readable_on_the_way(url), expect, "{url}");
        }
    }

    #[test]
    fn a_sample_is_a_part() {
        for (text, expect) in [("0", 0), ("1", 1_000_000), ("0.1", 100_000), ("1e-6", 1)] {
            assert_eq!(Sample::parse(text).unwrap().millionths, expect, "{text}");
        }
        for text in ["-0.1", "1.1", "NaN", "10%", ""] {
            assert!(Sample::parse(text).unwrap_err().contains("0.1"), "{text}");
        }
    }
}
