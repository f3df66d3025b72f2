//! Raw bytes in, raw bytes out.

mod drain;
mod eras;
mod flow;
mod fuzz;
mod harness;
mod lines;
