//! Resources of every type that a server declares, also of types that no RFC knows.

use crate::{
    context::{Context, Resource},
    verdict::Stop,
};

/// One resource of each type that lets one be made, with the type's name.
///
/// A server may declare types that clients only read, and may refuse the values that are generated
/// from a schema for reasons that no schema can state. Such types are left out.
pub(super) async fn made(scim: &Context) -> Result<Vec<(&str, Resource)>, Stop> {
    let discovery = scim.discovery();
    let names = discovery.resource_types().iter().filter_map(|one| one["name"].as_str());
    let mut made = Vec::new();
    for name in names.filter(|name| discovery.core_schema(name).is_some()) {
        match scim.draft(name).create().await {
            Ok(resource) => made.push((name, resource)),
            Err(Stop::Error(_)) => {}
            Err(other) => return Err(other),
        }
    }
    if made.is_empty() {
        return Err(Stop::Skip("The server lets no resource of a declared type be made.".to_owned()));
    }
    Ok(made)
}
