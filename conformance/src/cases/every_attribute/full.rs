//! Two resources of each type with a value in each attribute, made once for all cases that only read.

use serde_json::{Value, json};

use super::place::{Place, writable};
use crate::{
    context::{Context, Draft, Resource},
    subject::Subject,
    verdict::Stop,
};

/// What sets the two apart, so that their values have the same order in any alphabet.
const WORDS: [&str; 2] = ["full-a", "full-b"];

/// The first full resource of a type, as it is read.
pub(super) async fn of<'a>(scim: &'a Context, resource_type: &str) -> Result<&'a Resource, Stop> {
    let missing = || Stop::Skip(format!("No {resource_type} with generated values can be made."));
    made_of(scim, resource_type).await.into_iter().next().ok_or_else(missing)
}

/// Both full resources of a type.
pub(super) async fn pair<'a>(scim: &'a Context, resource_type: &str) -> Result<[&'a Resource; 2], Stop> {
    let missing = |_| Stop::Skip(format!("No two {resource_type} with generated values can be made."));
    made_of(scim, resource_type).await.try_into().map_err(missing)
}

async fn made_of<'a>(scim: &'a Context, resource_type: &str) -> Vec<&'a Resource> {
    let all = scim.kept_full().get_or_init(|| make(scim)).await;
    all.iter().filter(|(name, _)| name == resource_type).map(|(_, resource)| resource).collect()
}

async fn make(scim: &Context) -> Vec<(String, Resource)> {
    let mut all = Vec::new();
    for name in scim.discovery().type_names() {
        for variant in 0..WORDS.len() {
            if let Ok(resource) = one(scim, name, variant).await {
                all.push((name.to_owned(), resource));
            }
        }
    }
    all
}

/// The word in the values of one of the two.
fn word(scim: &Context, variant: usize) -> String {
    format!("{}-{}", scim.run_mark(), WORDS.get(variant).unwrap_or(&""))
}

async fn one(scim: &Context, resource_type: &str, variant: usize) -> Result<Resource, Stop> {
    let subjects = writable(scim.discovery()).into_iter().filter(|one| one.resource_type == resource_type);
    let word = word(scim, variant);
    // It stays to the end of the run, so it is made apart from the case that comes first.
    let kept = scim.apart(None, &word);
    let mut parts = Vec::new();
    for subject in subjects {
        let about = scim.apart(Some(subject), &word);
        let place = Place::of(&about)?;
        parts.push(place.holding(&place.sample(&about, variant).await?));
    }
    let mut resource = made(&kept, resource_type, &parts, &word).await;
    if resource.is_err() {
        // Something is refused. What each attribute alone is taken with is kept.
        let mut fine = Vec::new();
        for part in parts {
            let trial = scim.apart(None, &word);
            if made(&trial, resource_type, std::slice::from_ref(&part), &word).await.is_ok() {
                fine.push(part);
            }
            trial.remove().await;
        }
        resource = made(&kept, resource_type, &fine, &word).await;
    }
    let resource = resource?;
    let body = kept.read(&resource).await?;
    Ok(Resource { body, ..resource })
}

async fn made(scim: &Context, resource_type: &str, parts: &[Value], word: &str) -> Result<Resource, Stop> {
    let named = scim.draft(resource_type);
    let draft = parts.iter().fold(named.clone(), |draft, part| draft.with(part.clone()));
    // The name that it is found by is one of ours.
    let name = |(name, value): (&str, String)| named.body().get(name).map(|_| json!({name: value}));
    let names = [("userName", format!("{word}@example.com")), ("displayName", word.to_owned())];
    let names = if resource_type == "Group" { &names[1..] } else { &names[..1] };
    names.iter().cloned().filter_map(name).fold(draft, Draft::with).create().await
}

/// The subject's value in a full resource: the first of several.
pub(super) fn value<'v>(place: &Place<'_>, subject: &Subject, resource: &'v Resource) -> Result<&'v Value, Stop> {
    let mut value = place.value(&resource.body);
    if let Some(first) = value.get(0) {
        value = first;
    }
    if let Some(name) = place.sub.and_then(|sub| sub["name"].as_str()) {
        value = &value[name];
    }
    if value.is_null() {
        return Err(Stop::Skip(format!("{subject} is not kept, which each-create is about, or its value is refused.")));
    }
    Ok(value)
}
