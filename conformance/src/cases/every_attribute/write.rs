//! Each attribute, written: by POST, PUT and the forms of PATCH.

use serde_json::{Value, json};

use super::super::robustness::INJECTION;
use super::{
    full,
    place::{Place, changeable},
    same::{is_all, keeps},
};
use crate::{
    context::{Context, Resource},
    draft, ensure,
    exchange::Answer,
    verdict::{Outcome, Stop, brief, unassigned},
};

/// Ends the case where the server refuses a value that was generated: what may be in it no schema says.
async fn taken(scim: &Context, answer: &Answer, place: &Place<'_>) -> Outcome {
    if (400..500).contains(&answer.status) || answer.status == 501 {
        let detail = answer.json()["detail"].as_str().unwrap_or_default();
        let (status, path) = (answer.status, place.path());
        return Err(Stop::Skip(format!("The server answers {status} to a value generated for {path}: {detail}")));
    }
    if answer.success().is_err() {
        // Is it the value?
        without(scim, place).await?;
        answer.success()?;
    }
    Ok(())
}

/// A resource with that value.
async fn with(scim: &Context, place: &Place<'_>, value: &Value) -> Result<Resource, Stop> {
    let draft = place.draft(scim, value);
    let answer = draft.post().await?;
    taken(scim, &answer, place).await?;
    draft.made(&answer).await
}

/// A resource without it.
async fn without(scim: &Context, place: &Place<'_>) -> Result<Resource, Stop> {
    scim.draft(place.resource_type).create().await
}

/// As [`is_kept`], where a POST with the value keeps it; whether one does is for each-create.
async fn has(scim: &Context, resource: &Resource, place: &Place<'_>, value: &Value, alone: bool) -> Outcome {
    let outcome = is_kept(scim, resource, place, value, alone).await;
    if matches!(outcome, Err(Stop::Unmet(_))) {
        // What is asked aside is no evidence of the finding.
        let aside = scim.apart(Some(scim.subject()?.clone()), "aside");
        let other = with(&aside, place, value).await?;
        if is_kept(&aside, &other, place, value, false).await.is_err() {
            return Err(Stop::Skip(format!("{} is not kept, which each-create is about.", place.path())));
        }
    }
    outcome
}

/// Demands the value in the resource as it is read now.
async fn is_kept(scim: &Context, resource: &Resource, place: &Place<'_>, value: &Value, alone: bool) -> Outcome {
    let read = scim.read(resource).await?;
    let got = place.value(&read);
    let fits = if alone { is_all(value, got) } else { keeps(value, got) };
    ensure!(fits, "Expected {} to be {}; it is {}.", place.path(), brief(value), brief(got));
    Ok(())
}

/// Sends a PATCH that has to be taken, unless the server does not take its value in a POST either.
async fn patch(scim: &Context, resource: &Resource, place: &Place<'_>, operation: Value, value: &Value) -> Outcome {
    let answer = scim.patch(&resource.path, &json!([operation])).await?;
    let refused = taken(scim, &answer, place).await;
    if refused.is_err() && answer.status == 400 {
        with(scim, place, value).await?;
        answer.success()?;
    }
    refused
}

/// Demands that a text is kept as it is whatever it means to a database or a shell, or that it is refused.
pub(super) async fn injected(scim: &Context) -> Outcome {
    let place = Place::of(scim)?;
    let text = json!(format!("{}{INJECTION}", scim.own_word()));
    let mut value = place.sample(scim, 0).await?;
    let one = if place.is_multi_valued() { &mut value[0] } else { &mut value };
    match place.sub.and_then(|sub| sub["name"].as_str()) {
        Some(name) => drop(one.as_object_mut().and_then(|parts| parts.insert(name.to_owned(), text.clone()))),
        None => *one = text.clone(),
    }
    let draft = place.draft(scim, &value);
    let answer = draft.post().await?;
    if (400..500).contains(&answer.status) {
        return Ok(());
    }
    taken(scim, &answer, &place).await?;
    let resource = draft.made(&answer).await?;
    let resource = Resource { body: scim.read(&resource).await?, ..resource };
    let subject = scim.subject()?;
    let kept = full::value(&place, subject, &resource)?;
    // What is made of other attributes is no trace of this one.
    if !kept.as_str().is_some_and(|kept| kept.contains(scim.own_word())) {
        return Err(Stop::Skip(format!("{subject} is not kept, which each-create is about.")));
    }
    let fits = matches!((kept.as_str(), text.as_str()), (Some(kept), Some(text)) if kept.eq_ignore_ascii_case(text));
    ensure!(fits, "Expected {subject} to be {text}; it is {}.", brief(kept));
    Ok(())
}

pub(super) async fn created(scim: &Context) -> Outcome {
    let place = Place::of(scim)?;
    let value = place.sample(scim, 0).await?;
    let resource = with(scim, &place, &value).await?;
    is_kept(scim, &resource, &place, &value, false).await
}

pub(super) async fn put(scim: &Context) -> Outcome {
    let place = Place::of(scim)?;
    let (first, second) = (place.sample(scim, 0).await?, place.sample(scim, 1).await?);
    let draft = place.draft(scim, &first);
    let answer = draft.post().await?;
    taken(scim, &answer, &place).await?;
    let resource = draft.made(&answer).await?;
    let next = draft.with(place.holding(&second));
    taken(scim, &scim.put(&resource.path, next.body()).await?, &place).await?;
    has(scim, &resource, &place, &second, true).await
}

pub(super) async fn added(scim: &Context) -> Outcome {
    let place = Place::of(scim)?;
    let value = place.sample(scim, 0).await?;
    let resource = without(scim, &place).await?;
    patch(scim, &resource, &place, json!({"op": "add", "path": place.path(), "value": value}), &value).await?;
    has(scim, &resource, &place, &value, false).await
}

pub(super) async fn added_without_path(scim: &Context) -> Outcome {
    let place = Place::of(scim)?;
    let value = place.sample(scim, 0).await?;
    let resource = without(scim, &place).await?;
    patch(scim, &resource, &place, json!({"op": "add", "value": place.holding(&value)}), &value).await?;
    has(scim, &resource, &place, &value, false).await
}

pub(super) async fn appended(scim: &Context) -> Outcome {
    let place = Place::of(scim)?;
    let (first, second) = (place.sample(scim, 0).await?, place.sample(scim, 1).await?);
    let resource = with(scim, &place, &first).await?;
    // A server may take one value alone; create-multi-valued is about that.
    let add = json!([{"op": "add", "path": place.path(), "value": second}]);
    taken(scim, &scim.patch(&resource.path, &add).await?, &place).await?;
    let both: Value = [first, second].into_iter().filter_map(|one| one.get(0).cloned()).collect();
    has(scim, &resource, &place, &both, true).await
}

pub(super) async fn replaced(scim: &Context) -> Outcome {
    let place = Place::of(scim)?;
    let (first, second) = (place.sample(scim, 0).await?, place.sample(scim, 1).await?);
    let resource = with(scim, &place, &first).await?;
    patch(scim, &resource, &place, json!({"op": "replace", "path": place.path(), "value": second}), &second).await?;
    has(scim, &resource, &place, &second, true).await
}

pub(super) async fn part(scim: &Context) -> Outcome {
    let place = Place::of(scim)?;
    let Some(sub) = changeable(place.attribute) else {
        return Err(Stop::Skip(format!("No part of {} can be changed alone.", place.path())));
    };
    let name = sub["name"].as_str().unwrap_or_default();
    let before = place.sample(scim, 0).await?;
    let resource = with(scim, &place, &before).await?;
    let mut after = before.clone();
    let new = draft::value(sub, place.name, scim.own_word(), 1);
    let changed = if place.is_multi_valued() { &mut after[0] } else { &mut after };
    drop(changed.as_object_mut().and_then(|parts| parts.insert(name.to_owned(), new.clone())));
    let path = if place.is_multi_valued() {
        format!("{}[value eq {}].{name}", place.path(), before[0]["value"])
    } else {
        format!("{}.{name}", place.path())
    };
    patch(scim, &resource, &place, json!({"op": "replace", "path": path, "value": new}), &after).await?;
    has(scim, &resource, &place, &after, true).await
}

pub(super) async fn removed(scim: &Context) -> Outcome {
    let place = Place::of(scim)?;
    let value = place.sample(scim, 0).await?;
    let resource = with(scim, &place, &value).await?;
    patch(scim, &resource, &place, json!({"op": "remove", "path": place.path()}), &value).await?;
    let read = scim.read(&resource).await?;
    let got = place.value(&read);
    if unassigned(got, "").is_ok() {
        return Ok(());
    }
    // A server may give a default: the value of a resource that is made without one.
    let usual = scim.read(&without(scim, &place).await?).await?;
    let is_default = place.value(&usual) == got;
    ensure!(is_default, "Expected {} to be unassigned; it is {}.", place.path(), brief(got));
    Ok(())
}
