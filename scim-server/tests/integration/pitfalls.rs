//! What users of SCIM servers complain about, one test each: a promise that is kept here.
//!
//! [`asked`] follows what they ask for, most painful first; [`seen`] what was seen to go wrong in
//! other servers. What identity providers send is in the dialogues; this is about how it is answered.

mod asked;
mod seen;
