//! Servers that cannot be trusted at all: answers that are changed at random, and requests that are always refused. A run
//! ends, without a panic, and says nothing that the exchanges do not bear out: what a case only needs may be an error of
//! it, and never a failure.

use std::{collections::BTreeSet, sync::Mutex};

use conformance::{Exchange, Finding, Received, Settings, Verdict, cases, connect, examine, remove_all};
use serde_json::{Value, json};

use crate::broken::{Answer, Asked, BrokenServer, Fault, TOKEN, fault::on};

/// Numbers that look like chance and are the same in each run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % u64::try_from(end.max(1)).expect("a number")).expect("a number")
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Statuses that are waited out or believed to be over are left out.
const STATUSES: [u16; 16] = [200, 201, 202, 204, 301, 304, 307, 308, 400, 401, 403, 404, 409, 412, 500, 501];
const WORDS: [&str; 12] = [
    "",
    "id",
    "userName",
    "work",
    "true",
    "urn:ietf:params:scim:schemas:core:2.0:User",
    "urn:ietf:params:scim:api:messages:2.0:ListResponse",
    "9999-12-30T21:59:59Z",
    "W/\"1\"",
    "/Users/a b/../ü",
    "bulkId:x",
    "complex",
];
const NAMES: [&str; 14] = [
    "id",
    "schemas",
    "meta",
    "Resources",
    "totalResults",
    "name",
    "type",
    "multiValued",
    "required",
    "attributes",
    "subAttributes",
    "members",
    "value",
    "canonicalValues",
];

/// Any JSON, small.
fn anything(dice: &mut Dice, depth: usize) -> Value {
    match dice.below(if depth == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => json!(dice.below(2) == 0),
        2 => json!(i64::try_from(dice.below(2000)).expect("a number") - 1000),
        3 => json!(u64::MAX),
        4 => json!(dice.one_of(&WORDS)),
        5 => (0..dice.below(4)).map(|_| anything(dice, depth - 1)).collect(),
        _ => {
            let mut object = json!({});
            for _ in 0..dice.below(4) {
                let name = *dice.one_of(&NAMES);
                object[name] = anything(dice, depth - 1);
            }
            object
        }
    }
}

/// How many values there are in a value, itself among them.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(elements) => elements.iter().map(size).sum(),
        Value::Object(members) => members.values().map(size).sum::<usize>(),
        _ => 0,
    }
}

/// Puts something else in the place of the n-th value.
fn replace(value: &mut Value, n: usize, other: &Value) {
    if n == 0 {
        *value = other.clone();
        return;
    }
    let mut left = n - 1;
    let parts: Vec<&mut Value> = match value {
        Value::Array(elements) => elements.iter_mut().collect(),
        Value::Object(members) => members.values_mut().collect(),
        _ => return,
    };
    for part in parts {
        let inside = size(part);
        if left < inside {
            replace(part, left, other);
            return;
        }
        left -= inside;
    }
}

/// Bodies that are no JSON, or none as it should be.
const TEXTS: [&str; 4] = ["{\"id\": ", "<html><title>x</title></html>", "\u{feff}{}", "[[["];

/// Changes an answer in one way.
fn change(dice: &mut Dice, answer: &mut Answer) {
    match dice.below(9) {
        0 | 1 => answer.status = *dice.one_of(&STATUSES),
        2 => answer.body = None,
        3 => answer.body = Some(anything(dice, 3)),
        4 => answer.text = Some((*dice.one_of(&TEXTS)).to_owned()),
        5 => {
            let name = *dice.one_of(&["location", "etag", "content-type", "www-authenticate"]);
            answer.headers.retain(|(known, _)| known != name);
            answer
                .headers
                .push((name.to_owned(), (*dice.one_of(&["x", "/scim/v2/Users/1", "W/\"7\"", ""])).to_owned()));
        }
        _ => {
            if let Some(body) = &mut answer.body {
                let n = 1 + dice.below(size(body).saturating_sub(1));
                let other = anything(dice, 2);
                replace(body, n, &other);
            }
        }
    }
}

/// A server of whose answers one in `rarity` is changed; and each discovery document in several places, since it decides
/// what is asked.
fn wild(seed: u64, rarity: usize) -> Fault {
    let dice = Mutex::new(Dice(seed));
    on("* **").gives(move |asked: &Asked, answer: &mut Answer| {
        let mut dice = dice.lock().expect("no panic while it is held");
        let is_discovery = ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"].contains(&asked.path.as_str());
        if let (true, Some(body)) = (is_discovery, &mut answer.body) {
            for _ in 0..dice.below(40) {
                let (n, other) = (1 + dice.below(size(body).saturating_sub(1)), anything(&mut dice, 2));
                replace(body, n, &other);
            }
        } else if dice.below(rarity) == 0 {
            change(&mut dice, answer);
        }
    })
}

/// What is found; nothing where the server does not even let a run begin.
async fn findings(broken: &BrokenServer) -> Vec<Finding> {
    let settings = Settings { token: Some(TOKEN.to_owned()), ..Settings::default() };
    let Ok(server) = connect(&broken.url, &settings, "0a1b2c").await else { return Vec::new() };
    let all: Vec<_> = cases().collect();
    // One after the other, so that the same answers are changed in each run.
    let findings = examine(&server, &all, 1, |_| {}).await;
    broken.break_with(on("GET /nowhere").status(404));
    remove_all(&server).await;
    findings
}

/// Whether a creation was refused.
fn is_refused_creation(exchange: &Exchange) -> bool {
    let url = &exchange.request.url;
    let is_creation = exchange.request.method == "POST" && !url.ends_with("/Bulk") && !url.ends_with("/.search");
    let is_taken = matches!(exchange.answer, Received::Answer { status: 200..300, .. });
    is_creation && !is_taken
}

/// What is said of a resource whose creation was refused is not borne out, unless it is about that: then it was the
/// last that was asked, or the reason names it.
fn is_borne_out(finding: &Finding) -> bool {
    // Behind 500 a case is tried a second time, and its evidence has both.
    let is_second = finding.evidence.iter().any(|one| matches!(one.answer, Received::Answer { status: 500, .. }));
    if is_second {
        return true;
    }
    let before = finding.evidence.split_last().map(|(_, before)| before).unwrap_or_default();
    finding.reason.as_deref().unwrap_or_default().contains("POST") || !before.iter().any(is_refused_creation)
}

#[tokio::test]
async fn a_server_that_answers_at_random_does_not_confuse() {
    for seed in 0..3 {
        let broken = BrokenServer::start().await;
        broken.break_with(wild(seed, 4));
        let all = findings(&broken).await;
        let failed = all.iter().filter(|one| one.verdict == Verdict::Fail);
        let wrong: Vec<_> = failed.filter(|one| !is_borne_out(one)).map(|one| (&one.id, &one.reason)).collect();
        assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
    }
}

/// What is said of a server that has this fault, by the names of the cases.
async fn accused(fault: Fault) -> BTreeSet<String> {
    let broken = BrokenServer::start().await;
    broken.break_with(fault);
    let all = findings(&broken).await;
    let wrong = all.into_iter().filter(|one| one.verdict == Verdict::Fail);
    wrong.map(|one| one.id.split(':').next().unwrap_or_default().to_owned()).collect()
}

/// A server that refuses one kind of request fails the cases that are about whether it is taken at all, and no others.
/// 500 comes without a body here, which the cases about the form of errors tell.
macro_rules! only_what_is_refused_fails {
    ($($name:ident: $pattern:literal, $expect:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            let expect: [&str; _] = $expect;
            assert_eq!(accused(on($pattern).refuses(500)).await, expect.map(str::to_owned).into());
        }
    )*};
}

only_what_is_refused_fails! {
    only_creation_is_refused: "POST /Users", ["create-status", "error-schemas-400", "error-status-400"];
    only_replacement_is_refused: "PUT /Users/*", ["each-put", "method-put"];
    only_deletion_is_refused: "DELETE /Users/*", ["delete-status", "retrieve-every-type"];
    only_groups_are_refused: "POST /Groups", [];
    only_bulk_is_refused: "POST /Bulk", ["bulk-status"];
    only_search_by_post_is_refused: "POST /Users/.search", ["search-filter"];
}
