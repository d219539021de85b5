//! What a run tells once, beside its findings.

use serde_json::Value;

use crate::{exchange::Received, finding::Finding};

/// The sentences.
pub(super) fn of(base: &str, findings: &[Finding]) -> Vec<String> {
    foreign_host(base, findings).into_iter().collect()
}

/// A server behind a proxy may not know by which name it is reached; then every location is wrong in the same way.
fn foreign_host(base: &str, findings: &[Finding]) -> Option<String> {
    let ours = origin(base)?;
    let bodies = findings.iter().flat_map(|finding| &finding.evidence).filter_map(|exchange| match &exchange.answer {
        Received::Answer { body, .. } if body.contains("\"location\"") => Some(body),
        _ => None,
    });
    let mut locations = bodies.filter_map(|body| {
        let body: Value = serde_json::from_str(body).ok()?;
        let resource = if body["Resources"][0].is_object() { &body["Resources"][0] } else { &body };
        Some(origin(resource["meta"]["location"].as_str()?)?.to_owned())
    });
    let theirs = locations.find(|origin| !origin.eq_ignore_ascii_case(ours))?;
    Some(format!(
        "The server's meta.location begins with {theirs}, and --url with {ours}: tell the server by which URL it is \
         reached."
    ))
}

/// The scheme and the host of a URL; nothing where it is only a path.
fn origin(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    url.get(..scheme.len() + "://".len() + host.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::tests::finding, *};
    use crate::verdict::Verdict;

    #[test]
    fn a_foreign_host_is_told_once() {
        let mut one = finding("a", Verdict::Pass, "");
        let body = json!({"id": "1", "meta": {"location": "http://internal:8080/scim/v2/Users/1"}}).to_string();
        for _ in 0..3 {
            let exchange = json!({"request": {"method": "GET", "url": "", "headers": {}},
                "answer": {"status": 200, "headers": {}, "body": body}});
            one.evidence.push(serde_json::from_value(exchange).expect("an exchange"));
        }
        let notes = of("https://example.com/scim/v2", std::slice::from_ref(&one));
        assert_eq!(notes.len(), 1);
        assert!(notes[0].contains("http://internal:8080, and --url with https://example.com:"), "{notes:?}");
        assert!(of("http://internal:8080/scim/v2", &[one]).is_empty());
    }
}
