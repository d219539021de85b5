//! Many operations in one request.

use serde_json::{Value, json};

use crate::{
    case::{
        Area, Case,
        Need::{self, Attribute, Bulk, Etag, Patch, Type},
        run,
    },
    context::{Context, PATCH_OP, about},
    discovery::ENTERPRISE,
    ensure,
    exchange::{Answer, ERROR},
    ledger::status_of,
    verdict::{Outcome, Stop, brief, equals, holds},
};

pub const AREA: Area = Area { tag: "bulk", title: "Bulk (RFC 7644 §3.7)", cases: CASES };

const SECTION: &str = "RFC 7644 §3.7";
const BULK_ID: &str = "RFC 7644 §3.7.2";
const RESULT: &str = "RFC 7644 §3.7.3";
const LIMITS: &str = "RFC 7644 §3.7.4";
const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
const USERS: &[Need] = &[Bulk, Type("User")];
const NICK: &[Need] = &[Bulk, Attribute("User", "nickName")];
const MEMBERS: &[Need] = &[Bulk, Type("User"), Attribute("Group", "members.value")];

const CASES: &[Case] = &[
    Case::must("bulk-status", SECTION, "A bulk request that is processed is answered 200.", run!(status)).needs(USERS),
    Case::must("bulk-schemas", SECTION, "The answer is identified as a BulkResponse.", run!(schemas)).needs(USERS),
    Case::must("bulk-post", SECTION, "A POST in a bulk request makes the resource.", run!(post)).needs(USERS),
    Case::must("bulk-put", SECTION, "A PUT in a bulk request replaces the resource.", run!(write, "PUT")).needs(NICK),
    Case::must("bulk-patch", SECTION, "A PATCH in a bulk request changes the resource.", run!(write, "PATCH"))
        .needs(&[Bulk, Patch, Attribute("User", "nickName")]),
    Case::must("bulk-delete", SECTION, "A DELETE in a bulk request removes the resource.", run!(delete)).needs(USERS),
    Case::must("bulk-id", SECTION, "The result of a POST has the bulkId of its operation.", run!(bulk_id)).needs(USERS),
    Case::must(
        "bulk-operation-status",
        RESULT,
        "The result of an operation has the status that a single request would have.",
        run!(operation_status),
    )
    .needs(USERS),
    Case::must("bulk-location", RESULT, "The result of a POST has the location of the new resource.", run!(location))
        .needs(USERS),
    Case::must(
        "bulk-location-others",
        RESULT,
        "The result of an operation on a resource has the resource's location.",
        run!(other_location),
    )
    .needs(USERS),
    Case::must(
        "bulk-every-result",
        RESULT,
        "The answer has the result of every operation that was processed.",
        run!(every_result),
    )
    .needs(USERS),
    Case::must(
        "bulk-reference",
        BULK_ID,
        "A reference to a bulkId becomes the id of the resource that is made.",
        run!(reference, false),
    )
    .needs(MEMBERS),
    Case::should(
        "bulk-reference-ahead",
        "RFC 7644 §3.7.1",
        "A reference may be to a resource that is made by a later operation.",
        run!(reference, true),
    )
    .needs(MEMBERS),
    Case::must(
        "bulk-reference-extension",
        BULK_ID,
        "References in attributes of extensions are resolved too.",
        run!(manager),
    )
    .needs(&[Bulk, Attribute("User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value")]),
    Case::must("bulk-reference-patch", BULK_ID, "References in a PATCH are resolved too.", run!(reference_in_patch))
        .needs(&[Bulk, Patch, Type("User"), Attribute("Group", "members.value")]),
    Case::must(
        "bulk-circular",
        "RFC 7644 §3.7.1",
        "Resources that refer to each other in a circle are made, or refused with 409.",
        run!(circular),
    )
    .needs(&[Bulk, Attribute("Group", "members.value")]),
    Case::must(
        "bulk-goes-on",
        SECTION,
        "An operation that fails does not keep the others from being done.",
        run!(goes_on),
    )
    .needs(USERS),
    Case::must(
        "bulk-error",
        SECTION,
        "The result of an operation that fails has its status and the error of SCIM as its response.",
        run!(error),
    )
    .needs(USERS),
    Case::should(
        "bulk-fail-on-errors",
        SECTION,
        "After as many errors as failOnErrors says, no more operations are done.",
        run!(fail_on_errors, 1, false),
    )
    .needs(USERS),
    Case::must(
        "bulk-fail-on-errors-more",
        SECTION,
        "Fewer errors than failOnErrors says do not end the request.",
        run!(fail_on_errors, 2, true),
    )
    .needs(USERS),
    Case::must(
        "bulk-unknown-reference",
        BULK_ID,
        "No resource is made with a reference to a bulkId that nothing has.",
        run!(unknown_reference),
    )
    .needs(MEMBERS),
    Case::must(
        "bulk-stale",
        "RFC 7232 §3.1",
        "An operation with another version than the resource's is not done.",
        run!(stale),
    )
    .needs(&[Bulk, Etag, Type("User")]),
    Case::must(
        "bulk-most-operations",
        LIMITS,
        "More operations than bulk.maxOperations are refused with 413.",
        run!(most_operations, false),
    )
    .needs(USERS),
    Case::must(
        "bulk-most-operations-detail",
        LIMITS,
        "The answer to too many operations says what the limit is.",
        run!(most_operations, true),
    )
    .needs(USERS),
    Case::must(
        "bulk-most-bytes",
        LIMITS,
        "A body larger than bulk.maxPayloadSize is refused with 413.",
        run!(most_bytes),
    )
    .needs(USERS),
    Case::should(
        "bulk-not-a-request",
        "RFC 7644 §3.12",
        "A body without Operations is refused with 400.",
        run!(not_a_request),
    )
    .needs(USERS),
];

async fn send(scim: &Context, operations: Value) -> Result<Answer, Stop> {
    scim.post("/Bulk", &json!({"schemas": [REQUEST], "Operations": operations})).await
}

/// The results of the operations, which have to be processed.
async fn results(scim: &Context, operations: Value) -> Result<Vec<Value>, Stop> {
    let answer = send(scim, operations).await?;
    let body = answer.status(200).and_then(Answer::object).map_err(|stop| about(stop, "bulk-status"))?;
    let operations = &body["Operations"];
    let results = operations.as_array().cloned();
    results.ok_or_else(|| Stop::Unmet(format!("Expected Operations in the answer to be a list; it is {operations}.")))
}

/// An operation that makes a user.
fn make(scim: &Context, bulk_id: &str) -> Value {
    json!({"method": "POST", "path": scim.users(), "bulkId": bulk_id, "data": scim.user().body()})
}

/// An operation that makes a group with this member.
fn group(scim: &Context, bulk_id: &str, member: &str) -> Value {
    let draft = scim.group().with(json!({"members": [{"value": member}]}));
    json!({"method": "POST", "path": scim.endpoint("Group"), "bulkId": bulk_id, "data": draft.body()})
}

/// The result of the operation with this bulkId.
fn of<'a>(results: &'a [Value], bulk_id: &str) -> Result<&'a Value, Stop> {
    let found = results.iter().find(|one| one["bulkId"] == bulk_id);
    found.ok_or_else(|| Stop::Unmet(format!("Expected a result with the bulkId {bulk_id}; there is none.")))
}

/// Demands the status of an operation.
fn has_status(result: &Value, expect: &[u16]) -> Outcome {
    let got = status_of(result);
    let wanted: Vec<_> = expect.iter().map(u16::to_string).collect();
    let fits = got.is_some_and(|got| expect.contains(&got));
    ensure!(fits, "Expected the operation's status to be {}; it is {}.", wanted.join(" or "), brief(&result["status"]));
    Ok(())
}

/// What stands at the location of a result.
async fn at(scim: &Context, result: &Value) -> Result<Value, Stop> {
    let Some(location) = result["location"].as_str() else {
        return Err(Stop::Unmet(format!("Expected a location in the result {}; there is none.", brief(result))));
    };
    let answer = scim.follow(location)?.await?;
    scim.get_taken(&answer).await?;
    Ok(answer.object()?.clone())
}

async fn status(scim: &Context) -> Outcome {
    send(scim, json!([make(scim, "one")])).await?.status(200)?;
    Ok(())
}

async fn schemas(scim: &Context) -> Outcome {
    let answer = send(scim, json!([make(scim, "one")])).await?;
    let body = answer.status(200).and_then(Answer::object).map_err(|stop| about(stop, "bulk-status"))?;
    let schemas = &body["schemas"];
    let named = schemas.as_array().is_some_and(|schemas| schemas.iter().any(|one| one == RESPONSE));
    ensure!(named, "Expected {RESPONSE} among schemas; they are {schemas}.");
    Ok(())
}

async fn post(scim: &Context) -> Outcome {
    let operation = make(scim, "one");
    let results = results(scim, json!([operation])).await?;
    let user = at(scim, of(&results, "one")?).await?;
    equals(&user, "/userName", operation["data"]["userName"].clone())
}

/// Demands that a PUT or PATCH of nickName is done.
async fn write(scim: &Context, method: &str) -> Outcome {
    let draft = scim.user();
    let user = draft.create().await?;
    let data = if method == "PUT" {
        draft.with(json!({"nickName": "Babs"})).body().clone()
    } else {
        json!({"schemas": [PATCH_OP], "Operations": [{"op": "add", "path": scim.text_name("nickName"), "value": "Babs"}]})
    };
    results(scim, json!([{"method": method, "path": user.path, "data": data}])).await?;
    equals(&scim.read(&user).await?, &scim.at("nickName"), "Babs")
}

async fn delete(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    scim.read(&user).await?;
    results(scim, json!([{"method": "DELETE", "path": user.path}])).await?;
    scim.get(&user.path).await?.status(404)?;
    Ok(())
}

async fn bulk_id(scim: &Context) -> Outcome {
    let results = results(scim, json!([make(scim, "one"), make(scim, "two")])).await?;
    of(&results, "one")?;
    of(&results, "two")?;
    Ok(())
}

async fn operation_status(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let operations = json!([make(scim, "one"), {"method": "DELETE", "path": user.path}]);
    let results = results(scim, operations).await?;
    has_status(of(&results, "one")?, &[201])?;
    let deleted = results.iter().find(|one| one["method"] == "DELETE").unwrap_or(&Value::Null);
    has_status(deleted, &[204])
}

async fn location(scim: &Context) -> Outcome {
    let results = results(scim, json!([make(scim, "one")])).await?;
    at(scim, of(&results, "one")?).await?;
    Ok(())
}

async fn other_location(scim: &Context) -> Outcome {
    let draft = scim.user();
    let user = draft.create().await?;
    let operation = json!({"method": "PUT", "path": user.path, "data": draft.body()});
    let results = results(scim, json!([operation])).await?;
    equals(&at(scim, results.first().unwrap_or(&Value::Null)).await?, "/id", user.id)
}

async fn every_result(scim: &Context) -> Outcome {
    let found = results(scim, json!([make(scim, "one"), make(scim, "two"), make(scim, "three")])).await?.len();
    ensure!(found == 3, "Expected the results of 3 operations; there are {found}.");
    Ok(())
}

async fn reference(scim: &Context, ahead: bool) -> Outcome {
    let (user, group) = (make(scim, "user"), group(scim, "group", "bulkId:user"));
    let operations = if ahead { json!([group, user]) } else { json!([user, group]) };
    let results = results(scim, operations).await?;
    let user = at(scim, of(&results, "user")?).await?;
    let group = of(&results, "group")?;
    if ahead && status_of(group) == Some(409) {
        return Err(Stop::Skip("The server answers 409 to what refers ahead, as it may (RFC 7644 §3.7.1).".to_owned()));
    }
    let group = at(scim, group).await?;
    holds(&group, &json!({"members": [{"value": user["id"]}]}))
}

async fn manager(scim: &Context) -> Outcome {
    let manager = json!({ENTERPRISE: {"manager": {"value": "bulkId:boss"}}});
    let draft = scim.user().with(manager);
    let report = json!({"method": "POST", "path": scim.users(), "bulkId": "report", "data": draft.body()});
    let results = results(scim, json!([make(scim, "boss"), report])).await?;
    let boss = at(scim, of(&results, "boss")?).await?;
    let report = at(scim, of(&results, "report")?).await?;
    holds(&report, &json!({ENTERPRISE: {"manager": {"value": boss["id"]}}}))
}

async fn reference_in_patch(scim: &Context) -> Outcome {
    let group = scim.group().create().await?;
    let add = json!({"op": "add", "path": "members", "value": [{"value": "bulkId:user"}]});
    let patch = json!({"method": "PATCH", "path": group.path,
        "data": {"schemas": [PATCH_OP], "Operations": [add]}});
    let results = results(scim, json!([make(scim, "user"), patch])).await?;
    let user = at(scim, of(&results, "user")?).await?;
    holds(&scim.read(&group).await?, &json!({"members": [{"value": user["id"]}]}))
}

async fn circular(scim: &Context) -> Outcome {
    let answer = send(scim, json!([group(scim, "a", "bulkId:b"), group(scim, "b", "bulkId:a")])).await?;
    if answer.status == 409 {
        return Ok(());
    }
    if answer.status(200).is_err() {
        results(scim, json!([make(scim, "one")])).await?;
    }
    let results = answer.status(200)?.object()?["Operations"].as_array().cloned().unwrap_or_default();
    let (a, b) = (of(&results, "a")?, of(&results, "b")?);
    if [a, b].iter().any(|one| status_of(one) == Some(409)) {
        return Ok(());
    }
    let (a, b) = (at(scim, a).await?, at(scim, b).await?);
    holds(&a, &json!({"members": [{"value": b["id"]}]}))?;
    holds(&b, &json!({"members": [{"value": a["id"]}]}))
}

/// An operation that cannot be done.
fn failing(scim: &Context) -> Value {
    json!({"method": "DELETE", "path": format!("{}/{}", scim.users(), scim.fresh_name())})
}

async fn goes_on(scim: &Context) -> Outcome {
    let results = results(scim, json!([failing(scim), make(scim, "one")])).await?;
    at(scim, of(&results, "one")?).await?;
    Ok(())
}

async fn error(scim: &Context) -> Outcome {
    let results = results(scim, json!([failing(scim)])).await?;
    let result = results.first().unwrap_or(&Value::Null);
    let failed = status_of(result).is_some_and(|status| status >= 400);
    ensure!(failed, "Expected the operation's status to be an error; it is {}.", brief(&result["status"]));
    let response = &result["response"];
    let fits = response["schemas"][0] == ERROR;
    ensure!(fits, "Expected the response of the failed operation to be an error of SCIM; it is {}.", brief(response));
    Ok(())
}

/// One operation fails before one that could be done.
async fn fail_on_errors(scim: &Context, most: u32, goes_on: bool) -> Outcome {
    let draft = scim.user();
    let user = draft.create().await?;
    let operations = json!([failing(scim), {"method": "DELETE", "path": user.path}]);
    let body = json!({"schemas": [REQUEST], "failOnErrors": most, "Operations": operations});
    let answer = scim.post("/Bulk", &body).await?;
    answer.status(200).map_err(|stop| about(stop, "bulk-status"))?;
    let is_there = scim.get(&user.path).await?.status == 200;
    let done = if goes_on { "to be done; it was not" } else { "not to be done; it was" };
    ensure!(is_there != goes_on, "Expected the operation after the first error {done} (failOnErrors is {most}).");
    Ok(())
}

async fn unknown_reference(scim: &Context) -> Outcome {
    let results = results(scim, json!([group(scim, "group", "bulkId:nobody")])).await?;
    let result = of(&results, "group")?;
    if status_of(result).is_some_and(|status| status >= 400) {
        return Ok(());
    }
    let group = at(scim, result).await?;
    let left = group["members"].to_string().contains("nobody");
    ensure!(!left, "Expected no member that is an unresolved bulkId; there is one.");
    Ok(())
}

async fn stale(scim: &Context) -> Outcome {
    let user = scim.user().create().await?;
    let version = "W/\"no-version-of-this-resource\"";
    let results = results(scim, json!([{"method": "DELETE", "path": user.path, "version": version}])).await?;
    has_status(results.first().unwrap_or(&Value::Null), &[409, 412])?;
    scim.get_taken(&scim.get(&user.path).await?).await
}

/// A limit of bulk requests that this tool can exceed.
fn limit(scim: &Context, name: &str, most: u64) -> Result<usize, Stop> {
    let limit = scim.discovery().config()["bulk"][name].as_u64().filter(|limit| *limit <= most);
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    limit.ok_or_else(|| Stop::Skip(format!("bulk.{name} is not declared, or over {most}: it is not tried.")))
}

/// Demands 413. What breaks always is for bulk-status.
fn exceeded(answer: &Answer) -> Outcome {
    let refused = answer.status(413).map(|_| ());
    refused.map_err(|stop| if answer.status >= 500 { about(stop, "bulk-status") } else { stop })
}

async fn most_operations(scim: &Context, says: bool) -> Outcome {
    let limit = limit(scim, "maxOperations", 10_000)?;
    // Nothing would be done if they were taken: there are no such users.
    let operations: Vec<_> = (0..=limit).map(|_| failing(scim)).collect();
    let answer = send(scim, Value::Array(operations)).await?;
    exceeded(&answer)?;
    let said = answer.body.contains(&limit.to_string());
    ensure!(!says || said, "Expected the error to say the limit, {limit}; it does not.");
    Ok(())
}

async fn most_bytes(scim: &Context) -> Outcome {
    let limit = limit(scim, "maxPayloadSize", 16 * 1024 * 1024)?;
    let padding = "x".repeat(limit);
    let body = json!({"schemas": [REQUEST], "Operations": [failing(scim)], "padding": padding});
    match scim.post("/Bulk", &body).await {
        Ok(answer) => exceeded(&answer),
        // The server may answer and close before all is sent; then the answer cannot always be read.
        Err(Stop::Error(why)) => Err(Stop::Skip(format!("The connection was closed before an answer came. {why}"))),
        Err(other) => Err(other),
    }
}

async fn not_a_request(scim: &Context) -> Outcome {
    scim.post("/Bulk", &json!({"schemas": [REQUEST]})).await?.status(400)?;
    Ok(())
}
