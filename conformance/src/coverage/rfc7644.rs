//! RFC 7644, from its first section to its last.

mod answering;
mod changing;
mod reading;

use super::Document;

pub(super) const DOCUMENT: Document =
    Document { name: "RFC 7644", title: "Protocol", parts: &[reading::LINES, changing::LINES, answering::LINES] };
