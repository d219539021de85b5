//! placeholder
use super::{Resource, Unknown};
use crate::{Error, schema::ResourceType};
use serde_json::Value;
pub(super) fn create(_body: Value, _rt: &ResourceType, _unknown: Unknown) -> Result<Resource, Error> {
    todo!()
}
pub(super) fn replace(_old: &Resource, _body: Value, _rt: &ResourceType, _unknown: Unknown) -> Result<Resource, Error> {
    todo!()
}
