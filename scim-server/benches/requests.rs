//! The log of requests with many calls in it: what it takes on the disk, and how long searches take. The calls are made
//! by the code that makes them in the server, and written by its writer.
//!
//! `cargo bench -p scim-server --bench requests -- [CALLS] [DIR]`: 1,000,000 calls unless it is said, in a directory that
//! is removed afterwards unless it is named.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench that cannot run may stop, and reads the clock and its arguments"
)]

use std::{
    borrow::Cow,
    net::IpAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use scim_protocol::{Error, ErrorKind, Timestamp};
use scim_server::internals::{
    audit::{AuditLog, AuditRecord, Document, EventName, Form, Verb, Vocabulary},
    request_log::{Call, Direction, Effort, Limits, Method, Reader, Search, Writer},
    store::{ResourceId, TenantId},
};
use serde_json::json;
use uuid::Uuid;

const TENANTS: u64 = 100;
const USERS: u64 = 10_000;
/// The time of the first call.
const BEGIN: i64 = 1_790_000_000_000;
const LIMITS: Limits = Limits { bytes: 1 << 40, retention: Duration::from_secs(100 * 366 * 86_400) };

/// An id that is as random as those of the server, and the same each time.
fn id(kind: u64, n: u64) -> Uuid {
    made_at(n, kind, n)
}

/// The same, made so many milliseconds after the begin.
fn made_at(millis: u64, kind: u64, n: u64) -> Uuid {
    let digest = ResourceId::derived(&[&kind.to_le_bytes(), &n.to_le_bytes()]).0;
    let random = digest.as_bytes()[..10].try_into().unwrap();
    uuid::Builder::from_unix_timestamp_millis(BEGIN.unsigned_abs() + millis, &random).into_uuid()
}

/// What is the same for many calls.
struct World {
    create: String,
    patch: String,
    error: Error,
}

impl World {
    fn new() -> Self {
        let user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "bjensen@example.com",
            "name": {"givenName": "Barbara", "familyName": "Jensen"},
            "emails": [{"value": "bjensen@example.com", "type": "work", "primary": true}],
            "active": true,
        });
        let patch = json!({"Operations": [{"op": "replace", "path": "active", "value": false}]});
        let error = Error::new(ErrorKind::Uniqueness, "Another user has the userName \"bjensen@example.com\".");
        Self { create: user.to_string(), patch: patch.to_string(), error }
    }

    /// Writes the n-th call: mostly reads, and a few in a hundred refused.
    fn write(&self, n: u64, writer: &mut Batch) {
        let tenant = id(1, n * 7 % TENANTS);
        let (token, user) = (id(2, n * 7 % TENANTS), id(3, n * 31 % USERS));
        let (verb, method, body) = match n % 20 {
            0 => (Verb::Create, Method::Post, Some(&self.create)),
            1 => (Verb::Patch, Method::Patch, Some(&self.patch)),
            2..=6 => (Verb::List, Method::Get, None),
            _ => (Verb::Get, Method::Get, None),
        };
        let error = n.is_multiple_of(40).then_some(&self.error);
        let at = Timestamp::from_millis(BEGIN + i64::try_from(n / 10).unwrap());
        let texts = [tenant, token, user].map(|id| id.to_string());
        let record = AuditRecord {
            at,
            event: EventName::Resource(verb, "User"),
            tenant: Some(&texts[0]),
            token: Some(&texts[1]),
            source_address: Some(IpAddr::from([192, 0, 2, 1])),
            user_agent: Some("Okta SCIM Client 1.0.0"),
            host: Some("scim.example.com"),
            id: Some(&texts[2]),
            query: matches!(verb, Verb::List).then_some("filter=userName%20eq%20%22bjensen%22"),
            body: body.map_or(Document::None, |body| Document::Bytes(body.as_bytes())),
            response: Document::None,
            error,
            mapping: &[],
            headers: &[],
            explanation: None,
            request: made_at(n / 10, 4, n),
            event_id: made_at(n / 10, 5, n),
            form: Form::Own,
            words: Vocabulary::core(),
        };
        let call = Call {
            at,
            took: Duration::from_micros(50 + n * 13 % 5000),
            method,
            status: if error.is_some() { 409 } else { 200 },
            tenant: Some(TenantId(tenant)),
            token: Some(ResourceId(token)),
            resource: Some(ResourceId(user)),
            count: 1,
            path: Cow::Owned(format!("/{}/scim/v2/Users/{}", texts[0], texts[2])),
            scim_type: if error.is_some() { "uniqueness" } else { "" },
            refusal: Cow::Borrowed(""),
            reason: Cow::Borrowed(""),
        };
        let line = AuditLog::line(&record);
        call.write(line.trim_ascii_end(), &mut writer.rows);
        AuditLog::give_back(line);
    }
}

/// Rows that are written together.
struct Batch {
    rows: Vec<u8>,
}

fn fill(place: &Path, calls: u64) {
    let (world, mut writer) = (World::new(), Writer::open(place, LIMITS).unwrap());
    let (mut batch, begun, mut writing) = (Batch { rows: Vec::new() }, Instant::now(), Duration::ZERO);
    let mut raw = 0;
    for n in 0..calls {
        world.write(n, &mut batch);
        if n % 1000 == 999 || n + 1 == calls {
            let from = Instant::now();
            writer.append(&batch.rows, 0).unwrap();
            writer.tidy(BEGIN).unwrap();
            writing += from.elapsed();
            raw += batch.rows.len() as u64;
            batch.rows.clear();
        }
    }
    let (size, took) = (writer.size(), begun.elapsed());
    println!("{calls} calls in {took:.1?}, of which the writer took {writing:.1?}");
    println!("  {:.0} ns of the writer for each call", writing.as_nanos() as f64 / calls as f64);
    println!("  {:.1} MiB on the disk, {:.0} bytes a call", size as f64 / 1_048_576.0, size as f64 / calls as f64);
    println!("  {:.1} MiB without compression", raw as f64 / 1_048_576.0);
}

fn search(place: &Path, calls: u64) {
    let reader = Reader::new(place);
    let tenant = Some(TenantId(id(1, 5)));
    let at = |n: u64| Some(Timestamp::from_millis(BEGIN + i64::try_from(n / 10).unwrap()));
    let searches = [
        ("the newest of all", Search::default()),
        ("the newest of a tenant", Search { tenant, ..Search::default() }),
        (
            "4xx of a tenant",
            Search { tenant: Some(TenantId(id(1, 40))), statuses: vec![(400, 499)], ..Search::default() },
        ),
        ("5xx of a tenant: there are none", Search { tenant, statuses: vec![(500, 599)], ..Search::default() }),
        ("DELETE of a tenant: there are none", Search { tenant, method: Some(Method::Delete), ..Search::default() }),
        (
            "PatchUser of a tenant",
            Search { tenant: Some(TenantId(id(1, 7))), operation: Some("PatchUser".to_owned()), ..Search::default() },
        ),
        ("a token that is not there", Search { tokens: Some(vec![ResourceId(id(9, 1))]), ..Search::default() }),
        ("a user", Search { resource: Some(ResourceId(id(3, 77))), ..Search::default() }),
        (
            "a tenant, in the middle",
            Search { tenant, since: at(calls / 2), until: at(calls / 2 + 1_000_000), ..Search::default() },
        ),
        ("a call by its id", Search { request: Some(made_at(calls / 20, 4, calls / 2)), ..Search::default() }),
        ("a text that most have", Search { tenant, text: Some("okta".to_owned()), ..Search::default() }),
        ("a text that none has", Search { tenant, text: Some("firefox".to_owned()), ..Search::default() }),
    ];
    let effort = Effort { rows: 50, within: Duration::from_secs(60) };
    for (name, search) in searches {
        let search = search.prepared();
        let mut times: Vec<_> = (0..5)
            .map(|_| {
                let begun = Instant::now();
                let page = reader.search(&search, Direction::Back(None), effort).unwrap();
                (begun.elapsed(), page.rows.len())
            })
            .collect();
        times.sort_unstable();
        let (median, rows) = times[2];
        println!("{:>9.1} ms  {rows:>3} rows  {name}", median.as_secs_f64() * 1000.0);
    }
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let calls = arguments.first().map_or(1_000_000, |calls| calls.parse().unwrap());
    let kept = arguments.get(1).map(PathBuf::from);
    let temporary = tempfile::tempdir().unwrap();
    let place = kept.unwrap_or_else(|| temporary.path().to_owned());
    if !place.join("newest").exists() {
        fill(&place, calls);
    }
    search(&place, calls);
}
