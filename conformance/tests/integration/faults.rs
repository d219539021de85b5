//! For each case the fault that makes it fail, in files named as those of the cases.

mod every_attribute;
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
mod rfc7644_3_5_2_modify;
mod rfc7644_3_6_delete;
mod rfc7644_3_7_bulk;
mod rfc7644_3_8_media_types;
mod rfc7644_3_9_projection;
mod rfc7644_4_discovery;
mod rfc7644_5_text;
mod rfc9865_cursor;
mod robustness;

use crate::broken::Fault;

/// Case ids, faults, and what the case has to say of the fault: a part of its sentence, so that no
/// case fails for another reason than the one it is about.
pub type Faults = Vec<(&'static str, Fault, &'static str)>;

/// All of them.
pub fn all() -> Faults {
    let files = [
        rfc7644_4_discovery::faults,
        rfc7643_7_schemas::faults,
        rfc7643_2_characteristics::faults,
        rfc7643_2_3_types::faults,
        every_attribute::faults,
        rfc7643_4_2_groups::faults,
        rfc7644_3_2_methods::faults,
        rfc7644_3_3_create::faults,
        rfc7644_3_4_1_retrieve::faults,
        rfc7644_3_4_2_query::faults,
        rfc7644_3_4_2_2_filter::faults,
        rfc7644_3_4_2_3_sort::faults,
        rfc7644_3_4_2_4_pages::faults,
        rfc9865_cursor::faults,
        rfc7644_3_4_3_search::faults,
        rfc7644_3_9_projection::faults,
        rfc7644_3_5_1_replace::faults,
        rfc7644_3_5_2_modify::faults,
        rfc7644_3_6_delete::faults,
        rfc7644_3_7_bulk::faults,
        rfc7644_3_8_media_types::faults,
        rfc7644_3_12_errors::faults,
        rfc7644_3_14_versions::faults,
        rfc7644_5_text::faults,
        rfc6750_bearer::faults,
        robustness::faults,
    ];
    files.into_iter().flat_map(|faults| faults()).collect()
}
