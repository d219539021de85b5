//! The table of cases: one file for each section of an RFC, and beside them what several share:
//! [`attributes`], [`every_type`] and [`time`].

use crate::case::{Area, Case};

mod attributes;
mod every_attribute;
mod every_type;
mod rfc6750_bearer;
mod rfc7643_2_3_types;
mod rfc7643_2_characteristics;
mod rfc7643_4_2_groups;
mod rfc7643_7_schemas;
mod rfc7644_3_12_errors;
mod rfc7644_3_14_versions;
mod rfc7644_3_2_methods;
mod rfc7644_3_3_create;
mod rfc7644_3_4_1_retrieve;
mod rfc7644_3_4_2_2_filter;
mod rfc7644_3_4_2_3_sort;
mod rfc7644_3_4_2_4_pages;
mod rfc7644_3_4_2_query;
mod rfc7644_3_4_3_search;
mod rfc7644_3_5_1_replace;
mod rfc7644_3_5_2_1_add;
mod rfc7644_3_5_2_2_remove;
mod rfc7644_3_5_2_3_replace;
mod rfc7644_3_5_2_modify;
mod rfc7644_3_6_delete;
mod rfc7644_3_7_bulk;
mod rfc7644_3_8_media_types;
mod rfc7644_3_9_projection;
mod rfc7644_4_discovery;
mod rfc7644_5_text;
mod rfc9865_cursor;
mod robustness;
mod time;

pub use every_attribute::lost;

/// All areas, in the order of reports.
pub const AREAS: &[Area] = &[
    rfc7644_4_discovery::AREA,
    rfc7643_7_schemas::AREA,
    rfc7643_2_characteristics::AREA,
    rfc7643_2_3_types::AREA,
    every_attribute::AREA,
    rfc7643_4_2_groups::AREA,
    rfc7644_3_2_methods::AREA,
    rfc7644_3_3_create::AREA,
    rfc7644_3_4_1_retrieve::AREA,
    rfc7644_3_4_2_query::AREA,
    rfc7644_3_4_2_2_filter::AREA,
    rfc7644_3_4_2_3_sort::AREA,
    rfc7644_3_4_2_4_pages::AREA,
    rfc9865_cursor::AREA,
    rfc7644_3_4_3_search::AREA,
    rfc7644_3_9_projection::AREA,
    rfc7644_3_5_1_replace::AREA,
    rfc7644_3_5_2_modify::AREA,
    rfc7644_3_5_2_1_add::AREA,
    rfc7644_3_5_2_2_remove::AREA,
    rfc7644_3_5_2_3_replace::AREA,
    rfc7644_3_6_delete::AREA,
    rfc7644_3_7_bulk::AREA,
    rfc7644_3_8_media_types::AREA,
    rfc7644_3_12_errors::AREA,
    rfc7644_3_14_versions::AREA,
    rfc7644_5_text::AREA,
    rfc6750_bearer::AREA,
    robustness::AREA,
];

/// All cases, each with its area.
pub fn all() -> impl Iterator<Item = (&'static Area, &'static Case)> {
    AREAS.iter().flat_map(|area| area.cases.iter().map(move |case| (area, case)))
}
