//! Queries in the body of a POST to `.search`.

use crate::case::{Area, Case};

/// The cases.
pub const AREA: Area = Area { tag: "search", title: "Queries by POST (RFC 7644 §3.4.3)", cases: CASES };

const CASES: &[Case] = &[];
