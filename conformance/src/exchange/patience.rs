//! How long to wait before a request is sent again that the server did not want to answer now.

use std::time::Duration;

use super::Answer;

/// The first wait where the server does not say how long; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(100);

/// Nothing for an answer that is one. Otherwise the seconds of `Retry-After` (RFC 9110 §10.2.3), or without them more
/// with each attempt, which are counted from 0.
pub(super) fn wait(answer: &Answer, attempt: u32) -> Option<Duration> {
    if answer.status != 429 && answer.status != 503 {
        return None;
    }
    let seconds = answer.header("retry-after").and_then(|given| given.parse::<u64>().ok());
    Some(seconds.map_or_else(|| FIRST * 2_u32.pow(attempt.min(6)), |seconds| Duration::from_secs(seconds.max(1))))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hyper::HeaderMap;

    use super::*;
    use crate::exchange::Request;

    fn answer(status: u16, retry_after: Option<&'static str>) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert("retry-after", value.parse().expect("a header"));
        }
        Answer::new(Arc::new(Request::default()), status, headers, String::new())
    }

    #[test]
    fn the_server_is_waited_for() {
        assert_eq!(wait(&answer(400, None), 0), None);
        assert_eq!(wait(&answer(429, None), 0), Some(FIRST));
        assert_eq!(wait(&answer(503, None), 2), Some(FIRST * 4));
        assert_eq!(wait(&answer(429, Some("3")), 0), Some(Duration::from_secs(3)));
        assert_eq!(wait(&answer(429, Some("Sun, 06 Nov 1994 08:49:37 GMT")), 1), Some(FIRST * 2));
    }
}
