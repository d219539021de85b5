//! Whether a server keeps an attribute at all. Where it does not, `each-create` says so, and no case about something
//! else says it again.

use serde_json::Value;

use super::{full, place::Place, same::keeps};
use crate::{
    case::{Case, Need},
    context::{Context, Resource},
    subject::Subject,
    verdict::Stop,
};

/// The reason why nothing is known of what a case is about: an attribute that it needs is declared, and not kept.
pub async fn lost(scim: &Context, case: &Case) -> Option<Stop> {
    for need in case.needs {
        let Need::Attribute(resource_type, path) = *need else { continue };
        let subject = Subject { resource_type: resource_type.to_owned(), path: scim.text_name(path).to_owned() };
        // What is asked aside is no evidence of the finding.
        let aside = scim.apart(Some(subject.clone()), &scim.fresh_name());
        let kept = is_kept(&aside, &subject).await;
        aside.remove().await;
        if kept == Some(false) {
            let attribute = subject.attribute();
            return Some(Stop::Skip(format!("{subject} is not kept, which each-create:{attribute} is about.")));
        }
    }
    None
}

/// Whether a resource that is made with a value of the attribute has it. Nothing: no such resource can be made, or it
/// cannot be told.
async fn is_kept(scim: &Context, subject: &Subject) -> Option<bool> {
    let place = Place::of(scim).ok().filter(Place::is_open)?;
    let value = place.sample(scim, 0).await.ok()?;
    let given = part(&place, &value)?;
    let resource = place.draft(scim, &value).create().await.ok()?;
    let resource = Resource { body: scim.read(&resource).await.ok()?, ..resource };
    Some(full::value(&place, subject, &resource).is_ok_and(|got| keeps(given, got)))
}

/// What the case is about, of a value of the attribute.
fn part<'v>(place: &Place<'_>, value: &'v Value) -> Option<&'v Value> {
    let one = value.get(0).unwrap_or(value);
    match place.sub.and_then(|sub| sub["name"].as_str()) {
        Some(name) => one.get(name),
        None => Some(one),
    }
}
