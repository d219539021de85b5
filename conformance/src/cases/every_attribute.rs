//! Every attribute that the server's schemas declare, of every resource type: each is written in each way and found in
//! each way. The cases are run once for each attribute, so a server that drops `phoneNumbers`, or that takes a PATCH of
//! its own extension for done, is found out without a case that was written for it.
//!
//! A server may refuse a value for a reason that no schema can state. Then the case does not apply.

mod full;
mod kept;
mod order;
mod place;
mod read;
mod same;
mod write;

pub use kept::lost;
use order::{paged, sorted, versioned};
use read::{excluded, filtered, projected};
use write::{added, added_without_path, appended, created, injected, part, put, removed, replaced};

use crate::case::{
    Area, Case,
    Need::{self, Etag, Filter, IndexPages, Patch, Sort},
    run,
};

pub const AREA: Area = Area { tag: "each", title: "Every declared attribute (RFC 7643 §7)", cases: CASES };

const PATCHED: &[Need] = &[Patch];

const CASES: &[Case] = &[
    Case::must(
        "each-create",
        "RFC 7644 §3.3",
        "A resource that is made with a value of an attribute has it afterwards.",
        run!(created),
    )
    .over(place::writable),
    Case::must(
        "each-injection",
        "RFC 7643 §2.3.1",
        "A text with quotes, comments and templates of databases and shells is kept as it is, or refused.",
        run!(injected),
    )
    .over(place::texts),
    Case::must("each-put", "RFC 7644 §3.5.1", "A PUT with another value of an attribute replaces it.", run!(put))
        .over(place::writable),
    Case::must("each-add", "RFC 7644 §3.5.2.1", "A PATCH with add and a path sets an attribute.", run!(added))
        .needs(PATCHED)
        .over(place::optional),
    Case::must(
        "each-add-without-path",
        "RFC 7644 §3.5.2.1",
        "A PATCH with add and no path sets an attribute.",
        run!(added_without_path),
    )
    .needs(PATCHED)
    .over(place::optional),
    Case::must(
        "each-append",
        "RFC 7644 §3.5.2.1",
        "A PATCH with add keeps the values that a multi-valued attribute has.",
        run!(appended),
    )
    .needs(PATCHED)
    .over(place::multi_valued),
    Case::must(
        "each-replace",
        "RFC 7644 §3.5.2.3",
        "A PATCH with replace and a path replaces all that an attribute has.",
        run!(replaced),
    )
    .needs(PATCHED)
    .over(place::writable),
    Case::must(
        "each-replace-part",
        "RFC 7644 §3.5.2.3",
        "A PATCH with the path of a sub-attribute, with a filter where there are several values, changes that.",
        run!(part),
    )
    .needs(PATCHED)
    .over(place::with_parts),
    Case::must("each-remove", "RFC 7644 §3.5.2.2", "A PATCH with remove unassigns an attribute.", run!(removed))
        .needs(PATCHED)
        .over(place::optional),
    Case::must(
        "each-filter",
        "RFC 7644 §3.4.2.2",
        "Each operator that is defined for the type of an attribute finds the resources that fit, and no others.",
        run!(filtered),
    )
    .needs(&[Filter])
    .over(place::leaves),
    Case::must(
        "each-sort",
        "RFC 7644 §3.4.2.3",
        "Resources are in the order of an attribute that sortBy names, up and down.",
        run!(sorted),
    )
    .needs(&[Sort, Filter])
    .over(place::ordered),
    Case::must(
        "each-page",
        "RFC 7644 §3.4.2.4",
        "A list of resources of a type has no more of them than count says, and says how many there are.",
        run!(paged),
    )
    .needs(&[IndexPages])
    .over(place::types),
    Case::must(
        "each-version",
        "RFC 7644 §3.14",
        "A resource of a type has a version, and another one after a change.",
        run!(versioned),
    )
    .needs(&[Etag])
    .over(place::types),
    Case::must("each-attributes", "RFC 7644 §3.9", "attributes with an attribute returns it.", run!(projected))
        .over(place::writable),
    Case::must(
        "each-excluded-attributes",
        "RFC 7644 §3.9",
        "excludedAttributes with an attribute leaves it out.",
        run!(excluded),
    )
    .over(place::returned_by_default),
];
