//! Which calls are looked for.

use scim_protocol::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::row::{self, Fixed, Kinds, Method};
use crate::{
    audit::HIDDEN,
    ids::{ResourceId, TenantId},
};

/// What calls must be. All that is said must hold; what is left out may be anything.
#[derive(Debug, Clone, Default)]
pub struct Search {
    pub tenant: Option<TenantId>,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// The lowest and the highest of each range of statuses.
    pub statuses: Vec<(u16, u16)>,
    pub method: Option<Method>,
    /// The name of the operation in the audit log, in any case.
    pub operation: Option<String>,
    /// A text in what is visible, in any case.
    pub text: Option<String>,
    /// One of these tokens or clients.
    pub tokens: Option<Vec<ResourceId>>,
    /// The user or group that it was about.
    pub resource: Option<ResourceId>,
    /// The id of the call.
    pub request: Option<Uuid>,
}

/// The members of a line that have what a client sent, or what it was answered.
const SEARCHED: [&str; 8] = [
    "/eventName",
    "/sourceIPAddress",
    "/userAgent",
    "/errorMessage",
    "/requestParameters",
    "/responseElements",
    "/tlsDetails/clientProvidedHostHeader",
    "/additionalEventData/explanation",
];

impl Search {
    /// The same, with what follows from it said too: the id of a call has its time, the name of an operation its
    /// method.
    #[must_use]
    pub fn prepared(mut self) -> Self {
        if let Some(at) = self.request.and_then(time_of) {
            self.since = self.since.max(Some(at));
            let end = Timestamp::from_millis(at.as_millis() + 1);
            self.until = Some(self.until.map_or(end, |until| until.min(end)));
        }
        self.method = self.method.or_else(|| self.operation.as_deref().and_then(method_of));
        self.text = self.text.map(|text| text.to_lowercase());
        self
    }

    /// Whether a block with calls between these times may have what is looked for.
    pub(super) fn meets_times(&self, first: i64, last: i64) -> bool {
        self.since.is_none_or(|since| last >= since.as_millis())
            && self.until.is_none_or(|until| first < until.as_millis())
    }

    /// The tenant whose kinds tell.
    pub(super) fn tenant_id(&self) -> Option<Uuid> {
        self.tenant.map(|tenant| tenant.0)
    }

    /// The kinds of calls that may be what is looked for.
    pub(super) fn kinds(&self) -> Kinds {
        const CLASSES: [(u16, u16); 4] = [(0, 299), (300, 399), (400, 499), (500, u16::MAX)];
        let mut kinds = Kinds::default();
        for class in CLASSES.into_iter().filter(|class| self.meets_class(*class)) {
            let methods = self.method.map_or_else(|| Method::ALL.to_vec(), methods);
            for method in methods {
                kinds |= Kinds::of(method, class.0);
            }
        }
        kinds
    }

    fn meets_class(&self, (low, high): (u16, u16)) -> bool {
        self.statuses.is_empty() || self.statuses.iter().any(|(first, last)| *first <= high && *last >= low)
    }

    /// The lists of ids of each of which a block must have one.
    pub(super) fn ids(&self) -> impl Iterator<Item = Vec<Uuid>> {
        let tokens: Option<Vec<Uuid>> = self.tokens.as_ref().map(|tokens| tokens.iter().map(|token| token.0).collect());
        let resource = self.resource.map(|resource| vec![resource.0]);
        tokens.into_iter().chain(resource)
    }

    /// Whether the fields of a call are what is looked for.
    pub(super) fn takes(&self, fixed: &Fixed) -> bool {
        self.tenant.is_none_or(|tenant| tenant.0 == fixed.tenant)
            && self.meets_times(fixed.at, fixed.at)
            && self.meets_class((fixed.status, fixed.status))
            && self.method.is_none_or(|method| methods(method).contains(&fixed.method))
            && self.tokens.as_ref().is_none_or(|tokens| tokens.iter().any(|token| token.0 == fixed.token))
            && self.resource.is_none_or(|resource| resource.0 == fixed.resource)
    }

    /// Whether it takes a text to decide.
    fn needs_text(&self) -> bool {
        self.operation.is_some() || self.text.is_some() || self.request.is_some()
    }

    /// Whether the text of a call is what is looked for.
    pub(super) fn takes_text(&self, text: &str) -> bool {
        if !self.needs_text() {
            return true;
        }
        // Values are for those who may see them: nobody finds out about them by searching.
        let (facts, line, _) = row::parts(text);
        self.operation
            .as_ref()
            .is_none_or(|name| value(line.find(OPERATION), OPERATION, line).eq_ignore_ascii_case(name))
            && self.request.is_none_or(|id| value(line.rfind(REQUEST), REQUEST, line) == id.to_string())
            && self.text.as_ref().is_none_or(|wanted| mentions(facts, line, wanted))
    }
}

/// HEAD is another GET, by the name of its operation too.
fn methods(method: Method) -> Vec<Method> {
    if method == Method::Get { vec![Method::Get, Method::Head] } else { vec![method] }
}

/// The moment that a UUIDv7 has in it.
fn time_of(id: Uuid) -> Option<Timestamp> {
    let millis = id.get_timestamp().map(|at| at.to_unix());
    let (seconds, nanos) = millis.filter(|_| id.get_version_num() == 7)?;
    Some(Timestamp::from_millis(i64::try_from(seconds * 1000 + u64::from(nanos / 1_000_000)).ok()?))
}

/// The method of an operation, where its name tells.
fn method_of(operation: &str) -> Option<Method> {
    const VERBS: [(&str, Method); 6] = [
        ("create", Method::Post),
        ("delete", Method::Delete),
        ("get", Method::Get),
        ("list", Method::Get),
        ("patch", Method::Patch),
        ("put", Method::Put),
    ];
    let name = operation.to_ascii_lowercase();
    // Security event streams have names of their own.
    let of_resources = !name.contains("stream") && !name.contains("consumer");
    VERBS.into_iter().find(|(verb, _)| of_resources && name.starts_with(verb)).map(|(_, method)| method)
}

/// What stands before the name of the operation: before it nothing of a client's comes.
const OPERATION: &str = "\"eventName\":\"";
/// What stands before the id of the call: behind it no document of a client's comes, and quotes in texts are escaped.
const REQUEST: &str = "\"requestID\":\"";

/// The text that stands behind these words at that place of a line.
fn value<'a>(at: Option<usize>, words: &str, line: &'a str) -> &'a str {
    let rest = at.and_then(|at| line.get(at + words.len()..)).unwrap_or_default();
    rest.split_once('"').map_or("", |(value, _)| value)
}

/// Whether what is visible of a call has a text, which is in lower case.
fn mentions(facts: &str, line: &str, wanted: &str) -> bool {
    if facts.to_lowercase().contains(wanted) {
        return true;
    }
    // Most lines do not have it anywhere.
    if !line.to_lowercase().contains(wanted) {
        return false;
    }
    let line: Value = serde_json::from_str(line).unwrap_or_default();
    SEARCHED.iter().filter_map(|at| line.pointer(at)).any(|part| has(part, wanted))
}

fn has(value: &Value, wanted: &str) -> bool {
    let is_it = |text: &str| text != HIDDEN && text.to_lowercase().contains(wanted);
    match value {
        Value::String(text) => is_it(text),
        Value::Array(elements) => elements.iter().any(|element| has(element, wanted)),
        Value::Object(members) => members.iter().any(|(key, value)| is_it(key) || has(value, wanted)),
        Value::Number(number) => is_it(&number.to_string()),
        Value::Bool(_) | Value::Null => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"/t/scim/v2/Users			
{"userIdentity":{"type":"BearerToken"},"eventName":"PatchUser","userAgent":"Okta SCIM Client 1.0.0","errorMessage":"The value \"HIDDEN_DUE_TO_SECURITY_REASONS\" is taken.","requestParameters":{"httpBody":{"userName":"HIDDEN_DUE_TO_SECURITY_REASONS"}},"requestID":"01a20197-277f-7040-82dc-a4aca4b263f5"}"#;

    fn takes(search: Search) -> bool {
        search.prepared().takes_text(LINE)
    }

    #[test]
    fn a_text_is_looked_for_in_what_is_visible() {
        let text = |text: &str| takes(Search { text: Some(text.to_owned()), ..Search::default() });
        for found in ["okta scim", "USERNAME", "is taken", "/Users", "patchuser"] {
            assert!(text(found), "{found}");
        }
        for not in ["BearerToken", "userIdentity", "requestParameters", "jane"] {
            assert!(!text(not), "{not}");
        }
    }

    #[test]
    fn nothing_is_found_by_its_values() {
        let line = format!("{LINE}\n{{\"request\":{{\"userName\":\"jane\"}},\"requestID\":\"x\"}}");
        let found = |text: &str| Search { text: Some(text.to_owned()), ..Search::default() }.takes_text(&line);
        assert!(found("username") && !found("jane"));
        let id = Uuid::parse_str("01a20197-277f-7040-82dc-a4aca4b263f5").unwrap();
        assert!(Search { request: Some(id), ..Search::default() }.takes_text(&line));
    }

    #[test]
    fn an_operation_and_an_id_are_compared_whole() {
        let operation = |name: &str| takes(Search { operation: Some(name.to_owned()), ..Search::default() });
        assert!(operation("patchuser") && !operation("Patch") && !operation("PatchUsers"));
        let id = Uuid::parse_str("01a20197-277f-7040-82dc-a4aca4b263f5").unwrap();
        let search = Search { request: Some(id), ..Search::default() }.prepared();
        assert!(search.takes_text(LINE));
        let at = i64::from_str_radix("01a20197277f", 16).unwrap();
        assert!(search.meets_times(at, at) && !search.meets_times(at + 1, at + 9) && !search.meets_times(0, at - 1));
        assert!(!takes(Search { request: Some(Uuid::nil()), ..Search::default() }));
    }

    #[test]
    fn the_kinds_of_a_search_are_those_that_it_may_find() {
        let search = Search { statuses: vec![(409, 409)], method: Some(Method::Get), ..Search::default() };
        let kinds = search.kinds();
        assert!(kinds.meets(Kinds::of(Method::Get, 404)) && kinds.meets(Kinds::of(Method::Head, 404)));
        assert!(!kinds.meets(Kinds::of(Method::Post, 404)) && !kinds.meets(Kinds::of(Method::Get, 200)));
        assert!(Search::default().kinds().meets(Kinds::of(Method::Other, 503)));
    }
}
