//! RFC 9865.

use super::{Document, Line, hidden, hidden_should, must, should};

pub(super) const DOCUMENT: Document = Document { name: "RFC 9865", title: "Cursor-Based Pagination", parts: &[LINES] };

const LINES: &[Line] = &[
    must("§2", "A query with an empty cursor begins a query by cursor.", &["cursor-next"]),
    must(
        "§2",
        "No more than count resources are returned; a negative count is 0.",
        &["cursor-count", "cursor-count-zero", "cursor-count-negative"],
    ),
    must(
        "§2",
        "nextCursor is in every page but the last, and in the last it is absent.",
        &["cursor-next", "cursor-last", "cursor-whole", "cursor-total"],
    ),
    must("§2", "previousCursor, where there is one, is not on the first page.", &["cursor-previous"]),
    must("§2", "Cursors are made of unreserved characters.", &["cursor-characters"]),
    should(
        "§2.1",
        "A cursor that is none, too old, or for another count is refused with 400 and its scimType.",
        &["cursor-invalid", "cursor-other-count"],
    ),
    should("§2.2", "Sorted results come sorted across pages.", &["cursor-sorted"]),
    must("§2.4", "A server with both methods has a default.", &["cursor-default-method", "cursor-config-default"]),
    should("§3", "A search by POST takes a cursor too.", &["cursor-search"]),
    should(
        "§4",
        "The configuration states pagination, with cursor and index.",
        &["cursor-config", "cursor-config-sizes"],
    ),
    hidden(
        "§5.2",
        "Pages show nothing but what the client may see.",
        "a run has one token, whose rights it does not know",
    ),
    hidden("§5.2", "Rights are checked with every page.", "a run has one token, whose rights do not change"),
    hidden_should(
        "§5.2",
        "Cursors die with the rights of their owner.",
        "a run has one token, whose rights do not change",
    ),
    hidden("§5.2", "Errors give nothing away.", "what would be too much is the server's choice"),
];
