//! Orders, over people of whom it is known who comes first.

use crate::case::{Area, Case};

/// The cases.
pub const AREA: Area = Area { tag: "sort", title: "Sorting (RFC 7644 §3.4.2.3)", cases: CASES };

const CASES: &[Case] = &[];
