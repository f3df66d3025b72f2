//! Integration tests.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails, in the helpers of tests, too"
)]

mod schema;
