//! placeholder
use super::Operation;
use crate::{Error, Resource, resource::Unknown, schema::ResourceType};
pub(crate) fn apply(
    _old: &Resource,
    _ops: &[Operation],
    _rt: &ResourceType,
    _unknown: Unknown,
) -> Result<Resource, Error> {
    todo!()
}
