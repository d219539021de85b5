//! The schema documents themselves.

use crate::case::{Area, Case};

/// The cases.
pub const AREA: Area = Area { tag: "schema", title: "Schemas (RFC 7643 §7)", cases: CASES };

const CASES: &[Case] = &[];
