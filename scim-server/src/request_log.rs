//! The log of requests that can be searched: the calls of the last days, in files of this process.
//!
//! A call has the line of the audit log, redacted once and the same, and what searches look at. Requests put their rows
//! into a [queue](RequestLog) and never wait: a thread writes them. The newest rows are the [`tail`]; some thousand of
//! them become a compressed [`block`], which has in front what tells a search that it need not be read. Blocks follow
//! each other in files ([`segment`]), which are removed as a whole.

mod block;
mod counts;
mod filter;
mod queue;
mod reader;
mod row;
mod search;
mod segment;
mod tail;
#[cfg(test)]
mod tests;
mod writer;

pub use self::{
    counts::{Counted, Counts, Refusals, Step},
    queue::{MAX_QUEUED as QUEUED, RequestLog},
    reader::{Direction, Effort, Page, Reader},
    row::{Call, Method, Place, Row},
    search::Search,
    writer::{Limits, Writer},
};
