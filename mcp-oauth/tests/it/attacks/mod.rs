//! The security checks.

mod authorize;
mod consent;
