//! For each case the fault that makes it fail, in files named as those of the cases.

mod rfc6750_bearer;
mod rfc7644_3_14_versions;
mod rfc7644_3_3_create;
mod rfc7644_3_4_1_retrieve;
mod rfc7644_3_4_2_2_filter;
mod rfc7644_3_5_1_replace;
mod rfc7644_3_5_2_modify;
mod rfc7644_3_6_delete;
mod rfc7644_3_8_media_types;
mod rfc7644_4_discovery;

use crate::broken::Fault;

/// Case ids and faults.
pub type Faults = Vec<(&'static str, Fault)>;

/// All of them.
pub fn all() -> Faults {
    let files = [
        rfc7644_3_3_create::faults,
        rfc7644_3_4_1_retrieve::faults,
        rfc7644_3_4_2_2_filter::faults,
        rfc7644_3_5_1_replace::faults,
        rfc7644_3_5_2_modify::faults,
        rfc7644_3_6_delete::faults,
        rfc7644_3_8_media_types::faults,
        rfc7644_3_14_versions::faults,
        rfc6750_bearer::faults,
        rfc7644_4_discovery::faults,
    ];
    files.into_iter().flat_map(|faults| faults()).collect()
}
