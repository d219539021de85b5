//! What a refusal says.

use crate::case::{Area, Case};

/// The cases.
pub const AREA: Area = Area { tag: "error", title: "Errors (RFC 7644 §3.12)", cases: CASES };

const CASES: &[Case] = &[];
