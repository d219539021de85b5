//! placeholder
use crate::{
    Error,
    filter::{BoundFilter, Filter},
    schema::ResourceType,
};
pub(super) fn parse(_text: &str) -> Result<Filter, Error> {
    todo!()
}
