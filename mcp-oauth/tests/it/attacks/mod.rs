//! The security checks.

mod authorize;
mod consent;
mod documents;
mod limits;
mod registration;
mod socket;
mod surface;
