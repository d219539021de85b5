//! What is behind the findings: one broken request makes a hundred cases fail, and is one thing to mend.
//!
//! Findings are grouped in two steps. The first takes together what says the same: the same request with the same
//! wrong answer, or the same sentence about the same request. The second asks of each request whether most of the cases
//! that it decides are wrong; then the request is what is broken, whatever the single sentences say. Grouping only
//! orders what is shown: it changes no verdict.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    advice,
    exchange::{Exchange, Received},
    finding::Finding,
    verdict::{Verdict, shorten},
};

/// Several findings with one thing behind them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The gravest verdict of its findings.
    pub verdict: Verdict,
    /// What is wrong, one sentence.
    pub what: String,
    /// What to change, where that is known of the first finding's section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// Ids, in the order of the report.
    pub cases: Vec<String>,
}

/// So many findings must be wrong before a request as a whole counts as broken …
const FEWEST: usize = 6;
/// … and so many parts of a hundred of all that it decides.
const SHARE: usize = 70;

/// The findings that are wrong, grouped; the gravest first, then those with the most cases. `base` is the server's
/// base URL.
pub(super) fn group(base: &str, findings: &[Finding]) -> Vec<Cause> {
    let broken = broken(base, findings);
    let mut groups: BTreeMap<String, Vec<&Finding>> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| is_wrong(finding)) {
        let key = match broken.get(&subject(base, finding)) {
            Some(words) => words.clone(),
            None => words(base, finding),
        };
        groups.entry(key).or_default().push(finding);
    }
    let mut causes: Vec<_> = groups.into_iter().map(|(what, findings)| cause(what, &findings)).collect();
    causes.sort_by(|a, b| (a.verdict, b.cases.len(), &a.what).cmp(&(b.verdict, a.cases.len(), &b.what)));
    causes
}

fn cause(what: String, findings: &[&Finding]) -> Cause {
    let gravest = findings.iter().min_by_key(|finding| finding.verdict);
    // One finding speaks for itself, with its values.
    let what = match findings {
        [one] => one.reason.clone().unwrap_or(what),
        _ => what,
    };
    Cause {
        verdict: gravest.map_or(Verdict::Error, |finding| finding.verdict),
        what,
        change: gravest.and_then(|finding| advice::of(&finding.section)).map(|advice| advice.change.to_owned()),
        cases: findings.iter().map(|finding| finding.id.clone()).collect(),
    }
}

const fn is_wrong(finding: &Finding) -> bool {
    matches!(finding.verdict, Verdict::Fail | Verdict::Error | Verdict::Warn)
}

/// What is counted of a request: the cases that it decides, those that are wrong, and how often each sentence is said.
#[derive(Default)]
struct Count {
    all: usize,
    wrong: usize,
    sentences: BTreeMap<String, usize>,
}

/// The requests of which most cases are wrong, each with its sentence: the one that is said of half of them, if there is
/// such a one.
fn broken(base: &str, findings: &[Finding]) -> BTreeMap<String, String> {
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.verdict != Verdict::Skip) {
        let count = counts.entry(subject(base, finding)).or_default();
        count.all += 1;
        if is_wrong(finding) {
            count.wrong += 1;
            *count.sentences.entry(words(base, finding)).or_default() += 1;
        }
    }
    let most = |count: &Count| count.wrong >= FEWEST && count.wrong * 100 >= count.all * SHARE;
    let broken = counts.into_iter().filter(|(subject, count)| !subject.is_empty() && most(count));
    broken
        .map(|(subject, count)| {
            let frequent = count.sentences.iter().max_by_key(|(_, times)| **times);
            let words = match frequent.filter(|(_, times)| **times * 2 >= count.wrong) {
                Some((sentence, _)) => sentence.clone(),
                None => format!("{subject}: {} of the {} cases that it decides are wrong.", count.wrong, count.all),
            };
            (subject, words)
        })
        .collect()
}

/// The request that decides a finding, without what differs between cases: the last; or, where the last only reads
/// a resource again, the change before it. Empty where none was sent.
fn subject(base: &str, finding: &Finding) -> String {
    let is_look = |exchange: &&Exchange| exchange.request.method == "GET" && !exchange.request.url.contains('?');
    let changed = finding.evidence.iter().rev().find(|exchange| exchange.request.method != "GET");
    let is_change = |exchange: &&Exchange| {
        let request = &exchange.request;
        matches!(request.method.as_str(), "PATCH" | "PUT" | "DELETE") || request.url.ends_with("/Bulk")
    };
    let decides = match finding.evidence.last() {
        Some(last) if is_look(&last) => changed.filter(is_change).or(Some(last)),
        last => last,
    };
    decides.map_or_else(String::new, |exchange| shape(base, &exchange.request.method, &exchange.request.url))
}

/// The sentence of a finding, without what differs between cases.
fn words(base: &str, finding: &Finding) -> String {
    let reason = finding.reason.as_deref().unwrap_or_default();
    let reason = reason.trim_start_matches("The case could not be prepared. ");
    if let Some(words) = refused(base, reason) {
        return words;
    }
    if reason.starts_with("No answer to ") || reason.starts_with("The server has stopped answering") {
        return "The server does not answer.".to_owned();
    }
    if reason.ends_with("with --answer-limit.") {
        return "The server's answers are longer than --answer-limit.".to_owned();
    }
    if reason.starts_with("Expected a URL below ") {
        return "The server names itself by URLs that are not below --url.".to_owned();
    }
    let subject = subject(base, finding);
    let general = general(reason);
    if subject.is_empty() { general } else { format!("{subject}: {general}") }
}

/// A wrong status: `Expected status 201 to POST https://…; got 500 (…).`
fn refused(base: &str, reason: &str) -> Option<String> {
    let rest = reason.strip_prefix("Expected ")?;
    let (wanted, rest) = match rest.strip_prefix("status ") {
        Some(rest) => {
            let (status, rest) = rest.split_once(" to ")?;
            (status.to_owned(), rest)
        }
        None if reason.contains(" to be refused with a 4xx status; got ") => ("a 4xx status".to_owned(), rest),
        None if reason.contains(" to succeed; got ") => ("a success".to_owned(), rest),
        None => return None,
    };
    let (asked, got) = rest.split_once("; got ")?;
    let (method, rest) = asked.split_once(' ')?;
    let url = rest.split(' ').next()?;
    let status = got.get(..3).filter(|status| status.bytes().all(|byte| byte.is_ascii_digit()))?;
    let said = got.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')).map(|(said, _)| general(said));
    let said = said.map_or_else(String::new, |said| format!(" ({})", shorten(&said, 80)));
    let asked = shape(base, method, first_parameter(url));
    // A breakdown of the server is never what is expected.
    let wanted = if status.starts_with('5') { String::new() } else { format!(" where {wanted} is expected") };
    Some(format!("{asked} is answered {status}{said}{wanted}."))
}

/// A URL with one parameter of its query: a server that has no filters has none with `count` either.
fn first_parameter(url: &str) -> &str {
    url.split('&').next().unwrap_or(url)
}

/// `GET /Users/{id}?filter`: a request without ids and values, and one that changes something without parameters.
fn shape(base: &str, method: &str, url: &str) -> String {
    let Some(path) = url.strip_prefix(base) else { return format!("{method} elsewhere") };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let query = if method == "GET" { query } else { "" };
    let mut steps = path.split('/').skip(1);
    let mut shape = format!("{method} /{}", steps.next().unwrap_or_default());
    if steps.next().is_some_and(|step| !step.is_empty()) {
        shape.push_str("/{id}");
    }
    let names: BTreeSet<_> =
        query.split('&').filter_map(|one| one.split('=').next()).filter(|n| !n.is_empty()).collect();
    if !names.is_empty() {
        shape.push('?');
        shape.push_str(&names.into_iter().collect::<Vec<_>>().join("&"));
    }
    shape
}

/// A sentence with `…` in the place of each value: texts in quotes, JSON, numbers, URLs.
fn general(sentence: &str) -> String {
    let mut out = String::new();
    let mut rest = sentence.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '"' => {
                let mut is_escaped = false;
                for inside in rest.by_ref() {
                    if inside == '"' && !is_escaped {
                        break;
                    }
                    is_escaped = inside == '\\' && !is_escaped;
                }
                out.push('…');
            }
            '{' | '[' => {
                let mut depth = 1;
                while depth > 0 {
                    match rest.next() {
                        Some('{' | '[') => depth += 1,
                        Some('}' | ']') => depth -= 1,
                        Some(_) => {}
                        None => break,
                    }
                }
                out.push('…');
            }
            character if character.is_ascii_digit() => {
                while rest.next_if(char::is_ascii_digit).is_some() {}
                out.push('…');
            }
            character => out.push(character),
        }
    }
    let words: Vec<_> = out.split(' ').map(|word| if word.contains("://") { "…" } else { word }).collect();
    words.join(" ")
}

/// What came last, for a line of text.
pub(super) fn line(exchange: &Exchange) -> String {
    let asked = format!("{} {}", exchange.request.method, exchange.request.url);
    match &exchange.answer {
        Received::Answer { status, .. } => format!("{asked} → {status}"),
        Received::Nothing { error } => format!("{asked} → {error}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::tests::finding, *};

    const BASE: &str = "https://example.com/scim/v2";

    fn after(mut finding: Finding, method: &str, path: &str) -> Finding {
        let exchange = json!({"request": {"method": method, "url": format!("{BASE}{path}"), "headers": {}},
            "answer": {"status": 200, "headers": {}, "body": ""}});
        finding.evidence.push(serde_json::from_value(exchange).expect("an exchange"));
        finding
    }

    #[test]
    fn one_broken_request_is_one_cause() {
        let why =
            |n: usize| format!("Expected status 201 to POST {BASE}/Users; got 500 (Database error {n} at \"x{n}\").");
        let mut findings = vec![after(finding("create-status", Verdict::Fail, &why(0)), "POST", "/Users")];
        findings.extend((1..96).map(|n| {
            let why = format!("The case could not be prepared. {}", why(n));
            after(finding(&format!("other-{n}"), Verdict::Error, &why), "POST", "/Users")
        }));
        findings.push(finding("passes", Verdict::Pass, ""));
        let causes = group(BASE, &findings);
        assert_eq!(causes.len(), 1, "{causes:#?}");
        assert_eq!(causes[0].verdict, Verdict::Fail);
        assert_eq!(causes[0].cases.len(), 96);
        assert_eq!(causes[0].what, "POST /Users is answered 500 (Database error … at …).");
    }

    #[test]
    fn a_request_that_does_nothing_is_one_cause() {
        let names = ["title", "active", "name", "emails", "nickName", "locale", "roles"];
        let mut findings: Vec<_> = names
            .iter()
            .map(|name| {
                let why = format!("Expected {name} to be \"x\"; it is absent.");
                after(finding(&format!("modify-{name}"), Verdict::Fail, &why), "PATCH", "/Users/17")
            })
            .collect();
        findings.push(after(finding("delete-twice", Verdict::Fail, "Expected x."), "DELETE", "/Users/17"));
        let causes = group(BASE, &findings);
        assert_eq!(causes.len(), 2, "{causes:#?}");
        assert_eq!(causes[0].what, "PATCH /Users/{id}: 7 of the 7 cases that it decides are wrong.");
        assert_eq!(causes[1].what, "Expected x.");
    }

    #[test]
    fn what_differs_between_cases_is_left_out() {
        assert_eq!(
            general("Expected emails[0].value to be \"a\\\"b\"; it is {\"a\":[1]}."),
            "Expected emails….value to be …; it is …."
        );
        assert_eq!(shape(BASE, "GET", &format!("{BASE}/Users?filter=a&count=1")), "GET /Users?count&filter");
        assert_eq!(shape(BASE, "PUT", &format!("{BASE}/Users/1")), "PUT /Users/{id}");
        assert_eq!(shape(BASE, "GET", "https://other.example/Users"), "GET elsewhere");
    }
}
