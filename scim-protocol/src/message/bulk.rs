//! Bulk requests and responses (RFC 7644 §3.7).
//!
//! An invalid operation must not fail the others. So each is read on its own, and a request contains operations and
//! refusals, in their order.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::{
    members_of,
    reference::{references, references_in_uri, resolve, resolve_uri, without_repeats},
    take,
};
use crate::{Error, patch::PATCH_OP_SCHEMA};

/// The schema URI of a bulk request.
pub const BULK_REQUEST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// The schema URI of a bulk response.
pub const BULK_RESPONSE_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// A bulk request (RFC 7644 §3.7), each operation read by itself.
#[derive(Debug)]
pub struct BulkRequest {
    /// After how many errors the remaining operations are skipped; at least 1, even if the client sends 0, because
    /// only an error can end the request. `None`: all operations are run.
    pub fail_on_errors: Option<u32>,
    /// The operations as they came, or why one cannot be read.
    pub operations: Vec<Result<BulkOperation, RefusedOperation>>,
}

/// One operation of a bulk request.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkOperation {
    /// What it does; GET is none of these.
    pub method: BulkMethod,
    /// The client's name for the resource that a POST creates.
    pub bulk_id: Option<String>,
    /// The version that the resource must have, as in `If-Match`.
    pub version: Option<String>,
    /// The endpoint or resource, relative to the base URL, with a slash in front: `/Users/2819c223`.
    pub path: String,
    /// The body. Of a PATCH it is a whole PatchOp message.
    pub data: Option<Value>,
}

/// An operation that cannot be read, and as much of it as its response needs.
#[derive(Debug)]
pub struct RefusedOperation {
    /// The method as it was written, where there is one.
    pub method: Option<Box<str>>,
    /// The `bulkId`, where there is one.
    pub bulk_id: Option<String>,
    /// The `path`, where there is one.
    pub path: Option<Box<str>>,
    /// Why: `invalidSyntax`, with the operation's number.
    pub error: Error,
}

/// The methods that an operation of a bulk request may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkMethod {
    /// Removes a resource (RFC 7644 §3.6).
    Delete,
    /// Changes a part of a resource (§3.5.2).
    Patch,
    /// Creates a resource (§3.3).
    Post,
    /// Replaces a resource (§3.5.1).
    Put,
}

impl BulkMethod {
    /// Its name on the wire, in capitals.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Delete, Self::Patch, Self::Post, Self::Put]
            .into_iter()
            .find(|method| method.as_str().eq_ignore_ascii_case(text))
    }
}

impl BulkRequest {
    /// Reads a bulk request; names are taken in any case. `ErrorKind::InvalidSyntax` when the
    /// message itself is wrong; an operation that is wrong is refused alone.
    pub fn parse(body: Value) -> Result<Self, Error> {
        let mut body = members_of(body, BULK_REQUEST_SCHEMA)?;
        let fail_on_errors = match take(&mut body, "failOnErrors") {
            None => None,
            Some(value) => {
                let number = value.as_u64().map(|number| u32::try_from(number).unwrap_or(u32::MAX));
                let number =
                    number.ok_or_else(|| Error::syntax("\"failOnErrors\" must be a whole number from 0 on."))?;
                Some(number.max(1))
            }
        };
        let Some(Value::Array(operations)) = take(&mut body, "Operations") else {
            return Err(Error::syntax("\"Operations\" must be a list of operations."));
        };
        let mut bulk_ids = HashSet::new();
        let operations = operations
            .into_iter()
            .enumerate()
            .map(|(index, operation)| parse_operation(operation, index + 1, &mut bulk_ids))
            .collect();
        Ok(Self { fail_on_errors, operations })
    }
}

fn parse_operation(
    operation: Value,
    number: usize,
    bulk_ids: &mut HashSet<String>,
) -> Result<BulkOperation, RefusedOperation> {
    let text_of = |name| match &operation {
        Value::Object(members) => {
            let found = members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.and_then(|(_, value)| value.as_str()).map(str::to_owned)
        }
        _ => None,
    };
    let (method, bulk_id, path) = (text_of("method"), text_of("bulkId"), text_of("path"));
    let parsed = match operation {
        Value::Object(members) => read_operation(members, bulk_ids),
        _ => Err("it must be a JSON object".to_owned()),
    };
    parsed.map_err(|why| RefusedOperation {
        method: method.map(String::into_boxed_str),
        bulk_id,
        path: path.map(String::into_boxed_str),
        error: Error::syntax(format!("Operation {number} is wrong: {why}.")),
    })
}

fn read_operation(mut members: Map<String, Value>, bulk_ids: &mut HashSet<String>) -> Result<BulkOperation, String> {
    let mut text = |name: &str| match take(&mut members, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("\"{name}\" must be a string")),
    };
    let method = text("method")?.ok_or("\"method\" is missing")?;
    let method = BulkMethod::parse(&method).ok_or("\"method\" must be POST, PUT, PATCH or DELETE")?;
    let (bulk_id, version) = (text("bulkId")?.filter(|id| !id.is_empty()), text("version")?);
    let path = text("path")?.filter(|path| !path.is_empty()).ok_or("\"path\" is missing")?;
    if method == BulkMethod::Post && bulk_id.is_none() {
        return Err("a POST needs a \"bulkId\", by which its response is known".to_owned());
    }
    if let Some(bulk_id) = &bulk_id
        && !bulk_ids.insert(bulk_id.clone())
    {
        return Err(format!("another operation has the \"bulkId\" \"{bulk_id}\""));
    }
    let data = match (method, take(&mut members, "data")) {
        (BulkMethod::Delete, _) => None,
        // The RFC's example has the bare list, its text (and erratum 5050) the whole message.
        (BulkMethod::Patch, Some(list @ Value::Array(_))) => {
            Some(json!({"schemas": [PATCH_OP_SCHEMA], "Operations": list}))
        }
        (_, Some(data @ Value::Object(_))) => Some(data),
        (_, Some(_)) => return Err("\"data\" must be a JSON object".to_owned()),
        (_, None) => return Err(format!("\"data\" is missing, the body of the {}", method.as_str())),
    };
    let path = if path.starts_with('/') { path } else { format!("/{path}") };
    Ok(BulkOperation { method, bulk_id, version, path, data })
}

impl BulkOperation {
    /// The bulkIds to which the path and the data refer, each once.
    pub fn references(&self) -> Vec<String> {
        let in_data = self.data.iter().flat_map(references);
        without_repeats(references_in_uri(&self.path).into_iter().chain(in_data))
    }

    /// Puts the ids of resources in the place of their bulkIds, in path and data. What `lookup` does
    /// not know stays as it is.
    pub fn resolve(&mut self, lookup: &impl Fn(&str) -> Option<String>) {
        resolve_uri(&mut self.path, lookup);
        if let Some(data) = &mut self.data {
            resolve(data, lookup);
        }
    }
}

/// The result of one operation (RFC 7644 §3.7.3).
#[derive(Debug, Clone, PartialEq)]
pub struct BulkResult {
    /// The method, as in the request.
    pub method: String,
    /// The `bulkId`, as in the request.
    pub bulk_id: Option<String>,
    /// The resource's version after it.
    pub version: Option<String>,
    /// The resource's URI; absent only when a POST failed.
    pub location: Option<String>,
    /// The status that the request alone would have got.
    pub status: u16,
    /// The body: of an error always, else as the server likes.
    pub response: Option<Value>,
}

impl BulkResult {
    /// The operation of the response; `status` is a string, as the RFC's examples have it.
    pub fn to_json(&self) -> Value {
        let mut members = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                members.insert(name.to_owned(), value);
            }
        };
        put("location", self.location.clone().map(Value::from));
        put("method", Some(self.method.clone().into()));
        put("bulkId", self.bulk_id.clone().map(Value::from));
        put("version", self.version.clone().map(Value::from));
        put("status", Some(self.status.to_string().into()));
        put("response", self.response.clone());
        Value::Object(members)
    }

    /// The body of the answer, with all results in the order of the operations.
    pub fn response<'r>(results: impl IntoIterator<Item = &'r Self>) -> Value {
        let operations: Vec<Value> = results.into_iter().map(Self::to_json).collect();
        json!({"schemas": [BULK_RESPONSE_SCHEMA], "Operations": operations})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    /// The operations as text: what was read, or why not.
    #[track_caller]
    fn check(operations: &Value, expect: &[&str]) {
        let request = BulkRequest::parse(json!({"schemas": [BULK_REQUEST_SCHEMA], "Operations": operations})).unwrap();
        let read: Vec<String> = request
            .operations
            .iter()
            .map(|operation| match operation {
                Ok(operation) => format!("{} {}", operation.method.as_str(), operation.path),
                Err(refused) => refused.error.detail().to_owned(),
            })
            .collect();
        assert_eq!(read, expect);
    }

    /// RFC 7644 §3.7.3, shortened.
    #[test]
    fn the_example_of_the_rfc() {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "failOnErrors": 1,
            "Operations": [
                {"method": "POST", "path": "/Users", "bulkId": "qwerty", "data": {"userName": "Alice"}},
                {"method": "PUT", "path": "/Users/b7c14771", "version": "W/\"3694e05e9dff591\"",
                 "data": {"userName": "Bob"}},
                {"method": "PATCH", "path": "/Users/5d8d29d3", "version": "W/\"edac3253e2c0ef2\"", "data": [
                    {"op": "remove", "path": "nickName"},
                    {"op": "add", "path": "userName", "value": "Dave"}
                ]},
                {"method": "DELETE", "path": "/Users/e9025315", "version": "W/\"0ee8add0a938e1a\""}
            ]
        });
        let request = BulkRequest::parse(body).unwrap();
        assert_eq!(request.fail_on_errors, Some(1));
        let operations: Vec<BulkOperation> = request.operations.into_iter().map(Result::unwrap).collect();
        let expect_post = BulkOperation {
            method: BulkMethod::Post,
            bulk_id: Some("qwerty".to_owned()),
            version: None,
            path: "/Users".to_owned(),
            data: Some(json!({"userName": "Alice"})),
        };
        assert_eq!(operations[0], expect_post);
        assert_eq!(operations[1].version.as_deref(), Some("W/\"3694e05e9dff591\""));
        let patch = operations[2].data.as_ref().unwrap();
        assert_eq!(patch["schemas"], json!([PATCH_OP_SCHEMA]));
        assert_eq!(patch["Operations"][1]["value"], "Dave");
        assert_eq!(operations[3].data, None);
    }

    #[test]
    fn the_first_error_ends_where_none_or_one_is_accepted() {
        for (sent, expect) in [(json!(0), 1), (json!(1), 1), (json!(u64::MAX), u32::MAX)] {
            let request = BulkRequest::parse(json!({"failOnErrors": sent, "Operations": []})).unwrap();
            assert_eq!(request.fail_on_errors, Some(expect), "{sent}");
        }
        let request = BulkRequest::parse(json!({"failOnErrors": null, "Operations": []})).unwrap();
        assert_eq!(request.fail_on_errors, None);
    }

    #[test]
    fn one_wrong_operation_leaves_the_others() {
        check(
            &json!([
                {"Method": "post", "PATH": "Users", "BulkId": "a", "Data": {}},
                {"method": "POST", "path": "/Users", "data": {}},
                {"method": "GET", "path": "/Users"},
                {"path": "/Users"},
                {"method": "DELETE"},
                {"method": "PUT", "path": "/Users/1"},
                {"method": "PUT", "path": "/Users/1", "data": []},
                {"method": "POST", "path": "/Users", "bulkId": "a", "data": {}},
                {"method": "DELETE", "path": "/Users/1", "version": 7},
                7,
                {"method": "DELETE", "path": "/Users/1", "data": null}
            ]),
            &[
                "POST /Users",
                "Operation 2 is wrong: a POST needs a \"bulkId\", by which its response is known.",
                "Operation 3 is wrong: \"method\" must be POST, PUT, PATCH or DELETE.",
                "Operation 4 is wrong: \"method\" is missing.",
                "Operation 5 is wrong: \"path\" is missing.",
                "Operation 6 is wrong: \"data\" is missing, the body of the PUT.",
                "Operation 7 is wrong: \"data\" must be a JSON object.",
                "Operation 8 is wrong: another operation has the \"bulkId\" \"a\".",
                "Operation 9 is wrong: \"version\" must be a string.",
                "Operation 10 is wrong: it must be a JSON object.",
                "DELETE /Users/1",
            ],
        );
    }

    #[track_caller]
    fn check_refused(body: Value, detail: &str) {
        let error = BulkRequest::parse(body).unwrap_err();
        assert_eq!((error.kind(), error.detail()), (ErrorKind::InvalidSyntax, detail));
    }

    #[test]
    fn a_message_of_the_wrong_form() {
        check_refused(json!("x"), "The body must be a JSON object.");
        check_refused(json!({}), "\"Operations\" must be a list of operations.");
        check_refused(
            json!({"failOnErrors": -1, "Operations": []}),
            "\"failOnErrors\" must be a whole number from 0 on.",
        );
    }

    #[test]
    fn the_path_of_an_operation_may_refer_too() {
        let mut operation = BulkOperation {
            method: BulkMethod::Patch,
            bulk_id: None,
            version: None,
            path: "/Groups/bulkId:g".to_owned(),
            data: Some(json!({"Operations": [{"op": "add", "path": "members", "value": [{"value": "bulkId:u"}]}]})),
        };
        assert_eq!(operation.references(), ["g", "u"]);
        operation.resolve(&|id| Some(id.to_uppercase()));
        assert_eq!(operation.path, "/Groups/G");
        assert_eq!(operation.data.unwrap()["Operations"][0]["value"][0]["value"], "U");
    }

    #[test]
    fn results_have_status_as_a_string_and_no_nulls() {
        let result = BulkResult {
            method: "POST".to_owned(),
            bulk_id: Some("qwerty".to_owned()),
            version: None,
            location: None,
            status: 400,
            response: Some(Error::syntax("Wrong.").body()),
        };
        let expect = json!({
            "schemas": [BULK_RESPONSE_SCHEMA],
            "Operations": [{"method": "POST", "bulkId": "qwerty", "status": "400", "response": {
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
                "status": "400",
                "scimType": "invalidSyntax",
                "detail": "Wrong."
            }}]
        });
        assert_eq!(BulkResult::response(&[result]), expect);
    }
}
