//! What the characteristics of an attribute promise: mutability, returned, uniqueness, caseExact, type.

use crate::case::{Area, Case};

/// The cases.
pub const AREA: Area = Area { tag: "attribute", title: "Characteristics of attributes (RFC 7643 §2)", cases: CASES };

const CASES: &[Case] = &[];
