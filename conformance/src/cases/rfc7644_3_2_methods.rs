//! Which method an endpoint takes, and what becomes of the others.

use crate::case::{Area, Case};

/// The cases.
pub const AREA: Area = Area { tag: "method", title: "Endpoints and methods (RFC 7644 §3.2)", cases: CASES };

const CASES: &[Case] = &[];
