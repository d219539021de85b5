//! Pages by `cursor`.

use crate::case::{Area, Case};

/// The cases.
pub const AREA: Area = Area { tag: "cursor", title: "Pages by cursor (RFC 9865)", cases: CASES };

const CASES: &[Case] = &[];
