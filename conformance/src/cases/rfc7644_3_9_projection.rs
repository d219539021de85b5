//! `attributes` and `excludedAttributes`.

use crate::case::{Area, Case};

/// The cases.
pub const AREA: Area = Area { tag: "projection", title: "Attributes of answers (RFC 7644 §3.9)", cases: CASES };

const CASES: &[Case] = &[];
