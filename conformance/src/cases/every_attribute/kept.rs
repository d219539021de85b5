//! Whether a server keeps an attribute at all. Where it does not, `each-create` says so, and no case about something
//! else says it again.

use super::{full, place::Place, same::keeps};
use crate::{
    case::{Case, Need},
    context::Context,
    subject::Subject,
    verdict::Stop,
};

/// The reason why nothing is known of what a case is about: an attribute that it needs is declared, and not kept.
pub async fn lost(scim: &Context, case: &Case) -> Option<Stop> {
    for need in case.needs {
        let Need::Attribute(resource_type, path) = *need else { continue };
        let path = scim.text_name(path).to_owned();
        let attribute =
            path.rsplit_once('.').filter(|(_, part)| !part.contains(':')).map_or(path.as_str(), |(one, _)| one);
        if is_kept(scim, resource_type, &path).await == Some(false) {
            return Some(Stop::Skip(format!(
                "The server does not keep the {resource_type} attribute {path}, which each-create:{resource_type}:{attribute} is about."
            )));
        }
    }
    None
}

/// Whether a resource that was made with a value of the attribute has it. Nothing: no such resource can be made, or it
/// cannot be told.
async fn is_kept(scim: &Context, resource_type: &str, path: &str) -> Option<bool> {
    let subject = Subject { resource_type: resource_type.to_owned(), path: path.to_owned() };
    let about = scim.apart(Some(subject.clone()), &full::word(scim, 0));
    let place = Place::of(&about).ok()?;
    let resource = full::of(scim, resource_type).await.ok()?;
    let given = place.generated(&about)?;
    Some(full::value(&place, &subject, resource).is_ok_and(|got| keeps(&given, got)))
}
