//! What the programs of this package share. Each example is one file in `src/bin`; start there.
//!
//! | program | what it shows |
//! |---|---|
//! | `conformance-server` | every feature at once: the fixture that the official conformance suite is run against |

pub mod conformance;
pub mod signal;
