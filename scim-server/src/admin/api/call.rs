//! From a request of HTTP to the command that it is. Pure.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::table::{Kind, ROUTES, Route};
use crate::admin::AdminRequest;

/// What a path is, with a method.
#[derive(Debug)]
pub(super) enum Found {
    /// That one, with the parts of the path by their names.
    Route(&'static Route, Vec<(&'static str, String)>),
    /// The path takes other methods: these.
    Methods(Vec<&'static str>),
    /// There is no such path.
    Nothing,
}

/// Looks for a path, which stands behind `/admin/v1`.
pub(super) fn find(method: &str, path: &str) -> Found {
    let mut methods = Vec::new();
    for route in ROUTES.iter().copied().flatten() {
        let Some(parts) = parts(route.path, path) else { continue };
        if route.method == method {
            return Found::Route(route, parts);
        }
        methods.push(route.method);
    }
    if methods.is_empty() { Found::Nothing } else { Found::Methods(methods) }
}

/// The parts of a path that stand where the other one has names in braces; `None` if it is another path.
fn parts(wanted: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let (mut wanted, mut given) = (wanted.split('/'), path.split('/'));
    let mut parts = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(parts),
            (Some(wanted), Some(given)) => match name(wanted, '{', "}") {
                Some(name) => {
                    let part = percent_decode_str(given).decode_utf8().ok().filter(|part| !part.is_empty())?;
                    parts.push((name, part.into_owned()));
                }
                None if wanted == given => {}
                None => return None,
            },
            _ => return None,
        }
    }
}

/// The name in a hole.
pub(super) fn name<'a>(text: &'a str, begin: char, end: &str) -> Option<&'a str> {
    text.strip_prefix(begin)?.strip_suffix(end)
}

/// The command that a route is with these parts of the path, this query and this body. The error says what is wrong.
pub(super) fn command(
    route: &Route,
    parts: &[(&str, String)],
    query: Option<&str>,
    body: Map<String, Value>,
) -> Result<AdminRequest, String> {
    let mut given = parameters(route, query.unwrap_or_default())?;
    let mut placed = Map::new();
    for (name, _) in route.query.iter().filter(|(name, _)| route.command.contains(&format!("\"?{name}\""))) {
        placed.extend(given.shift_remove_entry(*name));
    }
    for (name, value) in body {
        if given.insert(name.clone(), value).is_some() {
            return Err(format!("{name:?} is in the query and in the body; name it once."));
        }
    }
    let template = serde_json::from_str(route.command).map_err(|error| error.to_string())?;
    let command = fill(template, parts, &placed, &mut given)?.unwrap_or_default();
    if let Some(name) = given.keys().next() {
        return Err(format!("This path takes no member {name:?}; leave it out."));
    }
    serde_json::from_value(command).map_err(|error| format!("The request cannot be used: {error}."))
}

/// The parameters of a query, each of the kind that the route says.
fn parameters(route: &Route, query: &str) -> Result<Map<String, Value>, String> {
    let mut parameters = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name)?, decoded(value)?);
        let Some((_, kind)) = route.query.iter().find(|(known, _)| *known == name) else {
            let known: Vec<_> = route.query.iter().map(|(name, _)| *name).collect();
            return Err(match known.as_slice() {
                [] => format!("There is no parameter {name:?} here, and no other: leave the query out."),
                known => format!("There is no parameter {name:?} here; there are: {}.", known.join(", ")),
            });
        };
        let value = match kind {
            Kind::Text => Value::String(value),
            Kind::Number => value.parse::<u64>().map(Value::from).map_err(|_| format!("{name:?} must be a number."))?,
            Kind::Flag => match value.as_str() {
                "true" | "" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => return Err(format!("{name:?} must be true or false.")),
            },
        };
        if parameters.insert(name.clone(), value).is_some() {
            return Err(format!("The parameter {name:?} is there twice; name it once."));
        }
    }
    Ok(parameters)
}

fn decoded(text: &str) -> Result<String, String> {
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| "The query is not UTF-8.".to_owned())
}

/// A template with its holes filled; `None` in place of a parameter that is not given.
fn fill(
    template: Value,
    parts: &[(&str, String)],
    placed: &Map<String, Value>,
    given: &mut Map<String, Value>,
) -> Result<Option<Value>, String> {
    match template {
        Value::String(text) => {
            if let Some(name) = text.strip_prefix('?') {
                return Ok(placed.get(name).cloned());
            }
            let part = name(&text, '{', "}").and_then(|name| parts.iter().find(|(known, _)| *known == name));
            Ok(Some(Value::String(part.map_or(text, |(_, part)| part.clone()))))
        }
        Value::Object(template) => {
            let takes_rest = template.contains_key("*");
            let mut filled = Map::new();
            for (name, value) in template.into_iter().filter(|(name, _)| name != "*") {
                if let Some(value) = fill(value, parts, placed, given)? {
                    filled.insert(name, value);
                }
            }
            if takes_rest {
                for (name, value) in std::mem::take(given) {
                    if filled.contains_key(&name) {
                        return Err(format!("{name:?} is said by the path; leave it out."));
                    }
                    filled.insert(name, value);
                }
            }
            Ok(Some(Value::Object(filled)))
        }
        other => Ok(Some(other)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn made(method: &str, target: &str, body: Value) -> Result<AdminRequest, String> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let Found::Route(route, parts) = find(method, path) else { panic!("there is no {method} {path}") };
        let Value::Object(body) = body else { panic!("{body}") };
        command(route, &parts, Some(query), body)
    }

    #[track_caller]
    fn check(method: &str, target: &str, body: Value, expect: Value) {
        assert_eq!(made(method, target, body), Ok(serde_json::from_value(expect).unwrap()));
    }

    #[track_caller]
    fn wrong(method: &str, target: &str, body: Value, expect: &str) {
        let error = made(method, target, body).expect_err("it is wrong");
        assert!(error.contains(expect), "{error}");
    }

    #[test]
    fn a_request_is_its_path_its_query_and_its_body() {
        check("GET", "/tenants/a%20b", json!({}), json!({"command": "tenant-show", "tenant": "a b"}));
        check(
            "GET",
            "/tenants/a/resources/User?limit=5&filter=title+eq+%22a%26b%22",
            json!({}),
            json!({"command": "list", "tenant": "a", "resource_type": "User", "filter": "title eq \"a&b\"", "limit": 5}),
        );
        check(
            "PUT",
            "/tenants/a/roles/r?dry_run=true",
            json!({"role": "admin", "group": "g"}),
            json!({"command": "rules", "tenant": "a", "request": {"role": {
                "request": {"set": {"name": "r", "role": "admin", "group": "g"}}, "dry_run": true,
            }}}),
        );
        check(
            "POST",
            "/tenants/a/brake/undo",
            json!({"dry_run": true}),
            json!({"command": "brake", "tenant": "a", "request": {"undo": {"dry_run": true}}}),
        );
    }

    #[test]
    fn what_is_left_out_has_its_usual_meaning() {
        let year = 365 * 24 * 60 * 60;
        check(
            "POST",
            "/tenants/a/tokens",
            json!({}),
            json!({"command": "token-create", "tenant": "a", "scopes": ["read", "write"], "seconds": year}),
        );
        check("DELETE", "/tenants/a", json!({}), json!({"command": "tenant-delete", "tenant": "a", "force": false}));
        check(
            "POST",
            "/tenants",
            json!({"name": "a"}),
            json!({"command": "tenant-create", "name": "a", "settings": {}}),
        );
    }

    #[test]
    fn what_is_not_known_is_refused() {
        wrong("GET", "/tenants?all=true", json!({}), "no parameter \"all\"");
        wrong("GET", "/tenants", json!({"all": true}), "no member \"all\"");
        wrong("POST", "/tenants", json!({"nam": "a"}), "unknown field `nam`");
        wrong("POST", "/tenants", json!({"name": "a", "settings": {"stric": true}}), "no tenant setting \"stric\"");
        wrong(
            "POST",
            "/tenants",
            json!({"name": "a", "settings": {"brake": 5}}),
            "5 is not what belongs there. Write it",
        );
        wrong("POST", "/tenants", json!({"name": "a", "settings": 5}), "a JSON object, not 5");
        wrong("POST", "/tenants", json!({"command": "check", "name": "a"}), "\"command\" is said by the path");
        wrong("POST", "/tenants/a/tokens", json!({"tenant": "b"}), "\"tenant\" is said by the path");
        wrong("POST", "/tenants/a/brake/undo", json!({"dry": true}), "unknown field `dry`");
        wrong("POST", "/tenants/a/undo", json!({"since": 1, "untill": 2}), "unknown field `untill`");
        wrong("GET", "/tenants/a/resources/User?limit=x", json!({}), "must be a number");
        wrong("GET", "/tenants/a/resources/User?limit=1&limit=2", json!({}), "twice");
        wrong("DELETE", "/tenants/a?force=1", json!({}), "true or false");
        wrong("DELETE", "/tenants/a?force=true", json!({"force": true}), "in the query and in the body");
    }

    #[test]
    fn paths_that_are_none_are_told_from_methods_that_are_none() {
        for path in ["", "/", "/tenant", "/tenants/", "/tenants/a/", "/tenants//tokens", "/tenants/a/tokens/b/c/d"] {
            assert!(matches!(find("GET", path), Found::Nothing), "{path}");
        }
        assert!(matches!(find("PUT", "/tenants"), Found::Methods(methods) if methods == ["GET", "POST"]));
    }

    #[test]
    fn each_path_is_itself_and_no_other_hides_it() {
        let mut seen = BTreeSet::new();
        for route in ROUTES.iter().copied().flatten() {
            let path = route.path.replace(['{', '}'], "");
            let Found::Route(found, parts) = find(route.method, &path) else { panic!("{path} is not found") };
            assert_eq!(found.path, route.path, "another path hides it");
            assert!(parts.iter().all(|(name, part)| name == part), "{path}: {parts:?}");
            assert!(seen.insert((route.method, route.path)), "{} {} is there twice", route.method, route.path);
            let is_part = |name: &str| parts.iter().any(|(part, _)| *part == name);
            assert!(route.summary.ends_with('.') && !route.query.iter().any(|(name, _)| is_part(name)));
        }
    }
}
