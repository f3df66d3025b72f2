//! The rules of the stores as plain functions, for back-ends that hold a record while they decide about it.
//!
//! Each takes the record and the time, gives the answer, and says what has to be written. A back-end that calls them
//! under a lock or inside a transaction keeps the contract of the calls of the same names. One that cannot (a script
//! inside Redis) does the same in its own words, and the contract suite compares.

pub use super::device::{decide, poll, redeem_device};
pub use super::grant::{advance, created, end, redeem};
pub use super::limit::{gcra, give_back};
