//! Many operations in one request.

use crate::case::{Area, Case};

/// The cases.
pub const AREA: Area = Area { tag: "bulk", title: "Bulk (RFC 7644 §3.7)", cases: CASES };

const CASES: &[Case] = &[];
