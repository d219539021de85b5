//! What becomes of an object that was written once and is no longer desired.
//!
//! Three cases, which must never be mixed up: it is gone from the directory (with a [`Proof`]), it
//! left the scope, or nobody knows. Gone means deleted at the target, or deactivated first and
//! deleted after a time of grace. Out of scope means no more updates, and `active: false` after the
//! time of grace (28 days) unless another group in scope still holds the user. Unknown means that
//! nothing happens and a problem is reported.
//!
//! This module decides between them; it needs the time as a parameter, and the moment at which each
//! object was last desired, which belongs into [`Written`](super::Written).

use crate::source::{Proof, SourceId};

/// Why an object that was written is not desired.
#[derive(Debug, Clone, PartialEq)]
pub enum Departure {
    /// It is gone from the directory.
    Gone(Proof),
    /// It exists and is not in scope.
    OutOfScope,
    /// It was not seen, and its absence is not proved.
    Unproven(String),
}

/// The departures of one run, by object.
pub type Departures = std::collections::BTreeMap<SourceId, Departure>;
