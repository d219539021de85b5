//! Tests of the whole program from outside, as its users see it.

mod cli;
