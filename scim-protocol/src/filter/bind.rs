//! placeholder
use crate::{
    Error,
    filter::{BoundFilter, Filter},
    schema::ResourceType,
};
pub(super) fn bind(_filter: &Filter, _rt: &ResourceType) -> Result<BoundFilter, Error> {
    todo!()
}
