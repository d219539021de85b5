//! Peculiarities of servers that were found on real ones: what no RFC forbids, and what it forbids in one place. No
//! case fails for what another one is about.

use std::{
    collections::{HashMap, HashSet},
    sync::Mutex,
    time::{Duration, Instant},
};

use conformance::{Manner, Settings, Verdict, cases, connect_as, examine};
use serde_json::{Value, json};

use crate::{
    broken::{Answer, Asked, BrokenServer, Fault, TOKEN, fault::on},
    cases::reach,
};

/// Examines a server with that fault by the cases whose ids begin so. Those that are wrong have to be `allowed`, which
/// are parts of ids; an error never is.
async fn accuses_only(fault: Fault, chosen: &[&str], allowed: &[&str]) {
    let broken = BrokenServer::start().await;
    broken.break_with(fault);
    let server = reach(&broken).await;
    let chosen: Vec<_> = cases().filter(|(_, case)| chosen.iter().any(|start| case.id.starts_with(start))).collect();
    assert!(!chosen.is_empty());
    let findings = examine(&server, &chosen, 4, |_| {}).await;
    let wrong = findings.iter().filter(|one| match one.verdict {
        Verdict::Fail | Verdict::Warn => !allowed.iter().any(|part| one.id.contains(part)),
        Verdict::Error => true,
        Verdict::Pass | Verdict::Skip => false,
    });
    let wrong: Vec<_> = wrong.map(|one| format!("{}: {}", one.id, one.reason.as_deref().unwrap_or_default())).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for part in allowed {
        let found = findings.iter().any(|one| one.id.contains(part) && one.verdict < Verdict::Skip);
        assert!(found, "{part} has to be wrong, or it is not to be allowed");
    }
}

const ALL: &[&str] = &[""];

fn error(status: u16, keyword: &str) -> Answer {
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:Error"];
    Answer::new(status, json!({"schemas": schemas, "status": status.to_string(), "scimType": keyword}))
}

/// RFC 7644 §3.12: 501 says that the request is not supported.
#[tokio::test]
async fn a_server_without_patch_that_declares_it() {
    accuses_only(on("PATCH **").refuses(501), ALL, &["modify-offered"]).await;
}

/// RFC 7644 §3.3 and §3.5.1: a server may assign defaults.
#[tokio::test]
async fn a_server_that_gives_users_an_address() {
    let gives = on("* **").takes(|asked: &mut Asked| {
        let mut body = asked.json();
        let has_none = body["emails"].as_array().is_none_or(Vec::is_empty);
        if asked.path.starts_with("/Users") && ["POST", "PUT"].contains(&&*asked.method) && has_none {
            body["emails"] = json!([{"value": body["userName"], "primary": true}]);
            asked.body = body.to_string();
        }
    });
    accuses_only(gives, &["attribute-", "create-", "modify-", "replace-"], &[]).await;
}

/// One value that is lost is lost in each case that uses it.
#[tokio::test]
async fn a_server_that_drops_an_attribute() {
    let drops = on("* **").gives(|_, answer| {
        let Some(body) = answer.body.as_mut() else { return };
        let drop = |one: &mut Value| one.as_object_mut().and_then(|members| members.shift_remove("nickName"));
        drop(body);
        body["Resources"].as_array_mut().into_iter().flatten().for_each(|one| {
            drop(one);
        });
    });
    accuses_only(drops, ALL, &[":User:nickName"]).await;
}

/// A member that is not told by its id is told so once.
#[tokio::test]
async fn a_server_that_shows_members_by_name() {
    let by_name = on("* **").gives(|asked, answer| {
        let members = answer.body.as_mut().and_then(|body| body["members"].as_array_mut());
        for one in members.into_iter().flatten().filter(|_| asked.path.starts_with("/Groups")) {
            one["value"] = json!("somebody@example.com");
        }
    });
    let allowed = ["create-group-members", "each-create:Group:members"];
    accuses_only(by_name, &["group-", "robust-", "create-", "each-create", "replace-"], &allowed).await;
}

/// A tag may be made of a time in whole seconds, if it is weak (RFC 7232 §2.1): here of every second version.
#[tokio::test]
async fn a_server_with_coarse_versions() {
    let coarse = on("* **").gives(|_, answer| {
        for (_, tag) in answer.headers.iter_mut().filter(|(name, _)| name == "etag") {
            let number: u64 = tag.trim_start_matches("W/").trim_matches('"').parse().expect("a version");
            *tag = format!("W/\"{}\"", number.div_ceil(2));
        }
    });
    accuses_only(coarse, &["version-changes", "each-version", "group-patch-version"], &[]).await;
}

/// What a server fails at is not what the case is about.
#[tokio::test]
async fn a_server_that_fails_at_count() {
    let fails = on("GET /Users").having("count=").status(500);
    accuses_only(fails, &["robust-", "auth-scheme-case", "discovery-types-endpoint"], &[]).await;
}

#[tokio::test]
async fn a_server_that_limits_start_index() {
    let limits = on("GET **").gives(|asked, answer| {
        if asked
            .parameter("startIndex")
            .and_then(|start| start.parse().ok())
            .is_some_and(|start: u64| start > 1_000_000)
        {
            *answer = error(400, "invalidValue");
        }
    });
    accuses_only(limits, &["page-", "sort-"], &[]).await;
}

/// The addresses of two users of one case are not the same.
#[tokio::test]
async fn a_server_whose_addresses_are_unique() {
    let known = Mutex::new(HashSet::new());
    let unique = on("POST /Users").gives(move |asked, answer| {
        for one in asked.json()["emails"].as_array().into_iter().flatten() {
            if !known.lock().expect("no panic").insert(one["value"].to_string()) {
                *answer = error(409, "uniqueness");
            }
        }
    });
    accuses_only(unique, &["create-multi-valued"], &[]).await;
}

/// RFC 7644 §3.5.2.3 asks for noTarget where a path selects nothing, and not where it is not taken at all.
#[tokio::test]
async fn a_server_without_filters_in_paths() {
    let declines = on("PATCH /Users/*").having("[").gives(|asked, answer| {
        if asked.body.contains("[value") || asked.body.contains("[type") {
            *answer = error(400, "invalidPath");
        }
    });
    accuses_only(declines, &["modify-replace-no-match"], &[]).await;
}

/// RFC 7643 §3.1 asks for no `lastModified`.
#[tokio::test]
async fn a_server_without_times_of_change() {
    let without = on("GET **").omits("/meta/lastModified");
    accuses_only(without, &["group-patch-time", "modify-last-modified"], &[]).await;
}

/// What is required is not to be removed, and is not lacking at first.
#[tokio::test]
async fn a_server_that_requires_more() {
    let requires = on("* **").gives(|asked, answer| {
        let removes = |name: &str| asked.body.contains(&format!("\"op\":\"remove\",\"path\":\"{name}\""));
        if asked.method == "PATCH" && (removes("members") || removes("name")) {
            *answer = error(400, "mutability");
        }
        let schemas = answer.body.as_mut().and_then(|body| body["Resources"].as_array_mut());
        for schema in schemas.into_iter().flatten().filter(|_| asked.path == "/Schemas") {
            for one in schema["attributes"].as_array_mut().into_iter().flatten() {
                if one["name"] == "members" || one["name"] == "name" {
                    one["required"] = json!(true);
                }
            }
        }
    });
    accuses_only(requires, &["modify-remove-complex", "group-remove-all", "group-patch-in-order"], &[]).await;
}

/// RFC 7644 §3.3 wants 201, which is said once. What was made is found and removed all the same.
#[tokio::test]
async fn a_server_that_makes_users_with_200() {
    let makes = on("POST /Users").gives(|_, answer| {
        if answer.status == 201 {
            answer.status = 200;
        }
    });
    accuses_only(makes, ALL, &["create-status"]).await;
}

/// RFC 7644 §3.3: the body SHOULD have the new resource. Where it is is in the header.
#[tokio::test]
async fn a_server_that_makes_users_without_a_word() {
    let without = on("POST /Users").gives(|_, answer| {
        if answer.status == 201 {
            answer.body = None;
        }
    });
    accuses_only(without, ALL, &["create-body"]).await;
}

/// RFC 7644 §3.5.2: 204 is as good as 200, unless attributes are asked for.
#[tokio::test]
async fn a_server_that_patches_without_a_word() {
    let without = on("PATCH **").lacking("attributes=").gives(|_, answer| {
        if answer.status == 200 {
            *answer = Answer::empty(204);
        }
    });
    accuses_only(without, ALL, &[]).await;
}

/// RFC 7644 §3.4.2: Resources is required where there are any, and what is whole need not say where it stands.
#[tokio::test]
async fn a_server_that_says_no_more_than_it_must() {
    let sparing = on("* **").gives(|_, answer| {
        let Some(list) = answer.body.as_mut().and_then(Value::as_object_mut) else { return };
        let found = list.get("Resources").and_then(Value::as_array).map(Vec::len);
        let total = list.get("totalResults").and_then(Value::as_u64).and_then(|total| usize::try_from(total).ok());
        if found == Some(0) {
            list.shift_remove("Resources");
        }
        if total.is_some() && total <= found {
            list.shift_remove("startIndex");
            list.shift_remove("itemsPerPage");
        }
    });
    accuses_only(sparing, ALL, &[]).await;
}

/// RFC 7644 §3.4.2.4, table 6: totalResults is an integer. A text is one fault.
#[tokio::test]
async fn a_server_that_counts_in_texts() {
    let texts = on("GET **").gives(|_, answer| {
        if let Some(list) = answer.body.as_mut().filter(|list| list["totalResults"].is_number()) {
            list["totalResults"] = json!(list["totalResults"].to_string());
        }
    });
    let allowed = ["query-total", "page-total", "discovery-types-list", "discovery-schemas-list"];
    accuses_only(texts, ALL, &allowed).await;
}

/// An endpoint may end with a slash (RFC 7643 §6); its URL is what is declared, and another URL is not found.
#[tokio::test]
async fn a_server_whose_endpoints_end_with_a_slash() {
    let slashes = on("* **").gives(|asked, answer| {
        if ["/Users", "/Groups", "/Devices"].contains(&asked.path.as_str()) {
            *answer = error(404, "");
        }
        let types = answer.body.as_mut().and_then(|body| body["Resources"].as_array_mut());
        for one in types.into_iter().flatten().filter(|_| asked.path == "/ResourceTypes") {
            if let Some(endpoint) = one["endpoint"].as_str() {
                one["endpoint"] = json!(format!("{endpoint}/"));
            }
        }
    });
    accuses_only(slashes, &["create-", "retrieve-", "query-", "page-", "group-", "discovery-"], &[]).await;
}

/// A server whose reads show a new user after a while, and a run that waits so long after each write.
#[tokio::test]
async fn a_server_that_settles_late() {
    let broken = BrokenServer::start().await;
    let made: Mutex<HashMap<String, Instant>> = Mutex::default();
    broken.break_with(on("* **").gives(move |asked, answer| {
        let mut made = made.lock().expect("no panic");
        let id = asked.path.trim_start_matches("/Users/").to_owned();
        if asked.method == "POST" && answer.status == 201 {
            let id = answer.body.as_ref().and_then(|body| body["id"].as_str()).unwrap_or_default();
            made.insert(id.to_owned(), Instant::now());
        } else if made.get(&id).is_some_and(|made| made.elapsed() < Duration::from_millis(20)) {
            *answer = error(404, "");
        }
    }));
    let settings = Settings { token: Some(TOKEN.to_owned()), ..Settings::default() };
    let manner = Manner { settle: Duration::from_millis(100), ..Manner::default() };
    let server = connect_as(&broken.url, &settings, "0a1b2c", manner).await.expect("a SCIM server");
    let chosen: Vec<_> = cases().filter(|(area, _)| area.tag == "retrieve").collect();
    let findings = examine(&server, &chosen, 4, |_| {}).await;
    let wrong: Vec<_> = findings.iter().filter(|one| one.verdict != Verdict::Pass).map(|one| &one.reason).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The members of a group are resources, also where the schema does not say so.
#[tokio::test]
async fn a_server_whose_schema_has_no_references() {
    let strict = on("* **").gives(|asked, answer| {
        if asked.method != "GET"
            && asked.path.starts_with("/Groups")
            && asked.body.contains("\"scim-conformance-0a1b2c-")
        {
            let body = asked.json();
            let members = body["members"].as_array().or_else(|| body["Operations"][0]["value"].as_array());
            let unknown = |one: &Value| one["value"].as_str().is_some_and(|id| id.starts_with("scim-conformance"));
            if members.is_some_and(|all| all.iter().any(unknown)) {
                *answer = Answer::empty(500);
            }
        }
        let schemas = answer.body.as_mut().and_then(|body| body["Resources"].as_array_mut());
        for schema in schemas.into_iter().flatten().filter(|_| asked.path == "/Schemas") {
            for one in schema["attributes"].as_array_mut().into_iter().flatten() {
                if let Some(parts) = one["subAttributes"].as_array_mut() {
                    parts.retain(|part| part["name"] != "$ref");
                }
            }
        }
    });
    accuses_only(strict, &["each-"], &[]).await;
}

/// The parts of a read-only attribute may be read-only too: no client can write a value of it.
#[tokio::test]
async fn a_server_with_read_only_parts() {
    let read_only = on("* **").gives(|asked, answer| {
        if asked.method == "POST" && asked.body.contains("\"badges\":[{}]") {
            *answer = error(400, "invalidValue");
        }
        let schemas = answer.body.as_mut().and_then(|body| body["Resources"].as_array_mut());
        for schema in schemas.into_iter().flatten().filter(|_| asked.path == "/Schemas") {
            let is_user = schema["id"] == "urn:ietf:params:scim:schemas:core:2.0:User";
            let attributes = schema["attributes"].as_array_mut().filter(|_| is_user);
            if let Some(attributes) = attributes {
                let part = json!({"name": "value", "type": "string", "mutability": "readOnly"});
                attributes.insert(
                    0,
                    json!({"name": "badges", "type": "complex", "multiValued": true,
                    "mutability": "readOnly", "subAttributes": [part]}),
                );
            }
        }
    });
    accuses_only(read_only, &["attribute-read-only-"], &[]).await;
}

/// An attribute that is immutable and required has a value from the beginning.
#[tokio::test]
async fn a_server_whose_user_names_are_immutable() {
    let immutable = on("* **").gives(|asked, answer| {
        if asked.method == "PUT" && answer.status < 300 && asked.path.starts_with("/Users/") {
            *answer = error(400, "mutability");
        }
        let schemas = answer.body.as_mut().and_then(|body| body["Resources"].as_array_mut());
        for schema in schemas.into_iter().flatten().filter(|_| asked.path == "/Schemas") {
            for one in schema["attributes"].as_array_mut().into_iter().flatten() {
                one["mutability"] = if one["name"] == "userName" { json!("immutable") } else { json!("readWrite") };
            }
        }
    });
    accuses_only(immutable, &["attribute-immutable-put-first", "attribute-immutable-patch-first"], &[]).await;
}
