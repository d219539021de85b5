//! How long to wait before a request is sent again that the server did not want to answer now.

use std::time::Duration;

use jiff::fmt::rfc2822;

use super::Answer;

/// The first wait where the server does not say how long; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(100);
/// The shortest wait where the server says how long.
const SHORTEST: Duration = Duration::from_secs(1);

/// Nothing for an answer that is one. Otherwise what `Retry-After` says (RFC 9110 §10.2.3), or without it more with each
/// attempt, which are counted from 0.
pub(super) fn wait(answer: &Answer, attempt: u32) -> Option<Duration> {
    if answer.status != 429 && answer.status != 503 {
        return None;
    }
    Some(said(answer).map_or_else(|| FIRST * 2_u32.pow(attempt.min(6)), |wait| wait.max(SHORTEST)))
}

/// Seconds, or a date. That is counted from the date of the answer, since the server's clock may be another than ours.
fn said(answer: &Answer) -> Option<Duration> {
    let given = answer.header("retry-after")?.trim();
    if let Ok(seconds) = given.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| rfc2822::parse(text).ok().map(|date| date.timestamp());
    let wait = date(given)?.duration_since(date(answer.header("date")?)?);
    // A date that is over is no wait.
    Some(Duration::try_from(wait).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hyper::HeaderMap;

    use super::*;
    use crate::exchange::Request;

    fn answer(status: u16, retry_after: Option<&'static str>) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert("date", "Sun, 06 Nov 1994 08:49:37 GMT".parse().expect("a header"));
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
        assert_eq!(wait(&answer(429, Some("soon")), 1), Some(FIRST * 2));
    }

    #[test]
    fn a_date_is_waited_for() {
        assert_eq!(wait(&answer(429, Some("Sun, 06 Nov 1994 08:49:44 GMT")), 1), Some(Duration::from_secs(7)));
        assert_eq!(wait(&answer(503, Some("Sun, 06 Nov 1994 08:49:37 GMT")), 3), Some(SHORTEST));
        assert_eq!(wait(&answer(503, Some("Sat, 05 Nov 1994 08:49:37 GMT")), 3), Some(SHORTEST));
    }
}
