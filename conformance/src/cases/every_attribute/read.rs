//! Each attribute, read: filters with each operator, `attributes` and `excludedAttributes`.

use serde_json::{Value, json};

use super::{full, place::Place};
use crate::{
    context::{Context, Resource, supported},
    ensure,
    verdict::{Outcome, Stop, brief},
};

pub(super) async fn filtered(scim: &Context) -> Outcome {
    let (place, subject) = (Place::of(scim)?, scim.subject()?);
    let resource = full::of(scim, place.resource_type).await?;
    let value = full::value(&place, subject, resource)?;
    let leaf = place.sub.unwrap_or(place.attribute);
    let mut declined = None;
    let mut tried = 0;
    for (comparison, fits) in comparisons(leaf, value, place.is_multi_valued()) {
        let condition = format!("{} {comparison}", subject.path);
        match finds(scim, &place, resource, &condition).await {
            Err(Stop::Skip(why)) => declined = Some(why),
            Err(other) => return Err(other),
            Ok(found) => {
                tried += 1;
                let (wanted, came) = if fits { ("", "not ") } else { ("not ", "") };
                ensure!(
                    found == fits,
                    "Expected {condition} {wanted}to find a {} whose value is {}; it does {came}find it.",
                    place.resource_type,
                    brief(value)
                );
            }
        }
    }
    match declined {
        Some(why) if tried == 0 => Err(Stop::Skip(why)),
        _ => Ok(()),
    }
}

/// Whether the resource is among what a condition finds. Its name is a second condition, so that one result is all
/// there can be.
async fn finds(scim: &Context, place: &Place<'_>, resource: &Resource, condition: &str) -> Result<bool, Stop> {
    let name = ["userName", "displayName"].into_iter().find(|name| resource.body[*name].is_string());
    let known = match name {
        Some(name) => format!("{name} eq {}", resource.body[name]),
        None => format!("id eq {}", json!(resource.id)),
    };
    let endpoint = scim.endpoint(place.resource_type);
    let whole = format!("{known} and {condition}");
    let answer = scim.get(&endpoint).filter(&whole).query("attributes", "id").await?;
    let resources = match supported(&answer, &whole) {
        Ok(()) => answer.resources()?,
        // Only eq may be known. What is compared with is ours alone where it has our mark.
        Err(_) if condition.contains(" eq ") && condition.contains(crate::context::MARK) => {
            scim.filtered(&endpoint, condition).await?
        }
        Err(stop) => return Err(stop),
    };
    Ok(resources.iter().any(|one| one["id"] == resource.id))
}

/// What can be asked of a value by RFC 7644 §3.4.2.2, table 3, and whether it fits.
fn comparisons(leaf: &Value, value: &Value, multi_valued: bool) -> Vec<(String, bool)> {
    let kind = leaf["type"].as_str().unwrap_or("string");
    let mut all = vec![(format!("eq {value}"), true), ("pr".to_owned(), true)];
    match value {
        Value::String(text) if kind == "string" || kind == "reference" => {
            let letters: Vec<char> = text.chars().collect();
            let half = letters.len().div_ceil(2);
            let (start, end): (String, String) =
                (letters.iter().take(half).collect(), letters.iter().skip(half / 2).collect());
            let middle: String = letters.iter().skip(half / 2).take(half).collect();
            all.extend([
                (format!("sw {}", json!(start)), true),
                (format!("ew {}", json!(end)), true),
                (format!("co {}", json!(middle)), true),
                (format!("eq {}", json!(format!("{text}x"))), false),
                (format!("sw {}", json!(format!("{text}x"))), false),
                (format!("co {}", json!(format!("x{text}"))), false),
            ]);
            if kind == "string" {
                all.extend([(format!("ge {value}"), true), (format!("le {value}"), true)]);
            }
        }
        Value::Bool(yes) => all.push((format!("eq {}", !yes), false)),
        Value::Number(_) | Value::String(_) if ["integer", "decimal", "dateTime"].contains(&kind) => {
            all.extend([(format!("ge {value}"), true), (format!("le {value}"), true)]);
        }
        _ => {}
    }
    // Of several values another may fit.
    if !multi_valued {
        all.push((format!("ne {value}"), false));
        if ["string", "integer", "decimal", "dateTime"].contains(&kind) {
            all.extend([(format!("gt {value}"), false), (format!("lt {value}"), false)]);
        }
    }
    all
}

/// Another attribute that the full resource has, which is returned unless something is said.
fn other(scim: &Context, place: &Place<'_>, resource: &Resource) -> Option<String> {
    let schema = scim.discovery().core_schema(place.resource_type)?;
    let names = schema["attributes"]
        .as_array()?
        .iter()
        .filter(|one| (one["returned"].is_null() || one["returned"] == "default") && one["name"] != place.name);
    let mut names = names.filter_map(|one| one["name"].as_str());
    names.find(|name| !["id", "schemas", "meta"].contains(name) && !resource.body[*name].is_null()).map(str::to_owned)
}

pub(super) async fn projected(scim: &Context) -> Outcome {
    let (place, subject) = (Place::of(scim)?, scim.subject()?);
    let resource = full::of(scim, place.resource_type).await?;
    full::value(&place, subject, resource)?;
    let answer = scim.get(&resource.path).query("attributes", &subject.path).await?;
    let body = answer.status(200)?.object()?;
    let (got, expect) = (place.value(body), place.value(&resource.body));
    ensure!(got == expect, "Expected {} to be {}; it is {}.", place.path(), brief(expect), brief(got));
    if let Some(other) = other(scim, &place, resource) {
        let is_there = !body[&other].is_null();
        ensure!(!is_there, "Expected attributes={} to leave out {other}; it is there.", place.path());
    }
    Ok(())
}

pub(super) async fn excluded(scim: &Context) -> Outcome {
    let (place, subject) = (Place::of(scim)?, scim.subject()?);
    if place.attribute["returned"] == "always" {
        return Err(Stop::Skip(format!("The schema declares that {} is always returned.", place.path())));
    }
    let resource = full::of(scim, place.resource_type).await?;
    full::value(&place, subject, resource)?;
    let answer = scim.get(&resource.path).query("excludedAttributes", &subject.path).await?;
    let body = answer.status(200)?.object()?;
    let got = place.value(body);
    ensure!(got.is_null(), "Expected {} to be left out; it is {}.", place.path(), brief(got));
    if let Some(other) = other(scim, &place, resource) {
        let is_there = !body[&other].is_null();
        ensure!(is_there, "Expected excludedAttributes={} to leave {other} in; it is gone.", place.path());
    }
    Ok(())
}
