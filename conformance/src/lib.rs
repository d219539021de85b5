//! A judge of SCIM servers: what conforms, what does not, and which sentence of which RFC says so.
//!
//! It knows nothing but HTTP, JSON and the RFCs. Not even this project's own protocol library is
//! used, for a judge that reads with the eyes of one implementation would find its mistakes right.
//!
//! Reading order: [`case`] (what a case is, and the one table of them in [`cases`]), [`context`]
//! (what a case is given), [`exchange`] (HTTP, kept as evidence), [`verdict`], [`mod@run`], [`report`].
//! [`discovery`] is what the server says of itself; [`draft`] makes resources that its schemas
//! accept; [`ledger`] sees to it that none of them stays. [`profile`] plays what identity
//! providers send; [`coverage`] lists which requirement is examined by what.

pub mod case;
pub mod cases;
pub mod cli;
pub mod context;
pub mod coverage;
pub mod discovery;
pub mod draft;
pub mod exchange;
pub mod finding;
pub mod ledger;
pub mod profile;
pub mod report;
pub mod run;
pub mod verdict;
