//! Lists of resources.

use crate::case::{Area, Case};

/// The cases.
pub const AREA: Area = Area { tag: "query", title: "Queries (RFC 7644 §3.4.2)", cases: CASES };

const CASES: &[Case] = &[];
