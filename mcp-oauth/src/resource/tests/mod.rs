//! The verifiers against issuers on real sockets, and guarded services against raw requests. Numbers are those of the list of
//! security checks.

mod asking;
mod attacks;
mod keys;
mod played;
mod served;
