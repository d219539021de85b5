//! Bulk: each operation is an ordinary request, when what it refers to is there.

use std::collections::HashMap;

use scim_protocol::{
    Error, ErrorKind,
    message::{BulkMethod, BulkOperation, BulkRequest, BulkResult},
};
use serde_json::{Value, json};

use super::{Answer, Asked, Service};

pub(super) const MOST_OPERATIONS: usize = 100;
pub(super) const MOST_BYTES: usize = 1024 * 1024;

pub(super) fn answer(service: &Service, asked: &Asked) -> Result<Answer, Error> {
    let too_large = |what: String| Err(Error::new(ErrorKind::PayloadTooLarge, what));
    if asked.body.len() > MOST_BYTES {
        return too_large(format!("At most {MOST_BYTES} bytes."));
    }
    let request = BulkRequest::parse(asked.json())?;
    if request.operations.len() > MOST_OPERATIONS {
        return too_large(format!("At most {MOST_OPERATIONS} operations."));
    }
    let mut ids: HashMap<String, String> = HashMap::new();
    let mut failed = 0;
    let mut results: Vec<(usize, BulkResult)> = Vec::new();
    let mut pending: Vec<_> = request.operations.into_iter().enumerate().collect();
    let named: Vec<_> = pending.iter().filter_map(|(_, one)| one.as_ref().ok()?.bulk_id.clone()).collect();
    while !pending.is_empty() && request.fail_on_errors.is_none_or(|most| failed < most) {
        let open = |id: &String, rest: &[(usize, Result<BulkOperation, _>)]| {
            rest.iter().any(|(_, one)| one.as_ref().is_ok_and(|one| one.bulk_id.as_ref() == Some(id)))
        };
        let ready = pending.iter().position(|(_, one)| match one {
            Ok(one) => one.references().iter().all(|id| !open(id, &pending)),
            Err(_) => true,
        });
        let (i, operation) = pending.remove(ready.unwrap_or(0));
        let result = match operation {
            Ok(mut operation) => {
                operation.resolve(&|id| ids.get(id).cloned());
                perform(service, asked, operation, &mut ids, &named)
            }
            Err(refused) => BulkResult {
                method: refused.method.unwrap_or_default().into_string(),
                bulk_id: refused.bulk_id,
                version: None,
                location: None,
                status: refused.error.kind().status(),
                response: Some(refused.error.body()),
            },
        };
        failed += u32::from(result.status >= 400);
        results.push((i, result));
    }
    results.sort_by_key(|(i, _)| *i);
    let results: Vec<_> = results.into_iter().map(|(_, result)| result).collect();
    Ok(Answer::new(200, BulkResult::response(&results)))
}

fn perform(
    service: &Service,
    asked: &Asked,
    operation: BulkOperation,
    ids: &mut HashMap<String, String>,
    named: &[String],
) -> BulkResult {
    let BulkOperation { method, bulk_id, version, path, data } = operation;
    let unresolved = data.as_ref().is_some_and(|data| data.to_string().contains("bulkId:"));
    let mut inner =
        Asked { method: method.as_str().to_owned(), path: path.clone(), query: Vec::new(), ..asked.clone() };
    inner.body = data.map(|data| data.to_string()).unwrap_or_default();
    inner.headers.extend(version.map(|version| ("if-match".to_owned(), version)));
    // Who refers to each other in a circle is not made: 409, as RFC 7644 §3.7.1 allows.
    let circular = unresolved && named.iter().any(|name| inner.body.contains(&format!("bulkId:{name}")));
    let answer = if circular {
        Answer::from(Error::new(ErrorKind::Uniqueness, "The references go in a circle."))
    } else if unresolved {
        Answer::from(Error::new(ErrorKind::InvalidValue, "A bulkId names nothing."))
    } else {
        service.answer(&inner)
    };
    let header = |name: &str| answer.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let created = answer.body.as_ref().and_then(|body| body["id"].as_str());
    if let (BulkMethod::Post, Some(bulk_id), Some(id)) = (method, &bulk_id, created) {
        ids.insert(bulk_id.clone(), id.to_owned());
    }
    let is_new = method == BulkMethod::Post;
    BulkResult {
        method: method.as_str().to_owned(),
        bulk_id,
        version: header("etag"),
        location: if is_new { header("location") } else { Some(format!("{}{path}", service.base)) },
        status: answer.status,
        response: answer.body.filter(|_| answer.status >= 400).map(|body: Value| json!(body)),
    }
}
