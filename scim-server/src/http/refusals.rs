//! Calls without a valid token, counted instead of logged one by one.
//!
//! Anybody can make them, as many as the network carries. A line for each would fill the disk, and rotation would
//! remove the lines that matter. So calls of one kind, from one address, within one minute are one line in the audit
//! log. It is written when the minute is over or the server stops. It is the line of the first call, with the number
//! of calls and the times of the first and the last. The operator's log has a line for the first at once, and one
//! more for the others; so does the request log.

use std::{
    borrow::Cow,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use indexmap::IndexMap;
use scim_protocol::{Error, Timestamp};

use super::limit::AddressKey;
use crate::{
    access::Refusal,
    audit::{AuditRecord, Form, Repeated},
    oauth::refusal,
    request_log::Call,
    store::{ResourceId, TenantId},
};

/// The most kinds that are distinguished at once: some six megabytes of memory, and as much in the log each minute.
/// Further calls are counted by their status only, from all addresses together.
pub const MAX_KINDS: usize = 4096;
/// The most kinds that have rows in the request log, whose bytes are bounded: strangers cannot push out the calls of
/// tenants.
pub const SHOWN: usize = 100;
const MINUTE: i64 = 60 * 1000;

/// What is counted since the last minute.
#[derive(Debug, Default)]
pub struct Refusals {
    /// In the order of their first calls: many come in one millisecond.
    calls: Mutex<IndexMap<Kind, Calls>>,
}

/// What is one line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    minute: i64,
    /// `None` when too many are counted already; the rest is empty then, too.
    source: Option<AddressKey>,
    tenant: Option<TenantId>,
    event: String,
    status: Option<u16>,
    reason: Cow<'static, str>,
    token: Option<ResourceId>,
    /// Whether it is for the request log: what is not may not stand before what is.
    is_call: bool,
}

#[derive(Debug)]
struct Calls {
    address: Option<IpAddr>,
    tenant: Option<TenantId>,
    user_agent: String,
    why: String,
    region: Option<String>,
    repeated: Repeated,
    /// The audit record of the first.
    line: Vec<u8>,
    /// What the request log notes of the first; nothing of what has no row there.
    call: Option<Call<'static>>,
    /// Whether the request log has it.
    is_shown: bool,
}

/// One kind of calls that is not counted any longer.
#[derive(Debug)]
pub struct Settled(Calls);

impl Refusals {
    /// Counts a call. Tells the operator of it when it is the first of its kind and was refused. The audit record of one
    /// that is the first, for the request log, if that has a row of such a call.
    pub fn note(&self, record: &AuditRecord<'_>, tenant: Option<TenantId>, call: Option<Call<'_>>) -> Option<Vec<u8>> {
        let refusal: Option<&Refusal> = record.error.and_then(|error| std::error::Error::source(error)?.downcast_ref());
        let refused = record.error.and_then(refusal::of);
        let mut kind = Kind {
            minute: minute(record.at),
            source: record.source_address.map(AddressKey::from),
            tenant,
            event: record.event.to_string(),
            status: record.error.map(|error| error.kind().status()),
            reason: match (refusal, refused) {
                (Some(refusal), _) => refusal.kind().into(),
                (None, Some(refused)) => refused.kind().to_owned().into(),
                (None, None) => "".into(),
            },
            token: refusal.and_then(Refusal::token),
            is_call: call.is_some(),
        };
        let mut calls = self.calls();
        if calls.len() >= MAX_KINDS && !calls.contains_key(&kind) {
            kind = Kind { source: None, tenant: None, event: String::new(), reason: "".into(), token: None, ..kind };
        }
        if let Some(known) = calls.get_mut(&kind) {
            known.repeated.count += 1;
            known.repeated.last = known.repeated.last.max(record.at);
            return None;
        }
        let is_shown = call.is_some() && calls.len() < SHOWN;
        let call = call.map(Call::into_owned);
        let first =
            if kind.source.is_some() { Calls::first(record, tenant, call) } else { Calls::of_many(record, call) };
        if record.error.is_some() && first.address.is_some() {
            first.tell();
        }
        let line = is_shown.then(|| first.line.clone());
        calls.insert(kind, Calls { is_shown, ..first });
        line
    }

    /// Takes the calls of the minutes before that one; without a minute, all of them.
    pub fn settle(&self, now: Option<Timestamp>) -> Vec<Settled> {
        let over = |kind: &Kind| now.is_none_or(|now| kind.minute < minute(now));
        let mut settled: Vec<_> =
            self.calls().extract_if(.., |kind, _| over(kind)).map(|(_, calls)| Settled(calls)).collect();
        settled.sort_by_key(|one| one.0.repeated.first);
        settled
    }

    fn calls(&self) -> MutexGuard<'_, IndexMap<Kind, Calls>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Calls {
    fn first(record: &AuditRecord<'_>, tenant: Option<TenantId>, call: Option<Call<'static>>) -> Self {
        let mut line = Vec::new();
        record.write(&mut line);
        let region = match record.form {
            Form::Own => None,
            Form::IdentityCenter { region } => Some(region.to_owned()),
        };
        Self {
            address: record.source_address,
            tenant,
            user_agent: record.user_agent.unwrap_or_default().to_owned(),
            why: record.error.map(why).unwrap_or_default(),
            region,
            repeated: Repeated { count: 1, first: record.at, last: record.at },
            line,
            call,
            is_shown: false,
        }
    }

    /// A record for calls that are not distinguished: without address, user agent and tenant.
    fn of_many(record: &AuditRecord<'_>, call: Option<Call<'static>>) -> Self {
        let nobody = AuditRecord {
            event: crate::audit::EventName::Unknown,
            tenant: None,
            source_address: None,
            user_agent: None,
            host: None,
            id: None,
            form: Form::Own,
            ..record.clone()
        };
        Self::first(&nobody, None, call)
    }

    fn tell(&self) {
        let (tenant, address) = (self.tenant.map(tracing::field::display), self.address.map(tracing::field::display));
        let (user_agent, why) = (&self.user_agent, &self.why);
        tracing::info!(tenant, address, user_agent = ?user_agent, why, "a request was not let in");
    }
}

impl Settled {
    /// The line for the audit log, with its end.
    pub fn line(&self) -> Vec<u8> {
        let mut line = self.0.line.clone();
        let form = self.0.region.as_deref().map_or(Form::Own, |region| Form::IdentityCenter { region });
        self.0.repeated.add_to(&mut line, form);
        line.push(b'\n');
        line
    }

    /// How many came after the first that was told at once.
    fn more(&self) -> u64 {
        let Calls { address, repeated, .. } = &self.0;
        if address.is_some() { repeated.count - 1 } else { repeated.count }
    }

    /// What the request log notes of those that came after the first, if there are any.
    pub fn call(&self) -> Option<Call<'static>> {
        let count = u32::try_from(self.more()).unwrap_or(u32::MAX);
        let call = self.0.call.as_ref().filter(|_| self.0.is_shown && count > 0)?;
        Some(Call { at: self.0.repeated.last, count, ..call.clone() })
    }

    /// How many calls the request log has no row of, and should have.
    pub fn unseen(&self) -> u32 {
        let is_missing = self.0.call.is_some() && !self.0.is_shown;
        if is_missing { u32::try_from(self.0.repeated.count).unwrap_or(u32::MAX) } else { 0 }
    }

    /// Tells the operator of those that came after the first.
    pub fn tell(&self) {
        let Calls { address, tenant, why, user_agent, repeated, .. } = &self.0;
        let more = self.more();
        if more == 0 || why.is_empty() {
            return;
        }
        let (tenant, address) = (tenant.map(tracing::field::display), address.map(tracing::field::display));
        let (first, last) = (repeated.first, repeated.last);
        tracing::info!(tenant, address, user_agent = ?user_agent, more, %first, %last, why, "more requests were not let in");
    }
}

/// Why a call was refused, for the operator. What a client sent is not repeated.
fn why(error: &Error) -> String {
    let refusal: Option<&Refusal> = std::error::Error::source(error).and_then(|source| source.downcast_ref());
    let refused = || refusal::of(error).map(ToString::to_string);
    let told = refusal.map(ToString::to_string).or_else(refused);
    told.unwrap_or_else(|| crate::audit::Message(error.detail()).to_string())
}

fn minute(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(MINUTE)
}

#[cfg(test)]
mod tests {
    use scim_protocol::ErrorKind;
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;
    use crate::{
        audit::{Document, EventName, Vocabulary},
        request_log::Method,
    };

    fn note(refusals: &Refusals, address: u32, at: i64, error: &Error, form: Form<'_>) {
        let record = AuditRecord {
            at: Timestamp::from_millis(at),
            event: EventName::Unknown,
            tenant: None,
            token: None,
            source_address: Some(IpAddr::from(address.to_be_bytes())),
            user_agent: Some("probe/1.0"),
            host: None,
            id: None,
            query: None,
            body: Document::None,
            response: Document::None,
            error: Some(error),
            mapping: &[],
            headers: &[],
            explanation: None,
            request: Uuid::from_u128(1),
            event_id: Uuid::from_u128(2),
            form,
            words: Vocabulary::core(),
        };
        let call = Call {
            at: record.at,
            took: std::time::Duration::ZERO,
            method: Method::Get,
            status: error.kind().status(),
            tenant: None,
            token: None,
            resource: None,
            count: 1,
            path: "/".into(),
            scim_type: "",
            refusal: "".into(),
            reason: "".into(),
        };
        refusals.note(&record, None, Some(call));
    }

    fn settle(refusals: &Refusals, now: Option<i64>) -> Vec<Value> {
        let settled = refusals.settle(now.map(Timestamp::from_millis));
        settled.iter().map(|one| serde_json::from_slice(&one.line()).unwrap()).collect()
    }

    #[test]
    fn calls_of_one_kind_are_one_line_a_minute() {
        let refusals = Refusals::default();
        let (unknown, missing) = (Error::new(ErrorKind::Unauthorized, "x"), Error::new(ErrorKind::NotFound, "x"));
        for at in [1000, 2000, 3000] {
            note(&refusals, 1, at, &unknown, Form::Own);
        }
        note(&refusals, 1, 1500, &missing, Form::Own);
        note(&refusals, 2, 1600, &unknown, Form::Own);
        note(&refusals, 1, 61_000, &unknown, Form::Own);
        assert!(settle(&refusals, Some(59_999)).is_empty());
        let counts = |lines: &[Value]| -> Vec<_> { lines.iter().map(|line| line["count"].as_u64().unwrap()).collect() };
        let lines = settle(&refusals, Some(61_500));
        assert_eq!(counts(&lines), [3, 1, 1]);
        assert_eq!(lines[0]["firstEventTime"], "1970-01-01T00:00:01.000Z");
        assert_eq!(lines[0]["lastEventTime"], "1970-01-01T00:00:03.000Z");
        assert_eq!(lines[0]["errorCode"], "UnauthorizedException");
        assert_eq!(lines[1]["errorCode"], "ResourceNotFoundException");
        assert_eq!(lines[2]["sourceIPAddress"], "0.0.0.2");
        assert_eq!(counts(&settle(&refusals, None)), [1]);
        assert!(settle(&refusals, None).is_empty());
    }

    #[test]
    fn calls_of_one_millisecond_are_told_in_their_order() {
        let refusals = Refusals::default();
        let error = Error::new(ErrorKind::Unauthorized, "x");
        for address in 0..50 {
            note(&refusals, address, 0, &error, Form::Own);
        }
        let lines = settle(&refusals, None);
        let addresses: Vec<_> = lines.iter().map(|line| line["sourceIPAddress"].as_str().unwrap()).collect();
        assert_eq!(addresses, (0..50).map(|last| format!("0.0.0.{last}")).collect::<Vec<_>>());
    }

    #[test]
    fn the_line_of_a_tenant_under_identity_center_keeps_its_form() {
        let refusals = Refusals::default();
        let error = Error::new(ErrorKind::Unauthorized, "x");
        note(&refusals, 1, 0, &error, Form::IdentityCenter { region: "eu-central-1" });
        let line = &settle(&refusals, None)[0];
        assert_eq!((&line["additionalEventData"]["count"], line.get("count")), (&Value::from(1), None));
        assert_eq!((&line["awsRegion"], &line["eventVersion"]), (&"eu-central-1".into(), &"1.10".into()));
    }

    #[test]
    fn a_flood_of_addresses_is_counted_in_bounded_memory() {
        let refusals = Refusals::default();
        let error = Error::new(ErrorKind::Unauthorized, "x");
        let calls = u32::try_from(MAX_KINDS).unwrap() * 3;
        for address in 0..calls {
            note(&refusals, address, 0, &error, Form::Own);
        }
        let lines = settle(&refusals, None);
        assert_eq!(lines.len(), MAX_KINDS + 1);
        assert_eq!(lines.iter().map(|line| line["count"].as_u64().unwrap()).sum::<u64>(), u64::from(calls));
        assert!(lines.iter().any(|line| line["sourceIPAddress"] == "various"));
    }
}
