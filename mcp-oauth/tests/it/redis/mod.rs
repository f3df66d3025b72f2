//! The stores on a real Redis: one server, a cluster of three, and a master with its sentinel.

mod check;
mod contract;
mod fault;
mod interrupted;
mod lost;
mod process;
mod proxy;
mod record;
mod rules;
mod sample;
mod sentinel;
mod server;
mod shared;

pub(crate) use shared::{all_of, times_of, urls};
