//! The authorization server.
//!
//! | module | what it holds |
//! |---|---|
//! | [`client`] | who the clients are: registrations, metadata documents, one resolver for all |

pub mod client;
