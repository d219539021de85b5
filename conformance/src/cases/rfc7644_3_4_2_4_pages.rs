//! Pages by `startIndex` and `count`.

use crate::case::{Area, Case};

/// The cases.
pub const AREA: Area = Area { tag: "page", title: "Pages by index (RFC 7644 §3.4.2.4)", cases: CASES };

const CASES: &[Case] = &[];
