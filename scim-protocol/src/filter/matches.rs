//! placeholder
use super::BoundFilter;
use serde_json::{Map, Value};
pub(super) fn matches(_f: &BoundFilter, _d: &Map<String, Value>) -> bool {
    todo!()
}
pub(super) fn matches_element(_f: &BoundFilter, _e: &Value) -> bool {
    todo!()
}
