//! Each attribute as what is sorted by; pages and versions of each resource type.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::super::rfc7644_3_14_versions::COARSE;
use super::{
    full,
    place::{Place, writable},
};
use crate::{
    context::{Context, Resource, as_error, supported, total_of},
    ensure,
    verdict::{Outcome, Stop, equals},
};

pub(super) async fn sorted(scim: &Context) -> Outcome {
    let (place, subject) = (Place::of(scim)?, scim.subject()?);
    let pair = full::pair(scim, place.resource_type).await?;
    let [first, second] = [full::value(&place, subject, pair[0])?, full::value(&place, subject, pair[1])?];
    let Some(is_less) = is_less(first, second) else {
        return Err(Stop::Skip(format!("The two values of {subject} have no order that is certain.")));
    };
    let [one, other] = if is_less { pair } else { [pair[1], pair[0]] };
    let filter = format!("{} or {}", known(pair[0]), known(pair[1]));
    for (order, expect) in [("ascending", [&one.id, &other.id]), ("descending", [&other.id, &one.id])] {
        let call = scim.get(scim.endpoint(place.resource_type)).filter(&filter).query("attributes", "id");
        let answer = call.query("sortBy", &subject.path).query("sortOrder", order).await?;
        supported(&answer, &filter)?;
        let resources = answer.resources()?;
        let ids: Vec<_> = resources.iter().filter_map(|one| one["id"].as_str()).collect();
        if ids.len() < 2 {
            return Err(Stop::Skip("The filter does not find both resources, or they are not on one page.".to_owned()));
        }
        ensure!(
            ids == expect,
            "Expected sortBy={} {order} to give {} before {}; it does not.",
            subject.path,
            if order == "ascending" { one.body["id"].clone() } else { other.body["id"].clone() },
            if order == "ascending" { other.body["id"].clone() } else { one.body["id"].clone() }
        );
    }
    Ok(())
}

/// A condition that finds the resource alone.
fn known(resource: &Resource) -> String {
    match ["userName", "displayName"].into_iter().find(|name| resource.body[*name].is_string()) {
        Some(name) => format!("{name} eq {}", resource.body[name]),
        None => format!("id eq {}", json!(resource.id)),
    }
}

/// Whether the first value comes before the second in any alphabet; nothing where that is not certain.
fn is_less(first: &Value, second: &Value) -> Option<bool> {
    match (first, second) {
        (Value::Number(first), Value::Number(second)) => {
            first.as_f64().partial_cmp(&second.as_f64()).filter(|order| order.is_ne()).map(Ordering::is_lt)
        }
        (Value::String(first), Value::String(second)) => {
            let letters = |text: &str| -> String {
                text.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
            };
            let (first, second) = (letters(first), letters(second));
            (first != second).then_some(first < second)
        }
        _ => None,
    }
}

pub(super) async fn paged(scim: &Context) -> Outcome {
    let subject = scim.subject()?;
    full::of(scim, &subject.resource_type).await?;
    let call = scim.get(scim.endpoint(&subject.resource_type)).query("attributes", "id");
    let answer = call.query("startIndex", 1).query("count", 1).await?;
    let found = answer.resources()?.len();
    ensure!(found <= 1, "Expected no more than 1 {subject} with count=1; there are {found}.");
    let list = answer.object()?;
    let (written, total) = (&list["totalResults"], total_of(list).unwrap_or_default());
    ensure!(total >= 1, "Expected totalResults to be 1 or more; it is {written}.");
    // What is whole need not say where it stands (RFC 7644 §3.4.2).
    if u64::try_from(found).is_ok_and(|found| total <= found) {
        return Ok(());
    }
    equals(list, "/startIndex", 1)?;
    equals(list, "/itemsPerPage", found)
}

/// Demands that a PUT with another value of some attribute changes the version.
pub(super) async fn versioned(scim: &Context) -> Outcome {
    let subject = scim.subject()?;
    let of_type = |one: &crate::subject::Subject| one.resource_type == subject.resource_type;
    let Some(attribute) = writable(scim.discovery()).into_iter().find(of_type) else {
        return Err(Stop::Skip(format!("The schemas of {subject} have nothing to write.")));
    };
    let about = scim.apart(Some(attribute), scim.own_word());
    let place = Place::of(&about)?;
    let (before, after) = (place.sample(scim, 0).await?, place.sample(scim, 1).await?);
    let draft = scim.draft(place.resource_type).with(place.holding(&before));
    let resource = draft.create().await?;
    let version = |answer: &crate::exchange::Answer| answer.header("etag").map(str::to_owned);
    let read = scim.get(&resource.path).await?;
    read.status(200).map_err(as_error)?;
    let Some(old) = version(&read) else {
        return Err(Stop::Unmet(format!(
            "Expected an ETag header in the answer to a GET of a {subject}; there is none."
        )));
    };
    let changed = scim.put(&resource.path, draft.clone().with(place.holding(&after)).body()).await?;
    if changed.success().is_err() {
        return Err(Stop::Skip(format!("The PUT is answered {}, which each-put is about.", changed.status)));
    }
    let mut new = version(&scim.get(&resource.path).await?);
    if new.as_ref() == Some(&old) && old.starts_with("W/") {
        tokio::time::sleep(COARSE).await;
        scim.put(&resource.path, draft.with(place.holding(&before)).body()).await?;
        new = version(&scim.get(&resource.path).await?);
    }
    ensure!(new.as_ref() != Some(&old), "Expected another version of the {subject} after the PUT; it is {old} still.");
    Ok(())
}
